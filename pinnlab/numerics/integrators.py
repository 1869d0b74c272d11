"""Time integration that can be stopped, written to a file and taken up again without changing the result.

An `Integrator` holds settings, a `State` holds all that the method remembers.  `advance` builds scipy's
integrator anew from the state, so that a state that went through a file continues exactly like one that did
not.
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
from scipy.sparse import csc_array, csc_matrix

from pinnlab.errors import SolveFailed

Rate = Callable[[float, np.ndarray], np.ndarray]
Jacobian = Callable[[float, np.ndarray], csc_array]

_SMALLEST_RTOL = 100 * float(np.finfo(float).eps)
_BDF_ROWS = 8
_SAME = 1e-9


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
class RadauState(State):
    """What Radau IIA remembers: also its last step, for the error control and for Newton's first guess.

    Attributes:
        last_h: Length of the last step, 0 before the first.
        last_error: Norm of its estimated error, 0 before the first.
        collocation: Coefficients (3, n) of s, s**2, s**3 in y along the last step, s from 0 to 1.
    """

    last_h: float
    last_error: float
    collocation: np.ndarray


@dataclass(frozen=True)
class BdfState(State):
    """What backward differentiation remembers: the solution's history as backward differences.

    The method steps over the times that are asked for and interpolates, so that its steps do not depend on
    them.

    Attributes:
        reached: Time of the last step, >= t.
        differences: Backward differences (8, n) at `reached` for the step h.
        order: Current order, 1 to 5.
        equal_steps: Steps since h or the order last changed.
        longest: Longest step allowed so far: an `advance` may not step farther than it is asked to go.
    """

    reached: float
    differences: np.ndarray
    order: int
    equal_steps: int
    longest: float


@dataclass(frozen=True)
class Integrator(abc.ABC):
    """Adaptive integration of y' = rate(t, y) with local errors below atol + rtol |y| in the mean square.

    Args:
        rtol: Relative tolerance, from 2.3e-14 (100 machine epsilons) to below 1.
        atol: Absolute tolerance, > 0.
        max_steps: Most steps that one `advance` may take.
    """

    rtol: float = 1e-8
    atol: float = 1e-10
    max_steps: int = 100_000

    def __post_init__(self) -> None:
        name = type(self).__name__
        if not _SMALLEST_RTOL <= self.rtol < 1:
            raise ValueError(f"{name}: rtol must be in [{_SMALLEST_RTOL:.2g}, 1), got {self.rtol!r}")
        if not (self.atol > 0 and math.isfinite(self.atol)):
            raise ValueError(f"{name}: atol must be positive and finite, got {self.atol!r}")
        if self.max_steps < 1:
            raise ValueError(f"{name}: max_steps must be at least 1, got {self.max_steps!r}")

    def tightened(self, factor: float) -> Self:
        """Return the same method with both tolerances divided by `factor` > 0; rtol stops at 2.3e-14."""
        if not (factor > 0 and math.isfinite(factor)):
            raise ValueError(f"{type(self).__name__}: tolerances are divided by a positive number, got {factor!r}")
        rtol = max(self.rtol / factor, _SMALLEST_RTOL)
        return dataclasses.replace(self, rtol=rtol, atol=self.atol / factor)

    def start(self, rate: Rate, t: float, y: np.ndarray) -> State:
        """Return the state at the initial time t with initial values y (n,), and choose the first step.

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
        return self._start(rate, float(t), y)

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
    def _start(self, rate: Rate, t: float, y: np.ndarray) -> State: ...

    @abc.abstractmethod
    def _advance(self, rate: Rate, jacobian: Jacobian, state: Any, until: float) -> State: ...

    def _first_step(self, solver: Any) -> float:
        if not math.isfinite(solver.h_abs):
            raise SolveFailed(
                f"{type(self).__name__}: the rate of change is not finite at the initial time {solver.t!r}; "
                "check the equation's coefficients at the initial condition"
            )
        return float(solver.h_abs)

    def _step(self, solver: Any, steps: int) -> None:
        if steps >= self.max_steps:
            raise SolveFailed(
                f"{type(self).__name__}: {self.max_steps} steps only reached t = {float(solver.t)!r}; use an "
                "implicit method (Radau, Bdf) if the problem is stiff, loosen rtol, or raise max_steps"
            )
        message = solver.step()
        if message is None and not np.isfinite(solver.y).all():
            message = "the solution is not finite"
        if message is not None:
            raise SolveFailed(
                f"{type(self).__name__} stopped at t = {float(solver.t)!r}: {message.rstrip('.')}; "
                "the solution may blow up there, or the grid is too coarse for it: use more points, loosen "
                "rtol, or end the time interval earlier"
            )

    def _land(self, solver: Any, h: float, until: float) -> tuple[float, int]:
        """Step exactly to `until`; return the step wanted next and the number of steps.

        A step that is cut short to land says little about the next one, so the longer one asked for before is
        kept.
        """
        steps = 0
        while solver.t < until:
            remaining = until - solver.t
            length = _landing_step(h, remaining)
            _resize(solver, length)
            # Twice the way makes scipy stop at its bound, where t + remaining might miss it by one rounding.
            solver.h_abs = 2 * remaining if length == remaining else length
            self._step(solver, steps)
            steps += 1
            cut = length < h and solver.step_size > (1 - _SAME) * length
            h = max(h, float(solver.h_abs)) if cut else float(solver.h_abs)
        return h, steps


