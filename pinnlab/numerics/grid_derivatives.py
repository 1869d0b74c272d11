"""Derivatives of functions on tensor grids as torch operations, one axis at a time, so that gradients pass through."""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from pinnlab.numerics.axes import StencilAxis


class GridDerivative(abc.ABC):
    """Differentiation along one axis of an array of nodal values."""

    @abc.abstractmethod
    def __call__(self, values: Tensor, dim: int, order: int) -> Tensor:
        """The derivative of that order along dimension `dim`, from 0 on, of the same shape; order 0 is `values`."""

    @abc.abstractmethod
    def to(self, device: torch.device) -> GridDerivative:
        """The same for values on another device."""


@dataclass(frozen=True)
class FourierDerivative(GridDerivative):
    """That of the trigonometric interpolant on equispaced nodes of a period, without the last end.

    Derivatives of odd order of the highest frequency of an even number of nodes are zero, as they are at the nodes.

    Args:
        length: Of the period.
    """

    length: float

    def __call__(self, values: Tensor, dim: int, order: int) -> Tensor:  # noqa: D102
        if not order:
            return values
        n = values.shape[dim]
        waves = 2 * math.pi / self.length * torch.arange(n // 2 + 1, dtype=values.dtype, device=values.device)
        factor = 1j**order * waves**order
        if n % 2 == 0 and order % 2:
            factor[-1] = 0.0
        factor = factor.reshape(-1, *[1] * (values.ndim - dim - 1))
        return torch.fft.irfft(factor * torch.fft.rfft(values, dim=dim), n=n, dim=dim)

    def to(self, device: torch.device) -> FourierDerivative:  # noqa: D102
        return self


@dataclass(frozen=True, eq=False)
class StencilDerivative(GridDerivative):
    """Finite differences on any nodes, one-sided near both ends, with an error of O(h^accuracy) at every node.

    Weights: B. Fornberg, SIAM Rev. 40 (1998) 685-691.

    Attributes:
        matrices: Order → matrix `(n, n)` from values to derivatives; only these can be taken.
    """

    matrices: Mapping[int, Tensor] = field(repr=False)

    @staticmethod
    def of(nodes: np.ndarray, highest: int, accuracy: int = 4) -> StencilDerivative:
        """All derivatives up to an order, in float64.

        Raises:
            ValueError: If there are fewer than `accuracy + 2` or `accuracy + highest` nodes, or they do not increase.
        """
        if highest == 0:
            return StencilDerivative({})
        axis = StencilAxis(nodes, accuracy)
        orders = range(1, highest + 1)
        return StencilDerivative({k: torch.from_numpy(axis.differentiation(k).toarray()) for k in orders})

    def __call__(self, values: Tensor, dim: int, order: int) -> Tensor:  # noqa: D102
        if not order:
            return values
        matrix = self.matrices[order].to(values.dtype)
        return (values.movedim(dim, -1) @ matrix.T).movedim(-1, dim)

    def to(self, device: torch.device) -> StencilDerivative:  # noqa: D102
        return StencilDerivative({k: m.to(device) for k, m in self.matrices.items()})
