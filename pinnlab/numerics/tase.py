"""Runge-Kutta methods with TASE operators: stiff systems in equal steps without solving nonlinear equations."""

from __future__ import annotations

import abc
import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.sparse import csc_array, eye_array

from pinnlab.admissible import require_counts, require_positive
from pinnlab.errors import SolveFailed
from pinnlab.numerics.integration import Integrator, Jacobian, Rate, State, Walk
from pinnlab.numerics.integrators import factorise

# A step may be longer than asked for by this share, so that rounding does not add one.
_SLACK = 1e-9
# Step of the one-sided difference of the rate by t, as a share of the time step.
_DIFFERENCE = 1e-6


@dataclass(frozen=True)
class Scheme:
    """One step: k_i = Q_i(U) f(t + c_i h, y + h Σ_j a_ij k_j), y <- y + h Σ_i b_i k_i with U = (I - alpha h J)^(-1).

    Attributes:
        alpha: Coefficient of the Jacobian.
        a: Rows of the strictly lower triangle, one per stage; c_i is the sum of row i.
        b: Weights.
        operators: For each stage the coefficients of U, U², … in Q_i; they add up to 1.
    """

    alpha: float
    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    operators: tuple[tuple[float, ...], ...]

    @property
    def c(self) -> tuple[float, ...]:
        """The stages' times in units of the step."""
        return tuple(sum(row) for row in self.a)

    def amplification(self, z: np.ndarray) -> np.ndarray:
        """The factor R(z) of one step on y' = λ y with z = h λ."""
        u = 1 / (1 - self.alpha * z)
        stages: list[np.ndarray] = []
        for row, operator in zip(self.a, self.operators, strict=True):
            inside = 1 + sum((a * k for a, k in zip(row, stages, strict=True)), np.zeros_like(u))
            stages.append(z * _polynomial(operator, u) * inside)
        return 1 + sum((b * k for b, k in zip(self.b, stages, strict=True)), np.zeros_like(u))


