"""Several solvers on one problem, against the exact solution or a reference with an error bar."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pinnlab.calibration import COVERAGE, CRPS, SCORES, calibration
from pinnlab.conservation import drift
from pinnlab.errors import UnsupportedProblem
from pinnlab.field import ExactField, Field
from pinnlab.metrics import METRICS, Metric, Nodes, Samples, comparison_nodes, free_up_to_a_constant, sample
from pinnlab.problem import Problem
from pinnlab.reference import reference as classical_reference
from pinnlab.settings import describe
from pinnlab.solution import Solution
from pinnlab.solve import Monitor, Progress, solve
from pinnlab.solver import Solver, Status

if TYPE_CHECKING:
    from rich.table import Table

# The error is recorded at times that grow by this factor, on this many points.
MONITOR_GROWTH = 1.15
MONITOR_POINTS = 2_000
LEVELS = tuple(10.0**-k for k in range(1, 13))


@dataclass(frozen=True)
class Row:
    """One metric of one solver; the keys of `Comparison.to_json`.

    Attributes:
        problem: Name of the problem.
        solver: What the caller called the solver.
        settings: Its settings.
        seed: Of its random draws.
        metric: Name of the metric.
        value: Its value, or None where the solver refused or diverged.
        bound: The reference's own bound in this metric; 0 for an exact solution.  Of a score of the standard deviation,
            by how much the reference's error may have changed it.
        status: "done", "running" (stopped by its budget), "diverged", or "n/a".
        reason: Why there is no value.
        seconds: Wall time of the solver, or None where it refused.
        device: Where it ran.
        dtype: Its arithmetic.
        parameters: Values of the problem's parameters.
        end: End of the time interval, or None if steady.
        note: What to know of how the run ended.
    """

    problem: str
    solver: str
    settings: dict[str, Any]
    seed: int
    metric: str
    value: float | None
    bound: float
    status: str
    reason: str
    seconds: float | None
    device: str
    dtype: str
    parameters: dict[str, float]
    end: float | None
    note: str = ""

    @property
    def text(self) -> str:
        """The value as a reader should see it: no error is told below the reference's own bound."""
        if self.value is None:
            return f"n/a: {self.reason}"
        if self.bound > 0 and self.value <= self.bound:
            return f"≤ {self.bound:.1e}"
        return f"{self.value:.3f}" if self.metric == COVERAGE else f"{self.value:.2e}"


