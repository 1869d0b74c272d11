"""Where files keep the values of a field: the nodes of a grid or of a mesh."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pinnlab.domain.box import Box
from pinnlab.field import Field, Grid, file_order, intervals
from pinnlab.fields.nodal import Nodal, cells_of, has_mesh, nodal
from pinnlab.meshing.cells import Cells
from pinnlab.problem import Problem

# Nodes per axis of exported grids: time first, then per axis of space for one, two and three dimensions.
TIME_NODES = 101
SPACE_NODES = {0: 0, 1: 401, 2: 129, 3: 65}
# Relative to the interval of time.
ROUNDING = 1e-9


class Places(abc.ABC):
    """Nodes at which every field of one problem can be asked for its values."""

    @abc.abstractmethod
    def of(self, u: Field) -> Grid | Nodal:
        """The values of a field there."""


@dataclass(frozen=True)
class GridPlaces(Places):
    """The nodes of a tensor grid.

    Attributes:
        axes: One array per coordinate, in the order of coordinates.
    """

    axes: tuple[np.ndarray, ...] = field(repr=False)

    def of(self, u: Field) -> Grid:
        """The values on the grid."""
        return u.on_axes(self.axes)


@dataclass(frozen=True)
class MeshPlaces(Places):
    """The nodes of a mesh at some times.

    Attributes:
        cells: Where the nodes are.
        times: `(nt,)`; empty if steady.
    """

    cells: Cells = field(repr=False)
    times: np.ndarray = field(repr=False)

    def of(self, u: Field) -> Nodal:
        """The values at the nodes."""
        return nodal(u, self.times, self.cells)


def places_of(u: Field, shape: Sequence[int] | None = None) -> Places:
    """Where a file keeps the values of a field, up to the last time that it reached.

    Finite elements are kept at their nodes, and any field on a region that is no box at those of a mesh of it; else, or
    if a shape is given, an equispaced grid is taken.

    Args:
        u: The field.
        shape: Nodes per axis in file order, (t, z, y, x), on a box; a default resolution if not said.

    Raises:
        ValueError: If there is a shape and the region is no box, or it has not one entry per coordinate.
        UnsupportedProblem: If the region is no box and cannot be meshed.
    """
    problem, interval = u.problem, u.problem.interval
    if shape is not None and not isinstance(problem.region, Box):
        raise ValueError(
            f"problem {problem.name!r} does not lie on a box, so its file has the nodes of a mesh and no shape "
            f"{tuple(shape)}; leave the shape out"
        )
    if shape is None and has_mesh(u):
        times = np.zeros(0) if interval is None else np.linspace(interval.start, _end(u), _times(u, TIME_NODES))
        return MeshPlaces(cells_of(u), times)
    sizes, names = default_shape(problem) if shape is None else tuple(shape), file_order(problem)
    if len(sizes) != len(names):
        raise ValueError(f"on_grid: {len(sizes)} sizes {sizes} for the axes {names}")
    counts, ends = dict(zip(names, sizes, strict=True)), intervals(problem)
    if interval is not None and _end(u) != interval.end:
        time = interval.time.name
        counts[time], ends[time] = _times(u, counts[time]), (interval.start, _end(u))
    return GridPlaces(tuple(np.linspace(*ends[c.name], counts[c.name]) for c in problem.coordinates))


def default_shape(problem: Problem) -> tuple[int, ...]:
    """Nodes per axis of an exported grid, in file order."""
    dim = len(problem.space)
    if dim not in SPACE_NODES:
        raise ValueError(
            f"problem {problem.name!r} has {dim} dimensions in space, in which grids are too large to be made unasked; "
            "give the shape of one, or evaluate field(points) where values are needed"
        )
    space = (SPACE_NODES[dim],) * dim
    return space if problem.time is None else (TIME_NODES, *space)


def _end(u: Field) -> float:
    """The last time that a field of a problem that evolves reached."""
    interval = u.problem.interval
    assert interval is not None  # asked of problems that evolve only
    # A run that went to the end may miss it by rounding.
    near = u.reached is None or u.reached >= interval.end - ROUNDING * interval.length
    return interval.end if near else u.reached  # type: ignore[return-value]


def _times(u: Field, n: int) -> int:
    """How many times are kept where a whole run has n: a single one of a run without any step."""
    return n if _end(u) > u.problem.interval.start else 1  # type: ignore[union-attr]
