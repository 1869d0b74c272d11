"""A problem with some of its parameters left open, as inputs of an operator, split for preconditioning."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sympy as sp

from pinnlab.domain.box import Box
from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.boundary import BoundaryRow, resolved
from pinnlab.forms.jet import Jet, JetSymbol, jet_symbols, to_jets
from pinnlab.forms.linear_split import split
from pinnlab.numerics.axis_basis import EndFunctional
from pinnlab.problem import Problem
from pinnlab.symbols import Expr, Normal, Parameter, with_values


@dataclass(frozen=True)
class EndCondition:
    """A functional of one unknown along one coordinate equals `data` where that coordinate is at one of its ends.

    Attributes:
        unknown: Its place among the unknowns.
        axis: The place of the coordinate.
        functional: What is prescribed, at which end.
        data: In coordinates, `OperatorForm.functions` and `OperatorForm.numbers`.
    """

    unknown: int
    axis: int
    functional: EndFunctional
    data: Expr


@dataclass(frozen=True)
class OperatorForm:
    """r_i = sum of exact[i][jet] jet + rest[i], with inputs as symbols, and conditions at the ends of axes.

    Attributes:
        problem: The declaration.
        periodic: For each coordinate, time first, whether it is periodic.
        functions: The parameters that are functions, each with the symbol that stands for it in `conditions`.
        numbers: The parameters that are numbers, each with its symbol.
        slopes: Symbols in `rest` and what they are: the parameter's name and orders of differentiation.
        exact: Coefficients that depend on coordinates that are not periodic alone, so that they are the same for all
            members and along all periodic axes.
        rest: Everything else, in jets of the unknowns, coordinates and symbols of inputs.
        conditions: Initial and boundary conditions.
    """

    problem: Problem
    periodic: tuple[bool, ...]
    functions: dict[str, sp.Symbol]
    numbers: dict[str, sp.Symbol]
    slopes: dict[sp.Symbol, Jet]
    exact: tuple[dict[Jet, Expr], ...]
    rest: tuple[Expr, ...]
    conditions: tuple[EndCondition, ...]

    @classmethod
    def of(cls, problem: Problem, functions: Collection[str], numbers: Collection[str]) -> OperatorForm:
        """The form with the named parameters left open.

        Raises:
            UnsupportedProblem: If the region is no box, a parameter or term is unknown, a condition
                is not linear in one unknown and its derivatives across the piece, its coefficients vary, or the
                equations are singular at 0.
        """
        region, who = problem.region, f"SpectralOperator on {problem.name!r}"
        if not isinstance(region, Box):
            raise UnsupportedProblem(f"{who}: needs a box, not {region}")
        unknown = [p.name for p in problem.parameters if p.is_unknown]
        if unknown:
            raise UnsupportedProblem(f"{who}: the parameter {unknown[0]} is unknown; give it a value")
        if problem.unknown_functions:
            raise UnsupportedProblem(f"{who}: the term {problem.unknown_functions[0]} is unknown; write it out")
        own = {p.name: p for p in problem.parameters}
        symbols = {n: sp.Dummy(n, real=True) for n in own if n in functions}
        counted = {n: sp.Dummy(n, real=True) for n in own if n in numbers}
        periodic = tuple(c in region.periodic for c in problem.coordinates)
        slopes: dict[sp.Symbol, Jet] = {}
        exact, rest = [], []
        for equation in problem.equations:
            residual = _opened(equation, own, symbols, counted, problem.coordinates, slopes)
            varying = {c for c, p in zip(problem.coordinates, periodic, strict=True) if not p}
            linear, nonlinear, forcing = split(residual, problem.name)
            plain = {j: c for j, c in linear.items() if c.free_symbols <= varying}
            left = (c * j.symbol for j, c in linear.items() if j not in plain)
            exact.append(plain)
            rest.append(sp.Add(*left, nonlinear, forcing))
        table = {own[n]: s for n, s in (*symbols.items(), *counted.items())}
        ends = tuple(
            _end_condition(problem, c.residual.xreplace(table), piece, who)
            for c in problem.conditions
            for piece in problem.pieces_of(c)
        )
        return cls(problem, periodic, symbols, counted, slopes, tuple(exact), tuple(rest), ends)

    @property
    def partials(self) -> tuple[dict[Jet, Expr], ...]:
        """The derivatives of `rest` by each jet of an unknown."""
        return tuple({s.jet: sp.diff(r, s) for s in jet_symbols(r)} for r in self.rest)

    @property
    def symbols(self) -> tuple[JetSymbol, ...]:
        """The jets of unknowns that `rest` holds, sorted."""
        return jet_symbols(*self.rest)

    def along(self, unknown: int, axis: int) -> tuple[EndCondition, ...]:
        """The conditions on one unknown at the ends of one axis."""
        return tuple(c for c in self.conditions if (c.unknown, c.axis) == (unknown, axis))


def _opened(
    equation: Expr,
    own: dict[str, Parameter],
    functions: dict[str, sp.Symbol],
    numbers: dict[str, sp.Symbol],
    coordinates: Sequence[sp.Symbol],
    slopes: dict[sp.Symbol, Jet],
) -> Expr:
    """An equation in jets of the unknowns, with symbols for inputs and their derivatives, which `slopes` collects."""
    # As undefined functions while derivatives are carried out: a coefficient k(x) is no constant.
    fields = {own[n]: sp.Function(f"input {n}")(*coordinates) for n in functions}
    opened = equation.xreplace(fields | {own[n]: s for n, s in numbers.items()})
    residual = to_jets(with_values(opened), coordinates)
    names = {f"input {n}": n for n in functions}
    known = {(j.field, j.orders): s for s, j in slopes.items()}
    table = {}
    for s in jet_symbols(residual):
        if s.jet.field in names:
            jet = Jet(names[s.jet.field], s.jet.orders)
            at = known.get((jet.field, jet.orders)) or sp.Dummy(str(s), real=True)
            slopes[at], table[s] = jet, at
    return residual.xreplace(table)


def _end_condition(problem: Problem, condition: Expr, piece: str, who: str) -> EndCondition:
    region = problem.region
    assert isinstance(region, Box)  # OperatorForm.of has refused everything else
    row = BoundaryRow(resolved(condition, problem), piece, None)
    if piece == "initial":
        assert problem.interval is not None  # only then is there such a piece
        axis, at, normals = 0, problem.interval.start, {}
    else:
        coordinate, at = region.sides[piece]
        axis = problem.coordinates.index(coordinate)
        outward = -1 if at == region.bounds[coordinate][0] else 1
        normals = {Normal(c): sp.Integer(outward if c == coordinate else 0) for c in problem.space}
    linear = {j: c.xreplace(normals) for j, c in row.linear.items()}
    linear = {j: c for j, c in linear.items() if c != 0}
    fields = {j.field for j in linear}
    across = all(j.order == j.orders[axis] for j in linear)
    if len(fields) != 1 or not across or not all(c.is_number for c in linear.values()):
        raise UnsupportedProblem(
            f"{who}: the condition {row.residual} = 0 on {piece!r} cannot be built into the basis; it must be linear, "
            "with constant coefficients, in one unknown and its derivatives across the piece"
        )
    orders = max(j.order for j in linear) + 1
    coefficients = [0.0] * orders
    for j, c in linear.items():
        coefficients[j.order] = float(c)
    functional = EndFunctional(float(at), tuple(coefficients))
    return EndCondition(problem.names.index(fields.pop()), axis, functional, row.data.xreplace(normals))
