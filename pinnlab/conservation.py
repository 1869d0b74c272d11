"""How well a field keeps the quantities that its problem declares as conserved."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pinnlab.domain.box import Box
from pinnlab.field import Field
from pinnlab.fields.cell import CellField
from pinnlab.forms.evaluate import Program
from pinnlab.forms.jet import jet_symbols, to_jets
from pinnlab.meshing.mesh import Mesh
from pinnlab.meshing.quality import volumes
from pinnlab.metrics import CloudNodes, Nodes, TensorNodes, comparison_axes
from pinnlab.problem import Problem
from pinnlab.symbols import Expr, with_values

BUDGET = 50_000


def drift(u: Field, axes: Sequence[np.ndarray] | None = None) -> dict[str, float]:
    """For each conserved density ρ the largest |∫ρ(t) - ∫ρ(t0)| over time, relative to the largest ∫|ρ|.

    Integrals over a box are trapezoidal sums, of averages over cells sums of Gauss's rule in each cell at the
    snapshots; over any other region each cell of a mesh counts with its centre.

    Args:
        u: The answer; its problem's `conserved` names the densities.
        axes: Nodes per coordinate of a box; by default those on which fields are compared.
    """
    problem = u.problem
    if problem.time is None or not problem.conserved:
        return {}
    nodes, weights = _in_cells(u) if isinstance(u, CellField) and axes is None else _quadrature(problem, axes)
    return {
        name: _drift(u, to_jets(with_values(e), problem.coordinates), nodes, weights)
        for name, e in problem.conserved.items()
    }


def _drift(u: Field, density: Expr, nodes: Nodes, weights: np.ndarray) -> float:
    problem, symbols = u.problem, jet_symbols(density)
    program = Program([density], [*problem.coordinates, *symbols])
    columns = [
        nodes.values(u.derivative(s.jet.orders) if s.jet.order else u)[problem.names.index(s.jet.field)]
        for s in symbols
    ]
    times = nodes.times.reshape(-1, *(1,) * weights.ndim)
    (values,) = program(times, *nodes.at_start()[1:], *columns)
    values = np.broadcast_to(values, (len(times), *weights.shape)).reshape(len(times), -1)
    integral, size = values @ weights.ravel(), (np.abs(values) @ weights.ravel()).max()
    change = float(np.abs(integral - integral[0]).max())
    return change / float(size) if size > 0 else change


def _in_cells(u: CellField) -> tuple[Nodes, np.ndarray]:
    """Three nodes per cell and axis integrate its polynomial exactly, however steep it is beside the next."""
    places, shares = np.polynomial.legendre.leggauss(3)
    axes, weights = [u.times], np.ones(())
    bounds = u.problem.region.bounds.values()  # type: ignore[attr-defined]
    for (low, high), n in zip(bounds, u.cells.shape, strict=True):
        half = (high - low) / (2 * n)
        centres = low + half * (2 * np.arange(n) + 1)
        axes.append((centres[:, None] + half * places).ravel())
        weights = np.multiply.outer(weights, np.tile(half * shares, n))
    return TensorNodes(tuple(axes), True), weights


def _quadrature(problem: Problem, axes: Sequence[np.ndarray] | None) -> tuple[Nodes, np.ndarray]:
    """Nodes, and the weights of their points in space."""
    if isinstance(problem.region, Box):
        chosen = comparison_axes(problem, BUDGET) if axes is None else list(axes)
        weights = np.ones(())
        for w in _space_weights(problem, chosen):
            weights = np.multiply.outer(weights, w)
        return TensorNodes(tuple(chosen), True), weights
    interval = problem.interval
    assert interval is not None  # drift returns early for steady problems
    mesh = _mesh(problem)
    centres = mesh.points[mesh.cells].mean(axis=1)
    times = np.linspace(interval.start, interval.end, max(3, BUDGET // len(centres)))
    return CloudNodes(times, centres), np.abs(volumes(mesh))


def _mesh(problem: Problem) -> Mesh:
    corners = problem.region.sample(1000, np.random.default_rng(0))
    return problem.region.mesh(float(np.ptp(corners, axis=0).max()) / 24)


def _space_weights(problem: Problem, axes: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Trapezoidal weights per axis of space; equal ones along a periodic axis."""
    out = []
    for c, nodes in zip(problem.space, axes[1:], strict=True):
        periodic = isinstance(problem.region, Box) and c in problem.region.periodic
        spacing = np.diff(nodes)
        ends = [spacing[0] / 2 + spacing[-1] / 2] * 2 if periodic else [spacing[0] / 2, spacing[-1] / 2]
        out.append(np.array([ends[0], *((spacing[:-1] + spacing[1:]) / 2), ends[1]]))
    return out
