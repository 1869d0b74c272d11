"""Tetrahedra that fill a ball."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.quality import Facets
from pinnlab.meshing.refine import longest_edge, refined
from pinnlab.meshing.structured import check_size, oriented

MOST_REFINEMENTS = 7


def ball_mesh(centre: np.ndarray, radius: float, size: float, piece: str) -> Mesh:
    """Eight tetrahedra around the centre, split into eight each until no edge is longer than `size`.

    Vertices of the boundary lie on the sphere.

    Raises:
        ValueError: If the size is not positive, or asks for more than 16 million tetrahedra.
    """
    check_size(size)
    mesh = _octahedron(piece)
    for _ in range(MOST_REFINEMENTS):
        if radius * longest_edge(mesh) <= size:
            return replace(mesh, points=centre + radius * mesh.points)
        finer = refined(mesh)
        points, outer = finer.points.copy(), np.unique(finer.pieces[piece])
        points[outer] /= np.linalg.norm(points[outer], axis=1)[:, None]
        mesh = replace(finer, points=points)
    raise ValueError(f"mesh: size {size:g} asks for over {8 ** (MOST_REFINEMENTS + 1):,} tetrahedra; take a larger one")


def _octahedron(piece: str) -> Mesh:
    points = np.concatenate([np.zeros((1, 3)), np.eye(3), -np.eye(3)])
    cells = np.array([[0, x, y, z] for x in (1, 4) for y in (2, 5) for z in (3, 6)])
    mesh = Mesh(points, oriented(points, cells), "tetra")
    return replace(mesh, pieces={piece: Facets.of(mesh).boundary})
