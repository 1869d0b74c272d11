from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
from scipy.sparse import csc_array, csr_array, diags_array

from pinnlab.errors import SolveFailed
from pinnlab.numerics.axes import uniform
from pinnlab.numerics.integrators import Bdf, Dop853, Integrator, Radau

ALL = [Radau, Bdf, Dop853]
STIFF = [Radau, Bdf]


def oscillator(t, y):
    return np.array([y[1], -y[0] + np.sin(2 * t)])


def oscillator_jacobian(t, y):
    return csc_array([[0.0, 1.0], [-1.0, 0.0]])


def oscillator_exact(t):
    # y(0) = 0, y'(0) = 1 under the force sin 2t.
    return np.array([(5 * np.sin(t) - np.sin(2 * t)) / 3, (5 * np.cos(t) - 2 * np.cos(2 * t)) / 3])


def burgers(n):
    axis = uniform(-1, 1, n)
    first, second = (axis.differentiation(k)[1:-1, 1:-1] for k in (1, 2))

    def rate(t, y):
        return 0.02 * (second @ y) - y * (first @ y)

    def jacobian(t, y):
        return (0.02 * second - diags_array(y) @ first - diags_array(first @ y)).tocsc()

    return rate, jacobian, -np.sin(np.pi * axis.nodes[1:-1])


def advanced(integrator, problem, times, through=lambda state: state):
    rate, jacobian, y = problem
    state = integrator.start(rate, 0.0, y)
    states = []
    for t in times:
        state = through(integrator.advance(rate, jacobian, state, t))
        states.append(state)
    return states


def through_a_file(state):
    """Write every field as an array and read it back, as a checkpoint does."""
    file = io.BytesIO()
    np.savez(file, **{field.name: getattr(state, field.name) for field in dataclasses.fields(state)})
    file.seek(0)
    read = np.load(file, allow_pickle=False)
    values = {name: read[name].item() if read[name].ndim == 0 else read[name] for name in read.files}
    return type(state)(**values)


