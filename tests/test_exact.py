from __future__ import annotations

import mpmath
import numpy as np
import pytest

from pinnlab.exact import barenblatt, buckley_leverett, burgers_sine, cole_hopf, dam_break, euler_riemann

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


# -- conservation laws ---------------------------------------------------------------------------------------

SOD = {"left": (1.0, 0.0, 1.0), "right": (0.125, 0.0, 0.1), "gamma": 1.4}
GAMMA = 1.4


def sampled(function, speeds, **setting):
    """A self-similar solution at t = 1 by x/t."""
    return function(np.column_stack([np.ones(len(speeds)), speeds]), **setting)


def euler_flux(u):
    velocity = u[:, 1] / u[:, 0]
    p = (GAMMA - 1) * (u[:, 2] - u[:, 1] * velocity / 2)
    return np.stack([u[:, 1], u[:, 1] * velocity + p, (u[:, 2] + p) * velocity], axis=1)


def shallow_flux(u):
    h = np.maximum(u[:, 0], 1e-300)
    return np.stack([u[:, 1], u[:, 1] ** 2 / h + 9.81 * h**2 / 2], axis=1)


def balanced(function, flux, **setting):
    """The integral over a wide space-time box of u_t + f_x, which must vanish whatever waves there are."""
    n, width = 400_000, 40.0
    x = width * ((np.arange(n) + 0.5) / n - 0.5)
    start, end = (function(np.column_stack([np.full(n, t), x]), **setting) for t in (0.0, 1.0))
    ends = flux(function(np.array([[0.5, -width / 2], [0.5, width / 2]]), **setting))
    return (end - start).mean(axis=0) * width + ends[1] - ends[0], np.abs(end).max()


# Toro (2009), table 4.3: data and star values (pressure, velocity, densities beside the contact) of tests 1, 2, 3, 5.
TORO = [
    ((1, 0, 1), (0.125, 0, 0.1), (0.30313, 0.92745, 0.42632, 0.26557)),
    ((1, -2, 0.4), (1, 2, 0.4), (0.00189, 0.0, 0.02185, 0.02185)),
    ((1, 0, 1000), (1, 0, 0.01), (460.894, 19.5975, 0.57506, 5.99924)),
    ((5.99924, 19.5975, 460.894), (5.99242, -6.19633, 46.0950), (1691.64, 8.68975, 14.2823, 31.0426)),
]


