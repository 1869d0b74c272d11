"""Windows of time, one after the other, each begun from the last one's answer."""

from __future__ import annotations

import abc
import itertools
import math
from dataclasses import dataclass, field
from typing import Any

import torch

from pinnlab.admissible import require_counts, require_not_negative, require_positive, require_several
from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.boundary import Dirichlet, classify
from pinnlab.problem import Problem
from pinnlab.solver import CPU, Method, Solver, require_known_parameters
from pinnlab.windowed_method import LONGEST_CHAIN, ROUNDING, WindowedMethod


class Beginning(abc.ABC):
    """What a window is begun from, beside its initial data."""

    @abc.abstractmethod
    def state(self, method: Method[Any], fresh: Any, previous: Any) -> Any:
        """The first state, from a fresh one and the last of the window before."""


@dataclass(frozen=True)
class Fresh(Beginning):
    """A network of its own for each window."""

    def state(self, method: Method[Any], fresh: Any, previous: Any) -> Any:  # noqa: D102
        return fresh


@dataclass(frozen=True)
class Warm(Beginning):
    """The network of the window before, as far as the method can take it over."""

    def state(self, method: Method[Any], fresh: Any, previous: Any) -> Any:  # noqa: D102
        return method.started_from(fresh, previous)


class Windows(abc.ABC):
    """How an interval of time is cut into windows; a frozen dataclass of settings, part of a neural solver.

    On each window the solver is compiled for the same equations with the last window's answer as initial data,
    evaluated exactly.  A window whose run fails ends the whole, unless a shorter one is left to try; all windows before
    it are kept.
    """

    overlap: float
    """Share of its length by which a window is trained beyond its end, so that its last instant is an inner one."""

    beginning: Beginning
    """What a network starts from."""

    @property
    def planned(self) -> int | None:
        """How many there will be at most; None where training decides."""
        return None

    @abc.abstractmethod
    def first(self, start: float, end: float) -> float:
        """The length of the first window of an interval."""

    @abc.abstractmethod
    def next(self, at: float, length: float, tries: int) -> float:
        """The length of the window that begins at a time, after one of a length that took so many tries."""

    @abc.abstractmethod
    def shorter(self, length: float) -> float | None:
        """The length to try after one of this length has failed; None if there is none."""

    @property
    def remedy(self) -> str:
        """What to give in place of these if a window does not succeed."""
        return "shorter windows, or AdaptiveWindows"

    def complaint(self, scalars: dict[str, float]) -> str:
        """What is wrong with a window that ended with these scalars; "" if it is good."""
        return ""

    def compile(self, solver: Solver, problem: Problem, device: torch.device = CPU) -> WindowedMethod:
        """The solver on one window after the other.

        Raises:
            UnsupportedProblem: If the problem is steady, has something unknown or initial conditions that are no
                values, has space and more than 80 windows are asked for, or the solver does not take it.
        """
        if problem.interval is None:
            raise UnsupportedProblem(
                f"{type(self).__name__} on {problem.name!r}: a steady problem has no time to cut; leave windows out"
            )
        require_known_parameters(solver, problem)
        _require_values(self, problem)
        if problem.space and self.planned is not None and self.planned > LONGEST_CHAIN:
            raise UnsupportedProblem(
                f"{type(self).__name__} on {problem.name!r}: {self.planned} windows; each asks all before it for its "
                f"initial data, so that a problem in space takes {LONGEST_CHAIN} at most; give fewer"
            )
        length = self.first(problem.interval.start, problem.interval.end)
        if not 0 < length <= problem.interval.length * (1 + ROUNDING):
            raise ValueError(f"{type(self).__name__}: a window of {length:g} does not fit into {problem.interval}")
        method = WindowedMethod(self, solver, problem, device)
        method.first  # noqa: B018 - what the solver refuses is refused here
        return method


@dataclass(frozen=True)
class EqualWindows(Windows):
    """Windows of one length.

    Args:
        count: Their number.
        overlap: Share of its length by which each is trained beyond its end, from 0 on.
        beginning: `Warm()` or `Fresh()`.
    """

    count: int = 10
    overlap: float = 0.01
    beginning: Beginning = field(default_factory=Warm)

    def __post_init__(self) -> None:
        require_counts(self, count=self.count)
        _require_overlap(self)

    @property
    def planned(self) -> int:  # noqa: D102
        return self.count

    def first(self, start: float, end: float) -> float:  # noqa: D102
        return (end - start) / self.count

    def next(self, at: float, length: float, tries: int) -> float:  # noqa: D102
        return length

    def shorter(self, length: float) -> float | None:  # noqa: D102
        return None


