"""Meshes of boxes: a grid whose cells are split into simplices, mirrored so that every corner is cut."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from pinnlab.meshing.mesh import Mesh

KIND = {1: "line", 2: "triangle", 3: "tetra"}
# More vertices than this fill the memory before any equation is assembled.
MAX_VERTICES = 20_000_000


def box_mesh(lower: np.ndarray, upper: np.ndarray, size: float, sides: Sequence[tuple[str, str] | None]) -> Mesh:
    """Simplices on a box of one to three dimensions; no edge, diagonals included, is longer than `size`.

    Each cell of a grid is cut along the paths from one of its corners to the opposite one [1], and that corner is the
    one that is nearest to a corner of the box.  So the mesh has the mirror symmetries of the box, and no simplex has
    all its vertices on the boundary unless the grid has a single cell along some axis, on which the Taylor–Hood
    elements for incompressible flow rely.  Opposite sides carry the same mesh, as a periodic axis needs.

    Args:
        lower: Lower corner `(dim,)`.
        upper: Upper corner `(dim,)`.
        size: Longest edge, > 0.
        sides: For each axis the names of its lower and upper side, or None where the boundary is not a piece.

    Raises:
        ValueError: If `size` is not positive and finite, or asks for more than 20 million vertices.

    [1] H. W. Kuhn, Some combinatorial lemmas in topology, IBM Journal of Research and Development, 1960.
    """
    dim = len(lower)
    check_size(size)
    counts = [max(1, math.ceil(length * math.sqrt(dim) / size - 1e-9)) for length in upper - lower]
    if math.prod(n + 1 for n in counts) > MAX_VERTICES:
        raise ValueError(f"mesh: size {size:g} asks for {'×'.join(map(str, counts))} cells; take a larger size")
    axes = [np.linspace(a, b, n + 1) for a, b, n in zip(lower, upper, counts, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, dim)
    cells = oriented(points, _kuhn_cells(counts))
    pieces = {}
    for axis, names in enumerate(sides):
        for name, position in zip(names or (), (0, counts[axis]), strict=False):
            pieces[name] = _side_facets(counts, axis, position)
    return Mesh(points, cells, KIND[dim], pieces)


def check_size(size: float) -> None:
    """Raise ValueError unless the size of a mesh is a positive finite number."""
    if not (math.isfinite(size) and size > 0):
        raise ValueError(f"mesh: the size must be a positive number, got {size!r}")


def _kuhn_cells(counts: Sequence[int]) -> np.ndarray:
    """The simplices `(m, dim + 1)` of a grid, by the numbers of its vertices in C order."""
    dim = len(counts)
    shape = tuple(n + 1 for n in counts)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in counts), indexing="ij"), axis=-1).reshape(-1, dim)
    flipped = index >= (np.array(counts) + 1) // 2
    simplices = []
    for order in itertools.permutations(range(dim)):
        offset = np.zeros((len(index), dim), dtype=np.int64)
        path = []
        for axis in (None, *order):
            if axis is not None:
                offset = offset.copy()
                offset[:, axis] = 1
            corner = index + np.where(flipped, 1 - offset, offset)
            path.append(np.ravel_multi_index(tuple(corner.T), shape))
        simplices.append(np.stack(path, axis=1))
    return np.stack(simplices, axis=1).reshape(-1, dim + 1)


def _side_facets(counts: Sequence[int], axis: int, position: int) -> np.ndarray:
    """The facets `(m, dim)` of one side: the simplices of its own grid, numbered as in the whole one."""
    shape = tuple(n + 1 for n in counts)
    rest = [n for i, n in enumerate(counts) if i != axis]
    numbers = np.take(np.arange(math.prod(shape)).reshape(shape), position, axis=axis).ravel()
    return numbers[_kuhn_cells(rest)] if rest else numbers.reshape(1, 1)


def oriented(points: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """The cells with two vertices exchanged where their volume would be negative."""
    edges = points[cells[:, 1:]] - points[cells[:, :1]]
    negative = np.linalg.det(edges) < 0
    cells = cells.copy()
    cells[negative, -2:] = cells[negative, -1:-3:-1]
    return cells
