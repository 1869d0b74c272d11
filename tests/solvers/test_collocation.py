"""Collocation for steady problems."""

from dataclasses import dataclass

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import brentq

from pinnlab import Box, D, Problem, SolveFailed, UnsupportedProblem, dirichlet, neumann
from pinnlab.discretization.collocation import Chebyshev, FiniteDifferences
from pinnlab.field import ExactField
from pinnlab.metrics import comparison_axes, relative_l2, sample
from pinnlab.solve import solve
from pinnlab.solver import Method, Solver, Status
from pinnlab.solvers import Collocation
from pinnlab.testing import SolverContract

x, y = sp.symbols("x y", real=True)


def error(problem, solver):
    field = solve(problem, solver, device="cpu").checked().field
    axes = comparison_axes(problem, 20_000)
    return relative_l2(sample(field, axes), sample(ExactField.of(problem), axes))


def quasilinear():
    u = sp.Function("u")(x, y)
    flux = D((1 + u**2) * D(u, x), x) + D((1 + u**2) * D(u, y), y)
    box = Box({x: (0, 1), y: (0, 1)})
    problem = Problem("quasilinear", [-flux + u], [u], box, [dirichlet(u, 0, on=["left", "right", "top"]),
                                                             neumann(u, 0, on="bottom")])  # fmt: skip
    return problem.manufactured(sp.sin(2 * x + y) + x * y)


class TestCollocation(SolverContract):
    tolerance = 1e-9

    @pytest.fixture(autouse=True)
    def _problems(self, shipped):
        self.shipped = shipped

    def case(self):
        return quasilinear(), Collocation(Chebyshev(16))

    def refused(self):
        return self.shipped["heat"]


@pytest.mark.parametrize("name", ["poisson_1d", "poisson_2d", "helmholtz_2d"])
def test_shipped_problems_to_spectral_accuracy(shipped, name):
    assert error(shipped[name], Collocation(Chebyshev(40))) < 1e-10


@pytest.mark.parametrize("accuracy", [2, 4, 6])
def test_finite_differences_have_their_order(accuracy):
    errors = [error(quasilinear(), Collocation(FiniteDifferences(n, accuracy))) for n in (17, 33)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(accuracy, abs=0.7)


def test_three_dimensions_and_a_periodic_axis():
    z = sp.Symbol("z", real=True)
    u = sp.Function("u")(x, y, z)
    box = Box({x: (0, 2 * sp.pi), y: (0, 1), z: (0, 1)}, periodic=[x])
    problem = Problem("channel", [D(u, x, 2) + D(u, y, 2) + D(u, z, 2) - u], [u], box,
                      [dirichlet(u, 0)]).manufactured(sp.sin(x) * sp.exp(y) * sp.cos(z))  # fmt: skip
    assert error(problem, Collocation(Chebyshev(10))) < 1e-7


def test_a_linear_problem_takes_one_correction(shipped):
    method = Collocation().compile(shipped["poisson_1d"])
    state, _ = method.step(method.init(0))
    exact = ExactField.of(shipped["poisson_1d"])
    points = np.linspace(*next(iter(shipped["poisson_1d"].domain.bounds.values())), 50)[:, None]
    np.testing.assert_allclose(method.field(state)(points), exact(points), atol=1e-9)


def test_neumann_conditions_alone_are_singular_and_say_so():
    u = sp.Function("u")(x)
    problem = Problem("floating", [D(u, x, 2) - sp.cos(sp.pi * x)], [u], Box({x: (0, 1)}), [neumann(u, 0)])
    solution = solve(problem, Collocation(FiniteDifferences(32)), device="cpu")
    assert solution.status is Status.DIVERGED
    with pytest.raises(SolveFailed, match="mean"):
        solution.checked()


def test_refusals_name_the_way_out(shipped):
    with pytest.raises(UnsupportedProblem, match="MethodOfLines"):
        Collocation().compile(shipped["heat"])
    with pytest.raises(UnsupportedProblem, match="FiniteDifferences"):
        Collocation(Chebyshev(200)).compile(shipped["poisson_2d"])


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="Chebyshev"):
        Collocation(space=5)
    with pytest.raises(ValueError, match="from 8 on"):
        Collocation(Chebyshev(3))


