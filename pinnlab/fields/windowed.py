"""Fields on one window of time after the other as one field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pinnlab.field import Field, checked_points
from pinnlab.problem import Problem


@dataclass(frozen=True)
class WindowedField(Field):
    """The field of each window within it, time being the first coordinate; beyond the last its end is held.

    It has no standard deviation: each window takes the end of the one before for exact, so that its own deviation does
    not know of what was uncertain there.

    Attributes:
        edges: Where the windows meet: one more than there are fields, increasing.
        fields: One for each window.  An instant at which two meet belongs to the later one.
        last: The last time that is an answer, None if it is the end of the problem.
        orders: Which derivative of the unknowns the values are; by time it is zero where the end is held.
    """

    problem: Problem
    edges: tuple[float, ...]
    fields: tuple[Field, ...] = field(repr=False)
    last: float | None = None
    orders: tuple[int, ...] = ()

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Evaluate at `points (n, dim)`."""
        points = checked_points(self.problem, points)
        values = np.zeros((len(points), len(self.problem.unknowns)))
        which = np.clip(np.searchsorted(self.edges, points[:, 0], side="right") - 1, 0, len(self.fields) - 1)
        late = points[:, 0] > self.edges[-1]
        held = points.copy()
        held[late, 0] = self.edges[-1]
        for i in np.unique(which):
            values[which == i] = self.fields[i](held[which == i])
        if self.orders and self.orders[0]:
            values[late] = 0.0
        return values

    @property
    def reached(self) -> float | None:
        """The end of the last finished window, or of the first while that is at work; None when all are finished."""
        return self.last

    def derivative(self, orders: Sequence[int]) -> WindowedField:
        """The partial derivative, window by window."""
        total = tuple(a + b for a, b in zip(orders, self.orders or (0,) * len(orders), strict=True))
        return replace(self, fields=tuple(f.derivative(orders) for f in self.fields), orders=total)
