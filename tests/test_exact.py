from __future__ import annotations

import mpmath
import numpy as np
import pytest

from pinnlab.exact import cole_hopf

RAISSI = {"viscosity": 0.01 / np.pi, "amplitude": -1.0, "wavenumber": np.pi}
GENTLE = {"viscosity": 0.05, "amplitude": 1.0, "wavenumber": 1.0}


def grid(times, places):
    return np.array([[t, x] for t in times for x in places])


@pytest.mark.parametrize("setting", [RAISSI, GENTLE])
def test_the_initial_state_is_exact(setting):
    x = np.linspace(-1, 7, 101)
    values = cole_hopf(np.column_stack([0 * x, x]), **setting)
    assert values.shape == (101, 1)
    np.testing.assert_allclose(values[:, 0], setting["amplitude"] * np.sin(setting["wavenumber"] * x), atol=1e-15)


def by_mpmath(t, x, viscosity, amplitude, wavenumber):
    """Trapezoidal sums in 30 digits, with a step and a width that do not depend on the data."""
    with mpmath.workdps(30):
        t, x, nu, a, k = map(mpmath.mpf, (t, x, viscosity, amplitude, wavenumber))
        above = below = mpmath.mpf(0)
        for i in range(-520, 521):
            z = mpmath.mpf(i) / 40
            phase = k * (x + mpmath.sqrt(4 * nu * t) * z)
            weight = mpmath.exp(a * mpmath.cos(phase) / (2 * nu * k) - z**2)
            above += a * mpmath.sin(phase) * weight
            below += weight
        return float(above / below)


@pytest.mark.parametrize("setting", [RAISSI, GENTLE], ids=["shock", "gentle"])
def test_twenty_points_agree_with_thirty_digits(setting):
    places = [1e-6, 0.003, 0.05, 0.9] if setting is RAISSI else [0.3, 2.0, 3.1, 3.14159]
    points = grid([1e-3, 0.01, 0.1, 0.5, 1.0], places)
    expected = [by_mpmath(t, x, **setting) for t, x in points]
    np.testing.assert_allclose(cole_hopf(points, **setting)[:, 0], expected, rtol=0, atol=2e-14)


@pytest.mark.parametrize(
    ("t", "x", "digits"),
    [
        (0.1, 0.4, -0.9968609242043801),
        (0.5, 0.05, -0.9789821783950711),
        (0.5, 0.003, -0.42551647731612624),
        (1.0, 0.01, -0.5942561675887277),
        (1.0, -0.5, 0.3761813957481221),
    ],
)
def test_pinned_values_of_the_shock(t, x, digits):
    assert cole_hopf(np.array([[t, x]]), **RAISSI)[0, 0] == pytest.approx(digits, abs=1e-13)


def test_small_amplitudes_decay_like_the_heat_equation():
    # With a -> 0 the equation is linear: u = a exp(-nu k² t) sin(k x) up to a²/(nu).
    points = grid([0.0, 0.5, 2.0], [0.2, 1.0, 1.4])
    values = cole_hopf(points, viscosity=0.3, amplitude=1e-9, wavenumber=2.0)[:, 0]
    linear = 1e-9 * np.exp(-0.3 * 4.0 * points[:, 0]) * np.sin(2.0 * points[:, 1])
    np.testing.assert_allclose(values, linear, rtol=1e-7)


def test_the_solution_is_odd_and_periodic():
    points = grid([0.2, 0.7], [0.1, 0.35, 0.8])
    mirrored, shifted = points * np.array([1, -1]), points + np.array([0, 2])
    np.testing.assert_allclose(cole_hopf(mirrored, **RAISSI), -cole_hopf(points, **RAISSI), atol=1e-13)
    np.testing.assert_allclose(cole_hopf(shifted, **RAISSI), cole_hopf(points, **RAISSI), atol=1e-12)


def test_a_shock_thinner_by_ten_neither_overflows_nor_leaves_the_range():
    values = cole_hopf(grid([0.5, 1.0], np.linspace(-1, 1, 41)), 0.001 / np.pi, -1.0, np.pi)
    assert np.isfinite(values).all()
    assert np.abs(values).max() <= 1.0


def test_many_points_are_taken_in_blocks():
    x = np.linspace(-1, 1, 12_345)
    points = np.column_stack([np.full_like(x, 0.4), x])
    few = cole_hopf(points[::1000], **RAISSI)
    np.testing.assert_allclose(cole_hopf(points, **RAISSI)[::1000], few, atol=1e-15)
    assert cole_hopf(np.empty((0, 2)), **RAISSI).shape == (0, 1)


@pytest.mark.parametrize(
    ("points", "change", "word"),
    [
        ([[-0.1, 0.0]], {}, "before t = 0"),
        ([[0.1, 0.0]], {"viscosity": 0.0}, "viscosity 0.0"),
        ([[0.1, 0.0]], {"wavenumber": -1.0}, "must be positive"),
        ([0.1, 0.0], {}, r"shape \(2,\)"),
    ],
)
def test_meaningless_arguments_are_refused(points, change, word):
    with pytest.raises(ValueError, match=word):
        cole_hopf(np.array(points), **(RAISSI | change))