def test_a_damped_step_is_no_sign_of_convergence():
    """Bratu's problem has no solution for 3.6 > 3.514; around 10,000 all corrections are small beside it."""
    u = sp.Function("u")(x)
    equation = D(u, x, 2) + sp.Rational(18, 5) * sp.exp(u - 10_000)
    problem = Problem("bratu", [equation], [u], Box({x: (0, 1)}), [dirichlet(u, 10_000)])
    solution = solve(problem, Collocation(Chebyshev(16)), device="cpu")
    assert solution.status is Status.DIVERGED


def test_velocity_and_pressure_at_the_same_nodes_are_refused(shipped):
    with pytest.raises(UnsupportedProblem, match="spurious modes of pressure; use FiniteElement"):
        Collocation().compile(shipped["lid_driven_cavity"])


@dataclass(frozen=True)
class Guess(Solver):
    """Says what is written, and that it is the answer."""

    said: sp.Expr

    def compile(self, problem, device=None):
        return Guessed(problem, self.said)


class Guessed(Method):
    def __init__(self, problem, said):
        self.problem, self.said = problem, said

    def init(self, seed):
        return 0

    def step(self, state):
        return 1, {}

    def status(self, state):
        return Status.DONE if state else Status.RUNNING

    def field(self, state):
        return ExactField(self.problem, lambda points: sp.lambdify(x, self.said)(points[:, :1]))


def bratu():
    """u'' + exp u = 0 with two solutions: 2 log(cosh(a) / cosh(a (1 - 2 x))) with a from cosh a = 2 √2 a."""
    u = sp.Function("u")(x)
    return Problem("bratu", [D(u, x, 2) + sp.exp(u)], [u], Box({x: (0, 1)}), [dirichlet(u, 0)])


def test_newton_starts_from_another_answer_and_finds_the_solution_near_it():
    middle = np.array([[0.5]])
    lower = solve(bratu(), Collocation(Chebyshev(24)), device="cpu").field(middle)[0, 0]
    upper = solve(bratu(), Collocation(Chebyshev(24), start=Guess(16 * x * (1 - x))), device="cpu").field(middle)[0, 0]
    # a = 0.379291 and 2.73467: 2 log cosh a.
    assert (lower, upper) == pytest.approx((0.140539, 4.091467), abs=1e-5)


def test_an_answer_that_solves_it_already_is_found_at_once():
    a = brentq(lambda a: np.cosh(a) - np.sqrt(8) * a, 0.3, 0.5, xtol=1e-15)
    exact = 2 * sp.log(sp.cosh(a) / sp.cosh(a * (1 - 2 * x)))
    solution = solve(bratu(), Collocation(Chebyshev(24), start=Guess(exact)), device="cpu")
    corrections = solution.history["correction"]
    assert np.isnan(corrections[0])
    assert corrections[1] < 1e-9
    assert solution.status is Status.DONE


def test_a_start_that_is_none_or_not_finite_is_refused():
    with pytest.raises(ValueError, match="start must be a solver or None, got 3"):
        Collocation(start=3)
    with np.errstate(all="ignore"):
        solution = solve(bratu(), Collocation(Chebyshev(8), start=Guess(sp.log(x - 0.5))), device="cpu")
    assert solution.status is Status.DIVERGED
    assert "from which Newton's method is to start, is not finite" in (solution.failure)


def test_a_coarser_solver_bounds_its_error_and_has_a_least_resolution():
    problem, solver = quasilinear(), Collocation(Chebyshev((24, 18)))
    coarser = solver.coarser(problem)
    assert coarser == Collocation(Chebyshev((16, 12)))
    assert error(problem, solver) < error(problem, coarser)
    assert coarser.coarser(problem) is None
