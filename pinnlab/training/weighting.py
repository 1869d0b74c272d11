"""How much each residual counts: the contract, fixed weights, and products of weights."""

from __future__ import annotations

import abc
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from torch import Tensor

from pinnlab.training.optimizer import require_positive
from pinnlab.training.pointwise import Group, Kind

State = TypeVar("State")


class Weighting(abc.ABC, Generic[State]):
    """A frozen dataclass of settings.

    The loss is the sum over groups and their row kinds of the mean over the points of multiplier * row^2.
    The groups that a weighting is shown have the plain scale 1 / sqrt(n), so their residuals do not hold the
    multipliers.  A state is a dataclass of tensors, numbers and lists, so that it can be written to disk.
    """

    @abc.abstractmethod
    def start(self, groups: Sequence[Group]) -> State:
        """The state before the first update; the groups may have no points yet."""

    def redrawn(self, groups: Sequence[Group], state: State) -> State:
        """The state after points were redrawn: what belongs to single points starts afresh."""
        return state

    def update(self, groups: Sequence[Group], theta: Tensor, state: State) -> State:
        """The state for the next step of the optimiser, from `theta (P,)`."""
        return state

    @abc.abstractmethod
    def multipliers(self, groups: Sequence[Group], state: State) -> list[Tensor]:
        """For each group the factors of its squared rows: non-negative, of shape (1 or n, 1 or k)."""

    @property
    def changes(self) -> bool:
        """Whether the multipliers are others from step to step."""
        return True

    def scalars(self, groups: Sequence[Group], state: State) -> dict[str, float]:
        """The mean multiplier of each group, such as `weight_equation`, for the history; none that never change."""
        if not self.changes:
            return {}
        names = numbered(re.sub(r"\W+", "_", f"weight_{group.name}").strip("_") for group in groups)
        means = (float(m.mean()) for m in self.multipliers(groups, state))
        return dict(zip(names, means, strict=True))


def numbered(names: Iterable[str]) -> list[str]:
    """Names with _2, _3, ... after those that came before."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return found


@dataclass(frozen=True)
class FixedWeights(Weighting[None]):
    """The same weights throughout: loss = equations · mean r² + conditions · mean b².

    Args:
        equations: Of every equation.
        conditions: Of every condition on every piece that is not built in.
    """

    equations: float = 1.0
    conditions: float = 100.0

    def __post_init__(self) -> None:
        require_positive(self, equations=self.equations, conditions=self.conditions)

    def start(self, groups: Sequence[Group]) -> None:
        """Nothing to remember."""

    def multipliers(self, groups: Sequence[Group], state: None) -> list[Tensor]:
        """One number for each group, by its kind."""
        weights = {Kind.EQUATION: self.equations, Kind.CONDITION: self.conditions}
        return [group.scale.new_full((1, 1), weights[group.kind]) for group in groups]

    @property
    def changes(self) -> bool:  # noqa: D102
        return False


@dataclass(frozen=True, eq=False)
class ProductState:
    """The states of both factors."""

    first: Any
    second: Any


@dataclass(frozen=True)
class Product(Weighting[ProductState]):
    """The product of two weightings, such as one weight for each term times one for each point.

    Each factor sees the residuals without any weights, its own and the other's.

    Args:
        first: A weighting.
        second: Another.
    """

    first: Weighting = field(default_factory=FixedWeights)
    second: Weighting = field(default_factory=FixedWeights)

    def __post_init__(self) -> None:
        for name in ("first", "second"):
            if not isinstance(getattr(self, name), Weighting):
                raise ValueError(f"Product: {name} must be a Weighting, got {getattr(self, name)!r}")

    def start(self, groups: Sequence[Group]) -> ProductState:  # noqa: D102
        return ProductState(self.first.start(groups), self.second.start(groups))

    def redrawn(self, groups: Sequence[Group], state: ProductState) -> ProductState:  # noqa: D102
        return ProductState(self.first.redrawn(groups, state.first), self.second.redrawn(groups, state.second))

    def update(self, groups: Sequence[Group], theta: Tensor, state: ProductState) -> ProductState:  # noqa: D102
        first = self.first.update(groups, theta, state.first)
        return ProductState(first, self.second.update(groups, theta, state.second))

    def multipliers(self, groups: Sequence[Group], state: ProductState) -> list[Tensor]:  # noqa: D102
        both = zip(
            self.first.multipliers(groups, state.first), self.second.multipliers(groups, state.second), strict=True
        )
        return [a * b for a, b in both]

    @property
    def changes(self) -> bool:  # noqa: D102
        return self.first.changes or self.second.changes
