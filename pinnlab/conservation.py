"""How well a field keeps the quantities that its problem declares as conserved."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pinnlab.domain.box import Box
from pinnlab.field import Field
from pinnlab.forms.evaluate import Program
from pinnlab.forms.jet import JetSymbol, jet_symbols, to_jets
from pinnlab.metrics import comparison_axes
from pinnlab.problem import Problem
from pinnlab.symbols import Expr, with_values


def drift(u: Field, axes: Sequence[np.ndarray] | None = None) -> dict[str, float]:
    """For each conserved density ρ the largest |∫ρ(t) - ∫ρ(t0)| over time, relative to the largest ∫|ρ|.

    Args:
        u: The answer; its problem's `conserved` names the densities.
        axes: Nodes per coordinate; by default those on which fields are compared.  Integrals are trapezoidal sums.
    """
    problem = u.problem
    if problem.time is None or not problem.conserved:
        return {}
    nodes = comparison_axes(problem, 50_000) if axes is None else list(axes)
    return {
        name: _drift(u, to_jets(with_values(e), problem.coordinates), nodes) for name, e in problem.conserved.items()
    }


def _drift(u: Field, density: Expr, axes: Sequence[np.ndarray]) -> float:
    problem, symbols = u.problem, jet_symbols(density)
    mesh = np.meshgrid(*axes, indexing="ij")
    program = Program([density], [*problem.coordinates, *symbols])
    (values,) = program(*mesh, *(_on_mesh(u, s, axes) for s in symbols))
    weights = _space_weights(problem, axes)
    integral, size = _integrated(values, weights), _integrated(np.abs(values), weights).max()
    change = float(np.abs(integral - integral[0]).max())
    return change / float(size) if size > 0 else change


def _on_mesh(u: Field, symbol: JetSymbol, axes: Sequence[np.ndarray]) -> np.ndarray:
    """A jet of one unknown on the tensor grid, axes in the order of coordinates."""
    field = u.derivative(symbol.jet.orders) if symbol.jet.order else u
    grid = field.on_axes(axes)
    order = [list(grid.axes).index(c.name) for c in u.problem.coordinates]
    return grid.values[symbol.jet.field].transpose(order)


def _space_weights(problem: Problem, axes: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Trapezoidal weights per axis of space; equal ones along a periodic axis."""
    out = []
    for c, nodes in zip(problem.space, axes[1:], strict=True):
        periodic = isinstance(problem.region, Box) and c in problem.region.periodic
        spacing = np.diff(nodes)
        ends = [spacing[0] / 2 + spacing[-1] / 2] * 2 if periodic else [spacing[0] / 2, spacing[-1] / 2]
        out.append(np.array([ends[0], *((spacing[:-1] + spacing[1:]) / 2), ends[1]]))
    return out


def _integrated(values: np.ndarray, weights: Sequence[np.ndarray]) -> np.ndarray:
    """The integral over space at each time `(nt,)`."""
    for w in reversed(weights):
        values = values @ w
    return values
