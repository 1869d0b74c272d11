"""Meshes to files that gmsh, ParaView (through meshio) and `MeshDomain` read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pinnlab.meshing.mesh import KINDS, Mesh

FACET_KINDS = {1: "vertex", 2: "line", 3: "triangle", 4: "quad"}
# The physical group of all cells.
REGION = "region"


def write_gmsh(path: str | Path, mesh: Mesh) -> None:
    """Write a mesh as gmsh's text format 2.2; each piece of its boundary is a physical group of that name.

    Coordinates have 17 digits, so that reading gives the same numbers.  All cells are in the group "region".

    Raises:
        ValueError: If a piece is called "region", or its name holds a quotation mark or a line break.
    """
    import meshio

    for name in mesh.pieces:
        if name == REGION or not name.isprintable() or '"' in name:
            raise ValueError(f"a piece cannot be called {name!r} in a gmsh file; choose another name")
    dim = KINDS[mesh.kind][1]
    # Pieces of one kind of facet follow one another as blocks of their own.
    blocks = [(FACET_KINDS[facets.shape[1]], facets) for facets in mesh.pieces.values() if len(facets)]
    tags = [np.full(len(f), i + 1) for i, f in enumerate(mesh.pieces.values()) if len(f)]
    groups = {name: np.array([i + 1, dim - 1]) for i, name in enumerate(mesh.pieces)}
    blocks.append((mesh.kind, mesh.cells))
    tags.append(np.full(len(mesh.cells), len(groups) + 1))
    groups[REGION] = np.array([len(groups) + 1, dim])
    points = np.zeros((len(mesh.points), 3))
    points[:, : mesh.dim] = mesh.points
    data = {"gmsh:physical": tags, "gmsh:geometrical": tags}
    whole = meshio.Mesh(points, blocks, cell_data=data, field_data=groups)
    meshio.gmsh.write(str(path), whole, fmt_version="2.2", binary=False, float_fmt=".17g")
