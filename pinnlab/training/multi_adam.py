"""MultiAdam: first-order steps to which every term of the loss contributes alike, whatever its scale."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.admissible import require_counts, require_numbers, require_positive
from pinnlab.training.objective import LeastSquares
from pinnlab.training.optimizer import Optimizer


@dataclass(frozen=True, eq=False)
class MultiAdamState:
    """Iterations taken, and running means of each term's gradient and of its square, both (G, P).

    They have no rows before the first iteration.
    """

    taken: int
    means: Tensor
    squares: Tensor


@dataclass(frozen=True)
class MultiAdam(Optimizer[MultiAdamState]):
    """Adam's moments for each term of the loss, and the mean of the steps that they ask for [1, Algorithm 1].

    With hats the corrections for the zero start, i the terms (every equation and every condition), entry by entry,

        m_i <- beta1 m_i + (1 - beta1) g_i,    v_i <- beta2 v_i + (1 - beta2) g_i^2,
        theta <- theta - learning_rate / G * sum_i m̂_i / (sqrt(v̂_i) + epsilon).

    As each quotient is free of the term's scale, weights between the terms have no effect: any `FixedWeights` gives
    the same path.  The paper puts all conditions into one group; here each is its own.

    Args:
        steps: Iterations in all.
        per_step: Iterations per call of `step`.
        learning_rate: First learning rate; it falls as in `Adam`.
        decay: Last learning rate over first, in (0, 1].
        beta1: Share of the old means of gradients, in [0, 1).
        beta2: Share of the old means of squares, in [0, 1).
        epsilon: Much smaller than the gradients' entries, or the scale does matter; 1e-8 in [1], in float32.

    [1] J. Yao, C. Su, Z. Hao, S. Liu, H. Su, J. Zhu, ICML 2023, arXiv:2306.02816.
    """

    steps: int = 10000
    per_step: int = 20
    learning_rate: float = 1e-3
    decay: float = 1.0
    beta1: float = 0.99
    beta2: float = 0.99
    epsilon: float = 1e-16

    def __post_init__(self) -> None:
        require_counts(self, steps=self.steps, per_step=self.per_step)
        require_positive(self, learning_rate=self.learning_rate, epsilon=self.epsilon)
        require_numbers(self, decay=self.decay, beta1=self.beta1, beta2=self.beta2)
        if not 0 < self.decay <= 1:
            raise ValueError(f"MultiAdam: decay = {self.decay}; give last over first learning rate, in (0, 1]")
        if not (0 <= self.beta1 < 1 and 0 <= self.beta2 < 1):
            raise ValueError(f"MultiAdam: beta1 = {self.beta1}, beta2 = {self.beta2}; give numbers in [0, 1)")

    def start(self, theta: Tensor) -> MultiAdamState:  # noqa: D102
        empty = theta.new_zeros(0, len(theta))
        return MultiAdamState(0, empty, empty)

    def step(
        self, objective: LeastSquares, theta: Tensor, state: MultiAdamState
    ) -> tuple[Tensor, MultiAdamState, dict[str, float]]:
        """`per_step` iterations, fewer at the budget's end; "loss" is that before the last of them."""
        theta = theta.detach()
        none = theta.new_zeros(objective.terms, len(theta))
        means, squares = (state.means, state.squares) if len(state.means) else (none, none)
        last = max(min(state.taken + self.per_step, self.steps), state.taken + 1)
        for i in range(state.taken, last):
            losses, gradients = objective.losses_and_gradients(theta)
            means = self.beta1 * means + (1 - self.beta1) * gradients
            squares = self.beta2 * squares + (1 - self.beta2) * torch.square(gradients)
            size = torch.sqrt(squares / (1 - self.beta2 ** (i + 1))) + self.epsilon
            rate = self.learning_rate * self.decay ** (i / self.steps)
            theta = theta - rate * (means / (1 - self.beta1 ** (i + 1)) / size).mean(0)
        scalars = {"loss": float(losses.sum()), "learning_rate": rate}
        return theta, MultiAdamState(last, means, squares), scalars

    def finished(self, state: MultiAdamState) -> bool:  # noqa: D102
        return state.taken >= self.steps
