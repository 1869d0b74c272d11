"""What is drawn at random in place of what stands for it, and its values as inputs of an operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from pinnlab.family import Family
from pinnlab.known import Known, known
from pinnlab.operators.differing import values_on_grid
from pinnlab.problem import Problem
from pinnlab.symbols import Expr

Draw = Mapping[str, Expr | float]


def inputs_on_grid(family: Family, draws: Sequence[Draw], axes: Sequence[np.ndarray]) -> np.ndarray:
    """What is random of each member as channels on a grid of space, `(members, things, *grid)`.

    A number is a constant channel; a function of time as well is taken at the initial time.
    """
    return channels_on_grid(family.problem, family.things, draws, axes)


def channels_on_grid(
    problem: Problem, things: Sequence[str], draws: Sequence[Draw], axes: Sequence[np.ndarray]
) -> np.ndarray:
    """The same of the named parameters of a problem."""
    interval = problem.interval
    start = {} if interval is None else {interval.time: interval.start}
    columns = [[sp.sympify(d[name]) for d in draws] for name in things]
    return np.stack([values_on_grid(c, problem.space, axes, start) for c in columns], axis=1)


@dataclass(frozen=True, eq=False)
class Nothing:
    """Stands for a function, or for a number, that is not drawn yet.

    Attributes:
        name: Of the parameter.
        coordinates: Of the function; a number has none.
        value: What it has for the time being.
    """

    name: str
    coordinates: tuple[sp.Symbol, ...]
    value: float = 0.0

    def derivative(self, orders: Sequence[int]) -> Any:
        """Of the value."""
        value = 0.0 if any(orders) else self.value
        return lambda points: np.full((len(points), 1), value)


def placeholders(family: Family, first: Draw) -> dict[str, Expr]:
    """For each random thing an expression that stands for it, of all coordinates, or of none where it is a number.

    Args:
        family: The family.
        first: What was drawn for one member, whose numbers are taken for the time being.
    """
    out, coordinates = {}, family.problem.coordinates
    for name in family.things:
        value = sp.sympify(first[name])
        if isinstance(first[name], sp.Basic):
            out[name] = known(name, Nothing(name, coordinates), 0, *coordinates)
        else:
            out[name] = known(name, Nothing(name, (), float(value)), 0, sp.S.Zero)
    return out


def undrawn(expression: Expr) -> set[Known]:
    """What of an expression `placeholders` put in, derivatives taken."""
    return {k for k in expression.atoms(Known) if isinstance(k.args[0].held, Nothing)}


def with_drawn(expression: Expr, draw: Draw) -> Expr:
    """An expression with what `placeholders` put in replaced by what was drawn, derivatives taken.

    Raises:
        ValueError: If a function was drawn where a number stands.
    """
    return expression.xreplace({atom: _drawn(atom, draw) for atom in undrawn(expression)})


def _drawn(atom: Known, draw: Draw) -> Expr:
    held = atom.args[0].held
    found = sp.sympify(draw[held.name])
    if not held.coordinates:
        if found.free_symbols:
            raise ValueError(
                f"{held.name} is a number in one member of the family and the function {found} in another; draw it as "
                "a sympy expression in all of them"
            )
        return found
    for coordinate, order in zip(held.coordinates, atom.orders, strict=True):
        found = found.diff(coordinate, order) if order else found
    places = zip(held.coordinates, atom.arguments, strict=True)
    # What is replaced by itself is built anew all the same, which takes sympy long.
    return found.xreplace({c: at for c, at in places if c != at})
