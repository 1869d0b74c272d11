"""Variances of lines, and amplitudes, under which measurements are most likely."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from pinnlab.numerics.gaussian_weights import GaussianWeights
from pinnlab.numerics.line_spectrum import LineSpectrum

# Logarithm of the largest factor by which an amplitude changes in one step.
SIZES = math.log(1e3)
# A misfit that is larger than another by this factor tells of a spectrum that cannot fit.
MUCH = 1e4
# The size that is taken is not exceeded with this probability, one standard deviation above the middle.
CAREFUL = 0.84
# Standard deviation of the logarithm of an amplitude before data, about that of their root mean square.
SPREAD = math.log(10)


def profiled(reduced: Tensor, count: int, deviations: Tensor) -> tuple[float, float]:
    """The evidence of exact measurements for the amplitude that makes it most, up to a constant, and the misfit.

    With A the rows in units of their noise, times the deviations of the weights, and y the values,
    -count / 2 log(min_w |A w - y|^2 + |w|^2) - log det(A' A + 1) / 2 up to what does not depend on the deviations.

    Args:
        reduced: A triangle R with R'R = [rows, values]' [rows, values], both in units of the noise.
        count: Number of measurements.
        deviations: Of the weights, in units of those of the rows; 0 leaves one out.
    """
    kept = torch.nonzero(deviations > 0)[:, 0]
    k = len(kept)
    scaled = torch.column_stack([reduced[:, kept] * deviations[kept], reduced[:, -1]])
    identity = torch.eye(k, k + 1, dtype=scaled.dtype, device=scaled.device)
    triangle = torch.linalg.qr(torch.cat([scaled, identity]), mode="r").R
    misfit = triangle[k, k].square().clamp(min=1e-300)
    evidence = -count / 2 * torch.log(misfit / count) - triangle.diagonal()[:k].abs().log().sum()
    return float(evidence), float(misfit)


def most_likely(found: Sequence[tuple[float, float]]) -> int:
    """Which of some pairs of evidence and misfit has the greatest evidence, of those that fit.

    A spectrum that cannot satisfy the equations has a misfit larger by many orders, and an evidence that means
    nothing: few lines have a small determinant.
    """
    least = min(misfit for _, misfit in found)
    return max(range(len(found)), key=lambda i: found[i][0] if found[i][1] <= MUCH * least else -math.inf)


def maximised(lines: Sequence[LineSpectrum], second: Tensor) -> tuple[LineSpectrum, ...]:
    """The lines along each coordinate after one step of expectation maximisation of the evidence.

    Each variance becomes the mean of the squares of the weights that share the line, under the posterior
    (A. P. Dempster, N. M. Laird, D. B. Rubin, J. R. Stat. Soc. B 39 (1977) 1-38; with a variance for each weight
    this is how sparse Bayesian learning prunes, M. E. Tipping, J. Mach. Learn. Res. 1 (2001) 211-244).  The variance of
    a weight is the product of those of its lines, which are changed one coordinate after the other.  Lines that the
    measurements do not ask for die out.

    Args:
        lines: The spectrum along each coordinate.
        second: Posterior mean squares of the weights in units of their variances, `(M_1, ..., M_d)`.

    Returns:
        Spectra whose variances sum to one.
    """
    out = []
    for axis, spectrum in enumerate(lines):
        others = [i for i in range(second.ndim) if i != axis]
        along = second.mean(dim=others) if others else second
        index = spectrum.line.to(along.device)
        sums = torch.zeros(len(spectrum.variances), dtype=along.dtype, device=along.device)
        means = sums.index_add(0, index, along) / sums.index_add(0, index, torch.ones_like(along))
        second = second / means[index].reshape([-1 if i == axis else 1 for i in range(second.ndim)])
        variances = spectrum.variances.to(means) * means
        out.append(LineSpectrum(spectrum.frequencies, (variances / variances.sum()).cpu(), spectrum.origin))
    return tuple(out)


def careful_size(
    weights: GaussianWeights, rows: Tensor, values: Tensor, noise: Tensor, expected: float = 1.0, wide: int = 0
) -> float:
    """The factor a on the spread of weights that is exceeded with a probability of 1 - `CAREFUL` only, given values.

    A few values say little of a.  Its most likely size would leave a deviation that is too small as often as too large;
    this one is rather too large.

    With the singular values s of rows factor / noise and the parts r of the misfit along them the logarithm of the
    density of values and of log a together is -sum(log(1 + a^2 s^2) + r^2 / (1 + a^2 s^2)) / 2 - log(a / expected)^2 /
    (2 `SPREAD`^2), so that one factorisation serves all a.  The weak prior of the last term decides where values do
    not: without it values that agree with what is expected would make a vanish and the answer certain (A. Gelman,
    Bayesian Anal. 1 (2006) 515-533, section 5).

    Args:
        weights: Before the values.
        rows: (n, M).
        values: (n,).
        noise: Standard deviations (n,).
        expected: The median of a before the values.
        wide: How many of the weights are too wide to be counted among those of a size.
    """
    left, sizes, _ = torch.linalg.svd((rows @ weights.factor) / noise[:, None], full_matrices=False)
    parts = (left.T @ ((values - rows @ weights.mean) / noise)).square()
    logs = torch.linspace(-SIZES, SIZES, 1201, dtype=rows.dtype, device=rows.device)
    spread = 1 + (torch.exp(2 * logs)[:, None] * sizes.square())
    before = -((logs - math.log(expected)) / SPREAD).square() / 2 + wide * logs
    density = before - (spread.log() + parts / spread).sum(dim=1) / 2
    below = torch.softmax(density, dim=0).cumsum(dim=0)
    return math.exp(float(logs[int((below < CAREFUL).sum())]))
