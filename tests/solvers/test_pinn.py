"""The physics-informed network: contract, compositions, exactness by construction, refusals."""

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
    Hard,
    Lbfgs,
    LevenbergMarquardt,
    Mlp,
    Pinn,
    Problem,
    ResidualAdaptive,
    Sobol,
    Soft,
    Status,
    UnsupportedProblem,
    dirichlet,
    initial,
    laplacian,
    neumann,
    parameter,
    solve,
)
from pinnlab.domain.base import Domain
from pinnlab.field import ExactField
from pinnlab.metrics import comparison_axes, relative_l2, sample
from pinnlab.numerics.nested import NestedAutograd
from pinnlab.numerics.taylor import TaylorMode
from pinnlab.testing import SolverContract
from pinnlab.training.local_model import Exact
from pinnlab.training.optimizer import Optimizer
from pinnlab.training.row_jacobian import PerPoint
from pinnlab.training.samplers import Uniform
from pinnlab.training.term_weights import GradientNorm

t, x, y = sp.symbols("t x y", real=True)
TINY = Mlp(width=6, depth=2)


def error(solution):
    axes = comparison_axes(solution.problem, 4_000)
    return relative_l2(sample(solution.field, axes), sample(ExactField.of(solution.problem), axes))


def lines():
    """A steady problem in one dimension with both kinds of condition."""
    u = sp.Function("u")(x)
    conditions = [dirichlet(u, 0, on="left"), neumann(u, 0, on="right")]
    problem = Problem("lines", [D(u, x, 2) - u**2], [u], Box({x: (0, 2)}), conditions)
    return problem.manufactured(sp.sin(2 * x) + x / 2)


class TestPinn(SolverContract):
    tolerance = 1e-2

    @pytest.fixture(autouse=True)
    def _problems(self, shipped):
        self.shipped = shipped

    def case(self):
        sampler = ResidualAdaptive(points=150, candidates=300, every=4)
        solver = Pinn(network=TINY, sampler=sampler, optimizer=LevenbergMarquardt(steps=30))
        return self.shipped["heat"], solver

    def refused(self):
        u = sp.Function("u")(t)
        c = parameter("c", unknown=True, guess=1.0)
        return Problem("inverse", [D(u, t) + c * u], [u], Box({t: (0, 1)}), [initial(u, 1)], t)


class TestSoftPinn(SolverContract):
    tolerance = 1e-4

    def case(self):
        optimizer = (Adam(steps=40, per_step=20, learning_rate=1e-2), LevenbergMarquardt(steps=20))
        return lines(), Pinn(network=TINY, constraints=Soft(), sampler=Sobol(points=32), optimizer=optimizer)

    def refused(self):
        u = sp.Function("u")(x)
        c = parameter("c", unknown=True, guess=1.0)
        return Problem("inverse", [D(u, x, 2) + c * u], [u], Box({x: (0, 1)}), [dirichlet(u, 1)])


def test_conditions_hold_by_construction_from_the_first_moment(shipped):
    for name in ("heat", "burgers", "wave", "helmholtz_2d"):
        problem = shipped[name]
        field = (method := Pinn(network=TINY).compile(problem)).field(method.init(0))
        exact = ExactField.of(problem)
        for piece in problem.spacetime.pieces:
            points, _ = problem.spacetime.sample_piece(piece, 30, np.random.default_rng(0))
            np.testing.assert_allclose(field(points), exact(points), atol=1e-14, err_msg=f"{name} {piece}")
    rate = (method := Pinn(network=TINY).compile(shipped["wave"])).field(method.init(0)).derivative((1, 0))
    start, _ = shipped["wave"].spacetime.sample_piece("initial", 30, np.random.default_rng(0))
    np.testing.assert_allclose(rate(start), 0, atol=1e-13)


def test_periodicity_is_exact_with_all_derivatives(shipped):
    problem = shipped["kuramoto_sivashinsky"]
    for solver in (Pinn(network=TINY), Pinn(network=TINY, constraints=Soft())):
        method = solver.compile(problem)
        field = method.field(method.init(1))
        left, right = (np.stack([np.linspace(0, 1, 9), np.full(9, at)], axis=1) for at in (-1.0, 1.0))
        for n in range(5):
            values = field.derivative((0, n))
            np.testing.assert_allclose(values(left), values(right), rtol=1e-9, atol=1e-9)


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


