"""Values of randomly drawn functions, of many draws at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from pinnlab.family import Family
from pinnlab.forms.evaluate import Program
from pinnlab.known import Known, known
from pinnlab.random_functions import Series
from pinnlab.symbols import Expr

Draw = Mapping[str, Expr | float]


def values_on_grid(
    expressions: Sequence[Expr | float], space: Sequence[sp.Symbol], axes: Sequence[np.ndarray]
) -> np.ndarray:
    """Many expressions of the coordinates on one grid, `(len(expressions), *grid)`.

    Expressions that differ in nothing but the coefficients of their series are evaluated together.

    Raises:
        UnsupportedProblem: If an expression holds another symbol.
    """
    grid = tuple(len(a) for a in axes)
    templates = [_Template.of(sp.sympify(e), tuple(space)) for e in expressions]
    if len(templates) > 1 and all(t.expression == templates[0].expression for t in templates):
        columns = [_together(series, space, axes) for series in zip(*(t.series for t in templates), strict=True)]
        if all(c is not None for c in columns):
            return _evaluated(templates[0], space, axes, columns, (len(templates), *grid))
    if all(t.expression.is_number for t in templates):
        numbers = np.array([float(t.expression) for t in templates])
        return np.broadcast_to(numbers.reshape(-1, *(1,) * len(grid)), (len(numbers), *grid)).copy()
    return np.stack([_one(t, space, axes, grid) for t in templates])


def inputs_on_grid(family: Family, draws: Sequence[Draw], axes: Sequence[np.ndarray]) -> np.ndarray:
    """What is random of each member as channels on a grid of space, `(members, things, *grid)`.

    A number is a constant channel; a function of time as well is taken at the initial time.
    """
    interval = family.problem.interval
    start = {} if interval is None else {interval.time: sp.Float(interval.start)}
    columns = [[sp.sympify(d[name]).xreplace(start) for d in draws] for name in family.things]
    return np.stack([values_on_grid(c, family.problem.space, axes) for c in columns], axis=1)


@dataclass(frozen=True, eq=False)
class Nothing:
    """Stands for a function that is not drawn yet."""

    name: str

    def derivative(self, orders: Sequence[int]) -> Any:
        """Zeros."""
        return lambda points: np.zeros((len(points), 1))


def placeholders(family: Family) -> dict[str, Expr]:
    """For each random thing an expression that stands for it, of the coordinates of space."""
    return {name: known(name, Nothing(name), 0, *family.problem.space) for name in family.things}


def with_drawn(expression: Expr, draw: Draw) -> Expr:
    """An expression with what `placeholders` put in replaced by what was drawn, derivatives taken."""
    table = {}
    for atom in expression.atoms(Known):
        held = atom.args[0].held
        if isinstance(held, Nothing):
            found = sp.sympify(draw[held.name])
            for coordinate, order in zip(atom.arguments, atom.orders, strict=True):
                found = found.diff(coordinate, order) if order else found
            table[atom] = found
    return expression.xreplace(table)


@dataclass(frozen=True)
class _Template:
    """An expression in which dummies, numbered from 0, stand for series."""

    expression: Expr
    dummies: tuple[sp.Symbol, ...]
    series: tuple[Known, ...]

    @staticmethod
    def of(expression: Expr, space: tuple[sp.Symbol, ...]) -> _Template:
        atoms = [k for k in expression.atoms(Known) if isinstance(k.args[0].held, Series)]
        plain = [k for k in atoms if k.arguments == tuple(c for c in space if c in k.arguments)]
        found = tuple(sorted(plain, key=lambda k: (str(k), k.orders)))
        dummies = tuple(sp.Symbol(f"_series_{i}", real=True) for i in range(len(found)))
        return _Template(expression.xreplace(dict(zip(found, dummies, strict=True))), dummies, found)


def _together(series: Sequence[Known], space: Sequence[sp.Symbol], axes: Sequence[np.ndarray]) -> np.ndarray | None:
    """Values `(batch, *grid)` of series in the same functions, with axes of length 1 for missing coordinates."""
    first, held = series[0], series[0].args[0].held
    for other in series:
        same = other.arguments == first.arguments and other.orders == first.orders
        if not same or other.args[0].held.bases != held.bases:
            return None
        if other.args[0].held.coefficients.shape != held.coefficients.shape:
            return None
    stacked = Series(held.bases, np.stack([s.args[0].held.coefficients for s in series]))
    places = [list(space).index(a) for a in first.arguments]
    values = stacked.on_grid([axes[i] for i in places], first.orders)
    shape = [len(a) if i in places else 1 for i, a in enumerate(axes)]
    return values.reshape(len(series), *shape)


def _one(
    template: _Template, space: Sequence[sp.Symbol], axes: Sequence[np.ndarray], grid: tuple[int, ...]
) -> np.ndarray:
    columns = [_together([s], space, axes) for s in template.series]
    return _evaluated(template, space, axes, columns, (1, *grid))[0]


def _evaluated(
    template: _Template,
    space: Sequence[sp.Symbol],
    axes: Sequence[np.ndarray],
    columns: Sequence[Any],
    shape: tuple[int, ...],
) -> np.ndarray:
    program = Program([template.expression], [*space, *template.dummies])
    nodes = np.meshgrid(*axes, indexing="ij")
    (found,) = program(*(n[None] for n in nodes), *columns)
    return np.broadcast_to(np.asarray(found, float), shape).copy()
