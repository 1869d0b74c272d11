"""Pictures hold the right numbers: shared limits, errors about zero, titles worked by hand."""

from __future__ import annotations

import io

import numpy as np
import pytest

from pinnlab.catalog import load
from pinnlab.field import ExactField, Grid
from pinnlab.fields.nodal import Nodal
from pinnlab.forms.incompressible import Incompressible
from pinnlab.meshing.cells import Cells
from pinnlab.plots.figures import convergence, panel, picture_shape, pictured, plot_solution


def saved(figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def images(axes):
    return axes.collections[0]


@pytest.fixture
def heat():
    """t in {0, 1}, x in {0, 1, 2}: the reference is 3 everywhere but 4 in one place."""
    axes = {"t": np.array([0.0, 1.0]), "x": np.array([0.0, 1.0, 2.0])}
    truth = np.array([[0.0, 0.0, 0.0], [0.0, 3.0, 4.0]])
    found = truth + np.array([[0.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
    return load("heat"), Grid(axes, {"u": truth}), Grid(axes, {"u": found})


def test_reference_and_prediction_share_colours_and_the_error_is_centred_on_zero(heat):
    problem, truth, found = heat
    figure = panel(problem, truth, {"net": found})
    reference, prediction, error = figure.axes[:3]
    assert images(reference).get_clim() == images(prediction).get_clim() == (0.0, 4.0)
    assert images(error).get_clim() == (-1.0, 1.0)
    np.testing.assert_array_equal(np.sort(images(error).get_array().ravel()), [-1, 0, 0, 0, 0, 0])
    assert saved(figure).startswith(b"\x89PNG")


def test_the_title_tells_the_relative_l2_error(heat):
    problem, truth, found = heat
    # ||(-1)|| / ||(3, 4)|| = 1/5
    assert panel(problem, truth, {"net": found}).axes[2].get_title() == "error, relative L2 2.0e-01"


def test_a_wild_prediction_does_not_hide_the_reference(heat):
    problem, truth, _ = heat
    wild = Grid(truth.axes, {"u": 1e6 * np.ones((2, 3))})
    figure = panel(problem, truth, {"wild": wild})
    assert images(figure.axes[0]).get_clim() == images(figure.axes[1]).get_clim() == (0.0, 4.0)


def test_a_constant_reference_takes_the_range_of_both(heat):
    problem, truth, found = heat
    flat = Grid(truth.axes, {"u": np.zeros((2, 3))})
    assert images(panel(problem, flat, {"net": found}).axes[0]).get_clim() == (0.0, 3.0)


def test_time_runs_to_the_right_and_space_upwards(heat):
    problem, truth, _ = heat
    axes = plot_solution(problem, truth).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("t", "x")
    # Rows of the image are x, columns are t: u(1, 2) = 4 is in the last row and column.
    np.testing.assert_array_equal(images(axes).get_array(), [[0, 0], [0, 3], [0, 4]])


def test_two_dimensions_show_the_last_time_with_y_upwards():
    problem = load("reaction_diffusion")
    axes = {"t": np.array([0.0, 0.5]), "y": np.array([-1.0, 0.0, 1.0]), "x": np.array([-1.0, 1.0])}
    values = np.arange(12.0).reshape(2, 3, 2)
    figure = plot_solution(problem, Grid(axes, {"u": values, "v": -values}))
    first = figure.axes[0]
    assert (first.get_xlabel(), first.get_ylabel(), first.get_title()) == ("x", "y", "u")
    np.testing.assert_array_equal(images(first).get_array(), values[1])
    assert figure.get_suptitle() == "reaction_diffusion at t = 0.5"


def test_an_ode_is_drawn_as_lines_and_its_errors_as_sizes():
    problem, t = load("lorenz"), np.array([0.0, 1.0, 2.0])
    truth = Grid({"t": t}, {name: np.array([3.0, 4.0, 0.0]) for name in "xyz"})
    found = Grid({"t": t}, {name: np.array([3.0, 4.0, -0.5]) for name in "xyz"})
    assert [line.get_label() for line in plot_solution(problem, truth).axes[0].lines] == ["x", "y", "z"]
    left, right = panel(problem, truth, {"net": found}).axes[:2]
    np.testing.assert_array_equal(left.lines[0].get_ydata(), [3, 4, 0])
    np.testing.assert_array_equal(left.lines[1].get_ydata(), [3, 4, -0.5])
    np.testing.assert_array_equal(right.lines[0].get_ydata(), [np.nan, np.nan, 0.5])
    assert right.lines[0].get_label() == "net, relative L2 1.0e-01"


@pytest.mark.parametrize(
    ("name", "shape"),
    [("lorenz", (1001,)), ("poisson_1d", (1001,)), ("heat", (201, 401)), ("poisson_2d", (161, 161)),
     ("navier_stokes_vorticity", (2, 161, 161))],
)  # fmt: skip
def test_pictures_ask_for_no_more_than_they_show(name, shape):
    assert picture_shape(load(name)) == shape


def test_another_grid_and_no_prediction_are_refused(heat):
    problem, truth, _ = heat
    with pytest.raises(ValueError, match="net is on another grid"):
        panel(problem, truth, {"net": Grid(truth.axes, {"u": np.zeros((3, 3))})})
    with pytest.raises(ValueError, match="no prediction"):
        panel(problem, truth, {})


def test_convergence_leaves_out_rows_without_an_error():
    history = {"seconds": np.array([0.0, 1.0, 2.0, 3.0]), "relative_l2": np.array([1.0, 0.1, np.nan, 0.001])}
    figure = convergence({"net": history, "empty": {"seconds": np.array([1.0])}})
    (line,) = figure.axes[0].lines
    np.testing.assert_array_equal(line.get_xydata(), [[1, 0.1], [3, 0.001]])
    assert figure.axes[0].get_xscale() == figure.axes[0].get_yscale() == "log"
    assert saved(figure)


def test_convergence_without_any_error_says_how_to_record_it():
    with pytest.raises(ValueError, match="ErrorMonitor"):
        convergence({"net": {"seconds": np.array([1.0])}})


# -- meshes ----------------------------------------------------------------------------------------------------


def square_mesh(problem, values):
    corners = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    cells = Cells(corners, np.array([[0, 1, 2], [0, 2, 3]]), "triangle")
    times = np.zeros(0) if problem.time is None else np.zeros(1)
    return Nodal(cells, times, values)


def test_a_mesh_panel_shares_colours_and_tells_the_relative_l2_error():
    problem = load("poisson_2d")
    truth = square_mesh(problem, {"u": np.array([0.0, 0, 3, 4])})
    found = square_mesh(problem, {"u": np.array([0.0, 0, 3, 3])})
    figure = panel(problem, truth, {"net": found})
    reference, prediction, error = figure.axes[:3]
    assert images(reference).get_clim() == images(prediction).get_clim() == (0.0, 4.0)
    assert images(error).get_clim() == (-1.0, 1.0)
    # ||(-1)|| / ||(3, 4)|| = 1/5
    assert error.get_title() == "error, relative L2 2.0e-01"
    assert saved(figure).startswith(b"\x89PNG")


def test_an_incompressible_flow_has_a_map_of_its_speed_with_streamlines():
    problem = load("lid_driven_cavity")
    values = {name: np.ones(4) for name in problem.names}
    u, v = Incompressible.of(problem).velocity
    values[u], values[v] = np.full(4, 3.0), np.array([4.0, 4, 4, 0])
    figure = plot_solution(problem, square_mesh(problem, values))
    maps = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in maps] == [*problem.names, f"speed |({u}, {v})|"]
    np.testing.assert_allclose(images(maps[-1]).get_array(), [5, 5, 5, 3])
    assert len(maps[-1].collections) == 2
    assert saved(figure).startswith(b"\x89PNG")


def test_an_evolution_on_a_line_mesh_is_the_map_of_its_grid():
    problem = load("heat")
    cells = Cells(np.array([[0.0], [2], [1]]), np.array([[0, 1, 2]]), "line3")
    values = np.array([[0.0, 2, 1], [10, 30, 20]])
    figure = plot_solution(problem, Nodal(cells, np.array([0.0, 1]), {"u": values}))
    np.testing.assert_array_equal(images(figure.axes[0]).get_array(), [[0, 10], [1, 20], [2, 30]])


def test_a_moment_is_drawn_as_lines_and_told_in_the_title(heat):
    problem, truth, _ = heat
    figure = plot_solution(problem, truth, 1.0)
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), [0, 3, 4])
    assert figure.get_suptitle() == "heat at t = 1"


def test_values_that_are_not_finite_are_refused(heat):
    problem, truth, _ = heat
    truth.values["u"][0, 0] = np.nan
    with pytest.raises(ValueError, match="u of 'heat' holds values that are not finite"):
        plot_solution(problem, truth)


def test_all_fields_are_pictured_where_the_reference_is():
    problem = load("poisson_2d")
    exact = ExactField.of(problem)
    grid = pictured(exact)
    assert grid.values["u"].shape == picture_shape(problem)
    like = square_mesh(problem, {"u": np.zeros(4)})
    found = pictured(exact, like)
    assert found.cells is like.cells
    np.testing.assert_allclose(found.values["u"], exact(like.cells.nodes)[:, 0])


def test_a_line_has_a_band_of_two_deviations_on_either_side():
    problem = load("lorenz")
    axes = {"t": np.array([0.0, 1.0, 2.0])}
    values = Grid(axes, {name: np.array([1.0, 3.0, 2.0]) for name in problem.names})
    spread = Grid(axes, {name: np.array([0.0, 0.5, 0.25]) for name in problem.names})
    figure = plot_solution(problem, values, deviation=spread)
    assert len(figure.axes[0].collections) == 3
    for drawn in (figure.axes[0], panel(problem, values, {"gp": values}, {"gp": spread}).axes[0]):
        band = drawn.collections[0].get_paths()[0].vertices
        # By hand: 1 ± 0, 3 ± 1, 2 ± 0.5.
        assert {tuple(v) for v in band} == {(0.0, 1.0), (1.0, 2.0), (2.0, 1.5), (2.0, 2.5), (1.0, 4.0)}
    labels = figure.axes[0].get_legend_handles_labels()[1]
    assert "x" in labels
    assert "x ± 2 standard deviations" in labels
    told = panel(problem, values, {"gp": values}, {"gp": spread}).axes[0].get_legend_handles_labels()[1]
    assert told == ["reference", "gp", "gp ± 2 standard deviations"]


def test_a_map_has_that_of_its_deviation_beside_it_from_zero(heat):
    problem, truth, found = heat
    spread = Grid(truth.axes, {"u": np.array([[0.0, 0.0, 0.0], [0.1, 0.2, 0.5]])})
    figure = plot_solution(problem, truth, deviation=spread)
    titled = {axes.get_title(): axes for axes in figure.axes if axes.get_title()}
    assert list(titled) == ["u", "standard deviation of u"]
    assert images(titled["standard deviation of u"]).get_clim() == (0.0, 0.5)
    np.testing.assert_array_equal(images(titled["standard deviation of u"]).get_array()[:, 1], [0.1, 0.2, 0.5])
    assert saved(figure).startswith(b"\x89PNG")
    # One instant is a line in a band.
    assert len(plot_solution(problem, truth, 1.0, spread).axes[0].collections) == 1
    # In a panel it is a fourth column, empty where a prediction has none.
    row = panel(problem, truth, {"gp": found, "net": found}, {"gp": spread})
    assert [axes.get_title() for axes in row.axes if axes.get_title()].count("standard deviation of u") == 1
    assert panel(problem, truth, {"net": found}, {}).get_size_inches()[0] < row.get_size_inches()[0]


def test_deviations_of_two_unknowns_are_below_their_maps():
    problem = load("reaction_diffusion")
    axes = {"t": np.array([0.0, 0.5]), "y": np.array([-1.0, 0.0, 1.0]), "x": np.array([-1.0, 1.0])}
    values = Grid(axes, {"u": np.arange(12.0).reshape(2, 3, 2), "v": np.ones((2, 3, 2))})
    figure = plot_solution(problem, values, deviation=values)
    places = {a.get_title(): a.get_subplotspec() for a in figure.axes if a.get_title()}
    rows = {title: (spec.rowspan.start, spec.colspan.start) for title, spec in places.items()}
    assert rows == {"u": (0, 0), "v": (0, 1), "standard deviation of u": (1, 0), "standard deviation of v": (1, 1)}


def test_a_deviation_that_cannot_be_drawn_is_refused_in_words(heat):
    problem, truth, found = heat
    endless = Grid(truth.axes, {"u": np.full((2, 3), np.inf)})
    with pytest.raises(ValueError, match="not finite"):
        plot_solution(problem, truth, deviation=endless)
    with pytest.raises(ValueError, match="the deviation of gp has no prediction"):
        panel(problem, truth, {"net": found}, {"gp": found})
    with pytest.raises(ValueError, match="another grid"):
        panel(problem, truth, {"net": found}, {"net": Grid(truth.axes, {"u": np.zeros((3, 3))})})
