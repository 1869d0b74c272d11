"""Meshes of combined solids, by gmsh where it is installed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pinnlab.domain.shape import Shape
from pinnlab.errors import UnsupportedProblem
from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.quality import Facets
from pinnlab.meshing.structured import check_size, oriented
from pinnlab.meshing.surfaces import Surface

TETRAHEDRON = 4
# Elements around a full circle, at least.
AROUND = 12


def solid_mesh(shape: Shape, size: float) -> Mesh:
    """Tetrahedra that fill a solid; each facet of the boundary belongs to the piece whose surface is nearest.

    Raises:
        UnsupportedProblem: If gmsh is not installed or cannot be loaded.
        ValueError: If the size is not positive.
    """
    check_size(size)
    points, cells = _tetrahedra(_gmsh(shape), shape, size)
    mesh = Mesh(points, oriented(points, cells), "tetra")
    boundary = Facets.of(mesh).boundary
    surfaces = [p for p in shape.parts if isinstance(p, Surface)]
    # The vertices of a facet lie on its surface, and its centre nearly.
    corners = mesh.points[boundary]
    off = [np.max([s.distance(corners[:, k]) for k in range(3)], axis=0) for s in surfaces]
    nearest = np.argmin(off, axis=0)
    named = np.array([s.piece for s in surfaces])[nearest]
    return Mesh(
        mesh.points, mesh.cells, "tetra", {name: boundary[named == name] for name in dict.fromkeys(named.tolist())}
    )


def _gmsh(shape: Shape) -> Any:
    try:
        import gmsh
    except (ImportError, OSError) as error:
        raise UnsupportedProblem(
            f"{shape} in space is meshed by gmsh, which cannot be loaded ({error}); pip install 'pinnlab-pde[gmsh]', "
            "or make the mesh elsewhere and give MeshDomain(file)"
        ) from None
    return gmsh


def _tetrahedra(gmsh: Any, shape: Shape, size: float) -> tuple[np.ndarray, np.ndarray]:
    gmsh.initialize(interruptible=False)
    try:
        gmsh.option.setNumber("General.Verbosity", 0)
        gmsh.model.add("pinnlab")
        shape.solid(gmsh.model.occ)
        gmsh.model.occ.synchronize()
        gmsh.option.setNumber("Mesh.MeshSizeMax", size)
        # In proportion to the fineness, so that small balls are refined with the rest.
        around = max(AROUND, math.ceil(1.5 * shape.extent / size))
        gmsh.option.setNumber("Mesh.MeshSizeFromCurvature", around)
        gmsh.model.mesh.generate(3)
        tags, flat, _ = gmsh.model.mesh.getNodes()
        _, vertices = gmsh.model.mesh.getElementsByType(TETRAHEDRON)
    finally:
        gmsh.finalize()
    number = np.zeros(int(tags.max()) + 1, dtype=np.int64)
    number[tags.astype(np.int64)] = np.arange(len(tags))
    cells = number[np.asarray(vertices, dtype=np.int64).reshape(-1, 4)]
    used, renumbered = np.unique(cells, return_inverse=True)
    return flat.reshape(-1, 3)[used], renumbered.reshape(-1, 4)
