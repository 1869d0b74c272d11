"""Unknowns written through free functions, so that conditions hold by construction or are left to training."""

from __future__ import annotations

import abc
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import sympy as sp
from sympy.core.relational import Relational
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic.boolalg import BooleanFunction

from pinnlab.domain.box import Box
from pinnlab.domain.even_points import bounding_box
from pinnlab.domain.shape import Shape
from pinnlab.errors import KeptKink, UnsupportedProblem
from pinnlab.forms.blending import blended
from pinnlab.forms.boundary import BoundaryRow, Dirichlet, classify
from pinnlab.forms.distance import number
from pinnlab.forms.evaluate import on_points
from pinnlab.forms.jet import REMEMBERED, JetSymbol, from_jets, jet_symbols, to_jets
from pinnlab.forms.kinks import kinks
from pinnlab.known import Known
from pinnlab.lint import CORNER_TOLERANCE
from pinnlab.problem import Problem
from pinnlab.symbols import Expr, Normal, with_values

# Data are known no better than to so many units in the last place of their coordinates: sin(pi x) is not 0 at 2.
ROUNDED_UNITS = 8
# Operations in the interpolant of data on the sides of a box, beyond which its derivatives cost more than the network.
LARGEST_LIFT = 5_000
# Beyond this many, multiplying out takes too long for the chance that nothing is left.
LARGEST_GAP = 500


@dataclass(frozen=True)
class Ansatz:
    """u_i = expression_i(coordinates, N_1, N_2, …) with one free function N_i for each unknown.

    Attributes:
        problem: What is to be solved.
        functions: The free functions, in the order of the unknowns.
        expressions: Each unknown through the free functions.
        open_rows: The conditions that do not hold by construction.
    """

    problem: Problem
    functions: tuple[Expr, ...]
    expressions: tuple[Expr, ...]
    open_rows: tuple[BoundaryRow, ...]

    @cached_property
    def residuals(self) -> tuple[Expr, ...]:
        """The equations in jets of the free functions."""
        return tuple(self.through(with_values(e)) for e in self.problem.equations)

    @cached_property
    def open_residuals(self) -> tuple[Expr, ...]:
        """The open conditions in jets of the free functions, coordinates and components of the normal."""
        unknowns, coordinates = self.problem.unknowns, self.problem.coordinates
        return tuple(self.through(from_jets(r.residual, unknowns, coordinates)) for r in self.open_rows)

    def derivatives(self, orders: Sequence[int]) -> tuple[Expr, ...]:
        """A partial derivative of each unknown, in jets of the free functions."""
        return tuple(self._derivative(i, tuple(orders)) for i in range(len(self.expressions)))

    def index(self, symbol: JetSymbol) -> int:
        """Which free function a jet belongs to."""
        return [f.func.__name__ for f in self.functions].index(symbol.jet.field)

    def through(self, expression: Expr) -> Expr:
        """An expression of the unknowns in jets of the free functions."""
        coordinates, names = self.problem.coordinates, self.problem.names
        if self.problem.unknown_functions:
            table = dict(zip(self.problem.unknowns, self.expressions, strict=True))
            return to_jets(expression.xreplace(table), coordinates)
        # Derivatives of the unknowns are few, those that an expression holds many.
        lowered = to_jets(expression, coordinates)
        jets = {s: self._derivative(names.index(s.jet.field), s.jet.orders) for s in jet_symbols(lowered)}
        return lowered.xreplace(jets)

    def _derivative(self, unknown: int, orders: tuple[int, ...]) -> Expr:
        expression = self.expressions[unknown]
        for c, n in zip(self.problem.coordinates, orders, strict=True):
            # One at a time: sympy simplifies what it differentiates twice at once, which takes long.
            for _ in range(n):
                expression = (sp.diff if expression.has(Known) else _slope)(expression, c)
        return to_jets(expression, self.problem.coordinates)


