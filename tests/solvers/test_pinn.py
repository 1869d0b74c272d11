"""The physics-informed network: contract, compositions, exactness by construction, refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from pinnlab import (
    Adam,
    Box,
    D,
    Hard,
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
from pinnlab.training.row_jacobian import PerPoint
from pinnlab.training.samplers import Uniform

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


def test_both_ways_to_differentiate_the_network_give_one_loss():
    losses = []
    for derivatives in (TaylorMode(), NestedAutograd()):
        solver = Pinn(TINY, sampler=Sobol(32), optimizer=Adam(2, per_step=1), differentiation=PerPoint(),
                      derivatives=derivatives)  # fmt: skip
        method = solver.compile(lines())
        assert method.trained.derivatives is derivatives
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
        ({"condition_points": 0}, "condition_points = 0; give a positive whole number"),
        ({"network": 40}, "network = 40 is no architecture"),
        ({"network": Mlp}, "network = .* is no architecture"),
        ({"optimizer": LevenbergMarquardt}, "optimizer must be one or several"),
    ],
)
def test_bad_settings_are_refused(bad, message):
    with pytest.raises(ValueError, match=f"Pinn: {message}"):
        Pinn(**bad)
