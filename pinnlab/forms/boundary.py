"""Conditions sorted by what they prescribe: a value, a normal derivative or their combination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.balance_law import BalanceLaw
from pinnlab.forms.jet import Jet, jet_symbols, to_jets
from pinnlab.problem import Problem
from pinnlab.symbols import Expr, Normal, NormalDerivative, OutwardFlux, Rate, normal, with_values


@dataclass(frozen=True)
class BoundaryRow:
    """One condition on one piece: residual = 0, in jets, coordinates and the components of the normal.

    Attributes:
        residual: The condition in jets.
        piece: Where it holds.
        unknown: The unknown it prescribes, or None where it couples several.
    """

    residual: Expr
    piece: str
    unknown: str | None

    @property
    def linear(self) -> dict[Jet, Expr]:
        """The coefficient of each jet.

        Raises:
            UnsupportedProblem: If the condition is nonlinear in the unknowns.
        """
        coefficients = {s.jet: sp.diff(self.residual, s) for s in jet_symbols(self.residual)}
        if jet_symbols(*coefficients.values()):
            raise UnsupportedProblem(f"the condition {self.residual} = 0 on {self.piece!r} is nonlinear")
        return coefficients

    @property
    def data(self) -> Expr:
        """The right-hand side g of Σ coefficient·jet = g."""
        return -self.residual.subs(dict.fromkeys(jet_symbols(self.residual), 0))


@dataclass(frozen=True)
class Dirichlet(BoundaryRow):
    """u = `value` on the piece; order 0 in time, or u_t = value for the initial rate."""

    value: Expr
    time_order: int = 0


@dataclass(frozen=True)
class Robin(BoundaryRow):
    """a u + b n·∇u = g on the piece; Neumann where a = 0."""

    a: Expr
    b: Expr
    g: Expr


@dataclass(frozen=True)
class General(BoundaryRow):
    """Any other condition: nonlinear, coupled, or of higher order."""


def classify(problem: Problem) -> tuple[BoundaryRow, ...]:
    """Every condition on every piece, sorted into `Dirichlet`, `Robin` and `General`."""
    return tuple(
        _classified(resolved(c.residual, problem), piece, problem)
        for c in problem.conditions
        for piece in problem.pieces_of(c)
    )


def initial_data(problem: Problem, states: Sequence[Jet]) -> tuple[Expr, ...]:
    """The initial value of each state: an unknown, or its time derivative.

    Raises:
        UnsupportedProblem: If one is not prescribed in the form u = g.
    """
    rows = [r for r in classify(problem) if isinstance(r, Dirichlet) and r.piece == "initial"]
    given = {(r.unknown, r.time_order): r.value for r in rows}
    for s in states:
        if (s.field, s.order) not in given:
            raise UnsupportedProblem(f"{problem.name!r}: the initial condition of {s.symbol} is not of the form u = g")
    return tuple(given[s.field, s.order] for s in states)


def resolved(residual: Expr, problem: Problem) -> Expr:
    """A condition's residual in jets, with n·∇u, u_t and F·n written out."""
    table = {}
    for node in residual.atoms(NormalDerivative, Rate, OutwardFlux):
        (u,) = node.args
        if isinstance(node, Rate):
            table[node] = sp.Derivative(u, problem.time)
        elif isinstance(node, NormalDerivative):
            table[node] = sp.Add(*(normal(c) * sp.Derivative(u, c) for c in problem.space))
        else:
            table[node] = _outward_flux(u, problem)
    return to_jets(with_values(residual.xreplace(table)), problem.coordinates)


def _outward_flux(u: Expr, problem: Problem) -> Expr:
    """F·n of the equation that governs u: the one with its time derivative, else the one in its position."""
    law = BalanceLaw.of(problem)
    rows = [i for i, m in enumerate(law.mass) if u in m]
    if len(rows) > 1:
        raise UnsupportedProblem(f"flux condition of {problem.name!r}: {len(rows)} equations hold the rate of {u}")
    row = rows[0] if rows else problem.unknowns.index(u)
    return sp.Add(*(normal(c) * f for c, f in zip(problem.space, law.flux[row], strict=True)))


def _classified(residual: Expr, piece: str, problem: Problem) -> BoundaryRow:
    symbols = jet_symbols(residual)
    fields = {s.jet.field for s in symbols}
    unknown = next(iter(fields)) if len(fields) == 1 else None
    partial = {s.jet: sp.diff(residual, s) for s in symbols}
    if unknown is None or jet_symbols(*partial.values()):
        return General(residual, piece, unknown)
    g = -residual.subs(dict.fromkeys(symbols, 0))
    if len(partial) == 1:
        ((jet, c),) = partial.items()
        in_time = jet.orders[0] if problem.time is not None else 0
        if jet.order == in_time and (in_time == 0 or piece == "initial"):
            return Dirichlet(residual, piece, unknown, g / c, in_time)
    a, b = _robin(partial, problem.coordinates, problem.space)
    return General(residual, piece, unknown) if b is None else Robin(residual, piece, unknown, a, b, g)


def _robin(
    partial: dict[Jet, Expr], coordinates: Sequence[sp.Symbol], space: Sequence[sp.Symbol]
) -> tuple[Expr, Expr | None]:
    """(a, b) if the partials are those of a u + b n·∇u, else b is None."""
    a, b = sp.S.Zero, None
    # n·∇u has a component along every axis; n_x u_x alone is another condition where the boundary is oblique.
    if sum(jet.order > 0 for jet in partial) != len(space):
        return a, None
    for jet, c in partial.items():
        if jet.order == 0:
            a = c
            continue
        axis = next((coordinates[i] for i, n in enumerate(jet.orders) if n), None)
        if jet.order != 1 or axis not in space:
            return a, None
        ratio = sp.cancel(c / normal(axis))
        if ratio.has(Normal) or (b is not None and sp.simplify(ratio - b) != 0):
            return a, None
        b = ratio
    return a, b
