"""Values anywhere in cells from averages over them: central weighted essentially non-oscillatory interpolation."""

from __future__ import annotations

import numpy as np

_TINY = 1e-40
# Shares of the left, middle and right parabola where the data are smooth; the quartic has the rest.
_SHARES = np.array([0.125, 0.25, 0.125])

# Coefficients of (1, ξ, ξ² - 1/12, ξ³, ξ⁴ - 1/80), whose means over |ξ| < 1/2 are 1 and 0, by five averages.
_PARABOLAS = np.array(
    [
        [[0, 0, 1, 0, 0], [0.5, -2, 1.5, 0, 0], [0.5, -1, 0.5, 0, 0], [0] * 5, [0] * 5],
        [[0, 0, 1, 0, 0], [0, -0.5, 0, 0.5, 0], [0, 0.5, -1, 0.5, 0], [0] * 5, [0] * 5],
        [[0, 0, 1, 0, 0], [0, 0, -1.5, 2, -0.5], [0, 0, 0.5, -1, 0.5], [0] * 5, [0] * 5],
    ]
)
_QUARTIC = np.array(
    [
        [0, 0, 1, 0, 0],
        [5 / 48, -17 / 24, 0, 17 / 24, -5 / 48],
        [-1 / 16, 3 / 4, -11 / 8, 3 / 4, -1 / 16],
        [-1 / 12, 1 / 6, 0, -1 / 6, 1 / 12],
        [1 / 24, -1 / 6, 1 / 4, -1 / 6, 1 / 24],
    ]
)


def cweno_weights(stencil: np.ndarray, place: np.ndarray, order: int = 0) -> np.ndarray:
    """Weights of five averages for the value, or a derivative, at a place in the middle cell [1, 2].

    The quartic through all five averages where they are smooth, fifth-order accurate; beside a jump the parabola
    through three of them that does not cross it.  The mean over the cell is its average in every case.

    Args:
        stencil: Averages `(…, 5)` that decide about smoothness.
        place: (x - centre) / width in [-1/2, 1/2], `(…)`.
        order: Of the derivative with respect to `place`.

    Returns:
        `(…, 5)`; they apply to these averages, or to others over the same cells.

    [1] D. Levy, G. Puppo, G. Russo, SIAM J. Sci. Comput. 22 (2000) 656-672.
    [2] I. Cravero, M. Semplice, G. Visconti, SIAM J. Numer. Anal. 57 (2019) 2328-2358, on the weights.
    """
    slopes, bends = (np.einsum("ki,...i->k...", _PARABOLAS[:, m], stencil) for m in (1, 2))
    beta = 13 / 3 * bends**2 + slopes**2
    tau = np.abs(beta[0] - beta[2])
    alpha = [d * (1 + (tau / (b + _TINY)) ** 2) for d, b in zip(_SHARES, beta, strict=True)]
    central = (1 - _SHARES.sum()) * (1 + (tau / (beta.max(axis=0) + _TINY)) ** 2)
    total = alpha[0] + alpha[1] + alpha[2] + central
    powers = _powers(place, order)
    whole = powers @ _QUARTIC
    parts = [powers @ p for p in _PARABOLAS]
    # The quartic less its share of the parabolas, so that together they are the quartic where data are smooth.
    ratio = central / (1 - _SHARES.sum())
    out = (ratio / total)[..., None] * whole
    for a, d, part in zip(alpha, _SHARES, parts, strict=True):
        out = out + ((a - d * ratio) / total)[..., None] * part
    return out


def _powers(place: np.ndarray, order: int) -> np.ndarray:
    """The basis, or its derivative, at places `(…)`: `(…, 5)`."""
    columns = []
    for k, mean in enumerate((0.0, 0.0, 1 / 12, 0.0, 1 / 80)):
        factor = np.prod(np.arange(k - order + 1, k + 1)) if order <= k else 0.0
        power = factor * place ** max(k - order, 0)
        columns.append(power - mean if order == 0 else power)
    return np.stack(columns, axis=-1)
