"""Discs, balls and polygons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from pinnlab.admissible import finite_number
from pinnlab.domain.shape import Shape
from pinnlab.errors import UnsupportedProblem
from pinnlab.meshing.balls import ball_mesh
from pinnlab.meshing.curves import Curve, circle, polygon
from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.surfaces import Sphere, Surface


@dataclass(frozen=True, init=False)
class _Round(Shape):
    """All points within a distance of a centre."""

    centre: Mapping[sp.Symbol, float]
    radius: float
    name: str

    def __init__(self, centre: Mapping[sp.Symbol, Any], radius: float, name: str) -> None:
        who, axes = type(self).__name__, self._axes()
        if not isinstance(centre, Mapping) or len(centre) != axes or not all(isinstance(c, sp.Symbol) for c in centre):
            raise ValueError(f"{who}: the centre must name {axes} coordinates, as in {{x: 0, y: 0, …}}; got {centre!r}")
        values = {c: finite_number(who, f"the centre's {c}", v) for c, v in centre.items()}
        length = finite_number(who, "the radius", radius)
        if length <= 0:
            raise ValueError(f"{who}: needs a positive radius, got {radius!r}")
        object.__setattr__(self, "centre", values)
        object.__setattr__(self, "radius", length)
        object.__setattr__(self, "name", name)

    @staticmethod
    def _axes() -> int:
        raise NotImplementedError

    def __hash__(self) -> int:
        return hash((type(self), tuple(self.centre.items()), self.radius, self.name))

    def __repr__(self) -> str:
        at = ", ".join(f"{c}: {v:g}" for c, v in self.centre.items())
        return f"{type(self).__name__}({{{at}}}, radius={self.radius:g}, name={self.name!r})"

    @property
    def coordinates(self) -> tuple[sp.Symbol, ...]:
        """The coordinates in the order of their declaration."""
        return tuple(self.centre)

    @property
    def lower(self) -> np.ndarray:
        """Lower corner of the square or cube around it."""
        return self._middle - self.radius

    @property
    def upper(self) -> np.ndarray:
        """Upper corner of the square or cube around it."""
        return self._middle + self.radius

    def level(self, points: np.ndarray) -> np.ndarray:
        """|x - centre| - radius."""
        return np.asarray(np.linalg.norm(points - self._middle, axis=1) - self.radius)

    @property
    def _middle(self) -> np.ndarray:
        return np.array(list(self.centre.values()))


class Disk(_Round):
    """The disc of all points of the plane within `radius` of a centre; its boundary is the piece `name`.

    Args:
        centre: Each of two coordinates with its value: `Disk({x: 0.3, y: 0.3}, radius=0.1)`.
        radius: > 0.
        name: Of its boundary.

    Raises:
        ValueError: If there are not two coordinates, or the radius is not positive.
    """

    def __init__(self, centre: Mapping[sp.Symbol, Any], radius: float, name: str = "disk") -> None:
        super().__init__(centre, radius, name)

    @staticmethod
    def _axes() -> int:
        return 2

    @property
    def parts(self) -> tuple[Curve | Surface, ...]:
        """The circle, in four arcs."""
        return circle(self.name, self._middle, self.radius)

    def solid(self, kernel: Any) -> list[tuple[int, int]]:
        """A disc is no solid."""
        raise UnsupportedProblem(f"{self} lies in the plane; combine it with shapes of the plane")


class Ball(_Round):
    """The ball of all points of space within `radius` of a centre; its boundary is the piece `name`.

    Args:
        centre: Each of three coordinates with its value.
        radius: > 0.
        name: Of its boundary.

    Raises:
        ValueError: If there are not three coordinates, or the radius is not positive.
    """

    def __init__(self, centre: Mapping[sp.Symbol, Any], radius: float, name: str = "ball") -> None:
        super().__init__(centre, radius, name)

    @staticmethod
    def _axes() -> int:
        return 3

    @property
    def parts(self) -> tuple[Curve | Surface, ...]:
        """The sphere."""
        return (Sphere(self.name, self._middle, self.radius),)

    def mesh(self, size: float) -> Mesh:
        """Tetrahedra whose outer vertices lie on the sphere."""
        return ball_mesh(self._middle, self.radius, size, self.name)

    def solid(self, kernel: Any) -> list[tuple[int, int]]:
        """A sphere of the kernel."""
        return [(3, kernel.addSphere(*self._middle, self.radius))]


@dataclass(frozen=True, init=False)
class Polygon(Shape):
    """The region within a closed line of straight edges.

    Args:
        coordinates: The two coordinates.
        vertices: Three or more corners, in either sense of rotation; the last is joined to the first.
        name: Of the whole boundary.
        names: In place of `name`, one name for each edge, the first from the first vertex to the second.

    Raises:
        ValueError: If there are fewer than three vertices, or edges meet elsewhere than at the common vertex of
            neighbours.
    """

    axes: tuple[sp.Symbol, ...]
    vertices: tuple[tuple[float, float], ...]
    names: tuple[str, ...]

    def __init__(
        self,
        coordinates: Sequence[sp.Symbol],
        vertices: Sequence[Sequence[float]],
        name: str = "polygon",
        names: Sequence[str] = (),
    ) -> None:
        if not all(isinstance(v, Sequence | np.ndarray | sp.Tuple) and len(v) == 2 for v in vertices):
            raise ValueError("Polygon: each vertex needs two numbers, as in [(0, 0), (1, 0), (0, 1)]")
        first, second = ([finite_number("Polygon", "a coordinate of a vertex", v[k]) for v in vertices] for k in (0, 1))
        corners = tuple(zip(first, second, strict=True))
        if len(coordinates) != 2 or len(corners) < 3:
            raise ValueError(f"Polygon: needs two coordinates and three or more vertices, got {len(corners)}")
        if names and len(names) != len(corners):
            raise ValueError(f"Polygon: {len(names)} names for {len(corners)} edges; give one for each, or one name=")
        object.__setattr__(self, "axes", tuple(coordinates))
        object.__setattr__(self, "vertices", corners)
        object.__setattr__(self, "names", tuple(names) or (name,) * len(corners))
        _check_simple(np.array(corners))

    def __repr__(self) -> str:
        corners = ", ".join(f"({a:g}, {b:g})" for a, b in self.vertices)
        return f"Polygon([{corners}], names={list(dict.fromkeys(self.names))})"

    @property
    def coordinates(self) -> tuple[sp.Symbol, ...]:
        """The two coordinates."""
        return self.axes

    @property
    def lower(self) -> np.ndarray:
        """Lower corner of the box around it."""
        return np.min(self.vertices, axis=0)

    @property
    def upper(self) -> np.ndarray:
        """Upper corner of the box around it."""
        return np.max(self.vertices, axis=0)

    def level(self, points: np.ndarray) -> np.ndarray:
        """The distance from the boundary, negative inside."""
        a = np.array(self.vertices)
        b = np.roll(a, -1, axis=0)
        nearest = np.full(len(points), np.inf)
        inside = np.zeros(len(points), bool)
        for p, q in zip(a, b, strict=True):
            along = q - p
            s = np.clip((points - p) @ along / (along @ along), 0.0, 1.0)
            nearest = np.minimum(nearest, np.linalg.norm(points - p - s[:, None] * along, axis=1))
            # A ray to the right crosses the edge.
            between = (p[1] > points[:, 1]) != (q[1] > points[:, 1])
            if p[1] != q[1]:
                inside ^= between & (points[:, 0] < p[0] + along[0] * (points[:, 1] - p[1]) / along[1])
        return np.where(inside, -nearest, nearest)

    @property
    def parts(self) -> tuple[Curve | Surface, ...]:
        """The edges, counterclockwise."""
        corners = np.array(self.vertices)
        if _area(corners) > 0:
            return polygon(self.names, corners)
        # Reversed, the edge from vertex i to i + 1 keeps its name.
        return polygon((*self.names[-2::-1], self.names[-1]), corners[::-1])

    def solid(self, kernel: Any) -> list[tuple[int, int]]:
        """A polygon is no solid."""
        raise UnsupportedProblem(f"{self} lies in the plane; combine it with shapes of the plane")


def _area(corners: np.ndarray) -> float:
    x, y = corners.T
    return float(0.5 * (x @ np.roll(y, -1) - y @ np.roll(x, -1)))


def _check_simple(corners: np.ndarray) -> None:
    a, b = corners, np.roll(corners, -1, axis=0)
    if (np.linalg.norm(b - a, axis=1) == 0).any():
        raise ValueError("Polygon: two neighbouring vertices coincide")

    def turn(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> np.ndarray:
        return np.asarray((q - p)[..., 0] * (r - p)[..., 1] - (q - p)[..., 1] * (r - p)[..., 0])

    n = len(corners)
    for i in range(n):
        others = np.array([j for j in range(n) if j not in (i, (i + 1) % n, (i - 1) % n)], dtype=int)
        c, d = a[others], b[others]
        crossing = (turn(a[i], b[i], c) * turn(a[i], b[i], d) <= 0) & (turn(c, d, a[i]) * turn(c, d, b[i]) <= 0)
        overlap = (np.minimum(c, d) <= np.maximum(a[i], b[i])).all(1) & (
            np.maximum(c, d) >= np.minimum(a[i], b[i])
        ).all(1)
        if (crossing & overlap).any():
            j = int(others[np.flatnonzero(crossing & overlap)[0]])
            raise ValueError(
                f"Polygon: its edges {i + 1} and {j + 1} cross or touch; list the vertices along the boundary"
            )
    if _area(corners) == 0:
        raise ValueError("Polygon: its vertices lie on one line")
