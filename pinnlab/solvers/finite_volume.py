"""Finite volumes for conservation laws with shocks, in one and two dimensions of space."""

from __future__ import annotations

import abc
import math
import operator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from pinnlab.admissible import require_counts, require_numbers, require_positive
from pinnlab.discretization.balance import CellBalance, Leaving
from pinnlab.discretization.cells import Cells
from pinnlab.discretization.diffusion import CellDiffusion
from pinnlab.domain.box import Box
from pinnlab.errors import SolveFailed, UnsupportedProblem
from pinnlab.fields.cell import CellField
from pinnlab.forms.hyperbolic import Hyperbolic
from pinnlab.numerics.riemann import Hll, RiemannSolver
from pinnlab.numerics.rosenbrock import ros2
from pinnlab.numerics.ssp import ssp_rk3
from pinnlab.numerics.weno import Reconstruction, Weno5
from pinnlab.problem import Problem
from pinnlab.solver import CPU, Method, Refinable, Status, require_cpu, require_known_parameters

# Refinement stops at this many numbers in the stored snapshots (averages and rates).
MAX_STORED = 2**26
# A step that fails is tried again at half its length, this often.
RETRIES = 8
# Steps shorter than this share of the interval mean that speeds grow without bound.
SHORTEST = 1e-9
# Averages of a nonnegative unknown may be below zero by this share of the largest: that is rounding.
ROUNDING = 1e-13


class Diffusion(abc.ABC):
    """How the flux of first derivatives is stepped."""

    @abc.abstractmethod
    def rate_of_steps(self, limit: float) -> float:
        """The least number of steps per unit of time, where Euler's method needs `limit`."""

    @abc.abstractmethod
    def advance(self, method: FiniteVolumeMethod, t: float, u: np.ndarray, step: float) -> np.ndarray:
        """One time step of the whole equation."""


@dataclass(frozen=True)
class ExplicitDiffusion(Diffusion):
    """Together with transport, by the same Runge-Kutta method: steps of at most h²/(2 k), third order in time."""

    def rate_of_steps(self, limit: float) -> float:
        """As Euler's method."""
        return limit

    def advance(self, method: FiniteVolumeMethod, t: float, u: np.ndarray, step: float) -> np.ndarray:
        """SSP-RK3 of transport and diffusion."""
        frames = method.balance.frames(t, u)
        leaving = method.balance.leaving(t, u, frames)

        def rate(s: float, v: np.ndarray) -> np.ndarray:
            return method.balance.rate(s, v, frames, leaving) + method.diffusion.rate(s, v, leaving)

        return ssp_rk3(rate, t, u, step)


@dataclass(frozen=True)
class ImplicitDiffusion(Diffusion):
    """Apart from transport (Strang's splitting), by a linearly implicit method: second order in time.

    Where a side prescribes what leaves, both have a part in it that is constant over a step: otherwise they would
    work against each other there and the order would fall [1].

    Args:
        stretch: Steps are at most this many times as long as explicit ones, for accuracy alone.

    [1] L. Einkemmer, A. Ostermann, SIAM J. Sci. Comput. 37 (2015) A1577-A1592.
    """

    stretch: float = 50.0

    def __post_init__(self) -> None:
        require_positive(self, stretch=self.stretch)

    def rate_of_steps(self, limit: float) -> float:
        """Fewer by the factor `stretch`."""
        return limit / self.stretch

    def advance(self, method: FiniteVolumeMethod, t: float, u: np.ndarray, step: float) -> np.ndarray:
        """Half a step of diffusion, one of transport and sources, half a step of diffusion; or diffusion alone."""
        leaving = method.balance.leaving(t, u, method.balance.frames(t, u))
        if method.balance.is_idle:
            return self._diffused(method, t, u, step, leaving)
        half = step / 2
        u = self._diffused(method, t, u, half, leaving)
        frames = method.balance.frames(t, u)
        u = ssp_rk3(lambda s, v: method.balance.rate(s, v, frames, leaving), t, u, step)
        return self._diffused(method, t + half, u, half, leaving)

    @staticmethod
    def _diffused(
        method: FiniteVolumeMethod, t: float, u: np.ndarray, step: float, leaving: Leaving | None
    ) -> np.ndarray:
        return ros2(lambda s, v: method.diffusion.rate(s, v, leaving), method.diffusion.matrix(t, u), t, u, step)


