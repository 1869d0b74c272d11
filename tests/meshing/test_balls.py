"""Balls filled with tetrahedra."""

from __future__ import annotations

import numpy as np
import pytest

from pinnlab.meshing.balls import ball_mesh
from pinnlab.meshing.quality import Facets, smallest_angle, volumes
from pinnlab.meshing.refine import longest_edge


def test_the_volume_converges_with_the_square_of_the_size():
    missing = []
    for size in (1.0, 0.5):
        mesh = ball_mesh(np.array([1.0, 0.0, 0.0]), 1.0, size, "skin")
        assert longest_edge(mesh) <= size
        assert smallest_angle(mesh) > 20
        np.testing.assert_array_equal(
            np.sort(Facets.of(mesh).boundary, axis=None), np.sort(mesh.pieces["skin"], axis=None)
        )
        missing.append(1 - volumes(mesh).sum() / (4 / 3 * np.pi))
    assert 3 < missing[0] / missing[1] < 5


def test_a_size_beyond_the_memory_is_refused():
    with pytest.raises(ValueError, match="tetrahedra; take a larger one"):
        ball_mesh(np.zeros(3), 1.0, 1e-9, "skin")
