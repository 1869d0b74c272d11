"""Classical solutions with measured error bars."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pinnlab.collocation import Chebyshev, FiniteDifferences
from pinnlab.errors import SolveFailed, UnsupportedProblem
from pinnlab.field import Field
from pinnlab.forms.rates import Rates
from pinnlab.metrics import METRICS, Samples, comparison_axes, relative_l2, sample
from pinnlab.numerics.integrators import Bdf, Dop853, Radau
from pinnlab.problem import Problem
from pinnlab.solution import ErrorBound, Solution
from pinnlab.solve import Monitor, solve
from pinnlab.solver import Refinable, Status, solver_name
from pinnlab.solvers.collocation import Collocation
from pinnlab.solvers.etdrk4 import Etdrk4
from pinnlab.solvers.method_of_lines import MethodOfLines

# The distance to a refined solution estimates the error from below (by 1/(1 - ratio) for an error that falls by that
# ratio); this factor covers ratios up to one half.
SAFETY = 2.0
# Rounding of stored values, relative to them: no bound is smaller.
ROUNDING = 64 * np.finfo(float).eps
# Above this distance, relative to the solutions, slow progress is slow convergence and not rounding.
STAGNATION = 1e-6
# Nodes at which solutions are compared during refinement.
BUDGET = 60_000


def candidates(problem: Problem) -> list[Refinable]:
    """Classical solvers that take a problem, the preferred one first, at the resolution where refinement starts."""
    dim = len(problem.space)
    start = {0: 8, 1: 128, 2: 32, 3: 16}.get(dim, 16)
    possible: list[Refinable] = [
        Etdrk4(points=start // 2 if dim == 1 else start, steps=50, snapshots=50),
        Collocation(Chebyshev(16)),
        Collocation(FiniteDifferences(max(start, 32), accuracy=6)),
    ]
    if dim == 0:
        possible += [MethodOfLines(time=Dop853(1e-8, 1e-10)), MethodOfLines(time=Radau(1e-8, 1e-10))]
    if dim == 2:
        # Radau factorises complex matrices, which costs too much here; sixth order saves nodes where diffusion
        # keeps one-sided differences at the boundary stable.
        accuracy = 6 if _is_diffusive(problem) else 4
        possible.append(MethodOfLines(FiniteDifferences(start, accuracy), Bdf(1e-7, 1e-9), snapshots=50))
    possible += [
        MethodOfLines(FiniteDifferences(start), Radau(1e-6, 1e-8), snapshots=50),
        MethodOfLines(Chebyshev(32 if dim == 1 else 12), Bdf(1e-7, 1e-9), snapshots=50),
    ]
    return [s for s in possible if _takes(s, problem)]


def reference(
    problem: Problem, rtol: float = 1e-6, *, max_seconds: float | None = None, monitors: Sequence[Monitor] = ()
) -> Solution:
    """Solve by a classical method, refined until its measured error bound is within `rtol`.

    Space and time are refined separately; the bound is twice the sum of the distances to the solution with finer
    space and to the one with finer time.  If `rtol` cannot be reached (rounding, memory, time) the answer is the
    best one with the bound that it has, and `solution.bound.reached` is False.

    Args:
        problem: What to solve; its exact solution, if it has one, is not looked at.
        rtol: Tolerance for the relative L2 error over space-time.
        max_seconds: After this time no further refinement is started.
        monitors: Functions called after every step of every resolution.

    Raises:
        UnsupportedProblem: If no classical solver takes the problem; the text gives each one's reason.
        SolveFailed: If no resolution within reach gives a solution.
        ValueError: If rtol is not positive.
    """
    found = candidates(problem)
    if not found:
        raise UnsupportedProblem(f"no classical solver takes {problem.name!r}: {_refusals(problem)}")
    return refine(problem, found[0], rtol, max_seconds=max_seconds, monitors=monitors)


def refine(
    problem: Problem,
    solver: Refinable,
    rtol: float,
    *,
    max_seconds: float | None = None,
    monitors: Sequence[Monitor] = (),
) -> Solution:
    """Refine one classical solver in space and time until its error bound is within `rtol`; see `reference`."""
    if not rtol > 0:
        raise ValueError(f"reference: rtol must be positive, got {rtol}")
    return _Refinement(problem, rtol, math.inf if max_seconds is None else max_seconds, monitors).run(solver)


@dataclass(frozen=True)
class CrossCheck:
    """Two independent classical solutions of one problem.

    Attributes:
        first: The reference.
        second: By another method.
        difference: Relative L2 distance of the two.
    """

    first: Solution
    second: Solution
    difference: float

    @property
    def allowed(self) -> float:
        """The sum of the two error bounds."""
        return float(self.first.error_bound or 0.0) + float(self.second.error_bound or 0.0)

    @property
    def agrees(self) -> bool:
        """Whether the distance is within the two error bounds."""
        return self.difference <= self.allowed


def independent(problem: Problem, solver: object) -> Refinable:
    """The preferred classical solver of a problem that is another method than the given one.

    Raises:
        UnsupportedProblem: If no second classical method takes the problem.
    """
    found = next((s for s in candidates(problem) if not _same_method(s, solver)), None)
    if found is None:
        raise UnsupportedProblem(f"no second classical solver takes {problem.name!r}, so nothing checks the first")
    return found


def cross_check(
    first: Solution, rtol: float = 1e-6, *, max_seconds: float | None = None, monitors: Sequence[Monitor] = ()
) -> CrossCheck:
    """Solve again by a second classical method and compare with a reference.

    Raises:
        UnsupportedProblem: If no second classical method takes the problem.
    """
    problem = first.problem
    other = independent(problem, first.solver)
    second = refine(problem, other, rtol, max_seconds=max_seconds, monitors=monitors)
    axes = comparison_axes(problem, BUDGET)
    return CrossCheck(first, second, relative_l2(sample(second.field, axes), sample(first.field, axes)))


def _same_method(a: Refinable, b: object) -> bool:
    if type(a) is not type(b):
        return False
    parts = ("space", "time")
    return all(type(getattr(a, p, None)) is type(getattr(b, p, None)) for p in parts)


def _is_diffusive(problem: Problem) -> bool:
    """Whether the rate of every state holds its own second derivatives along every axis."""
    try:
        rates = Rates.of(problem)
    except UnsupportedProblem:
        return False
    dim = len(problem.space)
    return all(
        r.has(state.shifted(axis, 2).symbol)
        for state, r in zip(rates.states, rates.rates, strict=True)
        for axis in range(1, dim + 1)
    )


def _takes(solver: Refinable, problem: Problem) -> bool:
    try:
        solver.compile(problem)
    except UnsupportedProblem:
        return False
    return True


def _refusals(problem: Problem) -> str:
    reasons = []
    for solver in (Etdrk4(), MethodOfLines(), Collocation()):
        try:
            solver.compile(problem)
        except UnsupportedProblem as error:
            reasons.append(f"{solver_name(solver)}: {error}")
    return "; ".join(reasons)


@dataclass
class _Level:
    """A solution at one resolution, sampled."""

    solver: Refinable
    solution: Solution
    samples: Samples


class _Refinement:
    """The search for a resolution whose error bound is within the tolerance."""

    def __init__(self, problem: Problem, rtol: float, max_seconds: float, monitors: Sequence[Monitor]) -> None:
        self._problem, self._rtol, self._monitors = problem, rtol, monitors
        self._axes = comparison_axes(problem, BUDGET)
        self._deadline = time.perf_counter() + max_seconds
        self._seconds = 0.0

    def run(self, solver: Refinable) -> Solution:
        level = self._first(solver)
        in_space = in_time = None
        if self._problem.space:
            level, in_space = self._converge(level, lambda s: s.finer_in_space(self._problem))
        if self._problem.time is not None:
            level, in_time = self._converge(level, lambda s: s.finer_in_time(self._problem))
        return self._with_bound(level, in_space, in_time)

    def _first(self, solver: Refinable) -> _Level:
        """The coarsest resolution that does not blow up."""
        while True:
            level = self._solve(solver)
            if level is not None:
                return level
            in_time = solver.finer_in_time(self._problem)
            finer = (in_time or solver).finer_in_space(self._problem) or in_time
            if finer is None or time.perf_counter() > self._deadline:
                why = "no finer one fits" if finer is None else "max_seconds is spent"
                raise SolveFailed(
                    f"{solver_name(solver)} on {self._problem.name!r} fails at every resolution up to {solver}; {why}"
                )
            solver = finer

    def _converge(self, level: _Level, finer: Callable[[Refinable], Refinable | None]) -> tuple[_Level, Samples | None]:
        """Refine one way until the distance to the next resolution is small; that distance, sampled.

        Where no next resolution is left, the distance to the previous one is the (pessimistic) estimate; None where
        there is nothing to refine.
        """
        previous: Samples | None = None
        while True:
            solver = finer(level.solver)
            late = time.perf_counter() > self._deadline
            if previous is not None and (solver is None or late):
                return level, previous
            if solver is None:
                raise SolveFailed(
                    f"{level.solver} on {self._problem.name!r} is at the finest resolution within reach and cannot "
                    "be compared with a finer one, so no error bound can be given; raise rtol"
                )
            found = self._solve(solver)
            if found is None:
                raise SolveFailed(
                    f"{solver_name(solver)} on {self._problem.name!r} gave an answer at {level.solver} and fails at "
                    f"the finer {solver}, so no error bound can be given"
                )
            distance = level.samples - found.samples
            if SAFETY * relative_l2(found.samples, level.samples) <= self._rtol / 2:
                return level, distance
            if previous is not None and _stagnates(distance, previous, found.samples):
                return level, distance
            level, previous = found, distance

    def _solve(self, solver: Refinable) -> _Level | None:
        solution = solve(self._problem, solver, device="cpu", monitors=self._monitors)
        self._seconds += solution.seconds
        if solution.status is not Status.DONE:
            return None
        samples = sample(solution.field, self._axes)
        return _Level(solver, solution, samples) if np.isfinite(samples.values).all() else None

    def _with_bound(self, level: _Level, *distances: Samples | None) -> Solution:
        u = level.samples
        metrics = {}
        shares = []
        for metric in METRICS:
            parts = [0.0 if d is None else SAFETY * metric(u - d, u) for d in distances]
            size = 1.0 if metric.__name__.startswith("relative") else float(np.abs(u.values).max())
            metrics[metric.__name__] = float(sum(parts) + ROUNDING * size)
            shares.append(parts)
        bound = ErrorBound(
            metrics=metrics,
            space=shares[0][0],
            time=shares[0][1],
            times=u.times,
            in_time=self._in_time(u, [d for d in distances if d is not None]),
            requested=self._rtol,
        )
        return replace(level.solution, bound=bound, seconds=self._seconds)

    def _in_time(self, u: Samples, distances: list[Samples]) -> dict[str, np.ndarray]:
        first = 0 if self._problem.time is None else 1
        axes = tuple(range(first, u.values.ndim - 1))
        out = {}
        for i, name in enumerate(self._problem.names):
            largest = sum(
                (SAFETY * np.abs(d.values[i]).max(axis=axes) for d in distances), np.zeros(len(u.times) or ())
            )
            out[name] = np.asarray(largest + ROUNDING * np.abs(u.values[i]).max())
        return out


def _stagnates(distance: Samples, previous: Samples, u: Samples) -> bool:
    """Whether refinement no longer brings solutions closer, at a size beside them that rounding explains."""
    now, before = np.linalg.norm(distance.values), np.linalg.norm(previous.values)
    return bool(before / 2 < now < STAGNATION * np.linalg.norm(u.values))


def error_against(solution: Field, truth: Field, budget: int = BUDGET) -> dict[str, float]:
    """Every metric of one field against another, by name."""
    axes = comparison_axes(truth.problem, budget)
    u, v = sample(solution, axes), sample(truth, axes)
    return {m.__name__: m(u, v) for m in METRICS}
