"""The contract of networks that map functions to functions."""

from __future__ import annotations

import abc
from collections.abc import Iterator
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
        dimension: Of the positions: that of space, `len(grid)` on grids; one more for a `ContinuousNetwork` of time
            and space.
        periodic: For each coordinate of the positions, whether its last node is one step before the first.
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

    @property
    def waits_for_examples(self) -> bool:
        """Whether it cannot answer before `informed_by` was called."""
        return False

    def informed_by(self, examples: Iterator[tuple[Tensor, Tensor]], positions: Tensor) -> None:
        """Take from training examples, before the first step, what the network is to know: most networks nothing.

        What is taken is kept in buffers, so that it is in the state of the network when that is saved.

        Args:
            examples: Of training data only, what the network is given, `(batch, inputs, *grid)`, and what it is to
                answer, `(batch, outputs, *grid)`, in batches that are made when they are asked for.
            positions: Of the points, as in `forward`.

        Raises:
            ValueError: If there is too little to learn from.
        """
        return None


class ContinuousNetwork(OperatorNetwork):
    """An operator network whose answer is a function of the position, such as a DeepONet.

    It can be asked anywhere, whatever the points at which its inputs are given; its positions may have coordinates
    that the grid of the inputs lacks, such as time.
    """

    @abc.abstractmethod
    def forward(self, values: Tensor, positions: Tensor) -> Tensor:
        """The answer `(batch, outputs, *points)`.

        Args:
            values: Of the inputs, `(batch, inputs, *grid)`, on the grid of the signature.
            positions: Of any points, `(*points, dimension)` with the dimension of the signature, scaled to [0, 1].

        Raises:
            ValueError: If the values are on another grid, or the positions of another dimension.
        """


class OperatorArchitecture(abc.ABC):
    """Settings that build an operator network: a frozen dataclass."""

    @abc.abstractmethod
    def build(self, signature: Signature, generator: torch.Generator) -> OperatorNetwork:
        """A freshly initialised network; all its weights come from the generator.

        Raises:
            ValueError: If the grid is too coarse for the settings, or of a dimension that they do not cover.
        """


class ContinuousArchitecture(OperatorArchitecture):
    """Settings that build a `ContinuousNetwork`.

    The dimension of the signature may be other than that of its grid, and its periodicity is that of the positions.
    """

    @abc.abstractmethod
    def build(self, signature: Signature, generator: torch.Generator) -> ContinuousNetwork:
        """A freshly initialised network; all its weights come from the generator."""


def uniform_grid(grid: tuple[int, ...], periodic: tuple[bool, ...], dtype: torch.dtype) -> Tensor:
    """Positions `(*grid, dimension)` of an equispaced grid on [0, 1]; without the last end of periodic axes."""
    axes = [torch.arange(n, dtype=dtype) / (n if p else n - 1) for n, p in zip(grid, periodic, strict=True)]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)


def require_places(owner: object, grid: tuple[int, ...], positions: Tensor, dimension: int) -> None:
    """Refuse positions that are not those of the values.

    Raises:
        ValueError: If they are not `(*grid, dimension)`.
    """
    if tuple(positions.shape) != (*grid, dimension):
        raise ValueError(
            f"{type(owner).__name__}: values at {grid} points and positions of shape {tuple(positions.shape)}; give "
            f"positions {(*grid, dimension)}"
        )


def require_operator_architecture(owner: object, network: object) -> None:
    """Refuse what builds no operator network.

    Raises:
        ValueError: If `network` is no `OperatorArchitecture`.
    """
    if not isinstance(network, OperatorArchitecture):
        raise ValueError(
            f"{type(owner).__name__}: network = {network!r}; give the settings of an operator network, such as Fno()"
        )
