"""Fourier pseudo-spectral method with fourth-order exponential time differencing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np
import scipy  # its submodules load when they are first used
import sympy as sp
import torch
from torch import Tensor

from pinnlab.admissible import require_counts, require_sizes
from pinnlab.domain.box import Box
from pinnlab.errors import UnsupportedProblem
from pinnlab.field import GridField, Trajectory
from pinnlab.forms.boundary import initial_data
from pinnlab.forms.evaluate import Program
from pinnlab.forms.jet import Jet
from pinnlab.forms.spectral import Coefficients, Projection, SpectralForm
from pinnlab.numerics.axes import FourierAxis
from pinnlab.numerics.etdrk4 import Etdrk4Scheme, Nonlinear, Symbol, batched_symbol, projected_symbol, symbol_of
from pinnlab.numerics.fourier import DivergenceFree, FourierModes, LinearConstraints
from pinnlab.numerics.pseudospectral import Contribution, PointwiseTerms
from pinnlab.problem import Problem
from pinnlab.solver import CPU, Method, Refinable, Status, require_known_parameters
from pinnlab.symbols import Expr

# Where a constraint determines nothing (the mean of a stream function), its data must vanish to this share.
SOLVABILITY = 1e-10
# Refinement stops at this many numbers in the stored trajectory (values and rates).
MAX_STORED = 2**27
# Nor does it go beyond this many nodes per axis, enough for a kink in the data to be seen to 1e-7.
MAX_POINTS = 2**16
# Nodes per axis where none are asked for, by dimension of space: in three, more fill the memory.
DEFAULT_POINTS = {1: 256, 2: 256, 3: 64}
# Nodal values of a velocity may hold this share of gradients, from rounding and from smooth data cut off.
DIVERGENCE = 1e-6
# Points at which declared data are checked.
CHECKED_POINTS = 200


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
        form = SpectralForm.of(problem)
        method = SpectralMethod(problem, form, self._shape(problem), self.steps, self._kept(), device)
        method.check()
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


# Of one expression for all of a batch, at a time: `(batch, n_1, …)`, or `(batch, 1, …)` where it is a number.
Differing = Callable[[float], Tensor]


@dataclass(frozen=True)
class SpectralMethod(Method[Etdrk4State]):
    """`Etdrk4` compiled: arrays in Fourier space are `(batch, states, modes…)`, half of them along the last axis.

    Attributes:
        problem: The declaration.
        form: Its view.
        shape: Nodes per axis.
        steps: Over the whole interval.
        kept: The steps after which a snapshot is taken, 0 first.
        device: Where to step.
        differing: For `evolve`, what of the form differs between the states that are stepped together, and its values:
            forcing and coefficients.
    """

    problem: Problem
    form: SpectralForm
    shape: tuple[int, ...]
    steps: int
    kept: tuple[int, ...]
    device: torch.device
    differing: Mapping[Expr, Differing] = field(default_factory=dict, compare=False)

    # -- the contract --------------------------------------------------------------------------------------

    def init(self, seed: int) -> Etdrk4State:
        """The initial state; there is nothing random in it."""
        v = self._projected(self._modes.forward(self.initial_values()[None]))
        self._check_solvable(v)
        return self._with_snapshot(Etdrk4State(0, [], [], []), 0, v)

    def step(self, state: Etdrk4State) -> tuple[Etdrk4State, dict[str, float]]:
        """Go on to the next snapshot."""
        target = self.kept[len(state.modes)]
        v = state.modes[-1][None]
        for k in range(state.step, target):
            v = self._scheme.advance(v, self._start + k * self._scheme.step_size, self._nonlinear)
        t = self._start + target * self._scheme.step_size
        advanced = self._with_snapshot(state, target, v)
        return advanced, {"time": t, "largest": float(self._modes.backward(v).abs().max())}

    def status(self, state: Etdrk4State) -> Status:
        """DONE at the end of the interval."""
        return Status.DONE if state.step == self.steps else Status.RUNNING

    def field(self, state: Etdrk4State) -> GridField:
        """Trigonometric interpolation in space, Hermite interpolation in time; held constant beyond the last state."""
        modes, rates = torch.stack(state.modes), torch.stack(state.rates)
        times = self._start + self._scheme.step_size * np.array(self.kept[: len(modes)])
        at = [self._start, *times[1:]]
        pressures = torch.stack(state.pressures, dim=1) if state.pressures else (None, None)
        values = self._unknowns(modes, at, self.form.sources, pressures[0])
        slopes = self._unknowns(rates, at, self._source_rates, pressures[1])
        stacked = torch.cat([values, slopes], dim=1).cpu().numpy()
        return GridField(self.problem, (Trajectory(times), *self._axes), stacked)

    # -- for many initial states at once -------------------------------------------------------------------

    def evolve(self, initial: Tensor) -> Tensor:
        """Advance many initial states together, each with its own values of what is in `differing`.

        Args:
            initial: Nodal values `(batch, states, n_1, …)`; states as in `form.states`.

        Returns:
            Nodal values at the snapshots, `(batch, snapshots + 1, states, n_1, …)`.

        Raises:
            ValueError: If the velocity of an incompressible flow is not free of divergence.
            UnsupportedProblem: If a constraint has no periodic solution for these states.
        """
        given = self._modes.forward(initial.to(self.device, torch.float64))
        v = self._projected(given)
        sizes = [float(torch.linalg.vector_norm(modes.detach())) for modes in (given - v, given)]
        removed = sizes[0] / max(sizes[1], 1e-300)
        if removed > DIVERGENCE:
            raise ValueError(
                f"Etdrk4 on {self.problem.name!r}: a share {removed:.2g} of the initial velocity is a gradient and has "
                "a divergence; project it before"
            )
        self._check_solvable(v)
        out, done = [self._modes.backward(v)], 0
        for target in self.kept[1:]:
            for k in range(done, target):
                v = self._scheme.advance(v, self._start + k * self._scheme.step_size, self._nonlinear)
            out.append(self._modes.backward(v))
            done = target
        return torch.stack(out, dim=1)

    def unknowns(self, states: Tensor, t: float) -> Tensor:
        """All unknowns but a pressure at the nodes, `(batch, unknowns, n_1, …)`, from the states there at time t."""
        modes = self._modes.forward(states)
        return self._unknowns(modes, [t] * len(modes), self.form.sources, None).movedim(1, 0)

    def initial_values(self) -> Tensor:
        """The declared initial state at the nodes, `(states, n_1, …)`."""
        columns = self._initial(self._start, *self._nodes)
        return torch.stack([self._spread(c) for c in columns])

    def rate(self, v: Tensor, t: float) -> Tensor:
        """v_t = L v + N(v, t) in Fourier space."""
        linear = self._symbol.apply(self._symbol.values, v)  # type: ignore[attr-defined]
        return linear if self._nonlinear is None else linear + self._nonlinear(v, t)

    # -- lowering ------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Refuse what cannot be evaluated, and an initial velocity that is not free of divergence.

        Raises:
            UnsupportedProblem: If there is such a thing.
        """
        # The programs are made when they are first asked for.
        self._initial, self._products, self._sources  # noqa: B018
        if self.form.projection is not None:
            self._product_rates  # noqa: B018
            self._check_divergence(self.form.projection)

    @cached_property
    def _initial(self) -> Program:
        return Program(initial_data(self.problem, self.form.states), self.problem.coordinates)

    @cached_property
    def _products(self) -> Program:
        arguments = [*self.problem.coordinates, *self.form.symbols, *self._stand_ins.values()]
        return Program([e.xreplace(self._stand_ins) for e in self.form.products], arguments)

    @cached_property
    def _stand_ins(self) -> dict[Expr, sp.Symbol]:
        """One symbol for each expression that differs over a batch."""
        return {e: sp.Dummy(f"differing_{i}", real=True) for i, e in enumerate(self.differing)}

    @cached_property
    def _product_rates(self) -> Program:
        rates = self.form.product_rates(self.problem.time)
        return Program(rates, [*self.problem.coordinates, *self.form.symbols, *self.form.rate_symbols])

    @cached_property
    def _sources(self) -> Program:
        return Program(self.form.sources, self.problem.coordinates)

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
    def _modes(self) -> FourierModes:
        return FourierModes(tuple(a.upper - a.lower for a in self._axes), self.shape, self.device)

    @cached_property
    def _nodes(self) -> list[Tensor]:
        nodes = [torch.as_tensor(a.nodes, device=self.device) for a in self._axes]
        return list(torch.meshgrid(*nodes, indexing="ij"))

    def _matrix(self, rows: Sequence[Coefficients], columns: Sequence[tuple[str, int]]) -> Tensor:
        """Symbols `(rows, columns, modes…)` of linear operators on (field, time order) columns.

        Where a coefficient differs over a batch they are `(batch, rows, columns, modes…)`.
        """
        entries = [
            ((i, columns.index(key)), self._number(c) * self._modes.multiplier(jet.orders[1:]))
            for i, row in enumerate(rows)
            for jet, c in row.items()
            if (key := (jet.field, jet.orders[0])) in columns
        ]
        batch = torch.broadcast_shapes(*(e.shape[: e.ndim - len(self.shape)] for _, e in entries))
        shape = (*batch, len(rows), len(columns), *self._modes.mode_shape)
        out = torch.zeros(shape, dtype=torch.complex128, device=self.device)
        for (i, j), entry in entries:
            out[(slice(None),) * len(batch) + (i, j)] += entry
        return out

    def _number(self, c: complex | Expr) -> complex | Tensor:
        """A constant coefficient, or the numbers `(batch, 1, …)` where it differs over a batch."""
        if not isinstance(c, sp.Basic):
            return c
        program = Program([c.xreplace(self._stand_ins)], list(self._stand_ins.values()))
        (value,) = program(*(values(self._start) for values in self.differing.values()))
        return value

    @cached_property
    def _columns(self) -> list[tuple[str, int]]:
        return [(s.field, s.orders[0]) for s in self.form.states]

    @cached_property
    def _symbol(self) -> Symbol:
        matrix = self._matrix(self.form.linear, self._columns)
        if matrix.ndim > 2 + len(self.shape):
            return batched_symbol(matrix)
        return symbol_of(matrix) if self._projection is None else projected_symbol(matrix, self._projection)

    @cached_property
    def _scheme(self) -> Etdrk4Scheme:
        return Etdrk4Scheme(self._symbol, (self._end - self._start) / self.steps)

    @cached_property
    def _constraints(self) -> LinearConstraints:
        """A ψ + B v + f = 0 for the slaved unknowns ψ."""
        slaved = [(name, 0) for name in self.form.slaved]
        return LinearConstraints(*(self._matrix(self.form.constraints, c) for c in (slaved, self._columns)))

    @property
    def _source_rates(self) -> tuple[Expr, ...]:
        return tuple(sp.diff(f, self.problem.time) for f in self.form.sources)

    def _constraint_data(self, v: Tensor, t: float, sources: tuple[Expr, ...]) -> Tensor:
        """B v + f in Fourier space, `(batch, constraints, modes…)`."""
        data = self._constraints.data(v)
        if any(f != 0 for f in sources):
            columns = Program(sources, self.problem.coordinates)(t, *self._nodes)
            data = data + self._modes.forward(torch.stack([self._spread(c) for c in columns])[None])
        return data

    def _slaved_modes(self, v: Tensor, t: float, sources: tuple[Expr, ...]) -> Tensor:
        """Modes of the slaved unknowns for modes of the states `(batch, states, modes…)`."""
        return self._constraints.solve(self._constraint_data(v, t, sources))

    def _check_solvable(self, v: Tensor) -> None:
        """Refuse data in modes that a constraint does not determine, such as a mean vorticity.

        Raises:
            UnsupportedProblem: If there are such data.
        """
        if not self.form.slaved:
            return
        data = self._constraint_data(v, self._start, self.form.sources)
        if self._constraints.unreached(data) > SOLVABILITY:
            raise UnsupportedProblem(
                f"Etdrk4 on {self.problem.name!r}: the equation of {', '.join(self.form.slaved)} has no periodic "
                "solution for these initial data; their mean must vanish"
            )

    # -- what is not linear with constant coefficients -----------------------------------------------------

    @property
    def _nonlinear(self) -> Nonlinear | None:
        """N as the scheme needs it, projected for incompressible flow."""
        if not self.form.nonlinear:
            return None
        project = self._projection
        return self._pointwise if project is None else lambda v, t: project(self._pointwise(v, t))

    def _pointwise(self, v: Tensor, t: float) -> Tensor:
        """The modes of N as declared, `(batch, states, modes…)`."""
        return self._terms(self._operands(v, t, self.form.sources), t)

    def _pointwise_rate(self, v: Tensor, rate: Tensor, t: float) -> Tensor:
        """The modes of dN/dt along the solution that is v at t with the given rate."""
        values, rates = self._operands(v, t, self.form.sources), self._operands(rate, t, self._source_rates)
        return self._term_rates(torch.cat([values, rates], dim=1), t)

    def _operands(self, v: Tensor, t: float, sources: tuple[Expr, ...]) -> Tensor:
        """For each jet of the nonlinear terms the modes of its field, `(batch, jets, modes…)`."""
        fields = torch.cat([v, self._slaved_modes(v, t, sources)], dim=1) if self._needs_slaved else v
        return fields if self._places == list(range(fields.shape[1])) else fields[:, self._places]

    @cached_property
    def _needs_slaved(self) -> bool:
        return any(j.field in self.form.slaved for j in self._jets)

    @cached_property
    def _places(self) -> list[int]:
        """For each jet the place of its field among the states and the slaved unknowns."""
        columns = [*self._columns, *((name, 0) for name in self.form.slaved)]
        return [columns.index((j.field, j.orders[0])) for j in self._jets]

    @cached_property
    def _terms(self) -> PointwiseTerms:
        orders = [j.orders[1:] for j in self._jets]
        return PointwiseTerms(self._modes, self._products_at, orders, self._contributions, len(self.form.states))

    @cached_property
    def _term_rates(self) -> PointwiseTerms:
        orders = 2 * [j.orders[1:] for j in self._jets]
        rates = partial(self._at_nodes, self._product_rates)
        return PointwiseTerms(self._modes, rates, orders, self._contributions, len(self.form.states))

    def _products_at(self, t: float, *jets: Tensor) -> list[Tensor | float]:
        return self._at_nodes(self._products, t, *jets, *(values(t) for values in self.differing.values()))

    def _at_nodes(self, program: Program, t: float, *jets: Tensor) -> list[Tensor | float]:
        return program(t, *self._nodes, *jets)

    @property
    def _contributions(self) -> list[Contribution]:
        found = []
        for term in self.form.nonlinear:
            number, product = term.expression.as_coeff_Mul()
            place = self.form.products.index(product)
            found.append(Contribution(term.state, place, term.orders, term.factor * float(number)))
        return found

    @cached_property
    def _jets(self) -> tuple[Jet, ...]:
        return tuple(s.jet for s in self.form.symbols)

    # -- incompressible flow -------------------------------------------------------------------------------

    @cached_property
    def _projection(self) -> DivergenceFree | None:
        found = self.form.projection
        return None if found is None else DivergenceFree(self._modes, found.components)

    def _projected(self, v: Tensor) -> Tensor:
        return v if self._projection is None else self._projection(v)

    def _check_divergence(self, projection: Projection) -> None:
        """Refuse an initial velocity with a divergence.

        It is the divergence of the declared expressions: that of their interpolant vanishes only with resolution.
        """
        declared = initial_data(self.problem, self.form.states)
        components = [declared[i] for i in projection.components]
        terms = [sp.diff(e, c) for e, c in zip(components, self.problem.space, strict=True)]
        points = self.problem.region.sample(CHECKED_POINTS, np.random.default_rng(0))
        values = Program(terms, self.problem.coordinates)(self._start, *points.T)
        size, largest = (float(np.abs(v).max()) for v in (sum(values), np.stack(np.broadcast_arrays(*values))))
        if size > SOLVABILITY * largest:
            names = ", ".join(self.form.states[i].field for i in projection.components)
            raise UnsupportedProblem(
                f"Etdrk4 on {self.problem.name!r}: the initial velocity ({names}) has the divergence "
                f"{sp.Add(*terms)}, up to {size:.3g} in size, and the continuity equation allows none; take away the "
                "gradient part of the data"
            )

    def _with_snapshot(self, state: Etdrk4State, step: int, v: Tensor) -> Etdrk4State:
        """The state with one more snapshot, `v (1, states, modes…)`."""
        t = self._start + step * self._scheme.step_size
        rate = self.rate(v, t)
        pressures = state.pressures if self._projection is None else [*state.pressures, self._pressure(v, rate, t)]
        return Etdrk4State(step, [*state.modes, v[0]], [*state.rates, rate[0]], pressures)

    def _pressure(self, v: Tensor, rate: Tensor, t: float) -> Tensor:
        """Modes `(2, modes…)` of p and p_t, from c Δp = div (L v + N(v, t)) and its derivative along the solution."""
        projection, factor = self._projection, self.form.projection.factor  # type: ignore[union-attr]
        assert projection is not None  # only called for incompressible flow
        divergence = torch.cat([(self._divergence_of_linear * x).sum(dim=1) for x in (v, rate)])
        if self.form.nonlinear:
            terms = torch.cat([self._pointwise(v, t), self._pointwise_rate(v, rate, t)])
            divergence = divergence + projection.divergence(terms)
        return projection.potential(divergence) / factor

    @cached_property
    def _divergence_of_linear(self) -> Tensor:
        """The row `(states, modes…)` of div L."""
        columns = self._matrix(self.form.linear, self._columns).transpose(0, 1)
        return self._projection.divergence(columns)  # type: ignore[union-attr]

    # -- unknowns that follow from the states --------------------------------------------------------------

    def _unknowns(
        self, modes: Tensor, times: Sequence[float], sources: tuple[Expr, ...], pressure: Tensor | None
    ) -> Tensor:
        """Nodal values `(unknowns, snapshots, n_1, …)` from modes of the states `(snapshots, states, modes…)`."""
        rows = []
        for name in self.problem.names:
            if name in self.form.slaved:
                i = self.form.slaved.index(name)
                parts = [self._slaved_modes(m[None], t, sources)[0, i] for m, t in zip(modes, times, strict=True)]
                rows.append(self._modes.backward(torch.stack(parts)))
            elif pressure is not None and self.form.projection is not None and name == self.form.projection.pressure:
                rows.append(self._modes.backward(pressure))
            else:
                rows.append(self._modes.backward(modes[:, self._columns.index((name, 0))]))
        return torch.stack(rows)

    def _spread(self, column: Tensor | float) -> Tensor:
        values = torch.as_tensor(column, dtype=torch.float64, device=self.device)
        return values.expand(self.shape)
