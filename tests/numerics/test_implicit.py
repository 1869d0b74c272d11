"""Second-order implicit integrators on small systems of differential and algebraic equations."""

import dataclasses

import numpy as np
import pytest
from scipy.sparse import csr_array

from pinnlab.errors import SolveFailed
from pinnlab.numerics.implicit import Bdf2, State, Theta, slope_at_start
from pinnlab.numerics.linear_solve import Direct


class Relaxation:
    """y1' = -y1² + forcing and y2' = -50 (y2 - cos t), with y = (1/(1 + t), …)."""

    algebraic = np.array([False, False])
    is_linear = False

    def residual(self, t, y, rate):
        return rate + np.array([y[0] ** 2, 50 * (y[1] - np.cos(t)) + np.sin(t)])

    def solver(self, t, y, shift):
        return Direct(csr_array(np.diag([shift + 2 * y[0], shift + 50])))

    def magnitudes(self, y):
        return np.ones(2)

    @staticmethod
    def exact(t):
        return np.array([1 / (1 + t), np.cos(t)])


class Pendulum:
    """A constraint of index two, as incompressibility: q' = v(t) + p (1, 1), q_1 + q_2 = sin t."""

    algebraic = np.array([False, False, True])
    is_linear = True

    def residual(self, t, y, rate):
        return np.array([rate[0] - y[2] - y[0], rate[1] - y[2] + y[1], y[0] + y[1] - np.sin(t)])

    def solver(self, t, y, shift):
        return Direct(csr_array(np.array([[shift - 1, 0, -1.0], [0, shift + 1, -1.0], [1, 1, 0]])))

    def magnitudes(self, y):
        return np.ones(3)


METHODS = [Bdf2, Theta]


def run(method, system, y, until=1.0):
    state = method.start(system, 0.0, y, until)
    return method.advance(system, state, until)


@pytest.mark.parametrize("method", METHODS)
def test_fixed_steps_converge_to_second_order(method):
    errors = []
    for h in (0.01, 0.005):
        end = run(method(step=h), Relaxation(), Relaxation.exact(0.0))
        errors.append(np.abs(end.y - Relaxation.exact(1.0)).max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("method", METHODS)
def test_a_constraint_is_met_and_its_multiplier_converges_to_second_order(method):
    # q_1 + q_2 = sin t differentiated: cos t = 2 p + q_1 - q_2; the difference d = q_1 - q_2 obeys d' = sin t.
    exact = np.array([(np.sin(1) + 2 - np.cos(1)) / 2, (np.sin(1) - 2 + np.cos(1)) / 2, (2 * np.cos(1) - 2) / 2])
    errors = []
    for h in (0.02, 0.01):
        end = run(method(step=h), Pendulum(), np.array([0.5, -0.5, 9.0]))
        assert end.y[:2].sum() == pytest.approx(np.sin(1), abs=1e-12)
        errors.append(np.abs(end.y - exact).max())
    assert errors[1] < 1e-4
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.15)


