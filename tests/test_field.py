"""Answers as functions: exact ones, and those on grids."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Problem, TimeInterval, UnsupportedProblem, dirichlet, initial, laplacian, parameter
from pinnlab.domain.base import Domain
from pinnlab.field import ExactField, GridField, Snapshots, Trajectory, file_order, intervals
from pinnlab.numerics.axes import ChebyshevAxis, FourierAxis
from pinnlab.symbols import unknown_function

t, x, y = sp.symbols("t x y", real=True)
u, v = (sp.Function(name)(t, x, y) for name in "uv")
BOX = Box({t: (0, 1), x: (-1, 1), y: (0, 3)})
EXACT = {u: t + 10 * x + 100 * y, v: sp.exp(-t) * sp.sin(x) * y**2}


def plane(reference):
    equations = [D(u, t) - laplacian(u, (x, y)), D(v, t) - laplacian(v, (x, y))]
    conditions = [c for w in (u, v) for c in (initial(w, 0), dirichlet(w, 0))]
    return Problem("plane", equations, [u, v], BOX, conditions, t, reference=reference)


def as_function(points):
    s, a, b = points.T
    return np.stack([s + 10 * a + 100 * b, np.exp(-s) * np.sin(a) * b**2], axis=1)


POINTS = BOX.sample(40, np.random.default_rng(0))


def test_axes_of_grids_and_files_are_time_then_space_backwards(shipped):
    assert file_order(plane(None)) == ("t", "y", "x")
    assert file_order(shipped["lorenz"]) == ("t",)
    assert file_order(shipped["poisson_2d"]) == ("y", "x")


def test_grids_are_transposed_to_file_order():
    grid = ExactField.of(plane(EXACT)).on_grid((2, 4, 3))
    assert {name: len(axis) for name, axis in grid.axes.items()} == {"t": 2, "y": 4, "x": 3}
    np.testing.assert_array_equal(grid.axes["y"], [0, 1, 2, 3])
    np.testing.assert_array_equal(grid.axes["x"], [-1, 0, 1])
    assert grid.values["u"].shape == (2, 4, 3)
    assert grid.values["u"][1, 3, 0] == 1 - 10 + 300
    assert grid.values["v"][0, 2, 2] == pytest.approx(4 * np.sin(1))


def test_a_shape_must_have_one_entry_per_axis():
    with pytest.raises(ValueError, match=r"on_grid: 2 sizes \(3, 4\) for the axes \('t', 'y', 'x'\)"):
        ExactField.of(plane(EXACT)).on_grid((3, 4))


def test_intervals_are_in_the_order_of_coordinates(shipped):
    assert list(intervals(plane(None)).items()) == [("t", (0, 1)), ("x", (-1, 1)), ("y", (0, 3))]
    assert intervals(shipped["lorenz"]) == {"t": (0, 20)}
    split = Problem(
        "split", [D(u, t) - laplacian(u, (x, y))], [u], TimeInterval(t, 0, 2) * Box({x: (0, 1), y: (0, 1)}),
        [initial(u, 0), dirichlet(u, 0)], t,
    )  # fmt: skip
    assert intervals(split) == {"t": (0, 2), "x": (0, 1), "y": (0, 1)}


class Blob(Domain):
    """A region that is no box."""

    coordinates = (x, y)
    pieces = ("rim",)

    def contains(self, points):
        return np.ones(len(points), bool)

    def sample(self, n, rng):
        return rng.random((n, 2))

    def sample_piece(self, piece, n, rng):
        return rng.random((n, 2)), np.ones((n, 2))


def test_a_region_that_is_no_box_has_no_tensor_grid():
    w = sp.Function("w")(x, y)
    problem = Problem("blob", [laplacian(w, (x, y))], [w], Blob(), [dirichlet(w, 0)], reference=x)
    with pytest.raises(ValueError, match="is no box"):
        ExactField.of(problem).on_grid((3, 3))


def test_exact_fields_from_expressions_and_functions_agree():
    by_expression, by_function = ExactField.of(plane(EXACT)), ExactField.of(plane(as_function))
    np.testing.assert_allclose(by_expression(POINTS), as_function(POINTS), rtol=1e-14)
    np.testing.assert_array_equal(by_function(POINTS), as_function(POINTS))
    assert ExactField.of(plane(None)) is None


@pytest.mark.parametrize("orders", [(0, 1, 0), (1, 0, 0), (0, 0, 1)])
def test_derivatives_of_exact_fields_from_expressions_and_functions_agree(orders):
    exact = ExactField.of(plane(EXACT)).derivative(orders)(POINTS)
    np.testing.assert_allclose(ExactField.of(plane(as_function)).derivative(orders)(POINTS), exact, atol=1e-7)


def test_derivatives_of_expressions_by_hand_and_repeated():
    field = ExactField.of(plane(EXACT))
    s, a, b = POINTS.T
    expected = np.stack([np.zeros(40), -np.exp(-s) * np.cos(a) * 2 * b], axis=1)
    np.testing.assert_allclose(field.derivative((1, 1, 1))(POINTS), expected, atol=1e-13)
    np.testing.assert_allclose(field.derivative((1, 0, 0)).derivative((0, 1, 1))(POINTS), expected, atol=1e-13)
    np.testing.assert_array_equal(field.derivative((0, 0, 0))(POINTS), field(POINTS))


def test_derivatives_of_a_function_never_leave_the_domain():
    def guarded(points):
        assert BOX.contains(points).all()
        return as_function(points)

    corners = np.array([[0.0, -1, 0], [1, 1, 3], [0, 1, 3], [1, -1, 0]])
    field = ExactField.of(plane(guarded))
    for orders in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 2)):
        exact = ExactField.of(plane(EXACT)).derivative(orders)(corners)
        np.testing.assert_allclose(field.derivative(orders)(corners), exact, atol=2e-2 if orders[2] == 2 else 1e-7)


def test_the_time_derivative_of_a_quadrature_exists_at_the_start(shipped):
    field = ExactField.of(shipped["burgers_periodic"])
    places = np.linspace(0, 6, 7)
    # u_t = nu u_xx - u u_x at t = 0, where u = sin x.
    expected = -0.05 * np.sin(places) - np.sin(places) * np.cos(places)
    found = field.derivative((1, 0))(np.stack([np.zeros(7), places], axis=1))
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-6)


def test_a_reference_of_the_wrong_width_is_refused():
    with pytest.raises(ValueError, match="gives 1 columns for 2 unknowns"):
        ExactField.of(plane(lambda points: points[:, :1]))(POINTS)


def grid_field():
    """A steady field in two dimensions, spectrally exact."""
    w = sp.Function("w")(x, y)
    box = Box({x: (0, 2 * sp.pi), y: (-1, 1)}, periodic=[x])
    problem = Problem("channel", [laplacian(w, (x, y))], [w], box, [dirichlet(w, 0)], reference=sp.sin(2 * x) * y**3)
    axes = (FourierAxis(0, 2 * np.pi, 12), ChebyshevAxis(-1, 1, 8))
    exact = ExactField.of(problem)
    grid = exact.on_axes([a.nodes for a in axes])
    return GridField(problem, axes, grid.values["w"].T[None]), exact


def test_grid_fields_interpolate_and_differentiate_as_their_axes_do():
    field, exact = grid_field()
    points = field.problem.domain.sample(50, np.random.default_rng(1))
    for orders in ((0, 0), (1, 0), (0, 2), (2, 1)):
        np.testing.assert_allclose(field.derivative(orders)(points), exact.derivative(orders)(points), atol=1e-10)
    twice = field.derivative((1, 0)).derivative((0, 1))
    np.testing.assert_array_equal(twice(points), field.derivative((1, 1))(points))


def test_grid_fields_on_tensor_grids_equal_their_values_at_points():
    field, _ = grid_field()
    axes = [np.linspace(0, 6, 5), np.linspace(-1, 1, 4)]
    grid = field.on_axes(axes)
    points = np.stack([m.ravel() for m in np.meshgrid(*axes, indexing="ij")], axis=1)
    np.testing.assert_allclose(grid.values["w"].T.ravel(), field(points)[:, 0], atol=1e-13)
    assert list(grid.axes) == ["y", "x"]


def test_a_trajectory_is_held_beyond_its_last_state():
    times = np.array([0.0, 0.5, 1.0])
    states = np.concatenate([times**3, 3 * times**2])
    at = np.array([0.25, 1.0, 1.7])
    np.testing.assert_allclose(Trajectory(times).interpolation(at) @ states, [0.25**3, 1, 1], atol=1e-14)


def test_a_trajectory_of_one_state_is_constant():
    found = Trajectory(np.array([2.0])).interpolation(np.array([2.0, 5.0])) @ np.array([7.0, 3.0])
    np.testing.assert_array_equal(found, [7, 7])


def test_large_grids_are_evaluated_in_parts(monkeypatch):
    import pinnlab.field

    sizes = []

    def watched(points):
        sizes.append(len(points))
        return as_function(points)

    monkeypatch.setattr(pinnlab.field, "_CHUNK", 7)
    grid = ExactField.of(plane(watched)).on_grid((2, 3, 4))
    assert sizes == [7, 7, 7, 3]
    assert grid.values["u"][1, 2, 3] == 1 + 10 + 300


def test_snapshots_interpolate_to_sixth_order_and_hold_the_last_state():
    times = np.linspace(0, 1, 11)
    axis = Snapshots(times)
    inside = np.array([0.0, 0.33, 0.96, 1.0])
    for order, exact in ((0, inside**5), (1, 5 * inside**4)):
        np.testing.assert_allclose(axis.interpolation(inside, order) @ times**5, exact, atol=1e-12)
    np.testing.assert_allclose(axis.interpolation(np.array([-1.0, 3.0])) @ times, [0, 1], atol=1e-14)


def test_a_single_snapshot_is_held():
    axis = Snapshots(np.array([0.5]))
    later = np.array([0.5, 2.0])
    np.testing.assert_array_equal(axis.interpolation(later) @ np.array([7.0]), [7, 7])
    np.testing.assert_array_equal(axis.interpolation(later, 1) @ np.array([7.0]), [0, 0])


def test_a_run_in_progress_says_how_far_it_is_and_others_cover_all_times():
    line = ChebyshevAxis(0.0, 1.0, 3)
    times = np.array([0.0, 0.25, 0.4])
    problem = plane(None)
    going = GridField(problem, (Trajectory(times), line, line), np.zeros((2, 6, 3, 3)))
    assert going.reached == 0.4
    assert going.derivative((0, 1, 0)).reached == 0.4
    assert GridField(problem, (Snapshots(times), line, line), np.zeros((2, 3, 3, 3))).reached == 0.4
    assert GridField(problem, (line, line, line), np.zeros((2, 3, 3, 3))).reached is None
    assert ExactField.of(plane(EXACT)).reached is None


def test_expressions_are_evaluated_from_the_derivatives_of_a_field():
    field = ExactField.of(plane(EXACT))
    k = parameter("k", 2)
    values = field.evaluate([k * u * D(v, x) + y, D(u * v, t), sp.Integer(7)], POINTS)
    s, a, b = POINTS.T
    first, second = as_function(POINTS).T
    np.testing.assert_allclose(values[:, 0], 2 * first * np.exp(-s) * np.cos(a) * b**2 + b, rtol=1e-13)
    np.testing.assert_allclose(values[:, 1], second - first * second, rtol=1e-12, atol=1e-12)
    assert (values[:, 2] == 7).all()
    assert field.parameters == {}


def test_what_a_field_does_not_know_is_refused():
    with pytest.raises(UnsupportedProblem, match=r"the field knows nothing of f\(.*\); solve it with Pinn"):
        ExactField.of(plane(EXACT)).evaluate([unknown_function("f", u)], POINTS)


@pytest.mark.parametrize("points", [np.zeros((5, 2)), np.zeros(3), [[0.0, 0.0]]])
def test_points_of_another_shape_are_refused_with_the_columns_named(points):
    with pytest.raises(ValueError, match=r"give \(n, 3\) with the columns t, x, y"):
        ExactField.of(plane(EXACT))(points)
