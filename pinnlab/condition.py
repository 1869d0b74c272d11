"""Initial and boundary conditions: one class, and the shorthands that build it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from pinnlab.symbols import Expr, NormalDerivative, OutwardFlux, Rate

Pieces = str | Sequence[str] | None


@dataclass(frozen=True, init=False)
class Condition:
    """`residual = 0` on named pieces of the boundary; "initial" is the piece at the initial time.

    Args:
        residual: An expression of the unknowns, their derivatives, the coordinates and `normal(x)`.
        on: The name of a piece, or a list of names; None means the whole boundary in space.
    """

    residual: Expr
    on: tuple[str, ...] | None

    def __init__(self, residual: Any, on: Pieces = None) -> None:
        if isinstance(residual, sp.Equality):
            residual = residual.lhs - residual.rhs
        object.__setattr__(self, "residual", sp.sympify(residual))
        object.__setattr__(self, "on", (on,) if isinstance(on, str) else None if on is None else tuple(on))
        if self.on is not None and not self.on:
            raise ValueError(f"condition {self.residual} = 0 names no piece; give on='left', say, or leave it out")

    def __str__(self) -> str:
        return f"{self.residual} = 0 on {', '.join(self.on) if self.on else 'the whole boundary'}"


def initial(u: Expr, g: Any) -> Condition:
    """U = g at the initial time."""
    return Condition(u - sp.sympify(g), "initial")


def initial_rate(u: Expr, g: Any) -> Condition:
    """u_t = g at the initial time, for equations of second order in time."""
    return Condition(Rate(u) - sp.sympify(g), "initial")


def dirichlet(u: Expr, g: Any, on: Pieces = None) -> Condition:
    """U = g on the boundary."""
    return Condition(u - sp.sympify(g), on)


def neumann(u: Expr, g: Any, on: Pieces = None) -> Condition:
    """n·∇u = g on the boundary, with n the outward unit normal."""
    return Condition(NormalDerivative(u) - sp.sympify(g), on)


def flux(u: Expr, g: Any, on: Pieces = None) -> Condition:
    """F·n = g on the boundary: what leaves per area, where the equation of u reads m u_t + div F + S = 0."""
    return Condition(OutwardFlux(u) - sp.sympify(g), on)


def robin(u: Expr, a: Any, b: Any, g: Any, on: Pieces = None) -> Condition:
    """Set a u + b n·∇u = g on the boundary."""
    return Condition(sp.sympify(a) * u + sp.sympify(b) * NormalDerivative(u) - sp.sympify(g), on)
