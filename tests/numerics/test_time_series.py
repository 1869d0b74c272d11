from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from pinnlab.numerics.time_series import HermiteTimes, StepTimes


def evaluate(times, function, rate, points, order=0):
    return HermiteTimes(times).interpolation(points, order) @ np.concatenate([function(times), rate(times)])


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("nt", [1, 2, 3, 4, 5, 11])
def test_polynomials_up_to_degree_seven_are_exact(nt, order):
    rng = np.random.default_rng(nt)
    times = np.cumsum(rng.uniform(0.5, 1.5, nt))
    p = np.polynomial.Polynomial(rng.normal(size=min(2 * nt, 8)), domain=[0, 12], window=[-1, 1])
    points = np.linspace(times[0], times[-1], 97)
    found = evaluate(times, p, p.deriv(), points, order)
    exact = p.deriv(order)(points) if order else p(points)
    np.testing.assert_allclose(found, exact, atol=1e-12)


def test_cubic_weights_by_hand():
    # Halfway between two times, dt = 2: (v0 + v1) / 2 + dt (r0 - r1) / 8, and its derivatives.
    series = HermiteTimes([1.0, 3.0])
    half = np.array([2.0])
    assert series.interpolation(half).toarray() == pytest.approx(np.array([[0.5, 0.5, 0.25, -0.25]]))
    assert series.interpolation(half, 1).toarray() == pytest.approx(np.array([[-0.75, 0.75, -0.25, -0.25]]))
    assert series.interpolation(half, 2).toarray() == pytest.approx(np.array([[0, 0, -0.5, 0.5]]), abs=1e-15)
    assert series.interpolation(np.array([1.0]), 2).toarray() == pytest.approx(np.array([[-1.5, 1.5, -2, -1]]))


def test_values_and_rates_are_matched_at_every_time():
    times = np.array([0.0, 0.3, 1.0, 1.1, 2.0, 2.7])
    both = np.random.default_rng(0).normal(size=12)
    series = HermiteTimes(times)
    np.testing.assert_allclose(series.interpolation(times) @ both, both[:6], atol=1e-14)
    np.testing.assert_allclose(series.interpolation(times, 1) @ both, both[6:], atol=1e-12)
    before, after = times[1:-1] - 1e-9, times[1:-1] + 1e-9
    np.testing.assert_allclose(series.interpolation(before, 1) @ both, both[7:11], atol=1e-5)
    np.testing.assert_allclose(series.interpolation(after, 1) @ both, both[7:11], atol=1e-5)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_the_error_falls_with_the_eighth_power_of_the_step(order):
    points = np.linspace(0, 6, 1001)
    exact = [np.sin, np.cos, lambda t: -np.sin(t)][order](points)
    errors = [
        np.abs(evaluate(np.linspace(0, 6, nt), np.sin, np.cos, points, order) - exact).max() for nt in (9, 17, 33)
    ]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(8 - order, abs=0.6)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(8 - order, abs=0.6)


def test_a_short_last_step_does_not_amplify_rounding():
    times = np.concatenate([np.linspace(0, 1, 11), [1 + 1e-7, 1 + 2e-7]])
    points = np.linspace(0, 1, 500)
    assert np.abs(evaluate(times, np.sin, np.cos, points) - np.sin(points)).max() < 1e-11
    assert np.abs(evaluate(times, np.sin, np.cos, points, 1) - np.cos(points)).max() < 1e-9


def test_each_row_reads_at_most_four_times():
    matrix = HermiteTimes(np.linspace(0, 1, 50)).interpolation(np.linspace(0, 1, 200))
    assert isinstance(matrix, csr_array)
    assert matrix.shape == (200, 100)
    assert np.diff(matrix.indptr).max() == 8
    assert HermiteTimes([0.0, 1.0]).interpolation(np.empty(0)).shape == (0, 4)


def test_a_single_time_is_a_straight_line():
    series = HermiteTimes([2.0])
    assert series.interpolation(np.array([2.0])).toarray().tolist() == [[1.0, 0.0]]
    assert series.interpolation(np.array([2.0]), 1).toarray().tolist() == [[0.0, 1.0]]
    assert series.interpolation(np.array([2.0]), 2).toarray().tolist() == [[0.0, 0.0]]


def test_bad_times_are_refused_in_words():
    series = HermiteTimes([0.0, 1.0])
    with pytest.raises(ValueError, match=r"time 1\.5 is not in \[0\.0, 1\.0\] \(2 of 3"):
        series.interpolation(np.array([0.5, 1.5, np.nan]))
    with pytest.raises(ValueError, match="order 0, 1 and 2, not 3"):
        series.interpolation(np.array([0.5]), 3)
    for times in ([], [0.0, 0.0], [1.0, 0.0], [0.0, np.inf], [[0.0, 1.0]]):
        with pytest.raises(ValueError, match="ascending"):
            HermiteTimes(times)


def layered(t):
    """A layer of width 1e-4 at t = 0, then a slow decay."""
    return np.exp(-t) - np.exp(-t / 1e-4), -np.exp(-t) + 1e4 * np.exp(-t / 1e-4)


def test_steps_after_a_layer_do_not_look_back_into_it():
    # Steps of 1e-5 resolve the layer, then they grow tenfold each, so that an eighth of one reaches over all before it.
    times = np.concatenate([np.linspace(0, 1.5e-3, 151), 1.5e-3 + np.cumsum([1e-4, 1e-3, 1e-2, 0.1, 0.5, 0.5])])
    points = np.linspace(0, times[-1], 3001)
    values, rates = layered(times)
    found = StepTimes(times).interpolation(points) @ np.concatenate([values, rates])
    assert np.abs(found - layered(points)[0]).max() < 2e-4
    passing_over = HermiteTimes(times).interpolation(points) @ np.concatenate([values, rates])
    assert np.abs(passing_over - layered(points)[0]).max() > 1


def test_equal_steps_are_interpolated_as_snapshots_are():
    times, points = np.linspace(0, 3, 13), np.linspace(0, 3, 77)
    for order in (0, 1, 2):
        a, b = (kind(times).interpolation(points, order).toarray() for kind in (StepTimes, HermiteTimes))
        np.testing.assert_allclose(a, b, atol=1e-9)
