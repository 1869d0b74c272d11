"""The amplitude of a Gaussian process under which its measurements are most likely."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

# Amplitudes that are tried, in units of the prior's, before the best of them is refined.
TRIED = torch.logspace(-10, 10, 401, dtype=torch.float64)
_GOLDEN = (math.sqrt(5) - 1) / 2
_REFINED = 60


@dataclass(frozen=True, eq=False)
class Scaled:
    """Measurements of a process whose amplitude was found.

    Attributes:
        amplitude: a, in units of the prior's.
        triangle: The lower Cholesky factor of H + (noise / a)^2 `(N, N)`.
        log_evidence: log N(values; 0, a^2 H + noise^2).
    """

    amplitude: float
    triangle: Tensor
    log_evidence: float


def of_greatest_evidence(triangle: Tensor, values: Tensor, noise: Tensor) -> Scaled:
    """The amplitude a that maximises log N(values; 0, a^2 H + noise^2) for H = triangle triangle'.

    Without noise a^2 = values' H^-1 values / N in closed form; with noise on some measurements the evidence is a sum
    over the singular values of what the others leave of these, and is maximised along a line.  Where all values are
    zero nothing is known of it, and it stays 1.

    Args:
        triangle: Lower triangular `(N, N)`; kept in the result where nothing has noise, else its last block changes.
        values: `(N,)`.
        noise: Standard deviations `(N,)`; zeros first, then positive ones.
    """
    white = torch.linalg.solve_triangular(triangle, values[:, None], upper=False)[:, 0]
    exact = int((noise == 0).sum())
    if exact == len(values):
        return _closed_form(triangle, white)
    corner, sigma = triangle[exact:, exact:], noise[exact:]
    left, singular, _ = torch.linalg.svd(corner / sigma[:, None], full_matrices=False)
    rest = (left.T @ ((corner @ white[exact:]) / sigma)).square()
    misfit, spread = float(white[:exact].square().sum()), singular.square()

    def cost(amplitude: float) -> float:
        """Minus twice the logarithm of the evidence, without what does not depend on the amplitude."""
        variance = 1 + amplitude**2 * spread
        noisy = float(variance.log().sum() + (rest / variance).sum())
        return noisy + exact * math.log(amplitude**2) + misfit / amplitude**2

    amplitude = _minimiser(cost) if bool(values.any()) else 1.0
    lower = torch.linalg.cholesky(corner @ corner.T + torch.diag((sigma / amplitude).square()))
    whole = triangle.clone()
    whole[exact:, exact:] = lower
    known = 2 * float(triangle.diagonal()[:exact].log().sum() + sigma.log().sum())
    return Scaled(amplitude, whole, -(cost(amplitude) + known + len(values) * math.log(2 * math.pi)) / 2)


def _closed_form(triangle: Tensor, white: Tensor) -> Scaled:
    count = len(white)
    square = float(white.square().mean()) or 1.0
    determinant = float(triangle.diagonal().log().sum())
    misfit = float(white.square().sum()) / square
    evidence = -misfit / 2 - determinant - count / 2 * math.log(2 * math.pi * square)
    return Scaled(math.sqrt(square), triangle, evidence)


def _minimiser(cost: Callable[[float], float]) -> float:
    """The best of the amplitudes that are tried, refined by the golden section between its neighbours."""
    found = [cost(float(a)) for a in TRIED]
    best = min(range(len(found)), key=found.__getitem__)
    low, high = (math.log(float(TRIED[min(max(best + k, 0), len(found) - 1)])) for k in (-1, 1))
    for _ in range(_REFINED):
        a, b = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if cost(math.exp(a)) < cost(math.exp(b)):
            high = b
        else:
            low = a
    return math.exp((low + high) / 2)
