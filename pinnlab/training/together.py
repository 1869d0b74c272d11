"""Steps of optimisers for many members at once: the contract."""

from __future__ import annotations

import abc
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from torch import Tensor

from pinnlab.training.batched import BatchedLeastSquares

State = TypeVar("State")


@dataclass(frozen=True, eq=False)
class Outcome(Generic[State]):
    """What a step did to one member.

    Attributes:
        theta: Its parameters (P,).
        state: Of its optimiser.
        scalars: What an optimiser's own step reports.
        failure: Why the member cannot go on; "" if it can.
    """

    theta: Tensor
    state: State
    scalars: Mapping[str, float] = field(default_factory=dict)
    failure: str = ""


class Together(abc.ABC, Generic[State]):
    """The step of an optimiser for K members at once, each of whose trajectories is that of its own run to rounding."""

    @abc.abstractmethod
    def key(self, state: State) -> Hashable:
        """What members must have in common to be taken together."""

    def require_fits(self, members: int, parameters: int, residuals: int) -> None:
        """Refuse members of so many parameters and residuals that there is no memory for, before any work is done.

        Raises:
            ValueError: If their steps would take more than the settings allow.
        """

    @abc.abstractmethod
    def step(self, objective: BatchedLeastSquares, thetas: Tensor, states: Sequence[State]) -> list[Outcome[State]]:
        """A step from `thetas (K, P)`; one member that fails does not touch the others."""
