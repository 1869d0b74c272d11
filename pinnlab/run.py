"""The one loop that runs everything that takes steps: clock, history, checkpoints, monitors, non-finite guard."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
import torch

from pinnlab.admissible import is_number, is_whole
from pinnlab.errors import SolveFailed
from pinnlab.files import checkpoint as files
from pinnlab.solver import Iteration, Status
from pinnlab.training.ranks import Ranks

# A checkpoint is written after the first step, then whenever this many seconds have passed, but so seldom that
# writing takes at most this share of the time.
CHECKPOINT_SECONDS = 5.0
CHECKPOINT_SHARE = 0.05

State = TypeVar("State")


@dataclass(frozen=True)
class Reached:
    """Where a run is after a step.

    Attributes:
        step: Steps done so far.
        seconds: Seconds of the run's own work so far.
        scalars: What the step reported, and the monitors before this one.
    """

    step: int
    seconds: float
    scalars: Mapping[str, float]


Seen = TypeVar("Seen", bound=Reached)


@dataclass(frozen=True)
class Limits:
    """What ends a run that is not done: steps, and seconds of its own work, each None for no such limit.

    Those before a resumption are counted in.
    """

    max_steps: int | None = None
    max_seconds: float | None = None

    def require_sensible(self, caller: str, unit: str = "max_steps") -> None:
        """Raise a ValueError that names the caller and its unit of steps if a limit is negative or no number."""
        for name, limit in ((unit, self.max_steps), ("max_seconds", self.max_seconds)):
            if limit is not None and not (is_number(limit) and limit >= 0):
                raise ValueError(f"{caller}: {name} = {limit!r}; give a number from 0 on, or None for no such budget")

    def spent(self, run: Run[Any]) -> bool:
        """Whether the run is to take no further step."""
        return (self.max_steps is not None and run.step >= self.max_steps) or (
            self.max_seconds is not None and run.seconds >= self.max_seconds
        )


def require_run_seed(caller: str, seed: int) -> None:
    """Raise a ValueError that names the caller if a seed is no whole number from 0 on."""
    if not is_whole(seed) or seed < 0:
        raise ValueError(f"{caller}: seed = {seed!r}; give a whole number from 0 on")


@dataclass
class Run(Generic[State]):
    """A run in progress: the state, the clock, and the rows of the history."""

    method: Iteration[State]
    state: State
    step: int = 0
    seconds: float = 0.0
    status: Status = Status.RUNNING
    failure: str = ""
    rows: list[dict[str, float]] = field(default_factory=list)

    def columns(self) -> dict[str, np.ndarray]:
        """The history by columns, NaN where a row has no such entry."""
        names = dict.fromkeys(name for row in self.rows for name in row)
        return {name: np.array([row.get(name, math.nan) for row in self.rows]) for name in names}

    def proceed(
        self,
        limits: Limits,
        keeper: Keeper | None,
        monitors: Sequence[Callable[[Seen], Mapping[str, float] | None]],
        seen: Callable[[int, float, Mapping[str, float], State], Seen],
    ) -> None:
        """Take steps until the method is done or diverges, or the budget is spent.

        Args:
            limits: What may end it sooner.
            keeper: Of its checkpoint, if it has one.
            monitors: Called after every step; what they return joins the history.
            seen: What a monitor is given of the step, the seconds, the scalars and the state.
        """
        self.status = self.method.status(self.state)
        while self.status is Status.RUNNING and not limits.spent(self):
            start = time.perf_counter()
            failure = None
            try:
                # Non-finite numbers are this loop's business; numpy's warnings would only repeat it.
                with np.errstate(all="ignore"):
                    state, scalars = self.method.step(self.state)
            except SolveFailed as error:
                failure, scalars = str(error), {}
            # One clock for all ranks, or they would not stop together.
            self.seconds = self.method.ranks.agreed_number(self.seconds + time.perf_counter() - start)
            bad = [name for name, value in scalars.items() if not math.isfinite(value)]
            if failure is not None or bad:
                self.status = Status.DIVERGED
                self.failure = failure or f"{', '.join(bad)} became non-finite in step {self.step + 1}"
                break
            self.state, self.step = state, self.step + 1
            row = {"step": self.step, "seconds": self.seconds, **scalars}
            for monitor in monitors:
                found = dict(monitor(seen(self.step, self.seconds, scalars, state)) or {})
                row, scalars = row | found, scalars | found
            self.rows.append(row)
            self.status = self.method.status(self.state)
            if keeper is not None:
                keeper.after_step(self)
        if keeper is not None:
            keeper.save(self)


class Keeper:
    """Writes and reads the checkpoint of one run.

    Args:
        path: The file.
        identity: What the run is of: name of a thing to its description.  A checkpoint of another one is refused.
    """

    def __init__(self, path: str | os.PathLike[str], identity: Mapping[str, object]) -> None:
        self._path = path
        self._identity = dict(identity)
        self._due = 0.0

    def after_step(self, run: Run[Any]) -> None:
        """Write if it is due."""
        if time.monotonic() >= self._due:
            self.save(run)

    def save(self, run: Run[Any]) -> None:
        """Write now; of several ranks the first one does."""
        if run.method.ranks.number:
            return
        start = time.monotonic()
        columns = run.columns()
        extra = {"identity": self._identity, "step": run.step, "seconds": run.seconds, "history": columns}
        files.save(self._path, run.state, extra)
        now = time.monotonic()
        self._due = now + max(CHECKPOINT_SECONDS, (now - start) / CHECKPOINT_SHARE)

    def restore(self, run: Run[Any]) -> None:
        """Put the stored state into a run, if there is a file.

        Raises:
            ValueError: If the checkpoint belongs to another run, such as one of another seed.
        """
        if not os.path.exists(self._path):
            return
        state, extra = files.load(self._path, run.state)
        stored = extra.get("identity", {})
        for key, value in self._identity.items():
            if stored.get(key) != value:
                raise ValueError(
                    f"checkpoint {os.fspath(self._path)}: it belongs to another {key} "
                    f"({_differing(stored.get(key), value)}); resume with the same problem or data, settings and seed, "
                    "or name another file"
                )
        run.state, run.step, run.seconds = state, int(extra["step"]), float(extra["seconds"])
        columns = extra["history"]
        n = len(next(iter(columns.values()), ()))
        run.rows = [{k: float(v[i]) for k, v in columns.items() if not math.isnan(v[i])} for i in range(n)]


def _differing(stored: object, asked: object) -> str:
    """Where settings in JSON differ first, such as `optimizer.learning_rate is 0.1 there and 0.2 here`.

    Of anything else what was stored.
    """
    there, here, place = _settings_in(stored), _settings_in(asked), list[str]()
    while isinstance(there, dict) and isinstance(here, dict) and there != here:
        place.append(next(k for k in (*here, *there) if here.get(k, here) != there.get(k, there)))
        there, here = there.get(place[-1]), here.get(place[-1])
    if not place:
        return str(stored)[:80]
    return f"{'.'.join(place)} is {str(there)[:80]} there and {str(here)[:80]} here"


def _settings_in(value: object) -> object:
    """What a text in JSON holds; None for anything else."""
    try:
        return json.loads(value) if isinstance(value, str) else None
    except ValueError:
        return None


def ranks_agree(ranks: Ranks, told: Sequence[object]) -> bool:
    """Whether all ranks say the same, as JSON."""
    # Objects that do not say what they are print their addresses, which are each process's own.
    text = re.sub(r" at 0x[0-9a-f]+", "", json.dumps(told))
    # Six bytes are a number that a float holds exactly.
    mine = float(int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big"))
    others = ranks.summed(torch.tensor(abs(mine - ranks.agreed_number(mine)), device=ranks.device))
    return not float(others)
