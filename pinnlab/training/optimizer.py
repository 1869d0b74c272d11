"""What every optimiser is: settings, and pure steps from one state to the next."""

from __future__ import annotations

import abc
from typing import Generic, TypeVar

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

    def verdict(self, state: State) -> str:
        """Why it finished before its budget was spent and what to do about it; "" if it did not."""
        return ""


def require_positive(owner: object, **values: float) -> None:
    """Raise a ValueError that names `owner` and the first of `values` that is not positive and finite."""
    for name, value in values.items():
        if not 0 < value < float("inf"):
            raise ValueError(f"{type(owner).__name__}: {name} = {value}; give a positive number")
