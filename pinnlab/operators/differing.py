"""Values at nodes of expressions that differ between the members of a family, of all members at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp
import torch
from torch import Tensor

from pinnlab.forms.evaluate import Program
from pinnlab.known import Known
from pinnlab.operators.structure import Structure
from pinnlab.random_functions import Series
from pinnlab.symbols import Expr

# Times that differ by less than this share of one are the same but for rounding.
SAME = 1e-12
# Values are kept at so many times: the stages of a Runge-Kutta step fall on its start, its middle and its end.
KEPT = 2


def values_on_grid(
    expressions: Sequence[Expr | float],
    space: Sequence[sp.Symbol],
    axes: Sequence[np.ndarray],
    at: Mapping[sp.Symbol, float] | None = None,
) -> np.ndarray:
    """Many expressions of the coordinates on one grid, `(len(expressions), *grid)`.

    Expressions that differ in nothing but numbers and the coefficients of their series are evaluated together.

    Args:
        expressions: What to evaluate.
        space: The coordinates that the grid has.
        axes: Its nodes.
        at: Values of the others.

    Raises:
        UnsupportedProblem: If an expression holds another symbol.
    """
    given = {} if at is None else dict(at)
    out = np.empty((len(expressions), *(len(a) for a in axes)))
    nodes = [n[None] for n in np.meshgrid(*axes, indexing="ij")]
    for group in _grouped(expressions, list(given), space, axes):
        (found,) = group.program(*given.values(), *nodes, *group.columns)
        out[group.members] = found
    return out


@dataclass(eq=False)
class ValuesInTime:
    """An expression of time and space for each member, on one grid; those that differ in numbers alone together.

    Attributes:
        shape: Of the values: members, and the grid.
        nodes: The coordinates of space at the nodes, `(1, *grid)`.
        groups: The members, by the structure of their expressions.
        found: Values at the times asked for last.
    """

    shape: tuple[int, ...]
    nodes: tuple[Tensor, ...]
    groups: tuple[_Group, ...]
    found: dict[float, Tensor] = field(default_factory=dict, repr=False)

    @staticmethod
    def of(
        expressions: Sequence[Expr],
        time: sp.Symbol,
        space: Sequence[sp.Symbol],
        axes: Sequence[np.ndarray],
        device: torch.device,
    ) -> ValuesInTime:
        """The values of some expressions on the grid of some nodes.

        Raises:
            UnsupportedProblem: If an expression holds another symbol.
        """
        nodes = tuple(torch.as_tensor(n, device=device)[None] for n in np.meshgrid(*axes, indexing="ij"))
        groups = tuple(g.on(device) for g in _grouped(expressions, [time], space, axes))
        return ValuesInTime((len(expressions), *(len(a) for a in axes)), nodes, groups)

    def __call__(self, t: float) -> Tensor:
        """The values `(members, *grid)` at a time."""
        for known, values in self.found.items():
            if abs(known - t) <= SAME * abs(t):
                return values
        out = torch.empty(self.shape, dtype=torch.float64, device=self.nodes[0].device)
        for group in self.groups:
            (found,) = group.program(t, *self.nodes, *group.columns)
            out[group.members] = torch.as_tensor(found, dtype=out.dtype, device=out.device)
        while len(self.found) >= KEPT:
            del self.found[next(iter(self.found))]
        self.found[t] = out
        return out


@dataclass(frozen=True, eq=False)
class SteadyValues:
    """Values `(members, …)` at all times."""

    values: Tensor

    def __call__(self, t: float) -> Tensor:
        """The same at every time."""
        return self.values


@dataclass(frozen=True, eq=False)
class _Group:
    """Members whose expressions have the same structure.

    Attributes:
        members: Their places.
        program: Of coordinates, series and numbers.
        columns: Series `(members, *grid)` and numbers `(members, 1, …)`, arrays or tensors.
    """

    members: Any
    program: Program
    columns: tuple[Any, ...]

    def on(self, device: torch.device) -> _Group:
        """The same on tensors."""
        columns = tuple(torch.as_tensor(c, dtype=torch.float64, device=device) for c in self.columns)
        return _Group(torch.as_tensor(self.members, device=device), self.program, columns)


def _grouped(
    expressions: Sequence[Expr | float], others: list[sp.Symbol], space: Sequence[sp.Symbol], axes: Sequence[np.ndarray]
) -> list[_Group]:
    templates = [_Template.of(sp.sympify(e), tuple(space)) for e in expressions]
    alike: dict[tuple[Any, ...], list[int]] = {}
    for i, template in enumerate(templates):
        alike.setdefault((template.structure, *(_kind(s) for s in template.series)), []).append(i)
    groups = []
    for members in alike.values():
        first, chosen = templates[members[0]], [templates[i] for i in members]
        series = [_series_on_grid(s, space, axes) for s in zip(*(t.series for t in chosen), strict=True)]
        numbers = np.array([t.numbers for t in chosen], float).reshape(len(members), -1)
        symbols = [sp.Dummy(f"number_{i}", real=True) for i in range(numbers.shape[1])]
        expression = first.structure.with_symbols(symbols)
        program = Program([expression], [*others, *space, *first.dummies, *symbols])
        columns = (c.reshape(-1, *(1,) * len(axes)) for c in numbers.T)
        groups.append(_Group(np.array(members), program, (*series, *columns)))
    return groups


@dataclass(frozen=True)
class _Template:
    """An expression in which dummies, numbered from 0, stand for series in coordinates of space."""

    structure: Structure
    numbers: tuple[float, ...]
    dummies: tuple[sp.Symbol, ...]
    series: tuple[Known, ...]

    @staticmethod
    def of(expression: Expr, space: tuple[sp.Symbol, ...]) -> _Template:
        atoms = [k for k in expression.atoms(Known) if isinstance(k.args[0].held, Series)]
        plain = [k for k in atoms if k.arguments == tuple(c for c in space if c in k.arguments)]
        found = tuple(sorted(plain, key=lambda k: (str(k), k.orders)))
        dummies = tuple(sp.Symbol(f"_series_{i}", real=True) for i in range(len(found)))
        replaced = expression.xreplace(dict(zip(found, dummies, strict=True))) if found else expression
        return _Template(*Structure.of(replaced), dummies, found)


def _kind(series: Known) -> tuple[Any, ...]:
    """What series must have in common to be evaluated together."""
    held = series.args[0].held
    return series.arguments, series.orders, held.bases, held.coefficients.shape


def _series_on_grid(series: Sequence[Known], space: Sequence[sp.Symbol], axes: Sequence[np.ndarray]) -> np.ndarray:
    """Values `(batch, *grid)` of series of one kind, with axes of length 1 for missing coordinates."""
    first, held = series[0], series[0].args[0].held
    stacked = Series(held.bases, np.stack([s.args[0].held.coefficients for s in series]))
    places = [list(space).index(a) for a in first.arguments]
    values = stacked.on_grid([axes[i] for i in places], first.orders)
    shape = [len(a) if i in places else 1 for i, a in enumerate(axes)]
    return values.reshape(len(series), *shape)
