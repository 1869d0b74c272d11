"""Ordinary differential equations: adaptive integration that keeps every step."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import sympy as sp
import torch
from scipy.sparse import csc_array, csr_array

from pinnlab.admissible import require_counts
from pinnlab.errors import UnsupportedProblem
from pinnlab.field import GridField
from pinnlab.forms.boundary import initial_data
from pinnlab.forms.evaluate import Program
from pinnlab.forms.rates import Rates
from pinnlab.numerics.automatic import Automatic
from pinnlab.numerics.integration import Integrator, State
from pinnlab.numerics.time_series import StepTimes
from pinnlab.problem import Problem
from pinnlab.solver import CPU, Method, Refinable, Status, require_cpu, require_known_parameters

REFINEMENT = 10.0


@dataclass
class OdeState:
    """Where the integrator is, and everything it went through, in blocks of one walk each.

    Attributes:
        integrator: What the integrator remembers.
        times: Times of each block `(m,)`.
        values: States there `(m, n)`.
        rates: Their time derivatives `(m, n)`.
    """

    integrator: State
    times: list[np.ndarray]
    values: list[np.ndarray]
    rates: list[np.ndarray]


@dataclass(frozen=True)
class Ode(Refinable):
    """Systems of ordinary differential equations of any order in time, s' = R(t, s).

    The answer goes through every step of the integrator, with Hermite interpolation of eighth order from values and
    rates between them: it is as fine where the solution is fast as where it is slow, over any number of decades.
    Not for differential-algebraic systems.

    Args:
        time: `Automatic` (chooses by stiffness), `Dop853` (not stiff), `Radau`, `Bdf`, `Lsoda` (stiff), or
            `SinglyTase`, `ModifiedSinglyTase` (stiff, equal steps).
        batch: Steps of the integrator in one step of the solver, after which it may be interrupted.
    """

    time: Integrator = field(default_factory=Automatic)
    batch: int = 100

    def __post_init__(self) -> None:
        require_counts(self, batch=self.batch)
        if not isinstance(self.time, Integrator):
            raise ValueError(f"Ode: time must be an Integrator such as Radau(), got {self.time!r}")

    def compile(self, problem: Problem, device: torch.device = CPU) -> OdeMethod:
        """Lower the problem to its rates and their Jacobian.

        Raises:
            UnsupportedProblem: If the problem is steady or has dimensions of space, an unknown without rate, or an
                initial condition that is not of the form u = g.
        """
        require_cpu(self, device)
        require_known_parameters(self, problem)
        who = f"Ode on {problem.name!r}"
        if problem.time is None:
            raise UnsupportedProblem(f"{who}: it integrates in time, and this problem is steady; use Collocation")
        if problem.space:
            axes = ", ".join(c.name for c in problem.space)
            raise UnsupportedProblem(
                f"{who}: its unknowns depend on {axes} too, so it is a partial differential equation; use MethodOfLines"
            )
        rates = Rates.of(problem)
        if rates.slaved:
            raise UnsupportedProblem(
                f"{who}: {', '.join(rates.slaved)} has no rate of its own, so the system is differential-algebraic; "
                "solve its equation for it and put the result into the others"
            )
        start = Program(initial_data(problem, rates.states), problem.coordinates)
        method = OdeMethod(problem, rates, start, self.time, self.batch)
        method.system.jacobian  # noqa: B018 - what cannot be evaluated is refused here, not in the first step
        return method

    def finer_in_space(self, problem: Problem) -> None:
        """There is no space."""
        return None

    def finer_in_time(self, problem: Problem) -> Ode | None:
        """Errors about ten times smaller."""
        finer = self.time.refined(REFINEMENT, problem.interval.length)  # type: ignore[union-attr]
        return None if finer is None else replace(self, time=finer)


class RateSystem:
    """R(t, s) and its Jacobian as functions of arrays.

    Args:
        rates: The rates of the states.
        time: The symbol of time.
    """

    def __init__(self, rates: Rates, time: sp.Symbol) -> None:
        states = [s.symbol for s in rates.states]
        partials = [[sp.diff(r, s) for s in states] for r in rates.rates]
        entries = [(i, j) for j in range(len(states)) for i in range(len(states)) if partials[i][j] != 0]
        self._n = len(states)
        self._rates = Program(rates.rates, [time, *states])
        self._partials = Program([partials[i][j] for i, j in entries], [time, *states])
        self._rows = np.array([i for i, _ in entries], dtype=np.int32)
        counts = np.bincount([j for _, j in entries], minlength=self._n)
        self._columns = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)

    def __call__(self, t: float, y: np.ndarray) -> np.ndarray:
        """The rates `(n,)` at states y `(n,)`."""
        return np.array(self._rates(t, *y), dtype=float)

    def jacobian(self, t: float, y: np.ndarray) -> csc_array:
        """The matrix `(n, n)` of their partial derivatives by the states."""
        values = np.array(self._partials(t, *y), dtype=float)
        return csc_array((values, self._rows, self._columns), shape=(self._n, self._n))


@dataclass(frozen=True)
class Steps:
    """The time axis of a run in progress: Hermite interpolation between its steps, the last one held beyond.

    Attributes:
        times: Times of the steps `(nt,)`; nodal values are the states, then their rates, `(2 nt,)`.
    """

    times: np.ndarray

    def interpolation(self, points: np.ndarray, order: int = 0) -> csr_array:
        """The matrix `(m, 2 nt)` from states and rates to the order-th derivative at times `points (m,)`."""
        matrix = StepTimes(self.times).interpolation(np.clip(points, self.times[0], self.times[-1]), order)
        if order and points.max(initial=-np.inf) > self.times[-1]:
            return csr_array(matrix.multiply((points <= self.times[-1])[:, None]))
        return matrix


@dataclass(frozen=True)
class OdeMethod(Method[OdeState]):
    """`Ode` compiled for one problem."""

    problem: Problem
    rates: Rates
    start: Program
    time: Integrator
    batch: int

    @cached_property
    def system(self) -> RateSystem:
        """The rates as a function of arrays."""
        return RateSystem(self.rates, self.problem.time)

    def init(self, seed: int) -> OdeState:
        """The declared initial state; there is nothing random in it."""
        t = np.float64(self.problem.interval.start)  # type: ignore[union-attr]
        y = np.array(self.start(t), dtype=float)
        state = self.time.start(self.system, float(t), y, self.problem.interval.end)  # type: ignore[union-attr]
        return OdeState(state, [np.array([t])], [y[None]], [self.system(t, y)[None]])

    def step(self, state: OdeState) -> tuple[OdeState, dict[str, float]]:
        """Take a batch of steps of the integrator."""
        end = self.problem.interval.end  # type: ignore[union-attr]
        walk = self.time.walk(self.system, self.system.jacobian, state.integrator, end, self.batch)
        advanced = OdeState(
            walk.state, [*state.times, walk.times], [*state.values, walk.values], [*state.rates, walk.rates]
        )
        scalars = {"time": walk.state.t, "largest": float(np.abs(walk.values).max()), "steps": float(walk.state.steps)}
        return advanced, scalars

    def status(self, state: OdeState) -> Status:
        """DONE at the end of the interval."""
        return Status.DONE if state.integrator.t >= self.problem.interval.end else Status.RUNNING  # type: ignore[union-attr]

    def field(self, state: OdeState) -> GridField:
        """Hermite interpolation between the steps; held beyond the last one."""
        columns = [self._position(name) for name in self.problem.names]
        values, rates = (np.concatenate(part)[:, columns] for part in (state.values, state.rates))
        times = np.concatenate(state.times)
        return GridField(self.problem, (Steps(times),), np.concatenate([values, rates]).T)

    def _position(self, name: str) -> int:
        return next(i for i, s in enumerate(self.rates.states) if s.field == name and not s.order)
