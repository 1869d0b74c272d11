"""The physics-informed network with parts that remember: weights, directions and points; and how training fails."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Adam, Box, D, Lbfgs, LevenbergMarquardt, Mlp, Pinn, Problem, Sobol, Soft, Status, dirichlet, solve
from pinnlab.training.combination import ConFig
from pinnlab.training.leverage import LeverageScore
from pinnlab.training.momentum_config import MomentumConFig
from pinnlab.training.multi_adam import MultiAdam
from pinnlab.training.point_weights import ResidualAttention, SelfAdaptive
from pinnlab.training.preconditioning import GramInverseRoot, Preconditioned
from pinnlab.training.retaining_samplers import ResidualAdaptiveRefinement, RetainResampleRelease
from pinnlab.training.samplers import LatinHypercube, ResidualAdaptive, UniformGrid
from pinnlab.training.term_weights import GradientNorm, LearningRateAnnealing, NeuralTangentKernel
from pinnlab.training.weighting import FixedWeights, Product

x = sp.Symbol("x", real=True)
TINY = Mlp(width=5, depth=2)
KEEPS = Sobol(points=32)
REFINES = ResidualAdaptiveRefinement(points=20, added=5, candidates=60, every=2)
WEIGHTINGS = [
    GradientNorm(every=2),
    LearningRateAnnealing(),
    NeuralTangentKernel(every=2),
    SelfAdaptive(),
    ResidualAttention(),
    Product(FixedWeights(1.0, 30.0), Product(GradientNorm(every=3), ResidualAttention(first=1.0))),
]
SAMPLERS = [
    REFINES,
    RetainResampleRelease(points=30),
    LeverageScore(points=30, candidates=60, every=2),
    UniformGrid(points=30),
    LatinHypercube(points=30, every=3),
]
OPTIMIZERS = [
    Adam(steps=200, per_step=3, combination=ConFig()),
    MomentumConFig(steps=200, per_step=3),
    MultiAdam(steps=200, per_step=3),
    Preconditioned(Lbfgs(steps=200, per_step=4)),
    Preconditioned(Adam(steps=200, per_step=4), GramInverseRoot(1e-6)),
]
NAME = {"ids": lambda part: type(part).__name__}


@cache
def pair():
    """Two equations on an interval."""
    u, v = (sp.Function(name)(x) for name in "uv")
    conditions = [dirichlet(u, 0, on="left"), dirichlet(v, 1, on="left")]
    problem = Problem("pair", [D(u, x) - v, D(v, x) + u], [u, v], Box({x: (0, 2)}), conditions)
    return problem.manufactured({u: sp.sin(x), v: sp.cos(x)})


def resumed_as_uninterrupted(problem, solver, path, cut=3, steps=6):
    whole = solve(problem, solver, max_steps=steps, seed=5, device="cpu")
    solve(problem, solver, max_steps=cut, seed=5, checkpoint=path, device="cpu")
    rest = solve(problem, solver, max_steps=steps, seed=5, checkpoint=path, resume=True, device="cpu")
    points = problem.domain.sample(50, np.random.default_rng(0))
    np.testing.assert_array_equal(rest.field(points), whole.field(points))
    np.testing.assert_array_equal(rest.history["loss"], whole.history["loss"])
    return whole


@pytest.mark.parametrize("weighting", WEIGHTINGS, **NAME)
def test_a_cut_run_with_changing_weights_is_the_whole_one(weighting, tmp_path):
    sampler = ResidualAdaptive(points=20, candidates=40, every=5)
    solver = Pinn(TINY, Soft(), sampler, weighting, Adam(steps=200, per_step=3))
    found = resumed_as_uninterrupted(pair(), solver, tmp_path / "a.ckpt", cut=4, steps=8)
    plain = solve(
        pair(), Pinn(TINY, Soft(), sampler, FixedWeights(1, 1), Adam(200, 3)), max_steps=8, seed=5, device="cpu"
    )
    assert found.history["loss"][-1] != plain.history["loss"][-1]


@pytest.mark.parametrize("sampler", SAMPLERS, **NAME)
def test_a_cut_run_with_points_that_stay_is_the_whole_one(sampler, tmp_path):
    solver = Pinn(TINY, Soft(), sampler, optimizer=LevenbergMarquardt(50))
    resumed_as_uninterrupted(pair(), solver, tmp_path / "a.ckpt")


@pytest.mark.parametrize("optimizer", OPTIMIZERS, **NAME)
def test_a_cut_run_with_other_directions_is_the_whole_one(optimizer, tmp_path):
    resumed_as_uninterrupted(pair(), Pinn(TINY, Soft(), KEEPS, optimizer=optimizer), tmp_path / "a.ckpt")


@pytest.mark.parametrize("weighting", WEIGHTINGS, **NAME)
def test_changing_weights_still_reach_the_solution(weighting):
    solution = solve(pair(), Pinn(TINY, Soft(), KEEPS, weighting, LevenbergMarquardt(25)), device="cpu")
    points = np.linspace(0, 2, 40)[:, None]
    np.testing.assert_allclose(solution.field(points), np.column_stack([np.sin(points), np.cos(points)]), atol=2e-3)


def test_weights_of_points_live_as_long_as_their_points():
    sampler = ResidualAdaptive(points=20, candidates=40, every=3)
    method = Pinn(TINY, Soft(), sampler, SelfAdaptive(first=2.0), Adam(200, 1)).compile(pair())
    state, largest = method.init(0), []
    assert [tuple(w.shape) for w in state.balance.weights] == [(0, 2), (0, 1), (0, 1)]
    for _ in range(7):
        state, _ = method.step(state)
        largest.append(float(state.balance.weights[0].max()))
    assert 2 < largest[0] < largest[1] < largest[2]
    assert 2 < largest[3] < min(largest[2], largest[4])
    assert 2 < largest[6] < largest[5]


def test_refined_points_are_kept_in_the_state():
    method = Pinn(TINY, Soft(), REFINES, optimizer=Adam(200, 1)).compile(pair())
    state, drawn = method.init(0), []
    for _ in range(5):
        state, _ = method.step(state)
        drawn.append(state.interior)
    assert [len(d) for d in drawn] == [20, 20, 25, 25, 30]
    np.testing.assert_array_equal(drawn[4][:25], drawn[2])


def test_the_terms_of_the_loss_are_the_equations_and_conditions_with_their_names():
    method = Pinn(TINY, Soft(), KEEPS).compile(pair())
    state = method._with_points(method.init(0))
    objective = method._objective(state)
    assert objective.terms == 4
    assert objective.describe(1) == f"equation 2 at {state.interior[0].tolist()}"
    assert objective.describe(len(objective.residuals(state.theta)) - 1) == "condition on 'left' at [0.0]"
    losses, _ = objective.losses_and_gradients(state.theta)
    loss, _ = objective.value_and_gradient(state.theta)
    assert float(losses.sum()) == pytest.approx(float(loss), rel=1e-12)


def steep(equation=lambda u: 0, condition=lambda v: v):
    u, v = (sp.Function(name)(x) for name in "uv")
    conditions = [dirichlet(u, 1, on="left"), dirichlet(condition(v), 1, on="right")]
    return Problem("steep", [D(u, x) - v, D(v, x) - u + equation(u)], [u, v], Box({x: (0, 1)}), conditions)


def overflowing():
    return steep(equation=lambda u: sp.exp(2000 * x) * u)


@pytest.mark.parametrize("optimizer", [Adam(30, 5), MultiAdam(30, 5), LevenbergMarquardt(3), Lbfgs(30, 5)], **NAME)
def test_a_loss_that_is_no_number_names_the_equation_and_the_point(optimizer):
    found = solve(overflowing(), Pinn(TINY, Soft(), KEEPS, optimizer=optimizer), device="cpu")
    assert found.status is Status.DIVERGED
    assert "equation 2 at [0." in found.failure
    assert np.isfinite(found.field(np.array([[0.3]]))).all()


@pytest.mark.parametrize("optimizer", [Adam(30, 5), LevenbergMarquardt(3)], **NAME)
def test_a_condition_that_is_no_number_is_named(optimizer):
    problem = steep(condition=lambda v: sp.exp(1000 + v))
    found = solve(problem, Pinn(TINY, Soft(), KEEPS, optimizer=optimizer), device="cpu")
    assert found.status is Status.DIVERGED
    assert "condition on 'right' at [1.0]" in found.failure


def test_a_sampler_that_meets_no_number_names_the_equation():
    found = solve(overflowing(), Pinn(TINY, Soft(), ResidualAdaptive(16, 32)), device="cpu")
    assert found.status is Status.DIVERGED
    assert "the residual of equation 2 is" in found.failure


def test_parameters_that_run_away_leave_the_last_good_field():
    solver = Pinn(TINY, Soft(), KEEPS, optimizer=Adam(400, 1, learning_rate=1e200))
    found = solve(pair(), solver, device="cpu")
    assert found.status is Status.DIVERGED
    assert "lower the learning rate" in found.failure
    assert np.isfinite(found.field(np.array([[0.3]]))).all()
    assert torch.isfinite(found.field.theta).all()


def test_weights_go_on_where_a_full_set_of_points_is_kept():
    full = ResidualAdaptiveRefinement(points=20, added=5, candidates=60, every=2, most=20)
    method = Pinn(TINY, Soft(), full, SelfAdaptive(first=2.0), Adam(200, 1)).compile(pair())
    state, largest = method.init(0), []
    for _ in range(6):
        state, _ = method.step(state)
        largest.append(float(state.balance.weights[0].max()))
    assert largest == sorted(largest)
    assert largest[0] < largest[-1]
