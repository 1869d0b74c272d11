"""Collocation on tensor grids: boundary conditions eliminated exactly, jets as matrices, exact Jacobians."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pinnlab import (
    Box,
    Chebyshev,
    Condition,
    D,
    FiniteDifferences,
    Problem,
    UnsupportedProblem,
    dirichlet,
    initial,
    initial_rate,
    laplacian,
    neumann,
    robin,
)
from pinnlab.discretization.collocation import MAX_DENSE_NODES, MAX_NODES, Collocated
from pinnlab.forms.jet import Jet
from pinnlab.forms.rates import Rates

t, x, y = sp.symbols("t x y", real=True)
w1, w2 = sp.Function("w")(x), sp.Function("w")(x, y)


def collocated(problem, space):
    if problem.time is None:
        states = tuple(Jet(name, (0,) * len(problem.space)) for name in problem.names)
    else:
        states = Rates.of(problem).states
    return Collocated(problem, space.axes(problem), states)


def interval(conditions, equation=None):
    return Problem("interval", [D(w1, x, 2) if equation is None else equation], [w1], Box({x: (0, 2)}), conditions)


def square(conditions, periodic=()):
    box = Box({x: (0, 1), y: (0, 2)}, periodic=periodic)
    return Problem("square", [laplacian(w2, (x, y)) - w2], [w2], box, conditions)


def values(grid, y_free, time=0.0):
    return grid.lift @ y_free + grid.push @ grid.data(time)


# -- settings -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Chebyshev, FiniteDifferences])
def test_bad_numbers_of_nodes_are_refused(kind):
    for bad in (7, (16, 4), ()):
        with pytest.raises(ValueError, match=f"{kind.__name__}: points = .*; give a whole number from 8 on"):
            kind(bad)
    with pytest.raises(ValueError, match=r"2 sizes \(16, 16\) for the 1 axes of 'interval'"):
        kind((16, 16)).axes(interval([dirichlet(w1, 0)]))


def test_refinement_keeps_the_shape_even_and_ends_where_matrices_no_longer_fit():
    problem = square([dirichlet(w2, 0)])
    assert FiniteDifferences((10, 30)).finer(problem, 1.5) == FiniteDifferences((16, 46))
    assert Chebyshev(32).finer(problem, 2) == Chebyshev((64, 64))
    assert Chebyshev(64).finer(problem, 1.5) is None
    assert (Chebyshev(8).most_nodes, FiniteDifferences(8).most_nodes) == (MAX_DENSE_NODES, MAX_NODES)
    q = sp.Function("q")(t)
    ode = Problem("ode", [D(q, t) + q], [q], Box({t: (0, 1)}), [initial(q, 1)], t)
    assert FiniteDifferences().finer(ode, 2) is None


def test_axes_follow_the_coordinates():
    a, b = FiniteDifferences((9, 12)).axes(square([dirichlet(w2, 0, on=["bottom", "top"])], periodic=[x]))
    assert (len(a.nodes), len(b.nodes)) == (9, 12)
    assert (a.nodes[0], b.nodes[0], b.nodes[-1]) == (0, 0, 2)
    assert a.nodes[-1] < 1
    assert len(Chebyshev(9).axes(square([dirichlet(w2, 0, on=["bottom", "top"])], periodic=[x]))[0].nodes) == 10


# -- the grid -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", [Chebyshev((14, 16)), FiniteDifferences((20, 24), accuracy=6)])
@pytest.mark.parametrize("orders", [(0, 0), (1, 0), (0, 2), (1, 1)])
def test_derivative_matrices_differentiate_along_their_axis(space, orders):
    grid = collocated(square([dirichlet(w2, 0)]), space)
    f = sp.sin(x) * sp.exp(-y)
    counts = [(c, n) for c, n in zip((x, y), orders, strict=True) if n]
    columns = grid.nodes.T
    exact = sp.lambdify((x, y), f.diff(*counts) if counts else f)(*columns)
    found = grid.derivative(orders) @ sp.lambdify((x, y), f)(*columns)
    np.testing.assert_allclose(found, exact, atol=1e-5)
    assert grid.shape == tuple(len(a.nodes) for a in grid.axes)
    np.testing.assert_array_equal(grid.nodes[1] - grid.nodes[0], [0, grid.axes[1].nodes[1]])


def test_values_on_the_sides_are_pushed_and_never_free():
    grid = collocated(square([dirichlet(w2, x + 10 * y)]), FiniteDifferences(8))
    inside = np.all([(grid.nodes[:, i] > 0) & (grid.nodes[:, i] < upper) for i, upper in ((0, 1), (1, 2))], axis=0)
    np.testing.assert_array_equal(grid.free, np.flatnonzero(inside))
    u = values(grid, np.arange(36.0))
    np.testing.assert_array_equal(u[inside], np.arange(36.0))
    np.testing.assert_allclose(u[~inside], (grid.nodes @ [1, 10])[~inside], atol=1e-13)


def test_where_two_sides_meet_the_value_wins_over_the_derivative():
    conditions = [neumann(w2, 5, on=["left", "right"]), dirichlet(w2, 7, on="bottom"), robin(w2, 2, 3, 11, on="top")]
    grid = collocated(square(conditions), Chebyshev(8))
    rng = np.random.default_rng(0)
    u = values(grid, rng.standard_normal(len(grid.free))).reshape(8, 8)
    a, b = grid.axes
    np.testing.assert_allclose(u[:, 0], 7, atol=1e-11)
    slopes = a.differentiation(1) @ u
    np.testing.assert_allclose(slopes[0, 1:-1], -5, atol=1e-9)
    np.testing.assert_allclose(slopes[-1, 1:-1], 5, atol=1e-9)
    upward = u @ b.differentiation(1).T
    np.testing.assert_allclose((2 * u + 3 * upward)[1:-1, -1], 11, atol=1e-9)


@pytest.mark.parametrize("space", [Chebyshev(12), FiniteDifferences(20)])
def test_several_conditions_on_one_side_hold_together(space):
    conditions = [dirichlet(w1, 1), neumann(w1, 2)]
    grid = collocated(interval(conditions, D(w1, x, 4) - 1), space)
    u = values(grid, np.random.default_rng(1).standard_normal(len(grid.free)))
    slope = grid.derivative((1,)) @ u
    np.testing.assert_allclose([u[0], u[-1]], 1, atol=1e-9)
    np.testing.assert_allclose([slope[0], slope[-1]], [-2, 2], atol=1e-8)
    assert len(grid.free) == grid.n - 4


def test_coefficients_of_conditions_may_vary_along_the_side():
    varying = robin(w2, 1 + x, 1, y * x, on=["bottom", "top"])
    grid = collocated(square([varying, dirichlet(w2, 0, on=["left", "right"])]), Chebyshev(9))
    u = values(grid, np.random.default_rng(2).standard_normal(len(grid.free))).reshape(9, 9)
    upward = u @ grid.axes[1].differentiation(1).T
    nodes = grid.axes[0].nodes[1:-1]
    np.testing.assert_allclose((1 + nodes) * u[1:-1, -1] + upward[1:-1, -1], 2 * nodes, atol=1e-9)
    np.testing.assert_allclose((1 + nodes) * u[1:-1, 0] - upward[1:-1, 0], 0, atol=1e-9)


def test_data_that_change_in_time_reach_values_and_rates():
    v = sp.Function("v")(t, x)
    conditions = [initial(v, 0), initial_rate(v, 0), dirichlet(v, sp.sin(t), on="left"), neumann(v, t**3, on="right")]
    problem = Problem("string", [D(v, t, 2) - D(v, x, 2)], [v], Box({t: (0, 1), x: (0, 1)}), conditions, t)
    grid = collocated(problem, FiniteDifferences(10))
    assert grid.states == (Jet("v", (0, 0)), Jet("v", (1, 0)))
    at, y_free = 0.7, np.random.default_rng(3).standard_normal(len(grid.free))
    value, rate = values(grid, y_free, at).reshape(2, 10)
    slope = grid.derivative((1,))
    assert value[0] == pytest.approx(np.sin(at))
    assert rate[0] == pytest.approx(np.cos(at))
    assert (slope @ value)[-1] == pytest.approx(at**3)
    assert (slope @ rate)[-1] == pytest.approx(3 * at**2)
    np.testing.assert_allclose(
        grid.data(at, rate=True), (grid.data(at + 1e-6) - grid.data(at - 1e-6)) / 2e-6, atol=1e-8
    )


def test_a_condition_that_couples_unknowns_is_eliminated_with_them():
    a, b = (sp.Function(name)(x) for name in "ab")
    conditions = [dirichlet(a, 1, on="left"), dirichlet(b, 2, on="left"),
                  Condition(a - 3 * b, "right"), Condition(D(a, x) + D(b, x) - 4, "right")]  # fmt: skip
    problem = Problem("coupled", [D(a, x, 2) - b, D(b, x, 2) + a], [a, b], Box({x: (0, 1)}), conditions)
    grid = collocated(problem, Chebyshev(10))
    u, v = values(grid, np.random.default_rng(4).standard_normal(len(grid.free))).reshape(2, 10)
    slope = grid.derivative((1,))
    np.testing.assert_allclose([u[0], v[0], u[-1] - 3 * v[-1], (slope @ (u + v))[-1]], [1, 2, 0, 4], atol=1e-8)


def test_conditions_that_determine_nothing_are_refused():
    conditions = [Condition(D(w1, x, 2) - D(w1, x, 2) + 0 * w1 + w1 - 1, "left"), dirichlet(w1, 0, on="right")]
    assert collocated(interval(conditions), FiniteDifferences(8)).lift.shape == (8, 6)
    twice = [
        dirichlet(w1, 0, on=["left"]),
        Condition(2 * w1 - 1, "left"),
        dirichlet(w1, 0, on="right"),
        neumann(w1, 0, on="right"),
    ]
    grid = collocated(interval(twice, D(w1, x, 4)), FiniteDifferences(12))
    with pytest.raises(UnsupportedProblem, match="do not determine the boundary values"):
        _ = grid.lift


def test_nonlinear_conditions_and_coefficients_that_change_in_time_are_refused():
    with pytest.raises(UnsupportedProblem, match="nonlinear"):
        _ = collocated(interval([Condition(w1**2 - 1, "left"), dirichlet(w1, 0, on="right")]), Chebyshev(8)).lift
    v = sp.Function("v")(t, x)
    conditions = [initial(v, 0), robin(v, 1 + t, 1, 0)]
    problem = Problem("melting", [D(v, t) - D(v, x, 2)], [v], Box({t: (0, 1), x: (0, 1)}), conditions, t)
    with pytest.raises(UnsupportedProblem, match="which changes in time"):
        _ = collocated(problem, Chebyshev(8)).lift


def test_an_unknown_jet_belongs_to_no_state():
    grid = collocated(interval([dirichlet(w1, 0)]), Chebyshev(8))
    with pytest.raises(UnsupportedProblem, match="belongs to no state"):
        grid.jet_matrix(Jet("q", (0,)))
