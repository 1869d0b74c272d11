"""Volumes, angles and facets by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.quality import Facets, facet_keys, facet_normals, simplex_volumes, smallest_angle, volumes

TRIANGLE = Mesh([[0, 0], [4, 0], [0, 3]], [[0, 1, 2]], "triangle")
CORNER = Mesh([[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]], [[0, 1, 2, 3]], "tetra")
QUADS = Mesh([[0, 0], [1, 0], [2, 0], [0, 1], [1, 1], [2, 1]], [[0, 1, 4, 3], [1, 2, 5, 4]], "quad")
LINE = Mesh([[0], [2], [5]], [[0, 1], [1, 2]], "line")


def test_volumes_by_hand():
    assert volumes(TRIANGLE) == pytest.approx([6])
    assert volumes(CORNER) == pytest.approx([1])
    assert volumes(QUADS) == pytest.approx([1, 1])
    assert volumes(LINE) == pytest.approx([2, 3])
    turned = np.array([[[0, 0], [0, 3], [4, 0]]], float)
    assert simplex_volumes(turned) == pytest.approx([-6])


def test_the_smallest_angle_by_hand():
    assert smallest_angle(TRIANGLE) == pytest.approx(np.degrees(np.arctan2(3, 4)))
    assert smallest_angle(QUADS) == pytest.approx(90)


def test_inner_facets_have_two_cells_and_outer_ones_one():
    facets = Facets.of(QUADS)
    assert sorted(facets.count) == [1] * 6 + [2]
    inner = facets.count == 2
    assert set(facets.vertices[inner][0]) == {1, 4}
    assert {int(facets.first[inner][0]), int(facets.second[inner][0])} == {0, 1}
    assert set(Facets.of(LINE).boundary.ravel()) == {0, 2}


@pytest.mark.parametrize("mesh", [TRIANGLE, CORNER, QUADS, LINE], ids=lambda m: m.kind)
def test_boundary_facets_turn_outwards(mesh):
    boundary = Facets.of(mesh).boundary
    normals, areas = facet_normals(mesh, boundary)
    middles = mesh.points[boundary].mean(axis=1)
    assert (np.einsum("fd,fd->f", normals, middles - mesh.points.mean(axis=0)) > 0).all()
    # The closed surface has no resultant.
    np.testing.assert_allclose((normals * areas[:, None]).sum(axis=0), 0, atol=1e-14)


def test_keys_do_not_depend_on_the_order_of_vertices():
    keys = facet_keys(np.array([[1, 2, 3], [3, 1, 2], [1, 2, 4]]), 10)
    assert keys[0] == keys[1] != keys[2]
    with pytest.raises(ValueError, match="too many"):
        facet_keys(np.zeros((1, 4), int), 2**20)
