"""Which points lie in a mesh, and in which of its simplices."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy  # its submodules load when they are first used

from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.quality import simplices

# Barycentric coordinates may be this much below zero, so that the boundary belongs to the mesh.
CLOSED = 1e-9
# So many cells with the nearest centres are tried before all whose reach is far enough.
NEAREST = 6
_CHUNK = 1 << 15


@dataclass(frozen=True, eq=False)
class Membership:
    """Simplices, and search trees over the centres of those of nearly one size.

    Attributes:
        corners: The first corner of each simplex, `(k, dim)`.
        inverses: What takes a vector from there to barycentric coordinates, `(k, dim, dim)`.
        nearest: A tree over all centres.
        levels: For each size a tree over the centres, the numbers of its simplices and their reach from the centre.
    """

    corners: np.ndarray
    inverses: np.ndarray
    nearest: scipy.spatial.cKDTree
    levels: tuple[tuple[scipy.spatial.cKDTree, np.ndarray, float], ...]

    @classmethod
    def of(cls, mesh: Mesh) -> Membership:
        """The simplices that the mesh's cells consist of."""
        places = mesh.points[simplices(mesh)]
        centres = places.mean(axis=1)
        reach = np.linalg.norm(places - centres[:, None], axis=2).max(axis=1) * (1 + 1e-6)
        # A factor of two between levels bounds how many simplices are near enough to be tried.
        level = np.floor(np.log2(reach / reach.max())).astype(int)
        levels = []
        for k in np.unique(level):
            own = np.flatnonzero(level == k)
            levels.append((scipy.spatial.cKDTree(centres[own]), own, float(reach[own].max())))
        inverses = np.linalg.inv((places[:, 1:] - places[:, :1]).transpose(0, 2, 1))
        return cls(places[:, 0], inverses, scipy.spatial.cKDTree(centres), tuple(levels))

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Whether each of `points (n, dim)` lies in the closed mesh."""
        return self.holders(points) >= 0

    def holders(self, points: np.ndarray) -> np.ndarray:
        """The number of a simplex that holds each of `points (n, dim)`, or -1, as `(n,)`."""
        points = np.asarray(points, dtype=np.float64)
        chunks = np.array_split(points, max(1, math.ceil(len(points) / _CHUNK)))
        return np.concatenate([self._chunk(p) for p in chunks])

    def _chunk(self, points: np.ndarray) -> np.ndarray:
        found = np.full(len(points), -1)
        left = np.flatnonzero(np.isfinite(points).all(axis=1))
        if len(left):
            # The bound spares a long search for points that are far outside.
            farthest = max(reach for *_, reach in self.levels)
            cells = self.nearest.query(points[left], range(1, NEAREST + 1), distance_upper_bound=farthest)[1]
            row, column = np.nonzero(cells < len(self.corners))
            inside = self._within(points[left[row]], cells[row, column])
            found[left[row[inside]]] = cells[row, column][inside]
        for tree, own, reach in self.levels:
            left = left[found[left] < 0]
            if not len(left):
                break
            near = tree.query_ball_point(points[left], reach)
            which = np.repeat(left, [len(n) for n in near])
            if len(which):
                cells = own[np.concatenate(near).astype(np.int64)]
                inside = self._within(points[which], cells)
                found[which[inside]] = cells[inside]
        return found

    def _within(self, points: np.ndarray, cells: np.ndarray) -> np.ndarray:
        """Whether each of `points (q, dim)` lies in the simplex with the number in `cells (q,)`."""
        local = np.einsum("qij,qj->qi", self.inverses[cells], points - self.corners[cells])
        return np.asarray((local >= -CLOSED).all(axis=1) & (local.sum(axis=1) <= 1 + CLOSED))
