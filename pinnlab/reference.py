"""Classical solutions with measured error bars."""

from __future__ import annotations

import math
import operator
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pinnlab.candidates import candidates as candidates
from pinnlab.candidates import independent as independent
from pinnlab.candidates import is_rough as is_rough
from pinnlab.candidates import may_form_shocks as may_form_shocks
from pinnlab.candidates import refusals
from pinnlab.errors import SolveFailed, UnsupportedProblem
from pinnlab.forms.boundary import Dirichlet, classify
from pinnlab.forms.evaluate import Program
from pinnlab.metrics import METRICS, Metric, Samples, comparison_nodes, relative_l2, sample
from pinnlab.metrics import error_against as error_against
from pinnlab.problem import Problem
from pinnlab.solution import ErrorBound, Solution
from pinnlab.solve import Monitor, solve
from pinnlab.solver import Refinable, Status, solver_name

# An error that falls by the ratio r per refinement is the distance to the refined solution times 1/(1 - r).  The
# ratio is observed where two distances are known; the factor is never below this one, which is that of r = 1/2.
SAFETY = 2.0
# The factor where no ratio is known yet, and the least one where the solution is not smooth: at a jump errors in L2
# fall by the ratio q^(-1/2) per refinement by q, whatever the method, and no solver refines by less than q = 1.5.
HALF_ORDER = 1 / (1 - 1.5**-0.5)
# The factor where distances hardly fall; where they grow, it grows with them.
LARGEST_FACTOR = 10.0
# Solutions that differ by more than this share of their size have nothing to do with each other: the finer one is
# unstable, or neither is resolved.
UNRELATED = 0.5
# Nor does a distance grow by this factor where a method is stable.
UNSTABLE = 10.0
# A distance below this that grows with finer nodes tells of steps in time too long for them, as where a kink fades.
RESOLVED = 1e-3
# Rounding of stored values, relative to them: no bound is smaller.
ROUNDING = 64 * float(np.finfo(float).eps)
# Above this distance, relative to the solutions, slow progress is slow convergence and not rounding.
STAGNATION = 1e-6
# The same without space: no matrix of differences multiplies rounding there.
STAGNATION_IN_TIME = 1e-11
# Seconds that are spent on refinement once it is clear that it will not reach the tolerance.
HOPELESS_SECONDS = 20.0
# More refinements than this are out of reach: each multiplies the work by four at least.
MOST_REFINEMENTS = 6
# How much longer the next refinement takes, where two have not yet shown it.
GROWTH = 4.0
Refine = Callable[[Refinable], Refinable | None]
# Nodes at which solutions are compared during refinement.
BUDGET = 60_000


