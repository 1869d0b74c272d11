"""Where files keep values: the same nodes for an answer and for its deviation."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial, laplacian, places
from pinnlab.domain.shapes import Disk
from pinnlab.field import ExactField, Grid
from pinnlab.fields.nodal import Nodal
from pinnlab.places import GridPlaces, MeshPlaces, _missed, default_shape, places_of

t, x, y = sp.symbols("t x y", real=True)
U = sp.Function("u")(t, x)
HEAT = Problem(
    "heat",
    [D(U, t) - D(U, x, 2)],
    [U],
    Box({t: (0, 2), x: (0, 1)}),
    [initial(U, 0), dirichlet(U, 0)],
    t,
    reference=t + x,
)
V = sp.Function("v")(x, y)
PLATE = Problem(
    "plate", [laplacian(V, (x, y))], [V], Disk({x: 0, y: 0}, radius=1.0, name="rim"), [dirichlet(V, x)], reference=x
)


class Stopped(ExactField):
    """An answer that ends early."""

    reached = 0.5


def test_a_box_has_an_even_grid_up_to_the_time_that_was_reached():
    values = places_of(ExactField.of(HEAT), (3, 5)).of(ExactField.of(HEAT))
    assert isinstance(values, Grid)
    np.testing.assert_array_equal(values.axes["t"], [0, 1, 2])
    np.testing.assert_array_equal(values.values["u"], np.add.outer([0, 1, 2], np.linspace(0, 1, 5)))
    stopped = Stopped(HEAT, ExactField.of(HEAT).function)
    np.testing.assert_array_equal(places_of(stopped, (3, 5)).of(stopped).axes["t"], [0, 0.25, 0.5])
    # Another field of the same problem is asked at the nodes of the first.
    np.testing.assert_array_equal(places_of(stopped, (3, 5)).of(ExactField.of(HEAT)).axes["t"], [0, 0.25, 0.5])
    where = places_of(ExactField.of(HEAT))
    assert isinstance(where, GridPlaces)
    assert tuple(len(a) for a in where.axes) == default_shape(HEAT) == (101, 401)


def test_another_region_has_the_nodes_of_a_mesh():
    where = places_of(ExactField.of(PLATE))
    assert isinstance(where, MeshPlaces)
    values = where.of(ExactField.of(PLATE))
    assert isinstance(values, Nodal)
    np.testing.assert_array_equal(values.values["v"], values.cells.nodes[:, 0])


def test_shapes_that_do_not_fit_are_refused_in_words():
    with pytest.raises(ValueError, match="does not lie on a box"):
        places_of(ExactField.of(PLATE), (3, 3))
    with pytest.raises(ValueError, match=r"3 sizes \(3, 3, 3\) for the axes \('t', 'x'\)"):
        places_of(ExactField.of(HEAT), (3, 3, 3))


def wave(omega, dim=1):
    coordinates = (x, y)[:dim]
    u = sp.Function("u")(*coordinates)
    exact = sp.Mul(*(sp.sin(omega * c) for c in coordinates))
    domain = Box(dict.fromkeys(coordinates, (0, 2 * sp.pi)))
    problem = Problem("fast", [laplacian(u, coordinates) + 1], [u], domain, [dirichlet(u, exact)], reference=exact)
    return ExactField.of(problem)


@pytest.mark.parametrize(("omega", "nodes"), [(20, 401), (100, 801), (300, 3201)])
def test_fast_waves_get_nodes_between_which_they_can_be_interpolated(omega, nodes):
    (axis,) = places_of(wave(omega)).axes
    assert len(axis) == nodes
    assert _missed(wave(omega), 0, nodes, {"x": (0, 2 * np.pi)}) < 1e-3


def test_a_wave_of_four_nodes_is_missed_by_what_the_formula_says():
    # Of a wave e^(i w x) the six nodes around a middle make a cos(h w/2) + b cos(3 h w/2) + c cos(5 h w/2) with
    # (a, b, c) = (150, -25, 3)/128, and with w h = pi/2 the wave is sin(pi/4) in size at all middles.
    factor = (150 * np.cos(np.pi / 4) - 25 * np.cos(3 * np.pi / 4) + 3 * np.cos(5 * np.pi / 4)) / 128
    found = _missed(wave(100), 0, 401, {"x": (0, 2 * np.pi)})
    assert found == pytest.approx((1 - factor) * np.sin(np.pi / 4), rel=1e-3)


def test_a_jump_asks_for_no_more_nodes_and_waves_that_are_too_fine_are_told_of(monkeypatch):
    exact = wave(1)
    step = ExactField(exact.problem, lambda points: np.sign(points - 3.1))
    assert len(places_of(step).axes[0]) == 401
    missing = ExactField(exact.problem, lambda points: np.full((len(points), 1), np.nan))
    assert len(places_of(missing).axes[0]) == 401
    monkeypatch.setattr(places, "MOST_NODES", 1000)
    with pytest.warns(UserWarning, match=r"'fast' has 801 nodes along x, and interpolation between them misses"):
        places_of(wave(331))
