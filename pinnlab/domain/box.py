"""Axis-aligned boxes of any dimension, periodic along chosen axes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from pinnlab.admissible import finite_number
from pinnlab.domain.shape import Shape
from pinnlab.errors import UnsupportedProblem
from pinnlab.meshing.curves import Curve, polygon
from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.structured import box_mesh
from pinnlab.meshing.surfaces import Face, Surface

SIDES = (("left", "right"), ("bottom", "top"), ("back", "front"))


@dataclass(frozen=True, init=False)
class Box(Shape):
    """The box of all points with lower ≤ coordinate ≤ upper, for each coordinate.

    Its sides are called left and right (first axis in space), bottom and top (second), back and front
    (third); those of a further axis `c` are `c_lower` and `c_upper`.  A periodic axis has no sides.

    Args:
        bounds: For each coordinate its finite interval (lower, upper) with lower < upper.
        periodic: The coordinates along which everything repeats with the box's length.

    Raises:
        ValueError: For an empty or infinite interval, or a periodic axis that the box does not have.
    """

    bounds: Mapping[sp.Symbol, tuple[float, float]]
    periodic: frozenset[sp.Symbol]

    def __init__(self, bounds: Mapping[sp.Symbol, Any], periodic: Iterable[sp.Symbol] = ()) -> None:
        object.__setattr__(self, "bounds", {c: _interval(c, b) for c, b in bounds.items()})
        object.__setattr__(self, "periodic", frozenset(periodic))
        for c in self.periodic - set(self.bounds):
            raise ValueError(f"Box: periodic axis {c} is not among its coordinates {tuple(self.bounds)}")

    def __hash__(self) -> int:
        return hash((tuple(self.bounds.items()), self.periodic))

    def __repr__(self) -> str:
        body = ", ".join(f"{c}: ({a:g}, {b:g})" for c, (a, b) in self.bounds.items())
        wrap = f", periodic={sorted(map(str, self.periodic))}" if self.periodic else ""
        return f"Box({{{body}}}{wrap})"

    @property
    def coordinates(self) -> tuple[sp.Symbol, ...]:
        """The axes in the order of their declaration."""
        return tuple(self.bounds)

    @property
    def lower(self) -> np.ndarray:
        """Lower corner `(dim,)`."""
        return np.array([a for a, _ in self.bounds.values()])

    @property
    def upper(self) -> np.ndarray:
        """Upper corner `(dim,)`."""
        return np.array([b for _, b in self.bounds.values()])

    @property
    def sides(self) -> dict[str, tuple[sp.Symbol, float]]:
        """Each side's name with the coordinate that is constant there and its value."""
        names = {}
        for i, (c, (a, b)) in enumerate(self.bounds.items()):
            low, high = SIDES[i] if i < len(SIDES) else (f"{c}_lower", f"{c}_upper")
            if c not in self.periodic:
                names[low], names[high] = (c, a), (c, b)
        return names

    @property
    def pieces(self) -> tuple[str, ...]:
        """The names of the sides."""
        return tuple(self.sides)

    def without(self, coordinate: sp.Symbol) -> Box:
        """The box over all other coordinates."""
        rest = {c: b for c, b in self.bounds.items() if c != coordinate}
        return Box(rest, self.periodic - {coordinate})

    def level(self, points: np.ndarray) -> np.ndarray:
        """The distance from the nearest side inside, negative; the largest excess of a coordinate outside."""
        return np.asarray(np.max(np.maximum(self.lower - points, points - self.upper), axis=1))

    @property
    def parts(self) -> tuple[Curve | Surface, ...]:
        """The edges of a rectangle, counterclockwise, or the six faces of a box in space."""
        lower, upper = self.lower, self.upper
        if len(lower) == 2:
            (a, c), (b, d) = lower, upper
            return polygon(("bottom", "right", "top", "left"), np.array([[a, c], [b, c], [b, d], [a, d]]))
        if len(lower) != 3:
            raise UnsupportedProblem(f"{self} has {len(lower)} axes; rectangles and boxes in space can be combined")
        faces = []
        for axis, names in enumerate(SIDES):
            for name, value, sign in zip(names, (lower[axis], upper[axis]), (-1.0, 1.0), strict=True):
                low, high = lower.copy(), upper.copy()
                low[axis] = high[axis] = value
                faces.append(Face(name, low, high, axis, sign))
        return tuple(faces)

    def solid(self, kernel: Any) -> list[tuple[int, int]]:
        """A box of the kernel."""
        return [(3, kernel.addBox(*self.lower, *(self.upper - self.lower)))]

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Whether each of `points (n, dim)` lies in the closed box."""
        return np.all((points >= self.lower) & (points <= self.upper), axis=1)

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n points `(n, dim)`, uniform by volume."""
        return self.lower + (self.upper - self.lower) * rng.random((n, len(self.bounds)))

    def sample_piece(self, piece: str, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw n points on a side, with its constant outward normal."""
        if piece not in self.sides:
            raise ValueError(f"{self} has no side {piece!r}; its sides are {', '.join(self.sides) or 'none'}")
        coordinate, value = self.sides[piece]
        axis = self.coordinates.index(coordinate)
        points = self.sample(n, rng)
        points[:, axis] = value
        normals = np.zeros_like(points)
        normals[:, axis] = 1.0 if value == self.bounds[coordinate][1] else -1.0
        return points, normals

    def mesh(self, size: float) -> Mesh:
        """Lines, triangles or tetrahedra on a grid, none with an edge longer than `size`.

        Raises:
            UnsupportedProblem: If the box has no axis, or more than three.
        """
        if not 1 <= len(self.bounds) <= 3:
            raise UnsupportedProblem(f"{self} has {len(self.bounds)} axes; one to three can be meshed")
        names = {axis: (low, high) for axis, (low, high) in zip(self.bounds, SIDES, strict=False)}
        sides = [None if c in self.periodic else names[c] for c in self.bounds]
        return box_mesh(self.lower, self.upper, size, sides)


def _interval(coordinate: sp.Symbol, bounds: Any) -> tuple[float, float]:
    if not isinstance(coordinate, sp.Symbol):
        raise ValueError(f"Box: {coordinate!r} is not a coordinate; make it with sympy.symbols")
    if isinstance(bounds, str) or not isinstance(bounds, Iterable) or len(two := tuple(bounds)) != 2:
        raise ValueError(f"Box: the bounds of {coordinate} must be two numbers, got {bounds!r}")
    lower, upper = (finite_number("Box", f"a bound of {coordinate}", b) for b in two)
    if lower >= upper:
        raise ValueError(f"Box: {coordinate} runs from {lower:g} to {upper:g}, which has no length; give lower < upper")
    return lower, upper
