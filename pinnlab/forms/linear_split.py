"""The residual split into its linearisation at zero, the nonlinear rest, and what is free of the unknowns."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.jet import Jet, jet_symbols
from pinnlab.forms.pointwise import Pointwise
from pinnlab.problem import Problem
from pinnlab.symbols import Expr


@dataclass(frozen=True)
class LinearSplit:
    """r = L u + N(u) + f with L the Fréchet derivative of r at u = 0; N vanishes to second order there."""

    linear: tuple[dict[Jet, Expr], ...]
    nonlinear: tuple[Expr, ...]
    forcing: tuple[Expr, ...]

    @classmethod
    def of(cls, problem: Problem) -> LinearSplit:
        """The view of a problem.

        Raises:
            UnsupportedProblem: If the residual or its derivative is singular at u = 0, as for log(u) or 1/u.
        """
        parts = [split(r, problem.name) for r in Pointwise.of(problem).residuals]
        return cls(*(tuple(p[i] for p in parts) for i in range(3)))

    @property
    def is_linear(self) -> bool:
        """Whether nothing nonlinear is left."""
        return all(n == 0 for n in self.nonlinear)

    def expand(self) -> tuple[Expr, ...]:
        """L u + N(u) + f, one expression per equation."""
        rows = zip(self.linear, self.nonlinear, self.forcing, strict=True)
        return tuple(sp.Add(*(c * j.symbol for j, c in row.items()), n, f) for row, n, f in rows)


def split(residual: Expr, name: str) -> tuple[dict[Jet, Expr], Expr, Expr]:
    """One residual as (linear coefficients, nonlinear rest, forcing)."""
    symbols = jet_symbols(residual)
    zero = dict.fromkeys(symbols, sp.S.Zero)
    forcing = residual.subs(zero)
    partials = {s.jet: sp.diff(residual, s) for s in symbols}
    linear = {jet: c.subs(zero) for jet, c in partials.items()}
    for term in (forcing, *linear.values()):
        if term.has(sp.zoo, sp.nan, sp.oo, -sp.oo):
            raise UnsupportedProblem(
                f"LinearSplit of {name!r}: {residual} is singular at u = 0, so it has no linear part there; "
                "write the equation for a shifted unknown, u = 1 + v say"
            )
    linear = {j: c for j, c in linear.items() if c != 0}
    if not jet_symbols(*partials.values()):
        # The subtraction below would leave rounding errors of floating-point coefficients.
        return linear, sp.S.Zero, forcing
    rest = residual - forcing - sp.Add(*(c * j.symbol for j, c in linear.items()))
    return linear, sp.expand(rest), forcing
