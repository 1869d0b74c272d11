"""Residuals at points that nothing was told about: what a prior may be judged by without the truth."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pinnlab.field import Field
from pinnlab.forms.linearized import Linearized
from pinnlab.forms.pointwise import Pointwise
from pinnlab.problem import Problem

# Random points, of a stream of their own.
COUNT, STREAM = 500, 1


def fresh_residual(problem: Problem, field: Field, seed: int) -> float:
    """The largest over equations of the rms of the residual, relative to the rms of the sizes of its terms.

    The terms are r_j u_j for the jets u_j with the derivatives r_j of the residual by them, and the residual at u = 0.
    Where a residual is no number, as the root of an answer just below zero, it counts for as much as its terms.

    Args:
        problem: Whose equations are meant.
        field: An answer.
        seed: Of the points.
    """
    points = problem.spacetime.sample(COUNT, np.random.default_rng([seed, STREAM]))
    x = torch.as_tensor(points, dtype=torch.float64)
    normals, carried = x.new_zeros(len(x), len(problem.space)), x.new_zeros(len(x))
    unknown = tuple(p for p in problem.parameters if p.is_unknown)
    numbers = [x.new_tensor(field.parameters[p.name].value) for p in unknown]
    worst = 0.0
    for residual in Pointwise.of(problem).residuals:
        row = Linearized(residual, problem.coordinates, problem.space, unknown)
        jets = [_jet(field, problem, j.field, j.orders, points) for j in row.jets]
        found, partials = row.values_and_partials(jets, x, normals, carried, numbers)
        zero = row.values([carried] * len(jets), x, normals, carried, numbers)
        size = zero.square() + sum(((p * j).square() for p, j in zip(partials, jets, strict=False)), carried)
        worst = max(worst, _share(found, size))
    return worst


def _share(found: Tensor, size: Tensor) -> float:
    """The root of the mean square of residuals, relative to that of the sizes of their terms."""
    known = torch.isfinite(found) & torch.isfinite(size)
    if not bool(known.any()):
        return 1.0
    mean = size[known].mean().clamp(min=1e-300)
    squares = torch.where(known, found.square(), mean)
    return float((squares.mean() / mean).sqrt())


def _jet(field: Field, problem: Problem, name: str, orders: tuple[int, ...], points: np.ndarray) -> Tensor:
    return torch.as_tensor(field.derivative(orders)(points)[:, problem.names.index(name)], dtype=torch.float64)
