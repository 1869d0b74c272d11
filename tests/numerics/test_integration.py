"""Walks: steps of the integrators' own length, recorded."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.sparse import csc_array

from pinnlab.errors import SolveFailed
from pinnlab.numerics.automatic import Automatic, Lsoda
from pinnlab.numerics.integration import Integrator, State
from pinnlab.numerics.integrators import Bdf, Dop853, Radau
from pinnlab.numerics.tase import ModifiedSinglyTase, SinglyTase

ADAPTIVE = [method(1e-7, 1e-9) for method in (Dop853, Radau, Bdf, Lsoda, Automatic)]
ALL = [*ADAPTIVE, SinglyTase(3, 0.01), ModifiedSinglyTase(3, 0.01)]
IDS = [type(m).__name__ for m in ALL]
START = np.array([0.0, 1.0])


def oscillator(t, y):
    return np.array([y[1], -y[0] + np.sin(2 * t)])


def jacobian(t, y):
    return csc_array([[0.0, 1.0], [-1.0, 0.0]])


def exact(t):
    # y(0) = 0, y'(0) = 1 under the force sin 2t.
    return np.array([(5 * np.sin(t) - np.sin(2 * t)) / 3, (5 * np.cos(t) - 2 * np.cos(2 * t)) / 3]).T


def exact_rate(t):
    return np.array([(5 * np.cos(t) - 2 * np.cos(2 * t)) / 3, (-5 * np.sin(t) + 4 * np.sin(2 * t)) / 3]).T


def walks(method, until, count):
    state = method.start(oscillator, 0.0, START, until)
    while state.t < until:
        walk = method.walk(oscillator, jacobian, state, until, count)
        yield state, walk
        state = walk.state


def fields(state):
    return {f.name: getattr(state, f.name) for f in dataclasses.fields(state)}


@pytest.mark.parametrize("method", ALL, ids=IDS)
def test_a_walk_ends_exactly_and_records_the_solution_and_its_rate(method):
    recorded = [walk for _, walk in walks(method, 4.0, 25)]
    times = np.concatenate([w.times for w in recorded])
    assert times[-1] == 4.0
    assert np.all(np.diff(times) > 0)
    assert times[0] > 0
    np.testing.assert_allclose(np.concatenate([w.values for w in recorded]), exact(times), atol=3e-5)
    np.testing.assert_allclose(np.concatenate([w.rates for w in recorded]), exact_rate(times), atol=3e-4)


@pytest.mark.parametrize("method", ALL, ids=IDS)
def test_a_walk_takes_no_more_steps_than_allowed_and_counts_them(method):
    for before, walk in walks(method, 4.0, 7):
        assert 1 <= walk.state.steps - before.steps <= 7
        assert walk.state.evaluations > before.evaluations
        assert walk.state.t == walk.times[-1]
        np.testing.assert_array_equal(walk.state.y, walk.values[-1])


@pytest.mark.parametrize("method", ALL, ids=IDS)
def test_a_walk_depends_on_its_state_alone_and_leaves_it_alone(method):
    state = next(walks(method, 4.0, 9))[1].state
    copy = type(state)(**{k: np.array(v) if isinstance(v, np.ndarray) else v for k, v in fields(state).items()})
    first = method.walk(oscillator, jacobian, state, 4.0, 9)
    again = method.walk(oscillator, jacobian, copy, 4.0, 9)
    np.testing.assert_array_equal(first.values, again.values)
    np.testing.assert_array_equal(first.rates, again.rates)
    for name, value in fields(state).items():
        np.testing.assert_array_equal(value, fields(copy)[name])


def test_bdf_may_walk_on_after_it_advanced():
    method = Bdf(1e-7, 1e-9)
    state = method.advance(oscillator, jacobian, method.start(oscillator, 0.0, START), 1.0)
    assert state.reached > state.t
    walk = method.walk(oscillator, jacobian, state, 2.0, 10_000)
    np.testing.assert_allclose(walk.values, exact(walk.times), atol=1e-5)
    assert walk.state.steps > state.steps


@pytest.mark.parametrize("method", [Lsoda(1e-8, 1e-10), ModifiedSinglyTase(3, 0.01), SinglyTase(2, 0.01)])
def test_recorded_rates_are_free_of_what_stiffness_makes_of_small_errors(method):
    # y_0 follows y_1^2 = exp(-2 t) at once; its rate from the equation is wrong by 1e8 times the error of y_0.
    def rate(t, y):
        return np.array([-1e8 * (y[0] - y[1] ** 2), -y[1]])

    def jacobian(t, y):
        return csc_array([[-1e8, 2e8 * y[1]], [0.0, -1.0]])

    walk = method.walk(rate, jacobian, method.start(rate, 0.0, np.ones(2), 3.0), 3.0, 10_000)
    late = walk.times > 0.1
    expected = -2 * np.exp(-2 * walk.times[late])
    errors = np.abs(walk.rates[late, 0] - expected).max()
    from_equation = [rate(t, y)[0] for t, y in zip(walk.times[late], walk.values[late], strict=True)]
    assert errors < 0.05
    assert errors < np.abs(from_equation - expected).max() / 1e4


def test_rates_of_equal_steps_follow_a_forced_stiff_mode():
    def rate(t, y):
        return -1e6 * (y - np.cos(t)) - np.sin(t)

    method = SinglyTase(3, 0.01)
    walk = method.walk(rate, lambda t, y: csc_array([[-1e6]]), method.start(rate, 0.0, np.ones(1)), 3.0, 10_000)
    np.testing.assert_allclose(walk.rates[50:, 0], -np.sin(walk.times[50:]), atol=0.02)


@pytest.mark.parametrize("method", ADAPTIVE, ids=IDS[:5])
def test_walks_stop_at_the_number_of_steps_allowed_in_all(method):
    with pytest.raises(SolveFailed, match="12 steps only reached t = "):
        for _ in walks(dataclasses.replace(method, max_steps=12), 1000.0, 5):
            pass


@pytest.mark.parametrize("bad", [{"until": 1.0}, {"until": np.inf}, {"count": 0}])
def test_a_walk_to_nowhere_is_refused_in_words(bad):
    settings = {"until": 2.0, "count": 3} | bad
    with pytest.raises(ValueError, match=r"Radau: cannot walk . steps from t = 1\.0"):
        Radau().walk(oscillator, jacobian, State(1.0, START, 0.1, 0, 0), **settings)


def test_the_first_step_tries_no_time_beyond_the_end():
    seen = []

    def rate(t, y):
        seen.append(t)
        return 1e-12 * y

    for method in ADAPTIVE:
        method.start(rate, 0.0, np.ones(1), 2.0)
    assert max(seen) <= 2.0


def test_refinement_stops_where_tolerances_do():
    assert Radau(1e-6, 1e-8).refined(10, 1.0) == Radau(1e-7, 1e-9)
    assert Dop853(3e-14, 1e-16).refined(10, 1.0) is None


def test_every_method_shares_one_contract():
    assert all(isinstance(m, Integrator) for m in ALL)
