"""How long the edges of a mesh are to be: short where the boundary is fine, growing smoothly away from there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # its submodules load when they are first used

from pinnlab.meshing.curves import Arc, Curve, extent, merged

# Edges around a full circle, at least.
AROUND = 16
# Layers of cells across the gap between two curves that do not meet, at least.
ACROSS = 2
# By how much edges may grow over a distance.
GROWTH = 0.25
# Sources of nearly the same length are searched together; the ratio of the lengths of two groups.
GROUP = 1.1


@dataclass(frozen=True, eq=False)
class Spacing:
    """The length of edges h(p) = min(size, min over sources i of h_i + growth · |p - p_i|).

    Attributes:
        size: The longest edge.
        groups: Search trees over sources with nearly one length, and that length; shortest first.
    """

    size: float
    groups: tuple[tuple[scipy.spatial.cKDTree, float], ...]

    @classmethod
    def along(cls, curves: Sequence[Curve], size: float) -> Spacing:
        """The spacing that resolves a boundary: its short pieces, its arcs, and the gaps between its curves."""
        own = [_own_length(c, size) for c in curves]
        coarse = cls._of_sources(*_samples(curves, own), size)
        gaps = _gaps(curves, [_fractions(c, coarse, 4.0) for c in curves])
        points, lengths = _samples(curves, own)
        every = np.concatenate([points, *(p for p, _ in gaps)])
        limits = np.concatenate([lengths, *(g / ACROSS for _, g in gaps)])
        return cls._of_sources(every, limits, size)

    @classmethod
    def _of_sources(cls, points: np.ndarray, lengths: np.ndarray, size: float) -> Spacing:
        points, lengths = points[lengths < size], lengths[lengths < size]
        level = np.floor(np.log(lengths / size) / math.log(GROUP))
        groups = [
            (scipy.spatial.cKDTree(points[level == k]), float(lengths[level == k].min())) for k in np.unique(level)
        ]
        return cls(size, tuple(groups))

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """The length of edges at `points (n, 2)`, as `(n,)`."""
        lengths = np.full(len(points), self.size)
        for tree, shortest in self.groups:
            open_ = np.flatnonzero(lengths > shortest)
            if len(open_):
                reach = (float(lengths[open_].max()) - shortest) / GROWTH
                apart, _ = tree.query(points[open_], distance_upper_bound=reach)
                lengths[open_] = np.minimum(lengths[open_], shortest + GROWTH * apart)
        return lengths

    @property
    def shortest(self) -> float:
        """The shortest edge that it asks for."""
        return min([self.size, *(length for _, length in self.groups)])

    def divide(self, curve: Curve) -> np.ndarray:
        """Fractions of the length of a curve, 0 and 1 among them, that are one edge apart."""
        return _fractions(curve, self, 1.0, at_least=2 if isinstance(curve, Arc) else 1)


def _own_length(curve: Curve, size: float) -> float:
    """The edge that a curve asks for by itself."""
    bend = 2 * math.pi * curve.radius / AROUND if isinstance(curve, Arc) else math.inf
    return min(size, curve.length, bend)


def _samples(curves: Sequence[Curve], lengths: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Points on curves, one length apart, with that length."""
    counts = [1 + math.ceil(c.length / h) for c, h in zip(curves, lengths, strict=True)]
    points = [c.at(np.linspace(0.0, 1.0, n + 1)) for c, n in zip(curves, counts, strict=True)]
    return np.concatenate(points), np.repeat(lengths, [n + 1 for n in counts])


def _fractions(curve: Curve, spacing: Spacing, per_edge: float, at_least: int = 1) -> np.ndarray:
    fine = np.linspace(0.0, 1.0, 1 + max(64, math.ceil(4 * curve.length / spacing.shortest)))
    density = 1.0 / spacing(curve.at(fine))
    edges = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(fine))]) * curve.length
    count = max(at_least, math.ceil(per_edge * edges[-1] - 1e-6))
    return np.interp(np.linspace(0.0, 1.0, count + 1), edges / edges[-1], fine)


def _gaps(curves: Sequence[Curve], fractions: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Points of each curve with their distance from the nearest curve that shares no end with it."""
    ends = np.concatenate([c.at(np.array([0.0, 1.0])) for c in curves])
    _, number = merged(ends, 1e-7 * extent(curves))
    meets = number.reshape(-1, 2)
    lower = np.array([c.bounds[0] for c in curves])
    upper = np.array([c.bounds[1] for c in curves])
    found = []
    for i, curve in enumerate(curves):
        points = curve.at(fractions[i])
        gap = np.full(len(points), np.inf)
        others = np.flatnonzero(~np.isin(meets, meets[i]).any(axis=1))
        # From the nearest box outwards, so that most curves need no look.
        away = np.maximum(0.0, np.maximum(lower[others] - upper[i], lower[i] - upper[others]))
        away = np.linalg.norm(away, axis=1)
        for k in np.argsort(away, kind="stable"):
            if away[k] > gap.max():
                break
            gap = np.minimum(gap, curves[int(others[k])].distance(points))
        found.append((points, gap))
    return found
