"""What every optimiser is: settings, and pure steps from one state to the next."""

from __future__ import annotations

import abc
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from pinnlab.training.objective import LeastSquares

State = TypeVar("State")


class Optimizer(abc.ABC, Generic[State]):
    """A frozen dataclass of settings.

    A state is a dataclass of tensors and numbers, so that it can be written to disk.  Nothing is assumed of
    the loss between two steps: the objective's points may have been redrawn.
    """

    steps: int
    """The budget: iterations until `finished`, however many of them one call of `step` makes."""

    @abc.abstractmethod
    def start(self, theta: Tensor) -> State:
        """The state before the first step from `theta (P,)`."""

    @abc.abstractmethod
    def step(self, objective: LeastSquares, theta: Tensor, state: State) -> tuple[Tensor, State, dict[str, float]]:
        """New parameters, state and scalars, "loss" among them; `theta` and `state` stay as they are."""

    @abc.abstractmethod
    def finished(self, state: State) -> bool:
        """Whether the budget is spent, or further steps on the same objective would change nothing."""

    def require_fits(self, parameters: int, residuals: int) -> None:
        """Refuse sums of squares that this method has no memory for, before any work is done.

        Raises:
            ValueError: If steps for so many parameters and residuals would take more than its settings allow.
        """

    def redrawn(self, state: State) -> State:
        """The state for points that have just been redrawn: that others were exhausted is forgotten."""
        return state

    def verdict(self, state: State) -> str:
        """Why it finished before its budget was spent and what to do about it; "" if it did not."""
        return ""


def generator_of_step(seed: int, taken: int) -> torch.Generator:
    """Random numbers of one step on the processor, of their own for each seed >= 0, however large, and each step."""
    # A spawn key and not [seed, taken], since [2^32, 0] and [0, 1] are the same words to a SeedSequence.
    (word,) = np.random.SeedSequence(seed, spawn_key=(taken,)).generate_state(1, np.uint64).tolist()
    return torch.Generator().manual_seed(word & (2**63 - 1))
