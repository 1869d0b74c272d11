"""Incompressible flow recognised from a declaration in velocity and pressure."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.jet import Jet, jet_symbols
from pinnlab.forms.pointwise import Pointwise
from pinnlab.problem import Problem
from pinnlab.symbols import Expr


@dataclass(frozen=True)
class Incompressible:
    """m v_t + c ∇p + (terms without p) = 0 and a div v = a g: a velocity, one pressure, one continuity equation.

    The names of the unknowns, the order and sign of the equations, constant factors and the spelling (advective,
    in fluxes, with the symmetric stress) do not matter; m = 0 if the flow is steady or has no inertia.

    Attributes:
        velocity: Names of the components of v, ordered like the coordinates of space.
        pressure: Name of p, which has no time derivative and enters the momentum equations only.
        momentum: For each component the index of its equation, the one that holds its ∂p.
        continuity: The index of the continuity equation.
        gradient: For each component the constant c in its equation as declared: c ∂p.
        mass: For each component the constant m in its equation as declared: m ∂v/∂t.
        divergence: The constant a in the continuity equation as declared.
        source: g in div v = g, a function of the coordinates, usually zero.
        others: Names of the remaining unknowns, such as a temperature.
    """

    velocity: tuple[str, ...]
    pressure: str
    momentum: tuple[int, ...]
    continuity: int
    gradient: tuple[Expr, ...]
    mass: tuple[Expr, ...]
    divergence: Expr
    source: Expr
    others: tuple[str, ...]

    @classmethod
    def of(cls, problem: Problem) -> Incompressible:
        """The view of a problem.

        Raises:
            UnsupportedProblem: If it is not an incompressible flow in two or more dimensions, or more than one.
        """
        who = f"Incompressible of {problem.name!r}"
        if len(problem.space) < 2:
            raise UnsupportedProblem(f"{who}: a flow needs at least two dimensions of space, not {len(problem.space)}")
        form = Pointwise.of(problem)
        divergences = {k: d for k, r in enumerate(form.residuals) if (d := _Divergence.of(r, problem)) is not None}
        if not divergences:
            raise UnsupportedProblem(f"{who}: {_without_continuity(form, problem)}")
        found: list[Incompressible] = []
        reasons: list[str] = []
        for row, divergence in divergences.items():
            for name in problem.names:
                if name not in divergence.velocity and _is_in_gradient(form, name):
                    try:
                        found.append(_with_pressure(problem, form, row, divergence, name))
                    except _NoPressure as reason:
                        reasons.append(str(reason))
        if len(found) > 1:
            pairs = " and ".join(f"{f.pressure} with equation {f.continuity}" for f in found)
            raise UnsupportedProblem(
                f"{who}: more than one pressure and continuity equation fit ({pairs}); declare one flow at a time"
            )
        if not found:
            why = "; ".join(reasons) or "no unknown enters the other equations through its gradient"
            raise UnsupportedProblem(f"{who}: it has no pressure: {why}")
        return found[0]


class _NoPressure(Exception):
    """Why an unknown is not the pressure of a flow."""


@dataclass(frozen=True)
class _Divergence:
    """An equation a (∂v_1/∂x_1 + … + ∂v_d/∂x_d - g) = 0."""

    velocity: tuple[str, ...]
    factor: Expr
    source: Expr

    @classmethod
    def of(cls, residual: Expr, problem: Problem) -> _Divergence | None:
        """The residual read that way, or None if it is something else."""
        symbols = jet_symbols(residual)
        components = dict(_component(s.jet, problem) for s in symbols)
        factors = {sp.expand(sp.diff(residual, s)) for s in symbols}
        fields = {s.jet.field for s in symbols}
        if not len(symbols) == len(fields) == len(problem.space) or len(factors) != 1:
            return None
        (factor,) = factors
        if set(components) != set(range(len(symbols))) or not _is_constant(factor, problem):
            return None
        # Data made from a velocity without divergence may vanish only after simplification.
        source = sp.simplify(-residual.subs(dict.fromkeys(symbols, 0)) / factor)
        return cls(tuple(components[i] for i in range(len(symbols))), factor, source)


def _component(jet: Jet, problem: Problem) -> tuple[int, str]:
    """(i, name) for the first derivative of an unknown along the i-th axis of space, i = -1 for other jets."""
    space = jet.orders[len(jet.orders) - len(problem.space) :]
    return (space.index(1) if jet.order == 1 and 1 in space else -1), jet.field


def _is_constant(expression: Expr, problem: Problem) -> bool:
    return not jet_symbols(expression) and not expression.free_symbols & set(problem.coordinates)


def _is_in_gradient(form: Pointwise, name: str) -> bool:
    """Whether every jet of an unknown is a derivative, one of them a first derivative."""
    return min((j.order for j in form.jets if j.field == name), default=0) == 1


def _with_pressure(problem: Problem, form: Pointwise, row: int, divergence: _Divergence, name: str) -> Incompressible:
    """The view with the given unknown as the pressure.

    Raises:
        _NoPressure: If it is none.
    """
    momentum: dict[int, int] = {}
    gradient: dict[int, Expr] = {}
    mass: dict[int, Expr] = {}
    for k, residual in enumerate(form.residuals):
        symbols = [s for s in jet_symbols(residual) if s.jet.field == name]
        if not symbols:
            continue
        factor = sp.expand(sp.diff(residual, symbols[0]))
        axis, _ = _component(symbols[0].jet, problem)
        if len(symbols) > 1 or axis < 0 or not _is_constant(factor, problem):
            raise _NoPressure(
                f"equation {k} holds {', '.join(map(str, symbols))}, not one component of the gradient of {name} "
                "with a constant coefficient"
            )
        if axis in momentum:
            raise _NoPressure(f"the equations {momentum[axis]} and {k} both hold {symbols[0]}")
        momentum[axis], gradient[axis] = k, factor
        mass[axis] = _mass(residual, k, divergence.velocity, axis, problem)
    missing = [str(c) for i, c in enumerate(problem.space) if i not in momentum]
    if missing:
        raise _NoPressure(f"no equation holds the derivative of {name} along {', '.join(missing)}")
    axes = range(len(problem.space))
    ratios = {sp.simplify(mass[i] / gradient[i]) for i in axes}
    if len(ratios) > 1:
        raise _NoPressure(
            f"the gradient of {name} has different coefficients in the momentum equations: the ratios of mass to "
            f"coefficient are {', '.join(sorted(map(str, ratios)))}"
        )
    return Incompressible(
        velocity=divergence.velocity,
        pressure=name,
        momentum=tuple(momentum[i] for i in axes),
        continuity=row,
        gradient=tuple(gradient[i] for i in axes),
        mass=tuple(mass[i] for i in axes),
        divergence=divergence.factor,
        source=divergence.source,
        others=tuple(n for n in problem.names if n != name and n not in divergence.velocity),
    )


def _mass(residual: Expr, row: int, velocity: tuple[str, ...], axis: int, problem: Problem) -> Expr:
    """The coefficient of the rate of `velocity[axis]` in its momentum equation, zero without inertia.

    Raises:
        _NoPressure: If the equation is that of another unknown.
    """
    own, where = velocity[axis], f"equation {row} has the pressure's derivative along {problem.space[axis]}"
    jets = [s.jet for s in jet_symbols(residual)]
    rates = [j for j in jets if _is_rate(j, problem)]
    if not rates:
        # Mixed derivatives belong to the symmetric stress; the highest unmixed ones show whose equation it is.
        unmixed = [j for j in jets if j.field in velocity and sum(n > 0 for n in j.orders) <= 1]
        highest = max((j.order for j in unmixed), default=0)
        if own not in {j.field for j in unmixed if j.order == highest}:
            raise _NoPressure(f"{where}, but it is not the equation of {own}")
        return sp.S.Zero
    coefficient = sp.expand(sp.diff(residual, rates[0].symbol))
    if (
        len(rates) > 1
        or rates[0] != Jet(own, (1, *(0,) * len(problem.space)))
        or not _is_constant(coefficient, problem)
    ):
        raise _NoPressure(
            f"{where}, so its only time derivative must be that of {own} with a constant coefficient, and it holds "
            f"{', '.join(str(j.symbol) for j in rates)}"
        )
    return coefficient


def _is_rate(jet: Jet, problem: Problem) -> bool:
    return problem.time is not None and jet.orders[0] > 0


def _without_continuity(form: Pointwise, problem: Problem) -> str:
    """Why there is no continuity equation; names an equation that holds a divergence and more."""
    dim = len(problem.space)
    for k, residual in enumerate(form.residuals):
        symbols = jet_symbols(residual)
        pairs = [(_component(s.jet, problem), s) for s in symbols]
        first = {(axis, name) for (axis, name), _ in pairs if axis >= 0}
        names = {name for _, name in first}
        if {axis for axis, _ in first} == set(range(dim)) and len(names) == len(first) == dim < len(symbols):
            rest = [str(s) for (axis, _), s in pairs if axis < 0]
            if rest:
                return f"equation {k} would be the divergence of {', '.join(sorted(names))}, but it holds {rest[0]} too"
    return f"no equation reads div v = g with a velocity v of {dim} unknowns and constant coefficients"