@lru_cache(maxsize=REMEMBERED)
def _slope(expression: Expr, c: sp.Symbol) -> Expr:
    """A derivative, kept for the forms and solvers that ask for it again."""
    return sp.diff(expression, c)


class Constraints(abc.ABC):
    """How initial and boundary conditions are met; a frozen dataclass of settings."""

    @abc.abstractmethod
    def ansatz(self, problem: Problem) -> Ansatz:
        """The unknowns through free functions, and the conditions that are left."""


@dataclass(frozen=True)
class Soft(Constraints):
    """Every condition is a residual of its own; periodicity is exact all the same."""

    def ansatz(self, problem: Problem) -> Ansatz:
        """U = N."""
        functions = _functions(problem)
        return Ansatz(problem, functions, functions, classify(problem))


@dataclass(frozen=True)
class Hard(Constraints):
    """Initial and Dirichlet conditions on the sides of a box, or on the pieces of a shape, hold exactly: u = g + φ N.

    On a box g is the transfinite interpolant of the data (W. J. Gordon, SIAM J. Numer. Anal. 8 (1971) 158-177: Boolean
    sums of one-dimensional interpolation, here linear in space and Taylor in time), φ the product of the distances to
    the sides where u is given, and of (t - t0)^m for m initial conditions.  On other shapes g is blended and φ
    multiplied from smooth distances, see `forms.blending.blended`; φ is not smooth in re-entrant corners.  Conditions
    of another kind (Neumann, Robin, general) stay residuals as in `Soft`, and are the only ones then.

    Not for data that disagree where two sides meet: no continuous g has them.  Nor for data with kinks, which the
    ansatz would keep for ever; a warning tells of them.  Where one formula gives the data on the whole boundary of a
    shape, or a sum of functions of one coordinate those on a box, g is that formula: of a manufactured problem it is
    the solution.
    """

    def ansatz(self, problem: Problem) -> Ansatz:
        """U = g + φ N.

        Raises:
            UnsupportedProblem: If the region is neither box nor shape, one of its pieces has no smooth distance, a
                condition that is left needs a derivative that φ lacks, or data disagree where two sides meet.

        Warns:
            KeptKink: If the slope of g jumps, see `forms.kinks.kinks`.
        """
        if not isinstance(problem.region, Shape):
            raise UnsupportedProblem(
                f"Hard on {problem.name!r}: conditions can be built in on boxes and shapes only, and there is no "
                f"formula for the distance from the boundary of {problem.region}; use constraints=Soft()"
            )
        found, told = _built_in(problem)
        for kink in told:
            warnings.warn(f"Hard on {problem.name!r}: {kink}; use constraints=Soft()", KeptKink, stacklevel=2)
        return found


def _built_in(problem: Problem) -> tuple[Ansatz, tuple[str, ...]]:
    """The ansatz, and the kinks that it keeps."""
    rows = classify(problem)
    functions, expressions, built_in = _functions(problem), [], set()
    told: list[str] = []
    for name, n in zip(problem.names, functions, strict=True):
        given = _given(rows, name)
        lift, distance = _lifted(problem, given)
        _require_data_met(problem, given, lift)
        told += kinks(problem, name, [r.value for r in given], lift)
        expressions.append(lift + distance * n)
        built_in |= {id(r) for r in given}
    left = tuple(r for r in rows if id(r) not in built_in)
    found = Ansatz(problem, functions, tuple(expressions), left)
    _require_smooth_on_pieces(found, frozenset((r.unknown or "", r.piece) for r in rows if id(r) in built_in))
    return found, tuple(told)


def _lifted(problem: Problem, given: Sequence[Dirichlet]) -> tuple[Expr, Expr]:
    if isinstance(problem.region, Box):
        return _interpolant(problem, given)
    assert isinstance(problem.region, Shape)  # Hard.ansatz has refused everything else
    try:
        return blended(problem.region, problem.interval, given)
    except UnsupportedProblem as error:
        raise UnsupportedProblem(f"Hard on {problem.name!r}: {error}") from None


