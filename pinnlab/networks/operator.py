"""The contract of networks that map functions to functions."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Signature:
    """What an operator network is to map.

    Attributes:
        inputs: Channels of the input functions; numbers are constant channels.
        outputs: Channels of the answer.
        grid: Nodes per axis of space in training, in the order of coordinates; `(n,)` for a cloud of n points.
        dimension: Of space; `len(grid)` on grids.
        periodic: For each axis of space, whether its last node is one step before the first.
        dtype: Of parameters and values.
    """

    inputs: int
    outputs: int
    grid: tuple[int, ...]
    dimension: int
    periodic: tuple[bool, ...]
    dtype: torch.dtype = torch.float32


class OperatorNetwork(torch.nn.Module, abc.ABC):
    """Maps functions, given by values at points, to functions at the same points."""

    @abc.abstractmethod
    def forward(self, values: Tensor, positions: Tensor) -> Tensor:
        """The answer `(batch, outputs, *grid)`.

        Args:
            values: Of the inputs, `(batch, inputs, *grid)`.
            positions: Of the points, `(*grid, dimension)`, scaled so that the box is [0, 1] along every axis.

        Raises:
            ValueError: If the network cannot work on this grid.
        """


class OperatorArchitecture(abc.ABC):
    """Settings that build an operator network: a frozen dataclass."""

    @abc.abstractmethod
    def build(self, signature: Signature, generator: torch.Generator) -> OperatorNetwork:
        """A freshly initialised network; all its weights come from the generator.

        Raises:
            ValueError: If the grid is too coarse for the settings, or of a dimension that they do not cover.
        """


def uniform_grid(grid: tuple[int, ...], periodic: tuple[bool, ...], dtype: torch.dtype) -> Tensor:
    """Positions `(*grid, dimension)` of an equispaced grid on [0, 1]; without the last end of periodic axes."""
    axes = [torch.arange(n, dtype=dtype) / (n if p else n - 1) for n, p in zip(grid, periodic, strict=True)]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
