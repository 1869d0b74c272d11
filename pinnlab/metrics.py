"""Distances between two fields: pure functions of sampled values."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pinnlab.domain.box import Box
from pinnlab.field import Field, intervals
from pinnlab.forms.boundary import resolved
from pinnlab.forms.jet import jet_symbols
from pinnlab.forms.pointwise import Pointwise
from pinnlab.problem import Problem


@dataclass(frozen=True)
class Samples:
    """A field and its gradient in space at the nodes of a comparison.

    Attributes:
        values: `(unknowns, [nt,] …)` over time, then over the axes or the points of space.
        gradient: `(unknowns, space, [nt,] …)`.
        times: `(nt,)`; empty for a steady problem.
    """

    values: np.ndarray
    gradient: np.ndarray
    times: np.ndarray

    def __sub__(self, other: Samples) -> Samples:
        return Samples(self.values - other.values, self.gradient - other.gradient, self.times)


# Up to this many coordinates the nodes of a grid see more of a field than as many random points.
LARGEST_GRID = 4

Metric = Callable[[Samples, Samples], float]


def relative_l2(u: Samples, v: Samples) -> float:
    """||u - v|| / ||v|| in L2 over space-time, all unknowns together."""
    return _ratio(float(np.linalg.norm(u.values - v.values)), float(np.linalg.norm(v.values)))


def max_error(u: Samples, v: Samples) -> float:
    """The largest |u - v| over space-time and unknowns."""
    return float(np.abs(u.values - v.values).max())


def relative_h1(u: Samples, v: Samples) -> float:
    """||u - v|| / ||v|| in H1: values and gradients in space together; equal to L2 for an ODE."""
    d = u - v
    error = np.hypot(np.linalg.norm(d.values), np.linalg.norm(d.gradient))
    return _ratio(error, np.hypot(np.linalg.norm(v.values), np.linalg.norm(v.gradient)))


METRICS: tuple[Metric, ...] = (relative_l2, max_error, relative_h1)


class Nodes(abc.ABC):
    """Where fields are compared: at the same points at each of some times."""

    @property
    @abc.abstractmethod
    def times(self) -> np.ndarray:
        """The times `(nt,)`; empty for a steady problem."""

    @abc.abstractmethod
    def values(self, u: Field) -> np.ndarray:
        """`(unknowns, [nt,] …)`: over time, then over the axes or the points of space."""

    @abc.abstractmethod
    def at_start(self) -> list[np.ndarray]:
        """The coordinates of the nodes of the first time, one array each."""


@dataclass(frozen=True)
class TensorNodes(Nodes):
    """The product of one array of nodes per coordinate.

    Attributes:
        axes: In the order of coordinates.
        evolving: Whether the first axis is time.
    """

    axes: tuple[np.ndarray, ...]
    evolving: bool

    @property
    def times(self) -> np.ndarray:
        """The first axis, or nothing."""
        return self.axes[0] if self.evolving else np.zeros(0)

    def values(self, u: Field) -> np.ndarray:
        """`(unknowns, n_1, …)` over the axes in the order of coordinates."""
        grid = u.on_axes(self.axes)
        order = [list(grid.axes).index(c.name) for c in u.problem.coordinates]
        return np.stack([grid.values[name].transpose(order) for name in u.problem.names])

    def at_start(self) -> list[np.ndarray]:
        """The nodes in space, with the first time."""
        return [m[0] if self.evolving else m for m in np.meshgrid(*self.axes, indexing="ij")]


@dataclass(frozen=True)
class CloudNodes(Nodes):
    """The product of times and scattered points, for regions that are no boxes of few dimensions.

    Attributes:
        instants: The times `(nt,)`; empty for a steady problem.
        points: `(n, space)`.
    """

    instants: np.ndarray
    points: np.ndarray

    @property
    def times(self) -> np.ndarray:
        """The times."""
        return self.instants

    def values(self, u: Field) -> np.ndarray:
        """`(unknowns, [nt,] n)`."""
        return u.at(self.instants, self.points)

    def at_start(self) -> list[np.ndarray]:
        """The points, with the first time."""
        columns = list(self.points.T)
        return [np.full(len(self.points), self.instants[0]), *columns] if len(self.instants) else columns


def comparison_nodes(problem: Problem, budget: int = 60_000) -> Nodes:
    """Nodes on which fields of a problem are compared, about `budget` in all.

    A box of at most four coordinates, time included, has a tensor grid, see `comparison_axes`.  Boxes of more, where a
    grid has hardly any nodes along an axis, and other regions have points drawn once for all, uniform by volume.
    """
    if isinstance(problem.region, Box) and len(problem.coordinates) <= LARGEST_GRID:
        return TensorNodes(tuple(comparison_axes(problem, budget)), problem.time is not None)
    interval = problem.interval
    n = max(3, int((budget / 2 ** len(problem.space)) ** (1 / len(problem.coordinates))))
    times = np.zeros(0) if interval is None else np.linspace(interval.start, interval.end, n)
    return CloudNodes(times, problem.region.sample(budget // max(1, len(times)), np.random.default_rng(0)))


def comparison_axes(problem: Problem, budget: int = 60_000) -> list[np.ndarray]:
    """Nodes per coordinate of a box, equispaced and about `budget` in all.

    Space gets twice as many nodes as time; along a periodic axis the end that repeats the start is left out.
    """
    bounds, dim = intervals(problem), len(problem.coordinates)
    base = (budget / 2 ** len(problem.space)) ** (1 / dim)
    axes = []
    for c, (a, b) in zip(problem.coordinates, bounds.values(), strict=True):
        n = max(3, int(base if c == problem.time else 2 * base))
        periodic = isinstance(problem.region, Box) and c in problem.region.periodic
        axes.append(np.linspace(a, b, n, endpoint=not periodic))
    return axes


def sample(u: Field, nodes: Nodes | Sequence[np.ndarray]) -> Samples:
    """A field and its gradient at nodes; unknowns that are free up to a constant lose their mean.

    Args:
        u: The field.
        nodes: From `comparison_nodes`, or one array of nodes per coordinate of a box.
    """
    problem = u.problem
    dim, first = len(problem.coordinates), 0 if problem.time is None else 1
    where = nodes if isinstance(nodes, Nodes) else TensorNodes(tuple(nodes), first == 1)
    values = where.values(u)
    gradient = [where.values(u.derivative([int(i == k) for i in range(dim)])) for k in range(first, dim)]
    space = tuple(range(1 + first, values.ndim))
    for i, name in enumerate(problem.names):
        if space and name in free_up_to_a_constant(problem):
            values[i] -= values[i].mean(axis=tuple(a - 1 for a in space), keepdims=True)
    shape = (len(values), 0, *values.shape[1:])
    stacked = np.stack(gradient, axis=1) if gradient else np.zeros(shape)
    return Samples(values, stacked, where.times)


def error_against(u: Field, truth: Field, budget: int = 60_000) -> dict[str, float]:
    """Every metric of one field against another, by name."""
    nodes = comparison_nodes(truth.problem, budget)
    found, exact = sample(u, nodes), sample(truth, nodes)
    return {m.__name__: m(found, exact) for m in METRICS}


def free_up_to_a_constant(problem: Problem) -> frozenset[str]:
    """Unknowns of which only derivatives in space occur, in equations and conditions, such as a stream function."""
    fixed = {j.field for j in Pointwise.of(problem).jets if not j.order or (problem.time is not None and j.orders[0])}
    conditions = (resolved(c.residual, problem) for c in problem.conditions)
    fixed |= {s.jet.field for s in jet_symbols(*conditions) if not s.jet.order}
    return frozenset(problem.names) - fixed


def _ratio(error: float, size: float) -> float:
    """Error relative to size, and absolute where the size is zero."""
    return float(error / size) if size > 0 else float(error)
