"""Extrusion: the volume and the walls of the solid, and prisms that fit together."""

import numpy as np
import pytest

from pinnlab.meshing.extrude import extruded
from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.quality import Facets, facet_normals, volumes
from pinnlab.meshing.soundness import sound
from pinnlab.meshing.structured import box_mesh

HEIGHTS = [0.0, 0.5, 2.0]


def solid(seed: int = 0) -> Mesh:
    plane = box_mesh(np.zeros(2), np.array([2.0, 1.0]), 0.7, [("left", "right"), ("bottom", "top")])
    # Numbers in any order: the diagonals depend on nothing else.
    order = np.random.default_rng(seed).permutation(len(plane.points))
    points = np.empty_like(plane.points)
    points[order] = plane.points
    pieces = {name: order[edges] for name, edges in plane.pieces.items()}
    return extruded(Mesh(points, order[plane.cells], "triangle", pieces), HEIGHTS, lower="floor", upper="roof")


@pytest.mark.parametrize("seed", range(3))
def test_prisms_fit_together_and_pieces_cover_the_boundary(seed):
    mesh = solid(seed)
    checked = sound(mesh.points, mesh.cells, "tetra", mesh.pieces)
    assert set(checked.pieces) == {"left", "right", "bottom", "top", "floor", "roof"}
    assert sum(len(f) for f in mesh.pieces.values()) == len(Facets.of(mesh).boundary)


def test_volumes_are_positive_and_each_prism_is_three_equal_parts():
    mesh = solid()
    assert (volumes(mesh) > 0).all()
    assert volumes(mesh).sum() == pytest.approx(2 * 1 * 2.0)
    np.testing.assert_allclose(volumes(mesh).reshape(-1, 3).std(axis=1), 0, atol=1e-15)


def test_walls_have_their_areas_and_turn_outwards():
    mesh = solid()
    normal = {"left": (-1, 0, 0), "right": (1, 0, 0), "bottom": (0, -1, 0), "top": (0, 1, 0)}
    normal |= {"floor": (0, 0, -1), "roof": (0, 0, 1)}
    area = {"left": 2, "right": 2, "bottom": 4, "top": 4, "floor": 2, "roof": 2}
    checked = sound(mesh.points, mesh.cells, "tetra", mesh.pieces)
    for name in area:
        for pieces in (checked.pieces, mesh.pieces):
            normals, areas = facet_normals(mesh, pieces[name])
            np.testing.assert_allclose(normals, np.tile(normal[name], (len(normals), 1)), atol=1e-14)
            assert areas.sum() == pytest.approx(area[name])


def test_equal_names_are_one_piece():
    plane = box_mesh(np.zeros(2), np.ones(2), 2.0, [("side", "end"), ("side_2", "top")])
    mesh = extruded(plane, [0, 1], lower="side", upper="side")
    # One wall of two triangles, and the two faces of two triangles each.
    assert len(mesh.pieces["side"]) == 2 + 2 + 2


def test_one_triangle_is_cut_from_the_lower_numbers_to_the_higher():
    mesh = extruded(Mesh(np.array([[0.0, 0], [1, 0], [0, 1]]), np.array([[0, 1, 2]]), "triangle"), [0, 1], "a", "b")
    assert sorted(map(sorted, mesh.cells.tolist())) == [[0, 1, 2, 5], [0, 1, 4, 5], [0, 3, 4, 5]]


def test_heights_that_do_not_increase_are_refused():
    plane = box_mesh(np.zeros(2), np.ones(2), 2.0, [None, None])
    for heights in ([0.0], [0.0, 0.0], [1.0, 0.0], [[0.0, 1.0]], [0.0, np.nan]):
        with pytest.raises(ValueError, match="increasing"):
            extruded(plane, heights, "a", "b")
    with pytest.raises(ValueError, match="triangles"):
        extruded(box_mesh(np.zeros(1), np.ones(1), 1.0, [None]), [0, 1], "a", "b")
