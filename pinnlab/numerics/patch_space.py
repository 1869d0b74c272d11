"""Functions that are a sum over patches of a window times a combination of basis functions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinnlab.numerics.partition_of_unity import Partition
from pinnlab.numerics.random_basis import RandomBasis

Orders = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Block:
    """The functions of one patch where they are not zero.

    Attributes:
        patch: Position of the patch.
        rows: Which points it covers (m,).
        values: One matrix (m, q) per derivative asked for: (k, m, q).
    """

    patch: int
    rows: Tensor
    values: Tensor


@dataclass(frozen=True, eq=False)
class PatchSpace:
    """u(x) = sum_p window_p(x) sum_j c[p, j] phi_j(local coordinates of x in patch p).

    Every patch has the same basis, scaled to its support.  Derivatives are exact.
    """

    partition: Partition
    basis: RandomBasis

    @property
    def patches(self) -> int:
        """The number of patches."""
        return len(self.partition.patches)

    def blocks(self, points: Tensor, orders: Sequence[Orders]) -> list[Block]:
        """The functions of all patches and their derivatives at `points (n, dim)`, patch by patch."""
        found = []
        for p in range(self.patches):
            rows = torch.nonzero(self.partition.covers(points, p))[:, 0]
            if len(rows):
                found.append(Block(p, rows, self._values(self.basis, points[rows], p, orders)))
        return found

    def _values(self, basis: RandomBasis, points: Tensor, patch: int, orders: Sequence[Orders]) -> Tensor:
        """Leibniz' rule: d^a (w phi) = sum_{b <= a} binom(a, b) d^(a - b) w d^b phi."""
        active = basis.activations(self.partition.local(points, patch))
        scales = self.partition.scales(patch)
        windows: dict[Orders, Tensor] = {}
        values = points.new_zeros(len(orders), len(points), basis.size)
        lower = sorted({b for a in orders for b in itertools.product(*(range(n + 1) for n in a))})
        for b in lower:
            inner: Tensor | None = None
            for k, a in enumerate(orders):
                if any(i > j for i, j in zip(b, a, strict=True)):
                    continue
                rest = tuple(j - i for i, j in zip(b, a, strict=True))
                if rest not in windows:
                    windows[rest] = self.partition.window(points, patch, rest)
                if not bool(windows[rest].any()):
                    continue
                if inner is None:
                    inner = basis.derivative(active, b) * math.prod(s**n for s, n in zip(scales, b, strict=True))
                count = math.prod(math.comb(j, i) for i, j in zip(b, a, strict=True))
                values[k] += (count * windows[rest])[:, None] * inner
        return values

    def combine(self, blocks: Sequence[Block], coefficients: Tensor, n: int) -> Tensor:
        """Derivatives of functions with `coefficients (u, patches, q)` at the n points of `blocks`: (k, n, u)."""
        k = blocks[0].values.shape[0] if blocks else 0
        result = coefficients.new_zeros(k, n, len(coefficients))
        for block in blocks:
            result[:, block.rows] += block.values @ coefficients[:, block.patch].T
        return result

    def evaluate(self, points: Tensor, coefficients: Tensor, orders: Orders) -> Tensor:
        """One derivative of the functions at `points (n, dim)`: (n, u); zero where no patch is."""
        result = coefficients.new_zeros(len(points), len(coefficients))
        for p in range(self.patches):
            rows = torch.nonzero(self.partition.covers(points, p))[:, 0]
            if len(rows):
                # The features are combined before they are evaluated: one function per unknown instead of q.
                combined = replace(self.basis, mixing=self.basis.mixing @ coefficients[:, p].T)
                result[rows] += self._values(combined, points[rows], p, [orders])[0]
        return result
