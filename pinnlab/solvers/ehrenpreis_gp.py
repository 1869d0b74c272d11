"""Gaussian processes whose every sample solves a linear system with constant coefficients exactly."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from pinnlab.admissible import is_whole, require_positive
from pinnlab.domain.box import Box
from pinnlab.errors import SolveFailed, UnsupportedProblem
from pinnlab.gps.exponential_family import ExponentialFamily
from pinnlab.gps.linear_measurements import LinearMeasurements, conditions_at, observed, require_linear_conditions
from pinnlab.gps.misfit import unexplained
from pinnlab.gps.spectral_measures import Data, GaussianMeasure, SpectralMeasure, Spectrum
from pinnlab.numerics.exponential_solutions import ExponentialSolutions
from pinnlab.numerics.gaussian_weights import GaussianWeights
from pinnlab.observations import Observations
from pinnlab.posterior import WeightPosterior
from pinnlab.problem import Problem
from pinnlab.solver import CPU, Method, Solver, Status, require_known_parameters
from pinnlab.symbols import Expr

# Most measured values by which the spectrum is chosen; all of them are used for the answer.
JUDGES = 400
# Measured values per function, where the number of points is not given.
OVERSAMPLING = 1.5
# Data that are missed by more than this share of their size are not met.
UNRESOLVED = 3e-2
# Misses of less than this many standard deviations of the noise are no sign of anything.
EXPLAINED = 3.0
# Points of each condition that nothing was told about, of a stream of their own, and what may be missed there.
FRESH, STREAM, UNMET = 200, 1, 1e-3


@dataclass
class EhrenpreisGpState:
    """What a run remembers.

    Attributes:
        seed: Of the points.
        frequencies: For each chart (m, dim - 1).
        weights: Mean (M,) and factor (M, k) of the weights.
        factor: See `weights`.
        finished: Whether the data were used.
        remark: What its user should know.
    """

    seed: int
    frequencies: list[Tensor]
    weights: Tensor
    factor: Tensor
    finished: bool
    remark: str = ""


@dataclass(frozen=True)
class EhrenpreisGp(Solver):
    """Ehrenpreis-Palamodov Gaussian process [1]: the answer solves the equations to rounding, and fits the rest.

        u(x) = Re sum_j g_j e^(z_j.x) p_j(x),   P(z_j) of no full rank,   g_j Gaussian weights

    for P(D) u = 0 with constant coefficients: heat, waves, Laplace, Maxwell, elasticity, and what else has such an
    operator of any order.  Conditions at points, and observed values with their noise, are measurements; the posterior
    follows from one orthogonal factorisation, which keeps the digits that a covariance matrix would lose.  The spectrum
    is chosen by the evidence of the measurements.

    For equations without source, where data are few, scattered or noisy, and for domains on which a finite sum of
    waves converges fast.  Not for sources, coefficients that vary, data with kinks, or thousands of wavelengths; the
    cost is measured values times functions squared.
    Scalars: "log_evidence" of the values by which the spectrum was chosen; "misfit", the root mean square by which the
    answer misses all values, relative to theirs; "length", in units of the box; "inflation" of the noise.

    Args:
        spectrum: `GaussianMeasure` (EPGP) or `SparseMeasure` (S-EPGP).
        noise: Standard deviation with which conditions hold, in units of the standard deviation that what they
            prescribe has under the prior.
        points: Points on each piece where a condition holds; None takes as many as make 1.5 values per function, 0
            leaves the conditions out, so that the answer rests on observations alone.
        observations: Measured values, with noise of their own; their `slack` is of no matter here.
        constraints: Further expressions that are zero, such as the divergence of a magnetic field, which keep out
            solutions that the equations alone allow.
        memory: Bytes that the factorisation may take; what would take more is refused before it starts.

    [1] M. Harkonen, M. Lange-Hegermann, B. Raita, ICML 2023, arXiv:2212.14319.
    """

    spectrum: SpectralMeasure = field(default_factory=GaussianMeasure)
    noise: float = 1e-8
    points: int | None = None
    observations: Observations | tuple[Observations, ...] = ()
    constraints: tuple[Expr, ...] = ()
    memory: float = 4e9

    def __post_init__(self) -> None:
        given = self.observations
        object.__setattr__(self, "observations", (given,) if isinstance(given, Observations) else tuple(given))
        further = self.constraints
        object.__setattr__(self, "constraints", tuple(further) if isinstance(further, Sequence) else (further,))
        require_positive(self, noise=self.noise, memory=self.memory)
        if self.points is not None and (not is_whole(self.points) or self.points < 0):
            raise ValueError(f"EhrenpreisGp: points = {self.points!r}; give a whole number from 0 on")

    def compile(self, problem: Problem, device: torch.device = CPU) -> EhrenpreisGpMethod:
        """Find the variety of the equations and what is measured.

        Raises:
            UnsupportedProblem: If a parameter is unknown, an axis periodic, the equations are nonlinear, have a source
                or coefficients that vary, or a condition is nonlinear; if nothing is measured, or memory does not
                suffice.
            ValueError: If observations do not fit the problem or contradict each other.
        """
        require_known_parameters(self, problem)
        if isinstance(problem.region, Box) and problem.region.periodic:
            axis = min(map(str, problem.region.periodic))
            raise UnsupportedProblem(
                f"EhrenpreisGp on {problem.name!r}: the axis {axis} is periodic, and the solutions it is built of are "
                "not; use Etdrk4, or RandomFeatures"
            )
        family = ExponentialFamily.of(problem, device, self.constraints)
        method = EhrenpreisGpMethod(self, problem, family, device)
        method.check()
        return method


@dataclass(frozen=True)
class EhrenpreisGpMethod(Method[EhrenpreisGpState]):
    """`EhrenpreisGp` compiled for one problem."""

    solver: EhrenpreisGp
    problem: Problem
    family: ExponentialFamily
    device: torch.device

    def check(self) -> None:
        """Refuse what cannot be measured or would not fit.

        Raises:
            UnsupportedProblem: See `EhrenpreisGp.compile`.
            ValueError: See there.
        """
        if self._per_piece:
            require_linear_conditions(self.problem)
        if not self._observed and not (self._per_piece and self.problem.conditions):
            raise UnsupportedProblem(
                f"EhrenpreisGp on {self.problem.name!r}: nothing is measured; give observations, or points > 0 and "
                "conditions"
            )
        pieces = sum(len(self.problem.pieces_of(c)) for c in self.problem.conditions)
        values = sum(len(m.values) for m in self._observed) + self._per_piece * pieces
        functions = self.family.size([len(f) for f in self._reference.frequencies])
        need = 8.0 * functions * (2 * values + 5 * functions)
        if need > self.solver.memory:
            raise UnsupportedProblem(
                f"EhrenpreisGp on {self.problem.name!r}: {values:,} values and {functions:,} functions would take "
                f"about {need / 1e9:.1f} GB, and memory={self.solver.memory:.3g} allows "
                f"{self.solver.memory / 1e9:.1f} GB; lower points or the spectrum's count, or raise memory"
            )

    # -- the contract --------------------------------------------------------------------------------------

    def init(self, seed: int) -> EhrenpreisGpState:
        """The prior of the spectrum's own units."""
        spectrum = self._reference
        weights = GaussianWeights.prior(self.family.deviations(spectrum.scales))
        return EhrenpreisGpState(seed, list(spectrum.frequencies), weights.mean, weights.factor, False)

    def step(self, state: EhrenpreisGpState) -> tuple[EhrenpreisGpState, dict[str, float]]:
        """Choose the spectrum and condition on everything that is measured.

        Raises:
            SolveFailed: If data are not finite, with the place, or the answer misses them.
        """
        rng = np.random.default_rng(state.seed)
        measured = [*self._observed]
        if self._per_piece:
            measured += conditions_at(self.problem, self._per_piece, rng, self.device)
        noise, unit = self._noise(measured)
        judges = [self._judges(m, len(measured), rng) for m in measured]
        data = Data(
            lambda solutions: _rows([m.chosen(j) for m, j in zip(measured, judges, strict=True)], solutions),
            torch.cat([m.values[j] for m, j in zip(measured, judges, strict=True)]),
            torch.cat([n[j] for n, j in zip(noise, judges, strict=True)]),
            unit,
        )
        try:
            spectrum = self.solver.spectrum.fitted(self.family, data)
            solutions = self.family.solutions(spectrum.frequencies)
        except ValueError as error:
            raise SolveFailed(f"EhrenpreisGp on {self.problem.name!r}: {error}") from None
        rows, values = _rows(measured, solutions), torch.cat([m.values for m in measured])
        deviations = spectrum.inflation * torch.cat(noise)
        prior = GaussianWeights.prior(self.family.deviations(spectrum.scales))
        weights = prior.given(rows, values, deviations).weights
        misses = rows @ weights.mean - values
        self._require_met(measured, misses, deviations)
        size = float(values.square().mean().sqrt())
        scalars = {
            "log_evidence": spectrum.log_evidence,
            "misfit": float(misses.square().mean().sqrt()) / (size or 1.0),
            "length": spectrum.length,
            "inflation": spectrum.inflation,
        }
        scalars = {k: v for k, v in scalars.items() if v == v}
        frequencies = list(spectrum.frequencies)
        reached = EhrenpreisGpState(state.seed, frequencies, weights.mean, weights.factor, True)
        told = self._doubts(reached)
        for doubt in told:
            warnings.warn(f"EhrenpreisGp on {self.problem.name!r}: {doubt}", stacklevel=4)
        return replace(reached, remark="; ".join(told)), scalars

    def status(self, state: EhrenpreisGpState) -> Status:
        """DONE after one step."""
        return Status.DONE if state.finished else Status.RUNNING

    def field(self, state: EhrenpreisGpState) -> WeightPosterior:
        """The posterior, or the prior at the start."""
        solutions = self.family.solutions(state.frequencies)
        return WeightPosterior(self.problem, GaussianWeights(state.weights, state.factor), solutions)

    def note(self, state: EhrenpreisGpState) -> str:
        """What is not met between the points, or not by more than its noise."""
        return state.remark

    def _doubts(self, state: EhrenpreisGpState) -> list[str]:
        """Conditions that are missed where nothing was told about them, and observed values beyond their noise."""
        told = unexplained(self.problem, self.field(state), self.solver.observations)  # type: ignore[arg-type]
        if not self._per_piece:
            return told
        solutions = self.family.solutions(state.frequencies)
        fresh = conditions_at(self.problem, FRESH, np.random.default_rng([state.seed, STREAM]), self.device)
        largest = max(float(m.values.abs().max()) for m in fresh) if fresh else 0.0
        for m, noise in zip(fresh, self._noise(fresh)[0], strict=True):
            misses = (m.rows(solutions.row) @ state.weights - m.values).abs()
            rms, size = float(misses.square().mean().sqrt()), float(m.values.square().mean().sqrt()) or largest
            if rms <= UNMET * size + EXPLAINED * float(noise.square().mean().sqrt()):
                continue
            place = m.points[int(misses.argmax())]
            at = ", ".join(f"{c} = {float(v):.3g}" for c, v in zip(self.problem.coordinates, place, strict=True))
            told.append(
                f"the {m.name} is missed by {rms:.2g} at points not used, most near ({at}): not resolved, as where "
                "data jump, bend or do not fit together; raise the spectrum's count and points, or smooth the data"
            )
        return told

    # -- what is measured ----------------------------------------------------------------------------------

    @cached_property
    def _observed(self) -> list[LinearMeasurements]:
        return observed(self.problem, self.solver.observations, self.device)  # type: ignore[arg-type]

    @cached_property
    def _reference(self) -> Spectrum:
        return self.solver.spectrum.reference(self.family)

    @cached_property
    def _per_piece(self) -> int:
        """Points on each piece, for each condition there."""
        if self.solver.points is not None:
            return self.solver.points
        pieces = sum(len(self.problem.pieces_of(c)) for c in self.problem.conditions)
        functions = self.family.size([len(f) for f in self._reference.frequencies])
        return int(OVERSAMPLING * functions / max(pieces, 1)) + 1

    def _noise(self, measured: Sequence[LinearMeasurements]) -> tuple[list[Tensor], float]:
        """The standard deviation of every value, and the size of the data in units of the prior."""
        spectrum = self._reference
        solutions, scales = self.family.solutions(spectrum.frequencies), self.family.deviations(spectrum.scales)
        spreads = []
        for m in measured:
            few = m.chosen(torch.arange(0, len(m.values), max(1, len(m.values) // 50), device=self.device))
            rows = few.rows(solutions.row) * scales
            spreads.append(float(rows.square().sum(dim=1).mean().sqrt()))
        relative = [float(m.values.square().mean().sqrt()) / s for m, s in zip(measured, spreads, strict=True) if s]
        unit = max(relative, default=0.0) or 1.0
        noise = [
            torch.full_like(m.values, self.solver.noise * unit * (s or 1.0)) if m.noise is None else m.noise
            for m, s in zip(measured, spreads, strict=True)
        ]
        return noise, unit

    def _judges(self, m: LinearMeasurements, groups: int, rng: np.random.Generator) -> Tensor:
        """Which values the spectrum is chosen by."""
        most = max(1, JUDGES // groups)
        chosen = np.arange(len(m.values))
        if len(chosen) > most:
            chosen = np.sort(rng.choice(chosen, most, replace=False))
        return torch.as_tensor(chosen, device=self.device)

    def _require_met(self, measured: Sequence[LinearMeasurements], misses: Tensor, noise: Tensor) -> None:
        """Refuse an answer that misses what was measured by more than noise explains and 3 % of its size."""
        parts = misses.split([len(m.values) for m in measured])
        noises = noise.split([len(m.values) for m in measured])
        for m, miss, deviation in zip(measured, parts, noises, strict=True):
            rms, allowed = float(miss.square().mean().sqrt()), float(deviation.square().mean().sqrt())
            size = float(m.values.square().mean().sqrt()) or max(float(k.values.abs().max()) for k in measured)
            if not rms <= UNRESOLVED * size + EXPLAINED * allowed:
                raise SolveFailed(
                    f"EhrenpreisGp on {self.problem.name!r}: the {m.name} is missed by {rms:.2g}, {rms / size:.1g} of "
                    "its size: not resolved, or the measurements contradict each other or the equations; raise the "
                    "spectrum's count or noise, or check the data"
                )


def _rows(measured: Sequence[LinearMeasurements], solutions: ExponentialSolutions) -> Tensor:
    return torch.cat([m.rows(solutions.row) for m in measured])
