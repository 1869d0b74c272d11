"""One weight for each residual at each point, which grows where the residual stays large."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.admissible import require_not_negative, require_numbers, require_positive
from pinnlab.training.pointwise import Group
from pinnlab.training.weighting import Weighting


@dataclass(frozen=True, eq=False)
class PointState:
    """lambda (n, k) of each group."""

    weights: list[Tensor]


class PointWeights(Weighting[PointState]):
    """The loss is the mean of (lambda * row)^2, with lambda (n, k) of its own for each row at each point.

    lambda is updated once in a step of the solver.  It lives as long as the points do, and starts afresh when
    they are redrawn: take a sampler that keeps its points, or redraws them seldom.
    """

    first: float
    """lambda before the first update."""

    @abc.abstractmethod
    def follow(self, weights: Tensor, rows: Tensor) -> Tensor:
        """The next lambda (n, k) from the last and the rows (n, k)."""

    def start(self, groups: Sequence[Group]) -> PointState:  # noqa: D102
        return PointState([torch.full_like(group.scale, self.first) for group in groups])

    def redrawn(self, groups: Sequence[Group], state: PointState) -> PointState:  # noqa: D102
        return self.start(groups)

    def update(self, groups: Sequence[Group], theta: Tensor, state: PointState) -> PointState:  # noqa: D102
        with torch.no_grad():
            rows = [group.residuals(theta) / group.scale for group in groups]
        return PointState([self.follow(w, r) for w, r in zip(state.weights, rows, strict=True)])

    def multipliers(self, groups: Sequence[Group], state: PointState) -> list[Tensor]:  # noqa: D102
        return [torch.square(w) for w in state.weights]


@dataclass(frozen=True)
class SelfAdaptive(PointWeights):
    """Weights at the points that ascend the loss while the network descends it [1], with the mask m(l) = l^2.

        lambda <- lambda + rate * m'(lambda) * row^2 = lambda (1 + 2 rate row^2)

    This is gradient ascent of the sum over the points: `rate` is that of [1] divided by their number, so that
    it does not depend on how many there are.  The weights only grow, without a bound.

    Args:
        rate: Learning rate of the weights; rate * row^2 should be well below 1 at the first residuals.
        first: lambda before the first update.

    [1] L. D. McClenny, U. M. Braga-Neto, J. Comput. Phys. 474 (2023) 111722, Eqs. 9-13.
    """

    rate: float = 0.01
    first: float = 1.0

    def __post_init__(self) -> None:
        require_positive(self, rate=self.rate, first=self.first)

    def follow(self, weights: Tensor, rows: Tensor) -> Tensor:  # noqa: D102
        return weights * (1 + 2 * self.rate * torch.square(rows))


@dataclass(frozen=True)
class ResidualAttention(PointWeights):
    """Weights at the points that remember where residuals were large [1].

        lambda <- decay * lambda + rate * |row| / max over the points of |row|

    They stay below rate / (1 - decay).  The published start is 0, after which the first loss is rate^2 times
    smaller than an unweighted one.  Multiply by `FixedWeights` for weights between equations and conditions:
    `Product(FixedWeights(1, 100), ResidualAttention())`.

    Args:
        decay: gamma of [1], in [0, 1).
        rate: eta* of [1].
        first: lambda before the first update, >= 0.

    [1] S. J. Anagnostopoulos, J. D. Toscano, N. Stergiopulos, G. E. Karniadakis, CMAME 421 (2024) 116805, Eq. 9.
    """

    decay: float = 0.999
    rate: float = 0.01
    first: float = 0.0

    def __post_init__(self) -> None:
        require_positive(self, rate=self.rate)
        require_numbers(self, decay=self.decay)
        if not 0 <= self.decay < 1:
            raise ValueError(f"ResidualAttention: decay = {self.decay}; give a number in [0, 1)")
        require_not_negative(self, first=self.first)

    def follow(self, weights: Tensor, rows: Tensor) -> Tensor:  # noqa: D102
        size = rows.abs()
        # Where every row is zero there is nothing to attend to, and 0 / 0 would be no weight.
        largest = size.amax(0).clamp_min(torch.finfo(size.dtype).tiny)
        return self.decay * weights + self.rate * size / largest
