"""Continuous piecewise polynomials of degree 1 and 2 on meshes: nodes, evaluation at points, differentiation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import scipy  # its submodules load when they are first used
from scipy.sparse import csr_array

from pinnlab.meshing.locating import Membership
from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.quality import SIMPLICES, facet_keys
from pinnlab.numerics.reference_element import CELL_TYPES, FACET_KIND, ReferenceElement

_CHUNK = 1 << 15
# For a point outside of the mesh so many cells with the nearest centres are looked at.
_CANDIDATES = 64
_NEWTON = 12
_REMEMBERED = 1 << 17


@dataclass(frozen=True, eq=False)
class LagrangeSpace:
    """Finite-element functions that are continuous and of degree 1 or 2 in each cell (P1, P2; on quads Q1, Q2).

    Args:
        mesh: Lines, triangles, quads or tetrahedra; cells are straight-sided, also for degree 2.
        degree: 1 or 2.

    Raises:
        ValueError: If there is no such element on the mesh's cells.
    """

    mesh: Mesh
    degree: int
    element: ReferenceElement = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "element", ReferenceElement(self.mesh.kind, self.degree))

    @property
    def cell_type(self) -> str:
        """The name of the cells with their nodes in meshio, such as "triangle6"."""
        return CELL_TYPES[self.mesh.kind, self.degree]

    @property
    def n(self) -> int:
        """The number of nodes."""
        return len(self.nodes)

    @cached_property
    def nodes(self) -> np.ndarray:
        """Where the nodal values live `(n, dim)`: the vertices, then middles of edges, then centres of quads."""
        points = self.mesh.points
        parts = [points]
        if self.degree == 2:
            parts.append(points[self._edges[0]].mean(axis=1))
        if self.element.has_centre:
            parts.append(points[self.mesh.cells].mean(axis=1))
        return np.concatenate(parts)

    @cached_property
    def connectivity(self) -> np.ndarray:
        """The nodes of each cell `(m, k)` in VTK's order."""
        vertices, cells = len(self.mesh.points), self.mesh.cells
        parts = [cells]
        if self.degree == 2:
            parts.append(vertices + self._edges[1])
        if self.element.has_centre:
            parts.append(vertices + len(self._edges[0]) + np.arange(len(cells))[:, None])
        return np.concatenate(parts, axis=1)

    @cached_property
    def _edges(self) -> tuple[np.ndarray, np.ndarray]:
        """The edges `(e, 2)` by their vertices, and the edges of each cell `(m, edges per cell)`."""
        local = np.array(self.element.edges)
        every = np.sort(self.mesh.cells[:, local].reshape(-1, 2), axis=1)
        _, first, inverse = np.unique(facet_keys(every, len(self.mesh.points)), return_index=True, return_inverse=True)
        return every[first], inverse.reshape(-1, len(local))

    def facet_nodes(self, facets: np.ndarray) -> np.ndarray:
        """The nodes `(f, k)` on facets `(f, j)` given by their vertices, in VTK's order of the facet's element.

        Raises:
            ValueError: If an edge of a facet is no edge of the mesh.
        """
        kind = FACET_KIND[self.mesh.kind]
        local = ReferenceElement(kind, self.degree).edges
        if self.degree == 1 or not local:
            return facets
        edges = np.sort(facets[:, np.array(local)].reshape(-1, 2), axis=1)
        known = facet_keys(self._edges[0], len(self.mesh.points))
        keys = facet_keys(edges, len(self.mesh.points))
        place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        if not np.array_equal(known[place], keys):
            raise ValueError("a facet of a boundary piece is no facet of the mesh's cells; check the mesh's pieces")
        return np.concatenate([facets, len(self.mesh.points) + place.reshape(-1, len(local))], axis=1)

    def piece_nodes(self, piece: str) -> np.ndarray:
        """The nodes on a boundary piece, ascending."""
        return np.unique(self.facet_nodes(self.mesh.pieces[piece]))

    # -- evaluation ----------------------------------------------------------------------------------------

    def interpolation(self, points: np.ndarray, orders: Sequence[int] | None = None) -> csr_array:
        """The matrix `(q, n)` from nodal values to values, or a partial derivative, at `points (q, dim)`.

        A point outside of the mesh is evaluated by the polynomial of the nearest cell.  Derivatives are those inside
        of a cell; between cells they jump.

        Args:
            points: Where to evaluate.
            orders: Order of differentiation along each axis, at most the degree in all; values if None.

        Raises:
            ValueError: If the orders add up to more than the degree: that derivative approximates nothing.
        """
        orders = tuple(orders or (0,) * self.mesh.dim)
        if sum(orders) > self.degree:
            raise ValueError(
                f"finite elements of degree {self.degree} have derivatives up to that order, not {orders}; "
                "use a higher degree"
            )
        points = np.ascontiguousarray(points, dtype=float)
        k = len(self.element.nodes)
        columns, entries = np.empty((len(points), k), dtype=np.int64), np.empty((len(points), k))
        for start in range(0, len(points), _CHUNK):
            part = slice(start, start + _CHUNK)
            cells, local = self._located(points[part])
            columns[part] = self.connectivity[cells]
            entries[part] = self._derivative(cells, local, orders)
        starts = np.arange(0, k * len(points) + 1, k)
        return csr_array((entries.ravel(), columns.ravel(), starts), shape=(len(points), self.n))

    def locate(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For each of `points (q, dim)` the cell that holds it, or the nearest one, and its local coordinates there."""
        simplex = self._membership.holders(points)
        cells = np.maximum(simplex, 0) // len(SIMPLICES[self.mesh.kind])
        local = self._pulled_back(cells[:, None], points)[:, 0]
        outside = np.flatnonzero(simplex < 0)
        if len(outside):
            cells[outside], local[outside] = self._nearest(points[outside])
        return cells, local

    def _nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For `points (q, dim)` outside of the mesh the nearest cells, and the local coordinates there."""
        number = min(_CANDIDATES, len(self.mesh.cells))
        found = self._tree.query(points, k=number)[1].reshape(len(points), number)
        trial = self._pulled_back(found, points)
        # Distances are compared in units of length, since cells differ in size.
        excess = np.maximum(self.element.excess(trial), 0.0) * self._diameters[found]
        best = np.where(np.isfinite(excess), excess, np.inf).argmin(axis=1)
        rows = np.arange(len(points))
        return found[rows, best], trial[rows, best]

    def _located(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `locate`, remembering the last points: values and derivatives are asked for at the same ones."""
        key = (points.shape, points.tobytes())
        if key not in self._places:
            if sum(len(cells) for cells, _ in self._places.values()) > _REMEMBERED:
                self._places.clear()
            self._places[key] = self.locate(points)
        return self._places[key]

    @cached_property
    def _places(self) -> dict[tuple[tuple[int, ...], bytes], tuple[np.ndarray, np.ndarray]]:
        return {}

    def _derivative(self, cells: np.ndarray, local: np.ndarray, orders: tuple[int, ...]) -> np.ndarray:
        """Of the shape functions of each point's cell `(q, k)`."""
        element, total = self.element, sum(orders)
        if not total:
            return element.tabulate(local)
        inverse = np.linalg.inv(self._jacobian(cells, local))
        gradient = np.einsum("qsk,qsd->qdk", element.jets(local)[:, 1:], inverse)
        axes = [axis for axis, n in enumerate(orders) for _ in range(n)]
        if total == 1:
            return np.asarray(gradient[:, axes[0]])
        # D²φ = J^-T (∂²φ - Σ_c φ_{x_c} ∂²x_c) J^-1; cells that are no parallelograms have curved coordinate lines.
        second = _second(element, local)
        curvature = np.einsum("qstv,qvc->qstc", _second(self._corner_element, local), self._corners(cells))
        second = second - np.einsum("qstc,qck->qstk", curvature, gradient)
        return np.einsum("qstk,qs,qt->qk", second, inverse[:, :, axes[0]], inverse[:, :, axes[1]])

    def _pulled_back(self, cells: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Local coordinates `(q, c, dim)` of each point in each of its candidate `cells (q, c)`."""
        flat, target = cells.ravel(), np.repeat(points, cells.shape[1], axis=0)
        local = np.broadcast_to(self.element.centre, target.shape).copy()
        corners = self._corners(flat)
        # One step is exact for simplices and parallelograms.
        for _ in range(_NEWTON if self.mesh.kind == "quad" else 1):
            place = np.einsum("qv,qvd->qd", self._corner_element.tabulate(local), corners)
            step = np.linalg.solve(self._jacobian(flat, local), (target - place)[..., None])[..., 0]
            # Far outside of a quadrilateral there is no solution; the excess tells then.
            local = np.clip(local + step, -20.0, 20.0)
            if np.abs(step).max(initial=0.0) < 1e-14:
                break
        return local.reshape(*cells.shape, self.mesh.dim)

    def _jacobian(self, cells: np.ndarray, local: np.ndarray) -> np.ndarray:
        """∂x_d/∂ξ_s `(q, d, s)`."""
        slopes = self._corner_element.jets(local)[:, 1:]
        return np.einsum("qsv,qvd->qds", slopes, self._corners(cells))

    def _corners(self, cells: np.ndarray) -> np.ndarray:
        return self.mesh.points[self.mesh.cells[cells]]

    @cached_property
    def _corner_element(self) -> ReferenceElement:
        return ReferenceElement(self.mesh.kind, 1)

    @cached_property
    def _tree(self) -> scipy.spatial.cKDTree:
        return scipy.spatial.cKDTree(self.mesh.points[self.mesh.cells].mean(axis=1))

    @cached_property
    def _membership(self) -> Membership:
        return Membership.of(self.mesh)

    @cached_property
    def _diameters(self) -> np.ndarray:
        return np.asarray(self.mesh.edge_lengths.max(axis=1))


def _second(element: ReferenceElement, local: np.ndarray) -> np.ndarray:
    """Second derivatives of the shape functions in local coordinates `(q, dim, dim, k)`."""
    unit = np.eye(element.dim, dtype=int)
    rows = [[element.tabulate(local, tuple(int(n) for n in a + b)) for b in unit] for a in unit]
    return np.stack([np.stack(row, axis=1) for row in rows], axis=1)
