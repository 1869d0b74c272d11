"""Membership: the same answer as a test of every cell, on meshes whose cells differ much in size."""

import numpy as np
import pytest

from pinnlab.meshing.locating import Membership
from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.quality import FACETS, Facets, simplices
from pinnlab.meshing.structured import box_mesh


def graded(dim: int) -> Mesh:
    """A box whose cells become thin and small towards a corner, without some of them."""
    mesh = box_mesh(np.zeros(dim), np.ones(dim), 0.3, [None] * dim)
    keep = np.random.default_rng(dim).random(len(mesh.cells)) < 0.7
    return Mesh(mesh.points**4, mesh.cells[keep], mesh.kind)


def in_some_simplex(mesh: Mesh, points: np.ndarray) -> np.ndarray:
    corners = mesh.points[simplices(mesh)]
    matrices = np.concatenate([corners.transpose(0, 2, 1), np.ones((len(corners), 1, corners.shape[1]))], axis=1)
    whole = np.column_stack([points, np.ones(len(points))])
    weights = np.linalg.solve(matrices[None], whole[:, None, :, None])[..., 0]
    return (weights >= -1e-12).all(axis=2).any(axis=1)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_points_are_in_the_mesh_if_they_are_in_one_of_its_cells(dim):
    mesh = graded(dim)
    points = np.random.default_rng(0).random((1500, dim)) ** 3 * 1.1 - 0.02
    expected = in_some_simplex(mesh, points)
    assert 0.1 < expected.mean() < 0.9
    assert np.array_equal(Membership.of(mesh)(points), expected)


def test_long_cells_are_found_from_their_far_ends():
    # One cell of length 100 beside many small ones, whose centres are all nearer to its tip.
    fine = box_mesh(np.array([98.0, 1.0]), np.array([100.0, 2.0]), 0.1, [None, None])
    n = len(fine.points)
    points = np.concatenate([fine.points, [[0.0, 0.0], [100.0, 0.0], [100.0, 0.99]]])
    mesh = Mesh(points, np.concatenate([fine.cells, [[n, n + 1, n + 2]]]), "triangle")
    assert Membership.of(mesh)(np.array([[99.9, 0.9], [99.9, 0.98], [50.0, 0.3], [50.0, 0.6]])).tolist() == [
        *(True, True),
        *(True, False),
    ]


def test_the_boundary_belongs_to_the_mesh_and_nothing_beyond():
    mesh = box_mesh(np.zeros(2), np.ones(2), 0.2, [None, None])
    edges = mesh.points[Facets.of(mesh).boundary]
    middles = edges.mean(axis=1)
    outwards = (edges[:, 1] - edges[:, 0])[:, ::-1] * [1, -1]
    inside = Membership.of(mesh)
    assert inside(middles).all()
    assert inside(mesh.points).all()
    assert not inside(middles + 1e-6 * outwards).any()


def test_quadrilaterals_count_as_a_whole():
    mesh = Mesh(np.array([[0.0, 0], [1, 0], [2, 2], [0, 1]]), np.array([[0, 1, 2, 3]]), "quad")
    assert "quad" in FACETS
    points = np.array([[0.9, 0.1], [0.1, 0.9], [1.5, 1.5], [1.5, 0.5], [0.5, 1.5]])
    assert Membership.of(mesh)(points).tolist() == [True, True, True, False, False]


def test_points_that_are_no_numbers_are_outside_and_no_points_are_none():
    inside = Membership.of(box_mesh(np.zeros(2), np.ones(2), 0.5, [None, None]))
    assert inside(np.array([[np.nan, 0.5], [np.inf, 0.5], [0.5, 0.5]])).tolist() == [False, False, True]
    assert inside(np.empty((0, 2))).shape == (0,)


def test_the_simplex_that_holds_a_point_is_named():
    mesh = Mesh(np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]]), np.array([[0, 1, 2], [0, 2, 3]]), "triangle")
    found = Membership.of(mesh).holders(np.array([[0.9, 0.1], [0.1, 0.9], [2.0, 0.5], [np.nan, 0.5]]))
    assert found.tolist() == [0, 1, -1, -1]