@dataclass(frozen=True)
class Tase(Integrator):
    """What methods with TASE operators share: equal steps, the Jacobian once per step and one factorisation.

    A rate that depends on t is taken as that of the system with t' = 1 added, whose Jacobian holds f_t (from a
    difference): without it, forced stiff modes are followed with first order only.

    Args:
        order: 2 or 3.
        step: Length of the steps, > 0; a little less where that makes them end at the times asked for.
        max_steps: Most steps that one `advance` or a whole run of `walk` may take.
    """

    order: int
    step: float
    max_steps: int = 1_000_000

    def __post_init__(self) -> None:
        require_counts(self, order=self.order, max_steps=self.max_steps)
        require_positive(self, step=self.step)
        if self.order not in (2, 3):
            raise ValueError(f"{type(self).__name__}: order must be 2 or 3, got {self.order!r}")

    @property
    @abc.abstractmethod
    def scheme(self) -> Scheme:
        """The coefficients."""

    def tightened(self, factor: float) -> Self:
        """Return the same method with steps shorter by the root of `factor` > 0 that belongs to the order."""
        if not (factor > 0 and math.isfinite(factor)):
            raise ValueError(f"{type(self).__name__}: errors are divided by a positive number, got {factor!r}")
        return dataclasses.replace(self, step=self.step / factor ** (1 / self.order))

    def refined(self, factor: float, span: float) -> Self | None:
        """Return `tightened(factor)`, or None where the steps over a time `span` would be more than max_steps."""
        finer = self.tightened(factor)
        return finer if span / finer.step <= self.max_steps else None

    def _start(self, rate: Rate, t: float, y: np.ndarray, until: float) -> State:
        if not np.isfinite(rate(t, y)).all():
            raise SolveFailed(
                f"{type(self).__name__}: the rate of change is not finite at the initial time {t!r}; "
                "check the equation's coefficients at the initial condition"
            )
        return State(t, y, self.step, 1, 0)

    def _advance(self, rate: Rate, jacobian: Jacobian, state: State, until: float) -> State:
        n, h = self._steps(state, until)
        if n > self.max_steps:
            raise SolveFailed(f"{type(self).__name__}: {n} steps to t = {until!r} are more than max_steps; raise it")
        t, y = state.t, state.y
        for k in range(1, n + 1):
            y = self._stepped(rate, self._local(rate, jacobian, t, y, h), h)
            t = until if k == n else state.t + k * h
        return State(until, y, self.step, state.evaluations + n * self._calls, state.steps + n)

    def _walk(self, rate: Rate, jacobian: Jacobian, state: State, until: float, count: int) -> Walk:
        n, h = self._steps(state, until)
        taken = min(n, count)
        if state.steps + taken > self.max_steps:
            raise SolveFailed(
                f"{type(self).__name__}: {self.max_steps} steps only reached t = {state.t!r}; "
                "take longer ones or raise max_steps"
            )
        local = self._local(rate, jacobian, state.t, state.y, h)
        rows = []
        for k in range(1, taken + 1):
            y = self._stepped(rate, local, h)
            t = until if k == n else state.t + k * h
            # At the end of the interval the rate is asked for before it, everywhere else after.
            local = self._local(rate, jacobian, t, y, -h if k == n else h, abs(h))
            # Without the fast modes that an error of y has in the rate.
            rows.append((t, y, local.damped(singly_operator(self.order), local.f)))
        times, values, rates = zip(*rows, strict=True)
        evaluations = state.evaluations + 2 + taken * self._calls
        reached = State(float(times[-1]), values[-1], self.step, evaluations, state.steps + taken)
        return Walk(reached, np.array(times), np.stack(values), np.stack(rates))

    @property
    def _calls(self) -> int:
        """Calls of the rate per step: the stages, and one for its derivative by t."""
        return len(self.scheme.b) + 1

    def _steps(self, state: State, until: float) -> tuple[int, float]:
        """Number and length of the equal steps from a state to a time."""
        n = max(1, math.ceil((until - state.t) / self.step * (1 - _SLACK)))
        return n, (until - state.t) / n

    def _local(
        self, rate: Rate, jacobian: Jacobian, t: float, y: np.ndarray, ahead: float, h: float | None = None
    ) -> _Local:
        """The system around (t, y) for steps of length h, by default `ahead`; f_t from a difference to that side."""
        reach = self.scheme.alpha * (ahead if h is None else h)
        matrix = csc_array(eye_array(len(y), format="csc") - reach * jacobian(t, y))
        f, nearby = rate(t, y), _DIFFERENCE * ahead
        return _Local(t, y, f, factorise(matrix).solve, reach * (rate(t + nearby, y) - f) / nearby)

    def _stepped(self, rate: Rate, local: _Local, h: float) -> np.ndarray:
        """One step of length h."""
        scheme, f = self.scheme, local.f
        stages: list[np.ndarray] = []
        for c, row, operator in zip(scheme.c, scheme.a, scheme.operators, strict=True):
            if row:
                f = rate(local.t + c * h, local.y + h * sum(a * k for a, k in zip(row, stages, strict=True)))
            stages.append(local.damped(operator, f))
        stepped = local.y + h * sum(b * k for b, k in zip(scheme.b, stages, strict=True))
        if not np.isfinite(stepped).all():
            raise SolveFailed(
                f"{type(self).__name__} stopped at t = {local.t!r}: the solution is not finite; take shorter steps, "
                "or end the time interval before the solution blows up"
            )
        return stepped


@dataclass(frozen=True)
class _Local:
    """The system around one point.

    Attributes:
        t: Time.
        y: Solution there.
        f: Rate there.
        solve: Solves (I - alpha h J) x = b.
        drift: The difference quotient alpha h f_t.
    """

    t: float
    y: np.ndarray
    f: np.ndarray
    solve: Any
    drift: np.ndarray

    def damped(self, operator: tuple[float, ...], f: np.ndarray) -> np.ndarray:
        """The polynomial of U without constant term, applied to f: of the system with t' = 1, which adds f_t."""
        power, total = f, np.zeros_like(f)
        for coefficient in operator:
            power = self.solve(power + self.drift)
            total = total + coefficient * power
        return total


