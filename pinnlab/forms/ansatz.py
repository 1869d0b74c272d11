"""Unknowns written through free functions, so that conditions hold by construction or are left to training."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy as sp
from sympy.core.relational import Relational
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic.boolalg import BooleanFunction

from pinnlab.domain.box import Box
from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.boundary import BoundaryRow, Dirichlet, classify
from pinnlab.forms.evaluate import on_points
from pinnlab.forms.jet import JetSymbol, from_jets, jet_symbols, to_jets
from pinnlab.lint import CORNER_TOLERANCE
from pinnlab.problem import Problem
from pinnlab.symbols import Expr, Normal, with_values


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
        return tuple(self._through(with_values(e)) for e in self.problem.equations)

    @cached_property
    def open_residuals(self) -> tuple[Expr, ...]:
        """The open conditions in jets of the free functions, coordinates and components of the normal."""
        unknowns, coordinates = self.problem.unknowns, self.problem.coordinates
        return tuple(self._through(from_jets(r.residual, unknowns, coordinates)) for r in self.open_rows)

    def derivatives(self, orders: Sequence[int]) -> tuple[Expr, ...]:
        """A partial derivative of each unknown, in jets of the free functions."""
        counts = [(c, n) for c, n in zip(self.problem.coordinates, orders, strict=True) if n]
        return tuple(to_jets(sp.Derivative(e, *counts) if counts else e, self.problem.coordinates)
                     for e in self.expressions)  # fmt: skip

    def index(self, symbol: JetSymbol) -> int:
        """Which free function a jet belongs to."""
        return [f.func.__name__ for f in self.functions].index(symbol.jet.field)

    def _through(self, expression: Expr) -> Expr:
        table = dict(zip(self.problem.unknowns, self.expressions, strict=True))
        return to_jets(expression.xreplace(table), self.problem.coordinates)


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
    """Initial and Dirichlet conditions on the sides of a box hold exactly: u = g + φ N.

    g is the transfinite interpolant of the data (W. J. Gordon, SIAM J. Numer. Anal. 8 (1971) 158-177: Boolean sums
    of one-dimensional interpolation, here linear in space and Taylor in time), φ the product of the distances to the
    sides where u is given, and of (t - t0)^m for m initial conditions.  Conditions of another kind (Neumann, Robin,
    general) stay residuals as in `Soft`, and are the only ones then.  Not for data that disagree where two sides meet:
    no continuous g has them.  Nor for initial data with kinks, which the ansatz would keep for ever.
    """

    def ansatz(self, problem: Problem) -> Ansatz:
        """U = g + φ N.

        Raises:
            UnsupportedProblem: If the region is no box, or data disagree where two sides meet.
        """
        if not isinstance(problem.region, Box):
            raise UnsupportedProblem(
                f"Hard on {problem.name!r}: conditions can be built in on the sides of a box only, not on "
                f"{problem.region}; use constraints=Soft()"
            )
        rows = classify(problem)
        functions, expressions, built_in = _functions(problem), [], set()
        for name, n in zip(problem.names, functions, strict=True):
            given = _given(rows, name)
            lift, distance = _interpolant(problem, given)
            _require_data_met(problem, given, lift)
            expressions.append(lift + distance * n)
            built_in |= {id(r) for r in given}
        left = tuple(r for r in rows if id(r) not in built_in)
        return Ansatz(problem, functions, tuple(expressions), left)


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
        t, start = problem.interval.time, _exact(problem.interval.start)
        for k, r in enumerate(initial):
            lift += r.value.subs(t, start) * (t - start) ** k / sp.factorial(k)
        distance *= ((t - start) / _exact(problem.interval.length)) ** len(initial)
    sides = {r.piece: r for r in given if r.piece != "initial"}
    region = problem.region
    assert isinstance(region, Box)  # Hard.ansatz has refused everything else
    for c in region.coordinates:
        here = {name: at for name, (axis, at) in region.sides.items() if axis == c and name in sides}
        low, high = (_exact(b) for b in region.bounds[c])
        length = high - low
        corrections = []
        for name, at in here.items():
            gap = (sides[name].value - lift).subs(c, _exact(at))
            near = (high - c) / length if at == region.bounds[c][0] else (c - low) / length
            corrections.append(gap * near if len(here) == 2 else gap)
            distance *= 2 * (c - low) / length if at == region.bounds[c][0] else 2 * (high - c) / length
        lift += sp.Add(*corrections)
    return lift, distance


def _require_data_met(problem: Problem, given: Sequence[Dirichlet], lift: Expr) -> None:
    """Refuse data that disagree at a corner: blending them would change the problem on the whole side."""
    if any(p.is_unknown for p in problem.parameters):
        return
    gaps: dict[str, float] = {}
    size = 0.0
    for row in given:
        points, _ = problem.spacetime.sample_piece(row.piece, 64, np.random.default_rng(0))
        built_in = sp.diff(lift, problem.time, row.time_order) if row.time_order else lift
        gap, value = on_points([built_in - row.value, row.value], problem.coordinates)(points).T
        gaps[row.piece] = max(gaps.get(row.piece, 0.0), float(np.abs(gap).max()))
        size = max(size, float(np.abs(value).max()))
    for piece, gap in gaps.items():
        if gap > CORNER_TOLERANCE * size:
            raise UnsupportedProblem(
                f"Hard on {problem.name!r}: data of {given[0].unknown} disagree where two sides meet, and no smooth "
                f"function with all of them can be built in (it misses those on {piece!r} by {gap:.3g}); "
                "use constraints=Soft()"
            )


def _exact(value: float) -> Expr:
    """A bound as an integer where it is one, so that data at a side simplify to zero where they should."""
    return sp.Integer(int(value)) if value == int(value) else sp.Float(value)


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
    def of(cls, expressions: Sequence[Expr]) -> Hoisted:
        """Split expressions into jets and coefficients."""
        table: dict[Expr, sp.Symbol] = {}
        hoisted = tuple(_hoist(e, table) for e in expressions)
        return cls(hoisted, {s: e for e, s in table.items()})

    @property
    def symbols(self) -> tuple[JetSymbol, ...]:
        """The jet symbols that occur."""
        return jet_symbols(*self.expressions)


_CONDITIONAL = (ExprCondPair, Relational, BooleanFunction)


def _hoist(e: Expr, table: dict[Expr, sp.Symbol]) -> Expr:
    if not e.free_symbols:
        return e
    if isinstance(e, _CONDITIONAL):
        # A condition is no number, so only the numbers in it are pulled out.
        return e.func(*(_hoist(a, table) for a in e.args))
    if not jet_symbols(e):
        return table.setdefault(e, sp.Dummy(f"coefficient_{len(table)}", real=True))
    if isinstance(e, JetSymbol):
        return e
    if isinstance(e, sp.Add | sp.Mul):
        plain = [a for a in e.args if not jet_symbols(a)]
        rest = [_hoist(a, table) for a in e.args if jet_symbols(a)]
        return e.func(_hoist(e.func(*plain), table), *rest) if plain else e.func(*rest)
    return e.func(*(_hoist(a, table) for a in e.args))
