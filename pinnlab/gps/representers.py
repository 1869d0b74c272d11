"""Posterior means as sums of covariance functions, and what equations say about them once they are linearised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from pinnlab.errors import SolveFailed, UnsupportedProblem
from pinnlab.forms.linearized import Linearized
from pinnlab.gps.system import Measurements, require_finite
from pinnlab.numerics.derivative_gram import Functionals, ProductKernel, Term

JetAt = tuple[int, tuple[int, ...]]
"""Which unknown, and the orders of its derivative."""


@dataclass(frozen=True, eq=False)
class Site:
    """Points, and the derivatives that are asked for there.

    Attributes:
        points: `(n, dim)`.
        jets: Which ones.
    """

    points: Tensor
    jets: tuple[JetAt, ...]

    @property
    def count(self) -> int:
        """The number of derivatives at points."""
        return len(self.points) * len(self.jets)


@dataclass(frozen=True, eq=False)
class Linearisation:
    """All that the process is told, linear: functionals of it have values with noise.

    Attributes:
        rows: One set of functionals for each residual, then for each column of observations.
        seats: The site of each, and the position there of the derivative that each of its terms takes.
        values: `(N,)`.
        sizes: Prior standard deviations of the functionals `(N,)`, one where the functional is zero.
        noise: Standard deviations `(N,)` of observations, zero for residuals.
    """

    rows: tuple[Functionals, ...]
    seats: tuple[tuple[int, tuple[int, ...]], ...]
    values: Tensor
    sizes: Tensor
    noise: Tensor

    @property
    def parts(self) -> tuple[slice, ...]:
        """Where each set lies among all rows."""
        ends = np.cumsum([len(r) for r in self.rows])
        return tuple(slice(int(e) - len(r), int(e)) for e, r in zip(ends, self.rows, strict=True))

    def only(self, picked: Tensor) -> Linearisation:
        """Some of the measurements, by their numbers in rising order; `seats` stay those of the sets."""
        rows = tuple(
            r.part(picked[(picked >= p.start) & (picked < p.stop)] - p.start)
            for r, p in zip(self.rows, self.parts, strict=True)
        )
        return Linearisation(rows, self.seats, self.values[picked], self.sizes[picked], self.noise[picked])


@dataclass(frozen=True, eq=False)
class Representers:
    """Functions sum of c_(j,p) cov(u(x), d^j u(x_p)) over the derivatives that the measurements ask for, where they do.

    The posterior mean of every linearisation is one of them, and so is what lies between two: the coefficients c are
    one vector `(count,)` whatever the problem is linearised at (Y. Chen, B. Hosseini, H. Owhadi, A. M. Stuart,
    J. Comput. Phys. 447 (2021) 110668, section 3.2, where the values of the derivatives are the variables instead).
    """

    measurements: Measurements
    kernel: ProductKernel
    device: torch.device

    @classmethod
    def of(cls, measurements: Measurements, device: torch.device) -> Representers:
        """Those of the prior of the measurements.

        Raises:
            UnsupportedProblem: If the problem has unknown parameters, or asks for more derivatives than there are.
        """
        problem, prior = measurements.problem, measurements.prior
        if any(p.is_unknown for p in problem.parameters):
            raise UnsupportedProblem(
                f"SpectralGp on {problem.name!r}: unknown parameters are found by algebra=WeightSpace() only"
            )
        for cloud in measurements.clouds:
            for row in cloud.rows:
                prior.require_derivatives(problem, row.jets)
        return cls(measurements, ProductKernel(prior.kernels, prior.amplitudes), device)

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        """One for each cloud, then one for each set of observations."""
        problem, out = self.measurements.problem, []
        for cloud in self.measurements.clouds:
            jets = sorted({_at(row, k, problem.names) for row in cloud.rows for k in range(len(row.jets))})
            out.append(Site(cloud.points, tuple(jets)))
        zero = (0,) * len(problem.coordinates)
        for observed in self.measurements.observations:
            jets = [(unknown, zero) for unknown in observed.columns(problem)]
            out.append(Site(self._tensor(observed.points), tuple(jets)))
        return tuple(out)

    def start(self) -> Tensor:
        """The coefficients of the prior mean."""
        return torch.zeros(sum(s.count for s in self.sites), dtype=torch.float64, device=self.device)

    def functionals(self, coefficients: Tensor) -> Functionals:
        """What the covariances are with, whose sum the function is."""
        weights = coefficients.new_zeros(len(self._union), len(self._points))
        start = 0
        for site, part in zip(self.sites, coefficients.split([s.count for s in self.sites]), strict=True):
            end = start + len(site.points)
            weights[self._kept(site), start:end] = part.reshape(len(site.jets), -1)
            start = end
        return Functionals(self._points, tuple(Term(*j, w) for j, w in zip(self._union, weights, strict=True)))

    def jets(self, coefficients: Tensor) -> list[Tensor]:
        """The derivatives at each site, `(jets, n)`; those of the last function are kept."""
        if not self._memory or not torch.equal(self._memory[0][0], coefficients):
            self._memory[:] = [(coefficients, self.derivatives(coefficients))]
        return self._memory[0][1]

    @cached_property
    def _memory(self) -> list[tuple[Tensor, list[Tensor]]]:
        return []

    def derivatives(self, coefficients: Tensor) -> list[Tensor]:
        """The same, of a function that is not asked for again."""
        if not bool(coefficients.any()):
            return [s.points.new_zeros(len(s.jets), len(s.points)) for s in self.sites]
        found = self.kernel.jets(self._points, self._union, self.functionals(coefficients))
        parts = found.split([len(s.points) for s in self.sites], dim=1)
        return [part[self._kept(site)] for site, part in zip(self.sites, parts, strict=True)]

    # One call for all sites: some derivatives at the boundary are for nothing, but many small calls would take longer.

    @cached_property
    def _points(self) -> Tensor:
        return torch.cat([s.points for s in self.sites])

    @cached_property
    def _union(self) -> tuple[JetAt, ...]:
        return tuple(sorted({j for s in self.sites for j in s.jets}))

    def _kept(self, site: Site) -> list[int]:
        return [self._union.index(j) for j in site.jets]

    def residual(self, coefficients: Tensor) -> Tensor:
        """All residuals `(N,)`, and what observations miss by."""
        jets, out = self.jets(coefficients), []
        for k, cloud in enumerate(self.measurements.clouds):
            for row, seats in zip(cloud.rows, self._seats[k], strict=True):
                found = [jets[k][i] for i in seats]
                out.append(row.values(found, cloud.points, cloud.normals, cloud.carried))
        for values, observed in zip(jets[len(self.measurements.clouds) :], self.measurements.observations, strict=True):
            out.append((values - self._tensor(observed.values).T).reshape(-1))
        return torch.cat(out)

    def linearised(self, coefficients: Tensor) -> Linearisation:
        """The problem linearised at a function.

        Raises:
            SolveFailed: If a residual or a derivative of it is not finite, or does not depend on the unknowns.
        """
        jets = self.jets(coefficients)
        rows, seats, values, noise = [], [], [], []
        for k, cloud in enumerate(self.measurements.clouds):
            for row, places in zip(cloud.rows, self._seats[k], strict=True):
                found = [jets[k][i] for i in places]
                residual, partials = row.values_and_partials(found, cloud.points, cloud.normals, cloud.carried)
                require_finite(cloud, residual, partials)
                terms = [Term(*self.sites[k].jets[i], p) for i, p in zip(places, partials, strict=True)]
                rows.append(Functionals(cloud.points, tuple(terms)))
                seats.append((k, places))
                values.append(sum((p * j for p, j in zip(partials, found, strict=True)), -residual))
                noise.append(torch.full_like(residual, self.measurements.deviation(k)))
        first = len(self.measurements.clouds)
        for k, observed in enumerate(self.measurements.observations, start=first):
            site = self.sites[k]
            for i, jet in enumerate(site.jets):
                rows.append(Functionals(site.points, (Term(*jet, torch.ones_like(site.points[:, 0])),)))
                seats.append((k, (i,)))
                values.append(self._tensor(observed.values)[:, i])
                noise.append(self._tensor(observed.noise)[:, i])
        return Linearisation(tuple(rows), tuple(seats), torch.cat(values), self._sizes(rows), torch.cat(noise))

    def gather(self, told: Linearisation, dual: Tensor) -> Tensor:
        """The coefficients of the sum of dual_r cov(u(x), row r) `(count,)`."""
        out = [s.points.new_zeros(len(s.jets), len(s.points)) for s in self.sites]
        for row, (site, places), part in zip(told.rows, told.seats, told.parts, strict=True):
            for place, term in zip(places, row.terms, strict=True):
                out[site][place] += dual[part] * term.coefficient
        return torch.cat([o.reshape(-1) for o in out])

    @cached_property
    def _seats(self) -> list[list[tuple[int, ...]]]:
        """The position among the derivatives of its site of each that a residual holds."""
        names, out = self.measurements.problem.names, []
        for cloud, site in zip(self.measurements.clouds, self.sites, strict=False):
            out.append([tuple(site.jets.index(_at(r, k, names)) for k in range(len(r.jets))) for r in cloud.rows])
        return out

    def _sizes(self, rows: Sequence[Functionals]) -> Tensor:
        parts = []
        for row in rows:
            # Rounding may turn the variance of a functional that cancels itself negative.
            size = self.kernel.variance(row).clamp(min=0).sqrt()
            if not bool(size.any()):
                raise SolveFailed(
                    "SpectralGp: an equation or condition, linearised at the first guess or at an iterate, holds no "
                    "unknown; write it for a shifted unknown, u = 1 + v say"
                )
            parts.append(torch.where(size > 0, size, torch.ones_like(size)))
        return torch.cat(parts)

    def _tensor(self, array: np.ndarray | float) -> Tensor:
        return torch.as_tensor(np.array(array), dtype=torch.float64, device=self.device)


def _at(row: Linearized, k: int, names: Sequence[str]) -> JetAt:
    jet = row.jets[k]
    return names.index(jet.field), jet.orders
