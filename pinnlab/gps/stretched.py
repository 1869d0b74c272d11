"""A method that works in stretched coordinates, and its answer in those of the problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from pinnlab.field import Field, checked_points
from pinnlab.forms.evaluate import on_points
from pinnlab.gps.layers import Stretching
from pinnlab.posterior import Deviation
from pinnlab.problem import Problem
from pinnlab.solver import Method, Status
from pinnlab.training.estimate import Estimate
from pinnlab.training.ranks import Ranks


@dataclass(frozen=True, eq=False)
class StretchedField(Field):
    """An answer in stretched coordinates as one in those of the problem.

    Attributes:
        problem: In its own coordinates.
        inner: The answer in the stretched ones.
        stretching: The coordinates.
        orders: Of differentiation, one per coordinate; () for the answer itself.
    """

    problem: Problem
    inner: Field = field(repr=False)
    stretching: Stretching = field(repr=False)
    orders: tuple[int, ...] = ()

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """The values `(n, unknowns)` at `points (n, dim)`."""
        places = self.stretching.back(checked_points(self.problem, points))
        if not any(self.orders):
            return self.inner(places)
        factors = self.stretching.factors(self.orders)
        sizes = on_points(list(factors.values()), self.problem.coordinates)(places)
        terms = [size[:, None] * self.inner.derivative(k)(places) for k, size in zip(factors, sizes.T, strict=True)]
        return np.asarray(sum(terms))

    def derivative(self, orders: Sequence[int]) -> StretchedField:
        """The exact partial derivative in the coordinates of the problem, by the chain rule."""
        before = self.orders or (0,) * len(self.problem.coordinates)
        return replace(self, orders=tuple(a + b for a, b in zip(before, orders, strict=True)))

    @property
    def reached(self) -> float | None:
        """The last time of the answer."""
        return self.inner.reached

    @property
    def parameters(self) -> Mapping[str, Estimate]:
        """What was learned about each unknown parameter."""
        return self.inner.parameters

    @property
    def deviation(self) -> Field | None:
        """The standard deviation of the unknowns; None of a derivative, a sum of several that are not independent."""
        if any(self.orders) or self.inner.deviation is None:
            return None
        return Deviation(self.problem, self)

    def deviations(self, points: np.ndarray) -> np.ndarray:
        """The standard deviations `(n, unknowns)` at `points (n, dim)`."""
        found = self.inner.deviation
        if any(self.orders) or found is None:
            raise ValueError(f"deviations of {self.problem.name!r}: the field has none; ask deviation first")
        return found(self.stretching.back(checked_points(self.problem, points)))


@dataclass(frozen=True, eq=False)
class StretchedMethod(Method[Any]):
    """A method compiled for the problem in stretched coordinates; its states are those of the method inside."""

    inner: Method[Any]
    stretching: Stretching

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        """Where the method inside runs."""
        return self.inner.device

    @property
    def dtype(self) -> str:  # type: ignore[override]
        """Its type of numbers."""
        return self.inner.dtype

    @property
    def ranks(self) -> Ranks:  # type: ignore[override]
        """Its processes."""
        return self.inner.ranks

    def init(self, seed: int) -> Any:
        """The state before the first step."""
        return self.inner.init(seed)

    def step(self, state: Any) -> tuple[Any, dict[str, float]]:
        """One step of the method inside."""
        return self.inner.step(state)

    def status(self, state: Any) -> Status:
        """Whether it is done."""
        return self.inner.status(state)

    def field(self, state: Any) -> StretchedField:
        """Its answer in the coordinates of the problem."""
        return StretchedField(self.stretching.problem, self.inner.field(state), self.stretching)

    def started_from(self, state: Any, previous: Any) -> Any:
        """As the method inside starts."""
        return self.inner.started_from(state, previous)

    def archived(self, state: Any) -> Any:
        """As the method inside archives."""
        return self.inner.archived(state)

    def note(self, state: Any) -> str:
        """Its remark."""
        return self.inner.note(state)
