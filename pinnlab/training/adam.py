"""Adam: first-order steps, scaled entry by entry."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from pinnlab.admissible import require_counts, require_numbers, require_positive
from pinnlab.training.combination import Combination, Sum
from pinnlab.training.objective import LeastSquares
from pinnlab.training.optimizer import Optimizer


@dataclass(frozen=True, eq=False)
class AdamState:
    """Iterations taken, and the running means of the gradient (P,) and of its square (P,)."""

    taken: int
    mean: Tensor
    mean_square: Tensor


@dataclass(frozen=True)
class Adam(Optimizer[AdamState]):
    """Adam [1] as in torch.optim, with the learning rate falling geometrically over the budget.

    Iteration i of `steps` (from 0) uses learning_rate * decay^(i / steps).

    It is robust far from a solution and slow near one: for digits follow it by `Lbfgs` or use
    `LevenbergMarquardt` from the start.

    Args:
        steps: Iterations in all.
        per_step: Iterations per call of `step`.
        learning_rate: First learning rate.
        decay: Last learning rate over first, in (0, 1].
        combination: What takes the gradient's place: `Sum()`, the gradient of the loss, or `ConFig()`.

    [1] D. P. Kingma, J. Ba, ICLR 2015, Algorithm 1.
    """

    steps: int = 10000
    per_step: int = 20
    learning_rate: float = 1e-3
    decay: float = 1.0
    combination: Combination = field(default_factory=Sum)

    def __post_init__(self) -> None:
        require_counts(self, steps=self.steps, per_step=self.per_step)
        require_positive(self, learning_rate=self.learning_rate)
        require_numbers(self, decay=self.decay)
        if not 0 < self.decay <= 1:
            raise ValueError(f"Adam: decay = {self.decay}; give last over first learning rate, in (0, 1]")
        if not isinstance(self.combination, Combination):
            raise ValueError(f"Adam: combination must be a Combination, got {self.combination!r}")

    def start(self, theta: Tensor) -> AdamState:  # noqa: D102
        return AdamState(0, torch.zeros_like(theta), torch.zeros_like(theta))

    def step(
        self, objective: LeastSquares, theta: Tensor, state: AdamState
    ) -> tuple[Tensor, AdamState, dict[str, float]]:
        """`per_step` iterations, fewer at the budget's end; "loss" is that before the last of them."""
        point = theta.detach().clone().requires_grad_(True)
        inner = torch.optim.Adam([point], lr=self.learning_rate)
        moments = {"exp_avg": state.mean.clone(), "exp_avg_sq": state.mean_square.clone()}
        inner.state[point] = {"step": torch.tensor(float(state.taken)), **moments}
        last = max(min(state.taken + self.per_step, self.steps), state.taken + 1)
        for i in range(state.taken, last):
            inner.param_groups[0]["lr"] = self.learning_rate * self.decay ** (i / self.steps)
            loss, point.grad = self.combination(objective, point.detach())
            inner.step()
        new = AdamState(last, moments["exp_avg"], moments["exp_avg_sq"])
        return point.detach(), new, {"loss": float(loss), "learning_rate": inner.param_groups[0]["lr"]}

    def finished(self, state: AdamState) -> bool:  # noqa: D102
        return state.taken >= self.steps
