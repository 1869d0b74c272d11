"""Fields on meshes: finite-element functions in space, interpolated in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.sparse import csr_array

from pinnlab.field import Field, Grid, Interpolator, checked_points, last_time
from pinnlab.numerics.lagrange import LagrangeSpace
from pinnlab.numerics.tensor import scattered_interpolate
from pinnlab.problem import Problem
from pinnlab.training.estimate import Estimate


@dataclass(frozen=True, eq=False)
class MeshField(Field):
    """Nodal values on a mesh; each unknown has a finite-element space of its own.

    Attributes:
        problem: Whose unknowns these are.
        spaces: One per unknown, all on one mesh.
        values: One array `(nt, n)` per unknown, n the nodes of its space; nt = 1 for a steady problem.  For an
            interpolator in time that takes values and rates, both are stacked along the first axis.
        time: Interpolation between the nt states; None for a steady problem.
        orders: Orders of the partial derivative that it stands for.
        learned: What a file tells of parameters that were unknown.
        spread: What a file tells of the standard deviation.

    Raises:
        ValueError: If the values do not fit the spaces.
    """

    problem: Problem
    spaces: tuple[LagrangeSpace, ...] = field(repr=False)
    values: tuple[np.ndarray, ...] = field(repr=False)
    time: Interpolator | None = field(default=None, repr=False)
    orders: tuple[int, ...] = ()
    learned: Mapping[str, Estimate] = field(default_factory=dict, repr=False)
    spread: Field | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not len(self.spaces) == len(self.values) == len(self.problem.unknowns):
            raise ValueError(f"MeshField of {self.problem.name!r}: give one space and one array for each unknown")
        if (self.time is None) != (self.problem.time is None):
            raise ValueError(f"MeshField of {self.problem.name!r}: time must be given for problems that evolve, only")
        for name, space, values in zip(self.problem.names, self.spaces, self.values, strict=True):
            if values.ndim != 2 or values.shape[1] != space.n or (self.time is None and len(values) != 1):
                raise ValueError(
                    f"MeshField of {self.problem.name!r}: {name} needs values (times, {space.n}), got {values.shape}"
                )

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Evaluate at `points (n, dim)`; points slightly outside of the mesh are extrapolated."""
        points = checked_points(self.problem, points)
        first, matrices = self._first, self._in_space(points[:, self._first :])
        if self.time is None:
            return np.stack([m @ v[0] for m, v in zip(matrices, self.values, strict=True)], axis=1)
        in_time = self.time.interpolation(points[:, 0], self._orders[0] if first else 0)
        columns = [scattered_interpolate([in_time, m], v) for m, v in zip(matrices, self.values, strict=True)]
        return np.stack(columns, axis=1)

    @property
    def reached(self) -> float | None:
        """The last time of a run in progress, or of a stored one."""
        return last_time(self.time)

    @property
    def parameters(self) -> Mapping[str, Estimate]:
        """What was learned about each unknown parameter, of a stored run."""
        return self.learned

    @property
    def deviation(self) -> Field | None:
        """The standard deviation, of a stored run; None of a derivative, whose deviation no file holds."""
        return None if any(self._orders) else self.spread

    def at(self, times: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Values `(unknowns, m, n)` at the product of `times (m,)` and `points (n, space)`.

        Of a steady problem `times` is not looked at, and the values are `(unknowns, n)`.
        """
        matrices = self._in_space(points)
        if self.time is None:
            return np.stack([m @ v[0] for m, v in zip(matrices, self.values, strict=True)])
        in_time = self.time.interpolation(np.asarray(times, dtype=float), self._orders[0])
        return np.stack([(m @ (in_time @ v).T).T for m, v in zip(matrices, self.values, strict=True)])

    def on_axes(self, axes: Sequence[np.ndarray]) -> Grid:
        """Values on a tensor grid: one interpolation in space for all times."""
        first = self._first
        mesh = np.stack(np.meshgrid(*axes[first:], indexing="ij"), axis=-1)
        values = self.at(axes[0] if first else np.zeros(0), mesh.reshape(-1, mesh.shape[-1]))
        return self._grid(axes, values.reshape(len(values), *(len(a) for a in axes)))

    def derivative(self, orders: Sequence[int]) -> MeshField:
        """The partial derivative, in space up to the degree of the elements.

        Raises:
            ValueError: If the orders in space add up to more than the degree of an unknown.
        """
        total = tuple(a + b for a, b in zip(orders, self._orders, strict=True))
        in_space = sum(total[self._first :])
        for name, space in zip(self.problem.names, self.spaces, strict=True):
            if in_space > space.degree:
                raise ValueError(
                    f"MeshField of {self.problem.name!r}: {name} has degree {space.degree} in each cell, so its "
                    f"derivatives of order {in_space} approximate nothing; solve with a higher degree"
                )
        return replace(self, orders=total)

    @property
    def _first(self) -> int:
        """The column of the first coordinate of space."""
        return 0 if self.time is None else 1

    @property
    def _orders(self) -> tuple[int, ...]:
        return self.orders or (0,) * len(self.problem.coordinates)

    def _in_space(self, points: np.ndarray) -> list[csr_array]:
        """One matrix per unknown; unknowns with the same space share it."""
        orders = self._orders[self._first :]
        found = {id(s): s.interpolation(points, orders) for s in {id(s): s for s in self.spaces}.values()}
        return [found[id(s)] for s in self.spaces]
