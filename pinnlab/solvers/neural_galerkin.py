"""Implicit neural spatial representation: the weights of a network of space are advanced in time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from pinnlab.admissible import require_counts, require_positive
from pinnlab.domain.even_points import quasi_random_on_piece
from pinnlab.errors import SolveFailed, UnsupportedProblem
from pinnlab.forms.jumps import require_continuous_fluxes
from pinnlab.forms.semi_explicit import SemiExplicit
from pinnlab.networks.architecture import Architecture, require_architecture
from pinnlab.networks.siren import Siren
from pinnlab.numerics.additive_runge_kutta import Advanced, ImexRungeKutta, Scheme, advance
from pinnlab.pinns.domain import space_inputs_of, space_region_of
from pinnlab.pinns.evolving_field import EvolvingField
from pinnlab.pinns.motion import Motion, Places, root_mean_square
from pinnlab.pinns.moving import Moving, OutputLayer
from pinnlab.problem import Problem
from pinnlab.solver import CPU, Method, Solver, Status, require_known_parameters
from pinnlab.training.samplers import Sampler, UniformGrid

# Steps that the whole interval is cut into at first, where their length is chosen automatically, and at most.
FIRST_STEPS = 64
MOST_STEPS = 2**24
# A step is doubled if the error that this makes is expected to be below this share of the tolerance.
SAFETY = 0.5
# States so many times larger than at the start and after the first step are those of an unstable method.
BLOWN_UP = 1e8
# Copies of the matrix of a stage that are held while it is factorised.
COPIES = 4


@dataclass
class NeuralGalerkinState:
    """What a run remembers.

    Attributes:
        seed: Of the network and the points.
        steps: How many steps of the present length the whole interval has.
        done: How many of these are done.
        times: Times of the steps taken, the start first.
        thetas: What moved, at these times.
        missed: What the network could not follow so far, relative to the size of the states.
        unfit: What it missed of the initial condition.
        estimated: The sum of the steps' estimated errors; 0 of schemes without an estimate.
    """

    seed: int
    steps: int
    done: int
    times: list[float]
    thetas: list[Tensor]
    missed: float
    unfit: float
    estimated: float


@dataclass(frozen=True)
class NeuralGalerkin(Solver):
    """A network u(x; theta(t)) of space whose weights are integrated in time [1, 2, 3], without training in time.

    The weights at the start are fitted to the initial condition.  Then each stage of a Runge-Kutta scheme is one
    least-squares problem in the numbers that move, at collocation points in space.  Systems, second order in time
    (with u_t as a further output) and unknowns without time derivative, as a pressure or a stream function, are taken;
    periodic axes are so exactly, other conditions on the boundary are rows of the least squares.

    Scalars: "time", "dt", "missed", the sum over the steps of what the network missed of their targets, relative to
    the size of the states, "unfit", what it missed of the initial condition, with the first step, and "error", the
    estimated error of the step where the scheme has an estimate.  What is missed indicates the error of space, and the
    error estimate that of time; neither is a bound.  `RungeKutta4` and `ImplicitMidpoint` tell nothing of the error of
    time: compare with half the dt.  Not for shocks, and explicit schemes not for stiff problems: diffusion on fine
    features is.

    Args:
        network: Architecture, of space alone.
        moving: Which weights move: `OutputLayer()` or `AllParameters()`.
        integrator: `ImexRungeKutta()`, `RungeKutta4()`, `DormandPrince()`, `ImplicitMidpoint()`, `Sdirk()`.
        dt: Length of the steps, shortened so that a whole number of them fits; None has the integrator choose.
        rtol: Where it chooses: the estimated error of a step, relative to the size of the states.
        sampler: Collocation points in space; drawn once.
        condition_points: Points on each piece for each condition.
        condition_weight: Of the rows of conditions, relative to those of the equations.
        tolerance: What the network may miss in all, and what the estimated errors of the steps may add up to, before
            `solution.note` says so.
        memory: Bytes that the matrix of a stage may take with its factors; more is refused before the start.

    [1] H. Chen, R. Wu, E. Grinspun, C. Zheng, P. Y. Chen, Proc. ICML 202 (2023) 5162-5177.
    [2] Y. Du, T. A. Zaki, Phys. Rev. E 104 (2021) 045303.
    [3] J. Bruna, B. Peherstorfer, E. Vanden-Eijnden, J. Comput. Phys. 496 (2024) 112588.
    """

    network: Architecture = field(default_factory=lambda: Siren(width=300, depth=1, first_frequency=10.0))
    moving: Moving = field(default_factory=OutputLayer)
    integrator: Scheme = field(default_factory=ImexRungeKutta)
    dt: float | None = None
    rtol: float = 1e-8
    sampler: Sampler = field(default_factory=lambda: UniformGrid(1600))
    condition_points: int = 200
    condition_weight: float = 10.0
    tolerance: float = 1e-3
    memory: float = 4e9

    def __post_init__(self) -> None:
        for name, kind in {"moving": Moving, "integrator": Scheme, "sampler": Sampler}.items():
            if not isinstance(getattr(self, name), kind):
                raise ValueError(f"NeuralGalerkin: {name} must be a {kind.__name__}, got {getattr(self, name)!r}")
        require_architecture(self, network=self.network)
        positive = ("rtol", "condition_weight", "tolerance", "memory")
        require_positive(self, **{name: getattr(self, name) for name in positive})
        require_counts(self, condition_points=self.condition_points)
        if self.dt is not None:
            require_positive(self, dt=self.dt)
        elif self.integrator.tableau.embedded is None:
            raise ValueError(
                f"NeuralGalerkin: {type(self.integrator).__name__} does not estimate its error, so give dt=, or "
                "integrator=ImexRungeKutta(), DormandPrince() or Sdirk()"
            )

    def compile(self, problem: Problem, device: torch.device = CPU) -> NeuralGalerkinMethod:
        """Lower the problem to rates, constraints and conditions in space.

        Raises:
            UnsupportedProblem: If the problem is steady or an ODE, its rates cannot be solved for, something in it is
                unknown, network, moving weights and integrator do not go together on it, or a stage would not fit
                into `memory`.
        """
        require_known_parameters(self, problem)
        require_continuous_fluxes("NeuralGalerkin", problem)
        who = f"NeuralGalerkin on {problem.name!r}"
        if problem.interval is None:
            raise UnsupportedProblem(f"{who}: it steps in time, and this problem is steady; use Pinn or Collocation")
        if not problem.space:
            raise UnsupportedProblem(f"{who}: nothing depends on space; use Ode")
        method = NeuralGalerkinMethod(self, problem, SemiExplicit.of(problem), device)
        method.lower()
        return method


@dataclass(frozen=True)
class NeuralGalerkinMethod(Method[NeuralGalerkinState]):
    """`NeuralGalerkin` compiled for one problem."""

    solver: NeuralGalerkin
    problem: Problem
    form: SemiExplicit
    device: torch.device

    def lower(self) -> None:
        """Refuse what cannot be represented or would not fit.

        Raises:
            UnsupportedProblem: See `NeuralGalerkin.compile`.
        """
        who = f"NeuralGalerkin on {self.problem.name!r}"
        try:
            network = self._network(torch.Generator(self.device).manual_seed(0))
        except ValueError as error:
            raise UnsupportedProblem(f"{who}: {error}") from None
        numbers = self.solver.moving.numbers(network)
        rows = self.solver.sampler.points * len(self.form.quantities)
        rows += self.solver.condition_points * len(self.form.boundary)
        if rows < numbers:
            raise UnsupportedProblem(
                f"{who}: {rows:,} rows do not determine the {numbers:,} numbers that move; give a sampler with more "
                "points, or a smaller network"
            )
        need = 8.0 * COPIES * rows * numbers
        if need > self.solver.memory:
            raise UnsupportedProblem(
                f"{who}: {rows:,} rows for {numbers:,} numbers take about {need / 1e9:.1f} GB, and memory="
                f"{self.solver.memory:.3g} allows {self.solver.memory / 1e9:.1f} GB; use a smaller network or fewer "
                "points, or raise memory"
            )
        try:
            self._motion(0)
        except UnsupportedProblem:
            raise
        except ValueError as error:
            raise UnsupportedProblem(f"{who}: {error}") from None

    # -- the contract --------------------------------------------------------------------------------------

    def init(self, seed: int) -> NeuralGalerkinState:
        """The network fitted to the initial condition."""
        theta, unfit = self._motion(seed).start()
        steps = (
            FIRST_STEPS if self.solver.dt is None else max(1, math.ceil(self._length / self.solver.dt * (1 - 1e-12)))
        )
        return NeuralGalerkinState(seed, steps, 0, [self._start], [theta], 0.0, unfit, 0.0)

    def step(self, state: NeuralGalerkinState) -> tuple[NeuralGalerkinState, dict[str, float]]:
        """One step in time, repeated with half its length while its error is too large.

        Raises:
            SolveFailed: If the states are not finite or grow beyond all bounds, or no step is short enough.
        """
        motion, size = self._motion(state.seed), self._size(state)
        found, steps, done, error = self._advanced(state, motion, size)
        h = self._length / steps
        self._require_sound(motion, found.theta, state, h)
        done += 1
        time = self._start + self._length * done / steps
        missed = state.missed + found.missed / size
        scalars = {"time": time, "dt": h, "missed": missed}
        if found.error is not None:
            scalars["error"] = error
        if len(state.times) == 1:
            scalars["unfit"] = state.unfit
        # What is estimated is the error of the embedded method, whose order is one less.
        growth = 2.0**self.solver.integrator.tableau.order
        if self.solver.dt is None and done % 2 == 0 and error * growth <= SAFETY * self.solver.rtol:
            steps, done = steps // 2, done // 2
        times, thetas = [*state.times, time], [*state.thetas, found.theta]
        estimated = state.estimated + error
        return NeuralGalerkinState(state.seed, steps, done, times, thetas, missed, state.unfit, estimated), scalars

    def _advanced(self, state: NeuralGalerkinState, motion: Motion, size: float) -> tuple[Advanced, int, int, float]:
        """A step whose error is small enough; how many of its length the interval has, and were done; its error."""
        theta, steps, done = state.thetas[-1], state.steps, state.done
        while True:
            h = self._length / steps
            found = advance(self.solver.integrator.tableau, motion, self._start + done * h, theta, h)
            error = self._error(found, motion, theta, size)
            if self.solver.dt is not None or error <= self.solver.rtol:
                return found, steps, done, error
            steps, done = 2 * steps, 2 * done
            if steps > MOST_STEPS:
                raise SolveFailed(
                    f"NeuralGalerkin: at t = {state.times[-1]:.6g} no step is short enough for rtol = "
                    f"{self.solver.rtol:.1e}; raise rtol, give dt, or use a network that follows the solution better"
                )

    def status(self, state: NeuralGalerkinState) -> Status:
        """DONE at the end of the interval."""
        return Status.DONE if state.done == state.steps else Status.RUNNING

    def field(self, state: NeuralGalerkinState) -> EvolvingField:
        """The networks of all steps, interpolated in time."""
        names = {j.field: i for i, j in reversed(list(enumerate(self.form.quantities))) if not j.order}
        columns = tuple(names[name] for name in self.problem.names)
        motion, orders = self._motion(state.seed), (0,) * len(self.problem.coordinates)
        return EvolvingField(self.problem, motion, columns, np.array(state.times), torch.stack(state.thetas), orders)

    def note(self, state: NeuralGalerkinState) -> str:
        """What the network could not represent, or steps were too long for."""
        if state.unfit > self.solver.tolerance:
            return (
                f"the network misses {state.unfit:.1e} of the initial condition; give it more units or higher "
                "frequencies, and more points"
            )
        if state.missed > self.solver.tolerance:
            return (
                f"the network could not follow {state.missed:.1e} of the solution up to t = {state.times[-1]:.4g}; "
                "give it more units or higher frequencies, and more points"
            )
        if state.estimated > self.solver.tolerance:
            shorter = "rtol" if self.solver.dt is None else "dt"
            return (
                f"the steps up to t = {state.times[-1]:.4g} make an estimated error of {state.estimated:.1e} in all; "
                f"take a smaller {shorter}"
            )
        return ""

    # -- lowering ------------------------------------------------------------------------------------------

    @property
    def _start(self) -> float:
        return self.problem.interval.start  # type: ignore[union-attr]

    @property
    def _length(self) -> float:
        return self.problem.interval.length  # type: ignore[union-attr]

    def _network(self, generator: torch.Generator) -> torch.nn.Module:
        return self.solver.network.build(space_inputs_of(self.problem), len(self.form.quantities), generator)

    @cached_property
    def _built(self) -> dict[int, Motion]:
        return {}

    def _motion(self, seed: int) -> Motion:
        """The network and the points of a seed, kept while it stays the same."""
        if seed not in self._built:
            self._built.clear()
            generator = torch.Generator(self.device).manual_seed(seed)
            network = self._network(generator)
            places = self._places(np.random.default_rng(seed))
            solver = self.solver
            motion = solver.moving.motion(self.form, network, places, solver.integrator, solver.condition_weight)
            self._built[seed] = motion
        return self._built[seed]

    def _places(self, rng: np.random.Generator) -> Places:
        region = space_region_of(self.problem)
        zero = _NoResidual()
        points = self.solver.sampler.draw(rng, region, zero, None)
        pieces = []
        for row in self.form.boundary:
            n = self.solver.condition_points if len(self.problem.space) > 1 else 1
            x, normals = quasi_random_on_piece(self.problem.region, row.piece, n, rng)
            pieces.append((self._tensor(x), self._tensor(normals)))
        return Places(self._tensor(points), tuple(pieces))

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.as_tensor(np.asarray(values), dtype=torch.float64, device=self.device)

    # -- control -------------------------------------------------------------------------------------------

    def _size(self, state: NeuralGalerkinState) -> float:
        motion = self._motion(state.seed)
        sizes = [root_mean_square(motion.states(theta)) for theta in (state.thetas[0], state.thetas[-1])]
        return max(sizes) or 1.0

    def _error(self, found: Advanced, motion: Motion, theta: Tensor, size: float) -> float:
        """The estimated error of a step relative to the size of what moves."""
        if found.error is None:
            return 0.0
        vector = motion.vector(theta)
        scale = max(root_mean_square(vector), size if vector.ndim > 1 else 0.0) or 1.0
        return root_mean_square(found.error) / scale

    def _require_sound(self, motion: Motion, theta: Tensor, state: NeuralGalerkinState, h: float) -> None:
        """Refuse states that are not finite, or out of all proportion to those of the start and of the first step."""
        first = max(root_mean_square(motion.states(early)) for early in state.thetas[:2])
        found = root_mean_square(motion.states(theta))
        if not math.isfinite(found) or (len(state.thetas) > 1 and found > BLOWN_UP * first):
            raise SolveFailed(
                f"NeuralGalerkin: the states blow up in the step from t = {state.times[-1]:.6g} of length {h:.3g}; use "
                "a smaller dt, or integrator=ImexRungeKutta() or Sdirk(), which diffusion and higher derivatives do "
                "not limit"
            )


class _NoResidual:
    """For samplers that adapt: before anything is known, nowhere is worse than elsewhere."""

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return np.zeros(len(points))

    def jacobian(self, points: np.ndarray) -> np.ndarray:
        return np.zeros((len(points), 1, 1))
