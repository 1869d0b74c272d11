"""Real functions Re and Im of polynomial times exponential, with derivatives of any order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class ExponentialSolutions:
    """The functions Re f_j, -Im f_j with f_j(x) = e^(z_j.(x - c) - s_j) sum_k w_jk ((x - c)_a / h_a)^k / k!.

    c is the middle of a box, h its half widths, a = axes_j, and s_j makes the modulus of the exponential at most one
    in the box, so that nothing overflows.  A real combination of both parts is Re(g f_j) with a complex weight g.

    Attributes:
        exponents: z, complex (m, dim).
        multipliers: w, complex (m, length, unknowns).
        axes: The coordinate of each polynomial (m,).
        lower, upper: Corners of the box (dim,).
    """

    exponents: Tensor
    multipliers: Tensor
    axes: Tensor
    lower: Tensor
    upper: Tensor

    @property
    def count(self) -> int:
        """The number of functions, two for each exponential."""
        return 2 * len(self.exponents)

    def rows(self, points: Tensor, orders: Sequence[int]) -> Tensor:
        """The partial derivatives `(unknowns, n, count)` at `points (n, dim)`, all real parts first."""
        return torch.stack([self.row(points, orders, u) for u in range(self.multipliers.shape[2])])

    def row(self, points: Tensor, orders: Sequence[int], unknown: int) -> Tensor:
        """The partial derivatives of one unknown, `(n, count)`."""
        half = (self.upper - self.lower) / 2
        moved = points - (self.lower + self.upper) / 2
        shift = self.exponents.real.abs() @ half
        waves = torch.exp(moved.to(self.exponents.dtype) @ self.exponents.T - shift)
        values = waves * self._factors(moved / half, half, tuple(orders), unknown)
        return torch.cat([values.real, -values.imag], dim=1)

    def _factors(self, scaled: Tensor, half: Tensor, orders: tuple[int, ...], unknown: int) -> Tensor:
        """What multiplies the exponentials in a derivative, `(n, m)` or `(1, m)`."""
        others = torch.ones_like(self.exponents[:, 0])
        for i, n in enumerate(orders):
            others = others * torch.where(self.axes == i, torch.ones_like(others), self.exponents[:, i] ** n)
        a = torch.tensor(orders, device=self.axes.device)[self.axes]
        z = self.exponents.gather(1, self.axes[:, None])[:, 0]
        powers = torch.stack([z**n for n in range(max(orders, default=0) + 1)])
        total = torch.zeros_like(z)[None]
        for k in range(self.multipliers.shape[1]):
            for j in range(min(k, max(orders, default=0)) + 1):
                # Leibniz: j of the a derivatives fall on the power.
                binomials = z.new_tensor([math.comb(n, j) for n in a.tolist()])
                power = scaled[:, self.axes] ** (k - j) / math.factorial(k - j) if k > j else scaled.new_ones(1, 1)
                kept = powers.gather(0, (a - j).clamp(min=0)[None])[0]
                part = binomials * kept / half[self.axes] ** j
                total = total + power * (part * self.multipliers[:, k, unknown])
        return total * others
