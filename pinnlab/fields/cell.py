"""Fields from averages over cells: non-oscillatory polynomials in space, limited cubics in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from pinnlab.discretization.cells import Cells
from pinnlab.field import Field, Grid, checked_points
from pinnlab.numerics.cweno import cweno_weights
from pinnlab.numerics.limited_cubic import limited_cubic
from pinnlab.problem import Problem

_GHOSTS = 2
# Points evaluated at once: each needs up to 25 averages at two times, with their rates.
_CHUNK = 1 << 14

# Values, rates, derivatives of values in space, derivatives of rates in space.
Snapshot = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class CellField(Field):
    """Point values from averages over cells [1], axis by axis: fifth order in smooth parts, sharp beside jumps.

    The mean over each cell is its average.  Between snapshots each point follows the cubic that matches values and
    rates at both, limited so that it makes no new extremum beside a passing front.  Beyond the last snapshot the
    state is held.

    Attributes:
        cells: The box and its sides.
        times: Of the snapshots `(nt,)`.
        averages: `(nt, unknowns, n_1, …)`.
        rates: Their time derivatives, likewise.
        orders: Of differentiation, per coordinate.

    [1] D. Levy, G. Puppo, G. Russo, SIAM J. Sci. Comput. 22 (2000) 656-672.
    """

    problem: Problem
    cells: Cells
    times: np.ndarray = field(repr=False)
    averages: np.ndarray = field(repr=False)
    rates: np.ndarray = field(repr=False)
    orders: tuple[int, ...] = ()

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Evaluate at `points (n, dim)`."""
        points = checked_points(self.problem, points)
        parts = [self._scattered(points[i : i + _CHUNK]) for i in range(0, len(points), _CHUNK)]
        return np.concatenate([np.empty((0, len(self.problem.unknowns))), *parts])

    @property
    def reached(self) -> float | None:
        """The last snapshot."""
        return float(self.times[-1])

    def derivative(self, orders: Sequence[int]) -> CellField:
        """The derivative of the interpolating polynomials, their blending taken as constant."""
        return replace(self, orders=tuple(a + b for a, b in zip(orders, self._orders, strict=True)))

    def on_axes(self, axes: Sequence[np.ndarray]) -> Grid:
        """Values on a tensor grid: each snapshot that is needed is interpolated once."""
        interval, share, length = self._intervals(np.asarray(axes[0], float))
        needed = np.unique(np.concatenate([interval, self._next(interval)]))
        found = {int(k): self._on_axes_of_space(int(k), axes[1:]) for k in needed}
        rows = []
        for k, s, h in zip(interval, share, length, strict=True):
            rows.append(self._in_time(found[int(k)], found[int(self._next(k))], s, h))
        return self._grid(axes, np.stack(rows, axis=1))

    def _in_time(self, low: Snapshot, high: Snapshot, share: np.ndarray, length: np.ndarray) -> np.ndarray:
        """Between two snapshots: the values decide about limits, their derivatives in space are interpolated."""
        deciding, ends = ((low[i], high[i], length * low[i + 1], length * high[i + 1]) for i in (0, 2))
        order = self._orders[0]
        return limited_cubic(ends, share, order, deciding) / length**order

    def _on_axes_of_space(self, k: int, axes: Sequence[np.ndarray]) -> Snapshot:
        """One snapshot on a tensor grid of space, arrays `(unknowns, m_1, …)`."""
        values, rates = self._padded[k]
        found: Snapshot = (values, rates, values, rates)
        for axis, points in enumerate(axes):
            index, place = self._places(axis, np.asarray(points, float))
            columns = index[:, None] + np.arange(2 * _GHOSTS + 1)
            stencils = [np.moveaxis(a, axis + 1, -1)[..., columns] for a in found]
            found = tuple(np.moveaxis(a, -1, axis + 1) for a in self._contracted(stencils, axis, place))  # type: ignore[assignment]
        return found

    def _scattered(self, points: np.ndarray) -> np.ndarray:
        interval, share, length = self._intervals(points[:, 0])
        where = [self._places(axis, points[:, axis + 1]) for axis in range(len(self.cells.shape))]
        low, high = (self._at_snapshot(k, where) for k in (interval, self._next(interval)))
        return self._in_time(low, high, share, length).T

    def _at_snapshot(self, k: np.ndarray, where: Sequence[tuple[np.ndarray, np.ndarray]]) -> Snapshot:
        """Each point at its own snapshot, arrays `(unknowns, n)`."""
        offsets = np.arange(2 * _GHOSTS + 1)
        dim = len(where)
        picks = []
        for axis, (index, _) in enumerate(where):
            view = [1] * (dim + 1)
            view[0], view[1 + axis] = len(index), len(offsets)
            picks.append((index[:, None] + offsets).reshape(view))
        patches: tuple[Any, ...] = (k.reshape(-1, *[1] * dim), slice(None), *picks)
        values, rates = (np.moveaxis(a[patches], -1, 0) for a in self._stacks)
        found: Snapshot = (values, rates, values, rates)
        # The first axis of space is contracted first, as on tensor grids.
        for axis, (_, place) in enumerate(where):
            stencils = [np.moveaxis(a, 2, -1) for a in found]
            places = place.reshape(-1, *[1] * (stencils[0].ndim - 3))
            found = tuple(self._contracted(stencils, axis, places))  # type: ignore[assignment]
        return found

    def _contracted(self, stencils: Sequence[np.ndarray], axis: int, place: np.ndarray) -> list[np.ndarray]:
        """Stencils of five along the last axis to numbers at a place; the values decide about smoothness."""
        weights = cweno_weights(stencils[0], place)
        values, rates = ((weights * a).sum(axis=-1) for a in stencils[:2])
        order = self._orders[axis + 1]
        if not any(self._orders[1:]):
            return [values, rates, values, rates]
        weights = cweno_weights(stencils[0], place, order) * self.cells.widths[axis] ** -float(order)
        return [values, rates, *((weights * a).sum(axis=-1) for a in stencils[2:])]

    def _places(self, axis: int, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The cell of each coordinate, and the place in it in [-1/2, 1/2]."""
        n, h, low = self.cells.shape[axis], self.cells.widths[axis], self.cells.lower[axis]
        s = (x - low) / h
        if self.cells.sides[axis] is None:
            s = np.mod(s, n)
        index = np.clip(np.floor(s).astype(int), 0, n - 1)
        return index, s - index - 0.5

    def _intervals(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The snapshot before each time, the share of the way to the next one, and the time between the two."""
        if len(self.times) == 1:
            return np.zeros(len(t), int), np.zeros(len(t)), np.ones(len(t))
        inside = np.clip(t, self.times[0], self.times[-1])
        k = np.clip(np.searchsorted(self.times, inside, side="right") - 1, 0, len(self.times) - 2)
        length = self.times[k + 1] - self.times[k]
        return k, (inside - self.times[k]) / length, length

    def _next(self, k: np.ndarray) -> np.ndarray:
        return np.minimum(k + 1, len(self.times) - 1)

    @property
    def _orders(self) -> tuple[int, ...]:
        return self.orders or (0,) * len(self.problem.coordinates)

    @cached_property
    def _stacks(self) -> tuple[np.ndarray, np.ndarray]:
        """Averages and rates of all snapshots with two cells beyond each end."""
        values, rates = zip(*self._padded, strict=True)
        return np.stack(values), np.stack(rates)

    @cached_property
    def _padded(self) -> list[tuple[np.ndarray, np.ndarray]]:
        out = []
        for t, u, r in zip(self.times, self.averages, self.rates, strict=True):
            out.append((self._with_ghosts(u, float(t), False), self._with_ghosts(r, float(t), True)))
        return out

    def _with_ghosts(self, values: np.ndarray, t: float, rate: bool) -> np.ndarray:
        def extended(array: np.ndarray, axis: int) -> np.ndarray:
            return np.moveaxis(self.cells.padded(array, axis, _GHOSTS, t, rate), -1, axis + 1)

        if len(self.cells.shape) == 2 and None not in self.cells.sides:
            # Data on a side are known along its cells only; beyond the corners the nearest one serves.
            wide = [(0, 0), (0, 0), (_GHOSTS, _GHOSTS)]
            out = np.pad(extended(values, 0), wide, mode="edge")
            out[:, _GHOSTS:-_GHOSTS] = extended(values, 1)
            return out
        for axis in sorted(range(len(self.cells.shape)), key=lambda a: self.cells.sides[a] is None):
            values = extended(values, axis)
        return values
