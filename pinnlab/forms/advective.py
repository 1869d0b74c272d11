"""Transport form u_t + a·∇u + rest = 0, with a the velocity of the characteristics."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.jet import Jet, jet_symbols
from pinnlab.forms.pointwise import Pointwise
from pinnlab.problem import Problem
from pinnlab.symbols import Expr


@dataclass(frozen=True)
class Advective:
    """u_t + a·∇u + rest = 0 for each unknown, with a = r_{∇u} / r_{u_t} free of derivatives.

    Attributes:
        unknowns: Names, in the order of the rows.
        mass: The coefficients r_{u_t} that were divided out.
        velocity: For each unknown one expression per coordinate of space.
        rest: For each unknown what is left, divided by the mass; diffusion, reaction, forcing.
    """

    coordinates: tuple[sp.Symbol, ...]
    unknowns: tuple[str, ...]
    mass: tuple[Expr, ...]
    velocity: tuple[tuple[Expr, ...], ...]
    rest: tuple[Expr, ...]

    @classmethod
    def of(cls, problem: Problem) -> Advective:
        """The view of a problem.

        Raises:
            UnsupportedProblem: If an equation does not hold exactly one first time derivative, linearly, or
                the velocity depends on derivatives (as for u_t + u_x**2 = 0).
        """
        if problem.time is None:
            raise UnsupportedProblem(f"Advective of {problem.name!r}: a steady problem has no characteristics in time")
        form, dim = Pointwise.of(problem), len(problem.coordinates)
        rows = [_row(r, problem, dim) for r in form.residuals]
        order = {name: i for i, name in enumerate(problem.names)}
        rows.sort(key=lambda row: order[row[0]])
        if tuple(row[0] for row in rows) != problem.names:
            raise UnsupportedProblem(f"Advective of {problem.name!r}: each unknown needs one equation of its own rate")
        names, mass, velocity, rest = (tuple(column) for column in zip(*rows, strict=True))
        return cls(problem.coordinates, names, mass, velocity, rest)

    def expand(self) -> tuple[Expr, ...]:
        """M (u_t + a·∇u + rest), in the order of the unknowns."""
        out, dim = [], len(self.coordinates)
        for name, m, a, rest in zip(self.unknowns, self.mass, self.velocity, self.rest, strict=True):
            transport = sp.Add(*(v * _first(name, i + 1, dim).symbol for i, v in enumerate(a)))
            out.append(m * (_first(name, 0, dim).symbol + transport + rest))
        return tuple(out)


def _first(name: str, axis: int, dim: int) -> Jet:
    return Jet(name, tuple(int(i == axis) for i in range(dim)))


def _row(residual: Expr, problem: Problem, dim: int) -> tuple[str, Expr, tuple[Expr, ...], Expr]:
    who = f"Advective of {problem.name!r}"
    timed = [s for s in jet_symbols(residual) if s.jet.orders[0]]
    if len(timed) != 1 or timed[0].jet.orders != (1, *[0] * (dim - 1)):
        raise UnsupportedProblem(f"{who}: {residual} must hold exactly one time derivative, of first order")
    name = timed[0].jet.field
    mass = sp.diff(residual, timed[0])
    if jet_symbols(mass):
        raise UnsupportedProblem(f"{who}: the factor {mass} of {timed[0]} depends on the unknowns")
    gradient = [_first(name, i, dim).symbol for i in range(1, dim)]
    velocity = tuple(sp.cancel(sp.diff(residual, g) / mass) for g in gradient)
    for v in velocity:
        if any(s.jet.order for s in jet_symbols(v)):
            raise UnsupportedProblem(
                f"{who}: the velocity {v} depends on derivatives of the unknowns, so it is no transport equation"
            )
    transport = sp.Add(*(v * g for v, g in zip(velocity, gradient, strict=True)))
    return name, mass, velocity, sp.expand(residual / mass - timed[0] - transport)
