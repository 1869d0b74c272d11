"""Jet variables: every partial derivative of an unknown as one symbol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from pinnlab.errors import UnsupportedProblem
from pinnlab.known import Known
from pinnlab.symbols import Expr

# Expressions whose jets are kept: all forms of a problem, and all solvers of a comparison, expand the same ones.
REMEMBERED = 1024


class JetSymbol(sp.Symbol):
    """The symbol that stands for one partial derivative; its own type, so no user's symbol can equal it."""

    __slots__ = ("jet",)
    jet: Jet

    def __new__(cls, jet: Jet) -> JetSymbol:
        """The symbol of a jet, named after its field and orders."""
        label = jet.field if not jet.order else f"{jet.field}_{''.join(map(str, jet.orders))}"
        obj = sp.Symbol.__xnew__(cls, label, real=True)
        obj.jet = jet
        return obj

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.jet.field, self.jet.orders)

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.jet,), {}


@dataclass(frozen=True, order=True)
class Jet:
    """One partial derivative of one unknown: u_xx over the coordinates (t, x) is `Jet("u", (0, 2))`."""

    field: str
    orders: tuple[int, ...]

    @property
    def order(self) -> int:
        """The total order of differentiation."""
        return sum(self.orders)

    @property
    def symbol(self) -> JetSymbol:
        """The symbol that stands for this derivative in expressions."""
        return JetSymbol(self)

    def shifted(self, axis: int, by: int) -> Jet:
        """The jet with its order along one axis changed by `by`."""
        orders = list(self.orders)
        orders[axis] += by
        return Jet(self.field, tuple(orders))


def to_jets(expression: Expr, coordinates: Sequence[sp.Symbol]) -> Expr:
    """Expand all derivatives and replace every u^(α) by its jet symbol.

    Raises:
        UnsupportedProblem: If a derivative cannot be carried out, as for D(floor(u), x).
    """
    # What is known through values would be kept with all the answers that it is known from.
    lowered = _lowered if expression.has(Known) else _remembered
    return lowered(expression, tuple(coordinates))


def _lowered(expression: Expr, coordinates: tuple[sp.Symbol, ...]) -> Expr:
    expanded = expression.doit()
    nodes = {d for d in expanded.atoms(sp.Derivative) if isinstance(d.expr, AppliedUndef)}
    table = {d: _jet(d.expr, d.variable_count, coordinates) for d in nodes}
    # Derivatives before the functions inside them, or the inner replacement would hide the outer node.
    without = expanded.xreplace({d: j.symbol for d, j in table.items()})
    result = without.xreplace({f: _jet(f, (), coordinates).symbol for f in without.atoms(AppliedUndef)})
    for left in result.atoms(sp.Derivative, sp.Subs):
        raise UnsupportedProblem(f"{expression}: {left} has no value where it jumps; use a smooth function instead")
    return result


_remembered = lru_cache(maxsize=REMEMBERED)(_lowered)


def from_jets(expression: Expr, unknowns: Sequence[Expr], coordinates: Sequence[sp.Symbol]) -> Expr:
    """The inverse of `to_jets`: every jet symbol becomes a derivative of its unknown."""
    by_name = {u.func.__name__: u for u in unknowns}
    table = {}
    for s in jet_symbols(expression):
        counts = [(c, n) for c, n in zip(coordinates, s.jet.orders, strict=True) if n]
        u = by_name[s.jet.field]
        table[s] = sp.Derivative(u, *counts) if counts else u
    return expression.xreplace(table)


def jet_symbols(*expressions: Expr) -> tuple[JetSymbol, ...]:
    """The jet symbols in some expressions, sorted by unknown and order."""
    found = {s for e in expressions for s in e.free_symbols if isinstance(s, JetSymbol)}
    return tuple(sorted(found, key=lambda s: s.jet))


def _jet(function: Expr, counts: Any, coordinates: Sequence[sp.Symbol]) -> Jet:
    orders = dict.fromkeys(coordinates, 0)
    for s, n in counts:
        orders[s] += int(n)
    return Jet(function.func.__name__, tuple(orders.values()))
