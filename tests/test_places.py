"""Where files keep values: the same nodes for an answer and for its deviation."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial, laplacian
from pinnlab.domain.shapes import Disk
from pinnlab.field import ExactField, Grid
from pinnlab.fields.nodal import Nodal
from pinnlab.places import GridPlaces, MeshPlaces, default_shape, places_of

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
    places = places_of(ExactField.of(HEAT))
    assert isinstance(places, GridPlaces)
    assert tuple(len(a) for a in places.axes) == default_shape(HEAT) == (101, 401)


def test_another_region_has_the_nodes_of_a_mesh():
    places = places_of(ExactField.of(PLATE))
    assert isinstance(places, MeshPlaces)
    values = places.of(ExactField.of(PLATE))
    assert isinstance(values, Nodal)
    np.testing.assert_array_equal(values.values["v"], values.cells.nodes[:, 0])


def test_shapes_that_do_not_fit_are_refused_in_words():
    with pytest.raises(ValueError, match="does not lie on a box"):
        places_of(ExactField.of(PLATE), (3, 3))
    with pytest.raises(ValueError, match=r"3 sizes \(3, 3, 3\) for the axes \('t', 'x'\)"):
        places_of(ExactField.of(HEAT), (3, 3, 3))
