"""Weights over time that let an instant count once everything before it has been learned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.admissible import require_counts, require_numbers, require_positive, require_several
from pinnlab.training.pointwise import Group, Kind
from pinnlab.training.weighting import Certificate, FixedWeights, Weighting

# The piece of the boundary of space and time that initial conditions hold on.
INITIAL = "initial"


@dataclass(frozen=True, eq=False)
class CausalState:
    """Which epsilon is at work.

    Attributes:
        stage: Its place among the `epsilons`, from 0.
        weights: w (bins,).
        smallest: The least of them at the last update; 0 before the first, when nothing is known.
    """

    stage: int
    weights: Tensor
    smallest: float


@dataclass(frozen=True)
class CausalWeights(Weighting[CausalState]):
    """Causal weights of the equations, and the certificate that comes with them [1].

    Time, the first coordinate of the points, is cut into `bins` equal bins between the smallest and the largest time
    of the points at hand.  With L_j the mean over the points of bin j of the squared residuals, summed over the
    equations (0 for a bin without points), and L_0 = conditions · (mean square of the initial conditions), which is 0
    where they are built in,

        w_i = exp(-epsilon (L_0 + sum_{j < i} L_j)),    i = 1 .. bins,

    is the weight of every residual in bin i.  The sum is exclusive: the weight of the initial loss L_0 itself is 1, and
    that of the first bin exp(-epsilon L_0).  All conditions, on the boundary too, have the weight `conditions`.  The
    weights are worked out anew for each step of the solver, from the residuals that it begins with, and are constants
    for the optimiser: they scale the rows of its Jacobian.

    Training goes from one epsilon to the next as soon as min w > threshold; if the residuals are small enough for
    several, to the first that they are not small enough for.  At the last epsilon min w > threshold is the certificate
    that ends the run.  It says that

        L_0 + L_1 + ... + L_{bins - 1} < -log(threshold) / epsilon,

    1e-4 by default, and nothing of the last bin, which no weight depends on.  So it is a statement about residuals in
    their own units: scale the equations, or choose the last epsilon, by the error that is wanted.  An epsilon that
    the network cannot meet is never certified; the run then fails, in words.

    Refuses problems without time when they are compiled.  The authors state that their algorithm is patented: see
    `CausalPinn`.

    Args:
        bins: Bins of time, at least 2.
        epsilons: Positive and increasing; the later, the steeper.
        threshold: In (0, 1).
        conditions: Weight lambda of conditions that are not built in.

    Raises:
        ValueError: If one of these is out of range.

    [1] S. Wang, S. Sankaran, P. Perdikaris, CMAME 421 (2024) 116813, section 3.
    """

    bins: int = 32
    epsilons: tuple[float, ...] = (1e-2, 1e-1, 1.0, 10.0, 100.0)
    threshold: float = 0.99
    conditions: float = 1e3

    def __post_init__(self) -> None:
        require_counts(self, bins=self.bins)
        require_positive(self, conditions=self.conditions)
        if self.bins < 2:
            raise ValueError(f"CausalWeights: bins = {self.bins}; give at least 2, since the first has none before it")
        if not isinstance(self.epsilons, tuple) or not self.epsilons:
            raise ValueError(f"CausalWeights: epsilons = {self.epsilons!r}; give a tuple such as (1.0, 10.0)")
        require_several(self, epsilons=self.epsilons)
        if not all(a < b for a, b in zip((0.0, *self.epsilons), (*self.epsilons, math.inf), strict=True)):
            raise ValueError(f"CausalWeights: epsilons = {self.epsilons}; give positive numbers that increase")
        require_numbers(self, threshold=self.threshold)
        if not 0 < self.threshold < 1:
            raise ValueError(f"CausalWeights: threshold = {self.threshold}; give a number in (0, 1), such as 0.99")

    @property
    def afterwards(self) -> FixedWeights:
        """Fixed weights: causal order is for finding a solution, not for refining it."""
        return FixedWeights(1.0, self.conditions)

    @property
    def needs_time(self) -> bool:  # noqa: D102
        return True

    def start(self, groups: Sequence[Group]) -> CausalState:  # noqa: D102
        return CausalState(0, groups[0].scale.new_ones(self.bins), 0.0)

    def update(self, groups: Sequence[Group], theta: Tensor, state: CausalState) -> CausalState:
        """The weights at `theta (P,)`, with the first epsilon from the present one on that is not yet met."""
        with torch.no_grad():
            initial, losses = self.losses(groups, theta)
        stage = state.stage
        weights = causal_weights(initial, losses, self.epsilons[stage])
        while float(weights.min()) > self.threshold and stage + 1 < len(self.epsilons):
            stage += 1
            weights = causal_weights(initial, losses, self.epsilons[stage])
        return CausalState(stage, weights, float(weights.min()))

    def losses(self, groups: Sequence[Group], theta: Tensor) -> tuple[Tensor, Tensor]:
        """L_0 () and L (bins,) at `theta (P,)`."""
        initial, losses = theta.new_zeros(()), theta.new_zeros(self.bins)
        for group in groups:
            # The plain scale is 1 / sqrt(n).
            squares = torch.square(group.residuals(theta)).sum(1) * len(group.points)
            if group.kind is Kind.EQUATION:
                losses = losses + self._means(squares, group.points)
            elif group.piece == INITIAL:
                initial = initial + self.conditions * squares.mean()
        return initial, losses

    def multipliers(self, groups: Sequence[Group], state: CausalState) -> list[Tensor]:
        """The weights of the points' bins, and of conditions one number."""
        return [
            state.weights[self._bins_of(group.points)][:, None]
            if group.kind is Kind.EQUATION
            else group.scale.new_full((1, 1), self.conditions)
            for group in groups
        ]

    def certificate(self, state: CausalState) -> Certificate:
        """The smallest weight, which cannot be above the threshold before the last epsilon."""
        told = f"the smallest causal weight at epsilon = {self.epsilons[state.stage]:g} of {self.epsilons}"
        remedy = "more steps, shorter windows (windows=EqualWindows(10)) or a smaller last epsilon"
        return Certificate(state.smallest, self.threshold, told, remedy)

    def scalars(self, groups: Sequence[Group], state: CausalState) -> dict[str, float]:
        """The epsilon at work, the smallest weight and the mean one of the equations' bins."""
        mean = float(state.weights.mean())
        epsilon = self.epsilons[state.stage]
        return {"causal_epsilon": epsilon, "causal_weight_min": state.smallest, "causal_weight_mean": mean}

    def _means(self, values: Tensor, points: Tensor) -> Tensor:
        """The mean of values (n,) in each bin (bins,), 0 where there is no point."""
        bins, empty = self._bins_of(points), values.new_zeros(self.bins)
        count = empty.index_add(0, bins, torch.ones_like(values))
        return empty.index_add(0, bins, values) / count.clamp_min(1)

    def _bins_of(self, points: Tensor) -> Tensor:
        """The bin (n,) of each point, from 0."""
        return (scaled_time(points) * self.bins).long().clamp_max(self.bins - 1)


def causal_weights(initial: Tensor, losses: Tensor, epsilon: float) -> Tensor:
    """w_i = exp(-epsilon (initial + sum_{j < i} losses_j)) for initial () and losses (bins,)."""
    # Zeros are shifted in, since a cumulated sum less its last summand would lose digits.
    before = torch.cat([initial[None], losses[:-1]])
    return torch.exp(-epsilon * torch.cumsum(before, 0))


def scaled_time(points: Tensor) -> Tensor:
    """Time (n,) of points (n, dim), from 0 at the earliest of them to 1 at the latest; 0 where all are of one time."""
    times = points[:, 0]
    if not len(times):
        return times
    first, last = times.min(), times.max()
    span = last - first
    return (times - first) / torch.where(span > 0, span, torch.ones_like(span))
