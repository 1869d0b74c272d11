"""Spheres and faces: areas, distances and uniform points."""

from __future__ import annotations

import numpy as np
import pytest

from pinnlab.meshing.surfaces import Face, Sphere


def test_a_sphere_by_hand():
    sphere = Sphere("s", np.array([1.0, 2.0, 3.0]), 2.0)
    assert sphere.area == pytest.approx(16 * np.pi)
    np.testing.assert_allclose(sphere.distance(np.array([[1, 2, 3], [4, 2, 3]])), [2, 1])
    points, normals = sphere.sample(20_000, np.random.default_rng(0))
    assert np.abs(sphere.distance(points)).max() < 1e-14
    np.testing.assert_allclose(points, sphere.centre + 2 * normals)
    # By Archimedes the heights are uniform.
    heights = np.histogram(normals[:, 2], bins=10, range=(-1, 1))[0]
    assert np.abs(heights / 2_000 - 1).max() < 0.1


def test_a_face_by_hand():
    face = Face("f", np.array([0.0, 1.0, 5.0]), np.array([2.0, 4.0, 5.0]), 2, -1.0)
    assert face.area == 6
    points, normals = face.sample(1_000, np.random.default_rng(0))
    assert set(points[:, 2]) == {5}
    np.testing.assert_array_equal(normals, np.tile([0, 0, -1], (1_000, 1)))
    assert points[:, :2].mean(axis=0) == pytest.approx([1, 2.5], abs=0.1)
    np.testing.assert_allclose(face.distance(np.array([[1, 2, 7], [5, 8, 5]])), [2, 5])
