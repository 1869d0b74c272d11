"""Methods with TASE operators: coefficients, orders, stability."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.sparse import csc_array, diags_array

from pinnlab.errors import SolveFailed
from pinnlab.numerics.integrators import Radau
from pinnlab.numerics.tase import ModifiedSinglyTase, SinglyTase, singly_operator

METHODS = [kind(order, 0.1) for kind in (SinglyTase, ModifiedSinglyTase) for order in (2, 3)]
IDS = [f"{type(m).__name__}{m.order}" for m in METHODS]
IMAGINARY = 1j * np.concatenate([np.logspace(-1, 4, 4000), [1e9]])


def rational(scheme):
    """Exact coefficients: a (s, s), b, c, and the operators' expansions in w = alpha h J."""
    exact = lambda x: sp.nsimplify(x, rational=True).limit_denominator(1000)  # noqa: E731
    n = len(scheme.b)
    a = sp.Matrix(n, n, lambda i, j: exact(scheme.a[i][j]) if j < len(scheme.a[i]) else 0)
    w = sp.Symbol("w")
    expansions = []
    for operator in scheme.operators:
        q = sum(exact(c) * (1 - w) ** -(k + 1) for k, c in enumerate(operator))
        expansions.append([sp.diff(q, w, k).subs(w, 0) / sp.factorial(k) for k in range(3)])
    return a, [exact(b) for b in scheme.b], [sum(a[i, :]) for i in range(n)], expansions


@pytest.mark.parametrize("method", METHODS, ids=IDS)
def test_the_order_conditions_of_w_methods_hold_exactly(method):
    a, b, c, q = rational(method.scheme)
    n = range(len(b))
    assert [q[i][0] for i in n] == [1] * len(b)
    assert sum(b) == 1
    assert sum(b[i] * c[i] for i in n) == sp.Rational(1, 2)
    assert sum(b[i] * q[i][1] for i in n) == 0
    if method.order == 3:
        assert sum(b[i] * c[i] ** 2 for i in n) == sp.Rational(1, 3)
        assert sum(b[i] * a[i, j] * c[j] for i in n for j in n) == sp.Rational(1, 6)
        assert sum(b[i] * q[i][1] * c[i] for i in n) == 0
        assert sum(b[i] * a[i, j] * q[j][1] for i in n for j in n) == 0
        assert sum(b[i] * q[i][2] for i in n) == 0


def test_singly_operators_are_those_worked_by_hand():
    # T_2 = 2 U - U^2, T_3 = 3 U - 3 U^2 + U^3; at h J = -1, alpha = 1: U = 1/2, T_2 = 3/4, T_3 = 7/8.
    assert singly_operator(2) == (2, -1)
    assert singly_operator(3) == (3, -3, 1)
    w = sp.Symbol("w")
    for order in (2, 3):
        t = sum(int(c) * (1 - w) ** -(k + 1) for k, c in enumerate(singly_operator(order)))
        assert sp.series(t - 1, w, 0, order).removeO() == 0


def test_one_step_on_a_linear_equation_is_the_one_worked_by_hand():
    # ModifiedSinglyTase(2) on y' = -2 y, h = 1: U = 1/(1 + 1) = 1/2, k_1 = -1,
    # k_2 = (3/4 - 1/8) (-2) (1 - 1/4) = -15/16, y = 1 - k_1 + 2 k_2 = 1 + 1 - 15/8 = 1/8.
    method = ModifiedSinglyTase(2, 1.0)
    rate, jacobian = (lambda t, y: -2 * y), (lambda t, y: csc_array([[-2.0]]))
    state = method.advance(rate, jacobian, method.start(rate, 0.0, np.ones(1)), 1.0)
    assert state.y[0] == pytest.approx(1 / 8, rel=1e-14)
    assert (state.steps, state.evaluations) == (1, 4)


@pytest.mark.parametrize("method", METHODS, ids=IDS)
def test_a_linear_step_multiplies_by_the_amplification(method):
    rate, jacobian = (lambda t, y: -7 * y), (lambda t, y: csc_array([[-7.0]]))
    state = method.advance(rate, jacobian, method.start(rate, 0.0, np.ones(1)), 0.1)
    assert state.y[0] == pytest.approx(method.scheme.amplification(np.array([-0.7]))[0], rel=1e-13)


