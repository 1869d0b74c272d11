"""Shapes made of shapes: differences, unions and intersections."""

from __future__ import annotations

import abc
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from pinnlab.domain.box import Box
from pinnlab.domain.shape import Shape, check_same_coordinates
from pinnlab.meshing.curves import Curve
from pinnlab.meshing.surfaces import Surface

# Curves nearer than this, as a share of the extent, coincide.
ON_CURVE = 1e-7


@dataclass(frozen=True, init=False)
class Combination(Shape):
    """Two or more shapes as one; what is left of their boundaries keeps its names, and equal names are one piece.

    Raises:
        ValueError: If there are fewer than two shapes, their coordinates differ, one of them is periodic or no shape,
            nothing is left, or one has no part in the result.
    """

    operands: tuple[Shape, ...]

    def __init__(self, *operands: Shape) -> None:
        who = type(self).__name__
        if len(operands) < 2:
            raise ValueError(f"{who}: combines two or more shapes, got {len(operands)}")
        for o in operands:
            if not isinstance(o, Shape):
                raise ValueError(f"{who}: {o!r} is no shape such as Box, Disk, Ball, Polygon or a combination of them")
            if isinstance(o, Box) and o.periodic:
                raise ValueError(f"{who}: {o} is periodic, which no part of a shape can be")
        check_same_coordinates(who, operands)
        if len(operands[0].coordinates) not in (2, 3):
            raise ValueError(f"{who}: shapes of the plane or of space can be combined, not {operands[0]}")
        object.__setattr__(self, "operands", operands)
        self.sample(1, np.random.default_rng(0))
        for o in operands:
            if not self._is_left(o):
                raise ValueError(f"{self}: nothing of {o} is left in it; drop it, or check where it lies")

    def _is_left(self, operand: Shape) -> bool:
        """Whether a part of an operand's boundary bounds the result; names would not tell, since they may be shared."""
        if len(self.coordinates) == 3:
            rng = np.random.default_rng(0)
            return any(len(self._kept(s, 2_000, rng)[0]) for s in operand.parts if isinstance(s, Surface))
        middles = np.concatenate([c.at(np.array([0.5])) for c in self.outline])
        curves = [c for c in operand.parts if isinstance(c, Curve)]
        return any(bool((c.distance(middles) <= ON_CURVE * self.extent).any()) for c in curves)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.operands))})"

    @property
    def coordinates(self) -> tuple[sp.Symbol, ...]:
        """Those of the shapes."""
        return self.operands[0].coordinates

    @property
    def parts(self) -> tuple[Curve | Surface, ...]:
        """Those of all shapes."""
        return tuple(p for o in self.operands for p in o.parts)

    @abc.abstractmethod
    def level(self, points: np.ndarray) -> np.ndarray:
        """Negative inside."""

    def solid(self, kernel: Any) -> list[tuple[int, int]]:
        """The shapes, combined by the kernel."""
        first, *rest = (o.solid(kernel) for o in self.operands)
        return self._combined(kernel, first, [entity for part in rest for entity in part])

    @abc.abstractmethod
    def _combined(
        self, kernel: Any, first: list[tuple[int, int]], rest: list[tuple[int, int]]
    ) -> list[tuple[int, int]]:
        """What the kernel makes of the first shape and the others."""


class Difference(Combination):
    """The first shape without the others, whose boundaries bound it where they lie inside the first."""

    @property
    def lower(self) -> np.ndarray:
        """That of the first."""
        return self.operands[0].lower

    @property
    def upper(self) -> np.ndarray:
        """That of the first."""
        return self.operands[0].upper

    def level(self, points: np.ndarray) -> np.ndarray:
        """The larger of the first level and the negatives of the others."""
        first, *rest = (o.level(points) for o in self.operands)
        return np.maximum.reduce([first, *(-level for level in rest)])

    def _combined(
        self, kernel: Any, first: list[tuple[int, int]], rest: list[tuple[int, int]]
    ) -> list[tuple[int, int]]:
        return list(kernel.cut(first, rest)[0])


class Union(Combination):
    """All points of any of the shapes."""

    @property
    def lower(self) -> np.ndarray:
        """The least of all."""
        return np.min([o.lower for o in self.operands], axis=0)

    @property
    def upper(self) -> np.ndarray:
        """The largest of all."""
        return np.max([o.upper for o in self.operands], axis=0)

    def level(self, points: np.ndarray) -> np.ndarray:
        """The least level."""
        return np.minimum.reduce([o.level(points) for o in self.operands])

    def _combined(
        self, kernel: Any, first: list[tuple[int, int]], rest: list[tuple[int, int]]
    ) -> list[tuple[int, int]]:
        return list(kernel.fuse(first, rest)[0])


class Intersection(Combination):
    """The points that all shapes have in common."""

    @property
    def lower(self) -> np.ndarray:
        """The largest of all."""
        return np.max([o.lower for o in self.operands], axis=0)

    @property
    def upper(self) -> np.ndarray:
        """The least of all."""
        return np.min([o.upper for o in self.operands], axis=0)

    def level(self, points: np.ndarray) -> np.ndarray:
        """The largest level."""
        return np.maximum.reduce([o.level(points) for o in self.operands])

    def _combined(
        self, kernel: Any, first: list[tuple[int, int]], rest: list[tuple[int, int]]
    ) -> list[tuple[int, int]]:
        return list(functools.reduce(lambda a, b: kernel.intersect(a, [b])[0], rest, first))
