"""Segments and arcs by hand: lengths, normals, crossings, and which parts bound a region."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pinnlab.meshing.curves import (
    Arc,
    Segment,
    bounding_parts,
    circle,
    crossings,
    enclosed_area,
    extent,
    merged,
    polygon,
    total_length,
)


def segment(a, b):
    return Segment("s", np.array(a, float), np.array(b, float))


def test_a_segment_by_hand():
    s = segment((0, 0), (3, 4))
    assert s.length == 5
    np.testing.assert_allclose(s.at(np.array([0, 0.4])), [[0, 0], [1.2, 1.6]])
    # The region is on the left of the way, so that the normal points to the right.
    np.testing.assert_allclose(s.normals(np.array([0.5])), [[0.8, -0.6]])
    np.testing.assert_allclose(s.distance(np.array([[0, 5], [6, 8], [1.5, 2]])), [3, 5, 0])
    back = s.part(1.0, 0.5)
    np.testing.assert_allclose(back.at(np.array([0.0, 1.0])), [[3, 4], [1.5, 2]])


def test_an_arc_by_hand():
    quarter = Arc("a", np.array([1.0, 0.0]), 2.0, 0.0, math.pi / 2)
    assert quarter.length == pytest.approx(math.pi)
    np.testing.assert_allclose(quarter.at(np.array([0, 1])), [[3, 0], [1, 2]], atol=1e-15)
    np.testing.assert_allclose(quarter.normals(np.array([0.0])), [[1, 0]], atol=1e-15)
    turned = quarter.part(1.0, 0.0)
    np.testing.assert_allclose(turned.normals(np.array([1.0])), [[-1, 0]], atol=1e-15)
    np.testing.assert_allclose(quarter.distance(np.array([[1.0, 0.0], [4.0, 0.0], [1.0, -2.0]])), [2, 1, math.sqrt(8)])


def test_areas_and_lengths_of_closed_boundaries():
    assert enclosed_area(circle("c", np.array([5.0, -3.0]), 2.0)) == pytest.approx(4 * math.pi)
    square = polygon("abcd", np.array([[1, 1], [3, 1], [3, 3], [1, 3]], float))
    assert enclosed_area(square) == pytest.approx(4)
    assert total_length(square, "b") == 2
    assert extent(square) == pytest.approx(2, rel=0.5)


def test_crossings_are_fractions_of_length():
    a, b = segment((0, 0), (4, 0)), segment((1, -1), (1, 1))
    np.testing.assert_allclose(crossings(a, b, 1e-9), [0.25])
    quarter = Arc("a", np.zeros(2), 2.0, 0.0, math.pi)
    assert sorted(crossings(segment((-4, 1), (4, 1)), quarter, 1e-9)) == pytest.approx(
        [(4 - math.sqrt(3)) / 8, (4 + math.sqrt(3)) / 8]
    )
    assert len(crossings(a, segment((0, 1), (4, 1)), 1e-9)) == 0


def test_bounding_parts_keep_what_bounds_and_turn_holes_round():
    outer = circle("outer", np.zeros(2), 2.0)
    hole = circle("hole", np.array([0.5, 0.0]), 1.0)

    def inside(p):
        return (np.hypot(*p.T) < 2) & (np.hypot(p[:, 0] - 0.5, p[:, 1]) > 1)

    parts = bounding_parts([*outer, *hole], inside)
    assert enclosed_area(parts) == pytest.approx(3 * math.pi)
    assert total_length(parts, "hole") == pytest.approx(2 * math.pi)


def test_coincident_parts_are_kept_once():
    a = polygon("abcd", np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float))
    b = polygon("efgh", np.array([[1, 0], [2, 0], [2, 1], [1, 1]], float))

    def inside(p):
        return (p[:, 0] > 0) & (p[:, 0] < 2) & (p[:, 1] > 0) & (p[:, 1] < 1)

    parts = bounding_parts([*a, *b], inside)
    assert sorted(p.piece for p in parts) == sorted("acdefg")
    assert enclosed_area(parts) == pytest.approx(2)


def test_points_that_nearly_coincide_become_one():
    points = np.array([[0, 0], [1, 1], [1e-12, 0], [2, 0]], float)
    distinct, number = merged(points, 1e-9)
    assert len(distinct) == 3
    np.testing.assert_array_equal(number, [0, 1, 0, 2])
