"""A mesh: vertices, cells of one kind, and named parts of its boundary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

# Vertices of a cell, and its dimension; names as in meshio.
KINDS = {"line": (2, 1), "triangle": (3, 2), "quad": (4, 2), "tetra": (4, 3), "hexahedron": (8, 3)}


@dataclass(frozen=True, eq=False)
class Mesh:
    """Straight-sided cells of one kind that fill a region.

    Attributes:
        points: Vertices `(n, dim)`, in float64.
        cells: Indices of the vertices of each cell `(m, k)`, in VTK's order.
        kind: "line", "triangle", "quad", "tetra" or "hexahedron".
        pieces: Name of a boundary piece → its facets, each by its vertices, `(facets, j)`: j = 1 for lines, 2 in the
            plane, 3 or 4 in space.

    Raises:
        ValueError: If shapes and indices do not fit together.
    """

    points: np.ndarray = field(repr=False)
    cells: np.ndarray = field(repr=False)
    kind: str
    pieces: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"Mesh: cells of kind {self.kind!r}; known are {', '.join(KINDS)}")
        vertices, dim = KINDS[self.kind]
        set_ = lambda key, value: object.__setattr__(self, key, value)  # noqa: E731
        set_("points", np.ascontiguousarray(self.points, dtype=np.float64))
        set_("cells", np.ascontiguousarray(self.cells, dtype=np.int64))
        set_("pieces", {name: np.ascontiguousarray(f, dtype=np.int64) for name, f in self.pieces.items()})
        if self.points.ndim != 2 or self.points.shape[1] != dim:
            raise ValueError(f"Mesh: {self.kind} cells need points (n, {dim}), got {self.points.shape}")
        if self.cells.ndim != 2 or self.cells.shape[1] != vertices or not len(self.cells):
            raise ValueError(f"Mesh: {self.kind} cells are (m, {vertices}) with m > 0, got {self.cells.shape}")
        if not np.isfinite(self.points).all():
            raise ValueError("Mesh: a vertex has a coordinate that is not finite")
        for name, indices in {"cells": self.cells, **self.pieces}.items():
            if indices.size and not (indices.min() >= 0 and indices.max() < len(self.points)):
                raise ValueError(f"Mesh: {name} name a vertex that is not among the {len(self.points)} points")

    @property
    def dim(self) -> int:
        """The dimension of space."""
        return self.points.shape[1]

    @property
    def size(self) -> float:
        """The longest edge between neighbouring vertices of a cell."""
        return float(self.edge_lengths.max())

    @property
    def edge_lengths(self) -> np.ndarray:
        """Distance of every vertex of a cell from the next one in the cell's list, `(m, k)`."""
        corners = self.points[self.cells]
        return np.asarray(np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2))
