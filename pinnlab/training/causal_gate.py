"""A gate that opens from early to late times while the residual behind it stays small."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.admissible import require_numbers, require_positive
from pinnlab.training.causal_weights import scaled_time
from pinnlab.training.pointwise import Group, Kind
from pinnlab.training.weighting import FixedWeights, Weighting


@dataclass(frozen=True)
class CausalGateState:
    """gamma: the scaled time at which the gate is half open."""

    shift: float


@dataclass(frozen=True)
class CausalGate(Weighting[CausalGateState]):
    """The gate of Causal R3 [1]: `Pinn(sampler=RetainResampleRelease(), weighting=CausalGate())`.

    With t~ the time between 0 and 1, between the first and the last of the points at hand, the equations' residual r
    is replaced by g r,

        g(t~) = (1 - tanh(alpha (t~ - gamma))) / 2,

    in the loss and in what samplers see, so that R3 retains points whose |g r| is above the mean.  In each step of the
    solver the gate moves towards later times, by the less the larger the gated residuals are:

        gamma <- gamma + rate · exp(-tolerance · mean (g r)²).

    It is fully open at gamma = 1.5 or so, and nothing closes it again: the defaults are for thousands of iterations of
    `Adam(per_step=1)`, and one step of `LevenbergMarquardt` is worth many of them, so take a `rate` of 0.01 to 0.05.
    The history's `causal_gate` is gamma; an answer from a gate that is not open yet is none at late times.

    The gate is one function of time with one number behind it; it is not the weighting of `CausalWeights`, and has no
    certificate.  Refuses problems without time when they are compiled.

    Args:
        alpha: Steepness.
        rate: Largest move in a step.
        tolerance: Of mean squared gated residuals, in their own units.
        first: gamma at the start; -0.5 is a gate that is all but closed.
        conditions: Weight of conditions that are not built in.

    [1] A. Daw, J. Bu, S. Wang, P. Perdikaris, A. Karpatne, ICML 2023, arXiv:2207.02338, section on Causal R3.
    """

    alpha: float = 5.0
    rate: float = 1e-3
    tolerance: float = 20.0
    first: float = -0.5
    conditions: float = 100.0

    def __post_init__(self) -> None:
        require_positive(self, alpha=self.alpha, rate=self.rate, tolerance=self.tolerance, conditions=self.conditions)
        require_numbers(self, first=self.first)
        if not math.isfinite(self.first):
            raise ValueError(f"CausalGate: first = {self.first}; give a finite number, such as -0.5")

    @property
    def afterwards(self) -> FixedWeights:
        """Fixed weights: causal order is for finding a solution, not for refining it."""
        return FixedWeights(1.0, self.conditions)

    @property
    def needs_time(self) -> bool:  # noqa: D102
        return True

    def start(self, groups: Sequence[Group]) -> CausalGateState:  # noqa: D102
        return CausalGateState(self.first)

    def update(self, groups: Sequence[Group], theta: Tensor, state: CausalGateState) -> CausalGateState:
        """The gate after a move, from the residuals at `theta (P,)`."""
        mean = 0.0
        for group in groups:
            if group.kind is Kind.EQUATION:
                with torch.no_grad():
                    gated = group.residuals(theta) * self.gate(group.points, state)[:, None]
                # The scale holds 1 / sqrt(n).
                mean += float(torch.square(gated).sum())
        return CausalGateState(state.shift + self.rate * math.exp(-self.tolerance * mean))

    def gate(self, points: Tensor, state: CausalGateState) -> Tensor:
        """The gate g (n,) at points (n, dim)."""
        return (1 - torch.tanh(self.alpha * (scaled_time(points) - state.shift))) / 2

    def multipliers(self, groups: Sequence[Group], state: CausalGateState) -> list[Tensor]:
        """g² at the equations' points, and of conditions one number."""
        return [
            torch.square(self.gate(group.points, state))[:, None]
            if group.kind is Kind.EQUATION
            else group.scale.new_full((1, 1), self.conditions)
            for group in groups
        ]

    def scalars(self, groups: Sequence[Group], state: CausalGateState) -> dict[str, float]:
        """The time gamma, scaled, at which the gate is half open."""
        return {"causal_gate": state.shift}