@dataclass(frozen=True)
class Comparison:
    """The outcome of `compare`.

    Attributes:
        problem: What was solved.
        rows: One per solver and metric.
        solutions: Those that there are, by name.
        truth: What they were measured against.
        truth_name: "exact solution", or the settings of the reference.
        times_to_error: Solver → {error level: seconds until the relative L2 error was first below it}; levels below
            the reference's bound are left out.
    """

    problem: Problem
    rows: tuple[Row, ...]
    solutions: Mapping[str, Solution]
    truth: Field
    truth_name: str
    times_to_error: Mapping[str, Mapping[float, float]]

    def to_json(self) -> str:
        """The rows as a JSON list of objects."""
        return json.dumps([dataclasses.asdict(r) | {"text": r.text} for r in self.rows])

    def ranks(self, first: str, second: str, metric: str = "relative_l2") -> bool | None:
        """Whether the first solver is more accurate; None if the reference's bound leaves that open.

        Either error may be off by the bound, so their difference must exceed it twice.
        """
        a, b = (next(r for r in self.rows if r.solver == s and r.metric == metric) for s in (first, second))
        if a.value is None or b.value is None or abs(a.value - b.value) <= 2 * a.bound:
            return None
        return a.value < b.value

    def table(self) -> Table:
        """The rows as a rich table, one line per solver; refusals with their reasons, and notes, below it."""
        from rich.box import SIMPLE_HEAD
        from rich.markup import escape
        from rich.table import Table

        metrics = list(dict.fromkeys(r.metric for r in self.rows if r.metric not in SCORES))
        first = self.rows[0]
        setting = [f"{k} = {v:.6g}" for k, v in first.parameters.items()]
        setting += [] if first.end is None else [f"until {self.problem.time} = {first.end:g}"]
        title = f"{', '.join([self.problem.name, *setting])}; against {self.truth_name}"
        table = Table(title=title, caption_justify="left", box=SIMPLE_HEAD, padding=0, show_edge=False)
        table.add_column("solver", overflow="fold", min_width=10)
        for heading in (*metrics, "seconds", "status", "run on"):
            # Numbers are never cut off, however narrow the terminal is.
            table.add_column(heading.replace("_", "\n"), no_wrap=True)
        below = []
        for name in dict.fromkeys(r.solver for r in self.rows):
            mine = {r.metric: r for r in self.rows if r.solver == name}
            first = mine[metrics[0]]
            if first.value is None:
                below.append(f"{name}: {first.text}")
            if first.note:
                below.append(f"{name}: {first.note}")
            errors = ["n/a" if m not in mine or mine[m].value is None else mine[m].text for m in metrics]
            seconds = "" if first.seconds is None else f"{first.seconds:.2f}"
            table.add_row(escape(name), *errors, seconds, first.status, f"{first.device}\n{first.dtype}".strip())
        table.caption = escape("\n".join(below)) or None
        return table

    def tables(self) -> list[Table]:
        """All tables that have a line: errors, scores of standard deviations, seconds to each error."""
        calibrated = self.calibration_table()
        return [self.table(), *([] if calibrated is None else [calibrated]), self.times_table()]

    def calibration_table(self) -> Table | None:
        """How well standard deviations tell the errors, of the solvers that give one; None if none does.

        What is not known is told below it, with the reason.
        """
        from rich.box import SIMPLE_HEAD
        from rich.markup import escape
        from rich.table import Table

        scores = {(r.solver, r.metric): r for r in self.rows if r.metric in SCORES}
        if not scores:
            return None
        table = Table(
            title="standard deviations", caption_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False
        )
        table.add_column("solver", overflow="fold", min_width=10)
        for heading in SCORES:
            table.add_column("crps / rms of truth" if heading == CRPS else heading, no_wrap=True)
        below = ["calibrated: coverage_90 near 0.9, relative_deviation near relative_l2"]
        below += [f"{name}: {metric} {r.text}" for (name, metric), r in scores.items() if r.value is None]
        for name in dict.fromkeys(name for name, _ in scores):
            mine = [scores[name, metric] for metric in SCORES]
            table.add_row(escape(name), *("n/a" if r.value is None else r.text for r in mine))
        table.caption = escape("\n".join(below))
        return table

    def times_table(self) -> Table:
        """Seconds that each solver took to each level of the relative L2 error."""
        from rich.box import SIMPLE_HEAD
        from rich.markup import escape
        from rich.table import Table

        levels = sorted({lv for t in self.times_to_error.values() for lv in t}, reverse=True)
        table = Table(title="seconds to relative L2 error", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
        table.add_column("error", no_wrap=True)
        for name in self.times_to_error:
            table.add_column(escape(name), overflow="fold", min_width=8)
        for level in levels:
            reached = (times.get(level) for times in self.times_to_error.values())
            table.add_row(f"{level:.0e}", *("-" if s is None else f"{s:.2f}" for s in reached))
        return table


def compare(
    problem: Problem,
    solvers: Mapping[str, Solver | Solution],
    *,
    reference: Solution | Field | None = None,
    metrics: Sequence[Metric] = METRICS,
    rtol: float = 1e-6,
    seed: int = 0,
    device: str = "auto",
    max_seconds: float | None = None,
    monitors: Mapping[str, Sequence[Monitor]] | None = None,
) -> Comparison:
    """Run solvers on one problem and measure all of them in the same norms on the same points.

    Of solvers that give a standard deviation it is scored as well, see `pinnlab.calibration.calibration`.

    Args:
        problem: What to solve.
        solvers: Name → settings to run, or a solution that is there already.
        reference: What to measure against: a field taken as exact, or a solution with its bound; by default the
            problem's exact solution, else `pinnlab.reference(problem, rtol)`.
        metrics: Functions of two `Samples`.
        rtol: For the default reference.
        seed: Of the runs.
        device: Of the runs.
        max_seconds: Budget of each run.
        monitors: Further monitors, by the name of the solver.

    Raises:
        UnsupportedProblem: If there is neither an exact solution nor a classical solver for the problem.
        ValueError: If a solution or the reference is of another problem, or the reference has no error bound.
        SolveFailed: If the reference diverged.
    """
    truth, bounds, truth_name = _truth(problem, reference, rtol)
    nodes = comparison_nodes(problem)
    wanted = sample(truth, nodes)
    rows: list[Row] = []
    solutions: dict[str, Solution] = {}
    reached: dict[str, dict[float, float]] = {}
    for name, entry in solvers.items():
        if isinstance(entry, Solution):
            _require_same(problem, entry, f"the solution {name!r}")
        try:
            watching: list[Monitor] = [ErrorMonitor(truth), *(monitors or {}).get(name, ())]
            found = entry if isinstance(entry, Solution) else solve(
                problem, entry, seed=seed, device=device, max_seconds=max_seconds, monitors=watching)  # fmt: skip
        except UnsupportedProblem as refusal:
            rows += [_refused(problem, name, entry, m, str(refusal), seed) for m in metrics]
            continue
        solutions[name] = found
        mine = _measured(name, found, nodes, wanted, metrics, bounds)
        reached[name] = _times_to_error(found, mine, bounds.get("relative_l2", 0.0))
        rows += mine + _drifts(mine[0], found) + _scores(mine[0], found, truth, bounds)
    return Comparison(problem, tuple(rows), solutions, truth, truth_name, reached)


class ErrorMonitor:
    """Records the relative L2 error of the current answer against a truth, at growing intervals of time.

    For reports only: nothing that a solver does depends on it, and its time does not count as the solver's.
    """

    def __init__(self, truth: Field) -> None:
        self._points = truth.problem.spacetime.sample(MONITOR_POINTS, np.random.default_rng(0))
        # What is known up to a constant only has no error at single points.
        free = free_up_to_a_constant(truth.problem)
        self._columns = [i for i, name in enumerate(truth.problem.names) if name not in free]
        self._values = truth(self._points)[:, self._columns]
        self._due = 0.0

    def __call__(self, progress: Progress) -> Mapping[str, float] | None:
        """The column `relative_l2`, where it is due."""
        if progress.seconds < self._due or not self._columns:
            return None
        self._due = progress.seconds * MONITOR_GROWTH
        started = time.perf_counter()
        distance = np.linalg.norm(progress.field()(self._points)[:, self._columns] - self._values)
        size = np.linalg.norm(self._values)
        # An evaluation that costs more than the solver's own step is not repeated at every step.
        self._due = max(self._due, progress.seconds + 5 * (time.perf_counter() - started))
        return {"relative_l2": float(distance / size) if size > 0 else float(distance)}


def _truth(problem: Problem, given: Solution | Field | None, rtol: float) -> tuple[Field, dict[str, float], str]:
    """(field, bound per metric, name) of what solutions are measured against."""
    if isinstance(given, Field):
        return given, {}, "the given field"
    exact = ExactField.of(problem) if given is None else None
    if exact is not None:
        return exact, {}, "exact solution"
    solution = classical_reference(problem, rtol) if given is None else given.checked()
    _require_same(problem, solution, "the reference")
    if solution.bound is None:
        raise ValueError(
            f"compare {problem.name!r}: the reference has no error bound; make it with pinnlab.reference or refine, or "
            "pass its field to take it as exact"
        )
    bounds = dict(solution.bound.metrics)
    return solution.field, bounds, f"{solution.settings['type']} (relative L2 bound {bounds['relative_l2']:.1e})"


def _require_same(problem: Problem, solution: Solution, what: str) -> None:
    # A problem that holds functions known through their values has no digest, but equals itself.
    if solution.problem != problem and solution.problem.sha256 != problem.sha256:
        raise ValueError(
            f"compare {problem.name!r}: {what} solves another problem, {solution.problem.name!r} with "
            f"{', '.join(f'{p.name} = {p.value}' for p in solution.problem.parameters) or 'no parameters'}"
        )


def _measured(
    name: str,
    solution: Solution,
    nodes: Nodes,
    wanted: Samples,
    metrics: Sequence[Metric],
    bounds: Mapping[str, float],
) -> list[Row]:
    got = sample(solution.field, nodes)
    rows = []
    for metric in metrics:
        value = metric(got, wanted)
        finite = math.isfinite(value) and solution.status is not Status.DIVERGED
        row = _row(solution.problem, name, metric, solution.settings, solution.seed)
        rows.append(
            dataclasses.replace(
                row,
                value=value if finite else None,
                bound=float(bounds.get(metric.__name__, 0.0)),
                status=solution.status.value,
                reason=solution.failure or ("" if finite else "the answer is not finite"),
                seconds=solution.seconds,
                device=solution.device,
                dtype=solution.dtype,
                note=solution.note,
            )
        )
    return rows


def _drifts(row: Row, solution: Solution) -> list[Row]:
    """One row for each quantity that the problem declares as conserved."""
    found = drift(solution.field)
    return [
        dataclasses.replace(row, metric=f"drift_{name}", value=v if math.isfinite(v) else None, bound=0.0)
        for name, v in found.items()
    ]


def _scores(row: Row, solution: Solution, truth: Field, bounds: Mapping[str, float]) -> list[Row]:
    """One row for each score of the standard deviation; none where the method gives no distribution, or failed."""
    if solution.status is Status.DIVERGED:
        return []
    found = calibration(solution.field, truth, bounds)
    return [
        dataclasses.replace(row, metric=name, value=score.value, bound=score.bound, reason=score.reason)
        for name, score in found.items()
    ]


def _refused(problem: Problem, name: str, solver: Any, metric: Metric, reason: str, seed: int) -> Row:
    return dataclasses.replace(_row(problem, name, metric, describe(solver), seed), reason=reason)


def _row(problem: Problem, name: str, metric: Metric, settings: dict[str, Any], seed: int) -> Row:
    values = {p.name: float(p.value) for p in problem.parameters if p.value is not None and p.value.is_number}
    end = None if problem.interval is None else problem.interval.end
    return Row(problem.name, name, settings, seed, metric.__name__, None, 0.0, "n/a", "", None, "", "", values, end)


def _times_to_error(solution: Solution, rows: Sequence[Row], bound: float) -> dict[float, float]:
    """From the history's `relative_l2` column and the final value."""
    seconds = list(solution.history.get("seconds", ()))
    # A solution that was there before has seconds and no errors: nobody watched it.
    errors = list(solution.history.get("relative_l2", [math.nan] * len(seconds)))
    final = next((r.value for r in rows if r.metric == "relative_l2"), None)
    if final is not None:
        seconds, errors = [*seconds, solution.seconds], [*errors, final]
    out = {}
    for level in LEVELS:
        hits = [s for s, e in zip(seconds, errors, strict=True) if e <= level]
        if hits and level > bound:
            out[level] = float(hits[0])
    return out
