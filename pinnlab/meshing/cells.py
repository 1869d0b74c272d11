"""Nodes of finite elements joined to cells, as files store them and pictures draw them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pinnlab.meshing.mesh import Mesh


@dataclass(frozen=True)
class CellKind:
    """One kind of cell; nodes are numbered as in VTK: corners, then middles of edges, then the centre.

    Attributes:
        vtk: The number of the kind in VTK.
        linear: The kind that has the corners only.
        dim: Dimension.
        corners: Number of corners.
        nodes: Number of nodes.
        parts: The triangles (of a line: the segments) that the nodes of a flat cell make; none in space.
        face: Kind of the faces of a cell in space.
        faces: The nodes of each face of a cell in space, seen from outside in the positive sense.
    """

    vtk: int
    linear: str
    dim: int
    corners: int
    nodes: int
    parts: tuple[tuple[int, ...], ...] = ()
    face: str = ""
    faces: tuple[tuple[int, ...], ...] = ()


_AROUND_THE_CENTRE = ((0, 4, 8), (4, 1, 8), (1, 5, 8), (5, 2, 8), (2, 6, 8), (6, 3, 8), (3, 7, 8), (7, 0, 8))
_TETRA_FACES = ((0, 2, 1), (0, 1, 3), (1, 2, 3), (0, 3, 2))
_TETRA10_FACES = ((0, 2, 1, 6, 5, 4), (0, 1, 3, 4, 8, 7), (1, 2, 3, 5, 9, 8), (0, 3, 2, 7, 9, 6))
_BRICK_FACES = ((0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))

# The names are those of meshio.
CELL_KINDS = {
    "line": CellKind(3, "line", 1, 2, 2, ((0, 1),)),
    "line3": CellKind(21, "line", 1, 2, 3, ((0, 2), (2, 1))),
    "triangle": CellKind(5, "triangle", 2, 3, 3, ((0, 1, 2),)),
    "triangle6": CellKind(22, "triangle", 2, 3, 6, ((0, 3, 5), (3, 1, 4), (5, 4, 2), (3, 4, 5))),
    "quad": CellKind(9, "quad", 2, 4, 4, ((0, 1, 2), (0, 2, 3))),
    "quad9": CellKind(28, "quad", 2, 4, 9, _AROUND_THE_CENTRE),
    "tetra": CellKind(10, "tetra", 3, 4, 4, (), "triangle", _TETRA_FACES),
    "tetra10": CellKind(24, "tetra", 3, 4, 10, (), "triangle6", _TETRA10_FACES),
    "hexahedron": CellKind(12, "hexahedron", 3, 8, 8, (), "quad", _BRICK_FACES),
}


@dataclass(frozen=True, eq=False)
class Cells:
    """Nodes at which values live, joined to cells of one kind, of the first or the second degree.

    Args:
        nodes: Places `(n, dim)`, in float64.
        connectivity: The nodes of each cell `(m, k)`, in VTK's order.
        kind: A name of `CELL_KINDS`.
        pieces: Name of a boundary piece → the corners of its facets `(facets, j)`, by their numbers among the nodes.
        coordinates: Names of the columns of `nodes`; x, y, z if not said.

    Raises:
        ValueError: If shapes and numbers do not fit together.
    """

    nodes: np.ndarray = field(repr=False)
    connectivity: np.ndarray = field(repr=False)
    kind: str
    pieces: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)
    coordinates: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in CELL_KINDS:
            raise ValueError(f"Cells: the kind {self.kind!r:.40} is not known; known are {', '.join(CELL_KINDS)}")
        known = CELL_KINDS[self.kind]
        nodes, numbers = np.asarray(self.nodes), np.asarray(self.connectivity)
        if nodes.ndim != 2 or nodes.shape[1] != known.dim or nodes.dtype.kind not in "fiu":
            raise ValueError(f"Cells: {self.kind} cells need nodes (n, {known.dim}) of real numbers, got {nodes.shape}")
        if not np.isfinite(nodes).all():
            raise ValueError(f"Cells: node {int(np.argmin(np.isfinite(nodes).all(axis=1)))} is not at a finite place")
        if numbers.ndim != 2 or numbers.shape[1] != known.nodes or not len(numbers):
            raise ValueError(f"Cells: {self.kind} cells are (m, {known.nodes}) with m > 0, got {numbers.shape}")
        checked = {"connectivity": numbers} | {f"piece {k!r}": np.asarray(v) for k, v in self.pieces.items()}
        for what, found in checked.items():
            if found.ndim != 2 or (found.size and found.dtype.kind not in "iu"):
                raise ValueError(f"Cells: {what} must be numbers of nodes in rows, got {found.dtype} {found.shape}")
            if found.size and not (found.min() >= 0 and found.max() < len(nodes)):
                raise ValueError(f"Cells: {what} names a node that is not among the {len(nodes)} nodes")
        object.__setattr__(self, "nodes", np.ascontiguousarray(nodes, np.float64))
        object.__setattr__(self, "connectivity", np.ascontiguousarray(numbers, np.int64))
        kept = {name: np.ascontiguousarray(v, np.int64) for name, v in self.pieces.items()}
        object.__setattr__(self, "pieces", kept)
        names = tuple(self.coordinates) or ("x", "y", "z")[: known.dim]
        if len(set(names)) != known.dim or len(names) != known.dim:
            raise ValueError(f"Cells: the coordinates {names} do not name the {known.dim} columns of the nodes")
        object.__setattr__(self, "coordinates", names)

    @classmethod
    def of(cls, mesh: Mesh, coordinates: tuple[str, ...] = ()) -> Cells:
        """The vertices of a mesh and its cells."""
        return cls(mesh.points, mesh.cells, mesh.kind, mesh.pieces, coordinates)

    @property
    def dim(self) -> int:
        """The dimension of space."""
        return self.nodes.shape[1]

    @property
    def degree(self) -> int:
        """1 where cells have nodes at their corners only, else 2."""
        return 1 if CELL_KINDS[self.kind].linear == self.kind else 2

    def mesh(self) -> Mesh:
        """The mesh of the corners; its points are the corners among the nodes, in their order."""
        known = CELL_KINDS[self.kind]
        corners = self.connectivity[:, : known.corners]
        used = np.unique(corners)
        place = np.full(len(self.nodes), -1)
        place[used] = np.arange(len(used))
        pieces = {name: place[facets] for name, facets in self.pieces.items()}
        return Mesh(self.nodes[used], place[corners], known.linear, pieces)

    def parts(self) -> np.ndarray:
        """What a picture draws, by numbers of nodes: segments of lines `(p, 2)`, else triangles `(p, 3)`.

        A triangle of the second degree makes 4 of them, a quadrilateral 2 or 8; of cells in space they fill the
        boundary and are seen from outside in the positive sense.
        """
        known = CELL_KINDS[self.kind]
        if known.dim < 3:
            return _split(self.connectivity, known)
        face = CELL_KINDS[known.face]
        faces = np.concatenate([self.connectivity[:, nodes] for nodes in known.faces])
        # A face between two cells occurs twice.
        corners = np.sort(faces[:, : face.corners], axis=1)
        _, first, counts = np.unique(corners, axis=0, return_index=True, return_counts=True)
        return _split(faces[np.sort(first[counts == 1])], face)


def _split(connectivity: np.ndarray, kind: CellKind) -> np.ndarray:
    return connectivity[:, kind.parts].reshape(-1, len(kind.parts[0]))
