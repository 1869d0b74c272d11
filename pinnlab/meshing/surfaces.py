"""Exact parts of the boundary of regions in space."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Surface(abc.ABC):
    """A part of the boundary of a solid."""

    piece: str

    @property
    @abc.abstractmethod
    def area(self) -> float:
        """Its area."""

    @abc.abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw n points `(n, 3)`, uniform by area, with the unit normals `(n, 3)` out of its own solid."""

    @abc.abstractmethod
    def distance(self, points: np.ndarray) -> np.ndarray:
        """The distance `(n,)` of `points (n, 3)` from the surface."""


@dataclass(frozen=True, eq=False)
class Sphere(Surface):
    """All points at the distance `radius` from `centre (3,)`."""

    centre: np.ndarray
    radius: float

    @property
    def area(self) -> float:
        """4 π r²."""
        return 4 * math.pi * self.radius**2

    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Directions of normally distributed vectors are uniform."""
        normals = rng.standard_normal((n, 3))
        normals /= np.linalg.norm(normals, axis=1)[:, None]
        return self.centre + self.radius * normals, normals

    def distance(self, points: np.ndarray) -> np.ndarray:
        """| |x - centre| - r |."""
        return np.asarray(np.abs(np.linalg.norm(points - self.centre, axis=1) - self.radius))


@dataclass(frozen=True, eq=False)
class Face(Surface):
    """The face of a box whose corners `lower` and `upper (3,)` agree along `axis`; `sign` says which is outwards."""

    lower: np.ndarray
    upper: np.ndarray
    axis: int
    sign: float

    @property
    def area(self) -> float:
        """The product of its two sides."""
        return float(np.prod(np.delete(self.upper - self.lower, self.axis)))

    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Uniform in both coordinates."""
        normals = np.zeros((n, 3))
        normals[:, self.axis] = self.sign
        return self.lower + (self.upper - self.lower) * rng.random((n, 3)), normals

    def distance(self, points: np.ndarray) -> np.ndarray:
        """To the nearest point of the rectangle."""
        return np.asarray(np.linalg.norm(points - np.clip(points, self.lower, self.upper), axis=1))
