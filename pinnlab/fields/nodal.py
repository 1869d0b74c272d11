"""Values at the nodes of a mesh: what files and pictures take where there is no tensor grid."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pinnlab.domain.box import Box
from pinnlab.field import Field, Grid
from pinnlab.fields.mesh import MeshField
from pinnlab.meshing.cells import Cells
from pinnlab.problem import Problem

# Cells along the longest extent of a region that nobody has meshed, by its dimension.
CELLS = {1: 400, 2: 80, 3: 20}
_CHUNK = 1 << 24


@dataclass(frozen=True)
class Nodal:
    """Values at the nodes of a mesh.

    Attributes:
        cells: Where the nodes are and how they are joined.
        times: `(nt,)`; empty if steady.
        values: Name of an unknown → `(nt, n)`, or `(n,)` if steady.
    """

    cells: Cells = field(repr=False)
    times: np.ndarray
    values: dict[str, np.ndarray] = field(repr=False)

    def grid(self, time: str | None) -> Grid:
        """The same values on the axes time and x, of nodes along a line.

        Args:
            time: The name of time; None if steady.
        """
        order = np.argsort(self.cells.nodes[:, 0])
        axes = {} if time is None else {time: self.times}
        axes[self.cells.coordinates[0]] = self.cells.nodes[order, 0]
        return Grid(axes, {name: v[..., order] for name, v in self.values.items()})


def nodal(u: Field, times: np.ndarray, cells: Cells | None = None) -> Nodal:
    """A field at nodes.

    Args:
        u: The field.
        times: `(nt,)`; empty if steady.
        cells: The nodes; if not said, those of a finite-element field, and else the vertices of a mesh of the region.

    Raises:
        UnsupportedProblem: If the region cannot be meshed.
    """
    places = cells_of(u) if cells is None else cells
    names = u.problem.names
    if u.problem.time is None:
        return Nodal(places, times, dict(zip(names, u.at(times, places.nodes), strict=True)))
    # Of many times some at once, since a field may need much more memory than its values take.
    together = max(1, _CHUNK // len(places.nodes))
    parts = [u.at(times[i : i + together], places.nodes) for i in range(0, len(times), together)]
    return Nodal(places, times, dict(zip(names, np.concatenate(parts, axis=1), strict=True)))


def cells_of(u: Field) -> Cells:
    """The nodes of a finite-element field, of its highest degree; of another, the vertices of a mesh of its region.

    Raises:
        UnsupportedProblem: If the region cannot be meshed.
    """
    names = tuple(c.name for c in u.problem.space)
    if not isinstance(u, MeshField):
        return Cells.of(u.problem.region.mesh(mesh_size(u.problem)), names)
    space = max(u.spaces, key=lambda s: s.degree)
    return Cells(space.nodes, space.connectivity, space.cell_type, space.mesh.pieces, names)


def mesh_size(problem: Problem) -> float:
    """The length of the cells with which a region is drawn and stored where no solver has meshed it."""
    points = problem.region.sample(2000, np.random.default_rng(0))
    return float(np.ptp(points, axis=0).max()) / CELLS[points.shape[1]]


def has_mesh(u: Field) -> bool:
    """Whether a field is stored on a mesh: it comes from finite elements, or its region is no box."""
    return isinstance(u, MeshField) or not isinstance(u.problem.region, Box)
