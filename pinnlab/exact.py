"""Exact solutions that are no formula: arrays in, arrays out, for use as `reference=` of a problem."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from pinnlab.eikonal import eikonal_square as eikonal_square
from pinnlab.parametric import Parametric as Parametric

# exp(-40) is below the rounding of a sum in double precision.
_NEGLIGIBLE = 40.0
# Quadrature nodes times points held in memory at once.
_BLOCK = 1_000_000
# More halvings than a double has digits.
_BISECTIONS = 60


def cole_hopf(points: np.ndarray, viscosity: float, amplitude: float, wavenumber: float) -> np.ndarray:
    """Solve Burgers' equation u_t + u u_x = nu u_xx on the line from u(0, x) = a sin(k x).

    With φ = exp(-∫ u dx / (2 nu)) the equation becomes the heat equation φ_t = nu φ_xx, so

        u(t, x) = ∫ u0(y) w(y) dy / ∫ w(y) dy,   w(y) = exp(-(x - y)² / (4 nu t) + a cos(k y) / (2 nu k)).

    This is a mean of u0 with positive weights: nothing is divided by t, and t = 0 returns u0.  In the
    variable z = (y - x) / √(4 nu t) the integrands are entire and decay like exp(-z²), so the trapezoidal
    rule converges exponentially, also for viscosities where Gauss-Hermite rules miss the two narrow peaks
    beside a shock. The absolute error is about 1e-14 times |a| as long as |a| / (k nu) stays below a
    thousand or so.

    Args:
        points: Times and places `(n, 2)`, columns (t, x), with t ≥ 0.
        viscosity: nu > 0.
        amplitude: a, of either sign.
        wavenumber: k > 0; the solution has the period 2 pi / k.

    Returns:
        u as `(n, 1)`.

    Raises:
        ValueError: For a negative time, or a viscosity or wavenumber that is not positive.

    References:
        J. D. Cole, Quart. Appl. Math. 9 (1951) 225-236; E. Hopf, Comm. Pure Appl. Math. 3 (1950) 201-230.
        L. N. Trefethen and J. A. C. Weideman, SIAM Review 56 (2014) 385-458, on the quadrature.
    """
    points = np.asarray(points, dtype=float)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"cole_hopf: points must be (n, 2) with columns (t, x), got the shape {points.shape}")
    if not (viscosity > 0 and wavenumber > 0):
        raise ValueError(f"cole_hopf: viscosity {viscosity} and wavenumber {wavenumber} must be positive")
    if (points[:, 0] < 0).any():
        raise ValueError(f"cole_hopf: it has no solution before t = 0, and t = {points[:, 0].min()} is asked for")
    nodes = _nodes(float(points[:, 0].max(initial=0.0)), viscosity, amplitude, wavenumber)
    block = max(1, _BLOCK // len(nodes))
    values = [
        _weighted_mean(points[i : i + block], nodes, viscosity, amplitude, wavenumber)
        for i in range(0, len(points), block)
    ]
    return np.concatenate([np.empty(0), *values])[:, None]


def _nodes(latest: float, viscosity: float, amplitude: float, wavenumber: float) -> np.ndarray:
    """Equidistant nodes z, wide enough for the weights to vanish and fine enough for their narrowest peak.

    The exponent varies by |a| / (k nu) besides -z², and its second derivative is at most 2 + 2 |a| k t: for a
    Gaussian of that curvature c the trapezoidal rule with step h errs by exp(-2 pi² / (c h²)).
    """
    width = math.sqrt(abs(amplitude) / (wavenumber * viscosity) + _NEGLIGIBLE)
    curvature = 2.0 + 2.0 * abs(amplitude) * wavenumber * latest
    # Half the step of a Gaussian: the cosine grows faster than a Gaussian in the complex plane.
    step = 0.5 * math.pi * math.sqrt(2.0 / (_NEGLIGIBLE * curvature))
    half = math.ceil(width / step)
    return step * np.arange(-half, half + 1)


def _weighted_mean(
    points: np.ndarray, nodes: np.ndarray, viscosity: float, amplitude: float, wavenumber: float
) -> np.ndarray:
    t, x = points[:, :1], points[:, 1:]
    phase = wavenumber * (x + np.sqrt(4.0 * viscosity * t) * nodes)
    exponent = amplitude / (2.0 * viscosity * wavenumber) * np.cos(phase) - nodes**2
    weights = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    mean = (amplitude * np.sin(phase) * weights).sum(axis=1) / weights.sum(axis=1)
    return np.asarray(mean)


def burgers_sine(points: np.ndarray, mean: float, amplitude: float, wavenumber: float) -> np.ndarray:
    """Solve u_t + (u² / 2)_x = 0 for u(0, x) = b + a sin(k x), before and after the shock forms at t = 1 / (a k).

    In the frame that moves with b the solution is odd about its steepest point, where the shock stays; on each side
    u = b + a sin(k y) with the foot y of the characteristic, y + a t sin(k y) = x - b t, the one nearest to y = 0.

    Args:
        points: Times and places `(n, 2)`, columns (t, x), with t ≥ 0.
        mean: b.
        amplitude: a > 0.
        wavenumber: k > 0; the solution has the period 2 pi / k.

    Returns:
        u as `(n, 1)`.

    Raises:
        ValueError: For a negative time, or an amplitude or wavenumber that is not positive.

    References:
        G. B. Whitham, Linear and Nonlinear Waves, Wiley (1974), sections 2.1 and 2.3.
    """
    t, x = _columns(points, "burgers_sine")
    if not (amplitude > 0 and wavenumber > 0):
        raise ValueError(f"burgers_sine: amplitude {amplitude} and wavenumber {wavenumber} must be positive")
    half = math.pi / wavenumber
    # Places in [-half, half), where the shock is at both ends.
    place = np.mod(x - mean * t + half, 2 * half) - half
    side = np.abs(place)

    def beyond(y: np.ndarray) -> np.ndarray:
        return y + amplitude * t * np.sin(wavenumber * y) > side

    foot = _bisected(beyond, np.zeros_like(side), side)
    return (mean + np.sign(place) * amplitude * np.sin(wavenumber * foot))[:, None]


def euler_riemann(
    points: np.ndarray,
    left: tuple[float, float, float],
    right: tuple[float, float, float],
    gamma: float,
    start: float = 0.0,
) -> np.ndarray:
    """Solve the Riemann problem of the Euler equations of an ideal gas.

    The pressure p* between the two nonlinear waves is the root of f_L(p) + f_R(p) + u_R - u_L, where across a shock
    f = (p - p_K) √(2 / ((γ + 1) ρ_K p + (γ - 1) ρ_K p_K)), and f = 2 c_K / (γ - 1) ((p / p_K)^((γ-1)/2γ) - 1) across
    a rarefaction.

    Args:
        points: Times and places `(n, 2)`, columns (t, x), with t ≥ 0.
        left: Density, velocity and pressure for x < start.
        right: Likewise for x ≥ start.
        gamma: Ratio of specific heats, over 1.
        start: Where the data jump.

    Returns:
        Density, momentum and total energy per volume as `(n, 3)`.

    Raises:
        ValueError: For a negative time, a density or pressure that is not positive, or data that make a vacuum.

    References:
        E. F. Toro, Riemann Solvers and Numerical Methods for Fluid Dynamics, 3rd ed., Springer (2009), chapter 4.
    """
    t, x = _columns(points, "euler_riemann")
    if not (gamma > 1 and min(left[0], left[2], right[0], right[2]) > 0):
        raise ValueError(f"euler_riemann: densities and pressures must be positive and gamma over 1: {left}, {right}")
    sound = [math.sqrt(gamma * p / rho) for rho, _, p in (left, right)]
    if right[1] - left[1] >= 2 * sum(sound) / (gamma - 1):
        raise ValueError(f"euler_riemann: {left} and {right} part so fast that a vacuum opens between them")
    weak = (gamma - 1) / (2 * gamma)

    def change(p: float, state: tuple[float, float, float], c: float) -> float:
        rho, _, p_k = state
        if p > p_k:
            return (p - p_k) * math.sqrt(2 / (rho * ((gamma + 1) * p + (gamma - 1) * p_k)))
        return 2 * c / (gamma - 1) * ((p / p_k) ** weak - 1)

    def gap(p: float) -> float:
        return change(p, left, sound[0]) + change(p, right, sound[1]) + right[1] - left[1]

    p = _increasing_root(gap, min(left[2], right[2]))
    u = 0.5 * (left[1] + right[1] + change(p, right, sound[1]) - change(p, left, sound[0]))
    speed = _self_similar(t, x - start)
    low = _behind_wave(speed, left, sound[0], p, u, gamma)
    # The right wave is the left one in a mirror.
    high = _behind_wave(-speed, (right[0], -right[1], right[2]), sound[1], p, -u, gamma)
    density, velocity, pressure = np.where(speed < u, low, high * np.array([[1.0], [-1.0], [1.0]]))
    energy = pressure / (gamma - 1) + density * velocity**2 / 2
    # Adding zero makes -0 plain.
    return np.stack([density, density * velocity, energy], axis=1) + 0.0


def _behind_wave(
    speed: np.ndarray, state: tuple[float, float, float], c: float, p: float, u: float, gamma: float
) -> np.ndarray:
    """Density, velocity and pressure `(3, n)` left of the contact, by x/t, with pressure p and velocity u at it."""
    rho, u_k, p_k = state
    if p > p_k:
        ratio, weak = p / p_k, (gamma - 1) / (gamma + 1)
        shock = u_k - c * math.sqrt((gamma + 1) / (2 * gamma) * ratio + (gamma - 1) / (2 * gamma))
        inner = np.array([rho * (ratio + weak) / (weak * ratio + 1), u, p])
        return np.where(speed < shock, np.array(state)[:, None], inner[:, None])
    inner = np.array([rho * (p / p_k) ** (1 / gamma), u, p])
    tail = u - c * (p / p_k) ** ((gamma - 1) / (2 * gamma))
    at = np.clip(speed, u_k - c, tail)
    cooled = 2 / (gamma + 1) + (gamma - 1) / ((gamma + 1) * c) * (u_k - at)
    velocity = 2 / (gamma + 1) * (c + (gamma - 1) / 2 * u_k + at)
    fan = np.stack([rho * cooled ** (2 / (gamma - 1)), velocity, p_k * cooled ** (2 * gamma / (gamma - 1))])
    outer = np.where(speed < u_k - c, np.array(state)[:, None], fan)
    return np.where(speed > tail, inner[:, None], outer)


def dam_break(
    points: np.ndarray,
    left: tuple[float, float],
    right: tuple[float, float],
    gravity: float,
    start: float = 0.0,
) -> np.ndarray:
    """Solve the Riemann problem of the shallow water equations; the bed may be dry on one side, or become so between.

    The depth h* between the two waves is the root of f_L(h) + f_R(h) + u_R - u_L, where across a shock
    f = (h - h_K) √(g (h + h_K) / (2 h h_K)), and f = 2 (√(g h) - √(g h_K)) across a rarefaction.

    Args:
        points: Times and places `(n, 2)`, columns (t, x), with t ≥ 0.
        left: Depth and velocity for x < start.
        right: Likewise for x ≥ start.
        gravity: g > 0.
        start: Where the data jump.

    Returns:
        Depth and discharge h u as `(n, 2)`.

    Raises:
        ValueError: For a negative time, a negative depth, or a bed that is dry everywhere.

    References:
        J. J. Stoker, Water Waves, Interscience (1957), section 10.8; E. F. Toro, Shock-Capturing Methods for
        Free-Surface Shallow Flows, Wiley (2001), chapters 5 and 6.
    """
    t, x = _columns(points, "dam_break")
    if not (gravity > 0 and min(left[0], right[0]) >= 0 and max(left[0], right[0]) > 0):
        raise ValueError(f"dam_break: depths must not be negative, and one positive, got {left} and {right}")
    sound = [math.sqrt(gravity * h) for h, _ in (left, right)]

    def change(h: float, h_k: float) -> float:
        if h > h_k:
            return (h - h_k) * math.sqrt(gravity * (h + h_k) / (2 * h * h_k))
        return 2 * (math.sqrt(gravity * h) - math.sqrt(gravity * h_k))

    speed = _self_similar(t, x - start)
    if min(left[0], right[0]) == 0 or right[1] - left[1] >= 2 * sum(sound):
        # Each side thins out into a dry bed.
        h, ends = 0.0, (left[1] + 2 * sound[0], -right[1] + 2 * sound[1])
        middle = math.inf if right[0] == 0 else -math.inf if left[0] == 0 else 0.5 * (ends[0] - ends[1])
    else:
        h = _increasing_root(
            lambda v: change(v, left[0]) + change(v, right[0]) + right[1] - left[1], min(left[0], right[0])
        )
        middle = 0.5 * (left[1] + right[1] + change(h, right[0]) - change(h, left[0]))
        ends = (middle, -middle)
    low = _water_behind_wave(speed, left, sound[0], h, ends[0], gravity)
    high = _water_behind_wave(-speed, (right[0], -right[1]), sound[1], h, ends[1], gravity)
    depth, velocity = np.where(speed < middle, low, high * np.array([[1.0], [-1.0]]))
    # Adding zero makes -0 plain.
    return np.stack([depth, depth * velocity], axis=1) + 0.0


def _water_behind_wave(
    speed: np.ndarray, state: tuple[float, float], c: float, h: float, u: float, gravity: float
) -> np.ndarray:
    """Depth and velocity `(2, n)` left of the middle, by x/t, with depth h and velocity u there."""
    h_k, u_k = state
    if h > h_k:
        shock = u_k - c * math.sqrt((h + h_k) * h / (2 * h_k**2))
        return np.where(speed < shock, np.array(state)[:, None], np.array([[h], [u]]))
    tail = u - math.sqrt(gravity * h)
    at = np.clip(speed, u_k - c, tail)
    fan = np.stack([((u_k + 2 * c - at) / 3) ** 2 / gravity, (u_k + 2 * c + 2 * at) / 3])
    outer = np.where(speed < u_k - c, np.array(state)[:, None], fan)
    return np.where(speed > tail, np.array([[h], [u]]), outer)


def _increasing_root(function: Callable[[float], float], guess: float) -> float:
    """The positive root of an increasing function that is negative at zero."""
    from scipy.optimize import brentq

    high = guess
    while function(high) < 0:
        high *= 2
    return float(brentq(function, np.finfo(float).tiny, high, xtol=1e-300, rtol=4 * np.finfo(float).eps))


def buckley_leverett(points: np.ndarray, ratio: float, start: float = 0.0) -> np.ndarray:
    """Solve u_t + f(u)_x = 0 with f = u² / (u² + M (1 - u)²) for water u = 1 left of `start` and oil u = 0 right of it.

    A rarefaction, f'(u) = (x - start) / t, falls from 1 to u* = √(M / (1 + M)), where the chord from 0 touches f
    (Welge's construction, Oleinik's condition); from there a shock of speed f'(u*) leads to 0.

    Args:
        points: Times and places `(n, 2)`, columns (t, x), with t ≥ 0.
        ratio: M > 0, the ratio of the viscosities of water and oil.
        start: Where the data jump.

    Returns:
        u as `(n, 1)`.

    Raises:
        ValueError: For a negative time or a ratio that is not positive.

    References:
        S. E. Buckley, M. C. Leverett, Trans. AIME 146 (1942) 107-116; H. J. Welge, J. Petrol. Technol. 4 (1952)
        91-98.  R. J. LeVeque, Finite Volume Methods for Hyperbolic Problems, Cambridge (2002), section 16.1.
    """
    t, x = _columns(points, "buckley_leverett")
    if not ratio > 0:
        raise ValueError(f"buckley_leverett: the ratio of viscosities must be positive, got {ratio}")
    speed = _self_similar(t, x - start)

    def slope(u: np.ndarray | float) -> np.ndarray:
        return np.asarray(2 * ratio * u * (1 - u) / (u**2 + ratio * (1 - u) ** 2) ** 2)

    front = math.sqrt(ratio / (1 + ratio))
    inside = (speed > 0) & (speed < slope(front))
    fan = np.where(inside, speed, 0.0)
    u = _bisected(lambda v: slope(v) < fan, np.full_like(fan, front), np.ones_like(fan))
    return np.where(speed <= 0, 1.0, np.where(inside, u, 0.0))[:, None]


def barenblatt(points: np.ndarray, exponent: float, mass: float) -> np.ndarray:
    """Barenblatt's solution of the porous medium equation u_t = ∇²(u^m), spread from a point at t = 0.

    u = t^(-α) max(0, C - κ |x|² t^(-2α/d))^(1/(m - 1)),  α = d / (d (m - 1) + 2),  κ = α (m - 1) / (2 m d).

    Args:
        points: Times and places `(n, 1 + d)`, columns (t, x, …), with t > 0.
        exponent: m > 1.
        mass: C > 0; it grows with the total mass.

    Returns:
        u as `(n, 1)`.

    Raises:
        ValueError: For a time that is not positive, m ≤ 1 or C ≤ 0.

    References:
        G. I. Barenblatt, Prikl. Mat. Mekh. 16 (1952) 67-78.
        J. L. Vázquez, The Porous Medium Equation, Oxford (2007), section 4.4.
    """
    points = np.asarray(points, float)
    if not (exponent > 1 and mass > 0):
        raise ValueError(f"barenblatt: it needs m > 1 and C > 0, got {exponent} and {mass}")
    t, dim = points[:, 0], points.shape[1] - 1
    if (t <= 0).any():
        raise ValueError(f"barenblatt: it starts from a point at t = 0, and t = {t.min()} is asked for")
    alpha = dim / (dim * (exponent - 1) + 2)
    kappa = alpha * (exponent - 1) / (2 * exponent * dim)
    rest = mass - kappa * (points[:, 1:] ** 2).sum(axis=1) * t ** (-2 * alpha / dim)
    return (t**-alpha * np.maximum(rest, 0.0) ** (1 / (exponent - 1)))[:, None]


def _columns(points: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Times and places, checked."""
    points = np.asarray(points, float)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"{name}: points must be (n, 2) with columns (t, x), got the shape {points.shape}")
    if (points[:, 0] < 0).any():
        raise ValueError(f"{name}: it has no solution before t = 0, and t = {points[:, 0].min()} is asked for")
    return points[:, 0], points[:, 1]


def _self_similar(t: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The speed x / t, infinite at t = 0; the point x = 0 then belongs to the right."""
    return np.where(t > 0, x / np.where(t > 0, t, 1.0), np.where(x < 0, -np.inf, np.inf))


def _bisected(beyond: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Where `beyond` turns from false to true between `low` and `high`, to rounding."""
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        over = beyond(middle)
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    return 0.5 * (low + high)
