"""Implicit integration of M y' + G(t, y) = 0 by methods of second order; M may be singular.

All methods express the rate at the new time through the new value, y' = a y + b, and solve r(t, y, a y + b) = 0.
Values without a rate, such as a pressure, are solved for with the others and not looked at by the error control.
A `State` holds all that a method remembers, so that a run that went through a file continues bit for bit: a matrix
that is kept from one step to the next depends on nothing but the state at the start of `advance`.
"""

from __future__ import annotations

import abc
import dataclasses
import math
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from pinnlab.admissible import require_counts, require_numbers, require_positive
from pinnlab.errors import SolveFailed
from pinnlab.numerics.linear_solve import LinearSolver

_SMALLEST_RTOL = 1e-12
# A step may grow by this factor at most: above 1 + sqrt(2), BDF2 is unstable.
_GROWTH, _SHRINKAGE, _SAFETY = 2.0, 0.25, 0.9
# A step is kept unless it could be this much longer, since another length needs another factorisation.
_WORTH = 1.3
# Corrections of Newton's method relative to the tolerance of a step.
_NEWTON = 1e-2
_MOST_CORRECTIONS = 8
_CONTRACTION = 0.3
# Length of the step that finds the first rate, relative to the interval.
_TINY = 1e-6
_SMALLEST_STEP = 1e-12


class ImplicitSystem(Protocol):
    """M y' + G(t, y) = 0 for y `(n,)`."""

    @property
    def algebraic(self) -> np.ndarray:
        """Which values have no rate `(n,)`."""

    @property
    def is_linear(self) -> bool:
        """Whether M y' + G is affine with matrices that do not change in time, so that one correction solves a step."""

    def residual(self, t: float, y: np.ndarray, rate: np.ndarray) -> np.ndarray:
        """M y' + G(t, y)."""

    def solver(self, t: float, y: np.ndarray, shift: float) -> LinearSolver:
        """For systems with the matrix shift · M + dG/dy."""

    def magnitudes(self, y: np.ndarray) -> np.ndarray:
        """The typical size of each value, to which errors are compared `(n,)`."""


