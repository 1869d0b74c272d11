"""Runs of one solver, or of a classical one until its error bound is met, shown on a display."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pinnlab.commands.progress import Budget, Display, Silent, shown
from pinnlab.commands.terminal import standard_error, stdout_kept_clean
from pinnlab.compare import ErrorMonitor
from pinnlab.field import ExactField
from pinnlab.problem import Problem
from pinnlab.reference import CrossCheck, candidates, cross_check, independent, reference, refine
from pinnlab.solution import Solution
from pinnlab.solve import Monitor, solve
from pinnlab.solver import Refinable, Solver, solver_name


@contextlib.contextmanager
def display(as_json: bool) -> Iterator[Display]:
    """Where progress is shown: nowhere beside JSON."""
    with contextlib.nullcontext(Silent()) if as_json else shown(standard_error()) as screen:
        yield screen


@dataclass(frozen=True)
class Refinement:
    """A classical solution with an error bound, watched by a display."""

    problem: Problem
    rtol: float
    max_seconds: float | None
    display: Display

    def run(self, solver: Solver | None) -> Solution:
        """By the given solver, or by the preferred one."""
        monitors = [self.display.monitor("reference", Budget.of(self.problem))]
        if solver is None:
            return reference(self.problem, self.rtol, max_seconds=self.max_seconds, monitors=monitors)
        if not isinstance(solver, Refinable):
            raise ValueError(
                f"{solver_name(solver)} has no resolution to refine until an error bound is met; drop --rtol and "
                "--verify, or name a classical solver"
            )
        return refine(self.problem, solver, self.rtol, max_seconds=self.max_seconds, monitors=monitors)

    def verified(self, solver: Solver | None) -> tuple[Solution, CrossCheck]:
        """Solved twice by different methods."""
        # Refused before the first solution has taken its time.
        independent(self.problem, next(iter(candidates(self.problem)), None) if solver is None else solver)
        first = self.run(solver)
        monitors = [self.display.monitor("second method", Budget.of(self.problem))]
        return first, cross_check(first, self.rtol, max_seconds=self.max_seconds, monitors=monitors)


@dataclass(frozen=True)
class Run:
    """One run of one solver, watched by a display."""

    problem: Problem
    solver: Solver
    seed: int
    device: str
    max_seconds: float | None
    display: Display

    def solved(self, max_steps: int | None, checkpoint: Path | None, resume: bool) -> Solution:
        """The solution.

        Raises:
            KeyboardInterrupt: If the run was interrupted; the text says how to go on.
        """
        exact = ExactField.of(self.problem)
        budget = Budget.of(self.problem, self.solver, max_steps, self.max_seconds)
        monitors: list[Monitor] = [] if exact is None else [ErrorMonitor(exact)]
        monitors.append(self.display.monitor(solver_name(self.solver), budget))
        try:
            with stdout_kept_clean():
                return solve(
                    self.problem,
                    self.solver,
                    seed=self.seed,
                    device=self.device,
                    max_steps=max_steps,
                    max_seconds=self.max_seconds,
                    checkpoint=checkpoint,
                    resume=resume,
                    monitors=monitors,
                )
        except KeyboardInterrupt:
            way_on = "nothing was kept; --checkpoint FILE would keep it"
            if checkpoint is not None and checkpoint.exists():
                way_on = f"say the same with --resume to go on from {checkpoint}"
            raise KeyboardInterrupt(way_on) from None
