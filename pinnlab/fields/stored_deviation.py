"""Standard deviations that were kept at the nodes of a grid or a mesh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pinnlab.errors import UnsupportedProblem
from pinnlab.field import Field, Grid
from pinnlab.problem import Problem


@dataclass(frozen=True)
class StoredDeviation(Field):
    """Standard deviations between the nodes of a file, never negative where their interpolation would be.

    Attributes:
        values: The interpolation of the stored numbers.
    """

    problem: Problem
    values: Field = field(repr=False)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """The standard deviations `(n, unknowns)` at `points (n, dim)`."""
        return np.maximum(self.values(points), 0.0)

    @property
    def reached(self) -> float | None:
        """The last time that is stored."""
        return self.values.reached

    def on_axes(self, axes: Sequence[np.ndarray]) -> Grid:
        """The standard deviations on a tensor grid."""
        grid = self.values.on_axes(axes)
        return Grid(grid.axes, {name: np.maximum(v, 0.0) for name, v in grid.values.items()})

    def at(self, times: np.ndarray, points: np.ndarray) -> np.ndarray:
        """The standard deviations at the product of times and points in space."""
        return np.maximum(self.values.at(times, points), 0.0)

    def derivative(self, orders: Sequence[int]) -> Field:
        """Refused.

        Raises:
            UnsupportedProblem: Always.
        """
        raise UnsupportedProblem(
            f"the standard deviation of {self.problem.name!r} comes from a file, which does not hold what its slopes "
            "depend on; take the posterior itself, where field.derivative(orders).deviation is the one of a derivative"
        )
