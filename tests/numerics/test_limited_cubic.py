from __future__ import annotations

import numpy as np
import pytest

from pinnlab.numerics.limited_cubic import limited_cubic

S = np.linspace(0, 1, 201)


def level(*numbers):
    """The same four numbers for every s."""
    return tuple(np.full(201, n) for n in numbers)


def test_a_cubic_is_reproduced_with_its_derivatives():
    value = np.polynomial.Polynomial([1.0, 0.5, 0.3, 0.2])
    slope = value.deriv()
    ends = [np.full(201, f(e)) for f in (value, slope) for e in (0.0, 1.0)]
    for order in range(4):
        np.testing.assert_allclose(limited_cubic(ends, S, order), value.deriv(order)(S) if order else value(S))
    np.testing.assert_array_equal(limited_cubic(ends, S, 4), 0)


@pytest.mark.parametrize("vertex", np.linspace(0.02, 0.98, 13))
def test_a_parabola_with_its_vertex_inside_is_not_limited(vertex):
    value = lambda s: 3 - 2 * (s - vertex) ** 2  # noqa: E731
    slope = lambda s: -4 * (s - vertex)  # noqa: E731
    found = limited_cubic(level(value(0), value(1), slope(0), slope(1)), S)
    np.testing.assert_allclose(found, value(S), atol=1e-13)


@pytest.mark.parametrize(("rise", "fall"), [(50.0, 0.0), (0.0, 50.0), (50.0, 50.0), (-5.0, -5.0), (-1e-6, 80.0)])
def test_a_passing_front_makes_no_overshoot_worth_mentioning(rise, fall):
    found = limited_cubic(level(0.0, 1.0, rise, fall), S)
    assert found.min() > -0.2
    assert found.max() < 1.2
    assert found[0] == 0
    assert found[-1] == pytest.approx(1.0)


def test_equal_values_with_equal_slopes_stay_level():
    np.testing.assert_array_equal(limited_cubic(level(2.0, 2.0, 9.0, 9.0), S), 2.0)


def test_fourth_order_where_data_are_smooth():
    def error(h):
        starts = np.arange(0, 3, h)
        ends = [f(starts + e) * k for f, k in ((np.sin, 1), (np.cos, h)) for e in (0, h)]
        return np.abs(limited_cubic(ends, 0.5) - np.sin(starts + h / 2)).max()

    assert np.log2(error(0.2) / error(0.1)) == pytest.approx(4, abs=0.3)


@pytest.mark.parametrize(
    "ends", [(0, 1, 2, 0.5), (0, 1, 9, 0.5), (0, 1, -9, 0.5), (0, 1, -3, -3), (0, 0.1, 0.3, -5), (1, 0, -7, 2)]
)
def test_the_cubic_of_derivatives_is_the_derivative_of_the_cubic_limits_included(ends):
    slopes = np.array([0.3, -0.7, 1.1, 0.4])
    at = lambda z: limited_cubic(level(*(np.array(ends) + z * slopes)), S)  # noqa: E731
    found = limited_cubic(level(*slopes), S, deciding=level(*map(float, ends)))
    np.testing.assert_allclose(found, (at(1e-6) - at(-1e-6)) / 2e-6, atol=1e-8)
