"""Fourier pseudo-spectral method with fourth-order exponential time differencing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy  # its submodules load when they are first used
import torch
from torch import Tensor

from pinnlab.admissible import require_counts, require_sizes
from pinnlab.discretization.fourier import FourierSystem
from pinnlab.domain.box import Box
from pinnlab.errors import UnsupportedProblem
from pinnlab.field import GridField, Trajectory
from pinnlab.forms.spectral import SpectralForm
from pinnlab.numerics.etdrk4 import Etdrk4Scheme
from pinnlab.problem import Problem
from pinnlab.solver import CPU, Method, Refinable, Status, require_known_parameters

# Refinement stops at this many numbers in the stored trajectory (values and rates).
MAX_STORED = 2**27
# Nor does it go beyond this many nodes per axis, enough for a kink in the data to be seen to 1e-7.
MAX_POINTS = 2**16
# Nodes per axis where none are asked for, by dimension of space: in three, more fill the memory.
DEFAULT_POINTS = {1: 256, 2: 256, 3: 64}
# Nodal values of a velocity may hold this share of gradients, from rounding and from smooth data cut off.
DIVERGENCE = 1e-6


@dataclass
class Etdrk4State:
    """The snapshots taken so far.

    Attributes:
        step: Time steps done.
        modes: Fourier coefficients `(states, modes…)` of each snapshot.
        rates: Their time derivatives.
        pressures: Fourier coefficients `(2, modes…)` of the pressure and its time derivative at each snapshot of an
            incompressible flow, else nothing.
    """

    step: int
    modes: list[Tensor]
    rates: list[Tensor]
    pressures: list[Tensor]


@dataclass(frozen=True)
class Etdrk4(Refinable):
    """Pseudo-spectral ETDRK4 [1] on boxes that are periodic along every axis, in one, two or three dimensions.

    The part of the equation that is linear with constant coefficients, systems included, is integrated exactly;
    everything else (nonlinear terms, variable coefficients, forcing) is evaluated at the nodes with 2/3 dealiasing
    [2] and stepped with fourth order.  φ-functions replace the contour integrals of Kassam and Trefethen [3] and
    stay complex, so dispersive equations keep their order.  Not for shocks, nor where a stiff term has variable
    coefficients: the step is then limited as in an explicit method.

    Incompressible flow declared in velocity and pressure is projected on velocities without divergence [4], the
    linear part included, and its pressure, without mean, follows from its velocity.

    Args:
        points: Nodes per axis, even; one number, or one per axis of space in the order of coordinates.  None stands
            for 256, in three dimensions of space for 64.
        steps: Time steps over the whole interval, all of one size.
        snapshots: How many states are kept for the answer, evenly spread; between them it is interpolated in time
            to eighth order from values and rates.

    [1] S. M. Cox, P. C. Matthews, J. Comput. Phys. 176 (2002) 430-455.
    [2] S. A. Orszag, J. Atmos. Sci. 28 (1971) 1074.
    [3] A.-K. Kassam, L. N. Trefethen, SIAM J. Sci. Comput. 26 (2005) 1214-1233.
    [4] S. A. Orszag, Stud. Appl. Math. 50 (1971) 293-327.
    """

    points: int | tuple[int, ...] | None = None
    steps: int = 400
    snapshots: int = 100

    def __post_init__(self) -> None:
        if self.points is None:
            sizes: Sequence[int] = ()
        else:
            require_sizes(self, 4, points=self.points)
            sizes = self.points if isinstance(self.points, tuple | list) else (self.points,)
        if any(n % 2 for n in sizes):
            raise ValueError(f"Etdrk4: points must be even and at least 4, got {self.points}")
        require_counts(self, steps=self.steps, snapshots=self.snapshots)

    def compile(self, problem: Problem, device: torch.device = CPU) -> SpectralMethod:
        """Lower the problem to its symbol and its pointwise terms.

        Raises:
            UnsupportedProblem: If the box is not periodic along every axis, or has none or over three; if the
                problem is steady, or its rates cannot be solved for; if the initial velocity of an incompressible
                flow has a divergence.
        """
        require_known_parameters(self, problem)
        who, region = f"Etdrk4 on {problem.name!r}", problem.region
        if problem.time is None:
            raise UnsupportedProblem(f"{who}: it steps in time, and this problem is steady; use Collocation")
        if not isinstance(region, Box) or not 1 <= len(region.bounds) <= 3:
            raise UnsupportedProblem(f"{who}: needs a box with one to three dimensions of space, not {region}")
        open_axes = [c.name for c in region.coordinates if c not in region.periodic]
        if open_axes:
            raise UnsupportedProblem(
                f"{who}: needs a box periodic along every axis, and {', '.join(open_axes)} is not; use MethodOfLines"
            )
        system = FourierSystem(problem, SpectralForm.of(problem), self._shape(problem), device)
        system.check()
        return SpectralMethod(system, self.steps, self._kept())

    def finer_in_space(self, problem: Problem) -> Etdrk4 | None:
        """Half as many nodes again along every axis: not nested, so that what two grids miss is not the same."""
        sizes = (2 * scipy.fft.next_fast_len(math.ceil(0.75 * n)) for n in self._shape(problem))
        finer = replace(self, points=tuple(sizes))
        fits = finer._stored(problem) <= MAX_STORED and max(finer._shape(problem)) <= MAX_POINTS
        return finer if fits else None

    def finer_in_time(self, problem: Problem) -> Etdrk4 | None:
        """Twice the steps and the snapshots."""
        finer = replace(self, steps=2 * self.steps, snapshots=2 * self.snapshots)
        return finer if finer._stored(problem) <= MAX_STORED else None

    def coarser(self, problem: Problem) -> Etdrk4 | None:
        """Three quarters of the nodes along every axis, which are not nested, and half the steps."""
        sizes = tuple(2 * math.ceil(0.375 * n) for n in self._shape(problem))
        if self.steps < 2 or any(n < 4 or n == m for n, m in zip(sizes, self._shape(problem), strict=True)):
            return None
        return replace(self, points=sizes, steps=self.steps // 2)

    def _shape(self, problem: Problem) -> tuple[int, ...]:
        dim = len(problem.space)
        points = DEFAULT_POINTS[dim] if self.points is None else self.points
        shape = tuple(points) if isinstance(points, tuple | list) else (points,) * dim
        if len(shape) != dim:
            raise ValueError(f"Etdrk4 on {problem.name!r}: {len(shape)} sizes {shape} for {dim} axes of space")
        return shape

    def _kept(self) -> tuple[int, ...]:
        """The steps after which a snapshot is taken, 0 first."""
        kept = np.linspace(0, self.steps, min(self.snapshots, self.steps) + 1)
        return tuple(int(k) for k in np.rint(kept))

    def _stored(self, problem: Problem) -> int:
        return 2 * (self.snapshots + 1) * len(problem.unknowns) * math.prod(self._shape(problem))


@dataclass(frozen=True)
class SpectralMethod(Method[Etdrk4State]):
    """`Etdrk4` compiled: it steps the Fourier coefficients of the states.

    Attributes:
        system: The equations of the modes.
        steps: Over the whole interval.
        kept: The steps after which a snapshot is taken, 0 first.
    """

    system: FourierSystem
    steps: int
    kept: tuple[int, ...]

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        """Where it steps."""
        return self.system.device

    # -- the contract --------------------------------------------------------------------------------------

    def init(self, seed: int) -> Etdrk4State:
        """The initial state; there is nothing random in it."""
        v = self.system.projected(self.system.modes.forward(self.system.initial_values()[None]))
        self.system.check_solvable(v)
        return self._with_snapshot(Etdrk4State(0, [], [], []), 0, v)

    def step(self, state: Etdrk4State) -> tuple[Etdrk4State, dict[str, float]]:
        """Go on to the next snapshot."""
        target = self.kept[len(state.modes)]
        v = self._advanced(state.modes[-1][None], state.step, target)
        t = self._time(target)
        advanced = self._with_snapshot(state, target, v)
        return advanced, {"time": t, "largest": float(self.system.modes.backward(v).abs().max())}

    def status(self, state: Etdrk4State) -> Status:
        """DONE at the end of the interval."""
        return Status.DONE if state.step == self.steps else Status.RUNNING

    def field(self, state: Etdrk4State) -> GridField:
        """Trigonometric interpolation in space, Hermite interpolation in time; held constant beyond the last state."""
        modes, rates = torch.stack(state.modes), torch.stack(state.rates)
        times = self.system.start + self._scheme.step_size * np.array(self.kept[: len(modes)])
        at = [self.system.start, *times[1:]]
        pressures = torch.stack(state.pressures, dim=1) if state.pressures else (None, None)
        values = self.system.nodal(modes, at, pressures[0])
        slopes = self.system.nodal_rates(rates, at, pressures[1])
        stacked = torch.cat([values, slopes], dim=1).cpu().numpy()
        return GridField(self.system.problem, (Trajectory(times), *self.system.axes), stacked)

    # -- for many initial states at once -------------------------------------------------------------------

    def evolve(self, initial: Tensor) -> Tensor:
        """Advance many initial states together, each with its own values of what is in `differing`.

        Args:
            initial: Nodal values `(batch, states, n_1, …)`; states as in `form.states`.

        Returns:
            Nodal values at the snapshots, `(batch, snapshots + 1, states, n_1, …)`.

        Raises:
            ValueError: If the states are of another number or shape, or the velocity of an incompressible flow is not
                free of divergence.
            UnsupportedProblem: If a constraint has no periodic solution for these states.
        """
        wanted = len(self.system.form.states), *self.system.shape
        if tuple(initial.shape[1:]) != wanted:
            raise ValueError(
                f"Etdrk4 on {self.system.problem.name!r}: initial states {tuple(initial.shape)}; they must be (batch, "
                f"{', '.join(map(str, wanted))}), states and nodes"
            )
        given = self.system.modes.forward(initial.to(self.system.device, torch.float64))
        v = self.system.projected(given)
        sizes = [float(torch.linalg.vector_norm(modes.detach())) for modes in (given - v, given)]
        removed = sizes[0] / max(sizes[1], 1e-300)
        if removed > DIVERGENCE:
            raise ValueError(
                f"Etdrk4 on {self.system.problem.name!r}: a share {removed:.2g} of the initial velocity is a gradient "
                "and has a divergence; project it before"
            )
        self.system.check_solvable(v)
        out, done = [self.system.modes.backward(v)], 0
        for target in self.kept[1:]:
            v = self._advanced(v, done, target)
            out.append(self.system.modes.backward(v))
            done = target
        return torch.stack(out, dim=1)

    # -- steps ---------------------------------------------------------------------------------------------

    def _advanced(self, v: Tensor, done: int, target: int) -> Tensor:
        """The modes after `target` steps from those after `done`."""
        for k in range(done, target):
            v = self._scheme.advance(v, self._time(k), self.system.nonlinear)
        return v

    def _time(self, step: int) -> float:
        return self.system.start + step * self._scheme.step_size

    def _with_snapshot(self, state: Etdrk4State, step: int, v: Tensor) -> Etdrk4State:
        """The state with one more snapshot, `v (1, states, modes…)`."""
        t = self._time(step)
        rate, pressures = self.system.rate(v, t), state.pressures
        if self.system.projection is not None:
            pressures = [*pressures, self.system.pressure(v, rate, t)]
        return Etdrk4State(step, [*state.modes, v[0]], [*state.rates, rate[0]], pressures)

    @cached_property
    def _scheme(self) -> Etdrk4Scheme:
        interval = self.system.problem.interval
        assert interval is not None  # Etdrk4 takes no steady problem
        return Etdrk4Scheme(self.system.symbol, interval.length / self.steps)
