"""Values at nodes: finite elements at their own, others at the vertices of a mesh."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial, laplacian
from pinnlab.domain.shapes import Disk
from pinnlab.field import ExactField, Snapshots
from pinnlab.fields.mesh import MeshField
from pinnlab.fields.nodal import Nodal, cells_of, has_mesh, nodal
from pinnlab.meshing.cells import Cells
from pinnlab.meshing.structured import box_mesh
from pinnlab.numerics.lagrange import LagrangeSpace

t, x, y = sp.symbols("t x y", real=True)
SIDES = [("left", "right"), ("bottom", "top")]


@pytest.fixture
def pair():
    """Two unknowns on the unit square, x^2 with quadratic cells and t y with linear ones."""
    u, v = sp.Function("u")(t, x, y), sp.Function("v")(t, x, y)
    equations = [D(w, t) - laplacian(w, (x, y)) for w in (u, v)]
    box = Box({t: (0, 1), x: (0, 1), y: (0, 1)})
    conditions = [initial(u, x**2), initial(v, 0), dirichlet(u, x**2), dirichlet(v, t * y)]
    problem = Problem("pair", equations, [u, v], box, conditions, t, reference={u: x**2, v: t * y})
    mesh = box_mesh(np.zeros(2), np.ones(2), 0.4, SIDES)
    spaces = LagrangeSpace(mesh, 2), LagrangeSpace(mesh, 1)
    times = np.linspace(0, 1, 6)
    values = (np.tile(spaces[0].nodes[:, 0] ** 2, (6, 1)), times[:, None] * spaces[1].nodes[:, 1])
    return MeshField(problem, spaces, values, Snapshots(times))


def test_all_unknowns_are_at_the_nodes_of_the_highest_degree(pair):
    found = nodal(pair, np.array([0.0, 0.25]))
    assert found.cells.kind == "triangle6"
    assert found.cells.coordinates == ("x", "y")
    assert set(found.cells.pieces) == {"left", "right", "bottom", "top"}
    assert set(found.values) == {"u", "v"}
    np.testing.assert_allclose(found.values["u"][1], found.cells.nodes[:, 0] ** 2, atol=1e-14)
    np.testing.assert_allclose(found.values["v"][1], 0.25 * found.cells.nodes[:, 1], atol=1e-14)


def test_another_field_can_be_taken_at_the_same_nodes(pair):
    exact = ExactField.of(pair.problem)
    assert not has_mesh(exact)
    assert has_mesh(pair)
    cells = cells_of(pair)
    found = nodal(exact, np.array([1.0]), cells)
    assert found.cells is cells
    np.testing.assert_allclose(found.values["v"][0], cells.nodes[:, 1])


def test_many_times_are_taken_some_at_once(pair, monkeypatch):
    whole = nodal(pair, np.linspace(0, 1, 7))
    monkeypatch.setattr("pinnlab.fields.nodal._CHUNK", 2 * len(whole.cells.nodes))
    parts = nodal(pair, np.linspace(0, 1, 7))
    for name in "uv":
        np.testing.assert_array_equal(parts.values[name], whole.values[name])


def test_nodes_of_a_line_are_a_grid_in_their_order():
    cells = Cells(np.array([[0.0], [2], [1]]), np.array([[0, 1, 2]]), "line3", {}, ("r",))
    found = Nodal(cells, np.array([0.0, 1]), {"u": np.array([[1.0, 3, 2], [10, 30, 20]])}).grid("t")
    assert list(found.axes) == ["t", "r"]
    np.testing.assert_array_equal(found.axes["r"], [0, 1, 2])
    np.testing.assert_array_equal(found.values["u"], [[1, 2, 3], [10, 20, 30]])
    steady = Nodal(cells, np.zeros(0), {"u": np.array([1.0, 3, 2])}).grid(None)
    assert list(steady.axes) == ["r"]
    np.testing.assert_array_equal(steady.values["u"], [1, 2, 3])


def test_on_a_region_that_is_no_box_any_field_is_at_the_vertices_of_a_mesh():
    u = sp.Function("u")(x, y)
    disk = Disk({x: 1, y: 2}, radius=0.5, name="rim")
    exact = x**2 - y
    problem = Problem("plate", [laplacian(u, (x, y)) - 2], [u], disk, [dirichlet(u, exact)], reference={u: exact})
    field = ExactField.of(problem)
    assert has_mesh(field)
    found = nodal(field, np.zeros(0))
    assert found.cells.kind == "triangle"
    assert set(found.cells.pieces) == {"rim"}
    # 80 cells over the diameter of 1: more than 4,000 vertices and fewer than 10,000.
    assert 4_000 < len(found.cells.nodes) < 10_000
    np.testing.assert_allclose(found.values["u"], found.cells.nodes[:, 0] ** 2 - found.cells.nodes[:, 1])
