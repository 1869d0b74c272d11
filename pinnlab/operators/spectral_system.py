"""The equations of a family in coefficients: lifts, residuals, and the inverse of their linear part."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy as sp
import torch
from torch import Tensor

from pinnlab.errors import UnsupportedProblem
from pinnlab.field import intervals
from pinnlab.forms.evaluate import Program
from pinnlab.forms.jet import Jet
from pinnlab.forms.operator_form import OperatorForm
from pinnlab.numerics.modal_axis import ConstrainedModes, LegendreModes, ModalAxis, TrigonometricModes
from pinnlab.numerics.mode_preconditioner import DenseAxis, DiagonalAxis, LinearTerm, ModePreconditioner
from pinnlab.operators.open_members import OpenMembers

# Conditions on two sides may disagree where they meet by this share of the largest datum.
DISAGREEMENT = 1e-8
# This share of a residual may lie where the linear part is singular.
UNREACHED = 1e-8
# The linear part is the mean over so many members.
AVERAGED = 64

Orders = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Prepared:
    """Some members with all that does not change while they are solved.

    Attributes:
        members: The members.
        lift: A function with their initial and boundary data, `(batch, unknowns, n_1, …)`, and its derivatives.
        linear: The linear part of the lift at the nodes `(batch, equations, n_1, …)`.
        slopes: Inputs and their derivatives, in the order of the form's `slopes`.
    """

    members: OpenMembers
    lift: dict[Orders, Tensor]
    linear: Tensor
    slopes: list[Tensor]

    @property
    def value(self) -> Tensor:
        """The lift itself."""
        return self.lift[(0,) * (self.linear.ndim - 2)]


class SpectralSystem:
    """u = lift + sum of coefficients times basis functions that meet homogeneous conditions; float64 throughout.

    Periodic axes have trigonometric functions, all others, time among them, Legendre polynomials.  Residuals are
    tested with as many functions as are free (the tau method), which gives A z + f(z) = 0 with A the linear part of
    the equations, its varying coefficients replaced by their mean over members and periodic axes at the lifts.  The
    preconditioned residual z + A⁻¹ f(z) is the error itself where the equations are linear with constant coefficients.

    Args:
        form: The equations.
        counts: Functions per coordinate; odd ones along periodic axes.
        padding: Nodes per function.
        device: Where the arithmetic runs.

    Raises:
        UnsupportedProblem: If unknowns differ in how many conditions they have along an axis.
    """

    def __init__(self, form: OperatorForm, counts: Sequence[int], padding: float, device: torch.device) -> None:
        self.form, self.device = form, device
        bounds = intervals(form.problem).values()
        kinds = [TrigonometricModes if p else LegendreModes for p in form.periodic]
        self.axes: tuple[ModalAxis, ...] = tuple(
            kind(a, b, n, padding) for kind, (a, b), n in zip(kinds, bounds, counts, strict=True)
        )
        self.nodes = tuple(a.nodes for a in self.axes)
        self.grid = tuple(len(x) for x in self.nodes)
        self._bases = tuple(self._basesalong(i) for i in range(len(self.axes)))
        self.free = tuple(b[0].free for b in self._bases)
        self._matrices: dict[tuple[int, int], Tensor] = {}
        self.projections = [self.tensor(np.stack([b.projection() for b in _distinct(bases)])) for bases in self._bases]
        self._tests = [self.tensor(a.projection(m))[None] for a, m in zip(self.axes, self.free, strict=True)]
        self._averages: list[dict[Orders, dict[int, Tensor]]] = []

    # -- functions and coefficients ------------------------------------------------------------------------

    @property
    def unknowns(self) -> int:
        """How many functions are sought."""
        return len(self.form.problem.unknowns)

    def to_nodes(self, coefficients: Tensor, orders: Orders | None = None) -> Tensor:
        """Values of a derivative at the nodes `(batch, unknowns, n_1, …)`."""
        for axis, order in enumerate(orders or (0,) * len(self.axes)):
            coefficients = along(coefficients, self._functions(axis, order), axis)
        return coefficients

    def to_coefficients(self, values: Tensor) -> Tensor:
        """The coefficients of the function that is closest to given values at the nodes."""
        for axis, matrix in enumerate(self.projections):
            values = along(values, matrix, axis)
        return values

    def tested(self, values: Tensor) -> Tensor:
        """Products of values at the nodes with the test functions."""
        for axis, matrix in enumerate(self._tests):
            values = along(values, matrix, axis)
        return values

    def zero(self, batch: int) -> Tensor:
        """The coefficients of the lift."""
        return torch.zeros(batch, self.unknowns, *self.free, dtype=torch.float64, device=self.device)

    @cached_property
    def volume(self) -> float:
        """Of the box, time counted in."""
        return math.prod(a.upper - a.lower for a in self.axes)

    @cached_property
    def quadrature(self) -> Tensor:
        """The weights of the nodes `(n_1, …)`."""
        out = torch.ones((1,) * len(self.axes), dtype=torch.float64, device=self.device)
        for i, axis in enumerate(self.axes):
            out = out * self.tensor(axis.weights).reshape([-1 if a == i else 1 for a in range(len(self.axes))])
        return out

    @cached_property
    def unit_coordinates(self) -> list[Tensor]:
        """The coordinates that are not periodic, scaled to [-1, 1], shaped to broadcast over the nodes."""
        out = []
        for i, (axis, periodic) in enumerate(zip(self.axes, self.form.periodic, strict=True)):
            if not periodic:
                unit = (2 * self.nodes[i] - axis.lower - axis.upper) / (axis.upper - axis.lower)
                out.append(self.tensor(unit).reshape([-1 if a == i else 1 for a in range(len(self.axes))]))
        return out

    # -- members -------------------------------------------------------------------------------------------

    def linearise(self, members: OpenMembers) -> None:
        """Take the mean linear part of some members; before anything that needs it."""
        few = members[torch.arange(min(AVERAGED, len(members)))].on(self.device)
        lift = self._jets_of(self.lift(few), {s.jet.orders for s in self.form.symbols})
        state = {s.jet: lift[s.jet.orders][:, self._place(s.jet.field)] for s in self.form.symbols}
        slopes = self._slopes(few)
        self._averages = []
        for row in self.form.partials:
            program = Program(list(row.values()), self._arguments)
            values = program(*self._values(few, slopes, state))
            means: dict[Orders, dict[int, Tensor]] = {}
            for jet, value in zip(row, values, strict=True):
                spread = torch.as_tensor(value, dtype=torch.float64, device=self.device)
                spread = spread.expand(len(few), *self.grid)
                over = (0, *(i + 1 for i, p in enumerate(self.form.periodic) if p))
                mean = spread.mean(dim=over, keepdim=True)
                if float(mean.abs().max()) > 0:
                    means.setdefault(jet.orders, {})[self._place(jet.field)] = mean
            self._averages.append(means)
        self._preconditioner = self._inverted()

    def prepared(self, members: OpenMembers) -> Prepared:
        """Members ready to be solved.

        Raises:
            UnsupportedProblem: If their data disagree where two sides meet.
        """
        members = members.on(self.device)
        lift = self.lift(members)
        self._require_met(members, lift)
        rows = [list(_terms(r)) for r in self._linear_rows]
        orders = {s.jet.orders for s in self.form.symbols} | {o for r in rows for o, _, _ in r}
        jets = self._jets_of(lift, orders | {(0,) * len(self.axes)})
        linear = [sum((c * jets[o][:, u] for o, u, c in r), torch.zeros_like(lift[:, 0])) for r in rows]
        return Prepared(members, jets, torch.stack(linear, dim=1), self._slopes(members))

    def lift(self, members: OpenMembers) -> Tensor:
        """A function with the data of all conditions, `(batch, unknowns, n_1, …)`.

        By interpolation along one axis after the other, each correcting what those before it have missed (W. J.
        Gordon, SIAM J. Numer. Anal. 8 (1971) 158-177).
        """
        out = torch.zeros(len(members), self.unknowns, *self.grid, dtype=torch.float64, device=self.device)
        for axis, bases in enumerate(self._bases):
            for u, basis in enumerate(bases):
                shapes = self.tensor(basis.lifting(self.nodes[axis]))
                gaps = [data - self._functional(out[:, u], axis, i) for i, data in self._conditions(members, u, axis)]
                for j, gap in enumerate(gaps):
                    out[:, u] += gap * shapes[:, j].reshape([-1 if a == axis else 1 for a in range(len(self.axes))])
        return out

    # -- residuals -----------------------------------------------------------------------------------------

    def residual(self, given: Prepared, coefficients: Tensor) -> Tensor:
        """The preconditioned residual z + A⁻¹ f(z), coefficients `(batch, unknowns, free…)`."""
        return coefficients + self._preconditioner.inverse(self.tested(self._rest(given, coefficients)))

    def unreached(self, given: Prepared, coefficients: Tensor) -> Tensor:
        """The share of the residual where A is singular, so that the preconditioned one does not see it, `(batch,)`."""
        rest = self.tested(self._rest(given, coefficients))
        left = rest - self._preconditioner.forward(self._preconditioner.inverse(rest))
        start = torch.linalg.vector_norm(rest.flatten(1), dim=1)
        return torch.linalg.vector_norm(left.flatten(1), dim=1) / start.clamp_min(1e-300)

    def _rest(self, given: Prepared, coefficients: Tensor) -> Tensor:
        """f: everything but the linear part of what the coefficients stand for, at the nodes."""
        jets = {
            o: given.lift[o] + self.to_nodes(coefficients, o)
            for o in {s.jet.orders for s in self.form.symbols} | {o for m in self._averages for o in m}
        }
        state = {s.jet: jets[s.jet.orders][:, self._place(s.jet.field)] for s in self.form.symbols}
        values = self._rest_program(*self._values(given.members, given.slopes, state))
        out = []
        for i, (value, means) in enumerate(zip(values, self._averages, strict=True)):
            row = given.linear[:, i] + torch.as_tensor(value, dtype=torch.float64, device=self.device)
            for orders, by_unknown in means.items():
                for u, mean in by_unknown.items():
                    row = row - mean * jets[orders][:, u]
            out.append(row)
        return torch.stack(out, dim=1)

    # -- lowering ------------------------------------------------------------------------------------------

    @cached_property
    def _arguments(self) -> list[sp.Symbol]:
        form = self.form
        return [*form.symbols, *form.slopes, *form.numbers.values(), *form.problem.coordinates]

    @cached_property
    def _rest_program(self) -> Program:
        return Program(self.form.rest, self._arguments)

    @cached_property
    def _mesh(self) -> list[Tensor]:
        return list(torch.meshgrid(*(self.tensor(x) for x in self.nodes), indexing="ij"))

    def _values(self, members: OpenMembers, slopes: list[Tensor], state: dict[Jet, Tensor]) -> list[Tensor]:
        ones = (1,) * len(self.axes)
        numbers = [members.numbers[n].reshape(-1, *ones) for n in self.form.numbers]
        return [*(state[s.jet] for s in self.form.symbols), *slopes, *numbers, *self._mesh]

    def _slopes(self, members: OpenMembers) -> list[Tensor]:
        """Inputs and their derivatives `(batch, n_1, …)`."""
        return [self._derived(members.functions[j.field][:, None], j.orders)[:, 0] for j in self.form.slopes.values()]

    def _jets_of(self, values: Tensor, orders: set[Orders]) -> dict[Orders, Tensor]:
        return {o: self._derived(values, o) for o in sorted(orders)}

    def _derived(self, values: Tensor, orders: Orders) -> Tensor:
        """Derivatives of the interpolant of values at the nodes; 0 along axes that they do not depend on."""
        for axis, order in enumerate(orders):
            if order and values.shape[axis + 2] == 1 < self.grid[axis]:
                return torch.zeros_like(values)
            if order:
                values = along(values, self.tensor(self.axes[axis].differentiation(order))[None], axis)
        return values

    def _functions(self, axis: int, order: int) -> Tensor:
        if (axis, order) not in self._matrices:
            rows = [b.functions(self.nodes[axis], order) for b in _distinct(self._bases[axis])]
            self._matrices[axis, order] = self.tensor(np.stack(rows))
        return self._matrices[axis, order]

    def _basesalong(self, axis: int) -> tuple[ConstrainedModes, ...]:
        form, name = self.form, self.form.problem.coordinates[axis]
        functionals = [[c.functional for c in form.along(u, axis)] for u in range(self.unknowns)]
        if len({len(f) for f in functionals}) > 1:
            counts = {n: len(f) for n, f in zip(form.problem.names, functionals, strict=True)}
            raise UnsupportedProblem(
                f"SpectralOperator on {form.problem.name!r}: unknowns have different numbers of conditions along "
                f"{name}, {counts}; only systems whose unknowns have as many each are covered"
            )
        bases: list[ConstrainedModes] = []
        for f in functionals:
            # One basis for all unknowns with the same conditions.
            same = [b for b, g in zip(bases, functionals, strict=False) if f == g]
            bases.append(same[0] if same else ConstrainedModes.of(self.axes[axis], f))
        return tuple(bases)

    def _conditions(self, members: OpenMembers, unknown: int, axis: int) -> list[tuple[int, Tensor]]:
        place = [i for i, c in enumerate(self.form.conditions) if (c.unknown, c.axis) == (unknown, axis)]
        return [(i, members.data[i]) for i in place]

    def _functional(self, values: Tensor, axis: int, condition: int) -> Tensor:
        """A condition's functional of the interpolant of values `(batch, n_1, …)`, with 1 along the axis."""
        functional = self.form.conditions[condition].functional
        at = np.array([functional.x])
        rows = [c * self.axes[axis].interpolation(at, p) for p, c in enumerate(functional.coefficients)]
        return along(values[:, None], self.tensor(sum(rows[1:], rows[0]))[None], axis)[:, 0]

    def _require_met(self, members: OpenMembers, lift: Tensor) -> None:
        for i, (condition, data) in enumerate(zip(self.form.conditions, members.data, strict=True)):
            missed = float((self._functional(lift[:, condition.unknown], condition.axis, i) - data).abs().max())
            if missed > DISAGREEMENT * max(1.0, float(data.abs().max())):
                problem = self.form.problem
                raise UnsupportedProblem(
                    f"SpectralOperator on {problem.name!r}: data of {problem.names[condition.unknown]} at "
                    f"{problem.coordinates[condition.axis]} = {condition.functional.x:g} disagree by {missed:.2g} with "
                    "others where they meet, and no smooth function has both; give data that agree"
                )

    @cached_property
    def _linear_rows(self) -> list[dict[Orders, dict[int, Tensor]]]:
        """For each equation the coefficients of A, by orders and unknown, shaped to broadcast over the nodes."""
        out: list[dict[Orders, dict[int, Tensor]]] = []
        for exact, means in zip(self.form.exact, self._averages, strict=True):
            row = {o: dict(m) for o, m in means.items()}
            for jet, c in exact.items():
                value = Program([c], self.form.problem.coordinates)(*self._mesh)[0]
                spread = torch.as_tensor(value, dtype=torch.float64, device=self.device).expand(self.grid)
                for axis, p in enumerate(self.form.periodic):
                    spread = spread.narrow(axis, 0, 1) if p else spread
                by_unknown = row.setdefault(jet.orders, {})
                place = self._place(jet.field)
                by_unknown[place] = by_unknown[place] + spread[None] if place in by_unknown else spread[None]
            out.append(row)
        return out

    def _inverted(self) -> ModePreconditioner:
        self.__dict__.pop("_linear_rows", None)
        rows = [list(_terms(r)) for r in self._linear_rows]
        terms = [LinearTerm(i, u, o, c[0].cpu().numpy()) for i, r in enumerate(rows) for o, u, c in r]
        orders = [{o[a] for r in rows for o, _, _ in r} for a in range(len(self.axes))]
        axes: list[DenseAxis | DiagonalAxis] = []
        for i, axis in enumerate(self.axes):
            if isinstance(axis, TrigonometricModes):
                axes.append(DiagonalAxis(axis.frequencies, axis.to_complex))
            else:
                every = {n: self._functions(i, n).cpu().numpy() for n in orders[i]}
                functions = {n: np.broadcast_to(f, (self.unknowns, *f.shape[1:])) for n, f in every.items()}
                axes.append(DenseAxis(functions, self._tests[i][0].cpu().numpy()))
        try:
            return ModePreconditioner(axes, terms, self.unknowns, self.device)
        except ValueError as error:
            raise UnsupportedProblem(f"SpectralOperator on {self.form.problem.name!r}: {error}") from None

    def _place(self, name: str) -> int:
        return self.form.problem.names.index(name)

    def tensor(self, values: np.ndarray) -> Tensor:
        """An array in double precision on the device."""
        return torch.as_tensor(np.ascontiguousarray(values), dtype=torch.float64, device=self.device)


def _distinct(bases: Sequence[ConstrainedModes]) -> Sequence[ConstrainedModes]:
    """One basis where all are the same, which then needs no axis of unknowns."""
    return bases[:1] if all(b is bases[0] for b in bases) else bases


def _terms(row: dict[Orders, dict[int, Tensor]]) -> list[tuple[Orders, int, Tensor]]:
    return [(o, u, c) for o, by_unknown in row.items() for u, c in by_unknown.items()]


def along(values: Tensor, matrices: Tensor, axis: int) -> Tensor:
    """Matrices `(unknowns or 1, m, n)` along one axis of `values (batch, unknowns, …, n, …)`."""
    moved = values.movedim(axis + 2, -1)
    if len(matrices) == 1:
        return (moved @ matrices[0].T).movedim(-1, axis + 2)
    flat = moved.reshape(*moved.shape[:2], math.prod(moved.shape[2:-1]), moved.shape[-1])
    out = flat @ matrices.transpose(-1, -2)
    return out.reshape(*moved.shape[:-1], out.shape[-1]).movedim(-1, axis + 2)