def _require_smooth_on_pieces(ansatz: Ansatz, built_in: frozenset[tuple[str, str]]) -> None:
    """Refuse conditions on second derivatives on a piece of a shape where quotients of distances lose them."""
    if isinstance(ansatz.problem.region, Box):
        return
    for row in ansatz.open_rows:
        for s in jet_symbols(row.residual):
            expression = ansatz.expressions[ansatz.problem.names.index(s.jet.field)]
            if s.jet.order > 1 and (s.jet.field, row.piece) in built_in and _has_quotients(expression):
                raise UnsupportedProblem(
                    f"Hard on {ansatz.problem.name!r}: a condition on {row.piece!r} holds {s}, which cannot be "
                    "evaluated there, where quotients of small distances are built in; use constraints=Soft()"
                )


def _has_quotients(expression: Expr) -> bool:
    """Whether powers other than natural ones of something that varies occur, as in blended data and trimmed edges."""
    varying = (p for p in expression.atoms(sp.Pow) if p.base.free_symbols)
    return any(not (p.exp.is_Integer and p.exp > 0) for p in varying)


def _functions(problem: Problem) -> tuple[Expr, ...]:
    return tuple(sp.Function(f"N_{name}")(*problem.coordinates) for name in problem.names)


def _given(rows: Sequence[BoundaryRow], name: str) -> list[Dirichlet]:
    """The conditions on one unknown that can be built in: one value per side, all initial orders from 0 up.

    Not data that hold the normal: it has no value inside.
    """
    mine = [r for r in rows if isinstance(r, Dirichlet) and r.unknown == name and not r.value.has(Normal)]
    initial = sorted((r for r in mine if r.piece == "initial"), key=lambda r: r.time_order)
    if [r.time_order for r in initial] != list(range(len(initial))):
        initial = []
    sides: dict[str, Dirichlet] = {}
    for r in mine:
        if r.piece != "initial":
            sides.setdefault(r.piece, r)
    return [*initial, *sides.values()]


def _interpolant(problem: Problem, given: Sequence[Dirichlet]) -> tuple[Expr, Expr]:
    """(g, φ): a function with the given data, and one that vanishes where they are given, of size about one."""
    lift, distance = sp.S.Zero, sp.S.One
    initial = [r for r in given if r.piece == "initial"]
    if initial and problem.interval is not None:
        t, start = problem.interval.time, number(problem.interval.start)
        for k, r in enumerate(initial):
            lift += r.value.subs(t, start) * (t - start) ** k / sp.factorial(k)
        distance *= ((t - start) / number(problem.interval.length)) ** len(initial)
    sides = {r.piece: r for r in given if r.piece != "initial"}
    region = problem.region
    assert isinstance(region, Box)  # Hard.ansatz has refused everything else
    for c in region.coordinates:
        here = {name: at for name, (axis, at) in region.sides.items() if axis == c and name in sides}
        low, high = (number(b) for b in region.bounds[c])
        length = high - low
        corrections = []
        for name, at in here.items():
            gap = _without_zero((sides[name].value - lift).subs(c, number(at)))
            near = (high - c) / length if at == region.bounds[c][0] else (c - low) / length
            corrections.append(gap * near if len(here) == 2 else gap)
            distance *= 2 * (c - low) / length if at == region.bounds[c][0] else 2 * (high - c) / length
        lift += sp.Add(*corrections)
        if sp.count_ops(lift) > LARGEST_LIFT:
            raise UnsupportedProblem(
                f"Hard on {problem.name!r}: the interpolant of the data on {len(sides)} sides has more than "
                f"{LARGEST_LIFT:,} terms, since it grows threefold with each axis; use constraints=Soft()"
            )
    return lift, distance


def _without_zero(gap: Expr) -> Expr:
    """An expression, or zero where it is zero multiplied out: what a polynomial misses often is, and would grow."""
    if sp.count_ops(gap) > LARGEST_GAP:
        return gap
    return sp.S.Zero if sp.expand(gap, power_base=False, power_exp=False, log=False) == 0 else gap


