"""Regions given by a level function and an exact boundary, from which they are sampled and meshed."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from pinnlab.domain.base import Domain
from pinnlab.errors import UnsupportedProblem
from pinnlab.meshing.curves import Curve, bounding_parts
from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.plane import plane_mesh
from pinnlab.meshing.surfaces import Surface

# A point this near to the boundary, as a share of the extent, belongs to the closed region.
CLOSED = 1e-12
# On which side of a surface a solid lies is asked at this distance from it, as a share of the extent.
BESIDE = 1e-7
# Points tried for one that is kept before a region or a piece counts as empty.
PATIENCE = 200_000


class Shape(Domain):
    """A region { x : level(x) ≤ 0 } of a line, the plane or space, whose boundary is known exactly.

    Subclasses say what `level`, `lower`, `upper` and `parts` are.
    """

    @property
    @abc.abstractmethod
    def lower(self) -> np.ndarray:
        """The lower corner `(dim,)` of a box around the region."""

    @property
    @abc.abstractmethod
    def upper(self) -> np.ndarray:
        """The upper corner `(dim,)` of a box around the region."""

    @abc.abstractmethod
    def level(self, points: np.ndarray) -> np.ndarray:
        """Negative inside, zero on the boundary, positive outside, of the size of a distance there; `(n,)`."""

    @property
    @abc.abstractmethod
    def parts(self) -> tuple[Curve | Surface, ...]:
        """Curves or surfaces that contain the boundary, each under the name of its piece."""

    @abc.abstractmethod
    def solid(self, kernel: Any) -> list[tuple[int, int]]:
        """Build the region in gmsh's OpenCASCADE kernel; the dimension and number of each entity."""

    @property
    def extent(self) -> float:
        """The longest side of the box around the region."""
        return float((self.upper - self.lower).max())

    @cached_property
    def outline(self) -> tuple[Curve, ...]:
        """The boundary of a plane region: curves that meet at their ends, with the region on the left."""
        curves = [p for p in self.parts if isinstance(p, Curve)]
        return bounding_parts(curves, lambda points: self.level(points) < 0)

    @property
    def pieces(self) -> tuple[str, ...]:
        """The names of the pieces of which something is left, in the order in which they were declared."""
        if len(self.coordinates) == 2:
            left = {c.piece for c in self.outline}
        else:
            left = {p.piece for p in self._surfaces if len(self._kept(p, 2_000, np.random.default_rng(0))[0])}
        return tuple(dict.fromkeys(p.piece for p in self.parts if p.piece in left))

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Whether each of `points (n, dim)` lies in the closed region."""
        return self.level(points) <= CLOSED * self.extent

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n points `(n, dim)`, uniform by volume.

        Raises:
            ValueError: If the region is empty, as far as sampling can tell.
        """
        found, tried, kept = [np.zeros((0, len(self.coordinates)))], 0, 0
        while kept < n:
            candidates = self.lower + (self.upper - self.lower) * rng.random((max(n, 1000), len(self.lower)))
            inside = candidates[self.level(candidates) < 0]
            found.append(inside)
            kept, tried = kept + len(inside), tried + len(candidates)
            if not kept and tried > PATIENCE:
                raise ValueError(f"{self}: nothing is left of it; check centres, radii and corners")
        return np.concatenate(found)[:n]

    def sample_piece(self, piece: str, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw n points on what is left of a piece, uniform by length or area, with outward unit normals."""
        if piece not in self.pieces:
            raise ValueError(f"{self} has no piece {piece!r}; its pieces are {', '.join(self.pieces)}")
        if len(self.coordinates) == 2:
            return _on_curves([c for c in self.outline if c.piece == piece], n, rng)
        surfaces = [s for s in self._surfaces if s.piece == piece]
        areas = np.array([s.area for s in surfaces])
        points, normals = np.zeros((0, 3)), np.zeros((0, 3))
        while len(points) < n:
            counts = rng.multinomial(max(n, 100), areas / areas.sum())
            drawn = [self._kept(s, int(k), rng) for s, k in zip(surfaces, counts, strict=True)]
            order = rng.permutation(sum(len(p) for p, _ in drawn))
            points = np.concatenate([points, np.concatenate([p for p, _ in drawn])[order]])
            normals = np.concatenate([normals, np.concatenate([m for _, m in drawn])[order]])
        return points[:n], normals[:n]

    def mesh(self, size: float) -> Mesh:
        """Triangles in the plane; in space tetrahedra by gmsh.

        Raises:
            UnsupportedProblem: If the region lies in space and gmsh is not installed.
            ValueError: If the size is not positive.
        """
        if len(self.coordinates) == 2:
            return plane_mesh(self.outline, size)
        from pinnlab.domain.solid import solid_mesh

        return solid_mesh(self, size)

    @property
    def _surfaces(self) -> list[Surface]:
        return [p for p in self.parts if isinstance(p, Surface)]

    def _kept(self, surface: Surface, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Of n points on a surface those that bound the region, with normals out of it."""
        points, normals = surface.sample(n, rng)
        step = BESIDE * self.extent * normals
        behind, ahead = self.level(points - step) < 0, self.level(points + step) < 0
        turned = np.where(ahead, -1.0, 1.0)[:, None]
        return points[behind != ahead], (turned * normals)[behind != ahead]


def check_same_coordinates(who: str, operands: Sequence[Shape]) -> None:
    """Raise ValueError unless all operands live in the same coordinates."""
    first = operands[0].coordinates
    for other in operands[1:]:
        if other.coordinates != first:
            raise ValueError(f"{who}: {other} has the coordinates {other.coordinates}, and {operands[0]} {first}")


def refuse_dimension(shape: Domain, what: str) -> UnsupportedProblem:
    """What to raise where a region of this dimension cannot do something."""
    return UnsupportedProblem(f"{shape} has {len(shape.coordinates)} dimensions, and {what} needs two or three")


def _on_curves(curves: Sequence[Curve], n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    lengths = np.array([c.length for c in curves])
    which = rng.choice(len(curves), size=n, p=lengths / lengths.sum())
    s = rng.random(n)
    points, normals = np.empty((n, 2)), np.empty((n, 2))
    for i, curve in enumerate(curves):
        mine = which == i
        points[mine], normals[mine] = curve.at(s[mine]), curve.normals(s[mine])
    return points, normals