@dataclass(frozen=True)
class Dop853(Integrator):
    """Explicit Runge-Kutta method of Dormand and Prince, order 8, for problems that are not stiff.

    On a grid with spacing dx it needs dt = O(dx**2) for diffusion: use `Radau` there.

    E. Hairer, S. P. Norsett, G. Wanner, Solving Ordinary Differential Equations I, 2nd ed., Springer 1993,
    section II.5.
    """

    def _start(self, rate: Rate, t: float, y: np.ndarray) -> State:
        solver = scipy.integrate.DOP853(rate, t, y, np.inf, rtol=self.rtol, atol=self.atol)
        return State(t, y, self._first_step(solver), solver.nfev, 0)

    def _advance(self, rate: Rate, jacobian: Jacobian, state: State, until: float) -> State:
        span = until - state.t
        solver = scipy.integrate.DOP853(rate, state.t, state.y, until, rtol=self.rtol, atol=self.atol, first_step=span)
        h, steps = self._land(solver, state.h, until)
        return State(until, solver.y, h, state.evaluations + solver.nfev, state.steps + steps)


@dataclass(frozen=True)
class Radau(Integrator):
    """Implicit Runge-Kutta method Radau IIA of order 5, L-stable: for stiff problems.

    E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, 2nd ed., Springer 1996, section IV.8.
    """

    def _start(self, rate: Rate, t: float, y: np.ndarray) -> RadauState:
        solver = scipy.integrate.Radau(
            rate, t, y, np.inf, rtol=self.rtol, atol=self.atol, jac=csc_matrix((len(y), len(y)))
        )
        return RadauState(t, y, self._first_step(solver), solver.nfev, 0, 0.0, 0.0, np.zeros((3, len(y))))

    def _advance(self, rate: Rate, jacobian: Jacobian, state: RadauState, until: float) -> RadauState:
        span = until - state.t
        solver = scipy.integrate.Radau(
            rate, state.t, state.y, until, rtol=self.rtol, atol=self.atol, jac=jacobian, first_step=span
        )
        solver.lu = _factorise
        if state.last_h > 0:
            solver.sol = _Continuation(state)
        if state.last_h > 0 and state.last_error > 0:
            solver.h_abs_old, solver.error_norm_old = state.last_h, state.last_error
        h, steps = self._land(solver, state.h, until)
        return RadauState(
            until,
            solver.y,
            h,
            state.evaluations + solver.nfev,
            state.steps + steps,
            float(solver.step_size),
            float(solver.error_norm_old),
            np.ascontiguousarray(solver.sol.Q.T),
        )


