"""Gaussian processes conditioned on a differential equation, with a spectrum that is found or given."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch

from pinnlab.admissible import is_whole, require_counts, require_positive
from pinnlab.errors import UnsupportedProblem
from pinnlab.field import Field
from pinnlab.gps.assembly import OF_NUGGET, Assembly, Choice
from pinnlab.gps.found_prior import Found, SpectralGpState
from pinnlab.gps.function_posterior import FunctionPosterior
from pinnlab.gps.judgement import freedom, fresh_residual
from pinnlab.gps.layers import Layer, Stretching
from pinnlab.gps.misfit import unexplained
from pinnlab.gps.placement import NodeGrid, Placement
from pinnlab.gps.spectrum import FoundSpectrum, range_of_answer
from pinnlab.gps.stretched import StretchedMethod
from pinnlab.gps.system import Algebra, GpSystem
from pinnlab.gps.uncertain import Uncertain, require_pieces
from pinnlab.numerics.kernels import Kernel
from pinnlab.observations import Observations
from pinnlab.posterior import WeightPosterior
from pinnlab.problem import Problem
from pinnlab.solver import CPU, Method, Solver, Status, require_known_parameters
from pinnlab.windowed_method import WindowedMethod
from pinnlab.windows import Windows

# A Gauss-Newton step is halved until the residual falls, no further than this.
SHORTEST_STEP = 2.0**-10
# Gauss-Newton has arrived when a step gains less than this share of what it minimises, for a full step.
GAIN = 0.1
# A residual at fresh points above this share of its terms is worth a remark.
UNRESOLVED = 1e-3
# Above this one a wider range is tried, as long as it helps.
UNFIT = 1e-6
# An answer whose spectrum fills more than this share of the range wants a wider one, by this factor.
FULL, WIDER = 0.9, 2.0
# A step of the evidence that multiplies the residual at fresh points by more than this is taken back.
WORSE = 10.0


@dataclass(frozen=True)
class SpectralGp(Solver):
    """A Gaussian process that is told the equations and the conditions at points.

    A linear problem is one linear solve, a nonlinear one damped Gauss-Newton on the posterior mean (Y. Chen,
    B. Hosseini, H. Owhadi, A. M. Stuart, J. Comput. Phys. 447 (2021) 110668).  The answer is a `Posterior`: mean,
    standard deviation, samples.  By default the spectrum of the kernel is found from the declaration, see
    `FoundSpectrum`; the idea to learn it is of S. Fang et al., ICLR 2024 (arXiv:2311.04465), who train it together
    with the solution.

    Not for shocks, kinks and singular corners: smooth priors give oscillations there, and their standard deviations
    are then too small.  Where data are exact and the solution is smooth on a box, `Collocation` and `MethodOfLines` are
    as accurate; a process adds noisy observations, unknown parameters, scattered points and a distribution.

    Args:
        kernel: `FoundSpectrum()`, or a kernel: one for all coordinates, or one for each in the order of
            `problem.coordinates`.
        placement: Where equations and conditions hold.
        algebra: How the linear problems are solved.  None: `WeightSpace()` for smooth kernels of up to 3,000 weights,
            `Kronecker()` for more on a box of two or more coordinates, `Dense()` for rough kernels.
        nugget: Standard deviation of all residuals in units of their prior standard deviation; None for what the
            algebra can do.
        observations: Measured values; necessary for unknown parameters.
        uncertain: Pieces of the boundary whose conditions are known up to an error only, or not at all.
        sweeps: Steps towards the variances and amplitudes of greatest evidence; in `WeightSpace` alone.
        iterations: Most Gauss-Newton steps for one prior.
        windows: Windows of time, one after the other; None for all times at once.
        layers: Where the answer changes rapidly, see `Layer`: kernels, nodes and random points are then those of
            coordinates in which each layer is stretched; the answer is no `Posterior`, but has a deviation.
    """

    kernel: FoundSpectrum | Kernel | tuple[Kernel, ...] = field(default_factory=FoundSpectrum)
    placement: Placement = field(default_factory=NodeGrid)
    algebra: Algebra | None = None
    nugget: float | None = None
    observations: tuple[Observations, ...] = ()
    uncertain: tuple[Uncertain, ...] = ()
    sweeps: int = 2
    iterations: int = 30
    windows: Windows | None = None
    layers: tuple[Layer, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.observations, Observations):
            object.__setattr__(self, "observations", (self.observations,))
        if isinstance(self.uncertain, Uncertain):
            object.__setattr__(self, "uncertain", (self.uncertain,))
        if isinstance(self.layers, Layer):
            object.__setattr__(self, "layers", (self.layers,))
        if self.nugget is not None:
            require_positive(self, nugget=self.nugget)
        require_counts(self, iterations=self.iterations)
        if not is_whole(self.sweeps) or self.sweeps < 0:
            raise ValueError(f"SpectralGp: sweeps = {self.sweeps!r}; give a whole number from 0 on")
        kernels = self.kernel if isinstance(self.kernel, tuple) else (self.kernel,)
        several = isinstance(self.kernel, tuple)
        if not all(isinstance(k, Kernel) or (isinstance(k, FoundSpectrum) and not several) for k in kernels):
            raise ValueError(
                f"SpectralGp: kernel = {self.kernel!r}; give FoundSpectrum(), a Kernel, or a tuple of kernels"
            )
        for name, kind in (("observations", Observations), ("uncertain", Uncertain), ("layers", Layer)):
            given = getattr(self, name)
            if not isinstance(given, tuple) or not all(isinstance(one, kind) for one in given):
                raise ValueError(f"SpectralGp: {name} = {given!r}; give {kind.__name__}(...), or a tuple of these")
        if self.windows is not None and not isinstance(self.windows, Windows):
            raise ValueError(f"SpectralGp: windows = {self.windows!r}; give EqualWindows(...), or leave it out")
        if not isinstance(self.placement, Placement):
            raise ValueError(f"SpectralGp: placement = {self.placement!r}; give NodeGrid() or Scattered()")
        if self.algebra is not None and not isinstance(self.algebra, Algebra):
            raise ValueError(f"SpectralGp: algebra = {self.algebra!r}; give WeightSpace(), Kronecker() or another")

    def compile(
        self, problem: Problem, device: torch.device = CPU
    ) -> SpectralGpMethod | StretchedMethod | WindowedMethod:
        """The rule for the prior, the points and the linear algebra.

        Raises:
            UnsupportedProblem: If a derivative is of higher order than the kernel is smooth, an unknown has no data,
                there are observations and windows,
                the number of kernels is not that of coordinates, or the algebra refuses the problem.
            ValueError: If the points or the observations do not fit the problem, or memory does not suffice.
        """
        if self.windows is not None:
            if self.observations or self.uncertain:
                raise UnsupportedProblem(
                    f"SpectralGp on {problem.name!r}: windows hand the mean on as if it were exact, and later values "
                    "say nothing of earlier windows, so that its deviation would be too small; leave windows out"
                )
            return self.windows.compile(replace(self, windows=None), problem, device)
        if self.layers:
            return self._stretched(problem, device)
        unknown = [p.name for p in problem.parameters if p.is_unknown]
        if unknown and not self.observations:
            raise UnsupportedProblem(
                f"SpectralGp on {problem.name!r}: the parameter {unknown[0]} is unknown; give observations= to learn "
                f"it from, or a value with problem.with_parameters({unknown[0]}=…)"
            )
        if problem.unknown_functions:
            require_known_parameters(self, problem)
        for observed in self.observations:
            observed.columns(problem)
        require_pieces(self.uncertain, bool(self.observations), problem)
        kernel: FoundSpectrum | tuple[Kernel, ...]
        kernel = (self.kernel,) * len(problem.coordinates) if isinstance(self.kernel, Kernel) else self.kernel
        if isinstance(kernel, tuple) and len(kernel) != len(problem.coordinates):
            raise UnsupportedProblem(
                f"SpectralGp on {problem.name!r}: {len(kernel)} kernels for the coordinates {problem.coordinates}; "
                "give one for each"
            )
        assembly = Assembly(
            problem, kernel, self.placement, self.algebra, self.nugget, self.observations, self.uncertain, device
        )  # fmt: skip
        assembly.warn_if_coarse()
        method = SpectralGpMethod(self, assembly)
        method.init(0)  # what the algebra refuses is refused here
        return method

    def _stretched(self, problem: Problem, device: torch.device) -> StretchedMethod:
        """The rule for the problem in stretched coordinates."""
        into = Stretching.of(problem, self.layers)
        placement, observations = into.placement(self.placement), tuple(map(into.observations, self.observations))
        inside = replace(self, layers=(), observations=observations, placement=placement)
        return StretchedMethod(inside.compile(into.stretched, device), into)


@dataclass(frozen=True, eq=False)
class SpectralGpMethod(Method[SpectralGpState]):
    """`SpectralGp` compiled for one problem."""

    solver: SpectralGp
    assembly: Assembly

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        """Where the linear algebra runs."""
        return self.assembly.device

    def init(self, seed: int) -> SpectralGpState:
        """Nothing chosen yet; what the algebra refuses is refused here."""
        self._system(seed, self.assembly.first)
        return SpectralGpState(seed, Choice(), torch.zeros(0, dtype=torch.float64, device=self.device))

    def _begun(self, state: SpectralGpState) -> SpectralGpState:
        """A fresh state with the first prior and its mean; any other as it is."""
        if state.choice.amplitudes:
            return state
        choice = self.assembly.first
        return replace(state, choice=choice, coefficients=self._system(state.seed, choice).start())

    def step(self, state: SpectralGpState) -> tuple[SpectralGpState, dict[str, float]]:
        """One Gauss-Newton step, before them a comparison of priors; or, where they have converged, the next prior."""
        if not state.shaped:
            return self._shaped(self._begun(state)), {}
        if not state.arrived:
            return self._newton(state)
        system = self._system(state.seed, state.choice)
        residual = fresh_residual(self.assembly.problem, system.mean(state.coefficients), state.seed)
        scalars = {"fresh_residual": residual, **system.scalars(state.coefficients)}
        worse = bool(state.best) and self._is_worse(state, residual)
        if not worse:
            state = replace(state, best=[Found(state.choice, state.coefficients, residual)])
        # A residual need not fall before the range is wide enough, so that the present one is widened, good or not.
        following = self._widened(state, residual > UNFIT and not (worse or self._is_noisy))
        if following is None and worse:
            best = state.best[-1]
            state = replace(state, choice=best.choice, coefficients=best.coefficients)
            following = self._finished(state) if state.sweeps else self._swept(state)
        return following or self._swept(state) or self._finished(state), scalars

    def status(self, state: SpectralGpState) -> Status:
        """DONE when neither the evidence nor the answer's spectrum asks for another prior."""
        return Status.DONE if state.finished else Status.RUNNING

    def field(self, state: SpectralGpState) -> Field:
        """The posterior for the present prior."""
        state = self._begun(state)
        return self._system(state.seed, state.choice).field(state.coefficients)

    def note(self, state: SpectralGpState) -> str:
        """What was left unresolved."""
        remarks, residual = [state.remark], state.best[-1].residual if state.best else 0.0
        if not self.assembly.is_linear and state.iteration >= self.solver.iterations:
            remarks.append("all Gauss-Newton steps were taken and the last may not have converged: raise iterations")
        if residual > UNRESOLVED and not self._is_noisy:
            remarks.append(
                f"the residual at points not used is {residual:.1e} of its terms: more points or another kernel"
            )
        return "; ".join(filter(None, remarks))

    def _finished(self, state: SpectralGpState) -> SpectralGpState:
        """The last state, with what its user is warned of."""
        told = [doubt for doubt in self._doubts(state) if doubt]
        for doubt in told:
            warnings.warn(f"SpectralGp on {self.assembly.problem.name!r}: {doubt}", stacklevel=5)
        return replace(state, remark="; ".join(filter(None, [state.remark, *told])), finished=True)

    def _doubts(self, state: SpectralGpState) -> list[str]:
        """Noisy values that are missed by more than their noise; without any, what is left open."""
        problem, found, residual = self.assembly.problem, self.field(state), state.best[-1].residual
        if not self._is_noisy:
            # `Kronecker` refuses what is open, and its draws cost as much as its solution.
            if not isinstance(found, WeightPosterior | FunctionPosterior):
                return []
            return [freedom(problem, found, state.seed).remark(problem)]
        clouds = self.assembly.uncertain_clouds(state.seed, state.choice)
        told = unexplained(problem, found, self.solver.observations, clouds)
        if residual > UNRESOLVED:
            told.append(
                f"the residual at points not used is {residual:.1e} of its terms: values, conditions and equations may "
                "contradict each other, check their noise; or take more points or another kernel"
            )
        return told

    def _shaped(self, state: SpectralGpState) -> SpectralGpState:
        """The state with variances of the width of greatest evidence."""
        system, shapes = self._system(state.seed, state.choice), self.assembly.shapes(state.choice)
        lines = [self.assembly.prior(s).kernels for s in shapes]
        best = system.most_evident(state.coefficients, lines) if len(lines) > 1 else None  # type: ignore[arg-type]
        if best is None or best == len(shapes) - 1:
            return replace(state, shaped=True)
        carried = self._system(state.seed, shapes[best]).carried(system, state.coefficients)
        return replace(state, choice=shapes[best], coefficients=carried, shaped=True)

    def _newton(self, state: SpectralGpState) -> tuple[SpectralGpState, dict[str, float]]:
        """One damped Gauss-Newton step."""
        system, old = self._system(state.seed, state.choice), state.coefficients
        full = system.linearized(old)
        # The prior mean says nothing: the step from there is taken whatever it does.
        free = self.assembly.is_linear or state.iteration == 0
        before = (math.inf,) if free else system.merits(old)
        length, new = 1.0, full
        after = system.merits(new)
        while not _falls(before, after) and length > SHORTEST_STEP:
            length /= 2
            new = old + length * (full - old)
            after = system.merits(new)
        stuck = not _falls(before, after)
        last = state.iteration + 1 == self.solver.iterations
        arrived = self.assembly.is_linear or last or not _falls(before, after, GAIN * length)
        following = replace(state, coefficients=old if stuck else new, iteration=state.iteration + 1, arrived=arrived)
        return following, {"merit": (before if stuck else after)[0], "length": 0.0 if stuck else length}

    def _is_worse(self, state: SpectralGpState, residual: float) -> bool:
        """Whether the last change of the prior is to be taken back."""
        if state.sweeps:
            return residual > WORSE * state.best[-1].residual and not self._is_noisy
        return residual > state.best[-1].residual

    @property
    def _is_noisy(self) -> bool:
        return bool(self.solver.observations or self.solver.uncertain)

    def _widened(self, state: SpectralGpState, unfit: bool) -> SpectralGpState | None:
        """The state in a wider range of frequencies, if the answer fills the present one or leaves a residual."""
        rule, problem = self.solver.kernel, self.assembly.problem
        if not isinstance(rule, FoundSpectrum) or not self.assembly.may_widen:
            return None
        if state.sweeps or state.rounds >= rule.rounds:
            return None
        before = self._system(state.seed, state.choice)
        found = range_of_answer(before.mean(state.coefficients), max(rule.tolerance, OF_NUGGET * self.assembly.unseen))
        rows = zip(found.top, state.choice.top, found.resolved, strict=True)
        full = [unfit or k > FULL * most or not resolved for k, most, resolved in rows]
        if not any(full):
            return None
        top = [WIDER * k if f else k for k, f in zip(state.choice.top, full, strict=True)]
        choice = self.assembly.in_range(top, state.choice.amplitudes, rule.widths[-1])
        try:
            system = self._system(state.seed, choice)
        except (UnsupportedProblem, ValueError) as refusal:
            names = ", ".join(c.name for c, f in zip(problem.coordinates, full, strict=True) if f)
            remark = f"the answer fills the range of frequencies along {names}, which could not be widened: {refusal}"
            return replace(state, remark=remark, rounds=rule.rounds)
        carried = system.carried(before, state.coefficients)
        iteration = 1 if bool(carried.any()) else 0
        return replace(
            state,
            choice=choice,
            coefficients=carried,
            shaped=False,
            iteration=iteration,
            arrived=False,
            rounds=state.rounds + 1,
        )

    def _swept(self, state: SpectralGpState) -> SpectralGpState | None:
        """The state with a prior of greater evidence, if that is still wanted."""
        learned = isinstance(self.solver.kernel, FoundSpectrum)
        # Without noise of a size of its own the amplitude of a given kernel changes nothing.
        if state.sweeps >= self.solver.sweeps or not (learned or self._is_noisy):
            return None
        system = self._system(state.seed, state.choice)
        better = system.more_evident(state.coefficients)
        if better is None:
            return None
        lines, amplitudes = better
        variances = [s.variances for s in lines] if learned else state.choice.variances
        choice = Choice(state.choice.top, variances, amplitudes)
        carried = self._system(state.seed, choice).carried(system, state.coefficients)
        return replace(state, choice=choice, coefficients=carried, iteration=1, arrived=False, sweeps=state.sweeps + 1)

    @cached_property
    def _memory(self) -> list[tuple[int, Choice, GpSystem]]:
        return []

    def _system(self, seed: int, choice: Choice) -> GpSystem:
        """The system of a choice; the last two are kept."""
        for known, of, system in self._memory:
            if known == seed and of.same(choice):
                return system
        system = self.assembly.system(seed, choice)
        self._memory[:] = [(seed, choice, system), *self._memory[:1]]
        return system


def _falls(before: Sequence[float], after: Sequence[float], share: float = 0.0) -> bool:
    """Whether one of several numbers falls by more than a share; from infinity anything finite does."""
    return any(math.isfinite(a) and (math.isinf(b) or a < (1 - share) * b) for b, a in zip(before, after, strict=False))
