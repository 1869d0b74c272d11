"""Gaussian processes with finitely many spectral lines, conditioned in the space of their weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
import torch
from torch import Tensor

from pinnlab.domain.box import Box
from pinnlab.domain.even_points import bounding_box
from pinnlab.errors import SolveFailed, UnsupportedProblem
from pinnlab.gps.placement import Placement
from pinnlab.gps.prior import Prior
from pinnlab.gps.system import Algebra, GpSystem, Measurements
from pinnlab.numerics.gaussian_weights import Conditioned, GaussianWeights
from pinnlab.numerics.line_spectrum import LineSpectrum
from pinnlab.posterior import WeightPosterior
from pinnlab.problem import Problem
from pinnlab.row_system import Cloud
from pinnlab.training.bounded import Bounded
from pinnlab.training.estimate import Estimate
from pinnlab.training.optimizer import require_counts, require_positive
from pinnlab.training.refusals import require_memory

# Share of the variance of a kernel that its lines may leave out.
TOLERANCE = 1e-14
# Prior standard deviation of an unknown parameter, in the units of `Bounded`.
WIDE = 10.0
# Logarithm of the largest factor by which an amplitude changes in one step.
SIZES = math.log(1e3)
# Standard deviation of the logarithm of an amplitude before data, about that of their root mean square.
SPREAD = math.log(10)
# Weights beyond which a step of the evidence costs more than it brings.
SWEPT = 1200
# Nugget of exact residuals in the second scaling of the line search.
LOOSE = 1e-3


@dataclass(frozen=True)
class SpectralFeatures:
    """All products of one sine or cosine for each coordinate, for each unknown, times their standard deviations.

    Attributes:
        problem: Whose unknowns they make up.
        lines: The spectrum along each coordinate.
        amplitudes: One per unknown.
        parameters: Further weights, of unknown parameters, which no unknown sees.
    """

    problem: Problem
    lines: tuple[LineSpectrum, ...]
    amplitudes: tuple[float, ...]
    parameters: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Features of an unknown along each coordinate."""
        return tuple(len(s.line) for s in self.lines)

    @property
    def block(self) -> int:
        """Features of an unknown."""
        return math.prod(self.shape)

    @property
    def count(self) -> int:
        """Weights in all."""
        return self.block * len(self.amplitudes) + self.parameters

    def products(self, points: Tensor, orders: Sequence[int]) -> Tensor:
        """The derivatives `(n, block)` of the features of an unknown of amplitude 1."""
        factors = [s.features(points[:, i], m) for i, (s, m) in enumerate(zip(self.lines, orders, strict=True))]
        return reduce(lambda a, b: (a[:, :, None] * b[:, None, :]).reshape(len(points), -1), factors)

    def rows(self, points: Tensor, orders: Sequence[int]) -> Tensor:
        """The derivatives of all unknowns by all weights, `(unknowns, n, count)`."""
        one = self.products(points, orders)
        out = one.new_zeros(len(self.amplitudes), len(points), self.count)
        for i, amplitude in enumerate(self.amplitudes):
            out[i, :, i * self.block : (i + 1) * self.block] = amplitude * one
        return out