@pytest.mark.parametrize(
    ("method", "angle", "largest", "at_infinity"),
    [(METHODS[0], 90, 1.0, 0.68), (METHODS[1], 89, 1.0059, -1 / 3), (METHODS[2], 90, 1.0, 0.0),
     (METHODS[3], 90, 1.0, -0.28086)],
    ids=IDS,
)  # fmt: skip
def test_the_regions_of_stability_are_those_of_the_docstrings(method, angle, largest, at_infinity):
    amplification = method.scheme.amplification
    assert np.abs(amplification(IMAGINARY)).max() <= largest + 1e-12
    assert amplification(np.array([-1e12]))[0] == pytest.approx(at_infinity, abs=1e-5)
    # The poles lie at 1/alpha > 0, so a sector is stable where its edge is.
    edge = np.abs(IMAGINARY) * np.exp(1j * np.deg2rad(180 - angle))
    assert np.abs(amplification(edge)).max() <= 1 + 1e-12


def test_modified_methods_have_the_error_constants_of_the_docstring():
    def constant(method):
        z, p = np.array([0.008, 0.004]), method.order + 1
        late, early = (method.scheme.amplification(z) - np.exp(z)) / z**p
        return 2 * early - late

    singly2, singly3, modified2, modified3 = (constant(m) for m in METHODS)
    # Leading terms by hand: alpha^2 z^3 + z^3/6 with the sign of R - exp, and (alpha^3 - 1/24) z^4.
    assert singly2 == pytest.approx(-(25 / 16 + 1 / 6), rel=2e-3)
    assert singly3 == pytest.approx(27 / 8 - 1 / 24, rel=1e-3)
    assert modified2 == pytest.approx(-1 / 24, rel=2e-3)
    # (25/16 + 1/6) / (1/24) = 41.5.
    assert singly2 / modified2 == pytest.approx(41.5, rel=0.01)
    assert singly3 / 970 == pytest.approx(-modified3, rel=0.02)


@pytest.mark.parametrize("method", METHODS, ids=IDS)
def test_forced_stiff_modes_are_followed_with_second_order_at_least(method):
    def rate(t, y):
        return -1e6 * (y - np.cos(t)) - np.sin(t)

    def error(h):
        chosen = type(method)(method.order, h)
        state = chosen.start(rate, 0.0, np.ones(1))
        return abs(chosen.advance(rate, lambda t, y: csc_array([[-1e6]]), state, 3.0).y[0] - np.cos(3.0))

    assert error(0.05) < 1e-2
    assert error(0.025) < error(0.05) / 3


def van_der_pol(t, y):
    return np.array([y[1], 5 * (1 - y[0] ** 2) * y[1] - y[0] + np.sin(t)])


JACOBIANS = {
    "exact": lambda t, y: csc_array([[0.0, 1.0], [-10 * y[0] * y[1] - 1, 5 * (1 - y[0] ** 2)]]),
    "frozen": lambda t, y: csc_array([[0.0, 1.0], [-1.0, -15.0]]),
    "wrong": lambda t, y: csc_array([[-3.0, 1.0], [0.5, -2.0]]),
}


@pytest.fixture(scope="module")
def truth():
    method = Radau(1e-13, 1e-15)
    start = method.start(van_der_pol, 0.0, np.array([2.0, 0.0]))
    return method.advance(van_der_pol, JACOBIANS["exact"], start, 1.0).y


def error(method, jacobian, truth):
    state = method.start(van_der_pol, 0.0, np.array([2.0, 0.0]))
    return np.abs(method.advance(van_der_pol, jacobian, state, 1.0).y - truth).max()


