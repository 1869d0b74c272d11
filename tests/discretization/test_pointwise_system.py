"""Systems of equations at nodes: exact on polynomials, with exact Jacobians."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pinnlab import (
    Box,
    Chebyshev,
    D,
    FiniteDifferences,
    Problem,
    dirichlet,
    initial,
    laplacian,
    neumann,
    parameter,
    robin,
)
from pinnlab.discretization.collocation import Collocated
from pinnlab.discretization.pointwise_system import PointwiseSystem
from pinnlab.forms.jet import Jet
from pinnlab.forms.pointwise import Pointwise
from pinnlab.forms.rates import Rates

t, x, y = sp.symbols("t x y", real=True)
w1 = sp.Function("w")(x)


def collocated(problem, space):
    if problem.time is None:
        states = tuple(Jet(name, (0,) * len(problem.space)) for name in problem.names)
    else:
        states = Rates.of(problem).states
    return Collocated(problem, space.axes(problem), states)


def interval(conditions, equation=None):
    return Problem("interval", [D(w1, x, 2) if equation is None else equation], [w1], Box({x: (0, 2)}), conditions)


def values(grid, y_free, time=0.0):
    return grid.lift @ y_free + grid.push @ grid.data(time)


def test_the_pointwise_system_vanishes_on_a_polynomial_solution():
    # w = x³ (2 - x) + x solves -w'' + w² = f; fifth-degree data are exact on twelve Chebyshev nodes.
    exact = x**3 * (2 - x) + x
    problem = interval([dirichlet(w1, 0)], -D(w1, x, 2) + w1**2).manufactured(exact)
    grid = collocated(problem, Chebyshev(12))
    system = PointwiseSystem(grid, Pointwise.of(problem).residuals)
    u = sp.lambdify(x, exact)(grid.nodes[:, 0])
    np.testing.assert_allclose(values(grid, u[grid.free]), u, atol=1e-10)
    assert np.abs(system(0.0, u[grid.free])).max() < 1e-9


@pytest.mark.parametrize("space", [Chebyshev(8), FiniteDifferences(9)])
def test_the_jacobian_is_the_derivative_of_the_system(space):
    a, b = (sp.Function(name)(t, x, y) for name in "ab")
    k = parameter("k", sp.Rational(1, 3))
    box = Box({t: (0, 1), x: (0, 1), y: (0, 1)}, periodic=[y])
    equations = [
        D(a, t) - D(k * (1 + a**2) * D(a, x), x) - sp.sin(x + t) * D(b, y),
        D(b, t) - laplacian(b, (x, y)) + a * b,
    ]
    conditions = [
        initial(a, 0),
        initial(b, 0),
        dirichlet(a, t, on="left"),
        robin(a, 1, 2, y, on="right"),
        neumann(b, 1),
    ]
    problem = Problem("mixed", equations, [a, b], box, conditions, t)
    grid = collocated(problem, space)
    system = PointwiseSystem(grid, Rates.of(problem).rates)
    rng = np.random.default_rng(5)
    at, direction = rng.standard_normal((2, len(grid.free))) / 5
    h = 1e-6
    differences = (system(0.4, at + h * direction) - system(0.4, at - h * direction)) / (2 * h)
    found = system.jacobian(0.4, at) @ direction
    np.testing.assert_allclose(found, differences, atol=1e-6 * np.abs(found).max())
    assert system(0.4, at).shape == at.shape


def test_equations_without_derivative_by_a_state_have_an_empty_block():
    a, b = (sp.Function(name)(t) for name in "ab")
    problem = Problem(
        "drive", [D(a, t) - sp.cos(t), D(b, t) - a**2], [a, b], Box({t: (0, 1)}), [initial(a, 0), initial(b, 0)], t
    )
    grid = collocated(problem, FiniteDifferences(8))
    system = PointwiseSystem(grid, Rates.of(problem).rates)
    np.testing.assert_allclose(system(0.5, np.array([2.0, 3.0])), [np.cos(0.5), 4])
    np.testing.assert_allclose(system.jacobian(0.5, np.array([2.0, 3.0])).toarray(), [[0, 0], [4, 0]])