@dataclass(frozen=True)
class WeightSpace(Algebra):
    """Sines and cosines with Gaussian weights, found by one QR factorisation for each linear problem.

    For priors with a finite spectrum, or a smooth one that a few lines represent; any points, boxes and shapes.  The
    time is that of a least-squares problem with as many columns as there are weights: the product over coordinates of
    about 0.5 L k, with L the length and k the largest angular frequency.  It keeps about twice the digits of `Dense`.

    Args:
        most: The largest number of weights.
        memory: Largest number of bytes.
    """

    most: int = 4000
    memory: float = 8e9

    def __post_init__(self) -> None:
        require_counts(self, most=self.most)
        require_positive(self, memory=self.memory)

    @property
    def nugget(self) -> float:
        """Near rounding: nothing is squared."""
        return 1e-12

    def lines(self, problem: Problem, prior: Prior) -> tuple[LineSpectrum, ...]:
        """The spectrum along each coordinate.

        Raises:
            UnsupportedProblem: If a kernel is too rough to be represented by lines.
        """
        low, high = bounding_box(problem.spacetime)
        closed = closed_axes(problem)
        kernels = zip(prior.kernels, low, high, closed, strict=True)
        try:
            return tuple(LineSpectrum.of(k, float(a), float(b - a), TOLERANCE, c) for k, a, b, c in kernels)
        except ValueError as error:
            raise UnsupportedProblem(f"WeightSpace on {problem.name!r}: {error}") from None

    def system(self, measurements: Measurements, placement: Placement, device: torch.device) -> WeightSystem:
        """Features at all points.

        Raises:
            UnsupportedProblem: If a kernel is too rough, or there are more weights than allowed.
            ValueError: If it takes more memory than it may.
        """
        problem, prior = measurements.problem, measurements.prior
        parameters = len([p for p in problem.parameters if p.is_unknown])
        features = SpectralFeatures(problem, self.lines(problem, prior), prior.amplitudes, parameters)
        if features.count > self.most:
            raise UnsupportedProblem(
                f"WeightSpace on {problem.name!r}: {features.count} weights, more than {self.most}; give a longer "
                "kernel, cut time with windows=, take algebra=Kronecker() on a box, or SparseCholesky() with a Matern "
                "kernel"
            )
        derivatives = sum(len(c.points) * len(c.orders) for c in measurements.clouds) * features.block
        rows = (2 * measurements.count + 3 * features.count) * features.count
        require_memory(self, "a least-squares problem", derivatives + rows, self.memory, "take fewer points")
        return WeightSystem(measurements, features, device)


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
        pairs = list(zip(self.features.lines, previous.features.lines, strict=True))
        unknowns, last = len(self.features.amplitudes), previous.features.block * len(self.features.amplitudes)
        told = coefficients[:last].reshape(unknowns, *previous.features.shape)
        sizes = torch.tensor(previous.features.amplitudes) / torch.tensor(self.features.amplitudes)
        told = told * sizes.to(told).reshape(-1, *[1] * len(pairs))
        for axis, (new, old) in enumerate(pairs, start=1):
            common = min(len(new.frequencies), len(old.frequencies))
            here, there = _places(new, common), _places(old, common)
            ratio = torch.sqrt(old.variances[:common] / new.variances[:common].clamp(min=1e-300))[old.line[there]]
            told = told.index_select(axis, there.to(told.device))
            told = told * ratio.to(told).reshape([-1 if i == axis else 1 for i in range(told.ndim)])
            wide = told.new_zeros([len(new.line) if i == axis else n for i, n in enumerate(told.shape)])
            told = wide.index_copy(axis, here.to(told.device), told)
        return torch.cat([told.reshape(-1), coefficients[last:]])

    def most_evident(self, coefficients: Tensor, spectra: Sequence[tuple[LineSpectrum, ...]]) -> int | None:
        """The one of greatest evidence for the problem linearised there, each with its best amplitude."""
        if self.measurements.is_noisy or self.features.parameters:
            return None
        rows, values, noise = self._linear(coefficients)
        count = len(rows)
        # All spectra see the same noise, so that the rows need to be reduced only once.
        reduced = torch.linalg.qr(torch.column_stack([rows, values]) / noise[:, None], mode="r").R
        return int(np.argmax([self._evidence(reduced, count, self._ratio(s)) for s in spectra]))

    def _ratio(self, spectrum: tuple[LineSpectrum, ...]) -> Tensor:
        """The standard deviations of the weights under another spectrum, in units of those here."""
        factors = []
        for new, old in zip(spectrum, self.features.lines, strict=True):
            variances = torch.zeros_like(old.variances)
            variances[: len(new.variances)] = new.variances
            factors.append(torch.sqrt(variances / old.variances)[old.line])
        one = reduce(lambda a, b: (a[:, None] * b).reshape(-1), factors)
        return one.repeat(len(self.features.amplitudes)).to(self.device)

    def _evidence(self, reduced: Tensor, count: int, deviations: Tensor) -> float:
        """The evidence of rows reduced to a triangle, up to a constant, for the amplitude that makes it most."""
        kept = torch.nonzero(deviations > 0)[:, 0]
        k = len(kept)
        scaled = torch.column_stack([reduced[:, kept] * deviations[kept], reduced[:, -1]])
        identity = torch.eye(k, k + 1, dtype=scaled.dtype, device=scaled.device)
        triangle = torch.linalg.qr(torch.cat([scaled, identity]), mode="r").R
        misfit = triangle[k, k].square().clamp(min=1e-300)
        return float(-count / 2 * torch.log(misfit / count) - triangle.diagonal()[:k].abs().log().sum())

    def more_evident(self, coefficients: Tensor) -> tuple[tuple[LineSpectrum, ...], tuple[float, ...]] | None:
        """After one step of expectation maximisation for the lines, or with the amplitude of greatest evidence.

        Where data are noisy the lines stay: equations without a right-hand side would drive the variances of all to
        nothing, since small functions satisfy them best.
        """
        found = self._conditioned(coefficients)
        if not self.measurements.is_noisy:
            if self.features.count > SWEPT:
                return None
            return self._spectra(coefficients), tuple(a * self._size(found) for a in self.features.amplitudes)
        factor = self._growth(coefficients)
        return self.features.lines, tuple(a * factor for a in self.features.amplitudes)

    def _growth(self, coefficients: Tensor) -> float:
        """By what factor all amplitudes grow to those of greatest evidence, in what the exact equations leave."""
        rows, values, noise = self._linear(coefficients)
        noisy = torch.cat([self._deviations, self._observed[2]]) > 0
        exact = (
            GaussianWeights.prior(torch.ones_like(rows[0])).given(rows[~noisy], values[~noisy], noise[~noisy]).weights
        )
        size = float(values[noisy].square().mean().sqrt()) or 1.0
        expected = size / math.exp(float(np.log(self.features.amplitudes).mean()))
        return best_size(exact, rows[noisy], values[noisy], noise[noisy], expected, self.features.parameters)

    def _spectra(self, coefficients: Tensor) -> tuple[LineSpectrum, ...]:
        """The lines along each coordinate after one step of expectation maximisation of the evidence.

        Each variance becomes the mean of the squares of the weights that share the line, under the posterior
        (A. P. Dempster, N. M. Laird, D. B. Rubin, J. R. Stat. Soc. B 39 (1977) 1-38; with a variance for each weight
        this is how sparse Bayesian learning prunes, M. E. Tipping, J. Mach. Learn. Res. 1 (2001) 211-244).  Lines that
        the measurements do not ask for die out.
        """
        second = self._second_moments(coefficients).mean(dim=0)
        out = []
        for axis, spectrum in enumerate(self.features.lines):
            others = [i for i in range(second.ndim) if i != axis]
            along = second.mean(dim=others) if others else second
            index = spectrum.line.to(along.device)
            sums = torch.zeros(len(spectrum.variances), dtype=along.dtype, device=along.device)
            means = sums.index_add(0, index, along) / sums.index_add(0, index, torch.ones_like(along))
            second = second / means[index].reshape([-1 if i == axis else 1 for i in range(second.ndim)])
            variances = spectrum.variances.to(means) * means
            out.append(LineSpectrum(spectrum.frequencies, (variances / variances.sum()).cpu(), spectrum.origin))
        return tuple(out)

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
        rows, values, _ = self._observed
        return [*out, rows @ coefficients - values]

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
                _require_finite(cloud, residual, partials)
                matrix = coefficients.new_zeros(len(residual), self.features.count)
                for jet, partial in zip(row.jets, partials, strict=False):
                    i = names.index(jet.field)
                    products = self._jets[which][jet.orders]
                    matrix[:, i * block : (i + 1) * block] += partial[:, None] * products * self.features.amplitudes[i]
                self._add_parameters(matrix, partials[len(row.jets) :], coefficients)
                parts.append(matrix)
                right.append(matrix @ coefficients - residual)
        told = torch.cat(parts)
        noise = self.measurements.nugget * torch.linalg.vector_norm(told, dim=1)
        noise = torch.where(noise > 0, noise, self.measurements.nugget)
        noise = torch.where(self._deviations > 0, self._deviations, noise)
        rows, values, sigma = self._observed
        return torch.cat([told, rows]), torch.cat([*right, values]), torch.cat([noise, sigma])

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
    def _memory(self) -> list[tuple[Tensor, Conditioned]]:
        return []

    def _conditioned(self, coefficients: Tensor) -> Conditioned:
        """The posterior of the problem linearised at some weights; that of the last ones is kept."""
        if not self._memory or not (self.measurements.is_linear or torch.equal(self._memory[0][0], coefficients)):
            found = self._posterior(*self._linear(coefficients))
            if not torch.isfinite(found.weights.mean).all():
                raise SolveFailed(
                    f"SpectralGp: the equations leave some weights undetermined in spite of a nugget of "
                    f"{self.measurements.nugget:g}; raise nugget"
                )
            self._memory[:] = [(coefficients, found)]
        return self._memory[0][1]

    def _posterior(self, rows: Tensor, values: Tensor, noise: Tensor) -> Conditioned:
        """First what is exact, then what is noisy, so that the evidence is of the noisy given the exact."""
        prior = GaussianWeights.prior(torch.ones_like(rows[0]))
        if not self.measurements.is_noisy:
            return prior.given(rows, values, noise)
        noisy = torch.cat([self._deviations, self._observed[2]]) > 0
        exact = prior.given(rows[~noisy], values[~noisy], noise[~noisy]).weights
        return exact.given(rows[noisy], values[noisy], noise[noisy])

    def _size(self, found: Conditioned) -> float:
        """The amplitude of greatest evidence, in units of the prior's, where all noise is in these units."""
        if self.measurements.is_noisy:
            return 1.0
        return math.sqrt(max(found.misfit, 1e-300) / self.measurements.count)

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


