"""Collocation for steady boundary value problems, solved by Newton's method."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from scipy.sparse.linalg import splu

from pinnlab.collocation import Chebyshev, Collocated, Discretization, PointwiseSystem
from pinnlab.errors import SolveFailed, UnsupportedProblem
from pinnlab.field import GridField
from pinnlab.forms.jet import Jet
from pinnlab.forms.pointwise import Pointwise
from pinnlab.problem import Problem
from pinnlab.solver import CPU, Method, Refinable, Status, require_cpu, require_known_parameters

REFINEMENT = 1.5
# Newton's method is done when the correction is this small beside the solution, or rounding keeps it from shrinking.
CORRECTION = 1e-13
SMALLEST_STEP = 2.0**-10


@dataclass
class CollocationState:
    """The iterate of Newton's method.

    Attributes:
        iteration: Corrections applied so far.
        values: Free values y.
        correction: Size of the last correction relative to the iterate; inf before the first.
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
    periodic axes.  Newton starts from zero with a damped step; a problem with several solutions may converge to any.

    Args:
        space: `Chebyshev` (smooth solutions, few nodes) or `FiniteDifferences` (many nodes, sparse).
        iterations: Most corrections.

    [1] L. N. Trefethen, Spectral Methods in MATLAB, SIAM (2000).
    """

    space: Discretization = field(default_factory=Chebyshev)
    iterations: int = 50

    def __post_init__(self) -> None:
        if not isinstance(self.space, Discretization):
            raise ValueError(f"Collocation: space must be Chebyshev or FiniteDifferences, got {self.space!r}")
        if self.iterations < 1:
            raise ValueError(f"Collocation: iterations must be positive, got {self.iterations}")

    def compile(self, problem: Problem, device: torch.device = CPU) -> CollocationMethod:
        """Lower the problem to a system of equations at the nodes.

        Raises:
            UnsupportedProblem: If the problem evolves in time, or has a nonlinear boundary condition.
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
        states = tuple(Jet(name, (0,) * len(problem.space)) for name in problem.names)
        grid = Collocated(problem, axes, states)
        grid.lift  # noqa: B018 - the boundary conditions are refused here, not in the first step
        return CollocationMethod(problem, grid, PointwiseSystem(grid, Pointwise.of(problem).residuals), self.iterations)

    def finer_in_space(self, problem: Problem) -> Collocation | None:
        """Half as many nodes again per axis."""
        finer = self.space.finer(problem, REFINEMENT)
        return None if finer is None else replace(self, space=finer)

    def finer_in_time(self, problem: Problem) -> Collocation | None:
        """None: there is no time."""
        return None


@dataclass(frozen=True)
class CollocationMethod(Method[CollocationState]):
    """`Collocation` compiled for one problem."""

    problem: Problem
    grid: Collocated
    system: PointwiseSystem
    iterations: int

    def init(self, seed: int) -> CollocationState:
        """Newton starts from zero; there is nothing random in it."""
        return CollocationState(0, np.zeros(len(self.grid.free)), np.inf, np.inf)

    def step(self, state: CollocationState) -> tuple[CollocationState, dict[str, float]]:
        """One damped Newton correction: halved until the residual does not grow."""
        residual = self.system(0.0, state.values)
        direction = self._direction(state.values, residual)
        size = float(np.linalg.norm(residual))
        scale = 1.0
        while True:
            values = state.values - scale * direction
            reached = float(np.linalg.norm(self.system(0.0, values)))
            if reached <= max(size, 1e-12) or scale <= SMALLEST_STEP:
                break
            scale /= 2
        largest = max(float(np.abs(values).max(initial=0.0)), np.finfo(float).tiny)
        correction = float(np.abs(scale * direction).max(initial=0.0)) / largest
        advanced = CollocationState(state.iteration + 1, values, correction, state.correction)
        return advanced, {"residual": reached, "correction": correction}

    def status(self, state: CollocationState) -> Status:
        """DONE when the correction is at rounding; DIVERGED when the iterations are spent before."""
        stalled = state.correction < 1e-8 and state.correction > 0.1 * state.previous
        if state.correction < CORRECTION or stalled:
            return Status.DONE
        return Status.DIVERGED if state.iteration >= self.iterations else Status.RUNNING

    def field(self, state: CollocationState) -> GridField:
        """The interpolant of each axis."""
        u = self.grid.lift @ state.values + self.grid.push @ self.grid.data(0.0)
        return GridField(self.problem, self.grid.axes, u.reshape(len(self.grid.states), *self.grid.shape))

    def _direction(self, values: np.ndarray, residual: np.ndarray) -> np.ndarray:
        matrix = self.system.jacobian(0.0, values)
        try:
            direction = splu(matrix).solve(residual)
        except RuntimeError:
            direction = np.full_like(residual, np.nan)
        if not np.isfinite(direction).all():
            raise SolveFailed(
                f"Collocation on {self.problem.name!r}: the linearised system is singular; is a condition that fixes "
                "the mean missing, as with Neumann conditions alone?"
            )
        return direction
