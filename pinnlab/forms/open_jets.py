"""Equations and conditions in jets, with some parameters left open: functions as jets, numbers as symbols."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp

from pinnlab.domain.box import Box
from pinnlab.errors import IncompatibleData
from pinnlab.forms.boundary import classify
from pinnlab.forms.jet import Jet, to_jets
from pinnlab.forms.pointwise import Pointwise
from pinnlab.known import Known, known
from pinnlab.problem import Problem
from pinnlab.symbols import Expr, Normal, Parameter, parameters_of, with_values


@dataclass(frozen=True)
class OpenCondition:
    """One condition on one piece.

    Attributes:
        said: How it reads.
        piece: Where it holds.
        residual: In jets, coordinates being those of the piece where they are constant on it.
        axis: The number of the coordinate that is constant there; None where the piece is no side of a box.
        at: Its value there.
    """

    said: str
    piece: str
    residual: Expr
    axis: int | None
    at: Expr


@dataclass(frozen=True)
class OpenJets:
    """A problem in jets; made by `OpenJets.of`.

    Attributes:
        problem: As declared.
        residuals: Of the equations, numbers exact.
        conditions: All.
        functions: The names of the parameters that are functions of space.
        numbers: Those of the parameters that are numbers.
        evolving: Those of the functions that are functions of time, too.
    """

    problem: Problem
    residuals: tuple[Expr, ...]
    conditions: tuple[OpenCondition, ...]
    functions: tuple[str, ...]
    numbers: tuple[str, ...]
    evolving: tuple[str, ...] = ()

    @staticmethod
    def of(
        problem: Problem, functions: Sequence[str] = (), numbers: Sequence[str] = (), evolving: Sequence[str] = ()
    ) -> OpenJets:
        """The view of a problem.

        Args:
            problem: The declaration.
            functions: Names of parameters that stand for any function of space.
            numbers: Names of parameters that stand for any number.
            evolving: Those of the functions that stand for any function of time and space.

        Raises:
            ValueError: If the problem has no parameter of a name.
        """
        opened = _opened(problem, functions, numbers, evolving)
        residuals = tuple(exact(_symbols(r, problem)) for r in Pointwise.of(opened).residuals)
        conditions = tuple(_condition(problem, row.piece, _symbols(row.residual, problem)) for row in classify(opened))
        return OpenJets(problem, residuals, conditions, tuple(functions), tuple(numbers), tuple(evolving))

    @property
    def timed(self) -> bool:
        """Whether the first coordinate is time."""
        return self.problem.time is not None

    @property
    def constant(self) -> dict[str, frozenset[int]]:
        """For each open function the numbers of the coordinates that it does not depend on."""
        fixed = frozenset([0] if self.timed else [])
        return {name: frozenset() if name in self.evolving else fixed for name in self.functions}

    def lowered(self, expression: Expr) -> Expr:
        """An expression of coordinates, unknowns and parameters in the same symbols."""
        found = sp.sympify(expression)
        orders = (0,) * len(self.problem.coordinates)
        table: dict[Expr, Expr] = {}
        for p in parameters_of(found):
            if p.name in self.functions:
                table[p] = Jet(p.name, orders).symbol
            elif p.name in self.numbers:
                table[p] = _number(p)
        return exact(to_jets(with_values(found.xreplace(table)), self.problem.coordinates))


def exact(expression: Expr) -> Expr:
    """With rational numbers in place of decimal ones, so that what cancels is zero."""
    return expression.xreplace({f: sp.nsimplify(f, rational=True) for f in expression.atoms(sp.Float)})


@dataclass(frozen=True, eq=False)
class _Open:
    """Stands for what is left open."""

    parameter: Parameter

    def derivative(self, orders: Sequence[int]) -> Callable[[np.ndarray], np.ndarray]:
        """Zeros, which nobody is to see."""
        return lambda points: np.zeros((len(points), 1))


def _opened(problem: Problem, functions: Sequence[str], numbers: Sequence[str], evolving: Sequence[str]) -> Problem:
    if not functions and not numbers:
        return problem
    by_name = {p.name: p for p in problem.parameters}
    values = {}
    still = [name for name in functions if name not in evolving]
    for names, arguments in ((still, problem.space), (evolving, problem.coordinates), (numbers, (sp.S.Zero,))):
        for name in names:
            if name not in by_name:
                raise ValueError(f"{problem.name!r} has no parameter {name!r}; it has {', '.join(by_name) or 'none'}")
            values[name] = known(name, _Open(by_name[name]), 0, *arguments)
    with warnings.catch_warnings():
        # What stands for the functions vanishes everywhere, and need not agree with other data.
        warnings.simplefilter("ignore", IncompatibleData)
        return problem.with_parameters(**values)


def _symbols(expression: Expr, problem: Problem) -> Expr:
    """With jets and symbols in place of what stands for the open parameters."""
    table = {}
    for atom in expression.atoms(Known):
        held = atom.args[0].held
        if not isinstance(held, _Open):
            continue
        if atom.arguments == (sp.S.Zero,):
            table[atom] = _number(held.parameter)
        else:
            orders = atom.orders if len(atom.orders) == len(problem.coordinates) else (0, *atom.orders)
            table[atom] = Jet(held.parameter.name, orders).symbol
    return expression.xreplace(table)


def _number(p: Parameter) -> sp.Symbol:
    return sp.Symbol(p.name, real=True)


def _condition(problem: Problem, piece: str, residual: Expr) -> OpenCondition:
    said = f"{residual} = 0 on {piece}"
    region, interval = problem.region, problem.interval
    if piece == "initial" and interval is not None:
        at = exact(sp.sympify(interval.start))
        return OpenCondition(said, piece, exact(residual.xreplace({interval.time: at})), 0, at)
    if not isinstance(region, Box) or piece not in region.sides:
        return OpenCondition(said, piece, exact(residual), None, sp.S.Zero)
    coordinate, value = region.sides[piece]
    lower, at = value == region.bounds[coordinate][0], exact(sp.sympify(value))
    outward = {Normal(c): sp.Integer((-1 if lower else 1) if c == coordinate else 0) for c in problem.space}
    axis = problem.coordinates.index(coordinate)
    return OpenCondition(said, piece, exact(residual.xreplace(outward | {coordinate: at})), axis, at)
