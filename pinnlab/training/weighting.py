"""How much each residual counts: the contract, fixed weights, and products of weights."""

from __future__ import annotations

import abc
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from torch import Tensor

from pinnlab.admissible import require_positive
from pinnlab.training.pointwise import Group, Kind

State = TypeVar("State")


@dataclass(frozen=True)
class Certificate:
    """A number that must exceed a threshold before a run has converged; it then ends the run.

    Args:
        value: Of the last update.
        threshold: What it must exceed.
        meaning: What it is, for messages.
        remedy: What to do where it stays below, for messages.
    """

    value: float
    threshold: float
    meaning: str = "the certificate"
    remedy: str = "more steps"

    @property
    def reached(self) -> bool:
        """Whether the value exceeds the threshold."""
        return self.value > self.threshold


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

    def certificate(self, state: State) -> Certificate | None:
        """What must be reached before a run has converged, as of the last update; None if there is nothing."""
        return None

    def gate(self, points: Tensor, state: State) -> Tensor | None:
        """Factors (n,) of the equations' residual at points (n, dim) as samplers see it; None for the plain one."""
        return None

    @property
    def afterwards(self) -> Weighting:
        """What takes its place in further training of a network that has been trained with it."""
        return self

    @property
    def needs_time(self) -> bool:
        """Whether it makes no sense for a problem without time; that is then the first coordinate."""
        return False

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

    def certificate(self, state: ProductState) -> Certificate | None:
        """That of the factor that has one; of two the one that is farther below its threshold."""
        both = (self.first.certificate(state.first), self.second.certificate(state.second))
        return min((c for c in both if c is not None), key=lambda c: c.value - c.threshold, default=None)

    def gate(self, points: Tensor, state: ProductState) -> Tensor | None:  # noqa: D102
        first, second = self.first.gate(points, state.first), self.second.gate(points, state.second)
        return second if first is None else first if second is None else first * second

    def scalars(self, groups: Sequence[Group], state: ProductState) -> dict[str, float]:
        """The mean multiplier of each group, and what the factors report beside theirs."""
        own = {**self.second.scalars(groups, state.second), **self.first.scalars(groups, state.first)}
        return {**own, **super().scalars(groups, state)}

    @property
    def afterwards(self) -> Weighting:  # noqa: D102
        first, second = self.first.afterwards, self.second.afterwards
        return self if (first, second) == (self.first, self.second) else Product(first, second)

    @property
    def needs_time(self) -> bool:  # noqa: D102
        return self.first.needs_time or self.second.needs_time

    @property
    def changes(self) -> bool:  # noqa: D102
        return self.first.changes or self.second.changes
