"""A network that is trained, widened, and solved for its last layer."""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import (
    Box,
    D,
    ExactField,
    GradientNorm,
    LevenbergMarquardt,
    Mlp,
    Observations,
    Pinn,
    Problem,
    ResidualAdaptiveRefinement,
    Soft,
    Uniform,
    UnsupportedProblem,
    WidenedPinn,
    dirichlet,
    parameter,
    solve,
)
from pinnlab.solver import Status
from pinnlab.testing import SolverContract

x = sp.Symbol("x", real=True)
u = sp.Function("u")(x)
CORE = Pinn(network=Mlp(8, 2), sampler=Uniform(100), optimizer=LevenbergMarquardt(steps=12))
SMALL = WidenedPinn(CORE, features=60, rounds=2)


def nonlinear():
    exact = sp.tanh(3 * x)
    right = sp.diff(exact, x, 2) - exact**3
    return Problem(
        name="cubic",
        equations=[D(u, x, 2) - u**3 - right],
        unknowns=[u],
        domain=Box({x: (-1, 1)}),
        conditions=[dirichlet(u, exact)],
        reference=exact,
    )


class TestWidenedPinn(SolverContract):
    tolerance = 1e-7
    steps = 15

    def case(self):
        return nonlinear(), SMALL

    def refused(self):
        nu = parameter("nu", unknown=True, guess=1)
        known = nonlinear()
        return Problem("unknown", [D(u, x, 2) - nu * u], [u], known.domain, conditions=[dirichlet(u, 0)])


def error(problem, solution):
    points = np.linspace(-1, 1, 200)[:, None]
    truth = ExactField.of(problem)(points)
    return np.linalg.norm(solution.field(points) - truth) / np.linalg.norm(truth)


@pytest.mark.parametrize("core", [CORE, replace(CORE, constraints=Soft())])
def test_widening_gains_digits_that_training_lacks(core):
    problem = nonlinear()
    narrow = solve(problem, core, device="cpu")
    wide = solve(problem, replace(SMALL, pinn=core), device="cpu")
    assert wide.status is Status.DONE
    assert error(problem, wide) < 1e-2 * error(problem, narrow)
    assert wide.history["before"][-1] < 1e-3 * wide.history["loss"][11]


def test_it_begins_as_the_run_of_the_network_alone_and_goes_on_from_there():
    problem = nonlinear()
    narrow = solve(problem, CORE, device="cpu")
    wide = solve(problem, SMALL, device="cpu", max_steps=12)
    points = np.linspace(-1, 1, 20)[:, None]
    assert np.array_equal(narrow.field(points), wide.field(points))
    method = SMALL.compile(problem)
    state = method.init(0)
    for _ in range(12):
        state, _ = method.step(state)
    widened = method._widened(state)
    before, after = method.field(state)(points), method.wide.field(widened)(points)
    np.testing.assert_allclose(after, before, rtol=1e-13)


def test_every_round_adds_points_to_those_of_training():
    method = SMALL.compile(nonlinear())
    state = method.init(0)
    sizes = []
    while method.status(state) is Status.RUNNING:
        state, _ = method.step(state)
        if state.is_wide:
            sizes.append(len(state.wide.interior))
    assert sizes == [100 + 480, 100 + 960]


def test_points_and_conditions_join_however_many_points_training_has_gathered():
    gathering = ResidualAdaptiveRefinement(points=50, added=400, most=2000, candidates=500, every=1)
    core = replace(CORE, constraints=Soft(), sampler=gathering, optimizer=LevenbergMarquardt(steps=4))
    method = replace(SMALL, pinn=core, features=10).compile(nonlinear())
    state = method.init(0)
    for _ in range(5):
        state, _ = method.step(state)
    assert (len(state.narrow.interior), len(state.wide.interior)) == (1250, 1330)
    assert [len(p) for p in state.wide.pieces] == [1, 1, 1, 1]


