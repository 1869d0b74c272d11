"""Members of a family as numbers: their random parameters at nodes, and the data of their conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
import torch
from torch import Tensor

from pinnlab.family import Family
from pinnlab.forms.evaluate import Program
from pinnlab.forms.operator_form import OperatorForm
from pinnlab.problem import Problem

Values = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class OpenMembers:
    """Some members.

    Attributes:
        functions: Parameter → its values at the nodes `(batch, n_1, …)`, with 1 for axes it does not depend on.
        numbers: Parameter → its values `(batch,)`.
        data: For each condition of the form its data on the nodes of the piece, `(batch, n_1, …)` with 1 across it.
    """

    functions: dict[str, Tensor]
    numbers: dict[str, Tensor]
    data: tuple[Tensor, ...]

    def __len__(self) -> int:
        return len(next(iter((*self.data, *self.functions.values(), *self.numbers.values()))))

    def __getitem__(self, chosen: Tensor) -> OpenMembers:
        return OpenMembers(
            {n: v[chosen] for n, v in self.functions.items()},
            {n: v[chosen] for n, v in self.numbers.items()},
            tuple(d[chosen] for d in self.data),
        )

    def on(self, device: torch.device) -> OpenMembers:
        """The same on a device."""
        return OpenMembers(
            {n: v.to(device) for n, v in self.functions.items()},
            {n: v.to(device) for n, v in self.numbers.items()},
            tuple(d.to(device) for d in self.data),
        )


def values_of(family: Family, member: Problem) -> Values:
    """The random parameters of a member.

    Raises:
        ValueError: If the problem differs from the family's in anything else.
    """
    own = {p.name: p for p in member.parameters}
    declared: dict[str, Any] = {p.name: p.value for p in family.distributions}
    if set(declared) <= set(own):
        back = member.with_parameters(**declared)
        plain = family.problem.with_parameters(**declared)
        same = back.equations == plain.equations and back.conditions == plain.conditions
        if same and back.domain == plain.domain and back.unknowns == plain.unknowns:
            return {n: sp.sympify(own[n].value) for n in declared}
    raise ValueError(
        f"{member.name!r} is no member of the family of {family.problem.name!r}: only the values of "
        f"{', '.join(declared)} may differ; train an operator for its own family"
    )


def functions_and_numbers(family: Family, samples: Sequence[Values]) -> tuple[set[str], set[str]]:
    """Names of the random parameters that are functions of coordinates, and of those that are numbers."""
    functions = {n for s in samples for n, v in s.items() if sp.sympify(v).free_symbols}
    return functions, {p.name for p in family.distributions} - functions


def opened(form: OperatorForm, nodes: Sequence[np.ndarray], samples: Sequence[Values]) -> OpenMembers:
    """Members on a tensor grid of one array of nodes per coordinate.

    Raises:
        ValueError: If a value is not finite, or a function stands for a number.
    """
    for n in form.numbers:
        if any(sp.sympify(s[n]).free_symbols for s in samples):
            raise ValueError(f"{n} is a number in the family that was trained, and a function here; give a number")
    needed = {j.field for j in form.slopes.values()}
    functions = {n: _stacked([_on_grid(form, s[n], nodes) for s in samples], n) for n in sorted(needed)}
    numbers = {n: torch.tensor([float(s[n]) for s in samples], dtype=torch.float64) for n in form.numbers}
    data = []
    for condition in form.conditions:
        side = [*nodes]
        side[condition.axis] = np.array([condition.functional.x])
        symbols = {s: n for n, s in (*form.functions.items(), *form.numbers.items())}
        found = {s: n for s, n in symbols.items() if s in condition.data.free_symbols}
        program = Program([condition.data], [*form.problem.coordinates, *found])
        mesh = np.meshgrid(*side, indexing="ij")
        rows = []
        for s in samples:
            given = [np.broadcast_to(_on_grid(form, s[n], side), mesh[0].shape).ravel() for n in found.values()]
            row = np.asarray(program(*(m.ravel() for m in mesh), *given)[0], float)
            rows.append(np.broadcast_to(row, mesh[0].size).reshape(mesh[0].shape))
        data.append(_stacked(rows, str(condition.data)))
    return OpenMembers(functions, numbers, tuple(data))


def _on_grid(form: OperatorForm, value: Any, nodes: Sequence[np.ndarray]) -> np.ndarray:
    """Values of an expression or number, with 1 node along the axes of which it is free."""
    coordinates, value = form.problem.coordinates, sp.sympify(value)
    axes = [x if c in value.free_symbols else x[:1] for c, x in zip(coordinates, nodes, strict=True)]
    # In one column of points, which is what functions known through their values take.
    mesh = np.meshgrid(*axes, indexing="ij")
    found = np.asarray(Program([value], coordinates)(*(m.ravel() for m in mesh))[0], float)
    return np.broadcast_to(found, mesh[0].size).reshape(mesh[0].shape)


def _stacked(rows: Sequence[np.ndarray], name: str) -> Tensor:
    out = torch.from_numpy(np.stack(np.broadcast_arrays(*rows)).astype(float))
    if not bool(torch.isfinite(out).all()):
        bad = [i for i, r in enumerate(rows) if not np.isfinite(r).all()][:5]
        raise ValueError(f"the input {name} is not finite for members {bad}; give a distribution of finite functions")
    return out
