"""Even points in domains and on their boundaries."""

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, Difference, Disk, TimeInterval
from pinnlab.domain.base import Domain
from pinnlab.domain.even_points import (
    bounding_box,
    farthest_first,
    grid_inside,
    quasi_random_on_piece,
    spread_on_piece,
)
from pinnlab.domain.mesh_domain import MeshDomain

t, x, y = sp.symbols("t x y", real=True)
HOLED = Difference(Box({x: (-1, 1), y: (0, 1)}), Disk({x: 0.0, y: 0.5}, 0.25, name="hole"))


class Triangle(Domain):
    """Below the diagonal of the unit square; a domain of a user's own."""

    coordinates = (x, y)
    pieces = ()

    def contains(self, points):
        return (points[:, 1] <= points[:, 0]) & (points[:, 1] >= 0) & (points[:, 0] <= 1)

    def sample(self, n, rng):
        return np.sort(rng.random((n, 2)), axis=1)[:, ::-1]

    def sample_piece(self, piece, n, rng):
        raise ValueError(piece)


def test_boxes_around_shapes_meshes_and_evolutions_are_exact():
    low, high = bounding_box(TimeInterval(t, 2, 3) * HOLED)
    np.testing.assert_array_equal([low, high], [[2, -1, 0], [3, 1, 1]])
    mesh = MeshDomain.from_mesh(Box({x: (0, 2), y: (1, 2)}).mesh(0.5), (x, y))
    np.testing.assert_allclose(bounding_box(mesh), [[0, 1], [2, 2]])


def test_the_box_around_an_unknown_domain_holds_it_with_a_margin():
    low, high = bounding_box(Triangle())
    assert np.abs(low).max() < 0.02
    assert np.abs(high - 1).max() < 0.02


def test_a_grid_has_the_middles_of_its_cells_that_lie_inside():
    np.testing.assert_allclose(grid_inside(Box({x: (0, 4), y: (0, 1)}), [2, 1]), [[1, 0.5], [3, 0.5]])
    points = grid_inside(HOLED, [20, 10])
    assert 170 < len(points) < 200
    assert HOLED.contains(points).all()


def test_farthest_points_of_a_line_worked_by_hand():
    points = np.array([[0.0], [0.4], [1.0], [0.55]])
    assert farthest_first(points, 3).tolist() == [0, 2, 3]


@pytest.mark.parametrize("piece", ["hole", "left"])
def test_points_on_a_piece_are_spread(piece):
    points, normals = spread_on_piece(HOLED, piece, 20, np.random.default_rng(0))
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1)
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2) + 9 * np.eye(20)
    even = (np.pi / 2 if piece == "hole" else 1.0) / 20
    assert gaps.min() > even / 2


def discrepancy(points):
    from scipy.stats import qmc

    return qmc.discrepancy(points)


@pytest.mark.parametrize("piece", ["initial", "right"])
def test_points_on_the_sides_of_a_box_cover_them_better_than_independent_ones(piece):
    domain = TimeInterval(t, 2, 4) * Box({x: (-1, 1), y: (0, 3)})
    points, normals = quasi_random_on_piece(domain, piece, 100, np.random.default_rng(0))
    fixed, free = (0, [1, 2]) if piece == "initial" else (1, [0, 2])
    assert set(points[:, fixed]) == {2.0 if piece == "initial" else 1.0}
    assert normals.tolist() == [[-1, 0, 0] if piece == "initial" else [0, 1, 0]] * 100
    low, high = np.array(bounding_box(domain))[:, free]
    unit = (points[:, free] - low) / (high - low)
    random = np.random.default_rng(0).random((100, 2))
    assert discrepancy(unit) < 0.2 * discrepancy(random)


def test_ends_of_an_interval_and_pieces_of_other_shapes_are_as_they_were():
    ends, _ = quasi_random_on_piece(Box({x: (0, 2)}), "right", 1, np.random.default_rng(0))
    assert ends.tolist() == [[2.0]]
    found = quasi_random_on_piece(HOLED, "hole", 7, np.random.default_rng(1))
    for a, b in zip(found, HOLED.sample_piece("hole", 7, np.random.default_rng(1)), strict=True):
        np.testing.assert_array_equal(a, b)
