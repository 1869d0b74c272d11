"""Where a Gaussian process is told of the equations and of the conditions."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass, field

import numpy as np

from pinnlab.admissible import require_counts
from pinnlab.domain.box import Box
from pinnlab.domain.even_points import bounding_box, quasi_random_on_piece
from pinnlab.errors import UnsupportedProblem
from pinnlab.problem import Problem

# Points of a boundary beside n points inside, in units of n^((d-1)/d) for each piece.
ON_PIECES = 1.0
# Points on a piece of a shape, for each node of a side of the grid around it.
ON_SHAPES = 3.0
# Nodes of a grid that are made.
MOST_NODES = 10_000_000


class Placement(abc.ABC):
    """A rule for points; a frozen dataclass of settings."""

    @abc.abstractmethod
    def inside(self, problem: Problem, rng: np.random.Generator) -> np.ndarray:
        """Where the equations hold, `(n, dim)`."""

    @abc.abstractmethod
    def on_piece(self, problem: Problem, piece: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Where conditions on a piece of the boundary hold `(n, dim)`, and the outward normals `(n, dim)`."""


@dataclass(frozen=True)
class NodeGrid(Placement):
    """A tensor grid over the box, or its part inside of a shape: Chebyshev nodes, even ones along periodic axes.

    Nodes that crowd at the ends keep smooth functions from oscillating there; equations hold at the inner nodes, the
    zeros of a Chebyshev polynomial, conditions at those of each side and at its edges.  On shapes the grid is that
    of the bounding box, and points on the boundary are quasi-random.

    Args:
        counts: Inner nodes along each coordinate in the order of `problem.coordinates`, one number for all, or None
            for as many as the spectrum of the prior asks for.
    """

    counts: int | tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.counts is not None:
            for n in self.counts if isinstance(self.counts, tuple) else (self.counts,):
                require_counts(self, counts=n)

    def axes(self, problem: Problem) -> list[np.ndarray]:
        """The inner nodes of each coordinate.

        Raises:
            ValueError: If the numbers of nodes are missing, or are not those of the coordinates.
        """
        low, high = bounding_box(problem.spacetime)
        counts = self.given(problem)
        if counts is None:
            raise ValueError(f"NodeGrid: no nodes for the coordinates {problem.coordinates}; give one number for each")
        rows = zip(low, high, counts, closed_axes(problem), strict=True)
        return [_nodes(a, b, n, c) for a, b, n, c in rows]

    def given(self, problem: Problem) -> tuple[int, ...] | None:
        """The numbers of nodes along each coordinate; None where the prior is to tell.

        Raises:
            ValueError: If they are not as many as coordinates.
        """
        if self.counts is None:
            return None
        counts = self.counts if isinstance(self.counts, tuple) else (self.counts,) * len(problem.coordinates)
        if len(counts) != len(problem.coordinates):
            raise ValueError(f"NodeGrid: {counts} nodes for the coordinates {problem.coordinates}; give one for each")
        return counts

    def inside(self, problem: Problem, rng: np.random.Generator) -> np.ndarray:
        """The inner nodes that lie in the domain.

        Raises:
            UnsupportedProblem: If the grid has more nodes than any way to solve takes.
        """
        points = _product(problem, self.axes(problem))
        return points if isinstance(problem.region, Box) else points[problem.spacetime.contains(points)]

    def on_piece(self, problem: Problem, piece: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The nodes of a side of a box, or quasi-random points of as many as the grid has along it.

        Raises:
            UnsupportedProblem: If a side has more nodes than any way to solve takes.
        """
        axes, domain = self.axes(problem), problem.spacetime
        first, normal = domain.sample_piece(piece, 1, rng)
        across = np.flatnonzero(normal[0])
        if not isinstance(problem.region, Box):
            sizes = sorted((len(a) for a in axes), reverse=True)[: max(len(axes) - 1, 0)]
            return quasi_random_on_piece(domain, piece, max(1, math.ceil(ON_SHAPES * math.prod(sizes))), rng)
        low, high = bounding_box(domain)
        rows = zip(axes, low, high, closed_axes(problem), strict=True)
        ends = [a if c else np.r_[u, a, v] for a, u, v, c in rows]
        if not len(across):  # the beginning of time
            across = np.array([0])
        ends[int(across[0])] = first[0, across]
        points = _product(problem, ends)
        return points, np.broadcast_to(normal[0], points.shape).copy()


@dataclass(frozen=True)
class Scattered(Placement):
    """Quasi-random points inside (scrambled Sobol), and on each piece of the boundary.

    Args:
        count: Points inside.
        on_pieces: Points on each piece; None for count^((d-1)/d).
    """

    count: int = 2000
    on_pieces: int | None = None

    def __post_init__(self) -> None:
        require_counts(self, count=self.count)
        if self.on_pieces is not None:
            require_counts(self, on_pieces=self.on_pieces)

    def inside(self, problem: Problem, rng: np.random.Generator) -> np.ndarray:  # noqa: D102
        from scipy.stats import qmc

        domain = problem.spacetime
        low, high = bounding_box(domain)
        engine, found, total = qmc.Sobol(len(low), scramble=True, rng=rng), [], 0
        while total < self.count:
            drawn = low + (high - low) * engine.random_base2(max(6, math.ceil(math.log2(self.count))))
            kept = drawn[domain.contains(drawn)]
            if not len(kept):
                raise UnsupportedProblem(f"Scattered on {problem.name!r}: no point of its bounding box lies in it")
            found.append(kept)
            total += len(kept)
        return np.concatenate(found)[: self.count]

    def on_piece(self, problem: Problem, piece: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:  # noqa: D102
        dim = len(problem.coordinates)
        n = self.on_pieces or math.ceil(ON_PIECES * self.count ** ((dim - 1) / dim))
        return quasi_random_on_piece(problem.spacetime, piece, 1 if dim == 1 else n, rng)


@dataclass(frozen=True, eq=False)
class GivenPoints(Placement):
    """Points of the user's own.

    Args:
        points: Inside `(n, dim)`.
        on_pieces: Points on each piece, placed as by `Scattered`.
    """

    points: np.ndarray = field(repr=False)
    on_pieces: int | None = None

    def __post_init__(self) -> None:
        if self.on_pieces is not None:
            require_counts(self, on_pieces=self.on_pieces)
        points = np.array(self.points, float)
        if points.ndim != 2 or not len(points) or not np.isfinite(points).all():
            raise ValueError(f"GivenPoints: points of shape {points.shape}; give finite numbers (n, dim), n not 0")
        if len(np.unique(points, axis=0)) < len(points):
            raise ValueError(
                f"GivenPoints: {len(points) - len(np.unique(points, axis=0))} of {len(points)} points occur twice, "
                "which makes a covariance matrix singular; drop the repetitions"
            )
        points.setflags(write=False)
        object.__setattr__(self, "points", points)

    def inside(self, problem: Problem, rng: np.random.Generator) -> np.ndarray:  # noqa: D102
        if self.points.shape[1] != len(problem.coordinates):
            raise ValueError(
                f"GivenPoints: {self.points.shape[1]} columns for the coordinates {problem.coordinates} of "
                f"{problem.name!r}"
            )
        outside = np.flatnonzero(~problem.spacetime.contains(self.points))
        if len(outside):
            raise ValueError(
                f"GivenPoints: {len(outside)} points lie outside {problem.name!r}, the first at "
                f"{self.points[outside[0]].tolist()}; drop them"
            )
        return np.array(self.points)

    def on_piece(self, problem: Problem, piece: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:  # noqa: D102
        return Scattered(len(self.points), self.on_pieces).on_piece(problem, piece, rng)


def closed_axes(problem: Problem) -> list[bool]:
    """Whether each coordinate is periodic."""
    region = problem.region
    return [isinstance(region, Box) and c in region.periodic for c in problem.coordinates]


def _nodes(low: float, high: float, n: int, closed: bool) -> np.ndarray:
    if closed:
        return low + (high - low) * np.arange(n) / n
    return low + (high - low) * (1 - np.cos(np.pi * (np.arange(n) + 0.5) / n)) / 2


def _product(problem: Problem, axes: list[np.ndarray]) -> np.ndarray:
    nodes = math.prod(len(a) for a in axes)
    if nodes > MOST_NODES:
        raise UnsupportedProblem(
            f"NodeGrid on {problem.name!r}: {nodes:.3g} nodes along {len(axes)} coordinates; give fewer, or "
            "Scattered() with a kernel of few weights or SparseCholesky()"
        )
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
