"""Uniform refinement: every cell is split into 2, 4 or 8 by the middles of its edges."""

from __future__ import annotations

import itertools
import math

import numpy as np

from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.quality import facet_keys, simplex_volumes
from pinnlab.meshing.structured import MAX_VERTICES, check_size

EDGES = {
    "line": ((0, 1),),
    "triangle": ((0, 1), (1, 2), (2, 0)),
    "quad": ((0, 1), (1, 2), (2, 3), (3, 0)),
    "tetra": ((0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3)),
}
# Roughly, in fine meshes.
CELLS_PER_VERTEX = {"line": 1, "triangle": 2, "quad": 1, "tetra": 6}
# The smaller cells, by the places of their vertices among the corners, then the middles of edges, then the centre.
_CHILDREN = {
    "line": ((0, 2), (2, 1)),
    "triangle": ((0, 3, 5), (3, 1, 4), (5, 4, 2), (3, 4, 5)),
    "quad": ((0, 4, 8, 7), (4, 1, 5, 8), (8, 5, 2, 6), (7, 8, 6, 3)),
    "tetra": ((0, 4, 6, 7), (4, 1, 5, 8), (6, 5, 2, 9), (7, 8, 9, 3)),
}
# Inside a tetrahedron an octahedron is left: its three diagonals, and the ring of middles around each.
_DIAGONALS = ((4, 9), (5, 7), (6, 8))
_RINGS = ((5, 6, 7, 8), (4, 6, 9, 8), (4, 5, 9, 7))
_HALVES = {1: ((0,),), 2: ((0, 2), (2, 1)), 3: ((0, 3, 5), (3, 1, 4), (5, 4, 2), (3, 4, 5))}


def longest_edge(mesh: Mesh) -> float:
    """The length of the longest of all edges of all cells."""
    return max(
        float(np.linalg.norm(mesh.points[mesh.cells[:, a]] - mesh.points[mesh.cells[:, b]], axis=1).max())
        for a, b in EDGES[mesh.kind]
    )


def refined_to(mesh: Mesh, size: float) -> Mesh:
    """The mesh, refined as a whole until no edge is longer than `size`.

    Raises:
        ValueError: If the size is not positive, or asks for more than 20 million vertices.
    """
    check_size(size)
    wanted = size * (1 + 1e-9)
    while (longest := longest_edge(mesh)) > wanted:
        # A refinement halves edges at best.
        doublings = mesh.dim * math.ceil(math.log2(longest / wanted)) + math.log2(len(mesh.cells))
        if doublings > math.log2(MAX_VERTICES * CELLS_PER_VERTEX[mesh.kind]):
            raise ValueError(f"mesh: size {size:g} asks for over {MAX_VERTICES} vertices; take a larger size")
        mesh = refined(mesh)
    return mesh


def refined(mesh: Mesh) -> Mesh:
    """Every line in 2, every triangle and quadrilateral in 4, every tetrahedron in 8; pieces follow.

    Vertices keep their numbers.  Triangles are similar to the one they come from.  Of the three ways to cut the
    octahedron inside a tetrahedron that along its shortest diagonal is taken, which keeps the angles of repeated
    refinements away from zero [1].

    [1] S. Zhang, Successive subdivisions of tetrahedra and multigrid methods on tetrahedral meshes, Houston Journal of
    Mathematics, 1995.
    """
    n = len(mesh.points)
    places = np.array(EDGES[mesh.kind])
    every = np.sort(mesh.cells[:, places].reshape(-1, 2), axis=1)
    keys, first, number = np.unique(facet_keys(every, n), return_index=True, return_inverse=True)
    points = [mesh.points, mesh.points[every[first]].mean(axis=1)]
    nodes = [mesh.cells, n + number.reshape(-1, len(places))]
    if mesh.kind == "quad":
        points.append(mesh.points[mesh.cells].mean(axis=1))
        nodes.append((n + len(keys) + np.arange(len(mesh.cells)))[:, None])
    vertices, members = np.concatenate(points), np.concatenate(nodes, axis=1)
    children = [members[:, np.array(_CHILDREN[mesh.kind])]]
    if mesh.kind == "tetra":
        children.append(_octahedra(vertices, members))
    cells = np.concatenate(children, axis=1).reshape(-1, mesh.cells.shape[1])
    pieces = {name: _refined_facets(facets, keys, n) for name, facets in mesh.pieces.items()}
    return Mesh(vertices, cells, mesh.kind, pieces)


def _octahedra(points: np.ndarray, members: np.ndarray) -> np.ndarray:
    """The four tetrahedra `(m, 4, 4)` around the shortest diagonal of each inner octahedron."""
    ends = points[members[:, np.array(_DIAGONALS)]]
    shortest = np.linalg.norm(ends[:, :, 1] - ends[:, :, 0], axis=2).argmin(axis=1)
    parts = np.array([[(*d, a, b) for a, b in _around(ring)] for d, ring in zip(_DIAGONALS, _RINGS, strict=True)])
    cells = np.take_along_axis(members, parts[shortest].reshape(len(members), 16), axis=1).reshape(-1, 4)
    turned = simplex_volumes(points[cells]) < 0
    cells[turned, 2:] = cells[turned, :1:-1]
    return cells.reshape(-1, 4, 4)


def _around(ring: tuple[int, ...]) -> list[tuple[int, int]]:
    return [*itertools.pairwise(ring), (ring[-1], ring[0])]


def _refined_facets(facets: np.ndarray, keys: np.ndarray, n: int) -> np.ndarray:
    """The parts of facets, which turn the same way."""
    corners = facets.shape[1]
    if corners == 1 or not len(facets):
        return facets
    pairs = np.array([(0, 1)] if corners == 2 else [(0, 1), (1, 2), (2, 0)])
    middles = n + np.searchsorted(keys, facet_keys(facets[:, pairs].reshape(-1, 2), n)).reshape(len(facets), -1)
    members = np.concatenate([facets, middles], axis=1)
    return members[:, np.array(_HALVES[corners])].reshape(-1, corners)
