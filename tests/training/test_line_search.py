import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pinnlab.training.line_search import StrongWolfe, Trial

EMPTY = torch.zeros(0)


def on(function, slope):
    return lambda t: Trial(t, function(t), slope(t), EMPTY)


def found(function, slope, first, search=StrongWolfe()):  # noqa: B008
    evaluate = on(function, slope)
    return search.search(evaluate, evaluate(0.0), first)


def test_a_first_length_that_fits_is_taken_as_it_is():
    trial, used = found(lambda t: (t - 1) ** 2, lambda t: 2 * (t - 1), 1.1)
    assert (trial.length, used) == (1.1, 1)


@pytest.mark.parametrize("first", [1e-6, 1e-2, 3.0, 1e4])
def test_a_parabola_is_minimised_exactly_when_the_slope_must_vanish(first):
    search = StrongWolfe(curvature=1e-3)
    trial, used = found(lambda t: (t - 1) ** 2, lambda t: 2 * (t - 1), first, search)
    assert trial.length == pytest.approx(1, abs=1e-3)
    assert used <= 25


@given(st.floats(1e-5, 1e5), st.floats(0.1, 10), st.floats(-2, 2))
def test_both_conditions_hold_at_what_is_found(first, width, phase):
    def loss(t):
        return math.sin(3 * t / width + phase) + (t / width - 1) ** 2

    def slope(t):
        return (3 * math.cos(3 * t / width + phase) + 2 * (t / width - 1)) / width

    if slope(0.0) >= 0:
        return
    search = StrongWolfe()
    trial, _ = found(loss, slope, first, search)
    if trial is None:
        assert first > 10 * width
        return
    assert trial.loss <= loss(0) + search.decrease * trial.length * slope(0) + 1e-14
    assert abs(trial.slope) <= search.curvature * abs(slope(0))


def test_a_loss_that_is_no_number_shortens_the_step():
    # -log(1 - t) - 2 t has its minimum at 1/2 and does not exist from 1 on; 16 -> 4 -> 1 -> 1/4.
    def loss(t):
        return -math.log(1 - t) - 2 * t if t < 1 else math.nan

    trial, used = found(loss, lambda t: 1 / (1 - t) - 2 if t < 1 else math.nan, 16.0)
    assert (trial.length, used) == (0.25, 4)


def test_where_nothing_falls_there_is_no_trial():
    trial, used = found(lambda t: 1.0 + abs(t), lambda t: -1.0 if t == 0 else 1.0, 1.0)
    assert trial is None
    assert used == 25


def test_the_best_trial_is_kept_when_the_evaluations_run_out():
    trial, used = found(lambda t: -t, lambda t: -1.0, 1.0, StrongWolfe(evaluations=3))
    assert used == 3
    assert trial.length > 1


def test_rounding_of_the_loss_does_not_stop_a_falling_slope():
    trial, _ = found(lambda t: 1.0, lambda t: 1e-12 * (t - 1), 1.0)
    assert trial.length == 1.0


@pytest.mark.parametrize("settings", [{"decrease": 0.0}, {"decrease": 0.6}, {"curvature": 1.0}, {"evaluations": 0}])
def test_unusable_settings_are_refused(settings):
    with pytest.raises(ValueError, match="StrongWolfe"):
        StrongWolfe(**settings)


def test_a_small_first_length_grows_geometrically():
    # The slope steepens at first, so that no cubic sees the minimum ahead.
    def loss(t):
        return math.sin(3 * t + 1) + (t - 1) ** 2

    def slope(t):
        return 3 * math.cos(3 * t + 1) + 2 * (t - 1)

    trial, used = found(loss, slope, 2.0**-7, StrongWolfe())
    assert abs(trial.slope) <= 0.9 * abs(slope(0))
    assert used <= 12
