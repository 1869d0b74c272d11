"""Adaptive integrators: explicit and implicit Runge-Kutta methods, and backward differentiation."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy  # its submodules load when they are first used
from scipy.sparse import csc_matrix

from pinnlab.errors import SolveFailed
from pinnlab.numerics.integration import Adaptive, Jacobian, Rate, Track, Walk
from pinnlab.numerics.integration import Integrator as Integrator
from pinnlab.numerics.integration import State as State

_BDF_ROWS = 8


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
class Dop853(Adaptive):
    """Explicit Runge-Kutta method of Dormand and Prince, order 8, for problems that are not stiff.

    On a grid with spacing dx it needs dt = O(dx**2) for diffusion: use `Radau` there.

    E. Hairer, S. P. Norsett, G. Wanner, Solving Ordinary Differential Equations I, 2nd ed., Springer 1993,
    section II.5.
    """

    def _start(self, rate: Rate, t: float, y: np.ndarray, until: float) -> State:
        solver = scipy.integrate.DOP853(rate, t, y, until, rtol=self.rtol, atol=self.atol)
        return State(t, y, self._first_step(solver), solver.nfev, 0)

    def _solver(self, rate: Rate, state: State, until: float) -> Any:
        span = until - state.t
        return scipy.integrate.DOP853(rate, state.t, state.y, until, rtol=self.rtol, atol=self.atol, first_step=span)

    def _advance(self, rate: Rate, jacobian: Jacobian, state: State, until: float) -> State:
        solver = self._solver(rate, state, until)
        h, steps = self._land(solver, state.h, until)
        return State(until, solver.y, h, state.evaluations + solver.nfev, state.steps + steps)

    def _walk(self, rate: Rate, jacobian: Jacobian, state: State, until: float, count: int) -> Walk:
        """Two times within each step are recorded too: its dense output is of degree 7."""
        solver = self._solver(rate, state, until)
        track = Track(self, state.steps)

        def record() -> None:
            dense = solver.dense_output()
            for t in solver.t_old + (solver.t - solver.t_old) * np.array([1 / 3, 2 / 3]):
                y = dense(t)
                track.add(t, y, solver.fun(t, y))
            track.add(solver.t, solver.y, solver.f)
            track.count()

        h, steps = self._land(solver, state.h, until, record, count)
        return track.walk(State(float(solver.t), solver.y, h, state.evaluations + solver.nfev, state.steps + steps))


@dataclass(frozen=True)
class Radau(Adaptive):
    """Implicit Runge-Kutta method Radau IIA of order 5, L-stable: for stiff problems.

    E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, 2nd ed., Springer 1996, section IV.8.
    """

    def _start(self, rate: Rate, t: float, y: np.ndarray, until: float) -> RadauState:
        solver = scipy.integrate.Radau(
            rate, t, y, until, rtol=self.rtol, atol=self.atol, jac=csc_matrix((len(y), len(y)))
        )
        return RadauState(t, y, self._first_step(solver), solver.nfev, 0, 0.0, 0.0, np.zeros((3, len(y))))

    def _advance(self, rate: Rate, jacobian: Jacobian, state: RadauState, until: float) -> RadauState:
        solver = self._solver(rate, jacobian, state, until)
        return self._reached(solver, state, *self._land(solver, state.h, until))

    def _walk(self, rate: Rate, jacobian: Jacobian, state: RadauState, until: float, count: int) -> Walk:
        solver = self._solver(rate, jacobian, state, until)
        track = Track(self, state.steps)

        def record() -> None:
            track.add(solver.t, solver.y, solver.sol.Q @ np.array([1.0, 2.0, 3.0]) / solver.step_size)
            track.count()

        return track.walk(self._reached(solver, state, *self._land(solver, state.h, until, record, count)))

    def _solver(self, rate: Rate, jacobian: Jacobian, state: RadauState, until: float) -> Any:
        span = until - state.t
        solver = scipy.integrate.Radau(
            rate, state.t, state.y, until, rtol=self.rtol, atol=self.atol, jac=jacobian, first_step=span
        )
        solver.lu = factorise
        if state.last_h > 0:
            solver.sol = _Continuation(state)
        if state.last_h > 0 and state.last_error > 0:
            solver.h_abs_old, solver.error_norm_old = state.last_h, state.last_error
        return solver

    def _reached(self, solver: Any, state: RadauState, h: float, steps: int) -> RadauState:
        return RadauState(
            float(solver.t),
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
class Bdf(Adaptive):
    """Backward differentiation (numerical differentiation formulas) of orders 1 to 5, for stiff problems.

    Half as dear as `Radau` for equal tolerances, but where that stays below rtol, expect errors of ten to
    twenty times rtol here.  Calls the rate beyond the time asked for, by up to one step: not for coefficients
    that end there.  Not for oscillations without damping either: orders above 2 amplify them.

    L. F. Shampine, M. W. Reichelt, SIAM J. Sci. Comput. 18 (1997) 1-22.
    """

    def _start(self, rate: Rate, t: float, y: np.ndarray, until: float) -> BdfState:
        solver = scipy.integrate.BDF(
            rate, t, y, until, rtol=self.rtol, atol=self.atol, jac=csc_matrix((len(y), len(y)))
        )
        h = self._first_step(solver)
        differences = np.zeros((_BDF_ROWS, len(y)))
        differences[:2] = solver.D[:2]
        return BdfState(t, y, h, solver.nfev, 0, t, differences, 1, 0, 0.0)

    def _advance(self, rate: Rate, jacobian: Jacobian, state: BdfState, until: float) -> BdfState:
        if until <= state.reached:
            return dataclasses.replace(state, t=until, y=_backward(state, until))
        solver = self._solver(rate, jacobian, state, np.inf)
        # Without this bound the step would grow in quiet times until it jumps over what happens later.
        longest = max(min(state.h, state.longest), until - state.t)
        solver.max_step = longest
        steps = 0
        while solver.t < until:
            self._step(solver, steps)
            steps += 1
        reached = self._reached(solver, state, steps, longest)
        return dataclasses.replace(reached, t=until, y=_backward(reached, until))

    def _walk(self, rate: Rate, jacobian: Jacobian, state: BdfState, until: float, count: int) -> Walk:
        """After an `advance` that stepped over its end the history begins anew."""
        fresh = state.reached > state.t
        solver = self._solver(rate, jacobian, self._start(rate, state.t, state.y, until) if fresh else state, until)
        track, steps = Track(self, state.steps), 0
        while solver.t < until and steps < count:
            self._step(solver, steps)
            steps += 1
            orders = np.arange(1, solver.order + 1)
            track.add(solver.t, solver.y, (solver.D[1 : solver.order + 1].T / orders).sum(axis=1) / solver.h_abs)
            track.count()
        return track.walk(self._reached(solver, state, steps, state.longest))

    def _solver(self, rate: Rate, jacobian: Jacobian, state: BdfState, bound: float) -> Any:
        t, y = state.reached, state.differences[0]
        solver = scipy.integrate.BDF(
            rate, t, y, bound, rtol=self.rtol, atol=self.atol, jac=jacobian, first_step=min(state.h, bound - t)
        )
        solver.lu = factorise
        solver.h_abs = state.h
        solver.D = state.differences.copy()
        solver.order, solver.n_equal_steps = state.order, state.equal_steps
        return solver

    def _reached(self, solver: Any, state: BdfState, steps: int, longest: float) -> BdfState:
        return BdfState(
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


def _backward(state: BdfState, t: float) -> np.ndarray:
    """Value at t of the polynomial through the last order + 1 steps, in Newton's form."""
    fractions = (t - state.reached + state.h * np.arange(state.order)) / (state.h * np.arange(1, state.order + 1))
    return state.differences[0] + np.cumprod(fractions) @ state.differences[1 : state.order + 1]


def factorise(matrix: csc_matrix) -> Any:
    """Sparse LU; eliminated boundary values leave an unsymmetric pattern, which column ordering suits best."""
    try:
        return scipy.sparse.linalg.splu(csc_matrix(matrix))
    except RuntimeError as error:
        raise SolveFailed(
            "the Jacobian of the implicit step is singular or not finite; look for an unknown that no "
            "equation determines, for blow-up, or for conditions that contradict each other"
        ) from error