@pytest.mark.parametrize("jacobian", JACOBIANS)
@pytest.mark.parametrize("kind", [SinglyTase, ModifiedSinglyTase])
@pytest.mark.parametrize("order", [2, 3])
def test_the_orders_are_two_and_three_with_any_jacobian(kind, order, jacobian, truth):
    # The operators of SinglyTase have wide error expansions, so their order shows at small steps.
    coarse = 1 / 640 if kind is SinglyTase else 1 / 160
    errors = [error(kind(order, h), JACOBIANS[jacobian], truth) for h in (coarse, coarse / 2)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize("method", METHODS, ids=IDS)
def test_steps_on_stiff_heat_are_far_longer_than_explicit_ones(method):
    n = 100
    x = np.arange(1, n) / n
    second = (diags_array([np.ones(n - 2), -2 * np.ones(n - 1), np.ones(n - 2)], offsets=[-1, 0, 1]) * n**2).tocsc()

    def rate(t, y):
        return second @ y

    # The start has a mode with decay rate 4e4, so an explicit method of order 3 is stable for h < 2.6 / 4e4.
    state = method.start(rate, 0.0, np.sin(np.pi * x) + (-1.0) ** np.arange(n - 1))
    ends = 0.5
    found = type(method)(method.order, 0.002).advance(rate, lambda t, y: csc_array(second), state, ends)
    decay = 4 * n**2 * np.sin(np.pi / 2 / n) ** 2
    # The modes of the alternating part that are odd like the sine enter its coefficient too.
    start = 2 / n * (np.sin(np.pi * x) @ (np.sin(np.pi * x) + (-1.0) ** np.arange(n - 1)))
    expected = start * np.exp(-decay * ends) * np.sin(np.pi * x)
    assert np.abs(found.y - expected).max() < 0.02 * np.abs(expected).max()
    assert found.steps == 250


def test_refinement_shortens_steps_by_the_order_until_there_are_too_many():
    assert SinglyTase(2, 0.1).tightened(4) == SinglyTase(2, 0.05)
    assert ModifiedSinglyTase(3, 0.4).tightened(8).step == pytest.approx(0.2)
    assert SinglyTase(2, 0.1, max_steps=100).refined(4, 6.0) is None
    assert SinglyTase(2, 0.1, max_steps=100).refined(4, 5.0) is not None


def test_steps_are_equal_and_land_on_the_end():
    method = SinglyTase(2, 0.3)
    rate, jacobian = (lambda t, y: -y), (lambda t, y: csc_array([[-1.0]]))
    walk = method.walk(rate, jacobian, method.start(rate, 0.0, np.ones(1)), 1.0, 100)
    np.testing.assert_allclose(walk.times, [0.25, 0.5, 0.75, 1.0], rtol=1e-15)
    np.testing.assert_allclose(SinglyTase(2, 0.1)._steps(walk.state, 2.0), (10, 0.1), rtol=1e-15)


def test_failures_and_bad_settings_are_told_in_words():
    with pytest.raises(ValueError, match="order must be 2 or 3, got 4"):
        SinglyTase(4, 0.1)
    with pytest.raises(ValueError, match=r"step = .*; give a positive number"):
        ModifiedSinglyTase(2, 0.0)
    with pytest.raises(ValueError, match="max_steps = 0; give a positive whole number"):
        SinglyTase(2, 0.1, max_steps=0)
    with pytest.raises(ValueError, match="positive number, got 0"):
        SinglyTase(2, 0.1).tightened(0)
    method = SinglyTase(2, 0.01, max_steps=5)
    rate, jacobian = (lambda t, y: y**2), (lambda t, y: csc_array([[2 * y[0]]]))
    start = method.start(rate, 0.0, np.ones(1))
    with pytest.raises(SolveFailed, match="raise"):
        method.advance(rate, jacobian, start, 1.0)
    with pytest.raises(SolveFailed, match="5 steps only"):
        method.walk(rate, jacobian, start, 1.0, 100)
    with np.errstate(all="ignore"), pytest.raises(SolveFailed, match=r"stopped at t = .*not finite"):
        SinglyTase(2, 0.01).advance(lambda t, y: np.exp(y**2), lambda t, y: csc_array((1, 1)), start, 3.0)
    with pytest.raises(SolveFailed, match="not finite at the initial time"):
        method.start(lambda t, y: np.full(1, np.nan), 0.0, np.ones(1))
