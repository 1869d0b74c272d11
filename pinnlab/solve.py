"""A problem and a solver in, a solution out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from pinnlab.errors import UnsupportedProblem
from pinnlab.field import Field
from pinnlab.problem import Problem
from pinnlab.run import Keeper, Limits, Reached, Run, ranks_agree, require_run_seed
from pinnlab.settings import describe
from pinnlab.solution import Solution
from pinnlab.solver import Method, Solver
from pinnlab.training.ranks import Ranks


class Interrupted(KeyboardInterrupt):
    """A run was interrupted from the keyboard after a step or more.

    Attributes:
        solution: What it had reached; its status is RUNNING.
    """

    def __init__(self, solution: Solution) -> None:
        super().__init__()
        self.solution = solution


@dataclass(frozen=True)
class Progress(Reached):
    """What a monitor sees after a step.

    Attributes:
        step: Steps done so far.
        seconds: Seconds of the solver's own work so far.
        scalars: What the step reported, and the monitors before this one.
        field: Gives the current answer when called.
    """

    field: Callable[[], Field]


# A monitor may return further scalars, which join the history.
Monitor = Callable[[Progress], Mapping[str, float] | None]


def solve(
    problem: Problem,
    solver: Solver,
    *,
    seed: int = 0,
    device: str = "auto",
    max_steps: int | None = None,
    max_seconds: float | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    monitors: Sequence[Monitor] = (),
) -> Solution:
    """Run `solver` on `problem` until it is done, diverges, or has spent its budget.

    Under torchrun a solver that works on several ranks, such as `Pinn`, connects them while it runs.  All of them
    must call `solve` with the same arguments, and get the same solution; the clock is that of rank 0, which alone
    writes the checkpoint.  Monitors are called on every rank.

    Args:
        problem: What to solve.
        solver: The settings of a method.
        seed: Of every random draw.
        device: "auto" (CUDA where there is one and the solver runs on it, else the CPU), "cpu", "cuda", "cuda:1", …
        max_steps: Budget in steps, those before a resumption counted in.
        max_seconds: Budget in seconds of the solver's own work, likewise.
        checkpoint: File that holds the state of the run; replaced whole, so it is never half-written.
        resume: Go on from `checkpoint` if that file exists; the answer is then the same as without interruption.
        monitors: Functions called after every step.

    Raises:
        UnsupportedProblem: If the solver cannot take the problem.
        ValueError: If `solver` is none, the seed or a budget is negative, the checkpoint is damaged or of another
            run, or the ranks differ in what they were asked for.
        Interrupted: If the run is interrupted from the keyboard; it holds what was reached.
    """
    if not isinstance(solver, Solver):
        raise ValueError(f"solve: solver must be the settings of a method such as Etdrk4(points=64), got {solver!r}")
    require_run_seed("solve", seed)
    limits = Limits(max_steps, max_seconds)
    limits.require_sensible("solve")
    if resume and checkpoint is None:
        raise ValueError("solve: resume=True needs checkpoint=FILE")
    chosen = resolve_device(device)
    with solver.running(chosen):
        method = _compiled(problem, solver, chosen, device == "auto")
        run = Run(method, method.init(seed))
        keeper = None if checkpoint is None else Keeper(checkpoint, _identity(problem, solver, seed))
        # Rank 0 may still be writing the checkpoint of the call before, which the others are not to read.
        method.ranks.agreed_number(0)
        if resume and keeper is not None:
            keeper.restore(run)
        if method.ranks.size > 1:
            _require_one_run(method.ranks, problem, solver, [seed, max_steps, max_seconds, run.step])

        def seen(step: int, seconds: float, scalars: Mapping[str, float], state: Any) -> Progress:
            return Progress(step, seconds, scalars, partial(method.field, state))

        try:
            run.proceed(limits, keeper, monitors, seen)
        except KeyboardInterrupt:
            if not run.step:
                raise
            raise Interrupted(_solution(run, method, problem, solver, seed)) from None
        return _solution(run, method, problem, solver, seed)


def _identity(problem: Problem, solver: Solver, seed: int) -> dict[str, object]:
    return {"problem": problem.sha256, "solver": json.dumps(describe(solver)), "seed": seed}


def _require_one_run(ranks: Ranks, problem: Problem, solver: Solver, numbers: Sequence[float | None]) -> None:
    """Refuse to mix runs: ranks that differ in what they were asked for, or in where their checkpoint stands."""
    told = [_formulas(problem), describe(solver), *(None if n is None else float(n) for n in numbers)]
    if not ranks_agree(ranks, told):
        raise ValueError(
            "solve: the ranks differ in problem, solver, seed, budget or the step of their checkpoint; give all of "
            "them the same and a checkpoint that all can read, or start independent runs without torchrun"
        )


def _formulas(problem: Problem) -> str:
    """The problem's identity; of one that JSON has no words for, such as a domain of the user's own, its formulas."""
    try:
        return problem.sha256
    except ValueError:
        return str((problem.name, problem.equations, [(c.residual, c.on) for c in problem.conditions]))


def resolve_device(device: str) -> torch.device:
    """The torch device of a name; "auto" is CUDA where there is one.

    Raises:
        ValueError: If the name is no device, or the device is not there.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except RuntimeError:
        raise ValueError(f"device {device!r} is not known; say 'auto', 'cpu' or 'cuda'") from None
    if found.type == "cuda" and (not torch.cuda.is_available() or (found.index or 0) >= torch.cuda.device_count()):
        raise ValueError(f"device {device!r}: there are {torch.cuda.device_count()} CUDA devices here; say 'cpu'")
    return found


def _compiled(problem: Problem, solver: Solver, chosen: torch.device, elsewhere: bool) -> Method[Any]:
    """The method on the device, or on the CPU if it does not run there and may run elsewhere."""
    try:
        return solver.compile(problem, chosen)
    except UnsupportedProblem:
        if not elsewhere or chosen.type == "cpu":
            raise
        return solver.compile(problem, torch.device("cpu"))


def _solution(run: Run[Any], method: Method[Any], problem: Problem, solver: Solver, seed: int) -> Solution:
    return Solution(
        problem=problem,
        solver=solver,
        field=method.field(run.state),
        status=run.status,
        seconds=run.seconds,
        history=run.columns(),
        seed=seed,
        device=str(method.device),
        dtype=method.dtype,
        failure=run.failure,
        note=method.note(run.state),
    )
