"""Posteriors in function space: sums of covariance functions as the mean, Cholesky factors for the deviation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from pinnlab.errors import UnsupportedProblem
from pinnlab.field import checked_points
from pinnlab.gps.waves import PriorDraws
from pinnlab.integral import Integral
from pinnlab.numerics.derivative_gram import Functionals, ProductKernel, Term
from pinnlab.posterior import Posterior, listed, warn_of_surprises
from pinnlab.problem import Problem

# Numbers of a matrix of covariances that are in memory at once: 64 MiB.
CHUNK = 1 << 23
# An integral whose variance falls below this share of its prior one is known already, up to rounding.
KNOWN = 1e-13
# By as much of its prior standard deviation may an integral that is known already miss its value.
MISFIT = 1e-6


@dataclass(frozen=True, eq=False)
class Told:
    """What a process was told, with the Cholesky factor of cov(rows) / (d d') + noise^2.

    Attributes:
        rows: Functionals.
        sizes: Their prior standard deviations d `(N,)`, for amplitude 1.
        triangle: Lower triangular `(N, N)`.
        noise: Standard deviations of their errors in units of d `(N,)`.
        amplitude: Of the process in units of the prior's.
    """

    rows: tuple[Functionals, ...]
    sizes: Tensor
    triangle: Tensor
    noise: Tensor
    amplitude: float

    def white(self, covariances: Tensor) -> Tensor:
        """triangle^-1 (covariances of all rows with some `(N, m)`) / d."""
        return torch.linalg.solve_triangular(self.triangle, covariances / self.sizes[:, None], upper=False)

    def duals(self, white: Tensor) -> Tensor:
        """The weights `(N, m)` of covariances with the rows that belong to whitened values `(N, m)`."""
        return torch.linalg.solve_triangular(self.triangle.T, white, upper=True) / self.sizes[:, None]


@dataclass(frozen=True, eq=False)
class Summed:
    """Integrals that were told after all else, exact or not.

    Attributes:
        rows: Functionals whose sum over all points is the integral.
        white: Whitened covariances with what was told before `(N, k)`.
        whitener: Of what that leaves of the integrals, P with P cov P' = 1 `(r, k)`.
        weights: By which the covariances with what is left move the mean `(k,)`.
        noise: Standard deviations of the values, in units of the amplitude `(k,)`.
    """

    rows: tuple[Functionals, ...]
    white: Tensor
    whitener: Tensor
    weights: Tensor
    noise: Tensor


@dataclass(frozen=True, eq=False)
class FunctionPosterior(Posterior):
    """A Gaussian process given measurements.

    Exact derivatives of the mean and of the covariance, up to the order that sample paths have.

    Attributes:
        problem: Whose unknowns these are.
        kernel: The prior.
        representers: The mean is the sum of the covariances with these functionals.
        told: Computes what the deviation takes when it is asked for.
        integrals: What was told since, and of which derivative.
        summed: The same, prepared.
        orders: Orders of the partial derivative that it stands for; none for the unknowns themselves.
    """

    problem: Problem
    kernel: ProductKernel = field(repr=False)
    representers: Functionals = field(repr=False)
    told: Callable[[], Told] = field(repr=False)
    integrals: tuple[tuple[Integral, tuple[int, ...]], ...] = field(default=(), repr=False)
    summed: Summed | None = field(default=None, repr=False)
    orders: tuple[int, ...] = ()

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """The mean `(n, unknowns)` at `points (n, dim)`."""
        where = self._where(points)
        total = self._covariances(where, self.representers)
        if self.summed is not None:
            moved = [self._left(part)[1] @ self.summed.weights for part in self._parts(where)]
            total = total + torch.cat(moved, dim=1)
        return total.T.cpu().numpy()

    def derivative(self, orders: Sequence[int]) -> FunctionPosterior:
        """The distribution of the exact partial derivative.

        Raises:
            UnsupportedProblem: If sample paths have no derivative of that order.
        """
        total = tuple(a + b for a, b in zip(orders, self._orders, strict=True))
        for coordinate, order, kernel in zip(self.problem.coordinates, total, self.kernel.kernels, strict=True):
            if order > kernel.derivatives:
                raise UnsupportedProblem(
                    f"derivative of the answer to {self.problem.name!r}: {order} derivatives by {coordinate}, and "
                    f"functions drawn with {kernel} have {kernel.derivatives:g}; take a smoother kernel"
                )
        return replace(self, orders=total)

    def deviations(self, points: np.ndarray) -> np.ndarray:
        """The standard deviations `(n, unknowns)` at `points (n, dim)`."""
        told, out = self.told(), []
        for part in self._parts(self._where(points)):
            prior = torch.stack([self.kernel.variance(f) for f in self._values(part)])
            known = self._white(part).square().sum(dim=1)
            out.append((prior - known).clamp(min=0).sqrt() * told.amplitude)
        return torch.cat(out, dim=1).T.cpu().numpy()

    def samples(self, points: np.ndarray, count: int, seed: int) -> np.ndarray:
        """Draw `count` functions; their values `(count, n, unknowns)` at `points (n, dim)`.

        A function drawn from the prior is corrected by the posterior mean of what it misses of the measurements (J.
        Wilson et al., Pathwise Conditioning of Gaussian Processes, J. Mach. Learn. Res. 22 (2021) 105, eq. 13).  The
        prior's functions are sums of `waves.WAVES` waves of random frequencies: their covariance is exact on average
        over draws, their distribution normal up to the number of waves.
        """
        if count < 1:
            raise ValueError(f"samples of {self.problem.name!r}: count = {count}; draw at least one")
        told = self.told()
        generator = torch.Generator().manual_seed(seed)
        draws = PriorDraws.of(self.kernel, count, generator, told.sizes.device)
        errors = torch.randn(len(told.sizes), count, generator=generator, dtype=torch.float64).to(told.sizes)
        found = (
            torch.cat([draws.measured(row) for row in told.rows]) / told.sizes[:, None] + told.noise[:, None] * errors
        )
        white = torch.linalg.solve_triangular(told.triangle, found, upper=False)
        if self.summed is not None:
            white = torch.cat([white, self._white_sums(draws, white, generator)])
        out = []
        for part in self._parts(self._where(points)):
            drawn = torch.stack([draws.measured(f) for f in self._values(part)])
            out.append(drawn - torch.einsum("unm,ns->ums", self._white(part), white))
        mean = torch.as_tensor(self(points).T).to(told.sizes)
        values = mean[:, :, None] + told.amplitude * torch.cat(out, dim=1)
        return values.permute(2, 1, 0).cpu().numpy()

    def given(self, functionals: Sequence[Integral]) -> FunctionPosterior:
        """The distribution given the values of integrals of what it stands for."""
        functionals = listed(self.problem, functionals)
        if not functionals:
            return self
        integrals = (*self.integrals, *((f, self._orders) for f in functionals))
        before = replace(self, integrals=(), summed=None)
        told = replace(self, integrals=integrals, summed=before._told_of(integrals))
        self._warn_of_surprises(functionals)
        return told

    def _warn_of_surprises(self, functionals: Sequence[Integral]) -> None:
        """Tell of values of integrals of what it stands for that are out of the reach of what is known."""
        rows = [self._integral(f, self._orders) for f in functionals]
        means = [float(f.weights @ self(f.points)[:, self._index(f)]) for f in functionals]
        prior = torch.stack([self.kernel.covariance(r, r).sum() for r in rows])
        known = torch.stack([self._white_integral(r).square().sum() for r in rows])
        amplitude = self.told().amplitude
        spread = (prior - known).clamp(min=0).sqrt() * amplitude
        terms = prior.clamp(min=0).sqrt() * amplitude
        warn_of_surprises(self.problem.name, functionals, prior.new_tensor(means), spread, terms)

    def _white_integral(self, row: Functionals) -> Tensor:
        """Whitened covariances of an integral with all that was told `(N + r,)`."""
        told = self.told()
        covariances = torch.cat([self.kernel.covariance(a, row).sum(dim=1) for a in told.rows])
        white = told.white(covariances[:, None])[:, 0]
        if self.summed is None:
            return white
        sums = torch.stack([self.kernel.covariance(r, row).sum() for r in self.summed.rows])
        return torch.cat([white, self.summed.whitener @ (sums - self.summed.white.T @ white)])

    def _told_of(self, integrals: Sequence[tuple[Integral, tuple[int, ...]]]) -> Summed:
        told = self.told()
        rows = tuple(self._integral(f, orders) for f, orders in integrals)
        with_told = [torch.cat([self.kernel.covariance(a, r).sum(dim=1) for a in told.rows]) for r in rows]
        white = told.white(torch.stack(with_told, dim=1))
        prior = torch.stack([torch.stack([self.kernel.covariance(a, b).sum() for b in rows]) for a in rows])
        noise = prior.new_tensor([f.deviation for f, _ in integrals]) / told.amplitude
        sizes = prior.diagonal().clamp(min=0).sqrt()
        sizes = torch.where(sizes > 0, sizes, torch.ones_like(sizes))
        left = (prior - white.T @ white + torch.diag(noise.square())) / sizes[:, None] / sizes
        spread, basis = torch.linalg.eigh((left + left.T) / 2)
        values = prior.new_tensor(
            [f.value - float(f.weights @ replace(self, orders=o)(f.points)[:, self._index(f)]) for f, o in integrals]
        )
        components, known = basis.T @ (values / sizes), spread <= KNOWN
        miss = float(components[known].abs().max()) / told.amplitude if bool(known.any()) else 0.0
        if miss > MISFIT:
            raise ValueError(
                f"given of {self.problem.name!r}: the integrals cannot all be exact: each other or what is known "
                f"without doubt, such as conditions, keep them {miss:.3g} prior standard deviations away; give them a "
                "deviation"
            )
        whitener = (basis[:, ~known] / spread[~known].sqrt()).T / sizes
        return Summed(rows, white, whitener, whitener.T @ (whitener @ values), noise)

    # -- pieces --------------------------------------------------------------------------------------------

    @property
    def _orders(self) -> tuple[int, ...]:
        return self.orders or (0,) * len(self.problem.coordinates)

    @property
    def _unknowns(self) -> int:
        return len(self.problem.unknowns)

    def _index(self, functional: Integral) -> int:
        if functional.unknown not in self.problem.names:
            raise ValueError(
                f"given of {self.problem.name!r}: the integral is of {functional.unknown!r}, which is none of its "
                f"unknowns {', '.join(self.problem.names)}"
            )
        return self.problem.names.index(functional.unknown)

    def _integral(self, functional: Integral, orders: tuple[int, ...]) -> Functionals:
        where = self._where(functional.points)
        weights = torch.as_tensor(np.array(functional.weights)).to(where)
        return Functionals(where, (Term(self._index(functional), orders, weights),))

    def _where(self, points: np.ndarray) -> Tensor:
        like = self.representers.points
        return torch.as_tensor(np.array(checked_points(self.problem, points))).to(like)

    def _parts(self, where: Tensor) -> Iterator[Tensor]:
        rows = sum(len(r) for r in self.told().rows)
        return iter(where.split(max(1, CHUNK // (rows * self._unknowns))))

    def _values(self, where: Tensor) -> list[Functionals]:
        """Each unknown at some points."""
        one = torch.ones_like(where[:, 0])
        return [Functionals(where, (Term(i, self._orders, one),)) for i in range(self._unknowns)]

    def _covariances(self, where: Tensor, row: Functionals) -> Tensor:
        """Covariances with the sum of functionals, `(unknowns, n)`."""
        return self.kernel.jets(where, [(i, self._orders) for i in range(self._unknowns)], row)

    def _left(self, where: Tensor) -> tuple[Tensor, Tensor]:
        """Whitened covariances with what was told first `(unknowns, N, n)`; those left with integrals `(..., n, k)`."""
        told = self.told()
        rows = [torch.cat([self.kernel.covariance(r, f) for r in told.rows]) for f in self._values(where)]
        white = torch.stack([told.white(r) for r in rows])
        if self.summed is None:
            return white, white.new_zeros(self._unknowns, len(where), 0)
        sums = torch.stack([self._covariances(where, r) for r in self.summed.rows], dim=2)
        return white, sums - white.transpose(1, 2) @ self.summed.white

    def _white(self, where: Tensor) -> Tensor:
        """Whitened covariances with all that was told `(unknowns, N + r, n)`."""
        white, left = self._left(where)
        if self.summed is None:
            return white
        return torch.cat([white, (left @ self.summed.whitener.T).transpose(1, 2)], dim=1)

    def _white_sums(self, draws: PriorDraws, white: Tensor, generator: torch.Generator) -> Tensor:
        """The integrals of drawn functions, whitened `(r, count)`."""
        if self.summed is None:
            return white[:0]
        found = torch.stack([draws.measured(r).sum(dim=0) for r in self.summed.rows])
        errors = torch.randn(found.shape, generator=generator, dtype=torch.float64).to(found)
        found = found + self.summed.noise[:, None] * errors
        return self.summed.whitener @ (found - self.summed.white.T @ white)
