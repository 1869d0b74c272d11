"""What time integrators share: states that can be written to a file, steps that can be recorded, and error control.

An `Integrator` holds settings, a `State` holds all that the method remembers.  `advance` and `walk` build scipy's
integrator anew from the state, so that a state that went through a file continues exactly like one that did not.
"""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy  # its submodules load when they are first used
from scipy.sparse import csc_array

from pinnlab.admissible import require_counts, require_numbers, require_positive
from pinnlab.errors import SolveFailed

Rate = Callable[[float, np.ndarray], np.ndarray]
Jacobian = Callable[[float, np.ndarray], csc_array]

_SMALLEST_RTOL = 100 * float(np.finfo(float).eps)
SAME = 1e-9


@dataclass(frozen=True)
class State:
    """What a one-step method remembers between two calls of `advance`.

    Attributes:
        t: Time reached.
        y: Solution there (n,).
        h: Step that the error control asks for next.
        evaluations: Calls of the rate since `start`.
        steps: Accepted steps since `start`.
    """

    t: float
    y: np.ndarray
    h: float
    evaluations: int
    steps: int


@dataclass(frozen=True)
class Walk:
    """What an integrator did in some steps of its own length.

    Attributes:
        state: Where it is now.
        times: Times `(m,)` after the first state, strictly ascending, the last one that of `state`; where steps
            are long, times within them too.
        values: The solution there `(m, n)`.
        rates: Its time derivative there `(m, n)`, as the method has it: the rate of a value that is off by a
            little may be off by a lot where the problem is stiff.
    """

    state: State
    times: np.ndarray
    values: np.ndarray
    rates: np.ndarray


@dataclass(frozen=True)
class Integrator(abc.ABC):
    """Integration of y' = rate(t, y)."""

    @abc.abstractmethod
    def tightened(self, factor: float) -> Self:
        """Return the same method with errors smaller by about `factor` > 0, as far as rounding allows."""

    @abc.abstractmethod
    def refined(self, factor: float, span: float) -> Self | None:
        """Return `tightened(factor)`, or None where that hardly changes anything or a time `span` takes too long."""

    def start(self, rate: Rate, t: float, y: np.ndarray, until: float = math.inf) -> State:
        """Return the state at the initial time t with initial values y (n,), and choose the first step.

        Args:
            rate: y' = rate(t, y), (n,) -> (n,).
            t: Initial time.
            y: Initial values.
            until: No time after this one is tried.

        Raises:
            ValueError: t or y is not finite, or y is not one-dimensional.
            SolveFailed: The rate is not finite there.
        """
        y = np.array(y, dtype=float)
        if y.ndim != 1 or not (math.isfinite(t) and np.isfinite(y).all()):
            raise ValueError(
                f"{type(self).__name__}: initial values must be finite and of shape (n,), got {y.shape} "
                f"with {np.count_nonzero(~np.isfinite(y))} values that are not finite at t = {t!r}; "
                "check the initial condition"
            )
        return self._start(rate, float(t), y, float(until))

    def walk(self, rate: Rate, jacobian: Jacobian, state: State, until: float, count: int) -> Walk:
        """Take up to `count` >= 1 steps of the method's own length towards `until` > state.t, and record them.

        Args:
            rate: As for `advance`.
            jacobian: As for `advance`.
            state: From `start`, `advance` or `walk` of the same integrator; it is not changed.
            until: Time that is not passed, and where the last step ends that comes near it.
            count: Most steps to take.

        Raises:
            ValueError: `until` is not after state.t or not finite, or the count is not positive.
            SolveFailed: As for `advance`; max_steps counts all steps since `start` here.
        """
        if not (math.isfinite(until) and until > state.t and count >= 1):
            raise ValueError(
                f"{type(self).__name__}: cannot walk {count!r} steps from t = {state.t!r} to t = {until!r}; "
                "walk at least one step to a later time"
            )
        return self._walk(rate, jacobian, state, float(until), count)

    def advance(self, rate: Rate, jacobian: Jacobian, state: State, until: float) -> State:
        """Integrate from state.t to `until` and return the state there; the given state is not changed.

        Args:
            rate: y' = rate(t, y), (n,) -> (n,).
            jacobian: Sparse d rate / d y (n, n); explicit methods do not call it.
            state: From `start` or `advance` of the same integrator.
            until: Time to reach, >= state.t.

        Raises:
            ValueError: `until` is before state.t or not finite.
            SolveFailed: The step size collapsed, the solution is not finite, or max_steps was not enough.
        """
        if not (math.isfinite(until) and until >= state.t):
            raise ValueError(
                f"{type(self).__name__}: cannot go to t = {until!r} from t = {state.t!r}; "
                "advance to a later time or start again"
            )
        return self._advance(rate, jacobian, state, float(until)) if until > state.t else state

    @abc.abstractmethod
    def _start(self, rate: Rate, t: float, y: np.ndarray, until: float) -> State: ...

    @abc.abstractmethod
    def _advance(self, rate: Rate, jacobian: Jacobian, state: Any, until: float) -> State: ...

    @abc.abstractmethod
    def _walk(self, rate: Rate, jacobian: Jacobian, state: Any, until: float, count: int) -> Walk: ...


