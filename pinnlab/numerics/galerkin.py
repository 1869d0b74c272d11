"""Integrals of shape functions against coefficients: the vectors and sparse matrices of Galerkin's method.

On a cell the integrand of a matrix is Σ_ab (∂_a v) c_ab (∂_b u), where ∂_0 is the value.  Pulled back to the reference
cell, the shape functions are the same numbers on all cells, so that the matrices of all cells are one product of the
table of pulled-back coefficients with the table of products of shape functions [1].

[1] R. C. Kirby and A. Logg, ACM Trans. Math. Software 32 (2006) 417-444.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import coo_array, csr_array

from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.quality import FACETS, facet_keys, facet_normals
from pinnlab.numerics.reference_element import ReferenceElement, quadrature

# Cells are taken in chunks of about this many quadrature points, which keeps the arrays of a chunk in the cache.
_CHUNK = 1 << 16
_KEPT = 1 << 20
# One integrand: (derivative of the test function, derivative of the unknown) → values (cells or 1, points or 1).
Coefficients = Mapping[tuple[int, int], np.ndarray]


@dataclass(frozen=True, eq=False)
class Patch:
    """Cells, or facets of the boundary, with the finite-element functions on them.

    Attributes:
        kind: Of the cells.
        corners: Vertices of each cell `(m, v, dim)`; on facets dim is one more than the dimension of the kind.
        degrees: Of each space.
        order: The polynomial degree up to which integrals are exact.
    """

    kind: str
    corners: np.ndarray
    degrees: tuple[int, ...]
    order: int

    @property
    def is_full(self) -> bool:
        """Whether these are cells, so that functions on them have gradients."""
        return self.corners.shape[2] == self._shape.dim

    def chunks(self) -> Iterator[Chunk]:
        """The cells in pieces, with their geometry."""
        size = max(1, _CHUNK // len(self.weights))
        for start in range(0, len(self.corners), size):
            part = slice(start, min(start + size, len(self.corners)))
            chunk = self._kept.get(start) or Chunk(self, part)
            if self._is_small:
                self._kept[start] = chunk
            yield chunk

    @cached_property
    def _kept(self) -> dict[int, Chunk]:
        return {}

    @property
    def _is_small(self) -> bool:
        """Whether the geometry of all cells is kept, since assembling many times is faster then."""
        return len(self.corners) * len(self.weights) <= _KEPT

    @cached_property
    def map(self) -> np.ndarray:
        """Values and first derivatives of the shape functions that map the reference cell `(q, 1 + dim, v)`."""
        return self._shape.jets(self.local)

    @cached_property
    def _shape(self) -> ReferenceElement:
        return ReferenceElement(self.kind, 1)

    @cached_property
    def local(self) -> np.ndarray:
        """Quadrature points on the reference cell `(q, dim)`."""
        return quadrature(self.kind, self.order)[0]

    @cached_property
    def weights(self) -> np.ndarray:
        """Quadrature weights `(q,)`."""
        return quadrature(self.kind, self.order)[1]

    @cached_property
    def tables(self) -> dict[int, np.ndarray]:
        """Degree → values and first derivatives of the shape functions `(q, 1 + dim, k)`; values alone on facets."""
        full = {d: ReferenceElement(self.kind, d).jets(self.local) for d in set(self.degrees)}
        return full if self.is_full else {d: t[:, :1] for d, t in full.items()}

    @property
    def is_affine(self) -> bool:
        """Whether all cells are simplices, whose maps from the reference cell are affine."""
        return self.kind != "quad"


class Chunk:
    """Some cells of a patch: quadrature points, and integrals over each of these cells.

    Attributes:
        part: Which cells.
        points: Quadrature points `(dim, m, q)`.
    """

    def __init__(self, patch: Patch, part: slice) -> None:
        self._patch, self.part = patch, part
        corners = np.ascontiguousarray(np.moveaxis(patch.corners[part], 2, 0))
        jets = patch.map
        self.points = corners @ jets[:, 0].T
        # ∂x_d/∂ξ_s `(s, d, m, q)`, or with one point where it is the same for all points of a cell.
        slopes = jets[:1, 1:] if patch.is_affine else jets[:, 1:]
        jacobian = np.stack([corners @ slopes[:, s].T for s in range(slopes.shape[1])]) if slopes.shape[1] else None
        if jacobian is None:
            self._scale = np.ones((corners.shape[1], 1))
        elif patch.is_full:
            self._inverse, determinant = _inverse(jacobian)
            self._scale = np.abs(determinant)
        else:
            gram = np.einsum("sdmq,tdmq->mqst", jacobian, jacobian)
            self._scale = np.sqrt(np.linalg.det(gram))

    def value(self, degree: int, nodal: np.ndarray) -> np.ndarray:
        """The function with nodal values `(m, k)` at the quadrature points `(m, q)`."""
        return np.asarray(nodal @ self._patch.tables[degree][:, 0].T)

    def gradient(self, degree: int, nodal: np.ndarray) -> list[np.ndarray]:
        """Its partial derivatives at the quadrature points, each `(m, q)`."""
        table = self._patch.tables[degree]
        slopes = [nodal @ table[:, 1 + s].T for s in range(len(self._inverse))]
        return [_sum(a * row[d] for a, row in zip(slopes, self._inverse, strict=True)) for d in range(len(self.points))]

    def vector(self, degree: int, integrand: Sequence[np.ndarray | float]) -> np.ndarray:
        """∫ Σ_a c_a ∂_a v for the shape functions v of each cell `(m, k)`; each c_a broadcasts to `(m, q)`."""
        table = self._patch.tables[degree]
        weights = self._scale * self._patch.weights
        total = np.zeros((len(weights), table.shape[2]))
        if not _is_zero(integrand[0]):
            total += (integrand[0] * weights) @ table[:, 0]
        slopes = [(d, c) for d, c in enumerate(integrand[1:]) if not _is_zero(c)]
        for s, row in enumerate(self._inverse if slopes else ()):
            total += (_sum(c * row[d] for d, c in slopes) * weights) @ table[:, 1 + s]
        return total

    def matrix(self, rows: int, columns: int, coefficients: Coefficients) -> np.ndarray:
        """∫ Σ_ab ∂_a v c_ab ∂_b u for the shape functions of each cell `(m, k_v, k_u)`, given their degrees."""
        test, trial = self._patch.tables[rows], self._patch.tables[columns]
        pulled = self._pulled_back(coefficients)
        m, k, n = self.points.shape[1], test.shape[2], trial.shape[2]
        total = np.zeros((m, k * n))
        for (s, t), c in pulled.items():
            products = np.einsum("qi,qj->qij", test[:, s], trial[:, t]).reshape(-1, k * n)
            if c.shape[1] == 1:
                # The coefficient does not vary within a cell: the integral of the product is the same for all cells.
                total += c * (self._patch.weights @ products)
            else:
                total += (c * self._patch.weights) @ products
        return total.reshape(m, k, n)

    def _pulled_back(self, coefficients: Coefficients) -> dict[tuple[int, int], np.ndarray]:
        """The coefficients in reference coordinates times the change of volume, each `(m, q)` or `(m, 1)`."""
        pulled: dict[tuple[int, int], np.ndarray] = {}
        for (a, b), c in coefficients.items():
            weighted = c * self._scale
            for s, left in self._directions(a):
                for t, right in self._directions(b):
                    term = weighted * left * right
                    pulled[s, t] = pulled[s, t] + term if (s, t) in pulled else term
        return pulled

    def _directions(self, a: int) -> list[tuple[int, np.ndarray | float]]:
        """∂_a as a sum over reference derivatives: (s, ∂ξ_s/∂x_a)."""
        if a == 0:
            return [(0, 1.0)]
        return [(1 + s, row[a - 1]) for s, row in enumerate(self._inverse)]


def _sum(terms: Iterable[np.ndarray]) -> np.ndarray:
    return functools.reduce(operator.add, terms)


def _is_zero(c: np.ndarray | float) -> bool:
    return not isinstance(c, np.ndarray) and c == 0


def _inverse(jacobian: np.ndarray) -> tuple[list[list[np.ndarray]], np.ndarray]:
    """∂ξ_s/∂x_d by s and d, and the determinant of J = ∂x_d/∂ξ_s `(s, d, m, q)`, by Cramer's rule."""
    dim = len(jacobian)
    if dim == 1:
        return [[1 / jacobian[0, 0]]], jacobian[0, 0]
    if dim == 2:
        (a, b), (c, d) = jacobian
        determinant = a * d - b * c
        return [[d / determinant, -c / determinant], [-b / determinant, a / determinant]], determinant
    # Row s of the inverse is the cross product of the two other edges.
    crosses = []
    for s in range(3):
        e, f = jacobian[(s + 1) % 3], jacobian[(s + 2) % 3]
        crosses.append([e[(d + 1) % 3] * f[(d + 2) % 3] - e[(d + 2) % 3] * f[(d + 1) % 3] for d in range(3)])
    determinant = _sum(jacobian[0, d] * crosses[0][d] for d in range(3))
    return [[c / determinant for c in row] for row in crosses], determinant


