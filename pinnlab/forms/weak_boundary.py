"""Boundary conditions read as values, outward fluxes and normal derivatives, each solved for."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from pinnlab.domain.box import Box
from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.jet import Jet, jet_symbols, to_jets
from pinnlab.problem import Problem
from pinnlab.symbols import Expr, Normal, NormalDerivative, OutwardFlux, Rate, field_name, normal, with_values


@dataclass(frozen=True)
class Prescribed:
    """A condition solved for what it gives of `unknown` on `piece`.

    Attributes:
        condition: As declared.
        unknown: Of which it gives something.
        piece: Where.
        value: What it gives; fluxes and slopes may depend on values of unknowns and on the normal.
    """

    condition: Expr
    unknown: str
    piece: str
    value: Expr


class GivenValue(Prescribed):
    """u = value."""


class GivenFlux(Prescribed):
    """F·n = value."""


class GivenSlope(Prescribed):
    """n·∇u = value."""


StandIns = dict[sp.Dummy, tuple[str, type[Prescribed]]]


def prescribed(problem: Problem) -> tuple[Prescribed, ...]:
    """Every condition on every piece.

    Raises:
        UnsupportedProblem: If one gives none of the three, such as a nonlinear relation of values alone.
    """
    return tuple(_read(c.residual, piece, problem) for c in problem.conditions for piece in problem.pieces_of(c))


def _read(condition: Expr, piece: str, problem: Problem) -> Prescribed:
    who = f"WeakForm of {problem.name!r}: the condition {condition} = 0 on {piece!r}"
    stand_ins: StandIns = {}
    table = {}
    for node in condition.atoms(OutwardFlux, NormalDerivative):
        dummy = sp.Dummy(real=True)
        stand_ins[dummy] = (field_name(node.args[0]), GivenFlux if isinstance(node, OutwardFlux) else GivenSlope)
        table[node] = dummy
    if condition.has(Rate):
        raise UnsupportedProblem(f"{who} prescribes a rate, but its equations are of first order in time")
    residual = to_jets(with_values(condition.xreplace(table)), problem.coordinates)
    residual = _along_the_normal(residual, piece, problem, stand_ins)
    if any(s.jet.order for s in jet_symbols(residual)):
        raise UnsupportedProblem(
            f"{who} holds a derivative that is not n·∇u; prescribe neumann(u, g), robin(u, a, b, g) or flux(u, g)"
        )
    held = [d for d in stand_ins if residual.has(d)]
    if not held:
        return _value(condition, residual, piece, who)
    factor = sp.diff(residual, held[0])
    if len(held) > 1 or factor.has(held[0]) or jet_symbols(factor):
        raise UnsupportedProblem(f"{who} is not linear in one outward flux or normal derivative; solve it for one")
    unknown, kind = stand_ins[held[0]]
    return kind(condition, unknown, piece, -residual.subs(held[0], 0) / factor)


def _value(condition: Expr, residual: Expr, piece: str, who: str) -> GivenValue:
    symbols = jet_symbols(residual)
    factor = sp.diff(residual, symbols[0])
    if len(symbols) > 1 or jet_symbols(factor):
        raise UnsupportedProblem(f"{who} is a nonlinear or coupled relation of values; prescribe each value")
    value = -residual.subs(symbols[0], 0) / factor
    if value.has(Normal):
        raise UnsupportedProblem(f"{who} gives a value through the normal, which corners do not have; write it out")
    return GivenValue(condition, symbols[0].jet.field, piece, value)


def _along_the_normal(residual: Expr, piece: str, problem: Problem, stand_ins: StandIns) -> Expr:
    """The residual with derivatives across the side of a box, or n·∇u written out, replaced by a stand-in for n·∇u."""
    region, dim = problem.region, len(problem.coordinates)
    first = dim - len(problem.space)
    for name in sorted({s.jet.field for s in jet_symbols(residual) if s.jet.order}):
        slope = sp.Dummy(real=True)
        value = Jet(name, (0,) * dim)
        gradient = [value.shifted(first + a, 1).symbol for a in range(len(problem.space))]
        if isinstance(region, Box) and piece in region.sides:
            axis, place = region.sides[piece]
            sign = 1 if place == region.bounds[axis][1] else -1
            a = problem.space.index(axis)
            across = {normal(c): sp.Integer(sign * (c == axis)) for c in problem.space}
            replaced = residual.subs(across).subs(gradient[a], sign * slope)
        else:
            # n_1 u_1 + n_2 u_2 + … = slope, solved for the first term.
            n = [normal(c) for c in problem.space]
            rest = sp.Add(*(m * g for m, g in zip(n[1:], gradient[1:], strict=True)))
            replaced = sp.cancel(sp.expand(residual.subs(gradient[0], (slope - rest) / n[0])))
        if not any(replaced.has(g) for g in gradient):
            residual = replaced
            stand_ins[slope] = (name, GivenSlope)
    return residual
