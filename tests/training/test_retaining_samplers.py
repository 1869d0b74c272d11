"""Samplers that keep points: what is retained, how many there are, and where the new ones go."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinnlab.errors import SolveFailed
from pinnlab.training.retaining_samplers import ResidualAdaptiveRefinement, RetainResampleRelease
from pinnlab.training.samplers import Region

BOX = Region(2, lambda n, rng: rng.random((n, 2)), lambda unit: unit)


def slope(points):
    return points[:, 0] - 0.5


def rows(points):
    return {tuple(p) for p in points}


def test_refinement_keeps_all_points_and_adds_some_until_there_are_enough():
    sampler, rng = ResidualAdaptiveRefinement(points=20, added=8, most=33, candidates=50), np.random.default_rng(0)
    draws = [sampler.draw(rng, BOX, slope)]
    for _ in range(4):
        draws.append(sampler.draw(rng, BOX, slope, draws[-1]))
    assert [len(d) for d in draws] == [20, 28, 33, 33, 33]
    for before, after in pairwise(draws):
        np.testing.assert_array_equal(after[: len(before)], before)


def test_refinement_adds_where_the_residual_is_large():
    # |r|^2 = 1 on a tenth of the square and else 0, c = 0: all new points lie there.
    sampler = ResidualAdaptiveRefinement(points=10, added=40, candidates=2000)
    previous = np.full((10, 2), 0.9)
    points = sampler.draw(np.random.default_rng(0), BOX, lambda p: np.where(p[:, 0] < 0.1, -1.0, 0.0), previous)
    assert (points[10:, 0] < 0.1).all()


def test_refinement_without_candidates_that_have_a_residual_is_reported():
    sampler = ResidualAdaptiveRefinement(points=10, added=40, candidates=60)
    with pytest.raises(ValueError, match=r"ResidualAdaptiveRefinement: only 3 candidates .* give c > 0"):
        sampler.draw(np.random.default_rng(0), BOX, lambda p: 1.0 * (np.arange(len(p)) < 3), np.zeros((10, 2)))


def test_retained_are_the_points_above_the_mean_by_hand():
    # |r| = 0.4, 0.1, 0.2, 0.5 with mean 0.3: the first and the last stay.
    previous = np.array([[0.9, 0.0], [0.4, 0.1], [0.7, 0.2], [0.0, 0.3]])
    points = RetainResampleRelease(points=4).draw(np.random.default_rng(0), BOX, slope, previous)
    np.testing.assert_array_equal(points[:2], previous[[0, 3]])
    assert not rows(points[2:]) & rows(previous)


@given(st.integers(1, 60), st.integers(0, 1000))
def test_the_population_is_constant_and_holds_all_points_above_the_mean(n, seed):
    sampler, rng = RetainResampleRelease(points=n), np.random.default_rng(seed)
    points = sampler.draw(rng, BOX, slope)
    for _ in range(5):
        size = np.abs(slope(points))
        keep = rows(points[size > size.mean()])
        points = sampler.draw(rng, BOX, slope, points)
        assert points.shape == (n, 2)
        assert keep <= rows(points)


def test_points_gather_where_the_residual_stays_large_and_leave_when_it_falls():
    sampler, rng = RetainResampleRelease(points=400), np.random.default_rng(0)
    points = sampler.draw(rng, BOX, slope)

    def corner(p):
        return 1.0 * (p[:, 0] < 0.1)

    for _ in range(30):
        points = sampler.draw(rng, BOX, corner, points)
    assert (points[:, 0] < 0.1).mean() > 0.7
    points = sampler.draw(rng, BOX, lambda p: np.ones(len(p)), points)
    assert (points[:, 0] < 0.1).mean() < 0.2


@pytest.mark.parametrize("sampler", [RetainResampleRelease(8), ResidualAdaptiveRefinement(8, 2, 20, 16)])
def test_equal_generators_give_equal_points_and_a_bad_residual_is_reported(sampler):
    a, b, c = (sampler.draw(np.random.default_rng(seed), BOX, slope) for seed in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)
    with pytest.raises(SolveFailed, match=rf"{type(sampler).__name__}: the residual is nan at \["):
        sampler.draw(np.random.default_rng(0), BOX, lambda p: np.full(len(p), np.nan), a)


@pytest.mark.parametrize(
    "make",
    [
        lambda: RetainResampleRelease(0),
        lambda: RetainResampleRelease(every=-1),
        lambda: ResidualAdaptiveRefinement(points=0),
        lambda: ResidualAdaptiveRefinement(added=0),
        lambda: ResidualAdaptiveRefinement(added=20, candidates=10),
        lambda: ResidualAdaptiveRefinement(points=100, most=99),
        lambda: ResidualAdaptiveRefinement(k=-1.0),
        lambda: ResidualAdaptiveRefinement(c=float("inf")),
    ],
)
def test_unusable_settings_are_refused(make):
    with pytest.raises(ValueError, match=r"points = |every|added|candidates|most|k = |c = "):
        make()
