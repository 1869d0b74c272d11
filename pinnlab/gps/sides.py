"""Conditions on the sides of a box, as functionals along one coordinate with values over the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.linearized import Linearized
from pinnlab.numerics.axis_basis import AxisBasis, EndFunctional
from pinnlab.row_system import Cloud

# Coefficients that differ along a side by more than this are no constants.
CONSTANT = 1e-12


@dataclass(frozen=True, eq=False)
class Side:
    """The condition sum_p a_p d^p u / d x_axis^p = values, where x_axis is at one end.

    Attributes:
        axis: The coordinate.
        functional: The left-hand side.
        cloud: Where the condition was declared; its points are a grid over the other coordinates.
        values: Over the other coordinates, each with its nodes and, unless periodic, its two ends.
    """

    axis: int
    functional: EndFunctional
    cloud: Cloud
    values: Tensor

    @classmethod
    def of(cls, cloud: Cloud, shape: Sequence[int], name: str) -> Side:
        """Read a condition at points on a side of a box.

        Args:
            cloud: The condition.
            shape: Points along each coordinate of a whole grid with its ends.
            name: Of the problem.

        Raises:
            UnsupportedProblem: If it is not linear with constant coefficients, or holds derivatives along the side.
        """
        (row,) = cloud.rows
        who = f"Kronecker on {name!r}: the {cloud.name}"
        if not row.is_linear:
            raise UnsupportedProblem(f"{who} is nonlinear; take algebra=WeightSpace()")
        (axis,) = (i for i in range(len(shape)) if bool((cloud.points[:, i] == cloud.points[0, i]).all()))
        none = [torch.zeros_like(cloud.carried) for _ in row.jets]
        residual, partials = row.values_and_partials(none, cloud.points, cloud.normals, cloud.carried)
        coefficients = _coefficients(row, partials, axis, who)
        if not torch.isfinite(residual).all():
            raise UnsupportedProblem(f"{who} has data that are not finite; check them")
        functional = EndFunctional(float(cloud.points[0, axis]), tuple(coefficients))
        return cls(axis, functional, cloud, -residual.reshape([n for i, n in enumerate(shape) if i != axis]))


def _coefficients(row: Linearized, partials: Sequence[Tensor], axis: int, who: str) -> list[float]:
    out = [0.0] * (1 + max(j.orders[axis] for j in row.jets))
    for jet, partial in zip(row.jets, partials, strict=True):
        if not bool(partial.any()):
            continue
        if jet.order > jet.orders[axis]:
            raise UnsupportedProblem(f"{who} holds the derivative {jet.symbol} along the side; take WeightSpace()")
        if float(partial.max() - partial.min()) > CONSTANT * float(partial.abs().max()):
            raise UnsupportedProblem(
                f"{who} multiplies {jet.symbol} by what varies along the side; divide by it, or take WeightSpace()"
            )
        out[jet.orders[axis]] = float(partial.mean())
    return out


@dataclass(frozen=True, eq=False)
class SideFit:
    """Those coefficients of products of bases that conditions on sides determine.

    Attributes:
        bases: One per coordinate.
        sides: Of each coordinate its conditions, in the order of the lifting functions.
        fitting: Along each coordinate from values at nodes and ends to coefficients.
    """

    bases: tuple[AxisBasis, ...]
    sides: tuple[tuple[Side, ...], ...]
    fitting: tuple[Tensor, ...]

    def coefficients(self, values: Sequence[Sequence[Tensor]]) -> tuple[Tensor, float]:
        """The coefficients `(m_1, …)`, zero where no condition speaks, and the largest contradiction at corners.

        Where sides meet, both determine the same coefficients; of different ones the mean is taken.

        Args:
            values: Those of the sides, in the shape of `sides`.
        """
        shape = [b.count for b in self.bases]
        total, times = self.fitting[0].new_zeros(shape), self.fitting[0].new_zeros(shape)
        for axis, blocks in enumerate(values):
            for i, block in enumerate(blocks):
                where = (slice(None),) * axis + (i,)
                total[where] += along(block, [f for k, f in enumerate(self.fitting) if k != axis])
                times[where] += 1
        mean, worst = total / times.clamp(min=1), 0.0
        for axis, blocks in enumerate(values):
            for i, block in enumerate(blocks):
                where = (slice(None),) * axis + (i,)
                own = along(block, [f for k, f in enumerate(self.fitting) if k != axis])
                worst = max(worst, float((own - mean[where]).abs().max()) if own.numel() else 0.0)
        return mean, worst


def along(values: Tensor, matrices: Sequence[Tensor]) -> Tensor:
    """Matrices applied along the axes, one for each: sum_ij A_ai B_bj values_ij for two."""
    for matrix in matrices:
        values = torch.tensordot(values, matrix, dims=([0], [1]))
    return values
