from __future__ import annotations

import numpy as np
import pytest

from pinnlab.numerics.ssp import ssp_rk3


def test_one_step_by_hand():
    # u' = u, h = 1: u1 = 2, u2 = (3 + 2 + 2)/4 = 7/4, u = (1 + 2·7/4 + 2·7/4)/3 = 8/3 = 1 + 1 + 1/2 + 1/6.
    assert ssp_rk3(lambda t, u: u, 0.0, np.array([1.0]), 1.0)[0] == pytest.approx(8 / 3, rel=1e-15)


def test_the_stages_see_their_own_times():
    # u' = g(t) is integrated by Simpson's rule over t, t + h/2, t + h.
    seen = ssp_rk3(lambda t, u: np.array([t**4]), 1.0, np.array([0.0]), 2.0)[0]
    assert seen == pytest.approx(2 / 6 * (1 + 4 * 2**4 + 3**4), rel=1e-15)


def test_third_order():
    def error(n):
        u, h = np.array([1.0]), 1.0 / n
        for k in range(n):
            u = ssp_rk3(lambda t, v: -2 * t * v**2, k * h, u, h)
        return abs(u[0] - 0.5)

    assert np.log2(error(20) / error(40)) == pytest.approx(3, abs=0.1)


def test_a_known_first_rate_is_not_evaluated_again():
    times = []

    def rate(t, u):
        times.append(t)
        return u

    u = ssp_rk3(rate, 0.0, np.array([1.0]), 0.5, first=np.array([1.0]))
    assert times == [0.5, 0.25]
    assert u[0] == ssp_rk3(rate, 0.0, np.array([1.0]), 0.5)[0]
