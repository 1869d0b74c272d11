"""Nodes and cells: what fits together, what is drawn, and the mesh of the corners."""

from __future__ import annotations

import numpy as np
import pytest

from pinnlab.meshing.cells import CELL_KINDS, Cells
from pinnlab.meshing.mesh import Mesh

SQUARE = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
TWO_TRIANGLES = [[0, 1, 2], [0, 2, 3]]
# The square with the middles of its edges and its centre, as VTK numbers a quadrilateral of the second degree.
NINE = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1], [0.5, 0], [1, 0.5], [0.5, 1], [0, 0.5], [0.5, 0.5]])
CUBE = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]])


def areas(nodes, parts):
    a, b, c = np.moveaxis(nodes[parts], 1, 0)
    (dx, dy), (ex, ey) = (b - a).T, (c - a).T
    return (dx * ey - dy * ex) / 2


@pytest.mark.parametrize(
    ("nodes", "connectivity", "kind", "count"),
    [
        (SQUARE, TWO_TRIANGLES, "triangle", 2),
        (SQUARE, [[0, 1, 2, 3]], "quad", 2),
        (NINE, [range(9)], "quad9", 8),
        (NINE, [[0, 1, 2, 4, 5, 8], [0, 2, 3, 8, 6, 7]], "triangle6", 8),
    ],
)
def test_the_parts_of_flat_cells_fill_them(nodes, connectivity, kind, count):
    parts = Cells(nodes, np.array(connectivity), kind).parts()
    found = areas(nodes, parts)
    assert len(found) == count
    np.testing.assert_allclose(found, 1 / count)


def test_a_quadratic_line_is_two_segments():
    cells = Cells(np.array([[0.0], [1], [0.5]]), np.array([[0, 1, 2]]), "line3")
    np.testing.assert_array_equal(cells.parts(), [[0, 2], [2, 1]])


def outward_flux(nodes, parts):
    """The flux of the field x through the triangles, seen from outside: three times the volume."""
    a, b, c = np.moveaxis(nodes[parts], 1, 0)
    return float((np.cross(b - a, c - a) / 2 * (a + b + c) / 3).sum())


def test_of_cells_in_space_the_boundary_is_drawn_and_seen_from_outside():
    brick = Cells(CUBE, np.array([range(8)]), "hexahedron")
    assert len(brick.parts()) == 12
    assert outward_flux(CUBE, brick.parts()) == pytest.approx(3)
    # Two tetrahedra with a common face, which is not drawn; volumes 1/6 and 1/6 by hand.
    nodes = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, -1]])
    pair = Cells(nodes, np.array([[0, 1, 2, 3], [0, 2, 1, 4]]), "tetra")
    assert len(pair.parts()) == 6
    assert outward_flux(nodes, pair.parts()) == pytest.approx(3 * 2 / 6)


def test_a_quadratic_tetrahedron_has_sixteen_triangles_around_it():
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    middles = [(corners[a] + corners[b]) / 2 for a, b in ((0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3))]
    cells = Cells(np.vstack([corners, middles]), np.array([range(10)]), "tetra10")
    assert len(cells.parts()) == 16
    assert outward_flux(cells.nodes, cells.parts()) == pytest.approx(3 / 6)


def test_the_mesh_of_the_corners_keeps_cells_and_pieces():
    order = np.array([8, 3, 1, 0, 7, 5, 6, 2, 4])
    # The same square with its nodes numbered otherwise, so that corners are not the first.
    pieces = {"low": order[[[0, 1]]]}
    cells = Cells(NINE[np.argsort(order)], order[[[0, 1, 2, 4, 5, 8]]], "triangle6", pieces, ("a", "b"))
    assert cells.degree == 2
    mesh = cells.mesh()
    assert mesh.kind == "triangle"
    np.testing.assert_array_equal(mesh.points[mesh.cells[0]], NINE[[0, 1, 2]])
    np.testing.assert_array_equal(mesh.points[mesh.pieces["low"][0]], NINE[[0, 1]])
    again = Cells.of(mesh)
    assert again.degree == 1
    assert again.coordinates == ("x", "y")
    np.testing.assert_array_equal(again.nodes, mesh.points)


def test_every_kind_numbers_all_of_its_nodes():
    for name, kind in CELL_KINDS.items():
        used = {n for part in (*kind.parts, *kind.faces) for n in part}
        assert used == set(range(kind.nodes)), name
        assert CELL_KINDS[kind.linear].nodes == kind.corners


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "wedge"}, "the kind 'wedge' is not known; known are line, line3"),
        ({"nodes": np.ones((4, 3))}, r"triangle cells need nodes \(n, 2\)"),
        ({"nodes": [[0, 0], [0, np.nan], [1, 1], [0, 1]]}, "node 1 is not at a finite place"),
        ({"connectivity": [[0, 1]]}, r"triangle cells are \(m, 3\) with m > 0"),
        ({"connectivity": np.zeros((0, 3), int)}, "with m > 0"),
        ({"connectivity": [[0, 1, 4]]}, "connectivity names a node that is not among the 4 nodes"),
        ({"connectivity": [[0, 1, -1]]}, "not among the 4 nodes"),
        ({"connectivity": [[0.0, 1, 2]]}, "connectivity must be numbers of nodes"),
        ({"pieces": {"wall": [[0, 9]]}}, "piece 'wall' names a node"),
        ({"coordinates": ("x",)}, "do not name the 2 columns"),
        ({"coordinates": ("x", "x")}, "do not name the 2 columns"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, message):
    sound = {"nodes": SQUARE, "connectivity": TWO_TRIANGLES, "kind": "triangle"}
    with pytest.raises(ValueError, match=message):
        Cells(**(sound | changes))


def test_a_mesh_becomes_cells_with_its_pieces():
    mesh = Mesh(SQUARE, TWO_TRIANGLES, "triangle", {"bottom": [[0, 1]]})
    cells = Cells.of(mesh, ("r", "z"))
    assert cells.coordinates == ("r", "z")
    np.testing.assert_array_equal(cells.pieces["bottom"], [[0, 1]])
