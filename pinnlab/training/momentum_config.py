"""Momentum ConFIG: conflict-free steps at the price of one term's gradient each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.admissible import require_counts, require_numbers, require_positive
from pinnlab.training.combination import conflict_free
from pinnlab.training.objective import LeastSquares
from pinnlab.training.optimizer import Optimizer


@dataclass(frozen=True, eq=False)
class MomentumConFigState:
    """Iterations taken, those that moved the parameters, and running means.

    `seen[i]` gradients of term i are in its mean `means[i]` (P,); `means` has no rows before the first iteration.
    `combined` (P,) is the mean that the conflict-free directions imply, `square` (P,) that of the squares of the
    gradients implied by it.
    """

    taken: int
    moved: int
    seen: list[int]
    means: Tensor
    combined: Tensor
    square: Tensor


@dataclass(frozen=True)
class MomentumConFig(Optimizer[MomentumConFigState]):
    """Adam on the conflict-free direction of running means, one of which is updated in each iteration [1, Algorithm 1].

    Iteration i evaluates the gradient of term i mod m alone and puts it into that term's mean m_i.  With G the
    direction of `conflict_free`, hats the corrections for the zero start, and t the iterations since all terms
    were seen,

        g = G(m̂_1, ..., m̂_m),    c_t = (1 - beta1^t) g,    e = (c_t - beta1 c_{t-1}) / (1 - beta1),
        v <- beta2 v + (1 - beta2) e^2,    theta <- theta - learning_rate g / (sqrt(v̂) + 1e-8).

    The parameters rest until every term was seen once.  The learning rate falls as in `Adam`.  With a single term
    this is Adam; `Adam(combination=ConFig())` is steadier, and m times dearer.

    Args:
        steps: Iterations in all.
        per_step: Iterations per call of `step`.
        learning_rate: First learning rate.
        decay: Last learning rate over first, in (0, 1].
        beta1: Share of the old means of gradients, in [0, 1).
        beta2: Share of the old mean of squares, in [0, 1).

    [1] Q. Liu, M. Chu, N. Thuerey, ICLR 2025, arXiv:2408.11104.
    """

    steps: int = 10000
    per_step: int = 20
    learning_rate: float = 1e-3
    decay: float = 1.0
    beta1: float = 0.9
    beta2: float = 0.999

    def __post_init__(self) -> None:
        require_counts(self, steps=self.steps, per_step=self.per_step)
        require_positive(self, learning_rate=self.learning_rate)
        require_numbers(self, decay=self.decay, beta1=self.beta1, beta2=self.beta2)
        if not 0 < self.decay <= 1:
            raise ValueError(f"MomentumConFig: decay = {self.decay}; give last over first learning rate, in (0, 1]")
        if not (0 <= self.beta1 < 1 and 0 <= self.beta2 < 1):
            raise ValueError(f"MomentumConFig: beta1 = {self.beta1}, beta2 = {self.beta2}; give numbers in [0, 1)")

    def start(self, theta: Tensor) -> MomentumConFigState:  # noqa: D102
        zero = torch.zeros_like(theta)
        return MomentumConFigState(0, 0, [], theta.new_zeros(0, len(theta)), zero, zero)

    def step(
        self, objective: LeastSquares, theta: Tensor, state: MomentumConFigState
    ) -> tuple[Tensor, MomentumConFigState, dict[str, float]]:
        """`per_step` iterations, fewer at the budget's end; "loss" is that of the result."""
        theta = theta.detach()
        last = max(min(state.taken + self.per_step, self.steps), state.taken + 1)
        for i in range(state.taken, last):
            rate = self.learning_rate * self.decay ** (i / self.steps)
            theta, state = self._iterate(objective, theta, state, rate)
        with torch.no_grad():
            loss = float(torch.square(objective.residuals(theta)).sum())
        return theta, state, {"loss": loss, "learning_rate": rate}

    def _iterate(
        self, objective: LeastSquares, theta: Tensor, state: MomentumConFigState, rate: float
    ) -> tuple[Tensor, MomentumConFigState]:
        terms = objective.terms
        term = state.taken % terms
        _, gradient = objective.term_and_gradient(term, theta)
        means = state.means.clone() if len(state.means) else theta.new_zeros(terms, len(theta))
        seen = [*(state.seen or [0] * terms)]
        means[term] = self.beta1 * means[term] + (1 - self.beta1) * gradient
        seen[term] += 1
        if 0 in seen:
            waiting = MomentumConFigState(state.taken + 1, 0, seen, means, state.combined, state.square)
            return theta, waiting
        moved = state.moved + 1
        corrections = torch.tensor([1 - self.beta1**n for n in seen], dtype=theta.dtype, device=theta.device)
        direction = conflict_free(means / corrections[:, None])
        combined = direction * (1 - self.beta1**moved)
        implied = (combined - self.beta1 * state.combined) / (1 - self.beta1)
        square = self.beta2 * state.square + (1 - self.beta2) * torch.square(implied)
        size = torch.sqrt(square / (1 - self.beta2**moved)) + 1e-8
        new = MomentumConFigState(state.taken + 1, moved, seen, means, combined, square)
        return theta - rate * direction / size, new

    def finished(self, state: MomentumConFigState) -> bool:  # noqa: D102
        return state.taken >= self.steps
