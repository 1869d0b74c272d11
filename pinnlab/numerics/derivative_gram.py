"""Covariances of linear functionals of Gaussian processes: derivatives at points, with coefficients point by point."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import torch
from torch import Tensor

from pinnlab.numerics.kernels import Kernel

# Entries of a block that is worked on at once: 1 MiB for each of its factors, so that they stay in a cache.
ENTRIES = 1 << 17
# A factor of one coordinate is looked up in a table of its different values where these are at most this share.
TABLE = 0.25


@dataclass(frozen=True, eq=False)
class Term:
    """coefficient(x) d^orders u_unknown(x).

    Attributes:
        unknown: Which process.
        orders: Of differentiation, one per coordinate.
        coefficient: `(n,)`.
    """

    unknown: int
    orders: tuple[int, ...]
    coefficient: Tensor

    @property
    def jet(self) -> tuple[int, tuple[int, ...]]:
        """Which derivative of which process."""
        return self.unknown, self.orders


@dataclass(frozen=True, eq=False)
class Functionals:
    """One linear functional at each point: the sum of terms there.

    Attributes:
        points: `(n, dim)`.
        terms: What is summed; none for the functional zero.
    """

    points: Tensor
    terms: tuple[Term, ...]

    def __len__(self) -> int:
        return len(self.points)

    def part(self, rows: slice | Tensor) -> Functionals:
        """Those at some of the points."""
        terms = tuple(replace(t, coefficient=t.coefficient[rows]) for t in self.terms)
        return Functionals(self.points[rows], terms)


@dataclass(frozen=True)
class ProductKernel:
    """Independent processes u_i of mean zero, cov(u_i(x), u_i(y)) = amplitude_i^2 prod_c k_c(x_c - y_c).

    Derivatives have cov(d^a u(x), d^b u(y)) = prod_c (-1)^(b_c) k_c^(a_c + b_c)(x_c - y_c).

    Attributes:
        kernels: One per coordinate.
        amplitudes: One per process.
    """

    kernels: tuple[Kernel, ...]
    amplitudes: tuple[float, ...]

    def covariance(self, left: Functionals, right: Functionals) -> Tensor:
        """The covariance of two sets of functionals `(n, m)`."""
        out = left.points.new_zeros(len(left), len(right))
        for rows in _chunks(len(left), len(right)):
            part = left.part(rows)
            factors = _Factors(self.kernels, part.points, right.points)
            for (unknown, orders), pairs in _by_sum(part.terms, right.terms).items():
                signed = torch.stack([b.coefficient * (-1.0) ** sum(b.orders) for _, b in pairs])
                weights = torch.stack([a.coefficient for a, _ in pairs], dim=1) @ signed
                out[rows] += weights.mul_(factors.product(orders)).mul_(self.amplitudes[unknown] ** 2)
        return out

    def variance(self, functionals: Functionals) -> Tensor:
        """The variance of each functional `(n,)`."""
        zero = functionals.points.new_zeros(1)
        total = functionals.points.new_zeros(len(functionals))
        for a in functionals.terms:
            for b in functionals.terms:
                if a.unknown == b.unknown:
                    at_zero = [
                        (-1) ** q * float(k.covariance(zero, p + q))
                        for k, p, q in zip(self.kernels, a.orders, b.orders, strict=True)
                    ]
                    total += self.amplitudes[a.unknown] ** 2 * math.prod(at_zero) * a.coefficient * b.coefficient
        return total

    def jets(self, points: Tensor, jets: Sequence[tuple[int, tuple[int, ...]]], right: Functionals) -> Tensor:
        """The sum over functionals of the covariances of derivatives at points with them `(jets, n)`.

        With coefficients that are weights this is what a sum of covariance functions, as a posterior mean, and its
        derivatives are at the points; no matrix is kept.

        Args:
            points: `(n, dim)`.
            jets: Process and orders of each derivative.
            right: The functionals.
        """
        out = points.new_zeros(len(jets), len(points))
        left = [Term(*j, points[:0, 0]) for j in jets]
        for rows in _chunks(len(points), len(right)):
            factors = _Factors(self.kernels, points[rows], right.points)
            for (unknown, orders), pairs in _by_sum(left, right.terms).items():
                signed = torch.stack([b.coefficient * (-1.0) ** sum(b.orders) for _, b in pairs], dim=1)
                found = factors.product(orders) @ signed
                for (a, _), column in zip(pairs, found.T, strict=True):
                    out[jets.index(a.jet), rows] += self.amplitudes[unknown] ** 2 * column
        return out


class _Factors:
    """The derivatives of the kernel of each coordinate for a block, each evaluated once."""

    def __init__(self, kernels: Sequence[Kernel], x: Tensor, y: Tensor) -> None:
        self._kernels, self._x, self._y = kernels, x, y
        self._known: dict[tuple[int, int], Tensor] = {}
        self._tables = [_Table.of(a, b) for a, b in zip(x.T, y.T, strict=True)]

    def product(self, orders: Sequence[int]) -> Tensor:
        """prod_c k_c^(m_c), which must not be changed."""
        return reduce(torch.mul, (self._factor(c, m) for c, m in enumerate(orders)))

    def _factor(self, coordinate: int, order: int) -> Tensor:
        key = coordinate, order
        if key not in self._known:
            kernel, table = self._kernels[coordinate], self._tables[coordinate]
            if table is None:
                z = self._x[:, coordinate, None] - self._y[:, coordinate]
                self._known[key] = kernel.covariance(z, order)
            else:
                self._known[key] = kernel.covariance(table.differences, order)[table.at_x][:, table.at_y]
        return self._known[key]


@dataclass(frozen=True, eq=False)
class _Table:
    """Differences of the different values of a coordinate, and where each point's value is among them."""

    differences: Tensor
    at_x: Tensor
    at_y: Tensor

    @classmethod
    def of(cls, x: Tensor, y: Tensor) -> _Table | None:
        """None where too few values are repeated."""
        (u, at_x), (v, at_y) = (w.unique(return_inverse=True) for w in (x, y))
        if len(u) * len(v) > TABLE * len(x) * len(y):
            return None
        return cls(u[:, None] - v, at_x, at_y)


def _by_sum(left: Sequence[Term], right: Sequence[Term]) -> dict[tuple[int, tuple[int, ...]], list[tuple[Term, Term]]]:
    """Pairs of terms of one process by the sum of their orders, which determines their covariance up to its sign."""
    out: dict[tuple[int, tuple[int, ...]], list[tuple[Term, Term]]] = {}
    for a in left:
        for b in right:
            if a.unknown == b.unknown:
                orders = tuple(m + n for m, n in zip(a.orders, b.orders, strict=True))
                out.setdefault((a.unknown, orders), []).append((a, b))
    return out


def _chunks(rows: int, columns: int) -> Iterator[slice]:
    size = max(1, ENTRIES // max(columns, 1))
    return (slice(i, min(i + size, rows)) for i in range(0, rows, size))
