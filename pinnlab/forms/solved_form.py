"""Equations solved for their leading derivatives, so that expressions in jets can be taken on solutions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sympy as sp

from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.jet import Jet, JetSymbol, jet_symbols
from pinnlab.forms.prolongation import total_derivative
from pinnlab.symbols import Expr


@dataclass(frozen=True, eq=False)
class SolvedForm:
    """u^α_J = G for each equation; made by `SolvedForm.of`.

    Attributes:
        coordinates: Time first.
        timed: Whether the first one is time.
        leading: Leading derivative → G, in which only derivatives of lower rank occur.
        constant: Name of a function → the numbers of the coordinates that it does not depend on.
        found: Derivatives of leading ones so far.
    """

    coordinates: tuple[sp.Symbol, ...]
    timed: bool
    leading: Mapping[Jet, Expr]
    constant: Mapping[str, frozenset[int]]
    found: dict[JetSymbol, Expr] = field(default_factory=dict, repr=False)

    @staticmethod
    def of(
        residuals: Sequence[Expr],
        coordinates: Sequence[sp.Symbol],
        *,
        timed: bool,
        constant: Mapping[str, frozenset[int]],
    ) -> SolvedForm:
        """Solve each equation, reduced by those before it, for its derivative of highest rank.

        Derivatives are ranked by their order in time, then by their order, so that what stands for one is of lower rank
        and replacing comes to an end.

        Args:
            residuals: Of the equations, in jets.
            coordinates: Time first.
            timed: Whether the first one is time.
            constant: Names of functions that are given, with the coordinates that they do not depend on.

        Raises:
            UnsupportedProblem: If an equation is not linear in that derivative.
        """
        leading: dict[Jet, Expr] = {}
        for residual in residuals:
            so_far = SolvedForm(tuple(coordinates), timed, dict(leading), constant)
            rest = so_far.reduced(residual)
            jets = [s for s in jet_symbols(rest) if s.jet.field not in constant]
            if not jets:
                if rest != 0:
                    raise UnsupportedProblem(f"{residual} = 0: it does not hold an unknown; leave it out")
                continue
            top = max(jets, key=so_far._rank)
            factor = sp.expand(sp.diff(rest, top))
            if top in factor.free_symbols:
                raise UnsupportedProblem(
                    f"{residual} = 0: it is not linear in {top}, its highest derivative, and cannot be solved for it; "
                    "differentiate the equation, or declare nothing about its symmetries"
                )
            leading[top.jet] = sp.expand(sp.cancel((factor * top - rest) / factor))
        return SolvedForm(tuple(coordinates), timed, leading, constant)

    def reduced(self, expression: Expr) -> Expr:
        """The expression on solutions: without leading derivatives and their derivatives, expanded."""
        expression = sp.expand(expression)
        while True:
            known = [s for s in jet_symbols(expression) if self._is_known(s)]
            if not known:
                return expression
            top = max(known, key=self._rank)
            expression = sp.expand(expression.xreplace({top: self._value(top)}))

    def at_points(self, expression: Expr) -> Expr:
        """The expression where the equations hold at single points, so that their derivatives need not hold."""
        symbols = jet_symbols(expression)
        table = {s: self._value(s) for s in symbols if s.jet in self.leading or self._vanishes(s)}
        return sp.expand(expression.xreplace(table))

    def _rank(self, symbol: JetSymbol) -> tuple[int, int, tuple[int, ...], str]:
        orders = symbol.jet.orders
        return orders[0] if self.timed else 0, sum(orders), orders, symbol.jet.field

    def _is_known(self, symbol: JetSymbol) -> bool:
        return self._vanishes(symbol) or self._leader(symbol) is not None

    def _vanishes(self, symbol: JetSymbol) -> bool:
        axes = self.constant.get(symbol.jet.field, frozenset())
        return any(symbol.jet.orders[i] for i in axes)

    def _leader(self, symbol: JetSymbol) -> Jet | None:
        jet = symbol.jet
        above = (j for j in self.leading if j.field == jet.field)
        return next((j for j in above if all(a <= b for a, b in zip(j.orders, jet.orders, strict=True))), None)

    def _value(self, symbol: JetSymbol) -> Expr:
        if self._vanishes(symbol):
            return sp.S.Zero
        if symbol not in self.found:
            leader = self._leader(symbol)
            assert leader is not None  # asked for known derivatives only
            value = self.leading[leader]
            for axis, (n, m) in enumerate(zip(symbol.jet.orders, leader.orders, strict=True)):
                for _ in range(n - m):
                    value = sp.expand(total_derivative(value, axis, self.coordinates))
            self.found[symbol] = value
        return self.found[symbol]
