"""Integrators that follow the stiffness of a problem: LSODA, and a choice among three methods."""

from __future__ import annotations

import dataclasses
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy  # its submodules load when they are first used

from pinnlab.errors import SolveFailed
from pinnlab.numerics.integration import Adaptive, Jacobian, Rate, State, Track, Walk
from pinnlab.numerics.integrators import Dop853, Radau, RadauState
from pinnlab.numerics.stiffness import Stiffness

# What odeint says where nothing went wrong.
_SUCCESS = "Integration successful."
# Steps of one method before the choice is made anew, in `advance`.
_PATIENCE = 100
# Products of step and fastest damped eigenvalue.  Dop853 is stable to about 6 and so hovers between 3 and 6 where
# stability holds it back; below 1 its larger steps lose nothing to Radau.  Lsoda may take Adams formulas where others
# would call the problem stiff, and is then held near 0.6 by their stability.
_STIFF = 3.0
_NOT_STIFF = (_STIFF, 0.25, 1.0)
# Above this product Radau, below it Lsoda; the gap keeps the choice from alternating.
_VERY_STIFF = (100.0, 100.0, 30.0)
# Lifetimes of the fastest mode left beyond which Lsoda is not tried: it may stay with Adams formulas too long.
_LONG = 1e4


@dataclass(frozen=True)
class Lsoda(Adaptive):
    """Adams and backward differentiation formulas that take turns as stiffness asks: cheap in calls of the rate.

    The history of a multistep method lives in LSODA's own memory, which cannot be written to a file; so every
    `advance` and every `walk` begins anew, at first order.  Between many close times that costs more than it saves:
    use `Bdf` there.

    L. R. Petzold, SIAM J. Sci. Stat. Comput. 4 (1983) 136-148.
    """

    def _start(self, rate: Rate, t: float, y: np.ndarray, until: float) -> State:
        if not np.isfinite(rate(t, y)).all():
            raise SolveFailed(
                f"Lsoda: the rate of change is not finite at the initial time {t!r}; "
                "check the equation's coefficients at the initial condition"
            )
        return State(t, y, 0.0, 1, 0)

    def _advance(self, rate: Rate, jacobian: Jacobian, state: State, until: float) -> State:
        """All steps within LSODA, without a call of Python between them."""
        if until <= state.t:
            return state
        with warnings.catch_warnings():
            # LSODA explains a failure in a warning too; it is reported below.
            warnings.simplefilter("ignore")
            found, about = scipy.integrate.odeint(
                rate,
                state.y,
                [state.t, until],
                tfirst=True,
                Dfun=lambda t, y: jacobian(t, y).toarray(),
                tcrit=[until],
                rtol=self.rtol,
                atol=self.atol,
                mxstep=self.max_steps,
                full_output=True,
            )
        reached, message = float(about["tcur"][-1]), about["message"]
        if message.startswith("Excess work"):
            raise self.too_many(reached)
        if message != _SUCCESS:
            raise self.stopped(reached, message)
        if not np.isfinite(found[-1]).all():
            raise self.stopped(reached, "the solution is not finite")
        h, steps, calls = (about[k][-1] for k in ("hu", "nst", "nfe"))
        return State(until, found[-1], max(float(h), state.h), state.evaluations + int(calls), state.steps + int(steps))

    def _walk(self, rate: Rate, jacobian: Jacobian, state: State, until: float, count: int) -> Walk:
        track = Track(self, state.steps)
        solver = scipy.integrate.LSODA(
            rate,
            state.t,
            state.y,
            until,
            rtol=self.rtol,
            atol=self.atol,
            jac=lambda t, y: jacobian(t, y).toarray(),
        )
        steps = 0
        while solver.t < until and steps < count:
            with warnings.catch_warnings():
                # LSODA explains a failure in a warning; the failure itself is reported below.
                warnings.simplefilter("ignore")
                self._step(solver, steps)
            if solver.t == solver.t_old:
                raise self.stopped(float(solver.t), "the step is smaller than rounding")
            steps += 1
            dense = solver.dense_output()
            track.add(solver.t, solver.y, dense.yh[:, 1] / dense.h)
            track.count()
        h = max(float(solver.step_size), state.h if solver.t >= until else 0.0)
        return track.walk(State(float(solver.t), solver.y, h, state.evaluations + solver.nfev, state.steps + steps))


@dataclass(frozen=True)
class AutomaticState(RadauState):
    """What `Automatic` remembers.

    Attributes:
        choice: The method in use: 0 for Dop853, 1 for Lsoda, 2 for Radau.
    """

    choice: int