def as_coefficient(value: np.ndarray | float) -> np.ndarray:
    """A coefficient as an array over cells and points, of size 1 where it does not vary."""
    array = np.asarray(value, dtype=float)
    return array.reshape(1, 1) if array.ndim == 0 else array


def scatter(n: int, nodes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sum the values `(m, k)` of cells into a vector `(n,)` by their `nodes (m, k)`."""
    return np.bincount(nodes.ravel(), weights=values.ravel(), minlength=n)


@dataclass(frozen=True, eq=False)
class Block:
    """Where the matrices of cells go: their rows `(m, k)` and columns `(m, n)`; negative ones are left out."""

    rows: np.ndarray
    columns: np.ndarray

    def entries(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Row and column of each entry that is not left out, and which of all entries these are."""
        shape = (len(self.rows), self.rows.shape[1], self.columns.shape[1])
        rows = np.broadcast_to(self.rows[:, :, None], shape).ravel()
        columns = np.broadcast_to(self.columns[:, None, :], shape).ravel()
        kept = np.flatnonzero((rows >= 0) & (columns >= 0))
        return rows[kept], columns[kept], kept


def assembled(shape: tuple[int, int], parts: Sequence[tuple[Block, np.ndarray]]) -> csr_array:
    """The sparse matrix of the matrices `(m, k, n)` of cells, each with its block; for one assembly."""
    rows, columns, values = [], [], []
    for block, matrices in parts:
        r, c, kept = block.entries()
        rows.append(r.astype(np.int32))
        columns.append(c.astype(np.int32))
        values.append(matrices.ravel()[kept])
    if not rows:
        return csr_array(shape)
    triplets = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return coo_array(triplets, shape=shape).tocsr()


class Pattern:
    """The places of the entries of a sparse matrix that is assembled many times."""

    def __init__(self, shape: tuple[int, int], blocks: Sequence[Block]) -> None:
        self._shape = shape
        found = [block.entries() for block in blocks]
        self._kept = [kept for _, _, kept in found]
        rows = np.concatenate([r for r, _, _ in found]).astype(np.int32)
        columns = np.concatenate([c for _, c, _ in found]).astype(np.int32)
        structure = coo_array((np.ones(len(rows)), (rows, columns)), shape=shape).tocsr()
        structure.sort_indices()
        self._indices, self._indptr = structure.indices, structure.indptr
        structure.data = np.arange(len(structure.data), dtype=float)
        self._places = np.asarray(structure[rows, columns]).ravel().astype(np.int64)

    def fill(self, matrices: Sequence[np.ndarray]) -> csr_array:
        """The matrix from the matrices of cells, one array per block."""
        values = np.concatenate([m.ravel()[kept] for m, kept in zip(matrices, self._kept, strict=True)])
        data = np.bincount(self._places, weights=values, minlength=len(self._indices))
        return csr_array((data, self._indices, self._indptr), shape=self._shape)


def outward_normals(mesh: Mesh, facets: np.ndarray) -> np.ndarray:
    """Outward unit normals `(f, dim)` of facets on the boundary, given in any order of their vertices."""
    normals, _ = facet_normals(mesh, facets)
    places = np.array(FACETS[mesh.kind])
    on_piece = np.zeros(len(mesh.points), dtype=bool)
    on_piece[facets] = True
    near = np.flatnonzero(on_piece[mesh.cells].sum(axis=1) >= places.shape[1])
    every = facet_keys(mesh.cells[near][:, places].reshape(-1, places.shape[1]), len(mesh.points))
    order = np.argsort(every)
    found = order[np.searchsorted(every, facet_keys(facets, len(mesh.points)), sorter=order)]
    inside = mesh.points[mesh.cells[near[found // len(places)]]].mean(axis=1)
    outwards = mesh.points[facets].mean(axis=1) - inside
    return np.asarray(normals * np.sign(np.sum(normals * outwards, axis=1))[:, None])