@dataclass
class FiniteVolumeState:
    """The snapshots taken so far.

    Attributes:
        averages: Averages over cells `(unknowns, n_1, …)` of each snapshot.
        rates: Their time derivatives.
        steps: Time steps done.
    """

    averages: list[np.ndarray]
    rates: list[np.ndarray]
    steps: int


@dataclass(frozen=True)
class FiniteVolume(Refinable):
    """Godunov-type finite volumes [1] on boxes of one or two dimensions, scalar or systems, with shocks.

    For u_t + div (f(u) + g(u, ∇u)) + s(u) = 0 declared with its fluxes inside of derivatives, as D(u**2/2, x).
    Reconstruction in characteristic variables where sympy finds the eigenvectors of ∂f/∂u (else unknown by unknown), a
    Riemann solver at each face, third-order SSP Runge-Kutta steps [2] whose length follows from the wave speeds.
    Totals are kept to rounding.  Unknowns declared positive or nonnegative, as sp.Function("h", positive=True), stay so
    [3], and beside a near vacuum the scheme falls back to averages; a step that fails is repeated at half its length.

    In one dimension smooth solutions of periodic problems converge with fifth order in space under `Weno5`, sources
    included that do not depend on the unknowns; in two dimensions, beside sides with prescribed values, and for
    diffusion, with second.  Not for smooth solutions in general, for which `Etdrk4` and `MethodOfLines` need far fewer
    unknowns, nor for states where the flux is not finite, such as a bed that is exactly dry.

    The sides of the box:
      - periodic axes wrap around;
      - a side on which all unknowns have values is an inflow: they are the state outside of the face;
      - a side without conditions, or with `neumann(u, 0)` alone, is an outflow: the state is continued;
      - a side on which some unknowns have values is a mirror: these are odd about their values, the others even.
        The normal momentum prescribed as zero makes it a reflecting wall;
      - `neumann(u, g)` sets the slope, and `flux(u, g)` what leaves through the side.

    Args:
        cells: Along each axis; one number, or one per axis of space in the order of coordinates; at least 8.
        reconstruction: `Weno5` or `Muscl`.
        riemann: `LaxFriedrichs`, `Hll` or `Hllem`.
        diffusion: `ImplicitDiffusion` or `ExplicitDiffusion`; of no matter for fluxes without derivatives.
        cfl: The share of a cell that the fastest wave may cross in a step, in (0, 1].
        snapshots: How many states are kept for the answer, evenly spread; between them it is interpolated in time by
            limited cubics from values and rates.

    [1] E. F. Toro, Riemann Solvers and Numerical Methods for Fluid Dynamics, 3rd ed., Springer (2009).
    [2] C.-W. Shu, S. Osher, J. Comput. Phys. 77 (1988) 439-471.
    [3] X. Zhang, C.-W. Shu, J. Comput. Phys. 229 (2010) 3091-3120.
    """

    cells: int | tuple[int, ...] = 200
    reconstruction: Reconstruction = field(default_factory=Weno5)
    riemann: RiemannSolver = field(default_factory=Hll)
    diffusion: Diffusion = field(default_factory=ImplicitDiffusion)
    cfl: float = 0.6
    snapshots: int = 100

    def __post_init__(self) -> None:
        sizes = _whole(self.cells if isinstance(self.cells, (tuple, list, np.ndarray)) else [self.cells])
        if not sizes or any(n < 8 for n in sizes):
            raise ValueError(f"FiniteVolume: cells must be whole numbers of at least 8, got {self.cells}")
        single = not isinstance(self.cells, (tuple, list, np.ndarray))
        object.__setattr__(self, "cells", sizes[0] if single else sizes)
        require_numbers(self, cfl=self.cfl)
        if not 0 < self.cfl <= 1:
            raise ValueError(f"FiniteVolume: cfl must be in (0, 1], got {self.cfl}; waves may cross one cell per step")
        require_counts(self, snapshots=self.snapshots)
        object.__setattr__(self, "snapshots", int(self.snapshots))
        kinds = (("reconstruction", Reconstruction), ("riemann", RiemannSolver), ("diffusion", Diffusion))
        for name, kind in kinds:
            if not isinstance(getattr(self, name), kind):
                raise ValueError(f"FiniteVolume: {name} must be a {kind.__name__}, got {getattr(self, name)!r}")

    def compile(self, problem: Problem, device: torch.device = CPU) -> FiniteVolumeMethod:
        """Lower the problem to fluxes, their eigenstructure and the states beyond the sides.

        Raises:
            UnsupportedProblem: If the problem is steady, not on a box of one or two dimensions, not a conservation law
                as declared (`u*u_x` is none), or a condition is of a kind that finite volumes do not take, or a flux
                prescribed at a side leaves a slope unknown that another flux holds.
        """
        require_cpu(self, device)
        require_known_parameters(self, problem)
        who = f"FiniteVolume on {problem.name!r}"
        if problem.time is None:
            raise UnsupportedProblem(f"{who}: it steps in time, and this problem is steady; use Collocation")
        if not isinstance(problem.region, Box) or not 1 <= len(problem.space) <= 2:
            raise UnsupportedProblem(f"{who}: it takes boxes of one or two dimensions of space, not {problem.region}")
        law = Hyperbolic.of(problem)
        cells = Cells(problem, self._shape(problem))
        cells.sides  # noqa: B018 - conditions are refused here, not in the first step
        if self.riemann.resolves_contacts and any(w.vectors is None for w in law.waves):
            raise UnsupportedProblem(
                f"{who}: Hllem needs the eigenvectors of the flux, which sympy does not find; use Hll"
            )
        balance = CellBalance(cells, law, self.reconstruction, self.riemann)
        balance.lower()
        diffusion = CellDiffusion(cells, law)
        diffusion.programs  # noqa: B018
        diffusion.require_known_slopes()
        return FiniteVolumeMethod(problem, law, cells, balance, diffusion, self.diffusion, self.cfl, self.snapshots)

    def finer_in_space(self, problem: Problem) -> FiniteVolume | None:
        """Twice the cells along every axis."""
        finer = replace(self, cells=tuple(2 * n for n in self._shape(problem)))
        return finer if finer._stored(problem) <= MAX_STORED else None

    def coarser(self, problem: Problem) -> FiniteVolume | None:
        """Half the cells along every axis; the step, limited by the cells, is twice as large."""
        sizes = tuple(n // 2 for n in self._shape(problem))
        return replace(self, cells=sizes) if min(sizes) >= 8 else None

    def finer_in_time(self, problem: Problem) -> FiniteVolume | None:
        """Half the step, twice the snapshots."""
        finer = replace(self, cfl=self.cfl / 2, snapshots=2 * self.snapshots)
        return finer if finer._stored(problem) <= MAX_STORED else None

    def _shape(self, problem: Problem) -> tuple[int, ...]:
        dim = len(problem.space)
        shape = (self.cells,) * dim if isinstance(self.cells, int) else tuple(self.cells)
        if len(shape) != dim:
            raise ValueError(f"FiniteVolume on {problem.name!r}: {len(shape)} sizes {shape} for {dim} axes of space")
        return shape

    def _stored(self, problem: Problem) -> int:
        return 2 * (self.snapshots + 1) * len(problem.unknowns) * math.prod(self._shape(problem))


@dataclass(frozen=True)
class FiniteVolumeMethod(Method[FiniteVolumeState]):
    """`FiniteVolume` compiled for one problem."""

    problem: Problem
    law: Hyperbolic
    cells: Cells
    balance: CellBalance
    diffusion: CellDiffusion
    stepping: Diffusion
    cfl: float
    snapshots: int

    @cached_property
    def times(self) -> np.ndarray:
        """The times of the snapshots `(snapshots + 1,)`."""
        interval = self.problem.interval
        return np.linspace(interval.start, interval.end, self.snapshots + 1)  # type: ignore[union-attr]

    def init(self, seed: int) -> FiniteVolumeState:
        """The averages of the declared initial state; there is nothing random in them.

        Raises:
            SolveFailed: If an unknown declared positive or nonnegative is negative somewhere, or diffusion runs
                backwards, so that short waves would grow without bound.
        """
        u = self.cells.initial_averages()
        self._require_sound(u)
        with np.errstate(all="ignore"):
            return FiniteVolumeState([u], [self.rate(float(self.times[0]), u)], 0)

    def step(self, state: FiniteVolumeState) -> tuple[FiniteVolumeState, dict[str, float]]:
        """Go on to the next snapshot."""
        done = len(state.averages)
        t, end = float(self.times[done - 1]), float(self.times[done])
        u, steps = state.averages[-1], state.steps
        while t < end:
            wanted = self._longest(t, u, end)
            count = math.ceil((end - t) / wanted * (1 - 1e-12))
            step = (end - t) / max(count, 1)
            u, step = self._advanced(t, u, step)
            t = end if count <= 1 and t + step >= end * (1 - 1e-15) else t + step
            steps += 1
        advanced = FiniteVolumeState([*state.averages, u], [*state.rates, self.rate(end, u)], steps)
        totals = {f"total_{n}": float(v.sum()) * self.cells.volume for n, v in zip(self.problem.names, u, strict=True)}
        return advanced, {"time": end, "largest": float(np.abs(u).max()), "steps": float(steps), **totals}

    def status(self, state: FiniteVolumeState) -> Status:
        """DONE at the end of the interval."""
        return Status.DONE if len(state.averages) == len(self.times) else Status.RUNNING

    def field(self, state: FiniteVolumeState) -> CellField:
        """Fifth-order non-oscillatory interpolation in space, limited cubics in time."""
        times = self.times[: len(state.averages)]
        return CellField(self.problem, self.cells, times, np.stack(state.averages), np.stack(state.rates))

    def rate(self, t: float, u: np.ndarray) -> np.ndarray:
        """d/dt of the averages."""
        frames = self.balance.frames(t, u)
        leaving = self.balance.leaving(t, u, frames)
        out = self.balance.rate(t, u, frames, leaving)
        return out + self.diffusion.rate(t, u, leaving) if self.law.is_diffusive else out

    def _require_sound(self, u: np.ndarray) -> None:
        start = float(self.times[0])
        for name, values, bounded in zip(self.problem.names, u, self.law.bounded_below, strict=True):
            if bounded and values.min() < -ROUNDING * np.abs(values).max():
                raise SolveFailed(
                    f"{self._who}: {name} is declared positive or nonnegative, and its initial value is "
                    f"{values.min():.3g} {self._place(values == values.min(), start)}; change the data or "
                    "the declaration"
                )
        if not self.law.is_diffusive:
            return
        for axis, c in enumerate(self.problem.space):
            with np.errstate(all="ignore"):
                lowest = self.diffusion.lowest(start, u, axis)
            if lowest.min() < 0:
                raise SolveFailed(
                    f"{self._who}: diffusion along {c} runs backwards {self._place(lowest == lowest.min(), start)}, "
                    f"with the diffusivity {lowest.min():.3g}; the problem is ill-posed there; "
                    "check the sign of the flux"
                )

    def _longest(self, t: float, u: np.ndarray, end: float) -> float:
        """The longest step that the scheme allows, until `end` at most."""
        frequency = self._frequency(t, u)
        step = min(end - t, self.cfl / frequency) if frequency > 0 else end - t
        # What enters later may be faster than all that is there now.
        while not self._are_sides_steady and not step * self._frequency(t + step, u) <= 1:
            step /= 2
        return step

    def _frequency(self, t: float, u: np.ndarray) -> float:
        """The least number of steps per unit of time, at cfl = 1."""
        crossing = self.balance.transport_limit(t, u)
        if not np.isfinite(crossing).all():
            raise SolveFailed(
                f"{self._who} has no real wave speeds {self._place(~np.isfinite(crossing), t)}; fluxes must be finite "
                "and their eigenvalues real in every state: a dry bed, say, needs a small positive depth"
            )
        frequency = float(crossing.max())
        if self.law.is_diffusive:
            frequency += self.stepping.rate_of_steps(float(self.diffusion.limit(t, u)))
        length = float(self.times[-1] - self.times[0])
        if not frequency * SHORTEST * length < self.cfl:
            where = self._place(crossing == crossing.max(), t)
            raise SolveFailed(f"{self._who}: waves become so fast {where} that no step is short enough; refine")
        return frequency

    @cached_property
    def _are_sides_steady(self) -> bool:
        return all(side.is_steady for axis in range(len(self.cells.shape)) for side, *_ in self.cells.ends(axis))

    def _advanced(self, t: float, u: np.ndarray, step: float) -> tuple[np.ndarray, float]:
        """The state after a step, and the length that it had to have."""
        trouble = ""
        for _ in range(RETRIES + 1):
            reached = self._advance(t, u, step)
            trouble = self._trouble(reached, t + step) or self._haste(t + step, reached, step)
            if not trouble:
                return self._without_rounding(reached), step
            step /= 2
        raise SolveFailed(f"{self._who}: {trouble}, also with steps of {2 * step:.2g}; use more cells or a smaller cfl")

    def _advance(self, t: float, u: np.ndarray, step: float) -> np.ndarray:
        if self.law.is_diffusive:
            return self.stepping.advance(self, t, u, step)
        frames = self.balance.frames(t, u)
        return ssp_rk3(lambda s, v: self.balance.rate(s, v, frames), t, u, step)

    def _trouble(self, u: np.ndarray, t: float) -> str:
        """What is wrong with averages, and where; nothing if they are sound."""
        for name, values, bounded in zip(self.problem.names, u, self.law.bounded_below, strict=True):
            if not np.isfinite(values).all():
                return f"{name} became non-finite {self._place(~np.isfinite(values), t)}"
            if bounded and values.min() < -ROUNDING * np.abs(values).max():
                where = self._place(values == values.min(), t)
                return f"{name}, which is declared not to be negative, became {values.min():.3g} {where}"
        return ""

    def _haste(self, t: float, u: np.ndarray, step: float) -> str:
        """Where waves of the state that was reached cross more than a cell in the step; nothing if they do not."""
        crossing = self.balance.transport_limit(t, u)
        if not step * crossing.max() > 1:
            return ""
        return (
            f"waves become so fast {self._place(crossing == crossing.max(), t)} that they cross more than a cell a step"
        )

    def _without_rounding(self, u: np.ndarray) -> np.ndarray:
        """Averages of nonnegative unknowns without the rounding below zero, whose powers would not be real."""
        bounded = np.array(self.law.bounded_below)
        if bounded.any():
            u[bounded] = np.maximum(u[bounded], 0.0)
        return u

    def _place(self, where: np.ndarray, t: float) -> str:
        index = np.unravel_index(int(np.flatnonzero(where)[0]), self.cells.shape)
        space = zip(self.problem.space, self.cells.centres, index, strict=True)
        return f"at {', '.join(f'{c} = {x[i]:.6g}' for c, x, i in space)}, {self.problem.time} = {t:.6g}"

    @property
    def _who(self) -> str:
        return f"FiniteVolume on {self.problem.name!r}"


def _whole(numbers: Any) -> tuple[int, ...]:
    """Numbers as plain integers; none at all if one of them is no whole number."""
    try:
        return () if any(isinstance(n, bool) for n in numbers) else tuple(map(operator.index, numbers))
    except TypeError:
        return ()