@dataclass(frozen=True)
class Automatic(Adaptive):
    """Dop853, Lsoda or Radau, chosen by stiffness at the start and anew after every walk.

    The measure is S = h |λ|: the step h that error control asks for times the fastest eigenvalue of the Jacobian
    that is damped within the time left (`Stiffness`).  An explicit method is held back by stability where S
    reaches 3 to 6.  The rule:

    - start with Dop853, which also follows the first transient;
    - from S >= 3 on an implicit method: Radau if S >= 100, if the time left is over 10,000 / |λ|, or if the mode
      turns faster than it decays (backward differentiation of high order is unstable there); else Lsoda;
    - from Radau back to Lsoda only below S = 30;
    - below S = 1 in Radau, or S = 1/4 in Lsoda, Dop853 again;
    - where Lsoda gives up, Radau takes the same steps.

    L. F. Shampine, C. W. Gear, SIAM Rev. 21 (1979) 1-17, on what stiffness is.
    """

    def _start(self, rate: Rate, t: float, y: np.ndarray, until: float) -> AutomaticState:
        state = self._explicit._start(rate, t, y, until)
        return AutomaticState(t, y, state.h, state.evaluations, 0, 0.0, 0.0, np.zeros((3, len(y))), 0)

    def _advance(self, rate: Rate, jacobian: Jacobian, state: AutomaticState, until: float) -> State:
        first = state.steps
        while state.t < until:
            state = self._walked(rate, jacobian, state, until, _PATIENCE)[0]
            if state.steps - first > self.max_steps:
                raise self.too_many(state.t)
        return state

    def _walk(self, rate: Rate, jacobian: Jacobian, state: AutomaticState, until: float, count: int) -> Walk:
        reached, walk = self._walked(rate, jacobian, state, until, count)
        if reached.steps > self.max_steps:
            raise self.too_many(reached.t)
        return dataclasses.replace(walk, state=reached)

    def _walked(
        self, rate: Rate, jacobian: Jacobian, state: AutomaticState, until: float, count: int
    ) -> tuple[AutomaticState, Walk]:
        """Walk with the method in use, then choose the next one."""
        choice = state.choice
        try:
            walk = self._walk_with(choice, rate, jacobian, state, until, count)
        except SolveFailed:
            if choice != 1:
                raise
            choice = 2
            walk = self._walk_with(choice, rate, jacobian, state, until, count)
        reached = walk.state
        left = until - reached.t
        if left > 0:
            choice = _chosen(choice, Stiffness.measured(jacobian(reached.t, reached.y), left), reached.h, left)
        return self._taken_over(reached, choice), walk

    def _walk_with(
        self, choice: int, rate: Rate, jacobian: Jacobian, state: AutomaticState, until: float, count: int
    ) -> Walk:
        method = self.methods[choice]
        return method._walk(rate, jacobian, self._handed_over(method, state), until, count)

    @property
    def _explicit(self) -> Dop853:
        return Dop853(self.rtol, self.atol, self.max_steps)

    @property
    def methods(self) -> tuple[Adaptive, ...]:
        """The three methods, in the order of `AutomaticState.choice`."""
        settings = (self.rtol, self.atol, self.max_steps)
        return self._explicit, Lsoda(*settings), Radau(*settings)

    @staticmethod
    def _handed_over(method: Adaptive, state: AutomaticState) -> State:
        if isinstance(method, Radau):
            return RadauState(**{f.name: getattr(state, f.name) for f in dataclasses.fields(RadauState)})
        return State(state.t, state.y, state.h, state.evaluations, state.steps)

    @staticmethod
    def _taken_over(reached: State, choice: int) -> AutomaticState:
        """The state with what Radau remembers; nothing after another method."""
        memory: dict[str, Any] = {"last_h": 0.0, "last_error": 0.0, "collocation": np.zeros((3, len(reached.y)))}
        known = {f.name: getattr(reached, f.name) for f in dataclasses.fields(reached)}
        return AutomaticState(**(memory | known), choice=choice)


def _chosen(choice: int, stiffness: Stiffness, h: float, left: float) -> int:
    """The method for the next walk; see `Automatic`."""
    s = stiffness.of_step(h)
    if s < _NOT_STIFF[choice]:
        return 0
    if stiffness.oscillates or s >= _VERY_STIFF[choice] or stiffness.speed * left > _LONG:
        return 2
    return 1
