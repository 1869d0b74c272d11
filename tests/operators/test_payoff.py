"""When an operator has earned its training."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pinnlab.operators.payoff import Timing, payoff, timed

OPERATOR = Timing("Fno", 0.5, 1e-2)


def test_training_is_paid_by_what_each_query_saves():
    # 100 s + n 0.5 s = n 2.5 s for n = 50.
    found = payoff(OPERATOR, [Timing("Etdrk4", 2.5, 1e-2)], spent=100.0)
    assert found.queries == 50
    assert str(found) == "after 50 queries"
    # And 101 s need a part of one more.
    assert payoff(OPERATOR, [Timing("Etdrk4", 2.5, 1e-2)], spent=101.0).queries == 51


def test_the_rival_is_the_fastest_that_is_as_accurate():
    crude, equal, fine = Timing("crude", 0.1, 2e-2), Timing("equal", 2.0, 9e-3), Timing("fine", 8.0, 1e-6)
    found = payoff(OPERATOR, [fine, crude, equal], spent=3000.0)
    assert found.classical is equal
    assert found.queries == 2000
    assert str(found) == "after 2,000 queries"


@pytest.mark.parametrize("seconds", [0.5, 0.1])
def test_where_the_classical_solver_is_as_fast_training_never_pays(seconds):
    found = payoff(OPERATOR, [Timing("Etdrk4", seconds, 1e-3)], spent=1.0)
    assert math.isinf(found.queries)
    assert str(found) == "never: Etdrk4 is as fast"


def test_without_a_solver_of_equal_error_nothing_is_claimed():
    found = payoff(OPERATOR, [Timing("crude", 9.0, 1.1e-2)], spent=1.0)
    assert found.classical is None
    assert math.isnan(found.queries)
    assert "not known" in str(found)


def test_what_is_answered_without_training_has_paid_off_at_once():
    assert payoff(OPERATOR, [Timing("Etdrk4", 1.0, 0.0)], spent=0.0).queries == 0


def test_a_timing_holds_the_mean_relative_error_and_asks_each_query_as_often():
    truths = [np.array([3.0, 4.0]), np.array([0.0, 2.0])]
    asked = []

    def answer(number):
        asked.append(number)
        # Off by 1 of 5, and by 1 of 2.
        return truths[number] + np.array([1.0, 0.0])

    found = timed("shifted", answer, truths, repeats=2)
    assert found.name == "shifted"
    assert found.error == pytest.approx((0.2 + 0.5) / 2)
    assert found.seconds > 0
    # The first is asked once more, to warm up.
    assert asked == [0, 0, 0, 1, 1]


def test_the_time_is_the_median_of_all_queries(monkeypatch):
    ticks = iter([0.0, 1.0, 10.0, 12.0, 20.0, 29.0])
    monkeypatch.setattr("pinnlab.operators.payoff.time.perf_counter", lambda: next(ticks))
    truths = [np.ones(2)] * 3
    assert timed("exact", lambda number: truths[number], truths, repeats=1).seconds == 2.0


@pytest.mark.parametrize(
    ("truths", "repeats", "message"),
    [
        ([], 1, "no queries for it"),
        ([np.ones(3)], 1, r"shape \(2,\), not \(3,\)"),
        ([np.zeros(2)], 1, "0 everywhere"),
        ([np.ones(2)], 0, "repeats = 0; give a positive whole number"),
    ],
)
def test_what_cannot_be_measured_is_refused(truths, repeats, message):
    with pytest.raises(ValueError, match=message):
        timed("it", lambda number: np.ones(2), truths, repeats=repeats)


@pytest.mark.parametrize(("seconds", "error"), [(0.0, 1.0), (math.inf, 1.0), (1.0, -1.0), (1.0, math.nan)])
def test_timings_that_mean_nothing_are_refused(seconds, error):
    with pytest.raises(ValueError, match="Timing"):
        Timing("it", seconds, error)


@pytest.mark.parametrize("spent", [-1.0, math.inf, math.nan])
def test_costs_that_mean_nothing_are_refused(spent):
    with pytest.raises(ValueError, match="spent"):
        payoff(OPERATOR, [], spent)
