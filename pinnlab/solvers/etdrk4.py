"""Fourier pseudo-spectral method with fourth-order exponential time differencing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy  # its submodules load when they are first used
import sympy as sp
import torch
from torch import Tensor

from pinnlab.domain.box import Box
from pinnlab.errors import UnsupportedProblem
from pinnlab.field import GridField, Trajectory
from pinnlab.forms.boundary import initial_data
from pinnlab.forms.evaluate import Program
from pinnlab.forms.jet import Jet
from pinnlab.forms.spectral import Coefficients, SpectralForm
from pinnlab.numerics.axes import FourierAxis
from pinnlab.numerics.etdrk4 import DiagonalSymbol, Etdrk4Scheme, MatrixSymbol, Symbol
from pinnlab.problem import Problem
from pinnlab.solver import CPU, Method, Refinable, Status, require_known_parameters
from pinnlab.symbols import Expr

# Where a constraint determines nothing (the mean of a stream function), its data must vanish to this share.
SOLVABILITY = 1e-10
# Refinement stops at this many numbers in the stored trajectory (values and rates).
MAX_STORED = 2**27
# Nor does it go beyond this many nodes per axis: data that need more are not smooth, and Fourier series waste them.
MAX_POINTS = 4096


@dataclass
class Etdrk4State:
    """The snapshots taken so far.

    Attributes:
        step: Time steps done.
        modes: Fourier coefficients `(states, modes…)` of each snapshot.
        rates: Their time derivatives.
    """

    step: int
    modes: list[Tensor]
    rates: list[Tensor]


@dataclass(frozen=True)
class Etdrk4(Refinable):
    """Pseudo-spectral ETDRK4 [1] on boxes that are periodic along every axis, in one, two or three dimensions.

    The part of the equation that is linear with constant coefficients, systems included, is integrated exactly;
    everything else (nonlinear terms, variable coefficients, forcing) is evaluated at the nodes with 2/3 dealiasing
    [2] and stepped with fourth order.  φ-functions replace the contour integrals of Kassam and Trefethen [3] and
    stay complex, so dispersive equations keep their order.  Not for shocks, nor where a stiff term has variable
    coefficients: the step is then limited as in an explicit method.

    Args:
        points: Nodes per axis, even; one number, or one per axis of space in the order of coordinates.
        steps: Time steps over the whole interval, all of one size.
        snapshots: How many states are kept for the answer, evenly spread; between them it is interpolated in time
            to eighth order from values and rates.

    [1] S. M. Cox, P. C. Matthews, J. Comput. Phys. 176 (2002) 430-455.
    [2] S. A. Orszag, J. Atmos. Sci. 28 (1971) 1074.
    [3] A.-K. Kassam, L. N. Trefethen, SIAM J. Sci. Comput. 26 (2005) 1214-1233.
    """

    points: int | tuple[int, ...] = 256
    steps: int = 400
    snapshots: int = 100

    def __post_init__(self) -> None:
        sizes = (self.points,) if isinstance(self.points, int) else self.points
        if not sizes or any(n < 4 or n % 2 for n in sizes):
            raise ValueError(f"Etdrk4: points must be even and at least 4, got {self.points}")
        if self.steps < 1 or self.snapshots < 1:
            raise ValueError(f"Etdrk4: steps and snapshots must be positive, got {self.steps} and {self.snapshots}")

    def compile(self, problem: Problem, device: torch.device = CPU) -> SpectralMethod:
        """Lower the problem to its symbol and its pointwise terms.

        Raises:
            UnsupportedProblem: If the box is not periodic along every axis, or has none or over three; if the
                problem is steady, or its rates cannot be solved for.
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
        form = SpectralForm.of(problem)
        method = SpectralMethod(problem, form, self._shape(problem), self.steps, self._kept(), device)
        method.programs  # noqa: B018 - what cannot be evaluated is refused here, not in the first step
        return method

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

    def _shape(self, problem: Problem) -> tuple[int, ...]:
        dim = len(problem.space)
        shape = (self.points,) * dim if isinstance(self.points, int) else tuple(self.points)
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
    """`Etdrk4` compiled: arrays in Fourier space are `(batch, states, modes…)`, half of them along the last axis."""

    problem: Problem
    form: SpectralForm
    shape: tuple[int, ...]
    steps: int
    kept: tuple[int, ...]
    device: torch.device

    # -- the contract --------------------------------------------------------------------------------------

    def init(self, seed: int) -> Etdrk4State:
        """The initial state; there is nothing random in it."""
        v = self._forward(self.initial_values()[None])
        self._check_solvable(v)
        return Etdrk4State(0, [v[0]], [self.rate(v, self._start)[0]])

    def step(self, state: Etdrk4State) -> tuple[Etdrk4State, dict[str, float]]:
        """Go on to the next snapshot."""
        target = self.kept[len(state.modes)]
        v = state.modes[-1][None]
        for k in range(state.step, target):
            v = self._scheme.advance(v, self._start + k * self._scheme.step_size, self._nonlinear)
        t = self._start + target * self._scheme.step_size
        advanced = Etdrk4State(target, [*state.modes, v[0]], [*state.rates, self.rate(v, t)[0]])
        return advanced, {"time": t, "largest": float(self._backward(v).abs().max())}

    def status(self, state: Etdrk4State) -> Status:
        """DONE at the end of the interval."""
        return Status.DONE if state.step == self.steps else Status.RUNNING

    def field(self, state: Etdrk4State) -> GridField:
        """Trigonometric interpolation in space, Hermite interpolation in time; held constant beyond the last state."""
        modes, rates = torch.stack(state.modes), torch.stack(state.rates)
        times = self._start + self._scheme.step_size * np.array(self.kept[: len(modes)])
        at = [self._start, *times[1:]]
        values = self._unknowns(modes, at, self.form.sources)
        slopes = self._unknowns(rates, at, self._source_rates)
        stacked = torch.cat([values, slopes], dim=1).cpu().numpy()
        return GridField(self.problem, (Trajectory(times), *self._axes), stacked)

    # -- for many initial states at once -------------------------------------------------------------------

    def evolve(self, initial: Tensor) -> Tensor:
        """Advance many initial states together.

        Args:
            initial: Nodal values `(batch, states, n_1, …)`; states as in `form.states`.

        Returns:
            Nodal values at the snapshots, `(batch, snapshots + 1, states, n_1, …)`.
        """
        v = self._forward(initial.to(self.device, torch.float64))
        out, done = [self._backward(v)], 0
        for target in self.kept[1:]:
            for k in range(done, target):
                v = self._scheme.advance(v, self._start + k * self._scheme.step_size, self._nonlinear)
            out.append(self._backward(v))
            done = target
        return torch.stack(out, dim=1)

    def initial_values(self) -> Tensor:
        """The declared initial state at the nodes, `(states, n_1, …)`."""
        columns = self.programs[0](self._start, *self._nodes)
        return torch.stack([self._spread(c) for c in columns])

    def rate(self, v: Tensor, t: float) -> Tensor:
        """v_t = L v + N(v, t) in Fourier space."""
        linear = self._symbol.apply(self._symbol.values, v)  # type: ignore[attr-defined]
        return linear if self._nonlinear is None else linear + self._nonlinear(v, t)

    # -- lowering ------------------------------------------------------------------------------------------

    @cached_property
    def programs(self) -> tuple[Program, Program, Program]:
        """The initial state, the nonlinear terms and the sources of constraints, to be evaluated at the nodes."""
        coordinates = self.problem.coordinates
        terms = [t.expression for t in self.form.nonlinear]
        return (
            Program(initial_data(self.problem, self.form.states), coordinates),
            Program(terms, [*coordinates, *self.form.symbols]),
            Program(self.form.sources, coordinates),
        )

    @property
    def _start(self) -> float:
        return self.problem.interval.start  # type: ignore[union-attr]

    @property
    def _end(self) -> float:
        return self.problem.interval.end  # type: ignore[union-attr]

    @cached_property
    def _axes(self) -> tuple[FourierAxis, ...]:
        bounds = self.problem.region.bounds.values()  # type: ignore[attr-defined]
        return tuple(FourierAxis(a, b, n) for (a, b), n in zip(bounds, self.shape, strict=True))

    @cached_property
    def _nodes(self) -> list[Tensor]:
        nodes = [torch.as_tensor(a.nodes, device=self.device) for a in self._axes]
        return list(torch.meshgrid(*nodes, indexing="ij"))

    @cached_property
    def _wavenumbers(self) -> list[tuple[Tensor, Tensor]]:
        """Per axis i k for even and for odd derivatives, shaped to broadcast; odd ones drop the Nyquist mode."""
        out = []
        for axis, (a, n) in enumerate(zip(self._axes, self.shape, strict=True)):
            frequencies = np.fft.rfftfreq if axis == len(self.shape) - 1 else np.fft.fftfreq
            k = 2 * np.pi / (a.upper - a.lower) * n * frequencies(n)
            odd = np.where(np.isclose(np.abs(k), np.abs(k).max()), 0, k)
            view = [-1 if i == axis else 1 for i in range(len(self.shape))]
            out.append(tuple(torch.as_tensor(1j * w, device=self.device).reshape(view) for w in (k, odd)))
        return out  # type: ignore[return-value]

    def _multiplier(self, orders: Sequence[int]) -> Tensor:
        """(i k)^orders, shaped to broadcast over the modes."""
        factor = torch.ones((1,) * len(self.shape), dtype=torch.complex128, device=self.device)
        for (even, odd), n in zip(self._wavenumbers, orders, strict=True):
            factor = factor * (odd if n % 2 else even) ** n if n else factor
        return factor

    @cached_property
    def _kept_modes(self) -> Tensor:
        """1 for the lower two thirds of the wavenumbers along every axis, else 0."""
        keep = torch.ones((1,) * len(self.shape), device=self.device, dtype=torch.float64)
        for even, _ in self._wavenumbers:
            keep = keep * (even.abs() < 2 / 3 * even.abs().max())
        return keep

    def _matrix(self, rows: Sequence[Coefficients], columns: Sequence[tuple[str, int]]) -> Tensor:
        """Symbols `(rows, columns, modes…)` of linear operators on (field, time order) columns."""
        modes = (*self.shape[:-1], self.shape[-1] // 2 + 1)
        out = torch.zeros(len(rows), len(columns), *modes, dtype=torch.complex128, device=self.device)
        for i, row in enumerate(rows):
            for jet, c in row.items():
                key = (jet.field, jet.orders[0])
                if key in columns:
                    out[i, columns.index(key)] += c * self._multiplier(jet.orders[1:])
        return out

    @cached_property
    def _columns(self) -> list[tuple[str, int]]:
        return [(s.field, s.orders[0]) for s in self.form.states]

    @cached_property
    def _symbol(self) -> Symbol:
        matrix = self._matrix(self.form.linear, self._columns)
        m = len(self._columns)
        coupled = any(matrix[i, j].abs().max() > 0 for i in range(m) for j in range(m) if i != j)
        return MatrixSymbol(matrix) if coupled else DiagonalSymbol(torch.stack([matrix[i, i] for i in range(m)]))

    @cached_property
    def _scheme(self) -> Etdrk4Scheme:
        return Etdrk4Scheme(self._symbol, (self._end - self._start) / self.steps)

    @cached_property
    def _slaving(self) -> tuple[Tensor, Tensor, Tensor]:
        """(A, A⁺, B): slaved modes are -A⁺ (B v + f) where the constraint reads A ψ + B v + f = 0."""
        a = self._matrix(self.form.constraints, [(name, 0) for name in self.form.slaved])
        if len(a) == 1:
            inverse = torch.where(a == 0, 0, 1 / torch.where(a == 0, 1, a))
        else:
            inverse = torch.linalg.pinv(a.movedim((0, 1), (-2, -1)), rtol=1e-13).movedim((-2, -1), (0, 1))
        return a, inverse, self._matrix(self.form.constraints, self._columns)

    @property
    def _source_rates(self) -> tuple[Expr, ...]:
        return tuple(sp.diff(f, self.problem.time) for f in self.form.sources)

    def _constraint_data(self, v: Tensor, t: float, sources: tuple[Expr, ...]) -> Tensor:
        """B v + f in Fourier space, `(batch, constraints, modes…)`."""
        data = torch.einsum("ij...,bj...->bi...", self._slaving[2], v)
        if any(f != 0 for f in sources):
            columns = Program(sources, self.problem.coordinates)(t, *self._nodes)
            data = data + self._forward(torch.stack([self._spread(c) for c in columns])[None])
        return data

    def _slaved_modes(self, v: Tensor, t: float, sources: tuple[Expr, ...]) -> Tensor:
        """Modes of the slaved unknowns for modes of the states `(batch, states, modes…)`."""
        return -torch.einsum("ij...,bj...->bi...", self._slaving[1], self._constraint_data(v, t, sources))

    def _check_solvable(self, v: Tensor) -> None:
        """Refuse data in modes that a constraint does not determine, such as a mean vorticity.

        Raises:
            UnsupportedProblem: If there are such data.
        """
        if not self.form.slaved:
            return
        a, inverse, _ = self._slaving
        data = self._constraint_data(v, self._start, self.form.sources)
        reached = torch.einsum("ij...,bj...->bi...", a, torch.einsum("ij...,bj...->bi...", inverse, data))
        if float((data - reached).abs().max()) > SOLVABILITY * max(float(data.abs().max()), 1e-300):
            raise UnsupportedProblem(
                f"Etdrk4 on {self.problem.name!r}: the equation of {', '.join(self.form.slaved)} has no periodic "
                "solution for these initial data; their mean must vanish"
            )

    @cached_property
    def _nonlinear(self) -> _Nonlinear | None:
        return _Nonlinear(self) if self.form.nonlinear else None

    def _unknowns(self, modes: Tensor, times: Sequence[float], sources: tuple[Expr, ...]) -> Tensor:
        """Nodal values `(unknowns, snapshots, n_1, …)` from modes of the states `(snapshots, states, modes…)`."""
        rows = []
        for name in self.problem.names:
            if name in self.form.slaved:
                i = self.form.slaved.index(name)
                parts = [self._slaved_modes(m[None], t, sources)[0, i] for m, t in zip(modes, times, strict=True)]
                rows.append(self._backward(torch.stack(parts)))
            else:
                rows.append(self._backward(modes[:, self._columns.index((name, 0))]))
        return torch.stack(rows)

    def _forward(self, values: Tensor) -> Tensor:
        return torch.fft.rfftn(values, dim=self._dims)

    def _backward(self, modes: Tensor) -> Tensor:
        return torch.fft.irfftn(modes, s=self.shape, dim=self._dims)

    @property
    def _dims(self) -> tuple[int, ...]:
        return tuple(range(-len(self.shape), 0))

    def _spread(self, column: Tensor | float) -> Tensor:
        values = torch.as_tensor(column, dtype=torch.float64, device=self.device)
        return values.expand(self.shape)


class _Nonlinear:
    """N(v, t) in Fourier space: jets to the nodes, the pointwise program there, and back, dealiased."""

    def __init__(self, method: SpectralMethod) -> None:
        form = method.form
        self._method = method
        self._jets = tuple(s.jet for s in form.symbols)
        self._program = method.programs[1]
        self._needs_slaved = any(j.field in form.slaved for j in self._jets)
        keep = method._kept_modes
        self._filters = [keep * method._multiplier(j.orders[1:]) for j in self._jets]
        self._weights = [keep * t.factor * method._multiplier(t.orders) for t in form.nonlinear]
        self._states = [t.state for t in form.nonlinear]

    def __call__(self, v: Tensor, t: float) -> Tensor:
        """The modes of N `(batch, states, modes…)`."""
        m = self._method
        values = self._program(t, *m._nodes, *self._at_nodes(v, t))
        shape = (len(v), *m.shape)
        stacked = torch.stack(
            [torch.as_tensor(x, dtype=torch.float64, device=m.device).expand(shape) for x in values], 1
        )
        modes = m._forward(stacked)
        out = torch.zeros_like(v)
        for k, (state, weight) in enumerate(zip(self._states, self._weights, strict=True)):
            out[:, state] += weight * modes[:, k]
        return out

    def _at_nodes(self, v: Tensor, t: float) -> tuple[Tensor, ...]:
        if not self._jets:
            return ()
        m = self._method
        slaved = m._slaved_modes(v, t, m.form.sources) if self._needs_slaved else None
        parts = [f * self._source(j, v, slaved) for j, f in zip(self._jets, self._filters, strict=True)]
        return m._backward(torch.stack(parts, dim=1)).unbind(dim=1)

    def _source(self, jet: Jet, v: Tensor, slaved: Tensor | None) -> Tensor:
        if slaved is not None and jet.field in self._method.form.slaved:
            return slaved[:, self._method.form.slaved.index(jet.field)]
        return v[:, self._method._columns.index((jet.field, jet.orders[0]))]
