"""Where files keep the values of a field: the nodes of a grid or of a mesh."""

from __future__ import annotations

import abc
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pinnlab.domain.box import Box
from pinnlab.field import Field, Grid, file_order, intervals, stored_axis
from pinnlab.fields.nodal import Nodal, cells_of, has_mesh, nodal
from pinnlab.meshing.cells import Cells
from pinnlab.problem import Problem

# Nodes per axis of exported grids: time first, then per axis of space for one, two and three dimensions.
TIME_NODES = 101
SPACE_NODES = {0: 0, 1: 401, 2: 129, 3: 65}
# Relative to the interval of time.
ROUNDING = 1e-9
# A default grid gets finer as long as interpolation along lines misses more than this share of the largest value at
# this share of the places between its nodes; what misses at fewer places is a jump, which no grid resolves.
MISSED, MOSTLY = 1e-3, 0.2
# Nodes without which there is no interpolation.
FEWEST = 4
# A grid that misses more than this where it may not get finer is told of.
UNRESOLVED = 0.1
# Where the lines run: these shares of the other coordinates.
LINES = (0.381, 0.618, 0.854)
# Nodes that a grid may be given unasked.
MOST_NODES = 4_000_000


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
    if a shape is given, an equispaced grid is taken.  The default grid has twice the nodes, or more, along an axis
    where interpolation between them would miss waves of the field, up to four million in all; where these do not
    suffice, a warning says how much is missed.

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
    if shape is None:
        counts = _resolving(u, counts, ends)
    return GridPlaces(tuple(np.linspace(*ends[c.name], counts[c.name]) for c in problem.coordinates))


def _resolving(u: Field, counts: Mapping[str, int], ends: Mapping[str, tuple[float, float]]) -> dict[str, int]:
    """Nodes per axis between which a field can be interpolated, as far as their number allows."""
    out = dict(counts)
    for axis, name in enumerate(c.name for c in u.problem.coordinates):
        missed = _missed(u, axis, out[name], ends)
        while missed > MISSED and 2 * math.prod(out.values()) <= MOST_NODES:
            out[name] = 2 * out[name] - 1
            missed = _missed(u, axis, out[name], ends)
        if missed > UNRESOLVED:
            warnings.warn(
                f"the default grid of {u.problem.name!r} has {out[name]} nodes along {name}, and interpolation between "
                f"them misses {missed:.1g} of the largest value: its waves are finer; give a shape with more nodes",
                stacklevel=3,
            )
    return out


def _missed(u: Field, axis: int, n: int, ends: Mapping[str, tuple[float, float]]) -> float:
    """By how much interpolation between n nodes of an axis misses a field at most places, in units of its size.

    Nothing where there are too few nodes to interpolate, or a value is not finite.
    """
    if n < FEWEST:
        return 0.0
    low, high = np.array(list(ends.values())).T
    nodes = np.linspace(low[axis], high[axis], n)
    middles = (nodes[1:] + nodes[:-1]) / 2
    matrix, worst = stored_axis(nodes).interpolation(middles), 0.0
    for share in LINES:
        points = np.tile(low + share * (high - low), (2 * n - 1, 1))
        points[:, axis] = np.concatenate([nodes, middles])
        values = u(points)
        if not np.isfinite(values).all():
            return 0.0
        size = np.abs(values).max(axis=0)
        off = np.quantile(np.abs(matrix @ values[:n] - values[n:]), 1 - MOSTLY, axis=0)
        worst = max(worst, float((off[size > 0] / size[size > 0]).max(initial=0.0)))
    return worst


def default_shape(problem: Problem) -> tuple[int, ...]:
    """Nodes per axis of an exported grid, in file order, where no field asks for more."""
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
