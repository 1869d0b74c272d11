"""Many members of a family stepped together by ETDRK4, on one device."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy as sp
import torch
from torch import Tensor

from pinnlab.discretization.fourier import Differing, FourierSystem
from pinnlab.domain.box import Box
from pinnlab.family import Family
from pinnlab.forms.boundary import initial_data
from pinnlab.forms.spectral import SpectralForm
from pinnlab.known import Known
from pinnlab.operators.differing import SteadyValues, ValuesInTime, values_on_grid
from pinnlab.operators.drawn import Draw, placeholders, undrawn, with_drawn
from pinnlab.solver import Solver
from pinnlab.solvers.etdrk4 import Etdrk4, SpectralMethod
from pinnlab.symbols import Expr, parameters_of

# Numbers of nodal values stepped at once: on the CPU they and what a step makes of them stay near the caches.
ON_CPU = 2**16
# On a GPU a step holds about this many arrays like the state, and may take this share of the free memory.
ARRAYS, SHARE = 40, 0.5
# A time is that of a step if it is off by less than this share of it.
OFF = 1e-6


@dataclass(frozen=True, eq=False)
class BatchedRun:
    """A family compiled once for all of its members: random are initial data, forcing, functions and numbers in it.

    Attributes:
        family: The family.
        times: Of the frames.
        axes: The nodes of the answer.
        fine: The method whose answers are kept.
        coarse: The one whose answers give the bounds, or None if there is none.
    """

    family: Family
    times: np.ndarray
    axes: tuple[np.ndarray, ...]
    fine: SpectralMethod
    coarse: SpectralMethod | None

    @staticmethod
    def of(
        family: Family,
        solver: Solver,
        times: np.ndarray,
        axes: tuple[np.ndarray, ...],
        first: Draw,
        device: torch.device,
    ) -> BatchedRun | None:
        """The run, or None if the members must be solved one by one.

        Args:
            family: The family.
            solver: The settings.
            times: Of the frames.
            axes: The nodes of the answer.
            first: What was drawn for one member.
            device: Where to step.

        Raises:
            UnsupportedProblem: If the solver does not take the family.
            ValueError: If a time is not that of a step.
        """
        if not isinstance(solver, Etdrk4) or not _at_the_start_alone(family):
            return None
        method = solver.compile(family.problem.with_parameters(**first), device)
        if set(family.problem.names) - {s.field for s in method.system.form.states} - set(method.system.form.slaved):
            return None
        problem = family.problem.with_parameters(**placeholders(family, first))
        form = SpectralForm.of(problem)
        if _are_constraints_random(form):
            return None
        system = dataclasses.replace(method.system, problem=problem, form=form)
        fine = _stopping_at(dataclasses.replace(method, system=system), times)
        lower = solver.coarser(problem)
        coarse = None if lower is None else _coarse(lower, fine, device)
        return BatchedRun(family, times, axes, fine, coarse)

    @cached_property
    def size(self) -> int:
        """How many members are stepped at once."""
        each = len(self.fine.system.form.states) * math.prod(self.fine.system.shape)
        if self.fine.device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(self.fine.device)
            return max(1, int(SHARE * free / 8 / (ARRAYS + len(self.fine.kept)) / each))
        return max(1, ON_CPU // each)

    def solved(self, draws: Sequence[Draw]) -> tuple[np.ndarray, np.ndarray]:
        """Answers `(members, frames, unknowns, *grid)` and bounds of their relative L2 errors `(members,)`."""
        answer = self._answers(self.fine, draws)
        if self.coarse is None:
            return answer.cpu().numpy(), np.full(len(draws), np.nan)
        other = self._answers(self.coarse, draws)
        apart = torch.linalg.vector_norm((answer - other).flatten(1), dim=1)
        sizes = torch.linalg.vector_norm(answer.flatten(1), dim=1)
        return answer.cpu().numpy(), (apart / sizes.clamp_min(1e-300)).cpu().numpy()

    def _answers(self, method: SpectralMethod, draws: Sequence[Draw]) -> Tensor:
        system, problem = method.system, method.system.problem
        interval, nodes = problem.interval, _nodes(system)
        assert interval is not None  # Etdrk4 takes no steady problem
        start = {interval.time: interval.start}
        declared = initial_data(problem, system.form.states)
        columns = [values_on_grid([with_drawn(e, d) for d in draws], problem.space, nodes, start) for e in declared]
        initial = torch.as_tensor(np.stack(columns, axis=1), device=method.device)
        frames = [method.kept.index(k) for k in _steps(method, self.times)]
        differing = _differing(system, draws, nodes)
        # What was computed for the method once stays with it where it serves all members.
        if differing:
            method = dataclasses.replace(method, system=dataclasses.replace(system, differing=differing))
        states = method.evolve(initial)[:, frames]
        found = [method.system.unknowns(states[:, i], float(t)) for i, t in enumerate(self.times)]
        return resampled(torch.stack(found, dim=1), tuple(len(a) for a in self.axes))


def resampled(values: Tensor, grid: tuple[int, ...]) -> Tensor:
    """Values of periodic functions on equispaced nodes `(…, *nodes)` at those of another number, `(…, *grid)`.

    By trigonometric interpolation; the first node of both grids is the same.
    """
    for place, n in zip(range(-len(grid), 0), grid, strict=True):
        held = values.shape[place]
        fine = n * math.ceil(held / n)
        if fine != held:
            values = _interpolated(values, place, fine)
        index = torch.arange(0, fine, fine // n, device=values.device)
        values = values.index_select(place % values.ndim, index)
    return values


def _interpolated(values: Tensor, place: int, n: int) -> Tensor:
    held = values.shape[place]
    modes = torch.fft.rfft(values, dim=place)
    if held % 2 == 0:
        # The highest mode of an even number of nodes stands for both of its signs.
        last = modes.narrow(place % values.ndim, held // 2, 1)
        last *= 0.5
    return torch.fft.irfft(modes, n=n, dim=place) * (n / held)


def _at_the_start_alone(family: Family) -> bool:
    """Whether conditions that hold random things are on the initial state."""
    problem, random = family.problem, set(family.distributions)
    others = [c for c in problem.conditions if problem.pieces_of(c) != ("initial",)]
    return not any(parameters_of(c.residual) & random for c in others)


def _are_constraints_random(form: SpectralForm) -> bool:
    numbers = [c for row in form.constraints for c in row.values() if isinstance(c, sp.Basic)]
    return any(undrawn(e) for e in (*numbers, *form.sources))


def _nodes(system: FourierSystem) -> list[np.ndarray]:
    region = system.problem.region
    assert isinstance(region, Box)  # Etdrk4 takes no other
    ends = zip(region.bounds.values(), system.shape, strict=True)
    return [np.linspace(a, b, n, endpoint=False) for (a, b), n in ends]


def _differing(system: FourierSystem, draws: Sequence[Draw], nodes: Sequence[np.ndarray]) -> Mapping[Expr, Differing]:
    """For everything random in the form its values in each member."""
    coefficients = [c for row in system.form.linear for c in row.values() if isinstance(c, sp.Basic)]
    atoms = set().union(*(undrawn(e) for e in (*coefficients, *system.form.products)))
    return {k: _values(k, system, draws, nodes) for k in sorted(atoms, key=lambda k: (str(k), k.orders))}


def _values(atom: Known, system: FourierSystem, draws: Sequence[Draw], nodes: Sequence[np.ndarray]) -> Differing:
    problem, device = system.problem, system.device
    assert problem.time is not None  # Etdrk4 takes no steady problem
    found = [with_drawn(atom, d) for d in draws]
    if any(problem.time in e.free_symbols for e in found):
        return ValuesInTime.of(found, problem.time, problem.space, nodes, device)
    if not any(e.free_symbols for e in found):
        numbers = torch.tensor([float(e) for e in found], dtype=torch.float64, device=device)
        return SteadyValues(numbers.reshape(-1, *(1,) * len(nodes)))
    return SteadyValues(torch.as_tensor(values_on_grid(found, problem.space, nodes), device=device))


def _steps(method: SpectralMethod, times: np.ndarray) -> list[int]:
    interval = method.system.problem.interval
    assert interval is not None  # Etdrk4 takes no steady problem
    return [round((t - interval.start) / interval.length * method.steps) for t in times]


def _stopping_at(method: SpectralMethod, times: np.ndarray) -> SpectralMethod:
    """The method with its snapshots at the times of the frames."""
    interval = method.system.problem.interval
    assert interval is not None  # Etdrk4 takes no steady problem
    steps = _steps(method, times)
    step = interval.length / method.steps
    off = [t for t, k in zip(times, steps, strict=True) if abs(t - interval.start - k * step) > OFF * step]
    if off:
        raise ValueError(
            f"generate with Etdrk4(steps={method.steps}): t = {off[0]:g} is not the time of a step; its steps are "
            f"{step:g} long, so choose steps such that all frames are multiples of one"
        )
    return dataclasses.replace(method, kept=tuple(sorted({0, *steps})))


def _coarse(lower: Etdrk4, fine: SpectralMethod, device: torch.device) -> SpectralMethod | None:
    """The companion, with as many steps as fall on the frames and are not more than it would have; None if none."""
    apart = math.gcd(fine.steps, *fine.kept)
    if apart < 2:
        return None
    steps = fine.steps // apart * (apart // 2)
    method = dataclasses.replace(lower, steps=steps).compile(fine.system.problem, device)
    kept = tuple(k * steps // fine.steps for k in fine.kept)
    return dataclasses.replace(method, kept=kept)
