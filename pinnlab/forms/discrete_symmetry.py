"""Reflections and exchanges of coordinates: whether equations and conditions are carried to one another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sympy as sp

from pinnlab.forms.jet import Jet, jet_symbols
from pinnlab.forms.open_jets import OpenJets
from pinnlab.symbols import Expr


@dataclass(frozen=True, eq=False)
class Exchange:
    """A map of coordinates and unknowns that is its own inverse.

    Attributes:
        said: How it is called in messages.
        coordinates: What takes the place of each coordinate that changes.
        jet: The sign and the jet that take the place of a jet.
        numbers: What takes the place of a parameter that is left open as a number.
        pieces: Where a piece goes; others stay.
    """

    said: str
    coordinates: Mapping[sp.Symbol, Expr]
    jet: Callable[[Jet], tuple[int, Jet]]
    numbers: Mapping[str, Expr]
    pieces: Mapping[str, str]

    def applied(self, expression: Expr) -> Expr:
        """An expression in coordinates and jets after the map."""
        table: dict[Expr, Expr] = dict(self.coordinates)
        for s in jet_symbols(expression):
            sign, jet = self.jet(s.jet)
            table[s] = sign * jet.symbol
        table |= {s: self.numbers[s.name] for s in expression.free_symbols if s.name in self.numbers}
        return expression.xreplace(table)

    def require_symmetry_of(self, jets: OpenJets) -> None:
        """Refuse a problem whose equations and conditions are not carried to one another, up to their signs.

        Raises:
            ValueError: If one is not; where it cannot be seen that it is, this is taken for none.
        """
        for equation, r in zip(jets.problem.equations, jets.residuals, strict=True):
            carried = self.applied(r)
            if not any(_same(carried, other) for other in jets.residuals):
                raise ValueError(
                    f"{self.said} is not seen to be a symmetry of {jets.problem.name!r}: it makes {carried} = 0 of "
                    f"{equation} = 0, which is none of its equations"
                )
        for c in jets.conditions:
            piece, carried = self.pieces.get(c.piece, c.piece), self.applied(c.residual)
            if not any(_same(carried, other.residual) for other in jets.conditions if other.piece == piece):
                raise ValueError(
                    f"{self.said} is not seen to be a symmetry of {jets.problem.name!r}: it makes {carried} = 0 on "
                    f"{piece} of the condition {c.said}, which is no condition there"
                )


def _same(one: Expr, other: Expr) -> bool:
    """Whether two expressions are the same up to a sign."""
    return any(map(_vanishes, (sp.expand(one - other), sp.expand(one + other))))


def _vanishes(expanded: Expr) -> bool:
    # What is left of an expanded polynomial does not cancel.
    return bool(expanded == 0 or (not expanded.is_polynomial() and sp.simplify(expanded) == 0))
