"""Leverage scores and pivotal sampling: numbers by hand, inclusion probabilities, and spread."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinnlab.errors import SolveFailed
from pinnlab.training.leverage import (
    LeverageScore,
    inclusion_probabilities,
    leverage_scores,
    pivotal_sample,
)
from pinnlab.training.samplers import Region

BOX = Region(2, lambda n, rng: rng.random((n, 2)), lambda unit: unit)


class Linear:
    """The Jacobian of a + b x + c y, and one equation."""

    def __call__(self, points):
        return np.ones(len(points))

    def jacobian(self, points):
        return np.column_stack([np.ones(len(points)), points])[:, None]


def test_leverage_by_hand():
    # One column (3, 4): 9/25 and 16/25.  With a second equation (0, 0) beside, nothing changes.
    rows = np.array([[[3.0], [0.0]], [[4.0], [0.0]]])
    np.testing.assert_allclose(leverage_scores(rows, 1e-15), [9 / 25, 16 / 25])
    # A line through -1, 0, 1: 1/3 + x^2 / 2.
    line = np.array([[[1.0, -1.0]], [[1.0, 0.0]], [[1.0, 1.0]]])
    np.testing.assert_allclose(leverage_scores(line, 1e-15), [5 / 6, 1 / 3, 5 / 6])


def test_leverage_sums_to_the_number_of_parameters_and_of_nothing_is_nothing():
    rows = np.random.default_rng(0).normal(size=(40, 2, 7))
    assert leverage_scores(rows, 1e-15).sum() == pytest.approx(7)
    assert (leverage_scores(np.zeros((5, 2, 3)), 1e-10) == 0).all()


def test_inclusion_probabilities_by_hand():
    # 3 of scores 10, 1, 1, 2: the first is certain, then 2 of 1, 1, 2: the last is certain, then a half each.
    np.testing.assert_allclose(inclusion_probabilities(np.array([10.0, 1.0, 1.0, 2.0]), 3), [1, 0.5, 0.5, 1])
    np.testing.assert_allclose(inclusion_probabilities(np.array([1.0, 3.0, 0.0]), 1), [0.25, 0.75, 0])
    np.testing.assert_allclose(inclusion_probabilities(np.array([1.0, 3.0, 0.0]), 2), [1, 1, 0])


def test_too_few_scores_are_reported():
    with pytest.raises(ValueError, match="only 2 candidates have a leverage and 3 points are wanted"):
        inclusion_probabilities(np.array([1.0, 3.0, 0.0]), 3)


@given(st.integers(1, 200), st.integers(1, 4), st.integers(0, 1000), st.data())
def test_a_pivotal_sample_has_its_size_and_takes_what_is_certain(n, dim, seed, data):
    count = data.draw(st.integers(1, n))
    rng = np.random.default_rng(seed)
    chance = inclusion_probabilities(rng.random(n) ** 3 + 1e-3, count)
    assert chance.sum() == pytest.approx(count)
    taken = pivotal_sample(rng.random((n, dim)), chance, rng)
    assert len(taken) == count
    assert set(np.flatnonzero(chance == 1)) <= set(taken)


def test_every_point_is_taken_as_often_as_it_should():
    rng = np.random.default_rng(0)
    points, chance = rng.random((9, 2)), inclusion_probabilities(np.arange(1.0, 10.0), 4)
    counts = np.zeros(9)
    for _ in range(2000):
        counts[pivotal_sample(points, chance, rng)] += 1
    # Four standard deviations of a frequency are at most 2 / sqrt(2000) = 0.045.
    np.testing.assert_allclose(counts / 2000, chance, atol=0.045)


def test_neighbours_are_never_both_taken_where_one_of_two_is_wanted():
    # Eight pairs of near twins, a half each.
    rng = np.random.default_rng(0)
    points = np.repeat(np.arange(8.0), 2)[:, None] + np.tile([0.0, 1e-3], 8)[:, None]
    for _ in range(50):
        taken = pivotal_sample(points, np.full(16, 0.5), rng)
        assert sorted(taken // 2) == list(range(8))


def test_a_pivotal_sample_is_more_even_than_an_independent_one():
    rng = np.random.default_rng(0)
    points = rng.random((4096, 2))

    def unevenness(taken):
        counts, *_ = np.histogram2d(*points[taken].T, bins=8, range=[[0, 1], [0, 1]])
        return counts.var()

    pivotal = np.mean([unevenness(pivotal_sample(points, np.full(4096, 1 / 8), rng)) for _ in range(10)])
    plain = np.mean([unevenness(rng.choice(4096, 512, replace=False)) for _ in range(10)])
    assert pivotal < 0.3 * plain


def test_points_crowd_at_the_ends_of_a_line():
    # Of a + b x + c y the corners have most leverage, the middle least.
    points = LeverageScore(200, 4000).draw(np.random.default_rng(0), BOX, Linear())
    assert points.shape == (200, 2)
    distance = np.abs(points - 0.5).max(axis=1)
    assert (distance < 0.25).mean() < 0.15


def test_equal_generators_give_equal_points():
    a, b, c = (LeverageScore(20, 50).draw(np.random.default_rng(seed), BOX, Linear()) for seed in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_a_jacobian_that_is_not_finite_is_reported_with_its_place():
    class Bad(Linear):
        def jacobian(self, points):
            return super().jacobian(points) * np.nan

    with pytest.raises(SolveFailed, match=r"derivative by the parameters is not finite at \["):
        LeverageScore(8, 16).draw(np.random.default_rng(0), BOX, Bad())


@pytest.mark.parametrize("bad", [{"points": 0}, {"every": -1}, {"candidates": 10}, {"ridge": 0.0}])
def test_unusable_settings_are_refused(bad):
    (name,) = bad
    with pytest.raises(ValueError, match=f"LeverageScore: {name} = "):
        LeverageScore(**bad)


def test_a_jacobian_beyond_memory_is_refused_before_it_is_made():
    class Counting(Linear):
        most = 0

        def jacobian(self, points):
            self.most = max(self.most, len(points))
            return super().jacobian(points)

    # 8 (3 * 50 * 1 * 3 + 2 * 9) bytes.
    residual = Counting()
    LeverageScore(20, 50, memory=3744).draw(np.random.default_rng(0), BOX, Linear())
    with pytest.raises(ValueError, match=r"LeverageScore: the Jacobian of 50 candidates by 3 parameters takes"):
        LeverageScore(20, 50, memory=3743).draw(np.random.default_rng(0), BOX, residual)
    assert residual.most == 1


def test_a_ridge_below_rounding_asks_for_a_larger_one():
    # J'J = [[1, 1], [1, 1]] / 1 has no Cholesky factor, and 1 + 1e-30 is 1.
    rows = np.ones((1, 1, 2))
    with pytest.raises(SolveFailed, match=r"singular to rounding with ridge = 1e-30; give a larger ridge"):
        leverage_scores(rows, 1e-30)
