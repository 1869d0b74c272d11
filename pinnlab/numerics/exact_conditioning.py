"""Gaussian weights given linear measurements without noise."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.numerics.gaussian_weights import GaussianWeights

# Deviations of a measured quantity below this share of what its terms add up to are rounding: it is known already.
RANK = 1e-12
# By as much may a quantity that is known already miss its value, relative to what its terms add up to.
MISFIT = 1e-10


class Contradiction(ValueError):
    """A quantity is known already, and is not what it was said to be.

    Attributes:
        misfit: By how much the measured quantities miss their values, at most.
    """

    def __init__(self, misfit: float) -> None:
        super().__init__(f"the quantities are known already, and miss their values by {misfit:.3g}")
        self.misfit = misfit


@dataclass(frozen=True, eq=False)
class _Fixed:
    """Coordinates z of the weights, w = mean + factor z, that measurements fix, and those that they leave.

    Attributes:
        z: (k,), the most likely one.
        free: (k, k - rank), an orthonormal basis of the rest.
    """

    z: Tensor
    free: Tensor


def given_exactly(weights: GaussianWeights, rows: Tensor, values: Tensor) -> GaussianWeights:
    """The weights given that rows w = values without noise.

    The limit s -> 0 of mean + S G' (s^2 1 + G S G')^-1 (values - G mean) with the covariance S and G = rows (D. Hansen,
    D. C. Maddix, S. Alizadeh, G. Gupta, M. W. Mahoney, Learning Physical Models that Can Respect Conservation Laws,
    ICML 2023), in the coordinates z of w = mean + factor z: the measured directions of z come from a singular value
    decomposition and are fixed, and a factor of as many fewer columns is left.  No Gram matrix is formed, and later
    measurements cannot spoil what was fixed here.

    Args:
        weights: The weights before.
        rows: (n, M).  Rows may depend on one another or be known already, as long as their values agree.
        values: (n,).

    Raises:
        Contradiction: If the values of rows that are known already, or depend on others, disagree.
    """
    # Each row in units of what its terms add up to, so that neither its own unit nor that of a weight decides.
    terms = rows.abs() @ (torch.linalg.vector_norm(weights.factor, dim=1) + weights.mean.abs())
    size = torch.maximum(terms, values.abs())
    size = torch.where(size > 0, size, torch.ones_like(size))
    rows, values = rows / size[:, None], values / size
    fixed = _fixed(rows @ weights.factor, values - rows @ weights.mean)
    mean = weights.mean + weights.factor @ fixed.z
    misfit = values - rows @ mean
    # Once more for the rounding of the first; what is left then belongs to rows that could not be moved.
    mean = mean + weights.factor @ _fixed(rows @ weights.factor, misfit).z
    left = (values - rows @ mean).abs()
    if bool((left > MISFIT).any()):
        raise Contradiction(float((left * size).max()))
    return GaussianWeights(mean, weights.factor @ fixed.free)


def _fixed(rows: Tensor, values: Tensor) -> _Fixed:
    left, singular, right = torch.linalg.svd(rows, full_matrices=True)
    rank = int((singular > RANK).sum())
    z = right[:rank].T @ ((left[:, :rank].T @ values) / singular[:rank])
    return _Fixed(z, right[rank:].T)
