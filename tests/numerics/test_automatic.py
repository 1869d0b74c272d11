"""LSODA that can be interrupted, and the choice of a method by stiffness."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csc_array

from pinnlab.errors import SolveFailed
from pinnlab.numerics.automatic import Automatic, AutomaticState, Lsoda
from pinnlab.numerics.integrators import Radau

DOP853, LSODA, RADAU = 0, 1, 2


def choices(rate, jacobian, y, until, count=50, method=None):
    """The methods in use along the way, and the last state."""
    method = method or Automatic(1e-6, 1e-9)
    state = method.start(rate, 0.0, np.asarray(y, float), until)
    used = []
    while state.t < until:
        used.append(state.choice)
        state = method.walk(rate, jacobian, state, until, count).state
    return used, state


def linear(speed):
    """Decay to cos t."""
    return (lambda t, y: -speed * (y - np.cos(t)) - np.sin(t)), (lambda t, y: csc_array([[-speed]]))


def test_a_problem_that_is_not_stiff_stays_with_dop853():
    used, state = choices(*linear(1.0), [1.0], 40.0, count=5)
    assert set(used) == {DOP853}
    assert state.y[0] == pytest.approx(np.cos(40.0), abs=1e-5)


@pytest.mark.parametrize(("speed", "chosen"), [(1e6, RADAU), (200.0, LSODA)])
def test_a_stiff_problem_leaves_dop853_after_the_first_walk_for_the_method_that_suits(speed, chosen):
    used, state = choices(*linear(speed), [1.0], 40.0)
    assert used[0] == DOP853
    assert set(used[1:5]) == {chosen}
    assert state.y[0] == pytest.approx(np.cos(40.0), abs=1e-4)
    assert state.steps < 40 * speed


def test_fast_damped_oscillations_are_left_to_radau():
    turn = np.array([[-200.0, 2000.0], [-2000.0, -200.0]])

    def rate(t, y):
        return turn @ (y - np.cos(t)) - np.sin(t)

    used, state = choices(rate, lambda t, y: csc_array(turn), [1.0, 1.0], 20.0)
    assert set(used[1:]) == {RADAU}
    np.testing.assert_allclose(state.y, np.cos(20.0), atol=1e-5)


def test_stiffness_that_ends_brings_dop853_back():
    def speed(t):
        return 1e5 * np.exp(-t) + 0.1

    def rate(t, y):
        return -speed(t) * (y - np.cos(t)) - np.sin(t)

    used, state = choices(rate, lambda t, y: csc_array([[-speed(t)]]), [1.0], 60.0, count=20)
    assert RADAU in used
    assert used[-1] == DOP853
    assert state.y[0] == pytest.approx(np.cos(60.0), abs=1e-4)


class Failing(Lsoda):
    def _walk(self, *arguments):
        raise SolveFailed("Lsoda stopped")


class WithoutLsoda(Automatic):
    @property
    def methods(self):
        return self._explicit, Failing(), Radau(self.rtol, self.atol)


def test_where_lsoda_gives_up_radau_takes_over():
    rate, jacobian = (lambda t, y: -y), (lambda t, y: csc_array([[-1.0]]))
    state = AutomaticState(0.0, np.ones(1), 0.1, 0, 0, 0.0, 0.0, np.zeros((3, 1)), LSODA)
    walk = WithoutLsoda(1e-6, 1e-9).walk(rate, jacobian, state, 1.0, 1000)
    assert walk.state.y[0] == pytest.approx(np.exp(-1.0), rel=1e-5)


def test_advancing_over_many_times_agrees_with_the_solution():
    method = Automatic(1e-8, 1e-10)
    rate, jacobian = linear(1e4)
    state = method.start(rate, 0.0, np.ones(1))
    for t in np.linspace(0.5, 5, 10):
        state = method.advance(rate, jacobian, state, t)
        assert state.t == t
        assert state.y[0] == pytest.approx(np.cos(t), abs=1e-6)


def test_lsoda_reports_why_it_stopped():
    method = Lsoda(1e-6)

    def rate(t, y):
        return y**2

    def jacobian(t, y):
        return csc_array([[2 * y[0]]])

    start = method.start(rate, 0.0, np.ones(1))
    with pytest.raises(SolveFailed, match=r"Lsoda: 500 steps only reached t = 0\.99"), np.errstate(all="ignore"):
        Lsoda(1e-6, max_steps=500).advance(rate, jacobian, start, 2.0)
    with pytest.raises(SolveFailed, match=r"Lsoda stopped at t = .*blow up"), np.errstate(all="ignore"):
        method.advance(lambda t, y: np.full(1, np.nan if t > 0.5 else 1.0), jacobian, start, 2.0)
    with pytest.raises(SolveFailed, match="not finite at the initial time"):
        method.start(lambda t, y: np.full(1, np.nan), 0.0, np.ones(1))


def test_lsoda_says_where_a_walk_comes_to_a_stand_before_a_blow_up():
    # v' = v² from 1 is 1 / (1 - t).
    def rate(t, y):
        return y**2

    method = Lsoda()
    state = method.start(rate, 0.0, np.ones(1), 2.0)
    with pytest.raises(SolveFailed, match=r"Lsoda stopped at t = .*smaller than rounding"), np.errstate(all="ignore"):
        method.walk(rate, lambda t, y: csc_array([[2 * y[0]]]), state, 2.0, 100_000)
