"""Adam for many members at once."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.training.adam import Adam, AdamState
from pinnlab.training.batched import BatchedLeastSquares
from pinnlab.training.combination import Sum
from pinnlab.training.together import Outcome, Together


@dataclass(frozen=True)
class AdamTogether(Together[AdamState]):
    """Adam entry by entry, for members that have taken equally many iterations.

    Raises:
        ValueError: If the gradients of the terms are combined otherwise than by `Sum()`.
    """

    settings: Adam

    def __post_init__(self) -> None:
        combination = self.settings.combination
        if not isinstance(combination, Sum):
            raise ValueError(
                f"Adam with {type(combination).__name__} steps one member at a time; train members together with "
                "combination=Sum(), or call solve for each"
            )

    def key(self, state: AdamState) -> Hashable:
        """The number of iterations, which sets the correction of the means and the learning rate."""
        return state.taken

    def step(  # noqa: D102
        self, objective: BatchedLeastSquares, thetas: Tensor, states: Sequence[AdamState]
    ) -> list[Outcome[AdamState]]:
        settings, taken = self.settings, states[0].taken
        points = thetas.detach().clone().requires_grad_(True)
        inner = torch.optim.Adam([points], lr=settings.learning_rate)
        mean, mean_square = (torch.stack([getattr(s, name) for s in states]) for name in ("mean", "mean_square"))
        inner.state[points] = {"step": torch.tensor(float(taken)), "exp_avg": mean, "exp_avg_sq": mean_square}
        last = max(min(taken + settings.per_step, settings.steps), taken + 1)
        for i in range(taken, last):
            inner.param_groups[0]["lr"] = settings.learning_rate * settings.decay ** (i / settings.steps)
            losses, points.grad = objective.values_and_gradients(points.detach())
            inner.step()
        rate = inner.param_groups[0]["lr"]
        found = points.detach()
        return [
            Outcome(found[k].clone(), AdamState(last, mean[k].clone(), mean_square[k].clone()), scalars)
            for k, scalars in enumerate({"loss": loss, "learning_rate": rate} for loss in losses.tolist())
        ]
