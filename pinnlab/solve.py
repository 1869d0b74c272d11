"""The one loop that runs every solver: clock, history, checkpoints, monitors, non-finite guard."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch

from pinnlab.admissible import is_number, is_whole
from pinnlab.errors import SolveFailed, UnsupportedProblem
from pinnlab.field import Field
from pinnlab.files import checkpoint as files
from pinnlab.problem import Problem
from pinnlab.settings import describe
from pinnlab.solution import Solution
from pinnlab.solver import Method, Solver, Status
from pinnlab.training.ranks import Ranks

# A checkpoint is written after the first step, then whenever this many seconds have passed, but so seldom that
# writing takes at most this share of the time.
CHECKPOINT_SECONDS = 5.0
CHECKPOINT_SHARE = 0.05


class Interrupted(KeyboardInterrupt):
    """A run was interrupted from the keyboard after a step or more.

    Attributes:
        solution: What it had reached; its status is RUNNING.
    """

    def __init__(self, solution: Solution) -> None:
        super().__init__()
        self.solution = solution


@dataclass(frozen=True)
class Progress:
    """What a monitor sees after a step.

    Attributes:
        step: Steps done so far.
        seconds: Seconds of the solver's own work so far.
        scalars: What the step reported, and the monitors before this one.
        field: Gives the current answer when called.
    """

    step: int
    seconds: float
    scalars: Mapping[str, float]
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
    if not is_whole(seed) or seed < 0:
        raise ValueError(f"solve: seed = {seed!r}; give a whole number from 0 on")
    for name, budget in (("max_steps", max_steps), ("max_seconds", max_seconds)):
        if budget is not None and not (is_number(budget) and budget >= 0):
            raise ValueError(f"solve: {name} = {budget!r}; give a number from 0 on, or None for no such budget")
    if resume and checkpoint is None:
        raise ValueError("solve: resume=True needs checkpoint=FILE")
    chosen = resolve_device(device)
    with solver.running(chosen):
        method = _compiled(problem, solver, chosen, device == "auto")
        run = _Run(method, method.init(seed))
        keeper = None if checkpoint is None else _Keeper(checkpoint, _identity(problem, solver, seed))
        # Rank 0 may still be writing the checkpoint of the call before, which the others are not to read.
        method.ranks.agreed_number(0)
        if resume and checkpoint is not None and keeper is not None and os.path.exists(checkpoint):
            keeper.restore(run)
        if method.ranks.size > 1:
            _require_one_run(method.ranks, problem, solver, [seed, max_steps, max_seconds, run.step])
        try:
            _loop(run, max_steps, max_seconds, keeper, monitors)
        except KeyboardInterrupt:
            if not run.step:
                raise
            raise Interrupted(run.solution(problem, solver, seed)) from None
        return run.solution(problem, solver, seed)


def _identity(problem: Problem, solver: Solver, seed: int) -> dict[str, object]:
    return {"problem": problem.sha256, "solver": json.dumps(describe(solver)), "seed": seed}


def _require_one_run(ranks: Ranks, problem: Problem, solver: Solver, numbers: Sequence[float | None]) -> None:
    """Refuse to mix runs: ranks that differ in what they were asked for, or in where their checkpoint stands."""
    told = [_formulas(problem), describe(solver), *(None if n is None else float(n) for n in numbers)]
    # Objects that do not say what they are print their addresses, which are each process's own.
    text = re.sub(r" at 0x[0-9a-f]+", "", json.dumps(told))
    # Six bytes are a number that a float holds exactly.
    mine = float(int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big"))
    others = ranks.summed(torch.tensor(abs(mine - ranks.agreed_number(mine)), device=ranks.device))
    if float(others):
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


@dataclass
class _Run:
    """A run in progress: the state, the clock, and the rows of the history."""

    method: Method[Any]
    state: Any
    step: int = 0
    seconds: float = 0.0
    status: Status = Status.RUNNING
    failure: str = ""
    rows: list[dict[str, float]] = field(default_factory=list)

    def columns(self) -> dict[str, np.ndarray]:
        names = dict.fromkeys(name for row in self.rows for name in row)
        return {name: np.array([row.get(name, math.nan) for row in self.rows]) for name in names}

    def solution(self, problem: Problem, solver: Solver, seed: int) -> Solution:
        return Solution(
            problem=problem,
            solver=solver,
            field=self.method.field(self.state),
            status=self.status,
            seconds=self.seconds,
            history=self.columns(),
            seed=seed,
            device=str(self.method.device),
            dtype=self.method.dtype,
            failure=self.failure,
            note=self.method.note(self.state),
        )


def _loop(
    run: _Run,
    max_steps: int | None,
    max_seconds: float | None,
    keeper: _Keeper | None,
    monitors: Sequence[Monitor],
) -> None:
    run.status = run.method.status(run.state)
    while run.status is Status.RUNNING and not _spent(run, max_steps, max_seconds):
        start = time.perf_counter()
        failure = None
        try:
            # Non-finite numbers are this loop's business; numpy's warnings would only repeat it.
            with np.errstate(all="ignore"):
                state, scalars = run.method.step(run.state)
        except SolveFailed as error:
            failure, scalars = str(error), {}
        # One clock for all ranks, or they would not stop together.
        run.seconds = run.method.ranks.agreed_number(run.seconds + time.perf_counter() - start)
        bad = [name for name, value in scalars.items() if not math.isfinite(value)]
        if failure is not None or bad:
            run.status = Status.DIVERGED
            run.failure = failure or f"{', '.join(bad)} became non-finite in step {run.step + 1}"
            break
        run.state, run.step = state, run.step + 1
        row = {"step": run.step, "seconds": run.seconds, **scalars}
        answer = partial(run.method.field, state)
        for monitor in monitors:
            progress = Progress(run.step, run.seconds, scalars, answer)
            found = dict(monitor(progress) or {})
            row, scalars = row | found, scalars | found
        run.rows.append(row)
        run.status = run.method.status(run.state)
        if keeper is not None:
            keeper.after_step(run)
    if keeper is not None:
        keeper.save(run)


def _spent(run: _Run, max_steps: int | None, max_seconds: float | None) -> bool:
    return (max_steps is not None and run.step >= max_steps) or (max_seconds is not None and run.seconds >= max_seconds)


class _Keeper:
    """Writes and reads the checkpoint of one run."""

    def __init__(self, path: str | os.PathLike[str], identity: Mapping[str, object]) -> None:
        self._path = path
        self._identity = dict(identity)
        self._due = 0.0

    def after_step(self, run: _Run) -> None:
        if time.monotonic() >= self._due:
            self.save(run)

    def save(self, run: _Run) -> None:
        if run.method.ranks.number:
            return
        start = time.monotonic()
        columns = run.columns()
        extra = {"identity": self._identity, "step": run.step, "seconds": run.seconds, "history": columns}
        files.save(self._path, run.state, extra)
        now = time.monotonic()
        self._due = now + max(CHECKPOINT_SECONDS, (now - start) / CHECKPOINT_SHARE)

    def restore(self, run: _Run) -> None:
        """Put the stored state into a run.

        Raises:
            ValueError: If the checkpoint belongs to another problem, solver or seed.
        """
        state, extra = files.load(self._path, run.state)
        stored = extra.get("identity", {})
        for key, value in self._identity.items():
            if stored.get(key) != value:
                raise ValueError(
                    f"checkpoint {os.fspath(self._path)}: it belongs to another {key} ({str(stored.get(key))[:80]}); "
                    "resume with the same problem, settings and seed, or name another file"
                )
        run.state, run.step, run.seconds = state, int(extra["step"]), float(extra["seconds"])
        columns = extra["history"]
        n = len(next(iter(columns.values()), ()))
        run.rows = [{k: float(v[i]) for k, v in columns.items() if not math.isnan(v[i])} for i in range(n)]
