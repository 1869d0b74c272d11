"""A solver on one window of time after the other."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pinnlab.condition import Condition
from pinnlab.domain.box import Box
from pinnlab.errors import IncompatibleData, SolveFailed
from pinnlab.field import Field
from pinnlab.fields.windowed import WindowedField
from pinnlab.forms.boundary import Dirichlet, classify
from pinnlab.known import Differentiable, Memory, Remembered, known
from pinnlab.problem import Problem
from pinnlab.solver import Method, Solver, Status
from pinnlab.symbols import Expr, Rate
from pinnlab.training.ranks import Ranks

if TYPE_CHECKING:
    from pinnlab.windows import Windows

# Shares of the whole interval below which two times are the same.
ROUNDING = 1e-9
# Windows of a problem in space: each calls those before it, and Python allows calls to be so deep and no deeper.
LONGEST_CHAIN = 80


@dataclass
class WindowedState:
    """Everything that a run over windows remembers.

    Attributes:
        seed: Of the run.
        edges: The start of the interval, then the end of each finished window.
        finished: The last state of each.
        length: Of the window at work; the last finished one's when all are.
        tries: How many lengths have been tried for it, this one counted in.
        inner: The state of its run.
    """

    seed: int
    edges: list[float]
    finished: list[Any]
    length: float
    tries: int
    inner: Any


@dataclass(frozen=True)
class WindowedMethod(Method[WindowedState]):
    """A solver on one window after the other."""

    windows: Windows
    solver: Solver
    problem: Problem
    on: torch.device

    @cached_property
    def first(self) -> Method[Any]:
        """The method of a first window of the first length."""
        start, end = self._span
        return self._compiled(start, self._until(start, self.windows.first(start, end)), None)

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        """Where the solver runs."""
        return self.first.device

    @property
    def dtype(self) -> str:  # type: ignore[override]
        """The solver's type of numbers."""
        return self.first.dtype

    @property
    def ranks(self) -> Ranks:  # type: ignore[override]
        """The solver's processes."""
        return self.first.ranks

    # -- the contract --------------------------------------------------------------------------------------

    def init(self, seed: int) -> WindowedState:
        """At the start of the first window."""
        start, end = self._span
        length = self.windows.first(start, end)
        return WindowedState(seed, [start], [], length, 1, self.first.init(_seed_of(seed, 0, 1)))

    def step(self, state: WindowedState) -> tuple[WindowedState, dict[str, float]]:
        """One step of the solver on the window at work; its last one hands over to the next window.

        Raises:
            SolveFailed: If the window's run fails and no shorter one is left to try.
        """
        method = self._method(state, len(state.finished))
        where = {
            "window": float(len(state.finished) + 1),
            "window_start": state.edges[-1],
            "window_length": self._end(state, len(state.finished)) - state.edges[-1],
        }
        try:
            inner, scalars = method.step(state.inner)
        except SolveFailed as error:
            return self._shortened(state, str(error)), where
        bad = [name for name, value in scalars.items() if not math.isfinite(value)]
        if bad or method.status(inner) is Status.DIVERGED:
            return self._shortened(state, f"{', '.join(bad) or 'its run'} diverged"), where
        state = replace(state, inner=inner)
        if method.status(inner) is Status.DONE:
            complaint = self.windows.complaint(scalars)
            state = self._shortened(state, complaint) if complaint else self._handed_over(state)
        return state, {**scalars, **where}

    def status(self, state: WindowedState) -> Status:
        """DONE when the last window is."""
        return Status.DONE if self._is_last(state.edges[-1]) else Status.RUNNING

    def note(self, state: WindowedState) -> str:
        """What there is to say of the window at work."""
        number = len(state.finished) - (self.status(state) is Status.DONE)
        told = self._method(state, number).note(state.inner)
        return f"window {number + 1}: {told}" if told else ""

    def field(self, state: WindowedState) -> WindowedField:
        """All windows as one field; after the window at work its last instant is held."""
        done = len(state.finished)
        fields: list[Field] = [self._method(state, i).field(state.finished[i]) for i in range(done)]
        edges = [*state.edges]
        if self.status(state) is Status.RUNNING:
            fields.append(self._method(state, done).field(state.inner))
            edges.append(self._end(state, done))
        last = None if self.status(state) is Status.DONE else edges[max(done, 1)]
        return WindowedField(self.problem, tuple(edges), tuple(fields), last)

    # -- windows -------------------------------------------------------------------------------------------

    @property
    def _span(self) -> tuple[float, float]:
        interval = self.problem.interval
        assert interval is not None  # Windows.compile has refused steady problems
        return interval.start, interval.end

    def _is_last(self, end: float) -> bool:
        start, until = self._span
        return end >= until - ROUNDING * (until - start)

    def _until(self, start: float, length: float) -> float:
        """Where a window ends: at the end of the interval if less than rounding were left of it."""
        end = start + length
        return self._span[1] if self._is_last(end) else end

    def _end(self, state: WindowedState, i: int) -> float:
        """The end of window i."""
        done = i + 1 < len(state.edges)
        return state.edges[i + 1] if done else self._until(state.edges[i], state.length)

    def _handed_over(self, state: WindowedState) -> WindowedState:
        done = len(state.finished)
        end = self._end(state, done)
        length = self.windows.next(end, state.length, state.tries)
        finished = [*state.finished, self._method(state, done).archived(state.inner)]
        state = replace(state, edges=[*state.edges, end], finished=finished)
        if self._is_last(end):
            return state
        return self._begun(replace(state, length=length, tries=1))

    def _begun(self, state: WindowedState) -> WindowedState:
        """With a first state of the window at work."""
        done = len(state.finished)
        if self.problem.space and done >= LONGEST_CHAIN:
            raise SolveFailed(
                f"{done} windows are finished and {self.problem.time} = {state.edges[-1]:g} is reached; each asks all "
                f"before it for its initial data, which goes on for {LONGEST_CHAIN} windows and no more: give longer "
                "ones, or solve for the rest of time with known(…) as initial data"
            )
        method = self._method(state, done)
        inner = method.init(_seed_of(state.seed, done, state.tries))
        if state.finished:
            inner = self.windows.beginning.state(method, inner, state.finished[-1])
        return replace(state, inner=inner)

    def _shortened(self, state: WindowedState, complaint: str) -> WindowedState:
        # Its own length, which the end of the interval may have cut.
        start, number = state.edges[-1], len(state.finished) + 1
        length = self.windows.shorter(self._end(state, number - 1) - start)
        if length is None:
            kept = f"the answer until {start:g} is kept" if state.finished else "no window is finished"
            raise SolveFailed(
                f"window {number}, {self.problem.time} from {start:g} to {self._until(start, state.length):g}, did not "
                f"succeed: {complaint}; {kept}; give more steps, {self.windows.remedy}"
            )
        return self._begun(replace(state, length=length, tries=state.tries + 1))

    @cached_property
    def _methods(self) -> list[tuple[float, Any, Method[Any]]]:
        """For each window so far its end, the state it began from, and its method."""
        return []

    @cached_property
    def _memory(self) -> Memory:
        """Of all windows, each of which asks those before it."""
        return Memory()

    def _method(self, state: WindowedState, i: int) -> Method[Any]:
        """The solver compiled for window i; compiled once as long as the states stay the same."""
        for k in range(i + 1):
            start, end = state.edges[k], self._end(state, k)
            before = state.finished[k - 1] if k else None
            if k < len(self._methods):
                known_end, known_before, _ = self._methods[k]
                if known_end == end and known_before is before:
                    continue
                del self._methods[k:]
            source = Remembered(self._methods[k - 1][2].field(before), self._memory) if k else None
            self._methods.append((end, before, self._compiled(start, end, source)))
        return self._methods[i][2]

    def _compiled(self, start: float, end: float, before: Differentiable | None) -> Method[Any]:
        upto = min(end + self.windows.overlap * (end - start), self._span[1])
        return self.solver.compile(window(self.problem, start, upto, before), self.on)


