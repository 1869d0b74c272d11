"""Meshes from files of any format that meshio knows."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pinnlab.meshing.cells import CELL_KINDS
from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.soundness import sound

if TYPE_CHECKING:
    import meshio

# Numbers of groups in the formats that meshio reads: gmsh, Medit, SU2, MED.
TAGS = ("gmsh:physical", "medit:ref", "su2:tag", "cell_tags")
FACET_TYPES = {
    1: {"vertex": 1},
    2: {"line": 2, "line3": 2},
    3: {"triangle": 3, "triangle6": 3},
}
# Middles of edges may be this far from the straight line, as a fraction of the edge.
STRAIGHT = 1e-6
# Coordinates that are dropped may differ by this fraction of the extent.
CONSTANT = 1e-9


def read_mesh(path: str | Path, dim: int, groups: Iterable[str] | None = None) -> Mesh:
    """The mesh in a file, checked by `sound`; its pieces are the file's groups of facets.

    A group is a physical group of gmsh, a set of cells by name, a group of MED, or a number of Medit or SU2; one
    without a name is called by its number.  Cells of the second degree are taken by their corners if their edges are
    straight.

    Args:
        path: A file with a suffix that meshio knows.
        dim: The dimension of space, 1 to 3; further coordinates in the file must be constant.
        groups: The groups that become pieces; all if not said.

    Raises:
        ValueError: If the file is missing, of an unknown or another format, holds no cells of that dimension, cells
            of several kinds or curved ones, or a mesh that is not fit for solving; if a group is not in it.
    """
    path = Path(path)
    content = _content(path)
    try:
        kind, points, cells = _cells(content, dim)
        facets = _groups(content, dim)
        wanted = facets.keys() if groups is None else tuple(groups)
        for name in wanted:
            if name not in facets:
                known = ", ".join(facets) or "none"
                raise ValueError(f"there is no group {name!r} of facets; those of the file are {known}")
        return sound(_flattened(points, dim), cells, kind, {name: facets[name] for name in wanted})
    except ValueError as error:
        raise ValueError(f"mesh {path.name}: {error}") from None


def _content(path: Path) -> meshio.Mesh:
    import meshio

    suffixes = meshio.extension_to_filetypes
    if not any(str(path).lower().endswith(s) for s in suffixes):
        known = ", ".join(sorted(suffixes))
        raise ValueError(f"mesh {path.name}: meshio knows no such format; its suffixes are {known}")
    if not path.is_file():
        raise ValueError(f"mesh {path}: there is no such file")
    with _quiet() as said:
        try:
            return meshio.read(path)
        # Its readers end in whatever a damaged file makes them stumble upon, even in SystemExit.
        except (Exception, SystemExit) as error:
            reason = said.getvalue() if isinstance(error, SystemExit) else f"{type(error).__name__}: {error}"
    words = " ".join(reason.split())[:200] or "no reason given"
    raise ValueError(f"mesh {path.name}: meshio cannot read it as its suffix says ({words}); write it again")


@contextlib.contextmanager
def _quiet() -> Iterator[io.StringIO]:
    """What is printed meanwhile, kept from the terminal."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        yield said


def _cells(content: meshio.Mesh, dim: int) -> tuple[str, np.ndarray, np.ndarray]:
    """The cells of the highest dimension by their corners, their kind, and the points `(n, 3)` or `(n, 2)`."""
    if not content.cells:
        raise ValueError("the file has no cells")
    highest = max(block.dim for block in content.cells)
    blocks = [block for block in content.cells if block.dim == highest and len(block.data)]
    kinds = sorted({block.type for block in blocks})
    if highest != dim:
        raise ValueError(
            f"its cells ({', '.join(kinds)}) have {highest} dimensions, but {dim} coordinates are given; give "
            f"{highest} coordinates or a mesh of dimension {dim}"
        )
    if len(kinds) > 1:
        raise ValueError(f"it mixes cells of the kinds {' and '.join(kinds)}; mesh the region with one kind")
    known = CELL_KINDS.get(kinds[0])
    if known is None or known.linear == "hexahedron":
        raise ValueError(f"cells of kind {kinds[0]!r} cannot be used; mesh with triangles, quads or tetrahedra")
    if any(block.data.ndim != 2 or block.data.shape[1] != known.nodes for block in blocks):
        raise ValueError(f"its cells of kind {kinds[0]!r} lack vertices, so that the file is damaged; write it again")
    cells = np.concatenate([block.data for block in blocks]).astype(np.int64)
    points = np.asarray(content.points, dtype=np.float64)
    if cells.shape[1] > known.corners:
        _refuse_curved(points, cells, kinds[0])
    return known.linear, points, cells[:, : known.corners]


