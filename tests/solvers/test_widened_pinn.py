"""A network that is trained, widened, and solved for its last layer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import (
    Box,
    D,
    ExactField,
    LevenbergMarquardt,
    Mlp,
    Observations,
    Pinn,
    Problem,
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
    widened = method._widened(state.narrow)
    before, after = method.field(state)(points), method.wide.field(widened)(points)
    np.testing.assert_allclose(after, before, rtol=1e-13)


def test_every_round_adds_points_to_those_of_training():
    method = SMALL.compile(nonlinear())
    state = method.init(0)
    sizes = []
    while method.status(state) is Status.RUNNING:
        state, _ = method.step(state)
        if state.wide is not None:
            sizes.append(len(state.wide.interior))
    assert sizes == [100 + 480, 100 + 960]


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
    with pytest.raises(ValueError, match="takes no observations"):
        WidenedPinn(replace(CORE, observations=data))
    with pytest.raises(ValueError, match="must be a Pinn"):
        WidenedPinn(Mlp())


@pytest.mark.parametrize("settings", [{"features": 0}, {"rounds": 0}, {"points_per_feature": 0.5}, {"scale": 0}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(ValueError, match="WidenedPinn"):
        WidenedPinn(**settings)