def reference(
    problem: Problem, rtol: float = 1e-6, *, max_seconds: float | None = None, monitors: Sequence[Monitor] = ()
) -> Solution:
    """Solve by a classical method, refined until its measured error bound is within `rtol`.

    Space and time are refined separately; the bound is the sum of the distances to the solution with finer
    space and to the one with finer time, times a factor of at least two (5.4 where jumps are possible) that follows
    from how fast they fall, and of the distance to the initial data.  If `rtol` cannot be reached (rounding, memory,
    time, a solution that is not smooth) the answer is the best one with the bound that it has, infinite where nothing
    is resolved, and `solution.bound.reached` is False.  No bound tells of what no resolution has seen, such as a pulse
    in the data that is shorter than every step.

    Args:
        problem: What to solve; its exact solution, if it has one, is not looked at.
        rtol: Tolerance for the relative L2 error over space-time.
        max_seconds: No refinement is started that is expected to end after this time.
        monitors: Functions called after every step of every resolution.

    Raises:
        UnsupportedProblem: If no classical solver takes the problem; the text gives each one's reason.
        SolveFailed: If no resolution within reach gives a solution.
        ValueError: If rtol is not positive.
    """
    found = candidates(problem)
    if not found:
        raise UnsupportedProblem(f"no classical solver takes {problem.name!r}: {refusals(problem)}")
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
    if isinstance(rtol, str) or not rtol > 0:
        raise ValueError(f"reference: rtol must be a positive number, got {rtol!r}")
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
    nodes = comparison_nodes(problem, BUDGET)
    return CrossCheck(first, second, relative_l2(sample(second.field, nodes), sample(first.field, nodes)))


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
        self._nodes = comparison_nodes(problem, BUDGET)
        self._started = time.perf_counter()
        self._deadline = self._started + max_seconds
        self._seconds = 0.0
        self._latest: list[float] = []
        self._rough = is_rough(problem)
        self._failure = ""

    def run(self, solver: Refinable) -> Solution:
        in_space = operator.methodcaller("finer_in_space", self._problem)
        in_time = operator.methodcaller("finer_in_time", self._problem)
        level = self._first(solver)
        distances, target = [], self._rtol / 2
        if self._problem.space:
            level, distance = self._converge(level, in_space, in_time, target)
            distances.append(distance)
            # Beside an error in space beyond the tolerance, a tenth of it is nothing.
            target = max(target, 0.1 * distance.bound(relative_l2, level.samples))
        space = len(distances)
        if self._problem.time is not None:
            level, distance = self._converge(level, in_time, in_space, target)
            distances.append(distance)
        return self._with_bound(level, distances[:space], distances[space:])

    def _first(self, solver: Refinable) -> _Level:
        """The coarsest resolution that does not blow up: time alone is refined, then both, in turn."""
        both = False
        while True:
            level = self._solve(solver)
            if level is not None:
                return level
            in_time = solver.finer_in_time(self._problem)
            in_both = (in_time or solver).finer_in_space(self._problem) or in_time
            finer = in_both if both or in_time is None else in_time
            both = not both
            if finer is None or time.perf_counter() > self._deadline:
                why = "no finer one fits" if finer is None else "max_seconds is spent"
                raise SolveFailed(
                    f"{solver_name(solver)} on {self._problem.name!r} fails at every resolution up to {solver}; {why}: "
                    f"{self._failure}"
                )
            solver = finer

    def _converge(self, level: _Level, finer: Refine, other: Refine, target: float) -> tuple[_Level, _Distance]:
        """Refine one way until the bound from the distance to the next resolution is below a target; that distance.

        Where the finer solution fails or has nothing to do with the coarser one, resolution in the other direction
        is what lacks, as for an explicit step on finer nodes.  Where no next resolution is left, the distance to the
        previous one serves, which is larger.
        """
        previous: _Distance | None = None
        while True:
            solver = finer(level.solver)
            late = self._is_late(level, previous, target)
            if previous is not None and (solver is None or late):
                return level, previous
            if solver is None:
                raise SolveFailed(
                    f"{level.solver} on {self._problem.name!r} is at the finest resolution within reach and cannot "
                    "be compared with a finer one, so no error bound can be given; the solution or its data may not be "
                    "smooth enough for this method: give smoother data, or call refine with another solver"
                )
            found = self._solve(solver)
            if found is None or self._is_unstable(level, found, previous):
                steadier = self._beyond(solver, other)
                if steadier is not None:
                    level, previous = steadier, None
                    continue
            if found is None:
                # What answered at nodes too coarse for its data, and fails at finer ones, may not be resolved yet.
                beyond = self._beyond(solver, finer)
                if beyond is None:
                    raise SolveFailed(
                        f"{solver_name(solver)} on {self._problem.name!r} gave an answer at {level.solver} and fails "
                        f"at the finer {solver}, so no error bound can be given: {self._failure}"
                    )
                level, previous = beyond, None
                continue
            stagnation = STAGNATION if self._problem.space else STAGNATION_IN_TIME
            distance = _Distance.between(level.samples, found.samples, previous, self._rough, stagnation)
            small = distance.safety * relative_l2(found.samples, level.samples) <= target
            small = small and (previous is not None or not self._rough)
            if (small and self._starts_right(level.samples, found.samples)) or distance.is_rounding:
                return level, distance
            level, previous = found, distance

    def _is_unstable(self, level: _Level, found: _Level, previous: _Distance | None) -> bool:
        """Whether a finer solution is far from the coarser one, or farther than that one was from its own."""
        distance = relative_l2(found.samples, level.samples)
        before = math.inf if previous is None else previous.bound(relative_l2, level.samples) / previous.safety
        late = time.perf_counter() > self._started + HOPELESS_SECONDS
        growth = UNSTABLE if self._rough or late or before > RESOLVED else 1.0
        return distance > UNRELATED or (distance > STAGNATION and distance > growth * before)

    def _is_late(self, level: _Level, previous: _Distance | None, target: float) -> bool:
        """Whether the next refinement would end after the deadline, or is not worth its time.

        Raising a resolution that cannot reach the tolerance, as at a shock, is an effort with an end.
        """
        now = time.perf_counter()
        last = self._latest[-1] if self._latest else 0.0
        grown = last / self._latest[-2] if len(self._latest) > 1 and self._latest[-2] > 0 else GROWTH
        expected = last * min(max(grown, 2.0), 4 * GROWTH)
        if previous is not None and previous.needs(level.samples, target) > MOST_REFINEMENTS:
            return now + expected > min(self._deadline, self._started + HOPELESS_SECONDS)
        return now + expected > self._deadline

    def _beyond(self, solver: Refinable, finer: Refine) -> _Level | None:
        """The solution at the first refinement of a resolution that gives one, or None if none does in time."""
        refined = finer(solver)
        while refined is not None and time.perf_counter() <= self._deadline:
            level = self._solve(refined)
            if level is not None:
                return level
            refined = finer(refined)
        return None

    def _starts_right(self, coarse: Samples, fine: Samples) -> bool:
        """Whether the coarser solution meets the initial data, or the finer one meets them no better."""
        missed = self._missed(coarse)[0]
        return missed <= self._rtol or self._missed(fine)[0] > 0.9 * missed

    def _missed(self, u: Samples) -> tuple[float, float]:
        """How far the first state is from the declared initial data: relative in L2, and the largest difference.

        Data that vanish at the nodes of two resolutions would otherwise look resolved.
        """
        if self._problem.time is None:
            return 0.0, 0.0
        given = {
            r.unknown: r.value
            for r in classify(self._problem)
            if isinstance(r, Dirichlet) and r.piece == "initial" and not r.time_order
        }
        start = self._nodes.at_start()
        error = size = largest = 0.0
        for i, name in enumerate(self._problem.names):
            if name in given:
                (value,) = Program([given[name]], self._problem.coordinates)(*start)
                exact = np.broadcast_to(np.asarray(value, float), start[0].shape)
                gap = u.values[i, 0] - exact
                error, size = error + float((gap**2).sum()), size + float((exact**2).sum())
                largest = max(largest, float(np.abs(gap).max()))
        return math.sqrt(error / size) if size > 0 else math.sqrt(error), largest

    def _solve(self, solver: Refinable) -> _Level | None:
        solution = solve(self._problem, solver, device="cpu", monitors=self._monitors)
        self._seconds += solution.seconds
        self._latest.append(solution.seconds)
        if solution.status is not Status.DONE:
            self._failure = solution.failure
            return None
        samples = sample(solution.field, self._nodes)
        return _Level(solver, solution, samples) if np.isfinite(samples.values).all() else None

    def _with_bound(self, level: _Level, space: list[_Distance], in_time: list[_Distance]) -> Solution:
        u, missed = level.samples, self._missed(level.samples)
        distances = [*space, *in_time]
        metrics = {}
        for metric in METRICS:
            relative = metric.__name__.startswith("relative")
            size = 1.0 if relative else float(np.abs(u.values).max())
            initial = missed[0] if relative else missed[1]
            total = float(sum(d.bound(metric, u) for d in distances) + initial + ROUNDING * size)
            metrics[metric.__name__] = _against_truth(total) if relative else total
        bound = ErrorBound(
            metrics=metrics,
            space=sum(d.bound(relative_l2, u) for d in space) + missed[0],
            time=sum((d.bound(relative_l2, u) for d in in_time), 0.0),
            times=u.times,
            in_time=self._in_time(u, distances, missed[1]),
            requested=self._rtol,
        )
        return replace(level.solution, bound=bound, seconds=self._seconds)

    def _in_time(self, u: Samples, distances: list[_Distance], missed: float) -> dict[str, np.ndarray]:
        """Two solutions may cross, so the distance at one time says little: the largest one so far does.

        About a jump they may agree at every node for long, and there the largest one of all times is taken.
        """
        first = 0 if self._problem.time is None else 1
        axes = tuple(range(first, u.values.ndim - 1))
        out = {}
        for i, name in enumerate(self._problem.names):
            parts = (d.safety * np.abs(d.samples.values[i]).max(axis=axes) for d in distances)
            largest = sum(parts, np.zeros(len(u.times) or ()))
            if first:
                largest = np.full_like(largest, largest.max()) if self._rough else np.maximum.accumulate(largest)
            out[name] = np.asarray(largest + missed + ROUNDING * np.abs(u.values[i]).max())
        return out


