"""The residual at a point: r(x, u, u_x, u_xx, …) = 0, and its Fréchet derivative."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from pinnlab.forms.jet import Jet, JetSymbol, jet_symbols, to_jets
from pinnlab.problem import Problem
from pinnlab.symbols import Expr, Parameter, with_values


@dataclass(frozen=True)
class Pointwise:
    """Residuals in coordinates, jet symbols and unknown parameters; all other views expand to it.

    Attributes:
        coordinates: Time first, then space.
        residuals: One expression per equation.
    """

    coordinates: tuple[sp.Symbol, ...]
    residuals: tuple[Expr, ...]

    @classmethod
    def of(cls, problem: Problem) -> Pointwise:
        """The view of a problem; every problem has one."""
        coordinates = problem.coordinates
        return cls(coordinates, tuple(to_jets(with_values(e), coordinates) for e in problem.equations))

    @cached_property
    def symbols(self) -> tuple[JetSymbol, ...]:
        """The jet symbols that occur, sorted."""
        return jet_symbols(*self.residuals)

    @property
    def jets(self) -> tuple[Jet, ...]:
        """The jets that occur, sorted."""
        return tuple(s.jet for s in self.symbols)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The unknown parameters that occur; known ones were replaced by their values."""
        found = {s for r in self.residuals for s in r.free_symbols if isinstance(s, Parameter)}
        return tuple(sorted(found, key=lambda p: p.name))

    @cached_property
    def partials(self) -> tuple[dict[Jet, Expr], ...]:
        """∂r_i/∂jet_j: the Fréchet derivative as an operator with pointwise coefficients."""
        return tuple(_partials(r) for r in self.residuals)

    @property
    def is_linear(self) -> bool:
        """Whether every residual is affine in the unknowns and their derivatives."""
        return not any(jet_symbols(c) for row in self.partials for c in row.values())

    def expand(self) -> tuple[Expr, ...]:
        """The residuals themselves."""
        return self.residuals


def _partials(residual: Expr) -> dict[Jet, Expr]:
    derivatives = {s.jet: sp.diff(residual, s) for s in jet_symbols(residual)}
    return {j: c for j, c in derivatives.items() if c != 0}
