"""Exact solutions that need a quadrature: arrays in, arrays out, for use as `reference=` of a problem."""

from __future__ import annotations

import math

import numpy as np

# exp(-40) is below the rounding of a sum in double precision.
_NEGLIGIBLE = 40.0
# Quadrature nodes times points held in memory at once.
_BLOCK = 1_000_000


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
        raise ValueError(
            f"cole_hopf: points must be (n, 2) with columns (t, x), got the shape {points.shape}"
        )
    if not (viscosity > 0 and wavenumber > 0):
        raise ValueError(f"cole_hopf: viscosity {viscosity} and wavenumber {wavenumber} must be positive")
    if (points[:, 0] < 0).any():
        raise ValueError(
            f"cole_hopf: it has no solution before t = 0, and t = {points[:, 0].min()} is asked for"
        )
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
