from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, Condition, D, Problem, UnsupportedProblem, dirichlet, flux, initial, neumann, normal, robin
from pinnlab.discretization.cells import Cells, as_column, stacked

# What is stepped is made up state by state: data that disagree at the start are of no matter.
pytestmark = pytest.mark.filterwarnings("ignore::pinnlab.errors.IncompatibleData")
t, x, y = sp.symbols("t x y", real=True)
u, v = sp.Function("u")(t, x), sp.Function("v")(t, x)
w = sp.Function("w")(t, x, y)
LINE = Box({t: (0, 1), x: (0, 2)})


def cells(conditions=(), start=0, n=8, box=LINE):
    equations = [D(u, t) + D(v, x), D(v, t) + D(u, x)]
    problem = Problem("sample", equations, [u, v], box, [initial(u, start), initial(v, 0), *conditions], t)
    return Cells(problem, (n,))


ROWS = np.stack([np.arange(1.0, 9.0) ** 2, np.arange(10.0, 18.0)])


def test_averages_of_smooth_data_are_integrals():
    found = cells(start=sp.sin(3 * x), n=10).initial_averages()
    edges = np.linspace(0, 2, 11)
    np.testing.assert_allclose(found[0], -np.diff(np.cos(3 * edges)) / 0.6, rtol=1e-13)


def test_a_jump_inside_of_a_cell_is_shared_out():
    found = cells(start=sp.Piecewise((1, x < sp.Rational(3, 5)), (0, True)), n=8).initial_averages()
    np.testing.assert_allclose(found[0], [1, 1, 0.4, 0, 0, 0, 0, 0], atol=1e-3)


def test_averages_in_two_dimensions_find_the_area_of_a_disk():
    disk = sp.Piecewise((1, x**2 + y**2 < 1), (0, True))
    box = Box({t: (0, 1), x: (-2, 2), y: (-1.5, 1.5)})
    problem = Problem("disk", [D(w, t) + D(w**2, x)], [w], box, [initial(w, disk)], t)
    found = Cells(problem, (16, 12))
    assert found.initial_averages().shape == (1, 16, 12)
    assert found.initial_averages().sum() * found.volume == pytest.approx(np.pi, rel=1e-3)


def test_a_periodic_axis_wraps():
    found = cells(box=Box({t: (0, 1), x: (0, 2)}, periodic=[x])).padded(ROWS, 0, 3, 0.0)
    np.testing.assert_array_equal(found, np.concatenate([ROWS[:, -3:], ROWS, ROWS[:, :3]], axis=1))


def test_an_open_side_is_continued_along_the_smaller_slope():
    found = cells().padded(ROWS, 0, 2, 0.0)
    np.testing.assert_array_equal(found[0], [-5, -2, *ROWS[0], 77, 90])
    np.testing.assert_array_equal(found[1], [8, 9, *ROWS[1], 18, 19])
    level = np.array([[1.0, 0, 3, 4, 5, 6, 8, 7], [0.0] * 8])
    np.testing.assert_array_equal(cells().padded(level, 0, 2, 0.0)[0], [1, 1, *level[0], 7, 7])


def test_a_wall_is_a_mirror_odd_in_what_is_prescribed_and_even_in_the_rest():
    found = cells([dirichlet(v, 5, on="left")]).padded(ROWS, 0, 2, 0.0)
    np.testing.assert_array_equal(found[:, :2], [[4, 1], [-1, 0]])
    (side, place, outward), _ = cells([dirichlet(v, 5, on="left")]).ends(0)
    assert (place, outward) == (0, -1)
    np.testing.assert_array_equal(side.outside(np.array([3.0, 7.0]), 0.0), [3, 3])


def test_an_inflow_is_the_state_outside_of_the_face_at_its_time():
    inflow = cells([dirichlet(u, 2 + t**2, on="right"), dirichlet(v, 1, on="right")])
    _, (side, place, outward) = inflow.ends(0)
    assert (place, outward) == (-1, 1)
    np.testing.assert_array_equal(side.outside(np.array([9.0, 9.0]), 3.0), [11, 1])
    np.testing.assert_array_equal(side.data(3.0, rate=True), [6, 0])
    np.testing.assert_array_equal(inflow.padded(ROWS, 0, 1, 3.0)[:, -1], [22 - 64, 2 - 17])


def test_a_slope_is_that_of_the_outward_normal_on_both_sides():
    sloped = cells([neumann(u, 3, on=["left", "right"])]).padded(ROWS, 0, 1, 0.0)
    # Cells of length 1/4: the neighbours differ by 3/4.
    np.testing.assert_allclose(sloped[0, [0, -1]], [1.75, 64.75])
    facing = cells([neumann(u, 3 * normal(x), on=["left", "right"])]).padded(ROWS, 0, 1, 0.0)
    np.testing.assert_allclose(facing[0, [0, -1]], [0.25, 64.75])


def test_a_prescribed_flux_is_known_by_side():
    (left, _, _), (right, _, _) = cells([flux(u, 1 + t, on="left"), flux(v, 4, on="right")]).ends(0)
    assert left.crossing.tolist() == [True, False]
    assert right.crossing.tolist() == [False, True]
    assert left.data(2.0).tolist() == [3, 0]
    assert not left.is_open


@pytest.mark.parametrize(
    "condition",
    [robin(u, 1, 1, 0, on="left"), Condition(u - v, on="left"), Condition(u**2 - 1, on="left"), flux(u, v, on="left")],
)
def test_other_conditions_are_refused_with_their_place(condition):
    with pytest.raises(UnsupportedProblem, match=r"'sample'.*'left' prescribes neither"):
        cells([condition]).sides  # noqa: B018


def test_two_conditions_on_one_unknown_are_refused():
    with pytest.raises(UnsupportedProblem, match="u has two conditions on 'left'"):
        cells([dirichlet(u, 0, on="left"), neumann(u, 0, on="left")]).sides  # noqa: B018


def test_data_vary_along_a_side_in_two_dimensions():
    box = Box({t: (0, 1), x: (0, 1), y: (0, 2)})
    problem = Problem(
        "plane", [D(w, t) + D(w**2, x) + D(w**2, y)], [w], box,
        [initial(w, 0), dirichlet(w, y, on="right"), dirichlet(w, 3 * x, on="bottom")], t,
    )  # fmt: skip
    plane = Cells(problem, (8, 10))
    values = np.zeros((1, 8, 10))
    along_x, along_y = plane.padded(values, 0, 2, 0.0), plane.padded(values, 1, 2, 0.0)
    assert along_x.shape == (1, 10, 12)
    assert along_y.shape == (1, 8, 14)
    np.testing.assert_allclose(along_x[0, :, -1], 2 * plane.centres[1])
    np.testing.assert_allclose(along_y[0, :, 0], 6 * plane.centres[0])


def test_faces_lie_between_cells():
    time, places = cells().faces(0, 0.5)
    assert time == 0.5
    np.testing.assert_allclose(places, np.linspace(0, 2, 9))


def test_numbers_from_a_program_fill_rows():
    np.testing.assert_array_equal(stacked([2.0, np.arange(3.0)], (3,)), [[2, 2, 2], [0, 1, 2]])
    assert as_column(np.arange(2), 3).shape == (2, 1, 1)
