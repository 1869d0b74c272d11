"""Vector fields on coordinates and unknowns, prolonged to derivatives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import sympy as sp

from pinnlab.forms.jet import Jet, JetSymbol, jet_symbols
from pinnlab.symbols import Expr


@dataclass(frozen=True, eq=False)
class VectorField:
    """v = Σ_i ξ^i ∂/∂x^i + Σ_α φ_α ∂/∂u^α, the infinitesimal generator of a flow of graphs u(x).

    Attributes:
        coordinates: x^i, time first.
        motion: ξ^i, of coordinates and jets of order 0.
        change: u^α → φ_α, likewise; zero for what is not named.
        found: Coefficients of the prolongation so far.
    """

    coordinates: tuple[sp.Symbol, ...]
    motion: tuple[Expr, ...]
    change: Mapping[str, Expr]
    found: dict[Jet, Expr] = field(default_factory=dict, repr=False)

    def coefficient(self, jet: Jet) -> Expr:
        """φ_α^J = D_J(φ_α - Σ_i ξ^i u^α_i) + Σ_i ξ^i u^α_{J,i}, how the derivative u^α_J changes.

        Computed by φ^{J,k} = D_k φ^J - Σ_i (D_k ξ^i) u_{J,i}, in which the derivatives of higher order do not occur.

        Source: P. J. Olver, Applications of Lie Groups to Differential Equations, 2nd ed., Springer 1993, theorem 2.36.
        """
        if jet not in self.found:
            self.found[jet] = self._coefficient(jet)
        return self.found[jet]

    def applied(self, expression: Expr) -> Expr:
        """The prolonged field on an expression in jets, pr v (F) = Σ_i ξ^i ∂F/∂x^i + Σ φ_α^J ∂F/∂u^α_J."""
        terms = [m * sp.diff(expression, c) for c, m in zip(self.coordinates, self.motion, strict=True)]
        terms += [self.coefficient(s.jet) * sp.diff(expression, s) for s in jet_symbols(expression)]
        return sp.Add(*terms)

    def _coefficient(self, jet: Jet) -> Expr:
        axis = next((i for i, n in enumerate(jet.orders) if n), None)
        if axis is None:
            return self.change.get(jet.field, sp.S.Zero)
        lower = jet.shifted(axis, -1)
        terms = [total_derivative(self.coefficient(lower), axis, self.coordinates)]
        for i, m in enumerate(self.motion):
            terms.append(-total_derivative(m, axis, self.coordinates) * lower.shifted(i, 1).symbol)
        return sp.expand(sp.Add(*terms))


def total_derivative(expression: Expr, axis: int, coordinates: tuple[sp.Symbol, ...]) -> Expr:
    """D_i F = ∂F/∂x^i + Σ u^α_{J,i} ∂F/∂u^α_J, along the coordinate of this number."""
    terms = [sp.diff(expression, coordinates[axis])]
    terms += [sp.diff(expression, s) * _raised(s, axis) for s in jet_symbols(expression)]
    return sp.Add(*terms)


def _raised(symbol: JetSymbol, axis: int) -> JetSymbol:
    return symbol.jet.shifted(axis, 1).symbol
