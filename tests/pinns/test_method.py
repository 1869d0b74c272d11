"""Training step by step: phases, points, stalls, weights, memory."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import sympy as sp

from pinnlab import (
    Adam,
    Box,
    D,
    FixedWeights,
    Lbfgs,
    LevenbergMarquardt,
    Mlp,
    Pinn,
    Problem,
    ResidualAdaptive,
    Sobol,
    Soft,
    Status,
    dirichlet,
    neumann,
    solve,
)
from pinnlab.field import ExactField
from pinnlab.training.local_model import Exact
from pinnlab.training.optimizer import Optimizer
from pinnlab.training.term_weights import GradientNorm

t, x, y = sp.symbols("t x y", real=True)
TINY = Mlp(width=6, depth=2)


def lines():
    """A steady problem in one dimension with both kinds of condition."""
    u = sp.Function("u")(x)
    conditions = [dirichlet(u, 0, on="left"), neumann(u, 0, on="right")]
    problem = Problem("lines", [D(u, x, 2) - u**2], [u], Box({x: (0, 2)}), conditions)
    return problem.manufactured(sp.sin(2 * x) + x / 2)


def test_phases_follow_one_another_and_a_cut_between_them_changes_nothing(tmp_path):
    problem = lines()
    optimizer = (Adam(steps=60, per_step=20), Lbfgs(steps=20, per_step=10), LevenbergMarquardt(steps=20))
    solver = Pinn(network=TINY, sampler=Sobol(points=32), optimizer=optimizer)
    whole = solve(problem, solver, max_steps=9, seed=5, device="cpu")
    told = np.isfinite(whole.history["learning_rate"])
    assert list(told) == [True] * 3 + [False] * 6
    assert list(np.isfinite(whole.history["damping"])) == [False] * 5 + [True] * 4
    points = problem.domain.sample(50, np.random.default_rng(0))
    for cut in (2, 3, 5):
        path = tmp_path / f"{cut}.ckpt"
        solve(problem, solver, max_steps=cut, seed=5, checkpoint=path, device="cpu")
        rest = solve(problem, solver, max_steps=9, seed=5, checkpoint=path, resume=True, device="cpu")
        np.testing.assert_array_equal(rest.field(points), whole.field(points))
        for name in ("loss", "learning_rate", "damping"):
            np.testing.assert_array_equal(rest.history[name], whole.history[name])


def test_a_run_whose_last_optimiser_is_finished_is_done():
    solver = Pinn(network=TINY, sampler=Sobol(points=32), optimizer=(Adam(steps=20, per_step=10), Adam(steps=5)))
    solution = solve(lines(), solver, device="cpu")
    assert solution.status is Status.DONE
    assert list(solution.history["step"]) == [1, 2, 3]


def test_the_loss_is_the_weighted_mean_square():
    problem = lines()
    solver = Pinn(network=TINY, constraints=Soft(), sampler=Sobol(points=32), weighting=FixedWeights(3.0, 7.0))
    method = solver.compile(problem)
    state = method._with_points(method.init(2))
    field = method.field(state)
    at = state.interior
    source = ExactField.of(problem)
    residual = field.derivative((2,))(at) - field(at) ** 2 - source.derivative((2,))(at) + source(at) ** 2
    left, right = np.array([[0.0]]), np.array([[2.0]])
    value, slope = field(left) - source(left), field.derivative((1,))(right) - source.derivative((1,))(right)
    expected = 3 * np.mean(residual**2) + 7 * float(value[0, 0] ** 2 + slope[0, 0] ** 2)
    loss = float((method._objective(state).residuals(state.theta) ** 2).sum())
    assert loss == pytest.approx(expected, rel=1e-12)


def test_points_are_redrawn_when_the_sampler_says_so():
    solver = Pinn(network=TINY, sampler=ResidualAdaptive(points=20, candidates=40, every=2))
    method = solver.compile(lines())
    state, drawn = method.init(0), []
    for _ in range(5):
        state, _ = method.step(state)
        drawn.append((state.drawn, state.interior.tobytes()))
    assert [n for n, _ in drawn] == [0, 0, 2, 2, 4]
    assert drawn[0] == drawn[1] != drawn[2] == drawn[3] != drawn[4]


@dataclass
class HaltingState:
    taken: int
    here: int


@dataclass(frozen=True)
class Halting(Optimizer[HaltingState]):
    """Moves once on every set of points until it has gone `moving` steps, and stalls in the step after."""

    steps: int = 100
    moving: int = 5

    def start(self, theta):
        return HaltingState(0, 0)

    def step(self, objective, theta, state):
        length = 0.01 if state.here == 0 and state.taken < self.moving else 0.0
        return theta + length, HaltingState(state.taken + 1, state.here + 1), {"loss": 1.0}

    def finished(self, state):
        return state.taken >= self.steps or state.here >= 2

    def redrawn(self, state):
        return replace(state, here=0)

    def verdict(self, state):
        return "stuck" if state.here >= 2 else ""


def halting(every, **settings):
    sampler = ResidualAdaptive(points=20, candidates=40, every=every)
    return Pinn(network=TINY, sampler=sampler, optimizer=Halting(**settings))


def test_an_optimiser_that_stalls_goes_on_with_other_points_until_it_stalls_on_those_at_once():
    method = halting(every=10).compile(lines())
    state, drawn = method.init(0), []
    while method.status(state) is Status.RUNNING:
        state, _ = method.step(state)
        drawn.append((state.drawn, state.interior.tobytes()))
    assert [n for n, _ in drawn] == [0, 0, 2, 2, 4, 4, 6, 6]
    assert len({points for _, points in drawn}) == 4
    assert state.phase == 0
    assert method.note(state) == "stuck"


def test_an_optimiser_that_stalls_on_points_that_stay_is_done():
    found = solve(lines(), halting(every=0), device="cpu")
    assert (found.status, found.note, len(found.history["step"])) == (Status.DONE, "stuck", 2)


def test_a_stall_at_the_end_of_the_budget_is_the_end():
    found = solve(lines(), halting(every=10, steps=4), device="cpu")
    assert (found.status, len(found.history["step"])) == (Status.DONE, 4)


def test_a_run_that_waits_for_other_points_has_no_note_yet_and_a_cut_there_changes_nothing(tmp_path):
    whole = solve(lines(), halting(every=10), device="cpu")
    for cut in (1, 2, 3):
        path = tmp_path / f"{cut}.ckpt"
        half = solve(lines(), halting(every=10), max_steps=cut, checkpoint=path, device="cpu")
        assert (half.status, half.note) == (Status.RUNNING, "")
        rest = solve(lines(), halting(every=10), checkpoint=path, resume=True, device="cpu")
        assert len(rest.history["step"]) == len(whole.history["step"]) == 8
        points = whole.problem.domain.sample(20, np.random.default_rng(0))
        np.testing.assert_array_equal(rest.field(points), whole.field(points))


def test_memory_that_a_later_optimiser_lacks_is_refused_before_the_first_step():
    # 100 points and two conditions at the ends of an interval: 102 residuals and 61 parameters.
    optimizer = (Adam(), LevenbergMarquardt(model=Exact(memory=1e4)))
    method = Pinn(network=TINY, constraints=Soft(), sampler=Sobol(points=100), optimizer=optimizer).compile(lines())
    with pytest.raises(ValueError, match=r"Exact: the Gram matrix of 61 parameters and 102 residuals takes"):
        method.init(0)


def test_the_history_holds_weights_that_change_and_no_others():
    settings = {"network": TINY, "constraints": Soft(), "sampler": Sobol(points=32), "optimizer": Adam(6, per_step=1)}
    dynamic = solve(lines(), Pinn(weighting=GradientNorm(every=2), **settings), device="cpu").history
    columns = ["weight_equation", "weight_condition_on_left", "weight_condition_on_right"]
    assert [c for c in dynamic if c.startswith("weight")] == columns
    assert all(len(set(dynamic[c])) == 3 for c in columns)
    fixed = solve(lines(), Pinn(weighting=FixedWeights(), **settings), device="cpu").history
    assert not [c for c in fixed if c.startswith("weight")]
