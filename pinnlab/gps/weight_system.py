"""What a process with finitely many spectral lines is told, as linear measurements of its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from pinnlab.errors import SolveFailed
from pinnlab.gps.spectral_features import SpectralFeatures
from pinnlab.gps.system import GpSystem, Measurements, require_finite
from pinnlab.gps.weight_evidence import careful_size, maximised, most_likely, profiled
from pinnlab.numerics.gaussian_weights import Conditioned, GaussianWeights
from pinnlab.numerics.line_spectrum import LineSpectrum
from pinnlab.posterior import WeightPosterior
from pinnlab.row_system import Cloud
from pinnlab.training.bounded import Bounded
from pinnlab.training.estimate import Estimate

# Prior standard deviation of an unknown parameter, in the units of `Bounded`.
WIDE = 10.0
# Weights beyond which a step of the evidence costs more than it brings.
SWEPT = 1200
# Amplitudes whose logarithms differ by less are the same to what noisy values can tell.
SAME = 0.1
# The size that values may have which are hidden in noise, in units of it.
HIDDEN = 10.0
# Nugget of exact residuals in the second scaling of the line search.
LOOSE = 1e-3


@dataclass(frozen=True, eq=False)
class Told:
    """A linear problem: first what is exact, then what is noisy, whose evidence is given the exact.

    Attributes:
        exact: The weights given all that is exact.
        rows: (n, M), of what is noisy.
        values: (n,).
        noise: Standard deviations (n,).
    """

    exact: Conditioned
    rows: Tensor
    values: Tensor
    noise: Tensor

    @cached_property
    def all(self) -> Conditioned:
        """The weights given everything."""
        return self.exact.weights.given(self.rows, self.values, self.noise) if len(self.rows) else self.exact


@dataclass(frozen=True, eq=False)
class WeightSystem(GpSystem):
    """All measurements as rows of weights; coefficients are weights `(count,)` in units of their prior deviations."""

    measurements: Measurements
    features: SpectralFeatures
    device: torch.device

    def start(self) -> Tensor:
        """All zero: the prior mean, with parameters at their guesses."""
        return torch.zeros(self.features.count, dtype=torch.float64, device=self.device)

    def residual(self, coefficients: Tensor) -> Tensor:
        """All residuals in units of their noise, the nugget taken about the prior mean."""
        return torch.cat(self._misfits(coefficients)) / self._first_noise

    def merits(self, coefficients: Tensor) -> tuple[float, ...]:
        """The root of minus twice the logarithm of the posterior density, up to a constant, with two nuggets.

        With its own nugget, and with `LOOSE` in place of it: along the narrow valley where exact residuals vanish no
        straight step would be long enough.
        """
        residual, exact = self.residual(coefficients), len(self._deviations)
        loosened = torch.where(self._deviations > 0, 1.0, min(1.0, self.measurements.nugget / LOOSE))
        loose = torch.cat([residual[:exact] * loosened, residual[exact:]])
        size = float(torch.linalg.vector_norm(coefficients))
        return tuple(math.hypot(float(torch.linalg.vector_norm(r)), size) for r in (residual, loose))

    def linearized(self, coefficients: Tensor) -> Tensor:
        """The posterior mean of the linearised problem."""
        return self._conditioned(coefficients).weights.mean

    def log_evidence(self, coefficients: Tensor) -> float:
        """Of the problem linearised there.

        Beside noise of its own size: of what is noisy, given what is exact.  Else of all, for the best amplitude.
        """
        found, count = self._conditioned(coefficients), self.measurements.count
        if self.measurements.is_noisy:
            return found.log_evidence
        # All noise is in units of the prior, so that an amplitude scales the whole covariance.
        return found.log_evidence + (found.misfit - count) / 2 - count * math.log(self._size(found))

    def scalars(self, coefficients: Tensor) -> Mapping[str, float]:
        """The evidence."""
        return {"log_evidence": self.log_evidence(coefficients)}

    def mean(self, coefficients: Tensor) -> WeightPosterior:
        """The mean as if it were certain, without a factorisation."""
        weights = GaussianWeights(coefficients, coefficients.new_zeros(len(coefficients), 0))
        return WeightPosterior(self.measurements.problem, weights, self.features, (), self._estimates(weights))

    def field(self, coefficients: Tensor) -> WeightPosterior:
        """The posterior; its standard deviation is for the amplitude of greatest evidence."""
        found = self._conditioned(coefficients)
        weights = GaussianWeights(coefficients, found.weights.factor * self._size(found))
        return WeightPosterior(self.measurements.problem, weights, self.features, (), self._estimates(weights))

    def carried(self, previous: GpSystem, coefficients: Tensor) -> Tensor:
        """The same function, where its lines are among these; the prior mean otherwise."""
        if not isinstance(previous, WeightSystem):
            return self.start()
        return self.features.carried(previous.features, coefficients)

    def most_evident(self, coefficients: Tensor, spectra: Sequence[tuple[LineSpectrum, ...]]) -> int | None:
        """The one of greatest evidence for the problem linearised there, each with its best amplitude."""
        if self.measurements.is_noisy or self.features.parameters:
            return None
        rows, values, noise = self._linear(coefficients)
        # All spectra see the same noise, so that the rows need to be reduced only once.
        reduced = torch.linalg.qr(torch.column_stack([rows, values]) / noise[:, None], mode="r").R
        ratios = (self.features.ratio(s).to(self.device) for s in spectra)
        return most_likely([profiled(reduced, len(rows), r) for r in ratios])

    def more_evident(self, coefficients: Tensor) -> tuple[tuple[LineSpectrum, ...], tuple[float, ...]] | None:
        """After one step of expectation maximisation for the lines, or with the amplitude of greatest evidence.

        Where data are noisy the lines stay: equations without a right-hand side would drive the variances of all to
        nothing, since small functions satisfy them best.
        """
        found = self._conditioned(coefficients)
        if not self.measurements.is_noisy:
            if self.features.count > SWEPT:
                return None
            lines = maximised(self.features.lines, self._second_moments(coefficients).mean(dim=0))
            return lines, tuple(a * self._size(found) for a in self.features.amplitudes)
        factor = self._growth(coefficients)
        if abs(math.log(factor)) < SAME:
            return None
        return self.features.lines, tuple(a * factor for a in self.features.amplitudes)

    def _growth(self, coefficients: Tensor) -> float:
        """By what factor all amplitudes grow to those noisy values speak for, in what the equations leave."""
        told = self._told(coefficients)
        # Before the values: the largest of what the equations ask for, the values' own size, and what noise may hide.
        unit = math.exp(float(np.log(self.features.amplitudes).mean()))
        sizes = [math.sqrt(told.exact.misfit / max(1, self.measurements.count - len(told.rows)))]
        sizes += [float(told.values.square().mean().sqrt()) / unit]
        sizes += [HIDDEN * float(told.noise.square().mean().sqrt()) / unit]
        wide = self.features.parameters
        return careful_size(told.exact.weights, told.rows, told.values, told.noise, max(sizes), wide)

    # -- rows ----------------------------------------------------------------------------------------------

    @cached_property
    def _jets(self) -> list[dict[tuple[int, ...], Tensor]]:
        """The derivatives of the features at the points of each cloud."""
        return [{o: self.features.products(c.points, o) for o in c.orders} for c in self.measurements.clouds]

    @cached_property
    def _bounded(self) -> Bounded:
        unknown = [p for p in self.measurements.problem.parameters if p.is_unknown]
        return Bounded.of([float(p.guess or 0.0) for p in unknown], [p.bounds for p in unknown])

    def _numbers(self, coefficients: Tensor) -> list[Tensor]:
        """The unknown parameters."""
        free = WIDE * coefficients[self.features.count - self.features.parameters :]
        return self._bounded(free) if len(free) else []

    def _values(self, which: int, coefficients: Tensor) -> dict[tuple[str, tuple[int, ...]], Tensor]:
        """The jets at the points of one cloud."""
        block, names = self.features.block, self.measurements.problem.names
        out = {}
        for orders, products in self._jets[which].items():
            for i, (name, a) in enumerate(zip(names, self.features.amplitudes, strict=True)):
                out[name, orders] = a * (products @ coefficients[i * block : (i + 1) * block])
        return out

    def _misfits(self, coefficients: Tensor) -> list[Tensor]:
        """All residuals."""
        out, numbers = [], self._numbers(coefficients)
        for which, cloud in enumerate(self.measurements.clouds):
            values = self._values(which, coefficients)
            for row in cloud.rows:
                jets = [values[j.field, j.orders] for j in row.jets]
                out.append(row.values(jets, cloud.points, cloud.normals, cloud.carried, numbers))
        rows, observed, _ = self._observed
        return [*out, rows @ coefficients - observed]

    def _linear(self, coefficients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rows, values and noise of the problem linearised at some weights."""
        block, names = self.features.block, self.measurements.problem.names
        numbers = self._numbers(coefficients)
        parts, right = [], []
        for which, cloud in enumerate(self.measurements.clouds):
            values = self._values(which, coefficients)
            for row in cloud.rows:
                jets = [values[j.field, j.orders] for j in row.jets]
                residual, partials = row.values_and_partials(jets, cloud.points, cloud.normals, cloud.carried, numbers)
                require_finite(cloud, residual, partials)
                matrix = coefficients.new_zeros(len(residual), self.features.count)
                for jet, partial in zip(row.jets, partials, strict=False):
                    i = names.index(jet.field)
                    products = self._jets[which][jet.orders]
                    matrix[:, i * block : (i + 1) * block] += partial[:, None] * products * self.features.amplitudes[i]
                self._add_parameters(matrix, partials[len(row.jets) :], coefficients)
                _require_unknown(cloud, residual, matrix)
                parts.append(matrix)
                right.append(matrix @ coefficients - residual)
        told = torch.cat(parts)
        noise = self.measurements.nugget * torch.linalg.vector_norm(told, dim=1)
        noise = torch.where(noise > 0, noise, self.measurements.nugget)
        noise = torch.where(self._deviations > 0, self._deviations, noise)
        rows, observed, sigma = self._observed
        return torch.cat([told, rows]), torch.cat([*right, observed]), torch.cat([noise, sigma])

    def _add_parameters(self, matrix: Tensor, partials: Sequence[Tensor], coefficients: Tensor) -> None:
        if not self.features.parameters:
            return
        first = self.features.count - self.features.parameters
        slopes = self._bounded.slopes(WIDE * coefficients[first:])
        for k, partial in enumerate(partials):
            matrix[:, first + k] = WIDE * slopes[k] * partial

    @cached_property
    def _observed(self) -> tuple[Tensor, Tensor, Tensor]:
        """Rows, values and noise of the observations."""
        problem = self.measurements.problem
        zero = (0,) * len(problem.coordinates)
        rows, values, noise = [self.start()[None, :][:0]], [self.start()[:0]], [self.start()[:0]]
        for observed in self.measurements.observations:
            points = torch.as_tensor(np.array(observed.points), dtype=torch.float64, device=self.device)
            found = self.features.rows(points, zero)
            for column, unknown in enumerate(observed.columns(problem)):
                rows.append(found[unknown])
                values.append(torch.as_tensor(np.array(observed.values)[:, column]).to(points))
                noise.append(torch.as_tensor(np.array(observed.noise)[:, column]).to(points))
        return torch.cat(rows), torch.cat(values), torch.cat(noise)

    @cached_property
    def _deviations(self) -> Tensor:
        """The standard deviations of the data of all residuals; 0 where they are exact."""
        clouds = enumerate(self.measurements.clouds)
        return torch.cat([self.start().new_full((c.count,), self.measurements.deviation(k)) for k, c in clouds])

    @cached_property
    def _first_noise(self) -> Tensor:
        return self._linear(self.start())[2]

    # -- posterior -----------------------------------------------------------------------------------------

    @cached_property
    def _memory(self) -> list[tuple[Tensor, Told]]:
        return []

    def _told(self, coefficients: Tensor) -> Told:
        """What is said of the weights by the problem linearised at some; that of the last ones is kept.

        A linear problem is linearised at zero, so that a run that is resumed elsewhere rounds as one that was not.
        """
        at = self.start() if self.measurements.is_linear else coefficients
        if not self._memory or not torch.equal(self._memory[0][0], at):
            rows, values, noise = self._linear(at)
            noisy = torch.cat([self._deviations, self._observed[2]]) > 0
            if not self.measurements.is_noisy:
                noisy = torch.zeros_like(noisy)
            prior = GaussianWeights.prior(torch.ones_like(rows[0]))
            exact = prior.given(rows[~noisy], values[~noisy], noise[~noisy])
            self._memory[:] = [(at, Told(exact, rows[noisy], values[noisy], noise[noisy]))]
        return self._memory[0][1]

    def _conditioned(self, coefficients: Tensor) -> Conditioned:
        """The posterior of the problem linearised at some weights."""
        found = self._told(coefficients).all
        if not torch.isfinite(found.weights.mean).all():
            raise SolveFailed(
                f"SpectralGp: the equations leave some weights undetermined in spite of a nugget of "
                f"{self.measurements.nugget:g}; raise nugget"
            )
        return found

    def _size(self, found: Conditioned) -> float:
        """The amplitude of greatest evidence, in units of the prior's, where all noise is in these units."""
        # Values that are all zero tell nothing of it.
        if self.measurements.is_noisy or found.misfit == 0:
            return 1.0
        return math.sqrt(found.misfit / self.measurements.count)

    def _second_moments(self, coefficients: Tensor) -> Tensor:
        """The posterior mean squares of all weights but parameters, `(unknowns, *shape)`."""
        found = self._conditioned(coefficients)
        squares = (coefficients / self._size(found)).square() + found.weights.factor.square().sum(dim=1)
        last = self.features.block * len(self.features.amplitudes)
        return squares[:last].reshape(-1, *self.features.shape)

    def _estimates(self, weights: GaussianWeights) -> dict[str, Estimate]:
        """What was learned about unknown parameters."""
        unknown = [p for p in self.measurements.problem.parameters if p.is_unknown]
        if not unknown:
            return {}
        first = self.features.count - len(unknown)
        values = self._numbers(weights.mean)
        slopes = (WIDE * self._bounded.slopes(WIDE * weights.mean[first:])).abs()
        deviations = slopes * torch.linalg.vector_norm(weights.factor[first:], dim=1)
        return {
            p.name: Estimate.of_normal(float(v), float(d), p.bounds or (-math.inf, math.inf))
            for p, v, d in zip(unknown, values, deviations, strict=True)
        }


def _require_unknown(cloud: Cloud, residual: Tensor, matrix: Tensor) -> None:
    if bool(residual.any()) and not bool(matrix.any()):
        raise SolveFailed(
            f"SpectralGp: the {cloud.name}, linearised at the first guess or at an iterate, holds no unknown; write it "
            "for a shifted unknown, u = 1 + v say"
        )