@dataclass(frozen=True)
class State:
    """What a method remembers between two calls of `advance`.

    Attributes:
        t: Time reached.
        y: Values there `(n,)`.
        rate: Their rates `(n,)`.
        h: Step that the error control asks for next.
        steps: Accepted steps since `start`.
        corrections: Corrections of Newton's method since `start`.
        known: How many earlier values there are, up to 2.
        times: Of the earlier values, the latest first `(2,)`.
        values: These `(2, n)`.
    """

    t: float
    y: np.ndarray
    rate: np.ndarray
    h: float
    steps: int
    corrections: int
    known: int
    times: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class ImplicitMethod(abc.ABC):
    """Steps whose local errors stay below atol + rtol · size in the mean square, or steps of a given length.

    Args:
        rtol: Relative tolerance, from 1e-12 to below 1.
        atol: Absolute tolerance, > 0.
        step: Length of all steps, shortened a little where they must end at a given time; None for error control.
        max_steps: Most steps that one `advance` may take.
    """

    rtol: float = 1e-6
    atol: float = 1e-9
    step: float | None = None
    max_steps: int = 100_000

    def __post_init__(self) -> None:
        require_numbers(self, rtol=self.rtol)
        require_positive(self, atol=self.atol)
        if not _SMALLEST_RTOL <= self.rtol < 1:
            raise ValueError(f"{type(self).__name__}: rtol must be in [{_SMALLEST_RTOL:.2g}, 1), got {self.rtol!r}")
        if self.step is not None:
            require_positive(self, step=self.step)
        require_counts(self, max_steps=self.max_steps)

    def tightened(self, factor: float) -> Self:
        """The same method with tolerances divided by `factor` > 1, or half the step where that is given."""
        if self.step is not None:
            return dataclasses.replace(self, step=self.step / 2)
        rtol = max(self.rtol / factor, _SMALLEST_RTOL)
        return dataclasses.replace(self, rtol=rtol, atol=self.atol / factor)

    def start(self, system: ImplicitSystem, t: float, y: np.ndarray, until: float) -> State:
        """The state at the initial time, with the rates there; values without a rate are solved for.

        Where constraints hold between the values, as for an incompressible velocity, the initial values are projected
        onto them.

        Raises:
            SolveFailed: If the initial rates cannot be found.
        """
        h = _TINY * (until - t)
        rate = self._first_rate(system, t, y, h)
        if system.algebraic.any():
            # The first step met the constraints, from data that need not; the second one tells the rate along them.
            y = y + h * rate
            rate = self._first_rate(system, t + h, y, h)
            y = np.where(system.algebraic, y + h * rate, y - h * rate)
            rate = np.where(system.algebraic, 0.0, rate)
        error = self._norm(system, rate, y)
        first = 0.1 * math.sqrt(self.rtol) * (until - t) if error == 0 else 0.5 / error / math.sqrt(self.rtol)
        past = np.zeros((2, len(y)))
        return State(t, y, rate, min(first, until - t), 0, 0, 0, np.full(2, t), past)

    def advance(self, system: ImplicitSystem, state: State, until: float) -> State:
        """Integrate from state.t to `until` and return the state there; the given state is not changed.

        Raises:
            ValueError: If `until` is before state.t.
            SolveFailed: If the step collapses, Newton's method fails at every step, or max_steps are not enough.
        """
        if not until >= state.t:
            raise ValueError(f"{type(self).__name__}: cannot go to t = {until!r} from t = {state.t!r}")
        kept = _Kept(system)
        smallest = _SMALLEST_STEP * max(until - state.t, abs(until))
        last = state.steps + self.max_steps
        while state.t < until:
            if state.steps >= last:
                raise SolveFailed(
                    f"{type(self).__name__}: {self.max_steps} steps only reached t = {state.t:g}; loosen rtol, or "
                    "raise max_steps"
                )
            state = self._step(system, kept, state, until, smallest)
        return state

    def _step(self, system: ImplicitSystem, kept: _Kept, state: State, until: float, smallest: float) -> State:
        """One accepted step."""
        wanted = self.step or state.h
        while True:
            remaining = until - state.t
            number = max(1, math.ceil(remaining / wanted * (1 - 1e-9)))
            h = remaining / number
            if h < smallest:
                raise SolveFailed(
                    f"{type(self).__name__} stopped at t = {state.t:g}: the step has become {h:.2g}, and Newton's "
                    "method or the error control ask for less; the solution may blow up there, or the data jump"
                )
            found = self._solve(system, kept, state, h, until if number == 1 else state.t + h)
            if found is None:
                if self.step is not None:
                    raise SolveFailed(
                        f"Newton's method fails in the step of {h:.3g} from t = {state.t:g}; take a shorter step"
                    )
                wanted = _SHRINKAGE * h
                continue
            y, rate, corrections = found
            order, error = (3, 0.0) if self.step is not None else self._error_of(system, state, h, y)
            factor = _GROWTH if error == 0 else min(_GROWTH, _SAFETY * error ** (-1 / order))
            if not error <= 1:
                wanted = h * (max(_SHRINKAGE, factor) if math.isfinite(error) else _SHRINKAGE)
                continue
            if number == 1 and h < wanted * (1 - 1e-9):
                # What a step that was cut short to end in time allows says little about the next one.
                following = max(wanted, h * factor)
            else:
                following = h if factor < _WORTH else h * factor
            rate = np.where(system.algebraic, self._slope(state, h, y), rate)
            return State(
                until if number == 1 else state.t + h,
                y,
                rate,
                following,
                state.steps + 1,
                state.corrections + corrections,
                min(state.known + 1, 2),
                np.array([state.t, state.times[0]]),
                np.stack([state.y, state.values[0]]),
            )

    def _solve(
        self, system: ImplicitSystem, kept: _Kept, state: State, h: float, t: float
    ) -> tuple[np.ndarray, np.ndarray, int] | None:
        """Value and rate after a step, and the number of corrections; None if Newton's method does not converge."""
        a, b = self._rate(state, h)
        guess = self._extrapolated(state, h, min(state.known + 1, 3))
        for fresh in (False, True):
            solver = kept.solver(t, guess, a, fresh=fresh)
            y, previous = guess, math.inf
            for k in range(1, _MOST_CORRECTIONS + 1):
                correction = solver.solve(system.residual(t, y, a * y + b))
                y = y - correction
                size = self._norm(system, correction, y, everywhere=True)
                if not math.isfinite(size):
                    break
                if system.is_linear or size <= _NEWTON * (1 if self.step is None else 1e-3):
                    return y, a * y + b, k
                if size > _CONTRACTION * previous and k > 2:
                    break
                previous = size
        return None

    def _error_of(self, system: ImplicitSystem, state: State, h: float, y: np.ndarray) -> tuple[int, float]:
        """Order and size of the local error of a step, from how far it is from the extrapolated earlier values."""
        order, constant = self._error(state, h)
        if state.known + 1 < order:
            # Too little is known yet: compare with a step along the rate, which overestimates the error.
            return 2, 0.5 * self._norm(system, y - state.y - h * state.rate, y)
        gaps = h + np.concatenate([[0.0], state.t - state.times[: order - 1]])
        predicted = math.prod(gaps) / math.factorial(order)
        difference = y - self._extrapolated(state, h, order)
        return order, constant / (constant + predicted) * self._norm(system, difference, y)

    @abc.abstractmethod
    def _rate(self, state: State, h: float) -> tuple[float, np.ndarray]:
        """(a, b) of y' = a y + b at the new time."""

    @abc.abstractmethod
    def _error(self, state: State, h: float) -> tuple[int, float]:
        """(k, C): the local error is C times the k-th derivative."""

    def _slope(self, state: State, h: float, y: np.ndarray) -> np.ndarray:
        """Rates by differences of values, for those that no equation gives."""
        if not state.known:
            return (y - state.y) / h
        w = h / (state.t - state.times[0])
        return ((1 + 2 * w) / (1 + w) * y - (1 + w) * state.y + w**2 / (1 + w) * state.values[0]) / h

    def _extrapolated(self, state: State, h: float, points: int) -> np.ndarray:
        """The polynomial through the last `points` values, at the new time."""
        times = np.concatenate([[0.0], state.times - state.t])[:points]
        values = [state.y, *state.values][:points]
        total = np.zeros_like(state.y)
        for j, value in enumerate(values):
            others = np.delete(times, j)
            total += float(np.prod((h - others) / (times[j] - others))) * value
        return total

    def _norm(self, system: ImplicitSystem, e: np.ndarray, y: np.ndarray, *, everywhere: bool = False) -> float:
        """Mean square of a difference relative to the tolerance, over the values that have rates unless everywhere."""
        scaled = e / (self.atol + self.rtol * system.magnitudes(y))
        if not everywhere:
            scaled = scaled[~system.algebraic]
        return float(np.sqrt(np.mean(scaled**2))) if len(scaled) else 0.0

    def _first_rate(self, system: ImplicitSystem, t: float, y: np.ndarray, h: float) -> np.ndarray:
        """Rates from one implicit step of tiny length, solved for the rates so that nothing cancels."""
        rate = np.zeros_like(y)
        solver = system.solver(t + h, y, _rounded(1 / h))
        previous = math.inf
        for _ in range(2 * _MOST_CORRECTIONS):
            correction = solver.solve(system.residual(t + h, y + h * rate, rate)) / h
            rate = rate - correction
            size = float(np.linalg.norm(correction))
            if system.is_linear or size <= 1e-10 * float(np.linalg.norm(rate)) or size > 0.5 * previous:
                break
            previous = size
        if not np.isfinite(rate).all():
            raise SolveFailed("the initial rates are not finite; check the coefficients at the initial condition")
        return rate