@dataclass(frozen=True)
class Adaptive(Integrator):
    """Integration with local errors below atol + rtol |y| in the mean square.

    Args:
        rtol: Relative tolerance, from 2.3e-14 (100 machine epsilons) to below 1.
        atol: Absolute tolerance, > 0.
        max_steps: Most steps that one `advance` may take.
    """

    rtol: float = 1e-8
    atol: float = 1e-10
    max_steps: int = 100_000

    def __post_init__(self) -> None:
        require_numbers(self, rtol=self.rtol)
        require_positive(self, atol=self.atol)
        if not _SMALLEST_RTOL <= self.rtol < 1:
            raise ValueError(f"{type(self).__name__}: rtol must be in [{_SMALLEST_RTOL:.2g}, 1), got {self.rtol!r}")
        require_counts(self, max_steps=self.max_steps)

    def tightened(self, factor: float) -> Self:
        """Return the same method with both tolerances divided by `factor` > 0; rtol stops at 2.3e-14."""
        if not (factor > 0 and math.isfinite(factor)):
            raise ValueError(f"{type(self).__name__}: tolerances are divided by a positive number, got {factor!r}")
        rtol = max(self.rtol / factor, _SMALLEST_RTOL)
        return dataclasses.replace(self, rtol=rtol, atol=self.atol / factor)

    def refined(self, factor: float, span: float) -> Self | None:
        """Return `tightened(factor)`, or None where rtol is close to the smallest already."""
        tighter = self.tightened(factor)
        return tighter if tighter.rtol <= self.rtol / 2 else None

    def too_many(self, t: float) -> SolveFailed:
        """What to raise where max_steps are spent at time t."""
        return SolveFailed(
            f"{type(self).__name__}: {self.max_steps} steps only reached t = {t!r}; use an "
            "implicit method (Radau, Bdf) if the problem is stiff, loosen rtol, or raise max_steps"
        )

    def stopped(self, t: float, message: str) -> SolveFailed:
        """What to raise where a step fails at time t."""
        return SolveFailed(
            f"{type(self).__name__} stopped at t = {t!r}: {message.rstrip('.')}; the solution may blow up there, or "
            "the grid is too coarse for it: use more points, loosen rtol, or end the time interval earlier"
        )

    def _first_step(self, solver: Any) -> float:
        if not math.isfinite(solver.h_abs):
            raise SolveFailed(
                f"{type(self).__name__}: the rate of change is not finite at the initial time {solver.t!r}; "
                "check the equation's coefficients at the initial condition"
            )
        return float(solver.h_abs)

    def _step(self, solver: Any, steps: int) -> None:
        if steps >= self.max_steps:
            raise self.too_many(float(solver.t))
        message = solver.step()
        if message is None and not np.isfinite(solver.y).all():
            message = "the solution is not finite"
        if message is not None:
            raise self.stopped(float(solver.t), message)

    def _land(
        self, solver: Any, h: float, until: float, record: Callable[[], None] | None = None, most: float = math.inf
    ) -> tuple[float, int]:
        """Step exactly to `until`, or `most` steps; return the step wanted next and the number of steps.

        A step that is cut short to land says little about the next one, so the longer one asked for before is
        kept.
        """
        steps = 0
        while solver.t < until and steps < most:
            remaining = until - solver.t
            length = _landing_step(h, remaining)
            _resize(solver, length)
            # Twice the way makes scipy stop at its bound, where t + remaining might miss it by one rounding.
            solver.h_abs = 2 * remaining if length == remaining else length
            self._step(solver, steps)
            steps += 1
            if record is not None:
                record()
            cut = length < h and solver.step_size > (1 - SAME) * length
            h = max(h, float(solver.h_abs)) if cut else float(solver.h_abs)
        return h, steps


class Track:
    """Collects what a `Walk` reports, and stops an integrator that takes too many steps."""

    def __init__(self, method: Adaptive, before: int) -> None:
        self._method = method
        self._steps = before
        self._rows: list[tuple[float, np.ndarray, np.ndarray]] = []

    def add(self, t: float, y: np.ndarray, rate: np.ndarray) -> None:
        """Record one time."""
        self._rows.append((float(t), np.array(y), np.array(rate)))

    def count(self) -> None:
        """One step more.

        Raises:
            SolveFailed: If there are more than `max_steps` since the start.
        """
        self._steps += 1
        if self._steps > self._method.max_steps:
            raise self._method.too_many(self._rows[-1][0])

    def walk(self, state: State) -> Walk:
        """Everything recorded, with the state that was reached."""
        times, values, rates = zip(*self._rows, strict=True)
        return Walk(state, np.array(times), np.stack(values), np.stack(rates))


def _landing_step(h: float, remaining: float) -> float:
    """Return the step <= h that reaches the end in equal steps when only one or two are left."""
    if h >= remaining:
        return remaining
    return 0.5 * remaining if 2 * h >= remaining else h


def _resize(solver: Any, length: float) -> None:
    """Drop factorisations made for another step length; scipy keeps them when it cuts the last step."""
    if isinstance(solver, scipy.integrate.Radau) and abs(length - solver.h_abs) > SAME * length:
        solver.LU_real = solver.LU_complex = None