@pytest.mark.parametrize(("left", "right", "star"), TORO)
def test_the_star_values_of_toros_tests(left, right, star):
    p, velocity, dense_left, dense_right = star
    beside = sampled(euler_riemann, velocity + np.array([-1e-3, 1e-3]), left=left, right=right, gamma=1.4)
    pressure = 0.4 * (beside[:, 2] - beside[:, 1] ** 2 / beside[:, 0] / 2)
    np.testing.assert_allclose(pressure, p, rtol=3e-3)
    np.testing.assert_allclose(beside[:, 1] / beside[:, 0], velocity, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(beside[:, 0], [dense_left, dense_right], rtol=3e-4)


@pytest.mark.parametrize(
    ("left", "right"), [(a, b) for a, b, _ in TORO[:1]] + [((2, 1, 1), (1, -1, 3)), ((1, 0, 0.1), (1, 0, 5))]
)
def test_the_gas_balances_mass_momentum_and_energy(left, right):
    gap, size = balanced(euler_riemann, euler_flux, left=left, right=right, gamma=1.4)
    assert np.abs(gap).max() < 1e-4 * size


def test_the_shock_of_sod_satisfies_rankine_and_hugoniot():
    # Ahead (0.125, 0, 0.25); behind 0.26557, 0.92745, 0.30313: speed 0.26557·0.92745/(0.26557 - 0.125) = 1.75216.
    speed = 1.752155731
    behind, ahead = sampled(euler_riemann, np.array([speed - 1e-6, speed + 1e-6]), **SOD)[:, None]
    jump = euler_flux(behind) - euler_flux(ahead)
    np.testing.assert_allclose(jump, speed * (behind - ahead), rtol=1e-7)


def test_the_rarefaction_of_sod_is_isentropic_with_its_characteristic_straight():
    speeds = np.linspace(-1.18, -0.08, 9)
    rho, m, energy = sampled(euler_riemann, speeds, **SOD).T
    velocity, p = m / rho, 0.4 * (energy - m**2 / rho / 2)
    np.testing.assert_allclose(p / rho**1.4, 1, rtol=1e-13)
    np.testing.assert_allclose(velocity - np.sqrt(1.4 * p / rho), speeds, rtol=1e-12)


def test_a_gas_in_a_mirror_gives_the_mirrored_solution():
    speeds = np.linspace(-3, 3, 60)
    one = sampled(euler_riemann, speeds, left=(1, 0.3, 1), right=(0.2, -0.1, 0.1), gamma=1.4)
    other = sampled(euler_riemann, -speeds, left=(0.2, 0.1, 0.1), right=(1, -0.3, 1), gamma=1.4)
    np.testing.assert_allclose(one, other * [1, -1, 1], atol=1e-13)


def test_a_vacuum_and_bad_states_are_refused():
    with pytest.raises(ValueError, match="vacuum"):
        sampled(euler_riemann, np.zeros(1), left=(1, -10, 1), right=(1, 10, 1), gamma=1.4)
    with pytest.raises(ValueError, match="must be positive"):
        sampled(euler_riemann, np.zeros(1), left=(0, 0, 1), right=(1, 0, 1), gamma=1.4)
    with pytest.raises(ValueError, match="before t = 0"):
        euler_riemann(np.array([[-1.0, 0.0]]), **SOD)


WATER = [((3, 0), (1, 0)), ((1, 2), (1, -2)), ((1, -1), (2, 1)), ((2, 0), (0, 0)), ((0, 0), (2, 0)), ((1, -7), (1, 7))]


@pytest.mark.parametrize(("left", "right"), WATER)
def test_water_balances_mass_and_momentum_dry_beds_too(left, right):
    setting = {"left": left, "right": right, "gravity": 9.81}
    gap, size = balanced(dam_break, shallow_flux, **setting)
    assert np.abs(gap).max() < 2e-4 * max(size, 10.0)
    assert (sampled(dam_break, np.linspace(-20, 20, 500), **setting)[:, 0] >= 0).all()


def test_the_bore_of_stoker_by_hand():
    # h = 3 and 1 at g = 1: h* = 1.84858, u* = 2 (√3 - √h*) = 0.74485, speed h* u*/(h* - 1) = 1.62264.
    middle = sampled(dam_break, np.array([0.5]), left=(3, 0), right=(1, 0), gravity=1.0)[0]
    np.testing.assert_allclose(middle, [1.848577, 1.848577 * 0.744854], rtol=2e-6)
    speed = middle[1] / (middle[0] - 1)
    across = sampled(dam_break, speed + np.array([-1e-6, 1e-6]), left=(3, 0), right=(1, 0), gravity=1.0)
    np.testing.assert_allclose(across, [middle, [1, 0]], rtol=1e-12)
    momentum = middle[1] ** 2 / middle[0] + middle[0] ** 2 / 2 - 1 / 2
    assert momentum == pytest.approx(speed * middle[1], rel=1e-10)


def test_ritters_parabola_on_a_dry_bed():
    # h = (2 c - x/t)² / (9 g) with c = √(g h).
    speeds = np.linspace(-1, 2, 7)
    found = sampled(dam_break, speeds, left=(1, 0), right=(0, 0), gravity=1.0)
    np.testing.assert_allclose(found[:, 0], (2 - speeds) ** 2 / 9, atol=1e-14)
    assert sampled(dam_break, np.array([2.01]), left=(1, 0), right=(0, 0), gravity=1.0)[0].tolist() == [0, 0]
    with pytest.raises(ValueError, match="one positive"):
        sampled(dam_break, np.zeros(1), left=(0, 0), right=(0, 0), gravity=1.0)


def test_the_water_front_of_buckley_and_leverett_touches_its_flux():
    # M = 1/2: u* = 1/√3 and f(u*)/u* = f'(u*) = (1 + √3)/2.
    speed = (1 + np.sqrt(3)) / 2
    across = sampled(buckley_leverett, speed + np.array([-1e-9, 1e-9]), ratio=0.5)[:, 0]
    np.testing.assert_allclose(across, [1 / np.sqrt(3), 0], atol=1e-7)
    u = across[0]
    assert u**2 / (u**2 + 0.5 * (1 - u) ** 2) / u == pytest.approx(speed, rel=1e-7)


def test_the_rarefaction_behind_the_water_front_satisfies_the_equation():
    points = np.column_stack([np.linspace(0.5, 1, 40), np.linspace(0.05, 0.6, 40)])
    flux = lambda u: u**2 / (u**2 + 0.3 * (1 - u) ** 2)  # noqa: E731
    at = lambda dt, dx: buckley_leverett(points + np.array([dt, dx]), ratio=0.3)[:, 0]  # noqa: E731
    h = 1e-5
    residual = (at(h, 0) - at(-h, 0) + flux(at(0, h)) - flux(at(0, -h))) / (2 * h)
    assert np.abs(residual).max() < 1e-6
    with pytest.raises(ValueError, match="ratio of viscosities"):
        buckley_leverett(points, ratio=0.0)


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("m", [2.0, 3.0, 1.5])
def test_barenblatt_satisfies_the_porous_medium_equation_and_keeps_its_mass(dim, m):
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.uniform(1, 2, 50), rng.uniform(-0.4, 0.4, (50, dim))])
    at = lambda step: barenblatt(points + step, exponent=m, mass=1.0)[:, 0]  # noqa: E731
    h, steps = 1e-4, np.eye(dim + 1) * 1e-4
    rate = (at(steps[0]) - at(-steps[0])) / (2 * h)
    laplacian = sum((at(s) ** m - 2 * at(0 * s) ** m + at(-s) ** m) / h**2 for s in steps[1:])
    np.testing.assert_allclose(rate, laplacian, atol=2e-7)
    if dim == 1:
        x = np.linspace(-8, 8, 200_001)
        totals = [barenblatt(np.column_stack([np.full_like(x, t), x]), m, 1.0).sum() for t in (1.0, 2.0)]
        assert totals[0] == pytest.approx(totals[1], rel=1e-4)


