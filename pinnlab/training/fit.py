"""Parameters for which rows take given values at points: a network that starts from an answer already known."""

from __future__ import annotations

import math

from torch import Tensor

from pinnlab.training.optimizer import Optimizer
from pinnlab.training.pointwise import Group, PointwiseLeastSquares
from pinnlab.training.row_jacobian import RowJacobian, Rows


def fit(
    rows: Rows,
    theta: Tensor,
    points: Tensor,
    extras: Tensor,
    values: Tensor,
    optimizer: Optimizer,
    differentiation: RowJacobian,
) -> tuple[Tensor, float]:
    """Minimise the mean over points of |rows(theta, points, extras) - values|², until the optimiser is finished.

    Args:
        rows: (theta (P,), points (n, dim), extras (n, m)) -> (n, k), such as the values of a network.
        theta: Where to start (P,).
        points: (n, dim).
        extras: (n, m), m may be 0.
        values: (n, k), such as those of another solver's field.
        optimizer: Such as `LevenbergMarquardt(steps=50)`; its budget ends the fit.
        differentiation: How Jacobians are computed.

    Returns:
        The parameters (P,), and the root of the mean square that is left.

    Raises:
        ValueError: If the numbers of points, extras and values differ.
    """
    if not len(points) == len(extras) == len(values):
        raise ValueError(
            f"fit: {len(points)} points, {len(extras)} extras and {len(values)} values; give one of each per point"
        )
    m = extras.shape[1]

    def misfit(theta: Tensor, x: Tensor, packed: Tensor) -> Tensor:
        return rows(theta, x, packed[:, :m]) - packed[:, m:]

    packed = points.new_empty(len(points), m + values.shape[1])
    packed[:, :m], packed[:, m:] = extras, values
    scale = points.new_full(values.shape, 1 / math.sqrt(len(points)))
    objective = PointwiseLeastSquares((Group(misfit, points, packed, scale, "fit"),), differentiation)
    state = optimizer.start(theta)
    while not optimizer.finished(state):
        theta, state, _ = optimizer.step(objective, theta, state)
    return theta, math.sqrt(float(objective.residuals(theta).square().sum()))
