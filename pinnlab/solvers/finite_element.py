"""Finite elements on meshes of boxes, shapes and files: steady problems by Newton's method, others step by step."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch

from pinnlab.admissible import require_counts
from pinnlab.discretization.finite_elements import FiniteElements
from pinnlab.discretization.galerkin_steps import Evolution, prepared
from pinnlab.domain.box import Box
from pinnlab.domain.mesh_domain import MeshDomain
from pinnlab.domain.shape import Shape
from pinnlab.errors import SolveFailed, UnsupportedProblem
from pinnlab.field import Trajectory
from pinnlab.fields.mesh import MeshField
from pinnlab.forms.weak import WeakForm
from pinnlab.meshing.mesh import Mesh
from pinnlab.numerics.implicit import Bdf2, ImplicitMethod, State, slope_at_start
from pinnlab.numerics.lagrange import LagrangeSpace
from pinnlab.numerics.linear_solve import LinearSolver
from pinnlab.problem import Problem
from pinnlab.solver import CPU, Method, Refinable, Status, require_cpu, require_known_parameters

# By dimension of space: most unknowns to which refinement goes, of saddle points and of other systems.
MOST_IN_SADDLE_POINTS = {2: 200_000, 3: 40_000}
MOST_UNKNOWNS = {1: 400_000, 2: 250_000, 3: 400_000}
# In space a factor of 2 would be 8 times the cells.
REFINEMENT_IN_SPACE = {1: 2.0, 2: 2.0, 3: 1.5}
REFINEMENT_IN_TIME = 8.0
# So many times the facets are to be on each piece of a refined mesh.
MORE_FACETS = 1.5
MAX_SNAPSHOTS = 1600
# Newton's method is done when the correction is this small beside the solution, or rounding keeps it from shrinking.
CORRECTION = 1e-12
ROUNDING = 1e-8
# A linear problem is done when one solution leaves no more than this share of the residual.
LINEAR = 1e-9
SMALLEST_STEP = 2.0**-10


@dataclass
class NewtonState:
    """The iterate of Newton's method.

    Attributes:
        iteration: Corrections applied so far.
        values: Free nodal values.
        correction: Size of the last correction before damping, relative to the iterate; for a linear problem the
            share of the residual that is left.  Infinite before the first.
        previous: That of the one before.
    """

    iteration: int
    values: np.ndarray
    correction: float
    previous: float


@dataclass
class EvolutionState:
    """Where the integrator is, and the snapshots taken so far.

    Attributes:
        integrator: What the integrator remembers.
        values: Free values at each snapshot.
        rates: Their time derivatives.
    """

    integrator: State
    values: list[np.ndarray]
    rates: list[np.ndarray]


@dataclass(frozen=True)
class FiniteElement(Refinable):
    """Galerkin's method with continuous polynomials of degree 1 or 2 on lines, triangles, quads or tetrahedra [1].

    For equations in divergence form, D(k*D(u, x), x), of first order in time or steady, linear or not, and systems of
    them, with values, outward fluxes and normal derivatives prescribed on named pieces of the boundary.  Velocity and
    pressure of an incompressible flow get degrees 2 and 1 [2].  Newton's method has the exact Jacobian; large systems
    without pressure are solved by multigrid.  Not for transport without diffusion, nor where transport outweighs
    diffusion within a cell: the solution oscillates there.  Cells are straight-sided, so that a curved boundary is met
    to second order only.

    Args:
        degree: Of the polynomials; the L2 error of a smooth solution falls like size^(degree + 1).
        cells: How many of the mesh's longest edges fit along the longest extent of the region.
        time: How evolution is integrated: `Bdf2` or `Theta`.
        snapshots: How many states are kept for the answer, evenly spread; between them it is interpolated in time
            from values and rates.
        iterations: Most corrections of Newton's method on a steady problem.

    [1] A. Ern and J.-L. Guermond, Theory and Practice of Finite Elements, Springer (2004).
    [2] C. Taylor and P. Hood, Comput. Fluids 1 (1973) 73-100.
    """

    degree: int = 2
    cells: int = 16
    time: ImplicitMethod = field(default_factory=Bdf2)
    snapshots: int = 50
    iterations: int = 30

    def __post_init__(self) -> None:
        for name in ("degree", "cells", "snapshots", "iterations"):
            require_counts(self, **{name: getattr(self, name)})
            object.__setattr__(self, name, int(getattr(self, name)))
        if self.degree not in (1, 2):
            raise ValueError(f"FiniteElement: degree must be 1 or 2, got {self.degree!r}")
        if not isinstance(self.time, ImplicitMethod):
            raise ValueError(f"FiniteElement: time must be Bdf2(…) or Theta(…), got {self.time!r}")

    def compile(self, problem: Problem, device: torch.device = CPU) -> NewtonMethod | EvolutionMethod:
        """Lower the problem to its weak form on a mesh.

        Raises:
            UnsupportedProblem: If it has no weak form, as with second derivatives outside of D(flux, x), if its region
                has no mesh, or if an incompressible flow has too many unknowns to be factorised.
        """
        require_cpu(self, device)
        require_known_parameters(self, problem)
        who = f"FiniteElement on {problem.name!r}"
        if not 1 <= len(problem.space) <= 3:
            raise UnsupportedProblem(f"{who}: it needs one to three dimensions of space, not {len(problem.space)}")
        if isinstance(problem.region, Box) and problem.region.periodic:
            raise UnsupportedProblem(f"{who}: it has no periodic axes; use Etdrk4 or Collocation on periodic boxes")
        form = WeakForm.of(problem)
        if form.flow is not None and self.degree == 1:
            raise UnsupportedProblem(
                f"{who}: velocity and pressure of equal degree are unstable (not inf-sup stable); use degree=2"
            )
        system = FiniteElements(form, self._mesh(problem), self._degrees(form))
        most = MOST_IN_SADDLE_POINTS.get(len(problem.space), 0)
        if form.flow is not None and system.n > most:
            raise UnsupportedProblem(
                f"{who}: {system.n} unknowns of an incompressible flow are more than can be factorised ({most}); "
                "use fewer cells"
            )
        if problem.time is None:
            return NewtonMethod(problem, system, self.iterations)
        return EvolutionMethod(problem, system, self.time, self.snapshots)

    def finer_in_space(self, problem: Problem) -> FiniteElement | None:
        """Twice the cells along each axis, one and a half times in space; more until the boundary is refined too.

        Small circles have some edges however coarse the mesh is; twice the cells elsewhere would leave them so.
        """
        form, finer, now = WeakForm.of(problem), self, self._mesh(problem)
        dim = len(problem.space)
        most = MOST_UNKNOWNS[dim] if form.flow is None else MOST_IN_SADDLE_POINTS[dim]
        while True:
            finer = replace(finer, cells=math.ceil(REFINEMENT_IN_SPACE[dim] * finer.cells))
            mesh = finer._mesh(problem)
            if sum(LagrangeSpace(mesh, d).n for d in finer._degrees(form)) > most:
                return None
            if _is_refined(now, mesh):
                return finer

    def coarser(self, problem: Problem) -> FiniteElement | None:
        """Half the cells along each axis of a steady problem."""
        return replace(self, cells=self.cells // 2) if problem.time is None and self.cells > 1 else None

    def finer_in_time(self, problem: Problem) -> FiniteElement | None:
        """Tolerances eight times tighter or half the step, twice the snapshots; None for a steady problem."""
        if problem.time is None:
            return None
        tighter = self.time.tightened(REFINEMENT_IN_TIME)
        if tighter.step is None and tighter.rtol > self.time.rtol / 2:
            return None
        return replace(self, time=tighter, snapshots=min(2 * self.snapshots, MAX_SNAPSHOTS))

    def _mesh(self, problem: Problem) -> Mesh:
        return problem.region.mesh(extent(problem) / self.cells)

    def _degrees(self, form: WeakForm) -> list[int]:
        pressure = None if form.flow is None else form.flow.pressure
        return [self.degree - (name == pressure) for name in form.names]


def extent(problem: Problem) -> float:
    """The longest side of the box around the region."""
    region = problem.region
    if isinstance(region, Box | Shape):
        return float((region.upper - region.lower).max())
    points = region.cells.points if isinstance(region, MeshDomain) else region.sample(4096, np.random.default_rng(0))
    return float(np.ptp(points, axis=0).max())


def _is_refined(now: Mesh, mesh: Mesh) -> bool:
    """Whether a mesh has more cells than the one now, and clearly more facets on every piece of the boundary."""
    if len(mesh.cells) <= len(now.cells):
        return False
    return mesh.dim == 1 or all(len(mesh.pieces[name]) >= MORE_FACETS * len(f) for name, f in now.pieces.items())


@dataclass(frozen=True)
class NewtonMethod(Method[NewtonState]):
    """`FiniteElement` compiled for a steady problem."""

    problem: Problem
    system: FiniteElements
    iterations: int

    def init(self, seed: int) -> NewtonState:
        """Newton starts from the problem linearised at zero, for a flow that of Stokes; nothing in it is random."""
        start = np.zeros(len(self.system.free)) if self._is_linear else self._guess()
        return NewtonState(0, start, math.inf, math.inf)

    def step(self, state: NewtonState) -> tuple[NewtonState, dict[str, float]]:
        """One correction; of nonlinear problems halved until the next one would be smaller (Deuflhard's test [1]).

        [1] P. Deuflhard, Newton Methods for Nonlinear Problems, Springer (2011), section 3.3.
        """
        if not state.iteration:
            self.system.require_finite(0.0)
        residual = self._residual(state.values)
        if state.iteration == self.iterations:
            raise self._stalled(state, residual)
        solver = self._linear_solver if self._is_linear else self._solver(state.values)
        direction = solver.solve(residual)
        if not np.isfinite(direction).all():
            raise self._stalled(state, residual)
        if self._is_linear:
            values = state.values - direction
            correction = _ratio(self._residual(values), residual)
        else:
            values = self._searched(state, solver, direction, residual)
            # Not what damping left of it: a step cut short is no sign of convergence.
            correction = _ratio(direction, values)
        scalars = {"correction": correction, "residual": float(np.linalg.norm(residual))}
        return NewtonState(state.iteration + 1, values, correction, state.correction), scalars

    def status(self, state: NewtonState) -> Status:
        """DONE when the correction is at rounding, where it stops shrinking."""
        if self._is_linear:
            return Status.DONE if state.correction <= LINEAR else Status.RUNNING
        stalled = state.correction < ROUNDING and state.correction > 0.1 * state.previous
        return Status.DONE if state.correction < CORRECTION or stalled else Status.RUNNING

    def field(self, state: NewtonState) -> MeshField:
        """The finite-element function."""
        values = self.system.nodal(self.system.full(0.0, state.values))
        return MeshField(self.problem, self.system.spaces, tuple(v[None] for v in values))

    @property
    def _is_linear(self) -> bool:
        return self.system.form.is_linear

    @cached_property
    def _linear_solver(self) -> LinearSolver:
        return self._solver(np.zeros(len(self.system.free)))

    def _solver(self, values: np.ndarray) -> LinearSolver:
        return prepared(self.system, self.system.jacobian(0.0, self.system.full(0.0, values)))

    def _residual(self, values: np.ndarray) -> np.ndarray:
        return self.system.residual(0.0, self.system.full(0.0, values))

    def _searched(
        self, state: NewtonState, solver: LinearSolver, direction: np.ndarray, residual: np.ndarray
    ) -> np.ndarray:
        size, scale = float(np.linalg.norm(direction)), 1.0
        while scale > SMALLEST_STEP:
            values = state.values - scale * direction
            trial = self._residual(values)
            if np.isfinite(trial).all():
                following = float(np.linalg.norm(solver.solve(trial)))
                if following <= max((1 - scale / 4) * size, CORRECTION * float(np.linalg.norm(values))):
                    return values
            scale /= 2
        if size <= ROUNDING * float(np.linalg.norm(state.values)):
            return state.values - direction
        raise self._stalled(state, residual)

    def _stalled(self, state: NewtonState, residual: np.ndarray) -> SolveFailed:
        size = float(np.linalg.norm(residual))
        if self._is_linear:
            return SolveFailed(
                f"the linear system of {self.problem.name!r} keeps a residual of {size:.3g} after {state.iteration} "
                "corrections: its coefficients are not finite somewhere, or it is singular to rounding; check them, "
                "or use fewer cells"
            )
        return SolveFailed(
            f"Newton stalls at residual {size:.3g} after {state.iteration} iterations on "
            f"{self.problem.name!r}; start from a weaker nonlinearity (a smaller Reynolds number, say), use more "
            "cells, or declare the evolution in time and let it settle"
        )

    def _guess(self) -> np.ndarray:
        """The solution linearised at zero, or where that is singular a smooth function with the boundary values."""
        form, degrees = self.system.form, [s.degree for s in self.system.spaces]
        for simpler in (form.linearised, form.screened):
            try:
                system = FiniteElements(simpler(), self.system.mesh, degrees)
                zero = np.zeros(len(system.free))
                solver = prepared(system, system.jacobian(0.0, system.full(0.0, zero)))
                values = system.full(0.0, -solver.solve(system.residual(0.0, system.full(0.0, zero))))
            except (SolveFailed, UnsupportedProblem):
                continue
            if np.isfinite(values).all():
                return np.asarray(values[self.system.free])
        return np.zeros(len(self.system.free))


@dataclass(frozen=True)
class EvolutionMethod(Method[EvolutionState]):
    """`FiniteElement` compiled for a problem that evolves in time."""

    problem: Problem
    system: FiniteElements
    time: ImplicitMethod
    snapshots: int

    @cached_property
    def times(self) -> np.ndarray:
        """The times of the snapshots `(snapshots + 1,)`."""
        interval = self.problem.interval
        assert interval is not None  # compile has seen to it
        return np.linspace(interval.start, interval.end, self.snapshots + 1)

    def init(self, seed: int) -> EvolutionState:
        """The declared initial state; there is nothing random in it."""
        t = float(self.times[0])
        y = self.system.initial(t)
        zero = np.zeros_like(y)
        start = State(t, y, zero, 0.0, 0, 0, 0, np.full(2, t), np.zeros((2, len(y))))
        return EvolutionState(start, [y], [zero])

    def step(self, state: EvolutionState) -> tuple[EvolutionState, dict[str, float]]:
        """Integrate to the next snapshot; the first time, find the initial rates and constrained values too."""
        until = float(self.times[len(state.values)])
        start, values, rates = state.integrator, state.values, state.rates
        if len(values) == 1:
            self.system.require_finite(start.t)
            start = self.time.start(self._evolution, start.t, start.y, until)
            values, rates = [start.y], [start.rate]
        reached = self.time.advance(self._evolution, start, until)
        advanced = EvolutionState(reached, [*values, reached.y], [*rates, reached.rate])
        largest = float(np.abs(reached.y).max(initial=0.0))
        return advanced, {"time": until, "largest": largest, "steps": float(reached.steps)}

    def status(self, state: EvolutionState) -> Status:
        """DONE at the end of the interval."""
        return Status.DONE if len(state.values) == len(self.times) else Status.RUNNING

    def field(self, state: EvolutionState) -> MeshField:
        """The finite-element function, Hermite interpolation in time; held beyond the last snapshot."""
        times, rates = self.times[: len(state.values)], state.rates
        system, first = self.system, min(len(times), 3)
        if first > 1:
            start = slope_at_start(times[:first], np.stack(state.values[:first]), np.stack(rates[:first]))
            rates = [start, *rates[1:]]
        rows = [system.nodal(system.full(t, y)) for t, y in zip(times, state.values, strict=True)]
        rows += [system.nodal(system.full(t, r, rate=True)) for t, r in zip(times, rates, strict=True)]
        values = tuple(np.stack(column) for column in zip(*rows, strict=True))
        return MeshField(self.problem, system.spaces, values, Trajectory(times))

    @cached_property
    def _evolution(self) -> Evolution:
        return Evolution(self.system)


def _ratio(a: np.ndarray, b: np.ndarray) -> float:
    size = float(np.linalg.norm(b))
    return float(np.linalg.norm(a)) / size if size > 0 else 0.0
