"""Solids from plane meshes: every triangle becomes a column of prisms, every prism three tetrahedra."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.quality import simplex_volumes
from pinnlab.meshing.soundness import outward


def extruded(mesh: Mesh, heights: Sequence[float] | np.ndarray, lower: str, upper: str) -> Mesh:
    """The solid above a plane mesh, in layers between heights, of tetrahedra.

    The prism over a triangle with vertices a < b < c, and a', b', c' above them, is cut into abcc', abb'c' and aa'b'c'.
    Each side over an edge is cut from its lower end with the smaller number, whichever prism one looks from, so that
    neighbouring prisms fit together [1].

    Args:
        mesh: Triangles; the pieces of its boundary become walls of the same names, their facets turned outwards.
        heights: The third coordinates of the layers' limits, at least two, increasing.
        lower: The piece at the least height; it may be that of a wall.
        upper: The piece at the greatest height.

    Raises:
        ValueError: If the cells are not triangles, or the heights do not increase.

    [1] J. Dompierre, P. Labbé, M.-G. Vallet, R. Camarero, How to subdivide pyramids, prisms, and hexahedra into
    tetrahedra, 8th International Meshing Roundtable, 1999.
    """
    z = np.asarray(heights, dtype=np.float64)
    if mesh.kind != "triangle":
        raise ValueError(f"extruded: a mesh of triangles is needed, not one of kind {mesh.kind!r}")
    if z.ndim != 1 or len(z) < 2 or not (np.diff(z) > 0).all():
        raise ValueError(f"extruded: the heights must be two or more increasing numbers, got {heights!r}")
    n, layers = len(mesh.points), len(z) - 1
    plane = np.tile(mesh.points, (len(z), 1))
    points = np.column_stack([plane, np.repeat(z, n)])
    a, b, c = np.sort(mesh.cells, axis=1).T
    prism = np.array([[a, b, c, c + n], [a, b, b + n, c + n], [a, a + n, b + n, c + n]])
    cells = _raised(prism.transpose(2, 0, 1).reshape(-1, 4), n, layers)
    turned = simplex_volumes(points[cells]) < 0
    cells[turned, 2:] = cells[turned, :1:-1]
    walls: dict[str, list[np.ndarray]] = {}
    for name, edges in mesh.pieces.items():
        a, b = np.sort(edges, axis=1).T
        wall = np.array([[a, b, b + n], [a, b + n, a + n]])
        walls.setdefault(name, []).append(_raised(wall.transpose(2, 0, 1).reshape(-1, 3), n, layers))
    walls.setdefault(lower, []).append(mesh.cells)
    walls.setdefault(upper, []).append(mesh.cells + layers * n)
    return outward(Mesh(points, cells, "tetra", {name: np.concatenate(parts) for name, parts in walls.items()}))


def _raised(rows: np.ndarray, n: int, layers: int) -> np.ndarray:
    """Rows of vertices of the lowest layer, and the same in all the others."""
    return np.concatenate([rows + k * n for k in range(layers)])
