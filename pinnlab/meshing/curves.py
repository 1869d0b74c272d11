"""Exact boundaries of plane regions: oriented segments and arcs, where they cross, and which parts bound a region."""

from __future__ import annotations

import abc
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy  # its submodules load when they are first used

# Points closer than this, as a fraction of the extent of a region, are one point.
TOLERANCE = 1e-9
# How far beside a curve the region is asked for, as a fraction of its extent.
BESIDE = 1e-6


@dataclass(frozen=True, eq=False)
class Curve(abc.ABC):
    """A part of a boundary that is travelled with the region on the left; s in [0, 1] is its fraction of length."""

    piece: str

    @property
    @abc.abstractmethod
    def length(self) -> float:
        """Its length."""

    @property
    @abc.abstractmethod
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The lower and upper corner of a box around it."""

    @property
    @abc.abstractmethod
    def area(self) -> float:
        """Its share ½ ∫ (x dy - y dx) in the area that a closed boundary encloses."""

    @abc.abstractmethod
    def at(self, s: np.ndarray) -> np.ndarray:
        """Points `(n, 2)` at fractions `(n,)` of its length."""

    @abc.abstractmethod
    def normals(self, s: np.ndarray) -> np.ndarray:
        """Unit normals `(n, 2)` that point to the right, out of the region."""

    @abc.abstractmethod
    def fraction(self, points: np.ndarray) -> np.ndarray:
        """The fraction of length `(n,)` at which it, prolonged beyond its ends, is nearest to each point."""

    @abc.abstractmethod
    def part(self, start: float, end: float) -> Curve:
        """The part between two fractions of length; travelled backwards if start > end."""

    def distance(self, points: np.ndarray) -> np.ndarray:
        """The distance `(n,)` of each point from the curve."""
        nearest = self.at(np.clip(self.fraction(points), 0.0, 1.0))
        ends = self.at(np.array([0.0, 1.0]))
        apart = [np.linalg.norm(points - q, axis=1) for q in (nearest, ends[:1], ends[1:])]
        return np.asarray(np.minimum.reduce(apart))


@dataclass(frozen=True, eq=False)
class Segment(Curve):
    """The straight line from `start` to `end`."""

    start: np.ndarray
    end: np.ndarray

    @property
    def length(self) -> float:
        """The distance of its ends."""
        return math.dist(self.start, self.end)

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The box of its ends."""
        return np.minimum(self.start, self.end), np.maximum(self.start, self.end)

    @property
    def area(self) -> float:
        """Half the cross product of its ends."""
        return 0.5 * float(self.start[0] * self.end[1] - self.start[1] * self.end[0])

    def at(self, s: np.ndarray) -> np.ndarray:
        """Points on the line; its ends exactly."""
        s = np.asarray(s)[:, None]
        return np.asarray(np.where(s == 1.0, self.end, self.start + s * (self.end - self.start)))

    def normals(self, s: np.ndarray) -> np.ndarray:
        """The direction of travel, turned right."""
        along = (self.end - self.start) / self.length
        return np.tile([along[1], -along[0]], (len(s), 1))

    def fraction(self, points: np.ndarray) -> np.ndarray:
        """The foot of the perpendicular."""
        along = self.end - self.start
        return np.asarray((points - self.start) @ along / (along @ along))

    def part(self, start: float, end: float) -> Segment:
        """A shorter line."""
        ends = self.at(np.array([start, end]))
        return Segment(self.piece, ends[0], ends[1])