def window(problem: Problem, start: float, end: float, before: Differentiable | None) -> Problem:
    """The problem on a part of its time.

    Args:
        problem: In time, with initial conditions that give values.
        start, end: Of the window.
        before: What it begins from: at `start` the unknowns with initial conditions have its values and rates.  None
            keeps the problem's own initial conditions.
    """
    interval = problem.interval
    assert interval is not None  # Windows.compile has refused steady problems
    if isinstance(problem.domain, Box):
        bounds = {c: (start, end) if c == interval.time else b for c, b in problem.domain.bounds.items()}
        domain: Any = Box(bounds, periodic=problem.domain.periodic)
    else:
        domain = replace(interval, start=start, end=end) * problem.region
    conditions = problem.conditions if before is None else (*_lasting(problem), *_handed(problem, start, before))
    with warnings.catch_warnings():
        if before is not None:
            # The data of the declaration have been looked at when it was made.
            warnings.simplefilter("ignore", IncompatibleData)
        return replace(problem, domain=domain, conditions=conditions, reference=None)


def _lasting(problem: Problem) -> Sequence[Condition]:
    """The conditions on all pieces but the initial one."""
    pieces = [(c, [p for p in problem.pieces_of(c) if p != "initial"]) for c in problem.conditions]
    return [c if c.on is None else Condition(c.residual, on) for c, on in pieces if on]


def _handed(problem: Problem, start: float, before: Differentiable) -> Sequence[Condition]:
    """Initial conditions with the values of an answer."""
    found = []
    for row in classify(problem):
        if isinstance(row, Dirichlet) and row.piece == "initial":
            i = problem.names.index(str(row.unknown))
            value: Expr = known(f"{row.unknown}_before", before, i, *problem.coordinates)
            u = problem.unknowns[i]
            left = u if row.time_order == 0 else Rate(u)
            if row.time_order:
                value = value.diff(problem.time)
            found.append(Condition(left - value.subs(problem.time, start), "initial"))
    return found


def _seed_of(seed: int, window: int, tries: int) -> int:
    """A seed of its own for each window and each try; the run's own for the first."""
    if window == 0 and tries == 1:
        return seed
    (word,) = np.random.SeedSequence(seed, spawn_key=(window, tries)).generate_state(1).tolist()
    return int(word)