class _Continuation:
    """The collocation polynomial of the last step, continued beyond its end."""

    def __init__(self, state: RadauState) -> None:
        self._state = state

    def __call__(self, times: np.ndarray) -> np.ndarray:
        state = self._state
        s = 1 + (times - state.t) / state.last_h
        return state.y[:, None] + state.collocation.T @ np.stack([s - 1, s**2 - 1, s**3 - 1])


@dataclass(frozen=True)
class Bdf(Integrator):
    """Backward differentiation (numerical differentiation formulas) of orders 1 to 5, for stiff problems.

    Half as dear as `Radau` for equal tolerances, but where that stays below rtol, expect errors of ten to
    twenty times rtol here.  Calls the rate beyond the time asked for, by up to one step: not for coefficients
    that end there.  Not for oscillations without damping either: orders above 2 amplify them.

    L. F. Shampine, M. W. Reichelt, SIAM J. Sci. Comput. 18 (1997) 1-22.
    """

    def _start(self, rate: Rate, t: float, y: np.ndarray) -> BdfState:
        solver = scipy.integrate.BDF(
            rate, t, y, np.inf, rtol=self.rtol, atol=self.atol, jac=csc_matrix((len(y), len(y)))
        )
        h = self._first_step(solver)
        differences = np.zeros((_BDF_ROWS, len(y)))
        differences[:2] = solver.D[:2]
        return BdfState(t, y, h, solver.nfev, 0, t, differences, 1, 0, 0.0)

    def _advance(self, rate: Rate, jacobian: Jacobian, state: BdfState, until: float) -> BdfState:
        if until <= state.reached:
            return dataclasses.replace(state, t=until, y=_backward(state, until))
        t, y = state.reached, state.differences[0]
        solver = scipy.integrate.BDF(
            rate, t, y, np.inf, rtol=self.rtol, atol=self.atol, jac=jacobian, first_step=state.h
        )
        solver.lu = _factorise
        # Without this bound the step would grow in quiet times until it jumps over what happens later.
        longest = max(min(state.h, state.longest), until - state.t)
        solver.max_step = longest
        solver.D = state.differences.copy()
        solver.order, solver.n_equal_steps = state.order, state.equal_steps
        steps = 0
        while solver.t < until:
            self._step(solver, steps)
            steps += 1
        reached = BdfState(
            float(solver.t),
            solver.y,
            float(solver.h_abs),
            state.evaluations + solver.nfev,
            state.steps + steps,
            float(solver.t),
            solver.D,
            int(solver.order),
            int(solver.n_equal_steps),
            longest,
        )
        return dataclasses.replace(reached, t=until, y=_backward(reached, until))


def _backward(state: BdfState, t: float) -> np.ndarray:
    """Value at t of the polynomial through the last order + 1 steps, in Newton's form."""
    fractions = (t - state.reached + state.h * np.arange(state.order)) / (state.h * np.arange(1, state.order + 1))
    return state.differences[0] + np.cumprod(fractions) @ state.differences[1 : state.order + 1]


def _landing_step(h: float, remaining: float) -> float:
    """Return the step <= h that reaches the end in equal steps when only one or two are left."""
    if h >= remaining:
        return remaining
    return 0.5 * remaining if 2 * h >= remaining else h


def _resize(solver: Any, length: float) -> None:
    """Drop factorisations made for another step length; scipy keeps them when it cuts the last step."""
    if isinstance(solver, scipy.integrate.Radau) and abs(length - solver.h_abs) > _SAME * length:
        solver.LU_real = solver.LU_complex = None


def _factorise(matrix: csc_matrix) -> Any:
    """Sparse LU; eliminated boundary values leave an unsymmetric pattern, which column ordering suits best."""
    try:
        return scipy.sparse.linalg.splu(csc_matrix(matrix))
    except RuntimeError as error:
        raise SolveFailed(
            "the Jacobian of the implicit step is singular or not finite; look for an unknown that no "
            "equation determines, for blow-up, or for conditions that contradict each other"
        ) from error
