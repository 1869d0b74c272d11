"""Point symmetries of differential equations, declared by their generators and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy as sp
from sympy.core.function import AppliedUndef

from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.jet import from_jets, jet_symbols
from pinnlab.forms.open_jets import OpenJets
from pinnlab.forms.prolongation import VectorField
from pinnlab.forms.solved_form import SolvedForm
from pinnlab.problem import Problem
from pinnlab.symbols import Expr, Parameter, UnknownFunction


@dataclass(frozen=True)
class PointSymmetry:
    """A flow of coordinates and unknowns that carries solutions to solutions, given by its infinitesimal generator.

        PointSymmetry({x: t, u: 1})              the Galilean boost u(t, x) to u(t, x - e t) + e
        PointSymmetry({t: 2 * t, x: x, u: -u})   the scaling of Burgers' equation

    stand for t ∂/∂x + ∂/∂u and 2t ∂/∂t + x ∂/∂x - u ∂/∂u.

    Args:
        generator: Coordinate or unknown → how fast it changes, an expression of coordinates, unknowns and parameters;
            what is not named stays.

    Raises:
        ValueError: If a key is neither a coordinate nor an unknown such as u(t, x), a value is not finite, or nothing
            changes.

    Source: P. J. Olver, Applications of Lie Groups to Differential Equations, 2nd ed., Springer 1993, section 2.3.
    """

    generator: Mapping[Expr, Expr]

    def __post_init__(self) -> None:
        if not isinstance(self.generator, Mapping) or not self.generator:
            raise ValueError(f"PointSymmetry({self.generator!r}): give what changes and how fast, as in {{x: t, u: 1}}")
        object.__setattr__(self, "generator", {k: sp.sympify(v) for k, v in self.generator.items()})
        for key, value in self.generator.items():
            coordinate = isinstance(key, sp.Symbol) and not isinstance(key, Parameter)
            if not coordinate and not isinstance(key, AppliedUndef):
                raise ValueError(f"PointSymmetry: {key} is neither a coordinate nor an unknown such as u(t, x)")
            if value.has(sp.Derivative):
                raise ValueError(
                    f"PointSymmetry: {key} changes by {value}; of a point symmetry that depends on coordinates and "
                    "unknowns, not on their derivatives"
                )
            if value.has(sp.nan, sp.oo, -sp.oo, sp.zoo):
                raise ValueError(f"PointSymmetry: {key} changes by {value}; give what is finite")
        if all(v == 0 for v in self.generator.values()):
            raise ValueError("PointSymmetry: nothing changes; give one that is not zero, as in {x: 1}")

    def __str__(self) -> str:
        return " + ".join(f"({v}) d/d{k.func.__name__ if k.args else k}" for k, v in self.generator.items())

    def remainders(self, problem: Problem, numbers: Sequence[str] = ()) -> tuple[Expr, ...]:
        """What is left of each equation when the prolonged generator is applied to it, on solutions; zero if invariant.

        Args:
            problem: Its equations; conditions are not looked at.
            numbers: Names of parameters that may have any value; others have that of the problem.

        Raises:
            UnsupportedProblem: If an equation cannot be solved for its highest derivative, or holds a term that is
                still to be learned.
            ValueError: If the generator names what the problem does not have.
        """
        jets = OpenJets.of(problem, numbers=numbers)
        found = remainders(jets, self.lowered(jets), {})
        return tuple(from_jets(r, problem.unknowns, problem.coordinates) for r in found)

    def require_symmetry_of(self, problem: Problem, numbers: Sequence[str] = ()) -> None:
        """Refuse equations that do not have this symmetry.

        Args:
            problem: Its equations; conditions are not looked at.
            numbers: Names of parameters that may have any value.

        Raises:
            ValueError: If something is left, which is printed, or `remainders` refuses.
        """
        jets = OpenJets.of(problem, numbers=numbers)
        require_invariant(jets, self.lowered(jets), {}, str(self))

    def lowered(self, jets: OpenJets) -> VectorField:
        """The generator in the symbols of a problem.

        Raises:
            ValueError: If it names what the problem does not have.
        """
        coordinates, unknowns = jets.problem.coordinates, jets.problem.unknowns
        known = {*coordinates, *unknowns}
        for key, value in self.generator.items():
            inside = {s for s in value.free_symbols if not isinstance(s, Parameter)} | value.atoms(AppliedUndef)
            for other in (key, *sorted(inside, key=str)):
                if other not in known:
                    raise ValueError(
                        f"{self}: {other} is neither a coordinate nor an unknown of {jets.problem.name!r}, which has "
                        f"{', '.join(map(str, (*coordinates, *unknowns)))}"
                    )
        motion = tuple(jets.lowered(self.generator.get(c, sp.S.Zero)) for c in coordinates)
        names = jets.problem.names
        change = {n: jets.lowered(self.generator.get(u, sp.S.Zero)) for n, u in zip(names, unknowns, strict=True)}
        return VectorField(tuple(coordinates), motion, change)


def remainders(jets: OpenJets, field: VectorField, constant: Mapping[str, frozenset[int]]) -> tuple[Expr, ...]:
    """What pr v makes of each equation r = 0, pr v (r) on solutions, simplified; zero for a symmetry.

    Args:
        jets: The problem.
        field: v.
        constant: Further functions, in v alone, with the numbers of the coordinates that they do not depend on.
    """
    given = {**jets.constant, **constant}
    coordinates = jets.problem.coordinates
    for e in jets.problem.equations:
        if e.has(UnknownFunction):
            raise UnsupportedProblem(f"symmetries of {jets.problem.name!r}: {e} holds a term that is to be learned")
    found = [sp.expand(field.applied(r)) for r in jets.residuals]
    if any(e != 0 for e in found):
        solved = SolvedForm.of(jets.residuals, coordinates, timed=jets.timed, constant=given)
        found = [solved.reduced(e) for e in found]
    return tuple(map(_simplified, found))


def require_invariant(jets: OpenJets, field: VectorField, constant: Mapping[str, frozenset[int]], said: str) -> None:
    """Refuse equations of which a vector field, called `said` in the message, is no symmetry.

    Raises:
        ValueError: If something is left, which is printed, or `remainders` refuses.
    """
    problem = jets.problem
    for equation, rest in zip(problem.equations, remainders(jets, field, constant), strict=True):
        if rest != 0:
            raise ValueError(
                f"{said} is not seen to be a symmetry of {problem.name!r}: on solutions the prolonged generator leaves "
                f"{_told(rest, problem)} of {equation} = 0, which should be zero"
            )


def require_kept_conditions(
    jets: OpenJets, field: VectorField, constant: Mapping[str, frozenset[int]], fixed: Mapping[sp.Symbol, Expr]
) -> None:
    """Refuse a problem one of whose conditions is not carried to itself.

    Args:
        jets: The problem.
        field: v.
        constant: Further functions, in v alone, with the numbers of the coordinates that they do not depend on.
        fixed: Coordinate → what of v vanishes at its ends.

    Raises:
        ValueError: If points move away from the piece of a condition, or something is left of it.
    """
    name, coordinates = jets.problem.name, jets.problem.coordinates
    given = {**jets.constant, **constant}
    for c in jets.conditions:
        at: dict[Expr, Expr] = {}
        if c.axis is not None:
            moving = coordinates[c.axis]
            at = {moving: c.at} | ({fixed[moving]: sp.S.Zero} if moving in fixed else {})
            speed = _simplified(field.motion[c.axis].xreplace(at))
            if speed != 0:
                raise ValueError(f"{name!r}: the flow carries {c.said} away, since {moving} changes by {speed} there")
        rest = sp.expand(field.applied(c.residual).xreplace(at))
        if rest != 0 and any(s.jet.field not in given for s in jet_symbols(c.residual)):
            solved = SolvedForm.of([c.residual], coordinates, timed=jets.timed, constant=given)
            rest = solved.at_points(rest)
        rest = _simplified(rest)
        if rest != 0:
            raise ValueError(
                f"{name!r}: the flow does not carry the condition {c.said} to itself, but leaves "
                f"{_told(rest, jets.problem)}"
            )


def _told(expression: Expr, problem: Problem) -> Expr:
    """With derivatives of unknowns in place of their jets."""
    own = [s for s in jet_symbols(expression) if s.jet.field in problem.names]
    return expression.xreplace({s: from_jets(s, problem.unknowns, problem.coordinates) for s in own})


def _simplified(expression: Expr) -> Expr:
    return sp.S.Zero if expression == 0 else sp.simplify(expression)