def test_the_start_projects_onto_the_constraint_and_finds_rates_and_multiplier():
    state = Bdf2().start(Pendulum(), 0.0, np.array([0.6, -0.5, 0.0]), 1.0)
    assert state.y[:2].sum() == pytest.approx(0, abs=1e-9)
    # d = q_1 - q_2 keeps its value 1.1, and p = (1 - d) / 2.
    np.testing.assert_allclose(state.y, [0.55, -0.55, -0.05], atol=1e-5)
    np.testing.assert_allclose(state.rate[:2], [0.5, 0.5], atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_the_error_follows_the_tolerance(method):
    errors, steps = [], []
    for rtol in (1e-5, 1e-7):
        end = run(method(rtol=rtol), Relaxation(), Relaxation.exact(0.0))
        errors.append(np.abs(end.y - Relaxation.exact(1.0)).max())
        steps.append(end.steps)
    assert errors[0] < 1e-3
    assert 8 < errors[0] / errors[1] < 60
    assert 3 < steps[1] / steps[0] < 7


def test_a_step_of_bdf2_by_hand():
    # y' = 0 + y with steps 1 then 2: w = 2, (5/3 y - 3 y_0 + 4/3 y_-1) / 2 = y'.
    class Growth(Relaxation):
        algebraic = np.array([False])
        is_linear = True

        def residual(self, t, y, rate):
            return rate - y / 6

        def solver(self, t, y, shift):
            return Direct(csr_array(np.array([[shift - 1 / 6]])))

        def magnitudes(self, y):
            return np.ones(1)

    past = np.array([[3.0], [0.0]])
    state = State(1.0, np.array([4.0]), np.zeros(1), 2.0, 1, 0, 1, np.array([0.0, 0.0]), past)
    end = Bdf2(step=2.0).advance(Growth(), state, 3.0)
    # 5/6 y - 6 + 2 = y / 6, hence y = 6.
    assert end.y[0] == pytest.approx(6)
    assert end.rate[0] == pytest.approx(1)
    trapezoidal = Theta(step=2.0).advance(Growth(), dataclasses.replace(state, rate=np.array([4 / 6])), 3.0)
    # y = 4 + (2/3 + y/6): y = 28/5.
    assert trapezoidal.y[0] == pytest.approx(5.6)


@pytest.mark.parametrize("method", METHODS)
def test_going_on_equals_no_interruption(method):
    system, m = Relaxation(), method(rtol=1e-4)
    start = m.start(system, 0.0, Relaxation.exact(0.0), 0.5)
    half = m.advance(system, start, 0.5)
    again = dataclasses.replace(half, y=half.y.copy(), values=half.values.copy())
    a, b = m.advance(system, half, 1.0), m.advance(Relaxation(), again, 1.0)
    np.testing.assert_array_equal(a.y, b.y)
    assert a.t == 1.0


def test_blow_up_ends_in_words():
    class Explosion(Relaxation):
        def residual(self, t, y, rate):
            return rate - y**2

        def solver(self, t, y, shift):
            return Direct(csr_array(np.diag(shift - 2 * y)))

        def magnitudes(self, y):
            return np.abs(y)

    with pytest.raises(SolveFailed, match=r"blow up|not finite|singular"):
        run(Bdf2(rtol=1e-4), Explosion(), np.ones(2), until=2.0)


def test_the_slope_at_the_start_of_a_quartic_is_exact():
    def quartic(t):
        return np.stack([t**4 - 2 * t**2 + 3 * t, 1 + 5 * t], axis=1)

    times = np.array([1.0, 1.5, 2.2])
    rates = np.stack([4 * times**3 - 4 * times + 3, 5 + 0 * times], axis=1)
    wrong = rates.copy()
    wrong[0] = 100.0
    np.testing.assert_allclose(slope_at_start(times, quartic(times), wrong), rates[0], atol=1e-10)
    np.testing.assert_allclose(slope_at_start(times[:2], times[:2, None] ** 2, 2 * times[:2, None]), [2.0])


@pytest.mark.parametrize("bad", [{"rtol": 0}, {"rtol": 1}, {"atol": -1}, {"step": 0}, {"max_steps": 0}])
@pytest.mark.parametrize("method", METHODS)
def test_bad_settings_are_refused(method, bad):
    with pytest.raises(ValueError, match=method.__name__):
        method(**bad)


def test_theta_below_one_half_is_refused():
    with pytest.raises(ValueError, match="unstable"):
        Theta(theta=0.4)


@pytest.mark.parametrize(("settings", "rtol", "step"), [({"rtol": 1e-6}, 1e-7, None), ({"step": 0.5}, 1e-6, 0.25)])
def test_tightening_divides_the_tolerance_or_the_step(settings, rtol, step):
    finer = Bdf2(**settings).tightened(10)
    assert finer.rtol == pytest.approx(rtol)
    assert finer.step == step