def test_both_ways_to_differentiate_the_network_give_one_loss():
    losses = []
    for derivatives in (TaylorMode(), NestedAutograd()):
        solver = Pinn(TINY, sampler=Sobol(32), optimizer=Adam(2, per_step=1), differentiation=PerPoint(),
                      derivatives=derivatives)  # fmt: skip
        method = solver.compile(lines())
        assert method._trained.derivatives is derivatives
        _, scalars = method.step(method.init(0))
        losses.append(scalars["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)
    assert losses[0] > 0


def test_an_ordinary_differential_equation_of_three_unknowns():
    a, b, c = (sp.Function(name)(t) for name in "abc")
    equations = [D(a, t) - b * c, D(b, t) + a * c, D(c, t) + c / 2]
    problem = Problem("spin", equations, [a, b, c], Box({t: (0, 2)}), [initial(a, 0), initial(b, 1), initial(c, 1)], t)
    angle = 2 - 2 * sp.exp(-t / 2)
    exact = {a: sp.sin(angle), b: sp.cos(angle), c: sp.exp(-t / 2)}
    problem = replace(problem, reference=exact)
    solution = solve(problem, Pinn(network=TINY, sampler=Sobol(32), optimizer=LevenbergMarquardt(40)), device="cpu")
    assert error(solution) < 1e-5


def test_a_third_order_equation():
    u = sp.Function("u")(t, x)
    box = Box({t: (0, 1), x: (0, 2 * sp.pi)}, periodic=[x])
    problem = Problem("waves", [D(u, t) + D(u, x, 3)], [u], box, [initial(u, sp.sin(x))], t, reference=sp.sin(x + t))
    solution = solve(problem, Pinn(network=TINY, sampler=Sobol(128), optimizer=LevenbergMarquardt(15)), device="cpu")
    assert error(solution) < 1e-3


def test_mixed_conditions_on_a_square(shipped):
    sampler, optimizer = Sobol(128), LevenbergMarquardt(20)
    solution = solve(
        shipped["poisson_2d"], Pinn(TINY, sampler=sampler, optimizer=optimizer, condition_points=40), device="cpu"
    )
    assert error(solution) < 1e-3


def test_a_residual_that_is_not_finite_ends_as_diverged():
    u = sp.Function("u")(x)
    problem = Problem("steep", [D(u, x, 2) - sp.exp(1000 + u)], [u], Box({x: (0, 1)}), [dirichlet(u, 0)])
    for sampler in (Sobol(16), ResidualAdaptive(16, 32)):
        for optimizer in (LevenbergMarquardt(3), Adam(3, 1)):
            found = solve(problem, Pinn(network=TINY, sampler=sampler, optimizer=optimizer), device="cpu")
            assert found.status is Status.DIVERGED
            assert found.failure


class Disc(Domain):
    """A region that is no box."""

    coordinates = (x, y)
    pieces = ("rim",)

    def contains(self, points):
        return np.hypot(*points.T) <= 1

    def sample(self, n, rng):
        return rng.random((n, 2)) / 2

    def sample_piece(self, piece, n, rng):
        angle = 2 * np.pi * rng.random(n)
        points = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return points, points


def test_any_domain_is_taken_with_soft_conditions_and_none_without_formulas_with_hard_ones():
    u = sp.Function("u")(x, y)
    problem = Problem("disc", [laplacian(u, (x, y))], [u], Disc(), [dirichlet(u, x * y)], reference=x * y)
    with pytest.raises(UnsupportedProblem, match=r"Hard on 'disc': .*no formula.*use constraints=Soft\(\)"):
        Pinn(constraints=Hard()).compile(problem)
    settings = Pinn(TINY, constraints=Soft(), sampler=Uniform(200), condition_points=40,
                    optimizer=LevenbergMarquardt(steps=20))  # fmt: skip
    found = solve(problem, settings, device="cpu").checked().field
    points = 0.5 * np.random.default_rng(0).random((50, 2))
    assert np.abs(found(points)[:, 0] - points.prod(axis=1)).max() < 0.02


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"optimizer": ()}, "optimizer must be one or several"),
        ({"optimizer": "adam"}, "optimizer must be one or several"),
        ({"optimizer": (Adam(), 3)}, "optimizer must be one or several"),
        ({"constraints": "hard"}, "constraints must be a Constraints"),
        ({"sampler": 100}, "sampler must be a Sampler"),
        ({"weighting": 1.0}, "weighting must be a Weighting"),
        ({"differentiation": None}, "differentiation must be a RowJacobian"),
        ({"condition_points": 0}, "condition_points must be positive"),
        ({"network": 40}, "network must be an? Architecture"),
    ],
)
def test_bad_settings_are_refused(bad, message):
    with pytest.raises(ValueError, match=f"Pinn: {message}"):
        Pinn(**bad)
