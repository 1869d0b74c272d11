"""Space-time domains: an interval of time times a region of space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy as sp

from pinnlab.admissible import finite_number
from pinnlab.domain.base import Domain


@dataclass(frozen=True)
class TimeInterval:
    """The time span [start, end]; `TimeInterval(t, 0, 1) * region` is the space-time domain over a region.

    Raises:
        ValueError: If the interval is empty or not finite.
    """

    time: sp.Symbol
    start: float
    end: float

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            object.__setattr__(self, name, finite_number("TimeInterval", name, getattr(self, name)))
        if not self.start < self.end:
            raise ValueError(
                f"TimeInterval: {self.time} from {self.start:g} to {self.end:g} is empty; give start < end"
            )

    def __mul__(self, region: Domain) -> Evolution:
        return Evolution(self, region)

    @property
    def length(self) -> float:
        """The duration end - start."""
        return self.end - self.start


@dataclass(frozen=True)
class Evolution(Domain):
    """A region of space followed over an interval of time; the piece "initial" is its state at the start."""

    interval: TimeInterval
    region: Domain

    @property
    def coordinates(self) -> tuple[sp.Symbol, ...]:
        """Time first, then the coordinates of the region."""
        return (self.interval.time, *self.region.coordinates)

    @property
    def pieces(self) -> tuple[str, ...]:
        """The piece "initial" and those of the region."""
        return ("initial", *self.region.pieces)

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Whether each of `points (n, 1 + dim)` lies in the closed space-time domain."""
        t = points[:, 0]
        return (t >= self.interval.start) & (t <= self.interval.end) & self.region.contains(points[:, 1:])

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n points `(n, 1 + dim)`, uniform in space-time."""
        return np.column_stack([self._times(n, rng), self.region.sample(n, rng)])

    def sample_piece(self, piece: str, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw n points on the initial state or on a lateral piece, with outward normals in space-time."""
        if piece == "initial":
            points = np.column_stack([np.full(n, self.interval.start), self.region.sample(n, rng)])
            normals = np.zeros_like(points)
            normals[:, 0] = -1.0
            return points, normals
        points, normals = self.region.sample_piece(piece, n, rng)
        return np.column_stack([self._times(n, rng), points]), np.column_stack([np.zeros(n), normals])

    def _times(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return self.interval.start + self.interval.length * rng.random(n)