@dataclass(frozen=True)
class Bdf2(ImplicitMethod):
    """Backward differentiation of second order with variable steps: L-stable, for stiff problems and constraints.

    With w = h / h_before, y' = ((1 + 2w)/(1 + w) y - (1 + w) y_0 + w²/(1 + w) y_-1) / h [1]; the first step is one of
    implicit Euler.

    [1] E. Hairer, S. P. Norsett, G. Wanner, Solving Ordinary Differential Equations I, Springer (1993), section III.5.
    """

    def _rate(self, state: State, h: float) -> tuple[float, np.ndarray]:
        w = h / (state.t - state.times[0]) if state.known else 0.0
        return (1 + 2 * w) / (1 + w) / h, self._slope(state, h, np.zeros_like(state.y))

    def _error(self, state: State, h: float) -> tuple[int, float]:
        if not state.known:
            return 2, h**2 / 2
        w = h / (state.t - state.times[0])
        return 3, h**3 * (1 + w) ** 2 / (6 * w * (1 + 2 * w))


@dataclass(frozen=True)
class Theta(ImplicitMethod):
    """y = y_0 + h ((1 - θ) y_0' + θ y'): the trapezoidal rule for θ = 1/2, implicit Euler for θ = 1 [1].

    The trapezoidal rule keeps oscillations, and also those that rough initial data excite: use `Bdf2` there.

    Args:
        theta: From 1/2 (second order) to 1 (first order, damps most).

    [1] E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, Springer (1996), section IV.3.
    """

    theta: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        require_numbers(self, theta=self.theta)
        if not 0.5 <= self.theta <= 1:
            raise ValueError(f"Theta: theta must be in [0.5, 1], below the method is unstable; got {self.theta!r}")

    def _rate(self, state: State, h: float) -> tuple[float, np.ndarray]:
        return 1 / (self.theta * h), -state.y / (self.theta * h) - (1 - self.theta) / self.theta * state.rate

    def _error(self, state: State, h: float) -> tuple[int, float]:
        return (3, h**3 / 12) if self.theta == 0.5 else (2, (self.theta - 0.5) * h**2)