@dataclass(frozen=True, eq=False)
class Arc(Curve):
    """The arc of a circle from the angle `start` through the angle `sweep`, counterclockwise if positive."""

    centre: np.ndarray
    radius: float
    start: float
    sweep: float

    @property
    def length(self) -> float:
        """Radius times sweep."""
        return self.radius * abs(self.sweep)

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The box around the full circle."""
        return self.centre - self.radius, self.centre + self.radius

    @property
    def area(self) -> float:
        """The sector, and the triangle of the origin, the centre and the chord."""
        a, b = self.at(np.array([0.0, 1.0]))
        cross = self.centre[0] * (b[1] - a[1]) - self.centre[1] * (b[0] - a[0])
        return 0.5 * float(cross + self.radius**2 * self.sweep)

    def at(self, s: np.ndarray) -> np.ndarray:
        """Points on the circle."""
        return np.asarray(self.centre + self.radius * self._directions(s))

    def normals(self, s: np.ndarray) -> np.ndarray:
        """Away from the centre if counterclockwise, else towards it."""
        return math.copysign(1.0, self.sweep) * self._directions(s)

    def fraction(self, points: np.ndarray) -> np.ndarray:
        """The angle of each point, as a fraction of the sweep."""
        angle = np.arctan2(points[:, 1] - self.centre[1], points[:, 0] - self.centre[0])
        travelled = np.mod((angle - self.start) * math.copysign(1.0, self.sweep), 2 * math.pi)
        # Half of what is not swept lies before the start.
        before = travelled > math.pi + 0.5 * abs(self.sweep)
        return np.asarray((travelled - 2 * math.pi * before) / abs(self.sweep))

    def part(self, start: float, end: float) -> Arc:
        """A shorter arc."""
        return replace(self, start=self.start + start * self.sweep, sweep=(end - start) * self.sweep)

    def _directions(self, s: np.ndarray) -> np.ndarray:
        angle = self.start + np.asarray(s) * self.sweep
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def circle(piece: str, centre: np.ndarray, radius: float) -> tuple[Curve, ...]:
    """A full circle, counterclockwise, as four arcs."""
    return tuple(Arc(piece, centre, radius, 0.5 * math.pi * k, 0.5 * math.pi) for k in range(4))


def polygon(pieces: Sequence[str], vertices: np.ndarray) -> tuple[Curve, ...]:
    """The edges of a polygon, each from one of `vertices (n, 2)` to the next."""
    ends = zip(pieces, vertices, np.roll(vertices, -1, axis=0), strict=True)
    return tuple(Segment(piece, a, b) for piece, a, b in ends)


def extent(curves: Sequence[Curve]) -> float:
    """The length of the diagonal of a box around all curves."""
    lower = np.min([c.bounds[0] for c in curves], axis=0)
    upper = np.max([c.bounds[1] for c in curves], axis=0)
    return float(np.linalg.norm(upper - lower))


def enclosed_area(curves: Sequence[Curve]) -> float:
    """The area that a closed boundary encloses, exactly."""
    return math.fsum(c.area for c in curves)


def total_length(curves: Sequence[Curve], piece: str) -> float:
    """The length of a piece."""
    return math.fsum(c.length for c in curves if c.piece == piece)


def crossings(a: Curve, b: Curve, tolerance: float) -> np.ndarray:
    """The fractions of the length of `a` where `b` crosses it, touches it, or begins or ends on it."""
    candidates = np.concatenate([_common_points(a, b, tolerance), b.at(np.array([0.0, 1.0]))])
    common = (a.distance(candidates) <= tolerance) & (b.distance(candidates) <= tolerance)
    return np.clip(a.fraction(candidates[common]), 0.0, 1.0)


def bounding_parts(curves: Sequence[Curve], inside: Callable[[np.ndarray], np.ndarray]) -> tuple[Curve, ...]:
    """The parts of curves that bound a region, each once and with the region on the left.

    Every curve is cut where another one meets it.  A part belongs to the boundary if the region lies on exactly one
    side of its middle; where two parts coincide the first is kept.

    Args:
        curves: Boundaries of the shapes that the region is made of.
        inside: Whether each of `points (n, 2)` belongs to the region, as booleans `(n,)`.
    """
    scale = extent(curves)
    tolerance = TOLERANCE * scale
    parts = [
        part
        for curve, cuts in zip(curves, _cuts(curves, tolerance), strict=True)
        for part in _split(curve, cuts, tolerance)
    ]
    parts = [p for p in parts if p.length > 20 * tolerance]
    middles = np.concatenate([p.at(np.array([0.5])) for p in parts])
    beside = np.concatenate([p.normals(np.array([0.5])) for p in parts])
    beside *= np.minimum(BESIDE * scale, 1e-3 * np.array([p.length for p in parts]))[:, None]
    left, right = inside(middles - beside), inside(middles + beside)
    kept = _first_of_coincident(middles, np.flatnonzero(left != right), 10 * tolerance)
    return tuple(parts[i] if left[i] else parts[i].part(1.0, 0.0) for i in kept)


def merged(points: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Points `(n, 2)` with those that nearly coincide made one: the distinct points, and the number of each `(n,)`."""
    pairs = scipy.spatial.cKDTree(points).query_pairs(tolerance, output_type="ndarray")
    links = scipy.sparse.coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(points),) * 2)
    count, labels = scipy.sparse.csgraph.connected_components(links, directed=False)
    _, first = np.unique(labels, return_index=True)
    order = np.argsort(first)
    rank = np.empty(count, dtype=np.int64)
    rank[order] = np.arange(count)
    return points[first[order]], rank[labels]


