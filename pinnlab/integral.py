"""Integrals of an unknown whose values are known, such as a mass at some time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from pinnlab.admissible import require_not_negative, require_numbers
from pinnlab.domain.box import Box
from pinnlab.errors import UnsupportedProblem
from pinnlab.field import checked_points
from pinnlab.fields.nodal import mesh_size
from pinnlab.meshing.quality import SIMPLICES, simplex_volumes, simplices
from pinnlab.problem import Problem

# Nodes of Gauss's rule along each axis of a box: exact for polynomials of degree 127.
NODES = 64
LARGEST = 1_000_000


@dataclass(frozen=True, eq=False)
class Integral:
    """A weighted sum of values of one unknown that is known: sum of weights u(points) = value + deviation e.

    Here e is standard normal, and a deviation of zero says that the value is exact.

    Attributes:
        unknown: Name of the unknown.
        points: Nodes of the quadrature `(n, dim)`, columns as in `problem.coordinates`.
        weights: `(n,)`.
        value: What the sum is.
        deviation: Standard deviation of the value, zero or more.

    Raises:
        ValueError: If shapes do not fit together, or a number is not finite.
    """

    unknown: str
    points: np.ndarray = field(repr=False)
    weights: np.ndarray = field(repr=False)
    value: float
    deviation: float = 0.0

    def __post_init__(self) -> None:
        if self.points.ndim != 2 or self.weights.shape != self.points.shape[:1]:
            raise ValueError(
                f"Integral of {self.unknown}: points {self.points.shape} and weights {self.weights.shape}; give "
                "(n, dim) and (n,)"
            )
        require_numbers(self, value=self.value)
        require_not_negative(self, deviation=self.deviation)
        if not (np.isfinite(self.points).all() and np.isfinite(self.weights).all() and math.isfinite(self.value)):
            raise ValueError(f"Integral of {self.unknown}: points, weights and value = {self.value} must be finite")

    @classmethod
    def over_space(
        cls,
        problem: Problem,
        unknown: str,
        value: float,
        time: float | None = None,
        deviation: float = 0.0,
        nodes: int = NODES,
    ) -> Integral:
        """The integral over the whole region in space, at one time of a problem that evolves.

        On a box by Gauss's rule, exact for polynomials of degree 2 nodes - 1 in each coordinate; a field that
        oscillates wants some more nodes than twice its periods.  On another region by a rule that is exact for
        quadratic functions in each cell of a mesh, so that a curved boundary counts as its chords.

        Args:
            problem: Whose unknown it is.
            unknown: Its name.
            value: What the integral is.
            time: When; None for a steady problem.
            deviation: Standard deviation of the value.
            nodes: Along each axis of a box.

        Raises:
            ValueError: If the unknown is unknown to the problem, the time is missing or outside, or there would be
                more than a million points.
            UnsupportedProblem: If the region cannot be meshed, or not into simplices.
        """
        if unknown not in problem.names:
            raise ValueError(f"Integral of {unknown}: {problem.name!r} has the unknowns {', '.join(problem.names)}")
        interval = problem.interval
        if (time is None) != (interval is None) or not problem.space:
            wanted = (
                "has no space to integrate over" if not problem.space else "needs a time" if interval else "is steady"
            )
            raise ValueError(f"Integral of {unknown}: {problem.name!r} {wanted}, and time = {time} was given")
        if interval is not None and time is not None and not interval.start <= time <= interval.end:
            raise ValueError(
                f"Integral of {unknown}: time = {time:g} is outside of {interval.start:g} to {interval.end:g}"
            )
        points, weights = _gauss(problem, nodes) if isinstance(problem.region, Box) else _in_cells(problem)
        if time is not None:
            points = np.column_stack([np.full(len(points), float(time)), points])
        return cls(unknown, checked_points(problem, points), weights, float(value), float(deviation))

    def of(self, values: np.ndarray) -> float:
        """The sum, of values `(n,)` of the unknown at the points."""
        return float(self.weights @ values)


def _gauss(problem: Problem, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss's rule on a box: points `(n, space)` and weights `(n,)`."""
    if nodes < 1 or nodes ** len(problem.space) > LARGEST:
        raise ValueError(
            f"Integral over {len(problem.space)} dimensions with {nodes} nodes along each: take at least one, and at "
            f"most {LARGEST:,} points in all"
        )
    places, shares = np.polynomial.legendre.leggauss(nodes)
    bounds = problem.region.bounds.values()  # type: ignore[attr-defined]
    axes = [low + (high - low) / 2 * (places + 1) for low, high in bounds]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    weights = np.ones(())
    for low, high in bounds:
        weights = np.multiply.outer(weights, (high - low) / 2 * shares)
    return points, weights.ravel()


def _in_cells(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights in the simplices of a mesh, as many in each as it has vertices.

    The points b, ..., b, 1 - d b in barycentric coordinates, b = (d + 2 - sqrt(d + 2)) / ((d + 1) (d + 2)), with equal
    weights integrate quadratic functions exactly (P. C. Hammer, A. H. Stroud, Numerical Integration Over Simplexes,
    Math. Tables Aids Comput. 10, 1956).
    """
    mesh = problem.region.mesh(mesh_size(problem))
    if mesh.kind not in SIMPLICES:
        raise UnsupportedProblem(
            f"{problem.name!r}: its mesh has cells of kind {mesh.kind}, over which nothing is integrated"
        )
    corners = mesh.points[simplices(mesh)]
    d = corners.shape[2]
    b = (d + 2 - math.sqrt(d + 2)) / ((d + 1) * (d + 2))
    shares = np.full((d + 1, d + 1), b)
    np.fill_diagonal(shares, 1 - d * b)
    points = np.einsum("ij,cjk->cik", shares, corners).reshape(-1, d)
    return points, np.repeat(np.abs(simplex_volumes(corners)) / (d + 1), d + 1)
