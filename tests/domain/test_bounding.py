"""Boxes around regions."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pinnlab import Ball, Box, Difference, Disk, MeshDomain
from pinnlab.domain.base import Domain
from pinnlab.domain.bounding import bounding_box

x, y, z = sp.symbols("x y z", real=True)


class Disc(Domain):
    """The unit disc, of which nothing but samples is known."""

    coordinates = (x, y)
    pieces = ("rim",)

    def contains(self, points):
        return np.linalg.norm(points, axis=1) <= 1

    def sample(self, n, rng):
        return np.sqrt(rng.random((n, 1))) * self.sample_piece("rim", n, rng)[0]

    def sample_piece(self, piece, n, rng):
        angle = rng.uniform(0, 2 * np.pi, n)
        points = np.column_stack([np.cos(angle), np.sin(angle)])
        return points, points


@pytest.mark.parametrize(
    ("region", "lower", "upper"),
    [
        (Box({x: (-1, 2), y: (0, 3)}), [-1, 0], [2, 3]),
        (Disk({x: 1, y: 2}, radius=2), [-1, 0], [3, 4]),
        (Ball({x: 0, y: 0, z: 1}, radius=1), [-1, -1, 0], [1, 1, 2]),
        (Difference(Box({x: (0, 1), y: (0, 1)}), Disk({x: 0.5, y: 0.5}, radius=0.1)), [0, 0], [1, 1]),
    ],
)
def test_of_a_shape_it_is_exact(region, lower, upper):
    found = bounding_box(region)
    np.testing.assert_array_equal(found[0], lower)
    np.testing.assert_array_equal(found[1], upper)


def test_of_a_mesh_it_is_that_of_its_vertices():
    mesh = Box({x: (-1, 2), y: (0, 3)}).mesh(1.0)
    found = bounding_box(MeshDomain.from_mesh(mesh, (x, y)))
    np.testing.assert_allclose(found, [[-1, 0], [2, 3]])


def test_of_any_other_domain_it_is_that_of_points_drawn_in_it():
    lower, upper = bounding_box(Disc())
    np.testing.assert_allclose(lower, -1, atol=1e-4)
    np.testing.assert_allclose(upper, 1, atol=1e-4)
    again = bounding_box(Disc())
    np.testing.assert_array_equal(lower, again[0])
