"""Collocation for steady boundary value problems, solved by Newton's method."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import scipy  # its submodules load when they are first used
import sympy as sp
import torch

from pinnlab.admissible import require_counts
from pinnlab.discretization.collocation import Chebyshev, Collocated, Discretization
from pinnlab.discretization.pointwise_system import PointwiseSystem
from pinnlab.errors import SolveFailed, UnsupportedProblem
from pinnlab.field import GridField
from pinnlab.forms.incompressible import Incompressible
from pinnlab.forms.jet import Jet
from pinnlab.forms.jumps import require_continuous_fluxes
from pinnlab.forms.pointwise import Pointwise
from pinnlab.problem import Problem
from pinnlab.solver import CPU, Method, Refinable, Solver, Status, completed, require_cpu, require_known_parameters

REFINEMENT = 1.5
# Nodes per axis below which another answer says little of the error.
LEAST = 12
# Newton's method is done when the correction is this small beside the solution, or rounding keeps it from shrinking.
CORRECTION = 1e-13
SMALLEST_STEP = 2.0**-10
# A correction above this size where none should be left tells of a singular system.
SINGULAR = 1e-6


class Factorization(Protocol):
    """A factorised matrix."""

    def solve(self, rhs: np.ndarray) -> np.ndarray: ...  # noqa: D102


@dataclass
class CollocationState:
    """The iterate of Newton's method.

    Attributes:
        iteration: Corrections applied so far; -1 before another solver has given the iterate to start from.
        values: Free values y.
        correction: Size of the last correction, before damping, relative to the iterate; inf before the first.
        previous: That of the one before.
    """

    iteration: int
    values: np.ndarray
    correction: float
    previous: float


@dataclass(frozen=True)
class Collocation(Refinable):
    """Residuals set to zero at the nodes of a box [1]; nonlinear ones by Newton's method with exact Jacobian.

    For steady problems in one to three dimensions with linear Dirichlet, Neumann, Robin or general conditions, and
    periodic axes.  Newton is damped and starts from a smooth function
    with the boundary data, or from another answer; a problem with several solutions may converge to any.

    Args:
        space: `Chebyshev` (smooth solutions, few nodes) or `FiniteDifferences` (many nodes, sparse).
        iterations: Most corrections.
        start: A solver, such as `OperatorSolver(operator)`, from whose answer Newton starts; solving for it is the
            first step.  None for a smooth function with the boundary data.

    [1] L. N. Trefethen, Spectral Methods in MATLAB, SIAM (2000).
    """

    space: Discretization = field(default_factory=Chebyshev)
    iterations: int = 50
    start: Solver | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.space, Discretization):
            raise ValueError(f"Collocation: space must be Chebyshev or FiniteDifferences, got {self.space!r}")
        require_counts(self, iterations=self.iterations)
        if not isinstance(self.start, Solver | None):
            raise ValueError(f"Collocation: start must be a solver or None, got {self.start!r}")

    def compile(self, problem: Problem, device: torch.device = CPU) -> CollocationMethod:
        """Lower the problem to a system of equations at the nodes.

        Raises:
            UnsupportedProblem: If the problem evolves in time, is an incompressible flow, has a nonlinear boundary
                condition, or a flux that jumps.
        """
        require_cpu(self, device)
        require_known_parameters(self, problem)
        if problem.time is not None:
            raise UnsupportedProblem(
                f"Collocation on {problem.name!r}: it solves steady problems, and this one evolves in "
                f"{problem.time}; use MethodOfLines or Etdrk4"
            )
        if not 1 <= len(problem.space) <= 3:
            raise UnsupportedProblem(f"Collocation on {problem.name!r}: needs one to three dimensions of space")
        axes = self.space.axes(problem)
        nodes = int(np.prod([len(a.nodes) for a in axes]))
        if nodes > self.space.most_nodes:
            raise UnsupportedProblem(
                f"Collocation on {problem.name!r}: {nodes} nodes are more than {type(self.space).__name__} can take "
                f"({self.space.most_nodes}); lower points or use FiniteDifferences"
            )
        _refuse_pressure(problem)
        require_continuous_fluxes("Collocation", problem)
        form = Pointwise.of(problem)
        states = tuple(Jet(name, (0,) * len(problem.space)) for name in problem.names)
        grid = Collocated(problem, axes, states)
        grid.lift  # noqa: B018 - the boundary conditions are refused here, not in the first step
        system = PointwiseSystem(grid, form.residuals)
        system.lower()
        return CollocationMethod(problem, grid, system, form.is_linear, self.iterations, self.start)

    def finer_in_space(self, problem: Problem) -> Collocation | None:
        """Half as many nodes again per axis."""
        finer = self.space.finer(problem, REFINEMENT)
        return None if finer is None else replace(self, space=finer)

    def coarser(self, problem: Problem) -> Collocation | None:
        """Two thirds of the nodes per axis, or None where these would be too few."""
        fewer = self.space.finer(problem, 1 / REFINEMENT)
        return None if fewer is None or min(fewer.sizes(problem)) < LEAST else replace(self, space=fewer)

    def finer_in_time(self, problem: Problem) -> Collocation | None:
        """None: there is no time."""
        return None


@dataclass(frozen=True)
class CollocationMethod(Method[CollocationState]):
    """`Collocation` compiled for one problem."""

    problem: Problem
    grid: Collocated
    system: PointwiseSystem
    is_linear: bool
    iterations: int
    start: Solver | None = None

    def init(self, seed: int) -> CollocationState:
        """A smooth function with the boundary data; there is nothing random in it."""
        return CollocationState(-1 if self.start is not None else 0, self._smooth_lift(), np.inf, np.inf)

    def step(self, state: CollocationState) -> tuple[CollocationState, dict[str, float]]:
        """One Newton correction, halved until the next one would be smaller (natural monotonicity test [1]).

        [1] P. Deuflhard, Newton Methods for Nonlinear Problems, Springer (2011), Section 3.3.
        """
        if state.iteration < 0 and self.start is not None:
            return self._started(self.start), {}
        if state.iteration == self.iterations:
            raise SolveFailed(f"Newton's method has not converged in {self.iterations} corrections")
        factor = self._factor(state.values)
        direction = self._correction(factor, state.values)
        size = float(np.linalg.norm(direction))
        scale = 1.0
        while scale > SMALLEST_STEP:
            following = float(np.linalg.norm(factor.solve(self.system(0.0, state.values - scale * direction))))
            if following <= max((1 - scale / 4) * size, CORRECTION * float(np.linalg.norm(state.values))):
                break
            scale /= 2
        values = state.values - scale * direction
        largest = max(float(np.abs(values).max(initial=0.0)), np.finfo(float).tiny)
        # Not what damping left of it: a step cut short is no sign of convergence.
        correction = float(np.abs(direction).max(initial=0.0)) / largest
        if self.is_linear and state.iteration and correction > SINGULAR:
            raise SolveFailed(self._singular)
        return CollocationState(state.iteration + 1, values, correction, state.correction), {"correction": correction}

    def status(self, state: CollocationState) -> Status:
        """DONE when the correction is at rounding, where it stops shrinking."""
        stalled = state.correction < SINGULAR and state.correction > 0.1 * state.previous
        return Status.DONE if state.correction < CORRECTION or stalled else Status.RUNNING

    def field(self, state: CollocationState) -> GridField:
        """The interpolant of each axis."""
        u = self.grid.lift @ state.values + self.grid.push @ self.grid.data(0.0)
        return GridField(self.problem, self.grid.axes, u.reshape(len(self.grid.states), *self.grid.shape))

    def _started(self, solver: Solver) -> CollocationState:
        """Free values of the answer of another solver."""
        values = completed(solver, self.problem)(self.grid.nodes).T.ravel()[self.grid.free]
        if not np.isfinite(values).all():
            raise SolveFailed(f"the answer of {solver}, from which Newton's method is to start, is not finite")
        return CollocationState(0, values, np.inf, np.inf)

    def _smooth_lift(self) -> np.ndarray:
        """Free values of Δu = u / length² with the boundary conditions, for each unknown."""
        lengths = [a.upper - a.lower for a in self.grid.axes]
        dim = len(lengths)
        expressions = []
        for state in self.grid.states:
            second = sp.Add(*(state.shifted(i, 2).symbol for i in range(dim)))
            expressions.append(second - state.symbol / float(min(lengths)) ** 2)
        smooth = PointwiseSystem(self.grid, tuple(expressions))
        zero = np.zeros(len(self.grid.free))
        try:
            lifted = scipy.sparse.linalg.splu(smooth.jacobian(0.0, zero)).solve(-smooth(0.0, zero))
        except RuntimeError:
            return zero
        return lifted if np.isfinite(lifted).all() else zero

    def _factor(self, values: np.ndarray) -> Factorization:
        matrix = self.system.jacobian(0.0, values)
        if not np.isfinite(matrix.data).all():
            raise SolveFailed("the linearised equations are not finite; are they singular at the solution?")
        try:
            return scipy.sparse.linalg.splu(matrix)
        except RuntimeError:
            raise SolveFailed(self._singular) from None

    def _correction(self, factor: Factorization, values: np.ndarray) -> np.ndarray:
        direction = factor.solve(self.system(0.0, values))
        if not np.isfinite(direction).all():
            raise SolveFailed(self._singular)
        return direction

    @property
    def _singular(self) -> str:
        return (
            "the linearised system is singular; is a condition that fixes the mean missing, as with Neumann "
            "conditions alone?"
        )


def _refuse_pressure(problem: Problem) -> None:
    """Pressures that change sign from node to node are invisible to velocities at the same nodes."""
    if len(problem.space) < 2:
        return
    try:
        flow = Incompressible.of(problem)
    except UnsupportedProblem:
        return
    raise UnsupportedProblem(
        f"Collocation on {problem.name!r}: velocity and the pressure {flow.pressure} at the same nodes leave spurious "
        "modes of pressure; use FiniteElement, whose pressure has a space of its own"
    )
