"""Measures of a mesh: volumes of cells, angles, facets on the boundary."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from pinnlab.meshing.mesh import Mesh

# Simplices that make up a cell, by the places of their vertices.
SIMPLICES = {
    "line": ((0, 1),),
    "triangle": ((0, 1, 2),),
    "quad": ((0, 1, 2), (0, 2, 3)),
    "tetra": ((0, 1, 2, 3),),
}
# Facets of a cell, by the places of their vertices; those of cells with positive volume turn outwards.
FACETS = {
    "line": ((0,), (1,)),
    "triangle": ((0, 1), (1, 2), (2, 0)),
    "quad": ((0, 1), (1, 2), (2, 3), (3, 0)),
    "tetra": ((0, 2, 1), (0, 1, 3), (1, 2, 3), (0, 3, 2)),
}


def simplex_volumes(corners: np.ndarray) -> np.ndarray:
    """Signed volumes `(m,)` of simplices with `corners (m, dim + 1, dim)`."""
    return np.asarray(np.linalg.det(corners[:, 1:] - corners[:, :1])) / math.factorial(corners.shape[2])


def simplices(mesh: Mesh) -> np.ndarray:
    """The mesh's cells cut into simplices `(m · parts, dim + 1)`; those of one cell follow one another."""
    parts = np.array(SIMPLICES[mesh.kind])
    return mesh.cells[:, parts].reshape(-1, parts.shape[1])


def volumes(mesh: Mesh) -> np.ndarray:
    """Signed volumes `(m,)` of the cells: lengths, areas or volumes, positive if vertices are in VTK's order."""
    own = simplex_volumes(mesh.points[simplices(mesh)])
    return np.asarray(own.reshape(len(mesh.cells), -1).sum(axis=1))


def smallest_angle(mesh: Mesh) -> float:
    """The smallest of all `angles`, in degrees."""
    return float(np.degrees(angles(mesh).min()))


def angles(mesh: Mesh) -> np.ndarray:
    """The angles of each cell `(m, k)` in radians: at its vertices in the plane, between its faces in space.

    Raises:
        ValueError: For lines, which have none.
    """
    corners = mesh.points[mesh.cells]
    if mesh.kind in ("triangle", "quad"):
        ahead, behind = np.roll(corners, -1, axis=1) - corners, np.roll(corners, 1, axis=1) - corners
        cross = ahead[..., 0] * behind[..., 1] - ahead[..., 1] * behind[..., 0]
        return np.asarray(np.arctan2(np.abs(cross), np.sum(ahead * behind, axis=2)))
    if mesh.kind != "tetra":
        raise ValueError(f"mesh: cells of kind {mesh.kind!r} have no angles")
    normals = []
    for facet in FACETS["tetra"]:
        a, b, c = (corners[:, i] for i in facet)
        n = np.cross(b - a, c - a)
        normals.append(n / np.linalg.norm(n, axis=1, keepdims=True))
    cosines = [-np.sum(p * q, axis=1) for p, q in itertools.combinations(normals, 2)]
    return np.arccos(np.clip(np.stack(cosines, axis=1), -1.0, 1.0))


@dataclass(frozen=True, eq=False)
class Facets:
    """The facets of a mesh, each once.

    Attributes:
        vertices: `(f, j)`, in the order of the first cell that has the facet: seen from there it turns outwards.
        count: How many cells share each, `(f,)`: 1 on the boundary, 2 inside.
        first: A cell that has the facet, `(f,)`.
        second: The other such cell, or -1.
    """

    vertices: np.ndarray
    count: np.ndarray
    first: np.ndarray
    second: np.ndarray

    @classmethod
    def of(cls, mesh: Mesh) -> Facets:
        """The facets of a mesh in the plane, on a line or in space."""
        places = np.array(FACETS[mesh.kind])
        every = mesh.cells[:, places].reshape(-1, places.shape[1])
        keys = facet_keys(every, len(mesh.points))
        order = np.argsort(keys, kind="stable")
        _, start, count = np.unique(keys[order], return_index=True, return_counts=True)
        owner = np.arange(len(every)) // len(places)
        first = order[start]
        second = np.where(count > 1, owner[order[np.minimum(start + 1, len(order) - 1)]], -1)
        return cls(every[first], count, owner[first], second)

    @property
    def boundary(self) -> np.ndarray:
        """The facets `(b, j)` that only one cell has, in an order that turns outwards."""
        return self.vertices[self.count == 1]


def facet_keys(facets: np.ndarray, vertices: int) -> np.ndarray:
    """One number `(f,)` per facet `(f, j)`, the same for every order of its vertices.

    Raises:
        ValueError: If the mesh has so many vertices that the numbers do not fit into 64 bits.
    """
    width = facets.shape[1]
    if float(vertices) ** width >= 2.0**63:
        raise ValueError(f"mesh: {vertices} vertices are too many for facets of {width} vertices")
    ordered = np.sort(facets, axis=1)
    key = ordered[:, 0].astype(np.int64)
    for column in range(1, width):
        key = key * vertices + ordered[:, column]
    return key


def facet_normals(mesh: Mesh, facets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit normals `(f, dim)` and areas `(f,)` of facets that turn outwards (lengths in the plane, 1 on a line)."""
    corners = mesh.points[facets]
    if mesh.dim == 1:
        middle = 0.5 * (mesh.points[:, 0].min() + mesh.points[:, 0].max())
        return np.sign(corners[:, 0] - middle), np.ones(len(facets))
    if mesh.dim == 2:
        along = corners[:, 1] - corners[:, 0]
        normals = np.stack([along[:, 1], -along[:, 0]], axis=1)
    else:
        normals = 0.5 * np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(normals, axis=1)
    return normals / areas[:, None], areas
