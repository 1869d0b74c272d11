"""Triangulations of plane regions: graded towards small arcs, subdivided where they are large."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pinnlab.meshing.curves import Segment, circle, polygon
from pinnlab.meshing.plane import TRIANGULATED, plane_mesh
from pinnlab.meshing.quality import Facets, smallest_angle, volumes

SQUARE = polygon("abcd", np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float))


def with_hole(radius):
    hole = circle("hole", np.array([0.3, 0.3]), radius)
    return [*SQUARE, *(c.part(1.0, 0.0) for c in hole)]


def test_a_small_hole_is_round_and_the_triangles_grow_from_it():
    mesh = plane_mesh(with_hole(0.01), 0.1)
    assert len(mesh.pieces["hole"]) >= 16
    assert smallest_angle(mesh) > 20
    areas = volumes(mesh)
    assert areas.max() / areas.min() > 100
    assert len(mesh.cells) < 2_000


@pytest.mark.parametrize("size", [0.2, 0.02, 0.006])
def test_fine_meshes_are_as_good_as_coarse_ones_and_follow_the_circle(size):
    mesh = plane_mesh(with_hole(0.15), size)
    if size < 0.02:
        assert len(mesh.cells) > 4 * TRIANGULATED
    assert smallest_angle(mesh) > 20
    assert mesh.edge_lengths.max() < 1.6 * size
    hole = mesh.points[np.unique(mesh.pieces["hole"])]
    np.testing.assert_allclose(np.hypot(*(hole - 0.3).T), 0.15, rtol=1e-12)
    assert volumes(mesh).sum() == pytest.approx(1 - math.pi * 0.15**2, abs=1.5 * size**2)
    facets = Facets.of(mesh)
    assert facets.count.max() == 2
    assert {tuple(sorted(f)) for f in facets.boundary} == {
        tuple(sorted(f)) for piece in mesh.pieces.values() for f in piece
    }


def test_a_boundary_that_does_not_close_is_refused():
    with pytest.raises(ValueError, match="does not close"):
        plane_mesh(SQUARE[:3], 0.1)


def test_a_narrow_gap_between_curves_is_filled():
    near = [*SQUARE, *(c.part(1.0, 0.0) for c in circle("hole", np.array([0.5, 0.31]), 0.3))]
    mesh = plane_mesh(near, 0.2)
    assert smallest_angle(mesh) > 15
    assert volumes(mesh).sum() == pytest.approx(1 - math.pi * 0.09, rel=0.03)


def test_vertices_of_the_boundary_are_the_ends_of_its_curves():
    mesh = plane_mesh(SQUARE, 0.3)
    assert all(isinstance(c, Segment) for c in SQUARE)
    for corner in [[0, 0], [1, 0], [1, 1], [0, 1]]:
        assert (mesh.points == corner).all(axis=1).any()


def test_a_size_that_would_fill_the_memory_is_refused_at_once():
    with pytest.raises(ValueError, match=r"mesh: edges of 1e-05 ask for .* vertices; take a larger size"):
        plane_mesh(SQUARE, 1e-5)
