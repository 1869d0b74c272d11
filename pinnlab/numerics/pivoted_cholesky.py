"""The partial Cholesky factor of a positive semidefinite matrix that is known by its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class PartialFactor:
    """A ~ factor factor', exact in the rows and columns of the pivots.

    Attributes:
        factor: `(N, r)`.
        pivots: `(r,)`, in the order in which they were taken.
        left: The sum of the diagonal of A - factor factor', which bounds every eigenvalue of it.
    """

    factor: Tensor
    pivots: Tensor
    left: float

    @classmethod
    def of(cls, diagonal: Tensor, row: Callable[[int], Tensor], rank: int, tolerance: float) -> PartialFactor:
        """Take the largest entry of what is left of the diagonal as the next pivot.

        H. Harbrecht, M. Peters, R. Schneider, Appl. Numer. Math. 62 (2012) 428-440, Algorithm 1.

        Args:
            diagonal: Of A `(N,)`.
            row: A row of A `(N,)` by its number.
            rank: The largest number of columns.
            tolerance: Where all that is left of the diagonal is smaller, fewer are taken.
        """
        left = diagonal.clone()
        factor = diagonal.new_zeros(len(diagonal), min(rank, len(diagonal)))
        pivots: list[int] = []
        for k in range(factor.shape[1]):
            pivot = int(left.argmax())
            if float(left[pivot]) <= tolerance:
                break
            column = (row(pivot) - factor[:, :k] @ factor[pivot, :k]) / left[pivot].sqrt()
            factor[:, k] = column
            left = (left - column.square()).clamp(min=0)
            left[pivot] = 0
            pivots.append(pivot)
        return cls(factor[:, : len(pivots)], torch.tensor(pivots, device=diagonal.device), float(left.sum()))