def _cuts(curves: Sequence[Curve], tolerance: float) -> list[list[float]]:
    lower = np.array([c.bounds[0] for c in curves]) - tolerance
    upper = np.array([c.bounds[1] for c in curves]) + tolerance
    cuts: list[list[float]] = []
    for i, curve in enumerate(curves):
        near = np.all((lower <= upper[i]) & (upper >= lower[i]), axis=1)
        own = [crossings(curve, curves[j], tolerance) for j in map(int, np.flatnonzero(near)) if j != i]
        cuts.append(sorted(float(s) for s in np.concatenate([[], *own])))
    return cuts


def _split(curve: Curve, cuts: Sequence[float], tolerance: float) -> list[Curve]:
    """The parts between cuts, of which those that nearly coincide are one."""
    apart = 20 * tolerance / curve.length
    fractions = [0.0]
    for s in cuts:
        if s - fractions[-1] > apart and 1.0 - s > apart:
            fractions.append(s)
    fractions.append(1.0)
    if len(fractions) == 2:
        return [curve]
    return [curve.part(a, b) for a, b in itertools.pairwise(fractions)]


def _first_of_coincident(middles: np.ndarray, candidates: np.ndarray, tolerance: float) -> np.ndarray:
    if not len(candidates):
        return candidates
    _, number = merged(middles[candidates], tolerance)
    _, first = np.unique(number, return_index=True)
    return candidates[np.sort(first)]


def _common_points(a: Curve, b: Curve, tolerance: float) -> np.ndarray:
    """Points `(k, 2)` that the line or circle of `a` shares with that of `b`; none where they coincide."""
    if isinstance(a, Segment) and isinstance(b, Segment):
        return _line_line(a, b)
    if isinstance(a, Arc) and isinstance(b, Arc):
        return _circle_circle(a, b, tolerance)
    if isinstance(a, Segment) and isinstance(b, Arc):
        return _line_circle(a, b, tolerance)
    if isinstance(a, Arc) and isinstance(b, Segment):
        return _line_circle(b, a, tolerance)
    raise TypeError(f"curves of types {type(a).__name__} and {type(b).__name__} are not segments or arcs")


def _line_line(a: Segment, b: Segment) -> np.ndarray:
    p, q = a.end - a.start, b.end - b.start
    cross = p[0] * q[1] - p[1] * q[0]
    if abs(cross) <= TOLERANCE * a.length * b.length:
        return np.empty((0, 2))
    gap = b.start - a.start
    s = (gap[0] * q[1] - gap[1] * q[0]) / cross
    return np.asarray(a.start + s * p)[None]


def _line_circle(line: Segment, arc: Arc, tolerance: float) -> np.ndarray:
    along = (line.end - line.start) / line.length
    foot = line.start + ((arc.centre - line.start) @ along) * along
    away = float(np.linalg.norm(foot - arc.centre))
    # A square root near zero would part a point of contact into two.
    if abs(away - arc.radius) <= tolerance:
        return foot[None]
    if away > arc.radius:
        return np.empty((0, 2))
    half = math.sqrt(arc.radius**2 - away**2)
    return np.stack([foot - half * along, foot + half * along])


def _circle_circle(a: Arc, b: Arc, tolerance: float) -> np.ndarray:
    gap = b.centre - a.centre
    apart = float(np.linalg.norm(gap))
    if apart <= tolerance:
        return np.empty((0, 2))
    along = gap / apart
    reach = (apart**2 + a.radius**2 - b.radius**2) / (2 * apart)
    if abs(apart - a.radius - b.radius) <= tolerance or abs(apart - abs(a.radius - b.radius)) <= tolerance:
        return np.asarray(a.centre + math.copysign(a.radius, reach) * along)[None]
    if abs(reach) > a.radius:
        return np.empty((0, 2))
    half = math.sqrt(a.radius**2 - reach**2)
    across = np.array([-along[1], along[0]])
    return np.asarray(a.centre + reach * along + half * np.array([[1.0], [-1.0]]) * across)