@dataclass(frozen=True)
class _Distance:
    """What refinement changed, with the factor that makes it a bound.

    Attributes:
        samples: Coarser minus finer solution.
        safety: 1/(1 - r) for the observed ratio r of two distances, from `SAFETY` to `LARGEST_FACTOR`, and beyond
            where they grow.
        is_rounding: Whether refinement no longer brings solutions closer, at a size that rounding explains.
        ratio: r, where two distances are known.
    """

    samples: Samples
    safety: float
    is_rounding: bool
    ratio: float | None = None

    def needs(self, u: Samples, target: float) -> float:
        """How many more refinements bring the bound to a target, as far as the last ratio tells."""
        if self.ratio is None:
            return 0.0
        missing = target / max(self.bound(relative_l2, u), 1e-300)
        if missing >= 1:
            return 0.0
        return math.log(missing) / math.log(self.ratio) if self.ratio < 1 else math.inf

    @classmethod
    def between(
        cls, coarse: Samples, fine: Samples, previous: _Distance | None, rough: bool, stagnation: float
    ) -> _Distance:
        """The distance of two levels, after that of the two before; below `stagnation` slow progress is rounding."""
        samples = coarse - fine
        if previous is None:
            return cls(samples, HALF_ORDER, False)
        now, before = (float(np.linalg.norm(s.values)) for s in (samples, previous.samples))
        ratio = now / before if before > 0 else 0.0
        # One lucky distance, as between nodes that fall alike about a jump, must not make the ratio small.
        slowest = ratio if previous.ratio is None else max(ratio, min(previous.ratio, 1.0))
        observed = min(1 / (1 - slowest), LARGEST_FACTOR) if slowest < 1 else LARGEST_FACTOR * max(ratio, 1.0)
        is_rounding = ratio > 0.5 and now < stagnation * float(np.linalg.norm(fine.values))
        least = HALF_ORDER if rough or is_rounding else SAFETY
        return cls(samples, max(least, observed), is_rounding, ratio)

    def bound(self, metric: Metric, u: Samples) -> float:
        """The metric of the distance times the factor."""
        size = float(metric(u - self.samples, u))
        return self.safety * size if size else 0.0


def _against_truth(share: float) -> float:
    """A distance from the truth in units of its size, from one in units of the answer's; that may be all distance."""
    return share / (1 - share) if share < 1 else math.inf