@pytest.mark.parametrize("cut", [11, 12, 13])
def test_a_cut_around_the_widening_and_between_rounds_changes_nothing(cut, tmp_path):
    problem, solver = nonlinear(), replace(SMALL, pinn=replace(CORE, constraints=Soft(), weighting=GradientNorm()))
    path, points = tmp_path / "state.ckpt", np.linspace(-1, 1, 20)[:, None]
    whole = solve(problem, solver, device="cpu")
    solve(problem, solver, max_steps=cut, checkpoint=path, device="cpu")
    rest = solve(problem, solver, checkpoint=path, resume=True, device="cpu")
    assert len(rest.history["step"]) == len(whole.history["step"]) == 14
    np.testing.assert_array_equal(rest.field(points), whole.field(points))


def test_a_round_leaves_its_state_as_it_was():
    method = SMALL.compile(nonlinear())
    state = method.init(0)
    for _ in range(12):
        state, _ = method.step(state)
    for _ in range(2):
        (one, _), (other, _) = method.step(state), method.step(state)
        assert torch.equal(one.wide.theta, other.wide.theta)
        np.testing.assert_array_equal(one.wide.interior, other.wide.interior)
        state = one


def test_memory_that_the_last_round_lacks_is_refused_before_training():
    # 8 + 10^4 features with a bias, 100 + 2 * 8 10^4 equations: both conditions are built in.
    with pytest.raises(UnsupportedProblem, match=r"the Jacobian of 10,009 parameters and 160,100 residuals takes"):
        replace(SMALL, features=10_000).compile(nonlinear())


def test_it_computes_where_and_with_whom_its_network_does():
    method = SMALL.compile(nonlinear(), torch.device("cpu:0"))
    assert method.device == method.narrow.device == torch.device("cpu:0") != torch.device("cpu")
    assert method.ranks is method.narrow.ranks
    with mock.patch.object(Pinn, "running", return_value="connection") as running:
        assert SMALL.running(torch.device("cpu")) == "connection"
    running.assert_called_once_with(torch.device("cpu"))


def test_all_unknowns_of_a_system_are_widened():
    v = sp.Function("v")(x)
    problem = Problem(
        "pair",
        [D(u, x, 2) + v - sp.exp(x) - sp.sin(x), D(v, x, 2) - D(u, x) + sp.sin(x) + sp.exp(x)],
        [u, v],
        Box({x: (-1, 1)}),
        conditions=[dirichlet(u, sp.exp(x)), dirichlet(v, sp.sin(x))],
        reference=[sp.exp(x), sp.sin(x)],
    )
    assert error(problem, solve(problem, SMALL, device="cpu")) < 1e-8


def test_what_cannot_be_widened_is_refused():
    class Squared:
        def build(self, inputs, outputs, generator):
            return torch.nn.Sequential(torch.nn.Linear(1, outputs, dtype=torch.float64), torch.nn.Tanh())

    with pytest.raises(UnsupportedProblem, match="does not end in a linear layer"):
        replace(SMALL, pinn=replace(CORE, network=Squared())).compile(nonlinear())
    data = Observations(np.array([[0.0]]), np.array([[0.0]]), 0.1)
    with pytest.raises(ValueError, match="observations are for Pinn"):
        WidenedPinn(replace(CORE, observations=data))
    with pytest.raises(ValueError, match="must be a Pinn"):
        WidenedPinn(Mlp())


@pytest.mark.parametrize("settings", [{"features": 0}, {"rounds": 0}, {"points_per_feature": 0.5}, {"scale": 0}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(ValueError, match="WidenedPinn"):
        WidenedPinn(**settings)


def test_widening_that_does_not_help_is_told():
    method = SMALL.compile(nonlinear())
    state = method.init(0)
    while method.status(state) is Status.RUNNING:
        state, _ = method.step(state)
    assert len(state.before) == 2
    assert method.note(state) == ""
    assert "widening does not help here" in method.note(replace(state, before=[1e-6, 2e-6]))
