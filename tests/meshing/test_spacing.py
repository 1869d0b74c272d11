"""Edges are short near fine parts of a boundary and grow away from them."""

from __future__ import annotations

import math

import numpy as np

from pinnlab.meshing.curves import circle, polygon
from pinnlab.meshing.spacing import AROUND, GROWTH, Spacing

SQUARE = polygon("abcd", np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float))
HOLE = circle("hole", np.zeros(2), 0.05)


def test_far_from_everything_fine_the_spacing_is_the_size():
    spacing = Spacing.along(SQUARE, 0.2)
    np.testing.assert_allclose(spacing(np.array([[0.0, 0.0], [0.9, 0.9]])), 0.2)


def test_around_a_circle_there_are_enough_edges_and_they_grow_smoothly_away_from_it():
    spacing = Spacing.along([*SQUARE, *HOLE], 0.2)
    near, far = spacing(np.array([[0.05, 0.0], [0.9, 0.9]]))
    assert near <= 2 * math.pi * 0.05 / AROUND * 1.001
    assert far == 0.2
    r = np.linspace(0.06, 0.95, 400)
    along = spacing(np.column_stack([r, 0 * r]))
    assert (np.diff(along) <= (GROWTH + 1e-9) * np.diff(r) + 1e-12).all() or np.diff(along).max() < 0.02
    assert (along >= near).all()


def test_a_curve_is_divided_into_edges_no_longer_than_the_spacing():
    spacing = Spacing.along([*SQUARE, *HOLE], 0.2)
    for curve in (*SQUARE, *HOLE):
        fractions = spacing.divide(curve)
        assert fractions[0] == 0
        assert fractions[-1] == 1
        assert (np.diff(fractions) > 0).all()
        lengths = np.diff(fractions) * curve.length
        assert lengths.max() <= 0.2 * 1.001
    assert sum(len(spacing.divide(c)) - 1 for c in HOLE) >= AROUND
