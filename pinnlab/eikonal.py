"""The regularised eikonal equation on a square, solved exactly."""

from __future__ import annotations

import math

import numpy as np

# exp(-40) is below the rounding of a sum in double precision.
_NEGLIGIBLE = 40.0
# erfc beyond this is below the rounding of what it is added to, for every time that counts.
_FARTHEST = 7.0
# Numbers held in memory at once.
_BLOCK = 2_000_000


def eikonal_square(points: np.ndarray, epsilon: float) -> np.ndarray:
    """Solve |∇u|² = 1 + ε ∇²u on the unit square with u = 0 on its boundary; u tends to the distance from it.

    With u = -ε log v the equation is linear, v = ε² ∇²v and v = 1 on the boundary.  By the survival p(s, x) of heat in
    a rod whose ends are cold, p_s = p_xx from p = 1, that of the square is a product, and v is a transform of it,

        v(x, y) = ∫ (1 - p(s, x) p(s, y)) exp(-s/ε²) ds/ε²,   1 - p = Σ_n (-1)^n (erfc(n + x) + erfc(n + 1 - x)),

    the arguments of erfc divided by 2 √s.  With 1 - p in this form nothing is lost by cancellation where v is tiny,
    and the trapezoidal rule in log(s) converges exponentially.  The absolute error of u is about 1e-14 ε.

    Args:
        points: Places `(n, 2)` in [0, 1]².
        epsilon: ε from 1e-3 to 1.

    Returns:
        u as `(n, 1)`.

    Raises:
        ValueError: For points outside the square, or an ε outside its range.

    References:
        E. Hopf, Comm. Pure Appl. Math. 3 (1950) 201-230, on the substitution.  H. S. Carslaw and J. C. Jaeger,
        Conduction of Heat in Solids, 2nd ed., Oxford (1959), sections 1.15 and 3.3, on products and images.
    """
    points = np.asarray(points, dtype=float)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"eikonal_square: points must be (n, 2) with columns (x, y), got the shape {points.shape}")
    if not 1e-3 <= epsilon <= 1:
        raise ValueError(f"eikonal_square: epsilon must be from 0.001 to 1, got {epsilon}")
    if len(points) and np.abs(points - 0.5).max() > 0.5 + 1e-12:
        raise ValueError("eikonal_square: a point is outside the unit square, where there is no solution")
    # In units of ε²; the integrand at log(s) is widest at the boundary, where it falls like s, and narrowest at the
    # centre, a Gaussian of variance 2 ε.
    step = 0.5 * math.pi * math.sqrt(2.0 * min(2.0 * epsilon, 0.5) / _NEGLIGIBLE)
    # At the centre v is exp(-1/(2 ε)), and what is left out must be small beside it.
    logs = np.arange(-_NEGLIGIBLE, math.log(_NEGLIGIBLE + 0.5 / epsilon), step)
    weights = step * np.exp(logs - np.exp(logs))
    # The rule is exact for v = 1.
    weights /= weights.sum()
    lost = []
    for column in points.T:
        places, index = np.unique(np.clip(column, 0.0, 1.0), return_inverse=True)
        lost.append((_lost(places, epsilon**2 * np.exp(logs)), index))
    (first, i), (second, j) = lost
    block = max(1, _BLOCK // len(logs))
    v = [
        (p + q - p * q) @ weights
        for p, q in ((first[i[k : k + block]], second[j[k : k + block]]) for k in range(0, len(points), block))
    ]
    return -epsilon * np.log(np.concatenate([np.empty(0), *v]))[:, None]


def _lost(places: np.ndarray, times: np.ndarray) -> np.ndarray:
    """The heat `(n, times)` that a rod on [0, 1] has lost at increasing times, by images."""
    from scipy.special import erfc

    width = 2.0 * np.sqrt(times)
    out = np.zeros((len(places), len(times)))
    for n in range(1 + math.ceil(_FARTHEST * float(width.max()))):
        reached = np.searchsorted(width, n / _FARTHEST)
        for distance in (n + places, n + 1 - places):
            out[:, reached:] += (-1) ** n * erfc(distance[:, None] / width[reached:])
    return out
