"""Fields on meshes: values, products of times and points, derivatives."""

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial, laplacian
from pinnlab.field import Snapshots
from pinnlab.fields.mesh import MeshField
from pinnlab.numerics.lagrange import LagrangeSpace

t, x, y = sp.symbols("t x y", real=True)
SQUARE = Box({x: (0, 1), y: (0, 1)})
MESH = SQUARE.mesh(0.5)


def steady(degrees=(2, 1)):
    u, v = (sp.Function(n)(x, y) for n in "uv")
    problem = Problem("p", [-laplacian(u, (x, y)), -laplacian(v, (x, y))], [u, v], SQUARE,
                      [dirichlet(u, 0), dirichlet(v, 0)])  # fmt: skip
    spaces = tuple(LagrangeSpace(MESH, d) for d in degrees)
    values = (spaces[0].nodes[:, 0] * spaces[0].nodes[:, 1], 1 + 2 * spaces[1].nodes[:, 1])
    return MeshField(problem, spaces, tuple(v[None] for v in values))


def evolving(times):
    u = sp.Function("u")(t, x, y)
    problem = Problem("p", [D(u, t) - laplacian(u, (x, y))], [u], Box({t: (0, 1), x: (0, 1), y: (0, 1)}),
                      [initial(u, 0), dirichlet(u, 0)], t)  # fmt: skip
    space = LagrangeSpace(MESH, 2)
    values = times[:, None] ** 2 * space.nodes[:, 0] + space.nodes[:, 1] ** 2
    return MeshField(problem, (space,), (values,), Snapshots(times))


POINTS = np.random.default_rng(0).random((40, 2))
TIMES = np.linspace(0, 1, 11)


def test_each_unknown_has_its_own_space():
    field = steady()
    expected = np.stack([POINTS[:, 0] * POINTS[:, 1], 1 + 2 * POINTS[:, 1]], axis=1)
    np.testing.assert_allclose(field(POINTS), expected, atol=1e-13)
    np.testing.assert_allclose(field.at(np.zeros(0), POINTS), expected.T, atol=1e-13)
    derived = field.derivative([0, 1])(POINTS)
    np.testing.assert_allclose(derived, np.stack([POINTS[:, 0], np.full(40, 2.0)], axis=1), atol=1e-12)


def test_values_and_derivatives_in_time_and_space():
    field = evolving(TIMES)
    when = np.random.default_rng(1).random(40)
    at = np.column_stack([when, POINTS])
    np.testing.assert_allclose(field(at)[:, 0], when**2 * POINTS[:, 0] + POINTS[:, 1] ** 2, atol=1e-12)
    np.testing.assert_allclose(field.derivative([1, 1, 0])(at)[:, 0], 2 * when, atol=1e-10)


@pytest.mark.parametrize("orders", [(0, 0, 0), (1, 0, 0), (0, 0, 1)])
def test_the_product_of_times_and_points_agrees_with_single_points(orders):
    field = evolving(TIMES).derivative(orders)
    when = np.array([0.0, 0.33, 1.0])
    product = field.at(when, POINTS)
    assert product.shape == (1, 3, 40)
    for k, moment in enumerate(when):
        single = field(np.column_stack([np.full(40, moment), POINTS]))
        np.testing.assert_allclose(product[:, k], single.T, atol=1e-12)


def test_a_grid_is_in_file_order_and_agrees_with_points():
    axes = [np.array([0.0, 0.5]), np.array([0.1, 0.4, 0.9]), np.array([0.2, 0.7, 0.8, 1.0])]
    field = evolving(TIMES)
    grid = field.on_axes(axes)
    assert list(grid.axes) == ["t", "y", "x"]
    assert grid.values["u"].shape == (2, 4, 3)
    assert grid.values["u"][1, 2, 1] == pytest.approx(field(np.array([[0.5, 0.4, 0.8]]))[0, 0])


def test_a_run_in_progress_holds_its_last_state():
    field = evolving(TIMES[:6])
    late, last = (field(np.column_stack([np.full(40, s), POINTS])) for s in (0.9, 0.5))
    np.testing.assert_allclose(late, last, atol=1e-13)
    assert field.reached == 0.5
    assert steady().reached is None


def test_derivatives_beyond_the_degree_of_an_unknown_are_refused():
    with pytest.raises(ValueError, match="v has degree 1"):
        steady().derivative([1, 1])
    assert np.isfinite(steady((2, 2)).derivative([1, 1])(POINTS)).all()


def test_values_that_do_not_fit_are_refused():
    field = steady()
    with pytest.raises(ValueError, match="v needs values"):
        MeshField(field.problem, field.spaces, (field.values[0], field.values[1][:, 1:]))
    with pytest.raises(ValueError, match="time"):
        MeshField(field.problem, field.spaces, field.values, Snapshots(TIMES))
