"""What is painted where: triangles with the right values, times that are there, streamlines inside of the mesh."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from pinnlab.catalog import load
from pinnlab.field import Grid
from pinnlab.fields.nodal import Nodal
from pinnlab.meshing.cells import Cells
from pinnlab.plots.canvas import GridCanvas, View, instant, mesh_canvas

CORNERS = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
SQUARE = Cells(CORNERS, np.array([[0, 1, 2], [0, 2, 3]]), "triangle")
TETRAHEDRON = Cells(np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]), np.array([[0, 1, 2, 3]]), "tetra")
STEADY, EVOLVING = load("poisson_2d"), load("reaction_diffusion")


def test_triangles_have_the_values_of_their_corners():
    values = np.array([0.0, 1, 5, 2])
    canvas = mesh_canvas(STEADY, Nodal(SQUARE, np.zeros(0), {"u": values}), None)
    axes = Figure().subplots()
    image = canvas.paint(axes, canvas.of(values), "viridis", (0.0, 5.0))
    np.testing.assert_array_equal(image.get_array(), values)
    assert image.get_clim() == (0.0, 5.0)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x", "y")
    assert canvas.fixed == ""


def test_the_surface_of_a_body_has_the_means_of_its_corners():
    values = np.array([0.0, 3, 6, 9])
    canvas = mesh_canvas(STEADY, Nodal(TETRAHEDRON, np.zeros(0), {"u": values}), None)
    axes = Figure().subplots(subplot_kw=dict(canvas.projection))
    image = canvas.paint(axes, canvas.of(values), "viridis", (0.0, 9.0))
    # The faces are opposite to the corners 3, 2, 0, 1.
    np.testing.assert_allclose(np.sort(image.get_array()), [3, 4, 5, 6])
    assert axes.get_zlabel() == "z"


def test_of_an_evolution_on_a_mesh_one_time_is_shown():
    nodal = Nodal(SQUARE, np.array([0.0, 0.5, 1]), {"u": np.arange(12.0).reshape(3, 4)})
    last, middle = (mesh_canvas(EVOLVING, nodal, moment) for moment in (None, 0.6))
    np.testing.assert_array_equal(last.of(nodal.values["u"]), [8, 9, 10, 11])
    np.testing.assert_array_equal(middle.of(nodal.values["u"]), [4, 5, 6, 7])
    assert (last.fixed, middle.fixed) == (" at t = 1", " at t = 0.5")


def test_the_stored_time_next_to_a_moment_is_taken_and_none_beyond():
    times = np.array([0.0, 0.4, 1.0])
    assert [instant(times, m, "t") for m in (None, 0.0, 0.3, 0.71, 1.0)] == [2, 0, 1, 2, 2]
    with pytest.raises(ValueError, match=r"there is no t = 1\.2 to draw: the stored times are 0 to 1"):
        instant(times, 1.2, "t")


def test_a_moment_of_a_line_is_a_line():
    heat = load("heat")
    grid = Grid({"t": np.array([0.0, 1]), "x": np.array([0.0, 1, 2])}, {"u": np.arange(6.0).reshape(2, 3)})
    view = View.of_grid(heat, grid, 0.9)
    assert view.axes == ("x",)
    assert view.fixed == " at t = 1"
    np.testing.assert_array_equal(view.of(grid.values["u"]), [3, 4, 5])
    assert View.of_grid(heat, grid, None).axes == ("t", "x")
    single = Grid({"t": np.zeros(1), "x": grid.axes["x"]}, {"u": grid.values["u"][:1]})
    assert View.of_grid(heat, single, None).axes == ("x",)
    with pytest.raises(ValueError, match="'lorenz' has no space"):
        View.of_grid(load("lorenz"), Grid({"t": np.zeros(2)}, {}), 0.0)


def test_streamlines_stay_on_the_mesh():
    # A flow along x on the lower triangle of the square only.
    lower = Cells(CORNERS[:3], np.array([[0, 1, 2]]), "triangle")
    canvas = mesh_canvas(STEADY, Nodal(lower, np.zeros(0), {}), None)
    axes = Figure().subplots()
    canvas.stream(axes, np.ones(3), np.zeros(3))
    (lines,) = axes.collections
    ends = np.concatenate(lines.get_segments())
    assert len(ends) > 10
    assert (ends[:, 1] <= ends[:, 0] + 0.05).all()


def test_streamlines_of_an_uneven_grid_are_left_out():
    uneven = {"y": np.linspace(0, 1, 5), "x": np.linspace(0, 1, 6) ** 2}
    view = View(("x", "y"), "", (slice(None), slice(None)), False)
    axes = Figure().subplots()
    GridCanvas(Grid(uneven, {}), view).stream(axes, np.ones((5, 6)), np.zeros((5, 6)))
    assert not axes.collections
    even = uneven | {"x": np.linspace(0, 1, 6)}
    GridCanvas(Grid(even, {}), view).stream(axes, np.ones((5, 6)), np.zeros((5, 6)))
    assert axes.collections
