"""AdamW on mini-batches: Adam with decoupled weight decay and a schedule."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pinnlab.admissible import require_not_negative, require_numbers, require_positive
from pinnlab.training.schedules import OneCycle, Schedule


@dataclass(eq=False)
class AdamWState:
    """Steps taken, and the running means of the gradient (P,) and of its square (P,)."""

    taken: int
    mean: Tensor
    mean_square: Tensor

    def copied(self) -> AdamWState:
        """The same in memory of its own."""
        return AdamWState(self.taken, self.mean.clone(), self.mean_square.clone())


@dataclass(frozen=True)
class AdamW:
    """θ ← (1 − ηλ) θ − η m̂ / (√v̂ + ε), where m̂, v̂ are the unbiased running means of g and g², and η is scheduled.

    Unlike `Adam` it is made for losses that change with every mini-batch: it takes one gradient at a time, and knows
    no objective.

    Args:
        learning_rate: η where the schedule's factor is 1, positive.
        weight_decay: λ >= 0.
        schedule: Factor of η over the training.
        largest_norm: Gradients with a larger Euclidean norm are scaled down to it; infinite by default.
        betas: Rates of the running means, each in [0, 1).
        epsilon: ε > 0.

    Raises:
        ValueError: If a number is outside its range.

    Source: I. Loshchilov, F. Hutter, ICLR 2019, Algorithm 2.
    """

    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    schedule: Schedule = field(default_factory=OneCycle)
    largest_norm: float = math.inf
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        require_positive(self, learning_rate=self.learning_rate, epsilon=self.epsilon)
        require_not_negative(self, weight_decay=self.weight_decay)
        require_numbers(self, largest_norm=self.largest_norm)
        if not self.largest_norm > 0:
            raise ValueError(f"AdamW: largest_norm = {self.largest_norm}; give a positive number, or math.inf")
        if len(self.betas) != 2 or not all(0 <= b < 1 for b in self.betas):
            raise ValueError(f"AdamW: betas = {self.betas}; give two numbers in [0, 1)")
        if not isinstance(self.schedule, Schedule):
            raise ValueError(f"AdamW: schedule must be one such as OneCycle(), got {self.schedule!r}")

    def start(self, theta: Tensor) -> AdamWState:
        """The state before the first step from `theta (P,)`."""
        return AdamWState(0, torch.zeros_like(theta), torch.zeros_like(theta))

    def advance(self, theta: Tensor, gradient: Tensor, state: AdamWState, factor: float) -> None:
        """One step with a gradient (P,), in place of `theta (P,)` and of the state; the schedule says the factor."""
        first, second = self.betas
        rate = factor * self.learning_rate
        if self.largest_norm < math.inf:
            norm = torch.linalg.vector_norm(gradient)
            gradient = gradient * (self.largest_norm / norm.clamp(min=self.largest_norm))
        state.taken += 1
        state.mean.lerp_(gradient, 1 - first)
        state.mean_square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        root = state.mean_square.sqrt().div_(math.sqrt(1 - second**state.taken)).add_(self.epsilon)
        theta.mul_(1 - rate * self.weight_decay).addcdiv_(state.mean, root, value=-rate / (1 - first**state.taken))