def slope_at_start(times: np.ndarray, values: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """The rate at the first of some `times (k,)` from `values (k, n)` and the later of the `rates (k, n)`.

    Of the polynomial through all of these.  The rate that the equations give there is of little use for
    interpolation: the error of the discretised operator on initial data decays within no time, and the rate is that of
    its decay.
    """
    s = (times - times[0]) / (times[-1] - times[0])
    powers = np.arange(2 * len(times) - 1)
    slopes = powers * s[1:, None] ** np.maximum(powers - 1, 0)
    weights = np.linalg.inv(np.concatenate([s[:, None] ** powers, slopes]))[1]
    of_values, of_rates = np.split(weights, [len(times)])
    return np.asarray(of_values @ values / (times[-1] - times[0]) + of_rates @ rates[1:])


class _Kept:
    """The prepared matrix of the last step, used again as long as the step keeps its length."""

    def __init__(self, system: ImplicitSystem) -> None:
        self._system = system
        self._shift = math.nan
        self._solver: LinearSolver | None = None

    def solver(self, t: float, y: np.ndarray, shift: float, *, fresh: bool) -> LinearSolver:
        """For the given shift; at the given values if `fresh`, else perhaps at earlier ones."""
        shift = _rounded(shift)
        if self._solver is None or fresh or shift != self._shift:
            self._solver, self._shift = self._system.solver(t, y, shift), shift
        return self._solver


def _rounded(shift: float) -> float:
    """To nine digits, so that steps of equal length up to rounding have the same matrix."""
    return float(f"{shift:.8e}")