def _require_data_met(problem: Problem, given: Sequence[Dirichlet], lift: Expr) -> None:
    """Refuse data that disagree at a corner: blending them would change the problem on the whole side."""
    if problem.unknown_functions or any(p.is_unknown for p in problem.parameters):
        return
    gaps: dict[str, float] = {}
    size = rounding = 0.0
    low, high = bounding_box(problem.spacetime)
    unit = ROUNDED_UNITS * np.finfo(float).eps * np.maximum(np.abs(low), np.abs(high))
    for row in given:
        points, _ = problem.spacetime.sample_piece(row.piece, 64, np.random.default_rng(0))
        built_in = sp.diff(lift, problem.time, row.time_order) if row.time_order else lift
        data = on_points([row.value], problem.coordinates)
        missed, value = on_points([built_in - row.value], problem.coordinates)(points), data(points)
        # Inwards, since outside the data may have no values, and off the side, where a jump is none of rounding.
        inwards = unit * np.sign((low + high) / 2 - points)
        beside = np.abs(data(points + 2 * inwards) - data(points + inwards))
        gaps[row.piece] = max(gaps.get(row.piece, 0.0), float(np.abs(missed).max()))
        size = max(size, float(np.abs(value).max()))
        rounding = max(rounding, float(np.nan_to_num(beside, posinf=0.0).max()))
    for piece, gap in gaps.items():
        if gap > CORNER_TOLERANCE * size + rounding:
            raise UnsupportedProblem(
                f"Hard on {problem.name!r}: data of {given[0].unknown} disagree where two sides meet, and no smooth "
                f"function with all of them can be built in (it misses those on {piece!r} by {gap:.3g}); "
                "use constraints=Soft()"
            )


@dataclass(frozen=True)
class Hoisted:
    """Expressions of jets with everything that depends on coordinates alone pulled out, to be evaluated once.

    Attributes:
        expressions: In jet symbols and the symbols of `coefficients`.
        coefficients: Symbol → expression of coordinates, normals and constants.
    """

    expressions: tuple[Expr, ...]
    coefficients: dict[sp.Symbol, Expr]

    @classmethod
    def of(cls, expressions: Sequence[Expr], trained: Iterable[sp.Symbol] = ()) -> Hoisted:
        """Split expressions into jets and coefficients; symbols that are `trained` stay, as jets do."""
        table: dict[Expr, sp.Symbol] = {}
        symbols = frozenset(trained)
        hoisted = tuple(_hoist(e, table, symbols) for e in expressions)
        return cls(hoisted, {s: e for e, s in table.items()})

    @property
    def symbols(self) -> tuple[JetSymbol, ...]:
        """The jet symbols that occur."""
        return jet_symbols(*self.expressions)


_CONDITIONAL = (ExprCondPair, Relational, BooleanFunction)


def _hoist(e: Expr, table: dict[Expr, sp.Symbol], trained: frozenset[sp.Symbol]) -> Expr:
    if not e.free_symbols:
        return e
    if isinstance(e, _CONDITIONAL):
        # A condition is no number, so only the numbers in it are pulled out.
        return e.func(*(_hoist(a, table, trained) for a in e.args))
    if not _changes(e, trained):
        return table.setdefault(e, sp.Dummy(f"coefficient_{len(table)}", real=True))
    if isinstance(e, sp.Symbol):
        return e
    if isinstance(e, sp.Add | sp.Mul):
        plain = [a for a in e.args if not _changes(a, trained)]
        rest = [_hoist(a, table, trained) for a in e.args if _changes(a, trained)]
        return e.func(_hoist(e.func(*plain), table, trained), *rest) if plain else e.func(*rest)
    return e.func(*(_hoist(a, table, trained) for a in e.args))


def _changes(e: Expr, trained: frozenset[sp.Symbol]) -> bool:
    """Whether training changes the value of an expression."""
    return any(isinstance(s, JetSymbol) or s in trained for s in e.free_symbols)
