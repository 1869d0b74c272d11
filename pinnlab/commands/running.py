"""Runs of one solver, or of a classical one until its error bound is met, shown on a display."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pinnlab.candidates import candidates, independent
from pinnlab.commands.progress import Budget, Display, Silent, shown
from pinnlab.commands.terminal import standard_error, stdout_kept_clean
from pinnlab.compare import ErrorMonitor
from pinnlab.errors import SolveFailed
from pinnlab.field import ExactField
from pinnlab.problem import Problem
from pinnlab.reference import CrossCheck, cross_check, reference, refine
from pinnlab.solution import Solution
from pinnlab.solve import Interrupted, Monitor, solve
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
    out: Path | None = None
    shape: tuple[int, ...] | None = None

    def solved(self, max_steps: int | None, checkpoint: Path | None, resume: bool) -> Solution:
        """The solution; what a run that fails or is interrupted had reached goes to the file `out`.

        Raises:
            SolveFailed: If the run diverged; the text says what is kept.
            KeyboardInterrupt: If the run was interrupted; the text says what is kept, and how to go on.
        """
        exact = ExactField.of(self.problem)
        budget = Budget.of(self.problem, self.solver, max_steps, self.max_seconds)
        monitors: list[Monitor] = [] if exact is None else [ErrorMonitor(exact)]
        monitors.append(self.display.monitor(solver_name(self.solver), budget))
        try:
            with stdout_kept_clean():
                found = solve(
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
        except KeyboardInterrupt as interruption:
            told = [self._kept(interruption.solution)] if isinstance(interruption, Interrupted) else []
            if checkpoint is not None and checkpoint.exists():
                told.append(f"say the same with --resume to go on from {checkpoint}")
            if not any(told):
                told = ["nothing was kept; --checkpoint FILE would keep it"]
            raise KeyboardInterrupt("; ".join(filter(None, told))) from None
        try:
            return found.checked()
        except SolveFailed as failure:
            raise SolveFailed("; ".join(filter(None, (str(failure), self._kept(found))))) from None

    def _kept(self, partial: Solution) -> str:
        """Write what an unfinished run has to its file, if there is one and a step was done; say so."""
        if self.out is None or not len(partial.history):
            return ""
        partial.to_hdf5(self.out, self.shape)
        reached = partial.field.reached
        until = "" if reached is None else f" until {self.problem.time} = {reached:.6g}"
        return f"what it had reached{until} is in {self.out}"