@dataclass(frozen=True)
class GivenWindows(Windows):
    """Windows that end at given times, such as short ones where a front is steep.

    Args:
        ends: Increasing times inside the interval; the last window ends with the interval.
        overlap: As for `EqualWindows`.
        beginning: `Warm()` or `Fresh()`.
    """

    ends: tuple[float, ...]
    overlap: float = 0.01
    beginning: Beginning = field(default_factory=Warm)

    def __post_init__(self) -> None:
        if not isinstance(self.ends, tuple | list):
            raise ValueError(
                f"GivenWindows: ends = {self.ends!r}; give a tuple of increasing times, such as (0.1, 0.5)"
            )
        require_several(self, ends=self.ends)
        object.__setattr__(self, "ends", tuple(float(t) for t in self.ends))
        if not self.ends or any(a >= b for a, b in itertools.pairwise(self.ends)):
            raise ValueError(f"GivenWindows: ends = {self.ends}; give increasing times")
        _require_overlap(self)

    @property
    def planned(self) -> int:  # noqa: D102
        return len(self.ends) + 1

    def first(self, start: float, end: float) -> float:
        """The length of the first window.

        Raises:
            ValueError: If a time lies outside the interval.
        """
        if not (start < self.ends[0] and self.ends[-1] <= end):
            raise ValueError(f"GivenWindows: ends = {self.ends} are not all after {start:g} and until {end:g}")
        return self.ends[0] - start

    def next(self, at: float, length: float, tries: int) -> float:  # noqa: D102
        # Beyond the last of them the window is cut where the interval ends.
        return next((t - at for t in self.ends if t > at + ROUNDING * length), math.inf)

    def shorter(self, length: float) -> float | None:  # noqa: D102
        return None


@dataclass(frozen=True)
class AdaptiveWindows(Windows):
    """Windows as long as training succeeds on them.

    A window has succeeded if its run has ended with a loss of at most `loss`; a run that must reach a certificate
    (`CausalPinn`) has also reached that.  One that has not is tried again with half the length; after one that has at
    the first try, the next is `growth` times as long.

    Args:
        length: Of the first window.
        loss: Largest loss to accept: a mean square of residuals in the problem's own units.
        shortest: Length below which the run is given up; None stands for a hundredth of `length`.
        growth: Factor of the length after a success, at least 1.
        overlap: As for `EqualWindows`.
        beginning: `Warm()` or `Fresh()`.
    """

    length: float
    loss: float = 1e-6
    shortest: float | None = None
    growth: float = 1.5
    overlap: float = 0.01
    beginning: Beginning = field(default_factory=Warm)

    def __post_init__(self) -> None:
        require_positive(self, length=self.length, loss=self.loss, growth=self.growth)
        if self.shortest is not None:
            require_positive(self, shortest=self.shortest)
        if self.growth < 1 or self.least > self.length:
            raise ValueError(
                f"AdaptiveWindows: growth = {self.growth}, shortest = {self.least}; give a growth of at least 1 and a "
                f"shortest window of at most length = {self.length}"
            )
        _require_overlap(self)

    @property
    def least(self) -> float:
        """The length below which the run is given up."""
        return self.length / 100 if self.shortest is None else self.shortest

    def first(self, start: float, end: float) -> float:  # noqa: D102
        return min(self.length, end - start)

    def next(self, at: float, length: float, tries: int) -> float:  # noqa: D102
        return length * self.growth if tries == 1 else length

    def shorter(self, length: float) -> float | None:  # noqa: D102
        return length / 2 if length / 2 >= self.least else None

    @property
    def remedy(self) -> str:  # noqa: D102
        return "a larger network, or windows with a larger loss or a smaller shortest"

    def complaint(self, scalars: dict[str, float]) -> str:  # noqa: D102
        if "loss" not in scalars:
            return "its solver reports no loss; use EqualWindows"
        return f"its loss is {scalars['loss']:.2g} > {self.loss:g}" if scalars["loss"] > self.loss else ""


def _require_overlap(windows: Windows) -> None:
    require_not_negative(windows, overlap=windows.overlap)
    if not isinstance(windows.beginning, Beginning):
        raise ValueError(f"{type(windows).__name__}: beginning must be Warm() or Fresh(), got {windows.beginning!r}")


def _require_values(windows: Windows, problem: Problem) -> None:
    for row in classify(problem):
        if row.piece == "initial" and not isinstance(row, Dirichlet):
            raise UnsupportedProblem(
                f"{type(windows).__name__} on {problem.name!r}: the initial condition {row.residual} = 0 gives no "
                "value, so that it does not tell what the next window begins with; write it as u = g"
            )
