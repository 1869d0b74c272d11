"""Boxes filled with simplices."""

from __future__ import annotations

import numpy as np
import pytest

from pinnlab.meshing.quality import Facets, volumes
from pinnlab.meshing.refine import longest_edge
from pinnlab.meshing.structured import box_mesh, oriented

NAMES = [("left", "right"), ("bottom", "top"), ("back", "front")]


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_a_box_is_filled_and_its_sides_are_named(dim):
    lower, upper = np.array([0.0, -1.0, 2.0])[:dim], np.array([2.0, 0.0, 2.5])[:dim]
    mesh = box_mesh(lower, upper, 0.3, NAMES[:dim])
    assert longest_edge(mesh) <= 0.3 * (1 + 1e-9)
    assert (volumes(mesh) > 0).all()
    assert volumes(mesh).sum() == pytest.approx(np.prod(upper - lower), rel=1e-12)
    assert sum(map(len, mesh.pieces.values())) == len(Facets.of(mesh).boundary)
    for axis, (low, high) in enumerate(NAMES[:dim]):
        assert set(mesh.points[mesh.pieces[low]][..., axis].ravel()) == {lower[axis]}
        assert set(mesh.points[mesh.pieces[high]][..., axis].ravel()) == {upper[axis]}


def test_no_triangle_has_all_its_vertices_on_the_boundary():
    for dim in (2, 3):
        mesh = box_mesh(np.zeros(dim), np.ones(dim), 0.5, NAMES[:dim])
        outer = ((mesh.points == 0) | (mesh.points == 1)).any(axis=1)
        assert not outer[mesh.cells].all(axis=1).any()


def test_a_periodic_axis_has_no_pieces_and_equal_meshes_on_both_ends():
    mesh = box_mesh(np.zeros(2), np.ones(2), 0.3, [None, NAMES[1]])
    assert set(mesh.pieces) == {"bottom", "top"}
    ends = [np.sort(mesh.points[mesh.points[:, 0] == end][:, 1]) for end in (0, 1)]
    np.testing.assert_array_equal(*ends)


def test_cells_that_turn_the_wrong_way_are_turned():
    points = np.array([[0, 0], [1, 0], [0, 1]], float)
    np.testing.assert_array_equal(oriented(points, np.array([[0, 2, 1], [0, 1, 2]])), [[0, 1, 2], [0, 1, 2]])


@pytest.mark.parametrize("size", [0, -1, np.inf, np.nan, 1e-9])
def test_sizes_that_make_no_mesh_are_refused(size):
    with pytest.raises(ValueError, match="size"):
        box_mesh(np.zeros(2), np.ones(2), size, NAMES[:2])
