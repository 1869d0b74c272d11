"""Lagrange elements on reference cells: shape functions, their derivatives of any order, quadrature rules."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

# Corners of the reference cells in VTK's order; a point is the facet of a line.
_CORNERS = {
    "vertex": ((),),
    "line": ((0,), (1,)),
    "triangle": ((0, 0), (1, 0), (0, 1)),
    "quad": ((0, 0), (1, 0), (1, 1), (0, 1)),
    "tetra": ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)),
}
# Edges in the order in which VTK numbers the nodes at their middles.
_EDGES = {
    "vertex": (),
    "line": ((0, 1),),
    "triangle": ((0, 1), (1, 2), (2, 0)),
    "quad": ((0, 1), (1, 2), (2, 3), (3, 0)),
    "tetra": ((0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3)),
}
FACET_KIND = {"line": "vertex", "triangle": "line", "quad": "line", "tetra": "triangle"}
CELL_TYPES = {
    ("line", 1): "line",
    ("line", 2): "line3",
    ("triangle", 1): "triangle",
    ("triangle", 2): "triangle6",
    ("quad", 1): "quad",
    ("quad", 2): "quad9",
    ("tetra", 1): "tetra",
    ("tetra", 2): "tetra10",
}


@dataclass(frozen=True)
class ReferenceElement:
    """The polynomials of degree 1 or 2 on a reference cell, by their values at its nodes.

    On simplices those of total degree (P1, P2), on the square those of that degree in each coordinate (Q1, Q2).
    Shape function j is 1 at node j and 0 at the others.

    Args:
        kind: "vertex", "line", "triangle", "quad" or "tetra".
        degree: 1 or 2.

    Raises:
        ValueError: If there is no such element.
    """

    kind: str
    degree: int

    def __post_init__(self) -> None:
        if self.kind not in _CORNERS:
            raise ValueError(f"no finite element on cells of kind {self.kind!r}; there are {', '.join(FACET_KIND)}")
        if self.degree not in (1, 2):
            raise ValueError(f"finite elements have degree 1 or 2, not {self.degree!r}")

    @property
    def dim(self) -> int:
        """The dimension of the cell."""
        return len(_CORNERS[self.kind][0])

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """The corners at the ends of each edge."""
        return _EDGES[self.kind]

    @property
    def has_centre(self) -> bool:
        """Whether there is a node in the middle of the cell."""
        return self.kind == "quad" and self.degree == 2

    @cached_property
    def nodes(self) -> np.ndarray:
        """Local coordinates of the nodes `(k, dim)`: corners, then middles of edges, then the centre."""
        corners = np.array(_CORNERS[self.kind], dtype=float)
        parts = [corners]
        if self.degree == 2 and self.edges:
            parts.append(corners[np.array(self.edges)].mean(axis=1))
        if self.has_centre:
            parts.append(corners.mean(axis=0, keepdims=True))
        return np.concatenate(parts)

    @cached_property
    def centre(self) -> np.ndarray:
        """Local coordinates of the centre `(dim,)`."""
        return np.array(_CORNERS[self.kind], dtype=float).mean(axis=0)

    def tabulate(self, points: np.ndarray, orders: Sequence[int] | None = None) -> np.ndarray:
        """A partial derivative of every shape function at `points (q, dim)`, as `(q, k)`; values if orders are None."""
        return _monomials(points, self._exponents, orders or (0,) * self.dim) @ self._coefficients

    def jets(self, points: np.ndarray) -> np.ndarray:
        """Values and first derivatives at `points (q, dim)`, as `(q, 1 + dim, k)`."""
        rows = [None, *(tuple(int(i == axis) for i in range(self.dim)) for axis in range(self.dim))]
        return np.stack([self.tabulate(points, orders) for orders in rows], axis=1)

    def excess(self, points: np.ndarray) -> np.ndarray:
        """How far each of `points (…, dim)` lies outside of the cell, in local coordinates; 0 or less inside."""
        outside = np.max(-points, axis=-1)
        if self.kind == "quad" or self.kind == "line":
            return np.asarray(np.maximum(outside, np.max(points - 1, axis=-1)))
        return np.asarray(np.maximum(outside, points.sum(axis=-1) - 1))

    @cached_property
    def _exponents(self) -> np.ndarray:
        powers = itertools.product(range(self.degree + 1), repeat=self.dim)
        kept = [p for p in powers if self.kind == "quad" or sum(p) <= self.degree]
        return np.array(kept, dtype=int).reshape(len(kept), self.dim)

    @cached_property
    def _coefficients(self) -> np.ndarray:
        # The inverse is of small integers over powers of two: rounding it removes the noise of the solver.
        vandermonde = _monomials(self.nodes, self._exponents, (0,) * self.dim)
        return np.asarray(np.round(np.linalg.inv(vandermonde)))


def _monomials(points: np.ndarray, exponents: np.ndarray, orders: Sequence[int]) -> np.ndarray:
    """Derivatives of the monomials x^a y^b … at `points (q, dim)`, as `(q, number)`."""
    result = np.ones((len(points), len(exponents)))
    for axis, n in enumerate(orders):
        powers = exponents[:, axis]
        factors = np.array([math.perm(int(p), n) if p >= n else 0 for p in powers], dtype=float)
        result = result * factors * points[:, axis, None] ** np.maximum(powers - n, 0)
    return result


# Which of scikit-fem's rules is exact up to each order and has positive weights: some have negative ones, and those
# for tetrahedra above order 4 are exact to one degree less than their number.
_RULES = {
    "line": (1, 1, 2, 3, 4, 5, 6, 7, 8),
    "triangle": (1, 1, 2, 4, 4, 5, 6, 8, 8),
    "quad": (1, 1, 2, 3, 4, 5, 6, 7, 8),
    "tetra": (1, 1, 2, 6, 6, 6, 7),
}


@functools.cache
def quadrature(kind: str, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Points `(q, dim)` inside a reference cell and positive weights `(q,)`, exact for polynomials of that degree.

    Rules of scikit-fem; on the square they are products, exact for that degree in each coordinate.

    Args:
        kind: Of the cell.
        order: Up to 8, on tetrahedra up to 6.
    """
    if kind == "vertex":
        return np.zeros((1, 0)), np.ones(1)
    from skfem.quadrature import get_quadrature
    from skfem.refdom import RefLine, RefQuad, RefTet, RefTri

    domains = {"line": RefLine, "triangle": RefTri, "quad": RefQuad, "tetra": RefTet}
    points, weights = get_quadrature(domains[kind], _RULES[kind][order])
    return np.ascontiguousarray(points.T), np.asarray(weights)