def _refuse_curved(points: np.ndarray, cells: np.ndarray, kind: str) -> None:
    known = CELL_KINDS[kind]
    for j, (a, b) in enumerate(_EDGES[known.linear]):
        ends = points[cells[:, [a, b]]]
        away = np.linalg.norm(points[cells[:, known.corners + j]] - ends.mean(axis=1), axis=1)
        curved = away > STRAIGHT * np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
        if curved.any():
            where = ", ".join(f"{c:.6g}" for c in ends[np.argmax(curved)].mean(axis=0))
            raise ValueError(
                f"its cells of kind {kind!r} are curved, first near ({where}); write the mesh with straight cells "
                "(gmsh: -order 1)"
            )


# Edges in VTK's order of the nodes at their middles.
_EDGES = {
    "line": ((0, 1),),
    "triangle": ((0, 1), (1, 2), (2, 0)),
    "quad": ((0, 1), (1, 2), (2, 3), (3, 0)),
    "tetra": ((0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3)),
}


def _flattened(points: np.ndarray, dim: int) -> np.ndarray:
    """The first `dim` columns; the others say nothing if they are constant."""
    if points.shape[1] < dim:
        raise ValueError(f"its points have {points.shape[1]} coordinates, and {dim} are needed")
    extent = float(np.ptp(points, axis=0).max()) if len(points) else 0.0
    spread = np.ptp(points[:, dim:], axis=0) if len(points) else np.zeros(0)
    if (spread > CONSTANT * extent).any():
        column = dim + int(np.argmax(spread > CONSTANT * extent))
        raise ValueError(
            f"its {'xyz'[column]} is not constant, so that it is no mesh of dimension {dim}; write it flat in the "
            f"first {dim} coordinates"
        )
    return points[:, :dim]


def _groups(content: meshio.Mesh, dim: int) -> dict[str, np.ndarray]:
    """Name of each group → its facets by their corners."""
    corners = FACET_TYPES[dim]
    blocks = [(i, b.data[:, : corners[b.type]]) for i, b in enumerate(content.cells) if b.type in corners]
    found: dict[str, list[np.ndarray]] = {}
    named = {name: rows for name, rows in content.cell_sets.items() if not name.startswith("gmsh:")}
    for name, chosen in named.items():
        for i, facets in blocks:
            if chosen[i] is not None and len(chosen[i]):
                found.setdefault(name, []).append(facets[np.asarray(chosen[i], dtype=np.int64)])
    names = {int(tag): [name] for name, (tag, of) in content.field_data.items() if int(of) == dim - 1}
    # The families of MED belong to any number of groups.
    names |= {int(tag): list(own) for tag, own in vars(content).get("cell_tags", {}).items()}
    numbered: dict[str, list[np.ndarray]] = {}
    for key in (k for k in TAGS if k in content.cell_data):
        for i, facets in blocks:
            tags = np.asarray(content.cell_data[key][i])
            # Zero says: in no group.
            for tag in np.unique(tags[tags != 0]).astype(int):
                for name in names.get(int(tag), [str(tag)]):
                    numbered.setdefault(name, []).append(facets[tags == tag])
    # gmsh 4.1 gives numbers to all groups and sets only to those with a name.
    return {name: np.concatenate(parts).astype(np.int64) for name, parts in (numbered | found).items()}