def best_size(
    weights: GaussianWeights, rows: Tensor, values: Tensor, noise: Tensor, expected: float = 1.0, wide: int = 0
) -> float:
    """The factor a on the spread of weights that maximises the density of values and of log a together.

    With the singular values s of rows factor / noise and the parts r of the misfit along them the logarithm is
    -sum(log(1 + a^2 s^2) + r^2 / (1 + a^2 s^2)) / 2 - log(a / expected)^2 / (2 `SPREAD`^2), so that one factorisation
    serves all a.  The weak prior of the last term decides where values do not: without it values that agree with what
    is expected would make a vanish and the answer certain (A. Gelman, Bayesian Anal. 1 (2006) 515-533, section 5).

    Args:
        weights: Before the values.
        rows: (n, M).
        values: (n,).
        noise: Standard deviations (n,).
        expected: The median of a before the values.
        wide: How many of the weights are too wide to be counted among those of a size.
    """
    left, sizes, _ = torch.linalg.svd((rows @ weights.factor) / noise[:, None], full_matrices=False)
    parts = (left.T @ ((values - rows @ weights.mean) / noise)).square()
    logs = torch.linspace(-SIZES, SIZES, 1201, dtype=rows.dtype, device=rows.device)
    spread = 1 + (torch.exp(2 * logs)[:, None] * sizes.square())
    before = -((logs - math.log(expected)) / SPREAD).square() / 2 + wide * logs
    density = before - (spread.log() + parts / spread).sum(dim=1) / 2
    return math.exp(float(logs[int(density.argmax())]))


def closed_axes(problem: Problem) -> list[bool]:
    """Whether each coordinate is periodic."""
    region = problem.region
    return [isinstance(region, Box) and c in region.periodic for c in problem.coordinates]


def _places(spectrum: LineSpectrum, first: int) -> Tensor:
    """Where the features of the first lines of a spectrum are among those of all."""
    return torch.nonzero(spectrum.line < first)[:, 0]


def _require_finite(cloud: Cloud, residual: Tensor, partials: Sequence[Tensor]) -> None:
    for value in (residual, *partials):
        bad = torch.nonzero(~torch.isfinite(value))[:, 0]
        if len(bad):
            place = ", ".join(f"{float(v):.6g}" for v in cloud.points[bad[0]])
            raise SolveFailed(
                f"SpectralGp: the {cloud.name}, or its derivative by an unknown, is {float(value[bad[0]])} at "
                f"({place}); check its data there, or write the equation for a shifted unknown if u = 0 is singular"
            )
