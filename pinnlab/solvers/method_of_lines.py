"""Method of lines: collocation in space on boxes, adaptive implicit integration in time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch

from pinnlab.admissible import require_counts
from pinnlab.discretization.collocation import Collocated, Discretization, FiniteDifferences
from pinnlab.discretization.pointwise_system import PointwiseSystem
from pinnlab.errors import UnsupportedProblem
from pinnlab.field import GridField, Trajectory
from pinnlab.forms.boundary import initial_data
from pinnlab.forms.evaluate import Program
from pinnlab.forms.jumps import require_continuous_fluxes
from pinnlab.forms.rates import Rates
from pinnlab.numerics.integrators import Integrator, Radau, State
from pinnlab.problem import Problem
from pinnlab.solver import CPU, Method, Refinable, Status, require_cpu, require_known_parameters

MAX_SNAPSHOTS = 3200
# By dimension of space: in two, the cost of a factorisation grows with the third power of the nodes per axis.
REFINEMENT_IN_SPACE = {0: 1.0, 1: 2.0, 2: 1.5}
REFINEMENT_IN_TIME = 10.0


@dataclass
class MethodOfLinesState:
    """Where the integrator is, and the snapshots taken so far.

    Attributes:
        integrator: What the integrator remembers.
        values: Free values y at each snapshot.
        rates: Their time derivatives.
    """

    integrator: State
    values: list[np.ndarray]
    rates: list[np.ndarray]


@dataclass(frozen=True)
class MethodOfLines(Refinable):
    """Collocation in space, then an adaptive integrator for the system of ODEs [1]; ODEs themselves too.

    For boxes in one and two dimensions of space with linear Dirichlet, Neumann, Robin or general boundary
    conditions, which are eliminated exactly, and for periodic axes.  The Jacobian of the stiff integrators is
    sparse and exact, from the partial derivatives of the residual.  Not for shocks without viscosity: central
    differences oscillate there.

    Args:
        space: `FiniteDifferences` (any size, sparse) or `Chebyshev` (smooth solutions, few nodes).
        time: `Radau` (stiff, fifth order), `Bdf` (stiff, many unknowns) or `Dop853` (not stiff, eighth order).
        snapshots: How many states are kept for the answer, evenly spread; between them it is interpolated in time
            to eighth order from values and rates.

    [1] W. E. Schiesser, The Numerical Method of Lines, Academic Press (1991).
    """

    space: Discretization = field(default_factory=FiniteDifferences)
    time: Integrator = field(default_factory=Radau)
    snapshots: int = 100

    def __post_init__(self) -> None:
        require_counts(self, snapshots=self.snapshots)
        for name, kind in (("space", Discretization), ("time", Integrator)):
            if not isinstance(getattr(self, name), kind):
                raise ValueError(f"MethodOfLines: {name} must be a {kind.__name__}, got {getattr(self, name)!r}")

    def compile(self, problem: Problem, device: torch.device = CPU) -> LinesMethod:
        """Lower the problem to matrices and a system of ODEs.

        Raises:
            UnsupportedProblem: If the problem is steady, has over two dimensions of space, an unknown without rate,
                or a boundary condition that is nonlinear or whose coefficients change in time; if a flux jumps.
        """
        require_cpu(self, device)
        require_known_parameters(self, problem)
        who = f"MethodOfLines on {problem.name!r}"
        if problem.time is None:
            raise UnsupportedProblem(f"{who}: it integrates in time, and this problem is steady; use Collocation")
        if len(problem.space) > 2:
            raise UnsupportedProblem(f"{who}: it takes up to two dimensions of space, not {len(problem.space)}")
        require_continuous_fluxes("MethodOfLines", problem)
        rates = Rates.of(problem)
        if rates.slaved:
            raise UnsupportedProblem(
                f"{who}: {', '.join(rates.slaved)} has no rate of its own, so the system is differential-algebraic; "
                "use Etdrk4 on a periodic box"
            )
        grid = Collocated(problem, self.space.axes(problem), rates.states)
        grid.lift  # noqa: B018 - the boundary conditions are refused here, not in the first step
        start = Program(initial_data(problem, rates.states), problem.coordinates)
        system = PointwiseSystem(grid, rates.rates)
        system.lower()
        return LinesMethod(problem, grid, system, start, self.time, self.snapshots)

    def finer_in_space(self, problem: Problem) -> MethodOfLines | None:
        """Twice the nodes per axis, one and a half times in two dimensions."""
        finer = self.space.finer(problem, REFINEMENT_IN_SPACE[len(problem.space)])
        return None if finer is None else replace(self, space=finer)

    def finer_in_time(self, problem: Problem) -> MethodOfLines | None:
        """Tolerances ten times tighter, twice the snapshots."""
        finer = self.time.refined(REFINEMENT_IN_TIME, problem.interval.length)  # type: ignore[union-attr]
        return None if finer is None else replace(self, time=finer, snapshots=min(2 * self.snapshots, MAX_SNAPSHOTS))


@dataclass(frozen=True)
class LinesMethod(Method[MethodOfLinesState]):
    """`MethodOfLines` compiled for one problem."""

    problem: Problem
    grid: Collocated
    system: PointwiseSystem
    start: Program
    time: Integrator
    snapshots: int

    @cached_property
    def times(self) -> np.ndarray:
        """The times of the snapshots `(snapshots + 1,)`."""
        interval = self.problem.interval
        return np.linspace(interval.start, interval.end, self.snapshots + 1)  # type: ignore[union-attr]

    def init(self, seed: int) -> MethodOfLinesState:
        """The declared initial state; there is nothing random in it."""
        y = self._initial()
        state = self.time.start(self.system, float(self.times[0]), y)
        return MethodOfLinesState(state, [y], [self.system(float(self.times[0]), y)])

    def step(self, state: MethodOfLinesState) -> tuple[MethodOfLinesState, dict[str, float]]:
        """Integrate to the next snapshot."""
        t = float(self.times[len(state.values)])
        reached = self.time.advance(self.system, self.system.jacobian, state.integrator, t)
        rates = [*state.rates, self.system(t, reached.y)]
        advanced = MethodOfLinesState(reached, [*state.values, reached.y], rates)
        return advanced, {"time": t, "largest": float(np.abs(reached.y).max()), "steps": float(reached.steps)}

    def status(self, state: MethodOfLinesState) -> Status:
        """DONE at the end of the interval."""
        return Status.DONE if len(state.values) == len(self.times) else Status.RUNNING

    def field(self, state: MethodOfLinesState) -> GridField:
        """The interpolant of each axis in space, Hermite interpolation in time; held beyond the last snapshot."""
        times = self.times[: len(state.values)]
        values = [self._all(y, self.grid.data(t)) for y, t in zip(state.values, times, strict=True)]
        rates = [self._all(r, self.grid.data(t, rate=True)) for r, t in zip(state.rates, times, strict=True)]
        stacked = np.stack([*values, *rates], axis=1)
        order = [self._position(name) for name in self.problem.names]
        return GridField(self.problem, (Trajectory(times), *self.grid.axes), stacked[order])

    def _position(self, name: str) -> int:
        return next(i for i, s in enumerate(self.grid.states) if s.field == name and not s.order)

    def _all(self, y: np.ndarray, data: np.ndarray) -> np.ndarray:
        """Values at all nodes `(states, n_1, …)`."""
        u = self.grid.lift @ y + self.grid.push @ data
        return u.reshape(len(self.grid.states), *self.grid.shape)

    def _initial(self) -> np.ndarray:
        columns = self.start(float(self.times[0]), *self.grid.nodes.T)
        return np.concatenate([np.broadcast_to(c, self.grid.n) for c in columns])[self.grid.free].astype(float)
