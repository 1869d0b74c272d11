"""Physics-informed neural network, trained as a nonlinear least-squares problem."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from pinnlab.domain.box import Box
from pinnlab.errors import UnsupportedProblem
from pinnlab.field import Field
from pinnlab.forms.ansatz import Ansatz, Constraints, Hard, Hoisted
from pinnlab.forms.evaluate import Program
from pinnlab.forms.jumps import require_continuous_fluxes
from pinnlab.networks.inputs import Inputs
from pinnlab.networks.mlp import Mlp
from pinnlab.numerics.taylor import JetPlan
from pinnlab.problem import Problem
from pinnlab.solver import CPU, Method, Solver, Status, require_known_parameters
from pinnlab.symbols import Expr, Normal
from pinnlab.training.levenberg_marquardt import LevenbergMarquardt
from pinnlab.training.optimizer import Optimizer
from pinnlab.training.parameters import Parameters
from pinnlab.training.pointwise import Group, PointwiseLeastSquares
from pinnlab.training.row_jacobian import LayerOuterProducts, RowJacobian
from pinnlab.training.samplers import Region, ResidualAdaptive, Sampler
from pinnlab.training.weighting import FixedWeights, Weighting

# Points at which a network is evaluated at once when its field is asked for values.
EVALUATION_CHUNK = 20_000


@runtime_checkable
class Architecture(Protocol):
    """Settings that build a network."""

    def build(self, inputs: Inputs, outputs: int, generator: torch.Generator) -> torch.nn.Module:
        """A freshly initialised module from points `(n, dim)` to `(n, outputs)`."""
        ...


@dataclass
class PinnState:
    """Everything that training remembers.

    Attributes:
        step: Steps done.
        phase: Which of the optimisers is at work.
        drawn: Step at which the points were drawn; -1 before the first.
        theta: The network's parameters `(P,)`.
        optimizers: The state of each optimiser.
        rng: Draws points.
        interior: Collocation points of the equations `(n, dim)`.
        pieces: Points and normals of each open condition, one after the other, each `(m, dim)`.
    """

    step: int
    phase: int
    drawn: int
    theta: Tensor
    optimizers: list[Any]
    rng: np.random.Generator
    interior: np.ndarray
    pieces: list[np.ndarray]


@dataclass(frozen=True)
class Pinn(Solver):
    """Physics-informed neural network [1] composed of exchangeable parts, trained in float64.

    The sum of squares of the equations' residuals at collocation points, and of the conditions that are not built
    in, is minimised over the network's parameters.  Derivatives are exact (Taylor mode).  The defaults are a small
    network, hard conditions and dense Levenberg-Marquardt with points redrawn where the residual is large: fewer
    than about 3,000 parameters then reach four digits and more in a minute of two cores.  Not for shocks without
    viscosity, nor for long chaotic evolutions in one piece.

    Args:
        network: Architecture, such as `Mlp(width=20, depth=3)`.
        constraints: `Hard()` or `Soft()`.
        sampler: Collocation points and how often they are redrawn.
        weighting: How much equations and conditions count.
        optimizer: One optimiser, or several that follow one another.
        condition_points: Points on each piece for each condition that is not built in.
        differentiation: How Jacobians by the parameters are computed.

    [1] M. Raissi, P. Perdikaris, G. E. Karniadakis, J. Comput. Phys. 378 (2019) 686-707.
    """

    network: Architecture = field(default_factory=Mlp)
    constraints: Constraints = field(default_factory=Hard)
    sampler: Sampler = field(default_factory=ResidualAdaptive)
    weighting: Weighting = field(default_factory=FixedWeights)
    optimizer: Optimizer | tuple[Optimizer, ...] = field(default_factory=LevenbergMarquardt)
    condition_points: int = 400
    differentiation: RowJacobian = field(default_factory=LayerOuterProducts)

    def __post_init__(self) -> None:
        kinds: dict[str, type] = {
            "network": Architecture,
            "constraints": Constraints,
            "sampler": Sampler,
            "weighting": Weighting,
            "differentiation": RowJacobian,
        }
        for name, kind in kinds.items():
            if not isinstance(getattr(self, name), kind):
                raise ValueError(f"Pinn: {name} must be a {kind.__name__}, got {getattr(self, name)!r}")
        if not self.phases or not all(isinstance(o, Optimizer) for o in self.phases):
            raise ValueError(f"Pinn: optimizer must be one or several optimisers, got {self.optimizer!r}")
        if self.condition_points < 1:
            raise ValueError(f"Pinn: condition_points must be positive, got {self.condition_points}")

    @property
    def phases(self) -> tuple[Optimizer, ...]:
        """The optimisers that follow one another."""
        return (self.optimizer,) if isinstance(self.optimizer, Optimizer) else tuple(self.optimizer)

    def compile(self, problem: Problem, device: torch.device = CPU) -> PinnMethod:
        """Lower the problem to rows of residuals.

        Raises:
            UnsupportedProblem: If the region is no box, or the equations hold a function without counterpart in torch.
        """
        require_known_parameters(self, problem)
        if not isinstance(problem.region, Box):
            raise UnsupportedProblem(f"Pinn on {problem.name!r}: needs a box, not {problem.region}")
        require_continuous_fluxes("Pinn", problem)
        method = PinnMethod(self, problem, self.constraints.ansatz(problem), device)
        method.lower()
        return method


@dataclass(frozen=True)
class Rows:
    """Residuals at points as a function of the network: `(theta, points, extras) -> (n, k)`."""

    ansatz: Ansatz
    hoisted: Hoisted
    parameters: Parameters

    @classmethod
    def of(cls, ansatz: Ansatz, expressions: Sequence[Expr], parameters: Parameters) -> Rows:
        """Lower expressions of jets."""
        return cls(ansatz, Hoisted.of(expressions), parameters)

    def lower(self) -> tuple[JetPlan, Program, Program]:
        """Everything that points do not change."""
        return self.plan, self._program, self._coefficient_program

    @cached_property
    def plan(self) -> JetPlan:
        """The derivatives of the network that are needed."""
        dim = len(self.ansatz.problem.coordinates)
        return JetPlan([s.jet.orders for s in self.hoisted.symbols] or [(0,) * dim])

    @cached_property
    def _program(self) -> Program:
        return Program(self.hoisted.expressions, [*self.hoisted.symbols, *self.hoisted.coefficients])

    @cached_property
    def _coefficient_program(self) -> Program:
        problem = self.ansatz.problem
        arguments = [*problem.coordinates, *(Normal(c) for c in problem.space)]
        return Program(list(self.hoisted.coefficients.values()), arguments)

    def extras(self, points: Tensor, normals: Tensor) -> Tensor:
        """The coefficients at points `(n, m)`; normals `(n, space)`."""
        columns = self._coefficient_program(*points.T, *normals.T)
        spread = [torch.as_tensor(c, dtype=points.dtype, device=points.device).expand(len(points)) for c in columns]
        return torch.stack(spread, dim=1) if spread else points.new_zeros(len(points), 0)

    def __call__(self, theta: Tensor, points: Tensor, extras: Tensor) -> Tensor:
        """The rows."""
        jets = self.plan.evaluate(self.parameters.bind(theta), points)
        values = [jets[s.jet.orders][:, self.ansatz.index(s)] for s in self.hoisted.symbols]
        columns = self._program(*values, *extras.unbind(dim=1))
        spread = [torch.as_tensor(c, dtype=points.dtype, device=points.device).expand(len(points)) for c in columns]
        return torch.stack(spread, dim=1)


@dataclass(frozen=True)
class PinnMethod(Method[PinnState]):
    """`Pinn` compiled for one problem."""

    solver: Pinn
    problem: Problem
    ansatz: Ansatz
    device: torch.device

    def lower(self) -> None:
        """Compile all residuals, so that what cannot be represented is refused before training.

        Raises:
            UnsupportedProblem: If a function has no counterpart in torch, or a derivative is of too high an order.
        """
        try:
            for rows in (self._equations, *self._conditions):
                rows.lower()
        except ValueError as error:
            raise UnsupportedProblem(f"Pinn on {self.problem.name!r}: {error}") from None

    # -- the contract --------------------------------------------------------------------------------------

    def init(self, seed: int) -> PinnState:
        """A freshly initialised network; the points are drawn in the first step."""
        generator = torch.Generator(self.device).manual_seed(seed)
        network = self.solver.network.build(self._inputs, len(self.problem.unknowns), generator)
        theta = Parameters(network).flatten().to(torch.float64)
        optimizers = [o.start(theta) for o in self.solver.phases]
        empty = np.zeros((0, len(self.problem.coordinates)))
        pieces = [empty] * (2 * len(self.ansatz.open_rows))
        return PinnState(0, 0, -1, theta, optimizers, np.random.default_rng(seed), empty, pieces)

    def step(self, state: PinnState) -> tuple[PinnState, dict[str, float]]:
        """One step of the optimiser, on points that are redrawn when the sampler says so."""
        state = self._with_points(state)
        optimizer = self.solver.phases[state.phase]
        theta, inner, scalars = optimizer.step(self._objective(state), state.theta, state.optimizers[state.phase])
        optimizers = [*state.optimizers]
        optimizers[state.phase] = inner
        phase = state.phase
        if optimizer.finished(inner) and phase + 1 < len(self.solver.phases):
            phase += 1
            optimizers[phase] = self.solver.phases[phase].start(theta)
        return replace(state, step=state.step + 1, phase=phase, theta=theta, optimizers=optimizers), scalars

    def status(self, state: PinnState) -> Status:
        """DONE when the last optimiser is finished."""
        last = state.phase + 1 == len(self.solver.phases)
        done = last and self.solver.phases[-1].finished(state.optimizers[-1])
        return Status.DONE if done else Status.RUNNING

    def field(self, state: PinnState) -> PinnField:
        """The network with its conditions."""
        return PinnField(self.problem, self.ansatz, self._parameters, state.theta, (0,) * len(self.problem.coordinates))

    # -- points --------------------------------------------------------------------------------------------

    def _with_points(self, state: PinnState) -> PinnState:
        every = self.solver.sampler.every
        if state.drawn >= 0 and (every == 0 or state.step < state.drawn + every):
            return state
        rng = copy.deepcopy(state.rng)
        interior = self.solver.sampler.draw(rng, self._region, lambda x: self._residual_size(state.theta, x))
        pieces = [a for row in self.ansatz.open_rows for a in self._on_piece(row.piece, rng)]
        return replace(state, drawn=state.step, rng=rng, interior=interior, pieces=pieces)

    def _on_piece(self, piece: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        # The boundary of an interval is a point: it need not be drawn many times.
        free = len(self.problem.coordinates) - 1
        return self.problem.spacetime.sample_piece(piece, self.solver.condition_points if free else 1, rng)

    @cached_property
    def _region(self) -> Region:
        lower, upper = (np.array(b) for b in (self._inputs.lower, self._inputs.upper))
        return Region(len(lower), self.problem.spacetime.sample, lambda unit: lower + (upper - lower) * unit)

    def _residual_size(self, theta: Tensor, points: np.ndarray) -> np.ndarray:
        """The Euclidean norm of the equations' residuals at `points (n, dim)`."""
        x = torch.as_tensor(points, dtype=torch.float64, device=self.device)
        with torch.no_grad():
            rows = self._equations(theta, x, self._equations.extras(x, self._no_normals(x)))
        return torch.linalg.vector_norm(rows, dim=1).cpu().numpy()

    # -- objective -----------------------------------------------------------------------------------------

    @cached_property
    def _inputs(self) -> Inputs:
        region, interval = self.problem.region, self.problem.interval
        assert isinstance(region, Box)  # compile has refused everything else
        bounds = [(interval.start, interval.end)] if interval else []
        bounds += list(region.bounds.values())
        periodic = [False] * (interval is not None) + [c in region.periodic for c in region.coordinates]
        return Inputs(tuple(a for a, _ in bounds), tuple(b for _, b in bounds), tuple(periodic))

    @cached_property
    def _parameters(self) -> Parameters:
        generator = torch.Generator(self.device).manual_seed(0)
        return Parameters(self.solver.network.build(self._inputs, len(self.problem.unknowns), generator))

    @cached_property
    def _equations(self) -> Rows:
        return Rows.of(self.ansatz, self.ansatz.residuals, self._parameters)

    @cached_property
    def _conditions(self) -> list[Rows]:
        return [Rows.of(self.ansatz, [e], self._parameters) for e in self.ansatz.open_residuals]

    @cached_property
    def _last(self) -> list[tuple[np.ndarray, PointwiseLeastSquares]]:
        return []

    def _objective(self, state: PinnState) -> PointwiseLeastSquares:
        """The sum of squares on the state's points, kept while the points stay the same."""
        if not self._last or self._last[0][0] is not state.interior:
            self._last[:] = [(state.interior, self._build(state))]
        return self._last[0][1]

    def _build(self, state: PinnState) -> PointwiseLeastSquares:
        weighting = self.solver.weighting
        groups = [self._group(self._equations, state.interior, None, weighting.equation())]
        located = zip(state.pieces[::2], state.pieces[1::2], strict=True)
        for rows, (points, normals) in zip(self._conditions, located, strict=True):
            groups.append(self._group(rows, points, normals, weighting.condition()))
        return PointwiseLeastSquares(tuple(groups), self.solver.differentiation)

    def _group(self, rows: Rows, points: np.ndarray, normals: np.ndarray | None, weight: float) -> Group:
        x = torch.as_tensor(points, dtype=torch.float64, device=self.device)
        skip = 0 if self.problem.time is None else 1
        n = self._no_normals(x) if normals is None else torch.as_tensor(normals[:, skip:], device=self.device)
        k = len(rows.hoisted.expressions)
        scale = torch.full((len(x), k), math.sqrt(weight / len(x)), dtype=torch.float64, device=self.device)
        return Group(rows, x, rows.extras(x, n), scale)

    def _no_normals(self, x: Tensor) -> Tensor:
        return x.new_zeros(len(x), len(self.problem.space))


@dataclass(frozen=True)
class PinnField(Field):
    """A trained network, with the conditions that were built in."""

    problem: Problem
    ansatz: Ansatz = field(repr=False)
    parameters: Parameters = field(repr=False)
    theta: Tensor = field(repr=False)
    orders: tuple[int, ...]

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Evaluate at `points (n, dim)`, exactly differentiated."""
        parts = []
        for i in range(0, len(points), EVALUATION_CHUNK):
            x = torch.as_tensor(points[i : i + EVALUATION_CHUNK], dtype=torch.float64, device=self.theta.device)
            normals = x.new_zeros(len(x), len(self.problem.space))
            with torch.no_grad():
                parts.append(self._rows(self.theta, x, self._rows.extras(x, normals)).cpu().numpy())
        return np.concatenate(parts) if parts else np.zeros((0, len(self.problem.unknowns)))

    def derivative(self, orders: Sequence[int]) -> PinnField:
        """The exact partial derivative of the network."""
        return replace(self, orders=tuple(a + b for a, b in zip(self.orders, orders, strict=True)))

    @cached_property
    def _rows(self) -> Rows:
        return Rows.of(self.ansatz, self.ansatz.derivatives(self.orders), self.parameters)
