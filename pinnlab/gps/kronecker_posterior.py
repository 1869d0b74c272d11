"""Posterior of a Gaussian process on a tensor grid: products of functions of one coordinate, with drawn deviations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from pinnlab.field import Grid, checked_points
from pinnlab.gps.sides import along
from pinnlab.integral import Integral
from pinnlab.numerics.axis_basis import AxisBasis
from pinnlab.numerics.gaussian_weights import GaussianWeights
from pinnlab.posterior import Deviation, Posterior, listed, weights_given
from pinnlab.problem import Problem

# Numbers of a matrix of functions at points that are in memory at once: 128 MiB.
CHUNK = 1 << 24


@dataclass(frozen=True, eq=False)
class Draws:
    """Deviations that are drawn when they are first asked for, and then kept.

    Attributes:
        function: Draws them: a factor `(m, k)` of the covariance of all coefficients.
    """

    function: Callable[[], Tensor] = field(repr=False)

    @cached_property
    def factor(self) -> Tensor:
        """The factor `(m, k)`."""
        return self.function()


@dataclass(frozen=True, eq=False)
class KroneckerPosterior(Posterior):
    """u(x, y) = sum_ij c_ij f_i(x) g_j(y), with coefficients of mean c and a covariance from a few draws.

    Attributes:
        problem: Of one unknown.
        bases: The functions of each coordinate.
        mean: c `(m_1, …)`.
        draws: A factor of the covariance of c.
        orders: Orders of the partial derivative that it stands for; none for the unknown itself.
    """

    problem: Problem
    bases: tuple[AxisBasis, ...] = field(repr=False)
    mean: Tensor = field(repr=False)
    draws: Draws = field(repr=False)
    orders: tuple[int, ...] = ()

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """The mean `(n, 1)` at `points (n, dim)`."""
        return self.combined(self.mean[..., None], points)

    @property
    def deviation(self) -> KroneckerDeviation:
        """The standard deviation at each point, from the draws."""
        return KroneckerDeviation(self.problem, self)

    def deviations(self, points: np.ndarray) -> np.ndarray:
        """The standard deviations `(n, 1)` at `points (n, dim)`."""
        return np.linalg.norm(self.combined(self.factor, points), axis=1, keepdims=True)

    @property
    def factor(self) -> Tensor:
        """The factor of the covariance `(m_1, …, k)`."""
        return self.draws.factor.reshape(*self.mean.shape, -1)

    def derivative(self, orders: Sequence[int]) -> KroneckerPosterior:
        """The distribution of the exact partial derivative."""
        return replace(self, orders=tuple(a + b for a, b in zip(orders, self._orders, strict=True)))

    def on_axes(self, axes: Sequence[np.ndarray]) -> Grid:
        """Values on a tensor grid, one coordinate at a time."""
        return self._grid(axes, along(self.mean, self.along(axes)).cpu().numpy()[None])

    def samples(self, points: np.ndarray, count: int, seed: int) -> np.ndarray:
        """Draw `count` functions `(count, n, 1)`: the mean plus random sums of the drawn deviations."""
        if count < 1:
            raise ValueError(f"samples of {self.problem.name!r}: count = {count}; draw at least one")
        drawn = GaussianWeights(self.mean.flatten(), self.draws.factor).samples(
            count, torch.Generator().manual_seed(seed)
        )
        return self.combined(drawn.T.reshape(*self.mean.shape, count), points).T[:, :, None]

    def given(self, functionals: Sequence[Integral]) -> KroneckerPosterior:
        """The distribution given the values of integrals, under the covariance of the draws.

        Raises:
            ValueError: If an integral is of another problem, or contradicts what is known already; or there are as
                many as draws.
        """
        functionals = listed(self.problem, functionals)
        if not functionals:
            return self
        factor = self.draws.factor
        if len(functionals) >= factor.shape[1]:
            raise ValueError(
                f"given of {self.problem.name!r}: {len(functionals)} integrals, and {factor.shape[1]} draws leave no "
                f"freedom beyond them; set Kronecker(draws={4 * len(functionals)})"
            )
        rows = torch.stack([self._row(f) for f in functionals])
        weights = weights_given(self.problem.name, GaussianWeights(self.mean.flatten(), factor), functionals, rows)
        return replace(self, mean=weights.mean.reshape(self.mean.shape), draws=Draws(lambda: weights.factor))

    def combined(self, coefficients: Tensor, points: np.ndarray) -> np.ndarray:
        """Sums of products of functions `(n, k)` at `points (n, dim)` for coefficients `(m_1, …, k)`."""
        where = torch.as_tensor(checked_points(self.problem, points)).to(coefficients)
        k, widest = coefficients.shape[-1], max(b.count for b in self.bases)
        parts = [coefficients.new_zeros(0, k)]
        for part in where.split(max(1, CHUNK // (max(k, 1) * widest))):
            head, *tail = self.along(list(part.T))
            values = torch.tensordot(head, coefficients, dims=1)
            for matrix in tail:
                values = torch.einsum("nm,nm...->n...", matrix, values)
            parts.append(values)
        return torch.cat(parts).cpu().numpy()

    @property
    def _orders(self) -> tuple[int, ...]:
        return self.orders or (0,) * len(self.bases)

    def along(self, columns: Sequence[np.ndarray] | Sequence[Tensor]) -> list[Tensor]:
        """The derivatives of the functions of each coordinate."""
        triples = zip(self.bases, columns, self._orders, strict=True)
        return [b.functions(torch.as_tensor(x).to(b.nodes), p) for b, x, p in triples]

    def _row(self, functional: Integral) -> Tensor:
        """The functional of every product of functions, `(m,)`."""
        if functional.unknown not in self.problem.names:
            raise ValueError(
                f"given of {self.problem.name!r}: the integral is of {functional.unknown!r}, which is none of its "
                f"unknowns {', '.join(self.problem.names)}"
            )
        points = torch.as_tensor(checked_points(self.problem, functional.points)).to(self.mean)
        weights = torch.as_tensor(functional.weights).to(self.mean)
        total = torch.zeros_like(self.mean)
        together = max(1, CHUNK // max(b.count for b in self.bases))
        for part, w in zip(points.split(together), weights.split(together), strict=True):
            head, *tail = self.along(list(part.T))
            total += (w @ head) if not tail else torch.einsum("ni,nj->ij", w[:, None] * head, tail[0])
        return total.flatten()


@dataclass(frozen=True, eq=False)
class KroneckerDeviation(Deviation):
    """The standard deviation of a posterior on a tensor grid, fast on such grids."""

    posterior: KroneckerPosterior = field(repr=False)

    def on_axes(self, axes: Sequence[np.ndarray]) -> Grid:
        """The standard deviations on a tensor grid, one draw at a time."""
        matrices, factor = self.posterior.along(axes), self.posterior.factor
        squares = along(factor[..., 0], matrices).square()
        for k in range(1, factor.shape[-1]):
            squares += along(factor[..., k], matrices).square()
        return self._grid(axes, squares.sqrt().cpu().numpy()[None])