def singly_operator(order: int) -> tuple[float, ...]:
    """Coefficients of U, U², … in the singly TASE operator T_p = I - (I - U)^p.

    With U = (I - alpha h J)^(-1) one has I - U = -alpha h J U, so T_p = I + O((h J)^p); T_p is the only polynomial
    of degree p in U with this property that vanishes at U = 0, where z T_p stays bounded for z -> -∞.
    """
    return tuple(-((-1.0) ** j) * math.comb(order, j) for j in range(1, order + 1))


_SECOND: dict[str, Any] = {"a": ((), (1 / 2,)), "b": (0.0, 1.0)}
_KUTTA: dict[str, Any] = {"a": ((), (1 / 2,), (-1.0, 2.0)), "b": (1 / 6, 2 / 3, 1 / 6)}
_SINGLY = {
    2: Scheme(5 / 4, **_SECOND, operators=(singly_operator(2),) * 2),
    3: Scheme(3 / 2, **_KUTTA, operators=(singly_operator(3),) * 3),
}
_MODIFIED = {
    2: Scheme(1 / 2, a=((), (1 / 4,)), b=(-1.0, 2.0), operators=((1.0,), (3 / 2, -1 / 2))),
    3: Scheme(3 / 10, **_KUTTA, operators=((1 / 2, 1 / 2), (17 / 4, -19 / 4, 3 / 2), (1 / 2, 1 / 2))),
}


@dataclass(frozen=True)
class SinglyTase(Tase):
    """Explicit Runge-Kutta method of order p for y' = T_p f(t, y), with T_p = I - (I - (I - alpha h J)^(-1))^p.

    The operator damps what would make the explicit method unstable and is the identity up to O((h J)^p) [1]; in the
    form of [2], one factorisation serves all its terms.  Order 2 is the midpoint rule with alpha = 5/4: A-stable,
    R(-∞) = 0.68.  Order 3 is Kutta's method with alpha = 3/2: stable for |arg(-z)| <= 89°, beyond which
    |R| <= 1.006, R(-∞) = -1/3.  The order holds for any matrix J, even none, but then without stability.  The
    coefficients alpha are our choice, from the stability functions.  Errors are large, as alpha is: `Radau` and
    `ModifiedSinglyTase` need fewer steps.

    [1] M. Bassenne, L. Fu, A. Mani, J. Comput. Phys. 424 (2021) 109847.
    [2] M. Calvo, L. Fu, J. I. Montijano, L. Rández, J. Sci. Comput. 96 (2023) 17.
    """

    @property
    def scheme(self) -> Scheme:
        """The coefficients for the order."""
        return _SINGLY[self.order]


@dataclass(frozen=True)
class ModifiedSinglyTase(Tase):
    """Explicit Runge-Kutta method with one TASE operator per stage, of low order each, for smaller errors.

    As shown in [1] such methods are W-methods [2]: their order conditions hold for any matrix in the place of the
    Jacobian, so that it may be frozen or rough.  Written with U = (I - alpha h J)^(-1) and the expansions
    Q_i = 1 + q_i (alpha h J) + r_i (alpha h J)² + …, the conditions beside those of the Runge-Kutta method are
    Σ b_i q_i = 0 for order 2, and Σ b_i c_i q_i = Σ b_i a_ij q_j = Σ b_i r_i = 0 for order 3.

    The coefficients are our own solutions of these conditions, not those of [1].  Order 2: alpha = 1/2,
    L-stable, error constant on y' = λ y 41.5 times below that of `SinglyTase`.  Order 3: alpha = 3/10,
    A-stable, R(-∞) = -0.28, error constant 970 times below.

    [1] M. Calvo, J. I. Montijano, L. Rández, J. Sci. Comput. (2025), doi:10.1007/s10915-025-02813-4.
    [2] T. Steihaug, A. Wolfbrandt, Math. Comp. 33 (1979) 521-534.
    """

    @property
    def scheme(self) -> Scheme:
        """The coefficients for the order."""
        return _MODIFIED[self.order]


def _polynomial(operator: tuple[float, ...], u: np.ndarray) -> np.ndarray:
    return sum((c * u ** (k + 1) for k, c in enumerate(operator)), np.zeros_like(u))
