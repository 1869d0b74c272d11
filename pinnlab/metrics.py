"""Distances between two fields: pure functions of sampled values."""

from __future__ import annotations

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
    """A field and its gradient in space on a tensor grid.

    Attributes:
        values: `(unknowns, n_1, n_2, …)` over the axes in the order of coordinates.
        gradient: `(unknowns, space, n_1, n_2, …)`.
        times: Nodes of the time axis, which is the first; empty for a steady problem.
    """

    values: np.ndarray
    gradient: np.ndarray
    times: np.ndarray

    def __sub__(self, other: Samples) -> Samples:
        return Samples(self.values - other.values, self.gradient - other.gradient, self.times)


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


def comparison_axes(problem: Problem, budget: int = 60_000) -> list[np.ndarray]:
    """Nodes per coordinate on which fields of a problem are compared, equispaced and about `budget` in all.

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


def sample(u: Field, axes: Sequence[np.ndarray]) -> Samples:
    """A field and its gradient on a tensor grid; unknowns that are free up to a constant lose their mean."""
    problem = u.problem
    dim, first = len(problem.coordinates), 0 if problem.time is None else 1
    values = _stack(u, axes)
    gradient = [_stack(u.derivative([int(i == k) for i in range(dim)]), axes) for k in range(first, dim)]
    space = tuple(range(first, dim))
    for i, name in enumerate(problem.names):
        if space and name in free_up_to_a_constant(problem):
            values[i] -= values[i].mean(axis=space, keepdims=True)
    shape = (len(values), 0, *values.shape[1:])
    stacked = np.stack(gradient, axis=1) if gradient else np.zeros(shape)
    return Samples(values, stacked, axes[0] if first else np.zeros(0))


def free_up_to_a_constant(problem: Problem) -> frozenset[str]:
    """Unknowns of which only derivatives in space occur, in equations and conditions, such as a stream function."""
    fixed = {j.field for j in Pointwise.of(problem).jets if not j.order or (problem.time is not None and j.orders[0])}
    conditions = (resolved(c.residual, problem) for c in problem.conditions)
    fixed |= {s.jet.field for s in jet_symbols(*conditions) if not s.jet.order}
    return frozenset(problem.names) - fixed


def _stack(u: Field, axes: Sequence[np.ndarray]) -> np.ndarray:
    """Values `(unknowns, n_1, …)` over the axes in the order of coordinates."""
    grid = u.on_axes(axes)
    order = [list(grid.axes).index(c.name) for c in u.problem.coordinates]
    return np.stack([grid.values[name].transpose(order) for name in u.problem.names])


def _ratio(error: float, size: float) -> float:
    """Error relative to size, and absolute where the size is zero."""
    return float(error / size) if size > 0 else float(error)
