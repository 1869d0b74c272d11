"""Trained characteristics: where labels are at each time, which label is where, and when two of them meet."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from pinnlab.domain.bounding import bounding_box
from pinnlab.domain.box import Box
from pinnlab.domain.even_points import grid_inside
from pinnlab.forms.ansatz import Ansatz
from pinnlab.forms.lagrangian import Lagrangian
from pinnlab.numerics.inversion import increasing_inverse, newton_inverse
from pinnlab.pinns.residual_rows import Rows, Trained
from pinnlab.symbols import Expr, with_values

# The table of positions that inversions start from: times, and labels in one dimension and in several.
TIMES = 65
LABELS_ON_A_LINE = 257
LABELS = 1600
# Points at which networks are evaluated at once.
CHUNK = 20_000
# How far before a crossing the answer ends, as a share of the time until then.
MARGIN = 1e-6
# Halvings of the step between two times of the table, in which characteristics cross.
HALVINGS = 20
# Labels near a position that Newton's method starts from, one after the other, until it ends closer than this, relative
# to the extent of the domain; positions for which the nearest of them is looked for at once.
STARTS = 4
TOGETHER = 500
REACHED = 1e-8


@dataclass(frozen=True)
class Characteristics:
    """X(t, ξ) = ξ + Y(t, ξ) as trained.

    Attributes:
        view: The symbols.
        ansatz: The unknowns of the problem in labels through the network.
        trained: What theta holds.
        theta: Everything that was trained.
    """

    view: Lagrangian
    ansatz: Ansatz = field(repr=False)
    trained: Trained = field(repr=False)
    theta: Tensor = field(repr=False)

    def rows(self, expressions: Sequence[Expr]) -> Rows:
        """Expressions of the unknowns in labels, compiled."""
        return Rows.of(self.ansatz, [self.ansatz.through(with_values(e)) for e in expressions], self.trained)

    def values(self, rows: Rows, points: np.ndarray) -> np.ndarray:
        """Rows `(n, k)` at times and labels `(n, 1 + d)`."""
        parts = [np.zeros((0, rows.count))]
        for i in range(0, len(points), CHUNK):
            x = torch.as_tensor(points[i : i + CHUNK], dtype=torch.float64, device=self.theta.device)
            with torch.no_grad():
                parts.append(rows(self.theta, x, rows.extras(x, x[:, 1:] * 0)).cpu().numpy())
        return np.concatenate(parts)

    def positions(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """X `(n, d)` and J = ∂X/∂ξ `(n, d, d)` at times and labels `(n, 1 + d)`."""
        found = self.values(self._rows, points)
        d = self.dim
        return points[:, 1:] + found[:, :d], found[:, d:].reshape(-1, d, d)

    @property
    def dim(self) -> int:
        """The number of coordinates of space."""
        return len(self.view.problem.space)

    def states(self, orders: tuple[int, ...], points: np.ndarray) -> np.ndarray:
        """A partial derivative of the unknowns by t and x, at fixed position, at times and labels `(n, 1 + d)`."""
        return self.values(self.state_rows(orders), points)

    def state_rows(self, orders: tuple[int, ...]) -> Rows:
        """The rows of a partial derivative of the unknowns, compiled once.

        Raises:
            ValueError: If the network cannot be differentiated so often.
        """
        if orders not in self._state_rows:
            # Asked first, since the formulas of high orders take long.
            place = torch.zeros(2, len(orders), dtype=torch.float64, device=self.theta.device)
            self.trained.derivatives.plan([orders], self.trained.network.network, place)
            rows = self.rows(self.view.derivatives(orders))
            rows.lower()
            self._state_rows[orders] = rows
        return self._state_rows[orders]

    # -- crossings -----------------------------------------------------------------------------------------

    @cached_property
    def crossing(self) -> tuple[float, np.ndarray] | None:
        """The first time at which det J <= 0 at a label of a grid, and the position `(d,)` there; None if nowhere."""
        times, labels = self._times, self._labels
        for before, after in itertools.pairwise(times):
            if self._crossed_at(after, labels) is None:
                continue
            low, high = before, after
            for _ in range(HALVINGS):
                middle = (low + high) / 2
                low, high = (middle, high) if self._crossed_at(middle, labels) is None else (low, middle)
            where = self._crossed_at(high, labels)
            if where is not None:
                return float(high), where
        return None

    def _crossed_at(self, time: float, labels: np.ndarray) -> np.ndarray | None:
        positions, jacobians = self.positions(np.insert(labels, 0, time, axis=1))
        determinants = np.linalg.det(jacobians)
        worst = int(np.argmin(np.nan_to_num(determinants, nan=-np.inf)))
        return None if determinants[worst] > 0 else self._wrapped(positions[worst])

    @cached_property
    def compression(self) -> float:
        """The least det J at the labels and times of a grid: how close characteristics come, 1 at the start."""
        grid = np.concatenate([np.insert(self._labels, 0, t, axis=1) for t in self._times])
        return float(np.linalg.det(self.positions(grid)[1]).min())

    @property
    def reached(self) -> float:
        """The last time up to which each position has one label."""
        first, last = float(self._times[0]), float(self._times[-1])
        return last if self.crossing is None else first + (1 - MARGIN) * (self.crossing[0] - first)

    # -- inversion -----------------------------------------------------------------------------------------

    def labels(self, points: np.ndarray) -> np.ndarray:
        """The labels `(n, d)` whose characteristics pass through times and positions `points (n, 1 + d)`.

        Exact to rounding up to the time `reached`.  Before training is done labels may not fill a domain with a curved
        boundary; then the label that comes nearest.
        """
        if not self._last or not np.array_equal(self._last[0], points):
            self._last[:] = [points.copy(), self._on_a_line(points) if self.dim == 1 else self._in_space(points)]
        return self._last[1]

    def _on_a_line(self, points: np.ndarray) -> np.ndarray:
        low, high = self._bounds
        times, targets = points[:, 0], points[:, 1].copy()
        table, labels = self._table[..., 0], self._labels[:, 0]
        slices, guess = self._slice(times), np.empty(len(points))
        for k in np.unique(slices):
            here = slices == k
            first = table[k, 0]
            image = first + np.mod(targets[here] - first, high - low) if self._periodic[0] else targets[here]
            guess[here] = np.interp(image, table[k], labels)
        function = lambda which, at: self.positions(np.column_stack([times[which], at]))  # noqa: E731
        everyone, spacing = np.arange(len(points)), labels[1] - labels[0]
        if self._periodic[0]:
            passing = function(everyone, guess[:, None])[0][:, 0]
            targets += (high - low) * np.round((passing - targets) / (high - low))
            # Between two times of the table labels that are close to one another move alike.
            guess += targets - passing
            return increasing_inverse(function, targets, guess - spacing, guess + spacing)[:, None]
        ends = [function(everyone, np.broadcast_to(e, (len(points), 1)))[0][:, 0] for e in self._bounds]
        near = np.clip(guess - spacing, low, high - 2 * spacing)
        found = increasing_inverse(function, np.clip(targets, *ends), near, near + 2 * spacing)
        return np.clip(found, low, high)[:, None]

    def _in_space(self, points: np.ndarray) -> np.ndarray:
        slices = self._slice(points[:, 0])
        found, left = np.full((len(points), self.dim), np.nan), np.full(len(points), np.inf)
        enough = REACHED * float(np.max(self._bounds[1] - self._bounds[0]))
        for attempt in range(STARTS):
            rest = np.flatnonzero(left > enough)
            if not rest.size:
                break
            start, targets = self._nearest(points[rest, 1:], slices[rest], attempt)
            times = points[rest, 0]
            function = lambda which, at, times=times: self.positions(np.column_stack([times[which], at]))  # noqa: E731
            at, distance = newton_inverse(function, targets, start)
            better = distance < left[rest]
            found[rest[better]], left[rest[better]] = at[better], distance[better]
        return found

    def _nearest(self, places: np.ndarray, slices: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
        """Labels of the table that pass near places, and the images of the places that they are near to."""
        start, targets = np.empty(places.shape), np.empty(places.shape)
        for k in np.unique(slices):
            everyone = np.flatnonzero(slices == k)
            for i in range(0, len(everyone), TOGETHER):
                here = everyone[i : i + TOGETHER]
                shifts = self._periods(self._table[k][None] - places[here, None])
                gaps = np.linalg.norm(self._table[k][None] - places[here, None] - shifts, axis=2)
                chosen = np.argpartition(gaps, rank, axis=1)[:, rank]
                start[here] = self._labels[chosen]
                targets[here] = places[here] + shifts[np.arange(len(here)), chosen]
        return start, targets

    def _periods(self, gaps: np.ndarray) -> np.ndarray:
        """The whole periods that are nearest to some differences of positions."""
        low, high = self._bounds
        return np.where(self._periodic, (high - low) * np.round(gaps / (high - low)), 0.0)

    def _slice(self, times: np.ndarray) -> np.ndarray:
        """The time of the table before or at each time."""
        step = self._times[1] - self._times[0]
        return np.clip(np.floor((times - self._times[0]) / step).astype(int), 0, self._last_slice)

    @cached_property
    def _last_slice(self) -> int:
        # The position of labels after a crossing tells nothing.
        return int(np.searchsorted(self._times, self.reached, side="right")) - 1

    # -- tables --------------------------------------------------------------------------------------------

    @cached_property
    def _rows(self) -> Rows:
        return self.rows([*self.view.displacement, *self.view.metric])

    @cached_property
    def _state_rows(self) -> dict[tuple[int, ...], Rows]:
        return {}

    @cached_property
    def _last(self) -> list[np.ndarray]:
        return []

    @cached_property
    def _bounds(self) -> tuple[np.ndarray, np.ndarray]:
        return bounding_box(self.view.problem.region)

    @cached_property
    def _periodic(self) -> np.ndarray:
        region = self.view.problem.region
        return np.array([isinstance(region, Box) and c in region.periodic for c in region.coordinates])

    @cached_property
    def _times(self) -> np.ndarray:
        interval = self.view.problem.interval
        assert interval is not None  # Lagrangian.of has refused steady problems
        return np.linspace(float(interval.start), float(interval.end), TIMES)

    @cached_property
    def _labels(self) -> np.ndarray:
        """Labels all over the domain; on a line with both ends."""
        if self.dim == 1:
            low, high = self._bounds
            return np.linspace(low[0], high[0], LABELS_ON_A_LINE)[:, None]
        return grid_inside(self.view.problem.region, [round(LABELS ** (1 / self.dim))] * self.dim)

    @cached_property
    def _table(self) -> np.ndarray:
        """The positions of the labels at the times, `(times, labels, d)`."""
        grid = np.concatenate([np.insert(self._labels, 0, t, axis=1) for t in self._times])
        return self.positions(grid)[0].reshape(len(self._times), len(self._labels), self.dim)

    def _wrapped(self, position: np.ndarray) -> np.ndarray:
        low, high = self._bounds
        return np.where(self._periodic, low + np.mod(position - low, high - low), position)