def test_barenblatt_by_hand_and_its_limits():
    # m = 2, d = 1: α = 1/3, κ = 1/12; at t = 8, x = 2: (1 - (4/12)/4)/2 = 11/24.
    assert barenblatt(np.array([[8.0, 2.0]]), 2.0, 1.0)[0, 0] == pytest.approx(11 / 24, rel=1e-14)
    for t, m in ((0.0, 2.0), (1.0, 1.0)):
        with pytest.raises(ValueError, match="barenblatt"):
            barenblatt(np.array([[t, 0.0]]), m, 1.0)


SINE = {"mean": 1.0, "amplitude": 0.5, "wavenumber": np.pi}


def test_a_sine_is_carried_along_characteristics():
    y = np.linspace(-0.9, 0.9, 37)
    for t in (0.0, 0.3, 0.6):
        u = 1 + 0.5 * np.sin(np.pi * y)
        found = burgers_sine(np.column_stack([np.full(37, t), y + u * t]), **SINE)[:, 0]
        np.testing.assert_allclose(found, u, atol=1e-14)


def test_the_broken_sine_satisfies_the_equation_and_its_shock_condition():
    t = 1.4
    x = t - np.array([0.9, 0.5, 0.2, -0.3, -0.7])
    at = lambda dt, dx: burgers_sine(np.column_stack([np.full(5, t + dt), x + dx]), **SINE)[:, 0]  # noqa: E731
    h = 1e-5
    residual = (at(h, 0) - at(-h, 0) + at(0, h) ** 2 / 2 - at(0, -h) ** 2 / 2) / (2 * h)
    assert np.abs(residual).max() < 1e-7
    # The shock is half a period from the middle of the wave, at x = t + 1, with speed 1 = (u_L + u_R)/2 and u_L > u_R.
    low, high = burgers_sine(np.array([[t, t + 1 - 1e-9], [t, t + 1 + 1e-9]]), **SINE)[:, 0]
    assert low - high > 0.5
    assert (low + high) / 2 == pytest.approx(1.0, abs=1e-7)


def test_sines_without_an_amplitude_are_refused():
    with pytest.raises(ValueError, match="amplitude 0"):
        burgers_sine(np.zeros((1, 2)), 1.0, 0.0, 1.0)
