"""Orders from coarse to fine: coverage, by hand on a line, and neighbours against all distances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab.numerics.coarse_to_fine import coarse_to_fine, earlier_neighbours


def test_points_on_a_line_come_by_halving():
    """Cells of length 1, 1/2, 1/4, 1/8 that begin at 0, with the point nearest to the middle of each.

    0.5 in [0, 1), 1.0 in [1, 2); 0.26 in [0, 1/2), while [1/2, 1) has 0.5; 0.13 in [0, 1/4); 0.0 and 0.74 last.
    """
    points = np.array([0.0, 0.13, 0.26, 0.5, 0.74, 1.0])[:, None]
    assert coarse_to_fine(points).tolist() == [3, 5, 2, 1, 0, 4]


@given(st.integers(1, 300), st.integers(1, 3), st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_every_point_comes_once(n, dim, seed):
    order = coarse_to_fine(np.random.default_rng(seed).random((n, dim)))
    assert sorted(order.tolist()) == list(range(n))


def test_points_that_coincide_come_once_each():
    assert sorted(coarse_to_fine(np.zeros((5, 2))).tolist()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("count", [50, 200, 800])
def test_every_beginning_covers_the_square(count):
    points = np.random.default_rng(0).random((3000, 2))
    begun = points[coarse_to_fine(points)[:count]]
    gap = np.sqrt(((points[:, None] - begun) ** 2).sum(axis=2).min(axis=1)).max()
    # Points at random leave gaps of about twice this; a regular grid has 0.7 / sqrt(count).
    assert gap * np.sqrt(count) < 2.0


@given(st.integers(2, 400), st.integers(1, 20), st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_neighbours_are_the_nearest_earlier_points(n, m, seed):
    points = np.random.default_rng(seed).random((n, 2))
    found = earlier_neighbours(points, m)
    distance = np.sqrt(((points[:, None] - points) ** 2).sum(axis=2))
    for i in range(n):
        there = found[i][found[i] >= 0]
        assert len(there) == min(i, m)
        assert (there < i).all()
        np.testing.assert_allclose(distance[i, there], np.sort(distance[i, :i])[: len(there)])
