"""Posterior means of scattered values: each point asks the values nearest to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from pinnlab.field import Field, checked_points
from pinnlab.numerics.sparse_cholesky import Conditionals, ProductCovariance, conditionals
from pinnlab.posterior import Deviation
from pinnlab.problem import Problem

# Points at which a field is evaluated at once.
CHUNK = 20_000


@dataclass(frozen=True, eq=False)
class ScatteredValues:
    """Points with the covariance of the process between them, and a tree to find them.

    Attributes:
        points: `(N, dim)`.
        covariance: Of each unknown, up to a factor.
        neighbours: Values that a derivative is read off from.
    """

    points: Tensor
    covariance: ProductCovariance
    neighbours: int

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self._scaled(self.points.cpu().numpy()))

    def near(self, points: np.ndarray, count: int | None = None) -> np.ndarray:
        """The nearest of all points `(n, m)`, with distances in units of the lengths of the kernels."""
        m = min(count or self.neighbours, len(self.points))
        return np.asarray(self._tree.query(self._scaled(points), k=m)[1]).reshape(len(points), m)

    def derivatives(self, points: np.ndarray, orders: Sequence[tuple[int, ...]]) -> Conditionals:
        """Derivatives at any points given the values nearest to each."""
        x = torch.as_tensor(points, dtype=torch.float64, device=self.points.device)
        return conditionals(self.points, self.near(points), x, orders, self.covariance)

    def _scaled(self, points: np.ndarray) -> np.ndarray:
        return points / self.covariance.lengths()


@dataclass(frozen=True, eq=False)
class Spread:
    """What is uncertain about scattered values.

    Attributes:
        draws: Values of functions drawn from the posterior, less their mean, `(draws, unknowns, N)`.
        amplitudes: The standard deviation of each unknown under the prior `(unknowns,)`.
    """

    draws: np.ndarray
    amplitudes: np.ndarray


@dataclass(frozen=True, eq=False)
class ScatteredField(Field):
    """The mean of a Gaussian process given its values at the points nearest to each place.

    Where the nearest points change the mean jumps, by about as much as it is wrong there.

    Attributes:
        problem: What the values solve.
        known: The points.
        values: `(unknowns, N)`.
        spread: Works out what is uncertain, when it is asked for.
        orders: Of differentiation, one per coordinate.
    """

    problem: Problem
    known: ScatteredValues = field(repr=False)
    values: np.ndarray = field(repr=False)
    spread: Callable[[], Spread] = field(repr=False)
    orders: tuple[int, ...]

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """The mean `(n, unknowns)` at `points (n, dim)`."""
        points = checked_points(self.problem, points)
        return _in_parts(lambda x: self._conditioned(x)[0], points, len(self.problem.unknowns))

    def derivative(self, orders: Sequence[int]) -> ScatteredField:
        """The exact derivative of the mean for fixed nearest points."""
        return replace(self, orders=tuple(a + b for a, b in zip(self.orders, orders, strict=True)))

    @property
    def deviation(self) -> Deviation:
        """The standard deviation: of the values, from functions drawn, and of what lies between them."""
        return Deviation(self.problem, self)

    def deviations(self, points: np.ndarray) -> np.ndarray:
        """The standard deviations `(n, unknowns)` at `points (n, dim)`."""
        spread, points = self.spread(), checked_points(self.problem, points)

        def one(x: np.ndarray) -> np.ndarray:
            _, found = self._conditioned(x)
            between = found.factor[:, 0] * spread.amplitudes
            drawn = [
                np.einsum("nm,unm->nu", found.weights[:, 0], draw[:, np.maximum(found.near, 0)])
                for draw in spread.draws
            ]
            return np.asarray(np.sqrt(between**2 + np.mean(np.square(drawn), axis=0)))

        return _in_parts(one, points, len(self.problem.unknowns))

    def _conditioned(self, points: np.ndarray) -> tuple[np.ndarray, Conditionals]:
        found = self.known.derivatives(points, [self.orders])
        near = self.values[:, np.maximum(found.near, 0)]
        return np.einsum("nm,unm->nu", found.weights[:, 0], near), found


def _in_parts(function: Callable[[np.ndarray], np.ndarray], points: np.ndarray, unknowns: int) -> np.ndarray:
    parts = [function(points[i : i + CHUNK]) for i in range(0, len(points), CHUNK)]
    return np.concatenate(parts) if parts else np.zeros((0, unknowns))
