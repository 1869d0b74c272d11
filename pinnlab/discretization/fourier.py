"""A problem on a periodic box as ordinary differential equations for Fourier coefficients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
import sympy as sp
import torch
from torch import Tensor

from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.boundary import initial_data
from pinnlab.forms.evaluate import Program
from pinnlab.forms.jet import Jet
from pinnlab.forms.spectral import Coefficients, Projection, SpectralForm
from pinnlab.numerics.axes import FourierAxis
from pinnlab.numerics.etdrk4 import Nonlinear, Symbol, batched_symbol, projected_symbol, symbol_of
from pinnlab.numerics.fourier import DivergenceFree, FourierModes, LinearConstraints
from pinnlab.numerics.pseudospectral import Contribution, PointwiseTerms
from pinnlab.problem import Problem
from pinnlab.symbols import Expr

# Where a constraint determines nothing (the mean of a stream function), its data must vanish to this share.
SOLVABILITY = 1e-10
# Points at which declared data are checked.
CHECKED_POINTS = 200

# Of one expression for all of a batch, at a time: `(batch, n_1, …)`, or `(batch, 1, …)` where it is a number.
Differing = Callable[[float], Tensor]


@dataclass(frozen=True)
class FourierSystem:
    """v_t = L v + N(v, t) for the Fourier coefficients of the states of a problem.

    Arrays in Fourier space are `(batch, states, modes…)`, half of them along the last axis.

    Attributes:
        problem: The declaration.
        form: Its view.
        shape: Nodes per axis.
        device: Of the arithmetic.
        differing: What of the form differs over a batch, and its values: forcing and coefficients.
    """

    problem: Problem
    form: SpectralForm
    shape: tuple[int, ...]
    device: torch.device
    differing: Mapping[Expr, Differing] = field(default_factory=dict, compare=False)

    def unknowns(self, states: Tensor, t: float) -> Tensor:
        """All unknowns but a pressure at the nodes, `(batch, unknowns, n_1, …)`, from the states there at time t."""
        modes = self.modes.forward(states)
        return self.nodal(modes, [t] * len(modes), None).movedim(1, 0)

    def initial_values(self) -> Tensor:
        """The declared initial state at the nodes, `(states, n_1, …)`."""
        columns = self._initial(self.start, *self.nodes)
        return torch.stack([self._spread(c) for c in columns])

    def rate(self, v: Tensor, t: float) -> Tensor:
        """v_t = L v + N(v, t) in Fourier space."""
        linear = self.symbol.apply(self.symbol.values, v)  # type: ignore[attr-defined]
        return linear if self.nonlinear is None else linear + self.nonlinear(v, t)

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
    def start(self) -> float:
        """The beginning of the interval of time."""
        return self.problem.interval.start  # type: ignore[union-attr]

    @cached_property
    def axes(self) -> tuple[FourierAxis, ...]:
        """One per coordinate of space."""
        bounds = self.problem.region.bounds.values()  # type: ignore[attr-defined]
        return tuple(FourierAxis(a, b, n) for (a, b), n in zip(bounds, self.shape, strict=True))

    @cached_property
    def modes(self) -> FourierModes:
        """The transform between nodes and modes."""
        return FourierModes(tuple(a.upper - a.lower for a in self.axes), self.shape, self.device)

    @cached_property
    def nodes(self) -> list[Tensor]:
        """Coordinates of the nodes, each `(n_1, …)`."""
        nodes = [torch.as_tensor(a.nodes, device=self.device) for a in self.axes]
        return list(torch.meshgrid(*nodes, indexing="ij"))

    def _matrix(self, rows: Sequence[Coefficients], columns: Sequence[tuple[str, int]]) -> Tensor:
        """Symbols `(rows, columns, modes…)` of linear operators on (field, time order) columns.

        Where a coefficient differs over a batch they are `(batch, rows, columns, modes…)`.
        """
        entries = [
            ((i, columns.index(key)), self._number(c) * self.modes.multiplier(jet.orders[1:]))
            for i, row in enumerate(rows)
            for jet, c in row.items()
            if (key := (jet.field, jet.orders[0])) in columns
        ]
        batch = torch.broadcast_shapes(*(e.shape[: e.ndim - len(self.shape)] for _, e in entries))
        shape = (*batch, len(rows), len(columns), *self.modes.mode_shape)
        out = torch.zeros(shape, dtype=torch.complex128, device=self.device)
        for (i, j), entry in entries:
            out[(slice(None),) * len(batch) + (i, j)] += entry
        return out

    def _number(self, c: complex | Expr) -> complex | Tensor:
        """A constant coefficient, or the numbers `(batch, 1, …)` where it differs over a batch."""
        if not isinstance(c, sp.Basic):
            return c
        program = Program([c.xreplace(self._stand_ins)], list(self._stand_ins.values()))
        (value,) = program(*(values(self.start) for values in self.differing.values()))
        return value

    @cached_property
    def _columns(self) -> list[tuple[str, int]]:
        return [(s.field, s.orders[0]) for s in self.form.states]

    @cached_property
    def symbol(self) -> Symbol:
        """L, mode by mode."""
        matrix = self._matrix(self.form.linear, self._columns)
        if matrix.ndim > 2 + len(self.shape):
            return batched_symbol(matrix)
        return symbol_of(matrix) if self.projection is None else projected_symbol(matrix, self.projection)

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
            columns = Program(sources, self.problem.coordinates)(t, *self.nodes)
            data = data + self.modes.forward(torch.stack([self._spread(c) for c in columns])[None])
        return data

    def _slaved_modes(self, v: Tensor, t: float, sources: tuple[Expr, ...]) -> Tensor:
        """Modes of the slaved unknowns for modes of the states `(batch, states, modes…)`."""
        return self._constraints.solve(self._constraint_data(v, t, sources))

    def check_solvable(self, v: Tensor) -> None:
        """Refuse data in modes that a constraint does not determine, such as a mean vorticity.

        Raises:
            UnsupportedProblem: If there are such data.
        """
        if not self.form.slaved:
            return
        data = self._constraint_data(v, self.start, self.form.sources)
        if self._constraints.unreached(data) > SOLVABILITY:
            raise UnsupportedProblem(
                f"Etdrk4 on {self.problem.name!r}: the equation of {', '.join(self.form.slaved)} has no periodic "
                "solution for these initial data; their mean must vanish"
            )

    # -- what is not linear with constant coefficients -----------------------------------------------------

    @property
    def nonlinear(self) -> Nonlinear | None:
        """N as the scheme needs it, projected for incompressible flow."""
        if not self.form.nonlinear:
            return None
        project = self.projection
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
        return PointwiseTerms(self.modes, self._products_at, orders, self._contributions, len(self.form.states))

    @cached_property
    def _term_rates(self) -> PointwiseTerms:
        orders = 2 * [j.orders[1:] for j in self._jets]
        rates = partial(self._at_nodes, self._product_rates)
        return PointwiseTerms(self.modes, rates, orders, self._contributions, len(self.form.states))

    def _products_at(self, t: float, *jets: Tensor) -> list[Tensor | float]:
        return self._at_nodes(self._products, t, *jets, *(values(t) for values in self.differing.values()))

    def _at_nodes(self, program: Program, t: float, *jets: Tensor) -> list[Tensor | float]:
        return program(t, *self.nodes, *jets)

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
    def projection(self) -> DivergenceFree | None:
        """Onto velocities without divergence; None if the flow is not incompressible."""
        found = self.form.projection
        return None if found is None else DivergenceFree(self.modes, found.components)

    def projected(self, v: Tensor) -> Tensor:
        """The modes without the gradient part of an incompressible velocity."""
        return v if self.projection is None else self.projection(v)

    def _check_divergence(self, projection: Projection) -> None:
        """Refuse an initial velocity with a divergence.

        It is the divergence of the declared expressions: that of their interpolant vanishes only with resolution.
        """
        declared = initial_data(self.problem, self.form.states)
        components = [declared[i] for i in projection.components]
        terms = [sp.diff(e, c) for e, c in zip(components, self.problem.space, strict=True)]
        points = self.problem.region.sample(CHECKED_POINTS, np.random.default_rng(0))
        values = Program(terms, self.problem.coordinates)(self.start, *points.T)
        size, largest = (float(np.abs(v).max()) for v in (sum(values), np.stack(np.broadcast_arrays(*values))))
        if size > SOLVABILITY * largest:
            names = ", ".join(self.form.states[i].field for i in projection.components)
            raise UnsupportedProblem(
                f"Etdrk4 on {self.problem.name!r}: the initial velocity ({names}) has the divergence "
                f"{sp.Add(*terms)}, up to {size:.3g} in size, and the continuity equation allows none; take away the "
                "gradient part of the data"
            )

    def pressure(self, v: Tensor, rate: Tensor, t: float) -> Tensor:
        """Modes `(2, modes…)` of p and p_t, from c Δp = div (L v + N(v, t)) and its derivative along the solution."""
        projection, factor = self.projection, self.form.projection.factor  # type: ignore[union-attr]
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
        return self.projection.divergence(columns)  # type: ignore[union-attr]

    # -- unknowns that follow from the states --------------------------------------------------------------

    def nodal(self, modes: Tensor, times: Sequence[float], pressure: Tensor | None) -> Tensor:
        """Nodal values `(unknowns, snapshots, n_1, …)` from modes of the states `(snapshots, states, modes…)`.

        Args:
            modes: Of the states.
            times: Of the snapshots.
            pressure: Modes of the pressure of an incompressible flow `(snapshots, modes…)`; None leaves it out.
        """
        return self._nodal(modes, times, self.form.sources, pressure)

    def nodal_rates(self, rates: Tensor, times: Sequence[float], pressure: Tensor | None) -> Tensor:
        """Their time derivatives, from those of the modes."""
        return self._nodal(rates, times, self._source_rates, pressure)

    def _nodal(
        self, modes: Tensor, times: Sequence[float], sources: tuple[Expr, ...], pressure: Tensor | None
    ) -> Tensor:
        rows = []
        for name in self.problem.names:
            if name in self.form.slaved:
                i = self.form.slaved.index(name)
                parts = [self._slaved_modes(m[None], t, sources)[0, i] for m, t in zip(modes, times, strict=True)]
                rows.append(self.modes.backward(torch.stack(parts)))
            elif pressure is not None and self.form.projection is not None and name == self.form.projection.pressure:
                rows.append(self.modes.backward(pressure))
            else:
                rows.append(self.modes.backward(modes[:, self._columns.index((name, 0))]))
        return torch.stack(rows)

    def _spread(self, column: Tensor | float) -> Tensor:
        values = torch.as_tensor(column, dtype=torch.float64, device=self.device)
        return values.expand(self.shape)