def same(a, b):
    return all(np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize("rtol", [1e-4, 1e-8])
def test_the_error_follows_the_tolerance(method, rtol):
    times = np.linspace(0.5, 5, 10)
    states = advanced(method(rtol, rtol), (oscillator, oscillator_jacobian, np.array([0.0, 1.0])), times)
    errors = [np.abs(state.y - oscillator_exact(state.t)).max() for state in states]
    assert max(errors) < 60 * rtol
    assert [state.t for state in states] == times.tolist()


@pytest.mark.parametrize("method", STIFF)
def test_a_stiff_grid_is_solved_and_tightening_pays(method):
    problem, times = burgers(120), np.linspace(0.1, 1, 10)
    exact = np.array([state.y for state in advanced(Radau(1e-12, 1e-13), problem, times)])
    errors = []
    for integrator in (method(1e-6, 1e-8), method(1e-6, 1e-8).tightened(1000)):
        found = np.array([state.y for state in advanced(integrator, problem, times)])
        errors.append(np.abs(found - exact).max())
    assert errors[0] < 2e-5
    assert errors[1] < errors[0] / 30


@pytest.mark.parametrize("method", ALL)
def test_a_state_that_went_through_a_file_continues_bit_for_bit(method):
    problem, times = burgers(40), np.linspace(0.05, 0.5, 10)
    straight = advanced(method(1e-6), problem, times)
    interrupted = advanced(method(1e-6), problem, times, through_a_file)
    assert all(same(a, b) for a, b in zip(straight, interrupted, strict=True))
    assert straight[-1].steps > straight[0].steps > 0
    assert straight[-1].evaluations > straight[0].evaluations > 0


@pytest.mark.parametrize("method", ALL)
def test_advance_leaves_the_given_state_alone(method):
    rate, jacobian, y = burgers(40)
    initial = y.copy()
    state = method().start(rate, 0.0, y)
    for t in (0.1, 0.2):
        before = through_a_file(state)
        after = method().advance(rate, jacobian, state, t)
        again = method().advance(rate, jacobian, state, t)
        assert same(before, state)
        assert same(after, again)
        state = after
    np.testing.assert_array_equal(y, initial)


@pytest.mark.parametrize("method", [Radau, Dop853])
def test_landing_on_many_times_does_not_shrink_the_steps(method):
    problem = (oscillator, oscillator_jacobian, np.array([0.0, 1.0]))
    free = advanced(method(1e-6), problem, [6.0])[-1]
    landing = advanced(method(1e-6), problem, [*np.linspace(1.01, 5.99, 4), 5.99 + 1e-9, 6.0])[-1]
    # Each of the five extra times may cut one step in three, not start a slow recovery.
    assert landing.steps <= free.steps + 2 * 5
    assert landing.h > 0.2 * free.h


def test_bdf_keeps_its_order_from_one_advance_to_the_next():
    problem = burgers(60)
    free = advanced(Bdf(1e-7), problem, [0.5])[-1]
    stopped = advanced(Bdf(1e-7), problem, np.linspace(0.02, 0.5, 25))[-1]
    assert stopped.order == free.order > 1
    assert stopped.steps <= 1.1 * free.steps


def test_radau_guesses_its_next_step_from_the_last_one():
    problem, times = burgers(60), np.linspace(0.01, 0.5, 50)
    remembering = advanced(Radau(1e-7), problem, times)[-1]
    forgetting = advanced(Radau(1e-7), problem, times, lambda state: dataclasses.replace(state, last_h=0.0))[-1]
    assert remembering.evaluations < 0.9 * forgetting.evaluations


def test_radau_keeps_the_polynomial_of_its_last_step():
    problem = (oscillator, oscillator_jacobian, np.array([0.0, 1.0]))
    state = advanced(Radau(1e-8), problem, [1.0])[-1]
    for s in (0.0, 0.3, 1.0):
        along = state.y + state.collocation.T @ (s ** np.arange(1, 4) - 1)
        np.testing.assert_allclose(along, oscillator_exact(1.0 + (s - 1) * state.last_h), atol=1e-7)


@pytest.mark.parametrize("method", [Radau, Dop853])
def test_landing_does_not_miss_the_time_by_one_rounding(method):
    pairs = np.random.default_rng(0).uniform([0, 1], [1, 2], (100, 2))
    start, until = next((a, b) for a, b in pairs.tolist() if a + (b - a) < b)
    state = method().start(lambda t, y: np.ones(1), start, np.zeros(1))
    state = dataclasses.replace(state, h=until - start)
    after = method().advance(lambda t, y: np.ones(1), lambda t, y: csc_array((1, 1)), state, until)
    assert (after.t, after.steps) == (until, 1)


def test_bdf_interpolates_between_its_own_steps():
    integrator = Bdf(1e-7, 1e-7)
    rate, jacobian, y = oscillator, oscillator_jacobian, np.array([0.0, 1.0])
    state = integrator.advance(rate, jacobian, integrator.start(rate, 0.0, y), 1.0)
    assert state.reached > state.t == 1.0
    middle = 0.5 * (state.t + state.reached)
    later = integrator.advance(rate, jacobian, state, middle)
    assert (later.t, later.steps, later.evaluations) == (middle, state.steps, state.evaluations)
    np.testing.assert_allclose(later.y, oscillator_exact(middle), atol=1e-5)
    end = integrator.advance(rate, jacobian, later, state.reached)
    np.testing.assert_allclose(end.y, state.differences[0], atol=1e-14)


@pytest.mark.parametrize("method", ALL)
def test_no_step_jumps_over_a_pulse_after_a_quiet_start(method):
    def pulse(t, y):
        return np.array([np.exp(-(((t - 5.05) / 0.1) ** 2))])

    states = advanced(method(1e-6, 1e-9), (pulse, lambda t, y: csc_array((1, 1)), np.zeros(1)), np.arange(1, 101) / 10)
    assert states[-1].y[0] == pytest.approx(0.1 * np.sqrt(np.pi), rel=1e-3)


@pytest.mark.parametrize("method", ALL)
def test_going_nowhere_returns_the_same_state(method):
    rate, jacobian, y = burgers(20)
    state = method().start(rate, 0.0, y)
    assert method().advance(rate, jacobian, state, 0.0) is state


@pytest.mark.parametrize("method", ALL)
def test_blow_up_is_reported_with_the_time_reached(method):
    # y' = y^2, y(0) = 1 is 1 / (1 - t).
    integrator = method(1e-6)

    def rate(t, y):
        return y**2

    def jacobian(t, y):
        return diags_array(2 * y).tocsr()

    state = integrator.advance(rate, jacobian, integrator.start(rate, 0.0, np.ones(1)), 0.5)
    with (
        np.errstate(all="ignore"),
        pytest.raises(SolveFailed, match=rf"{method.__name__} stopped at t = (0\.99|1\.0).*blow up") as caught,
    ):
        integrator.advance(rate, jacobian, state, 2.0)
    assert "rtol" in str(caught.value)


def test_an_explicit_method_on_a_stiff_problem_names_the_implicit_ones():
    rate, jacobian, y = burgers(200)
    integrator = Dop853(max_steps=20)
    with pytest.raises(SolveFailed, match=r"20 steps only reached t = 0\.1\d+; .*Radau"):
        integrator.advance(rate, jacobian, integrator.start(rate, 0.0, y), 1.0)


@pytest.mark.parametrize("method", STIFF)
def test_a_jacobian_that_is_not_finite_is_reported(method):
    integrator = method()
    state = integrator.start(lambda t, y: -y, 0.0, np.ones(2))
    with pytest.raises(SolveFailed, match="Jacobian"):
        integrator.advance(lambda t, y: -y, lambda t, y: csr_array(np.full((2, 2), np.nan)), state, 1.0)


@pytest.mark.parametrize("method", ALL)
def test_a_bad_start_is_refused_in_words(method):
    with pytest.raises(ValueError, match=r"got \(3,\) with 1 values that are not finite at t = 0\.0"):
        method().start(lambda t, y: y, 0.0, np.array([1.0, np.nan, 2.0]))
    with pytest.raises(ValueError, match=r"got \(2, 2\)"):
        method().start(lambda t, y: y, 0.0, np.ones((2, 2)))
    with pytest.raises(SolveFailed, match=r"rate of change is not finite at the initial time 0\.0"):
        method().start(lambda t, y: np.full(2, np.nan), 0.0, np.ones(2))


def test_going_back_in_time_is_refused():
    rate, jacobian, y = burgers(20)
    state = Radau().start(rate, 1.0, y)
    with pytest.raises(ValueError, match=r"cannot go to t = 0\.5 from t = 1\.0"):
        Radau().advance(rate, jacobian, state, 0.5)
    with pytest.raises(ValueError, match="cannot go to t = nan"):
        Radau().advance(rate, jacobian, state, np.nan)


def test_tolerances_are_divided_down_to_the_smallest_that_rounding_allows():
    assert Radau(1e-6, 1e-8).tightened(10) == Radau(1e-7, 1e-9)
    assert Bdf(1e-12, 1e-12, max_steps=7).tightened(1e4) == Bdf(100 * np.finfo(float).eps, 1e-16, max_steps=7)
    with pytest.raises(ValueError, match="positive number, got 0"):
        Radau().tightened(0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rtol": 0.0}, "rtol must be in"),
        ({"rtol": 1.0}, "rtol must be in"),
        ({"rtol": np.nan}, "rtol = nan; give a number"),
        ({"atol": 0.0}, "atol = .*; give a positive number"),
        ({"atol": np.inf}, "atol = .*; give a positive number"),
        ({"max_steps": 0}, "max_steps = 0; give a positive whole number"),
    ],
)
def test_bad_settings_are_refused_in_words(settings, message):
    with pytest.raises(ValueError, match=f"Bdf: {message}"):
        Bdf(**settings)


def test_the_three_methods_share_one_contract():
    assert all(issubclass(method, Integrator) for method in ALL)
    with pytest.raises(TypeError, match="abstract"):
        Integrator()
