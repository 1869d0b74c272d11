"""A grid as many interleaved coarser ones, on which a cheaper network works."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pinnlab.admissible import require_whole
from pinnlab.networks.fno import Fno
from pinnlab.networks.operator import (
    OperatorArchitecture,
    OperatorNetwork,
    Signature,
    require_operator_architecture,
    require_places,
)
from pinnlab.networks.position_channels import Coordinates, PositionChannels, require_positions


def split(values: Tensor, factor: int) -> Tensor:
    """`(batch, channels, *grid)` on the coarse grids `(factor^d * batch, channels, *coarse)`, one after the other.

    Coarse grid (r_1, ..., r_d), 0 <= r < factor, the last index running fastest, holds the nodes r_i + factor j.
    """
    axes = values.ndim - 2
    for axis in range(axes):
        values = values.unflatten(2 + 2 * axis, (-1, factor))
    offsets, places = range(3, values.ndim, 2), range(2, values.ndim, 2)
    return values.permute(*offsets, 0, 1, *places).flatten(0, axes)


def joined(values: Tensor, factor: int) -> Tensor:
    """The inverse of `split`."""
    axes = values.ndim - 2
    values = values.unflatten(0, (*[factor] * axes, -1))
    order = [place for axis in range(axes) for place in (axes + 2 + axis, axis)]
    values = values.permute(axes, axes + 1, *order)
    for axis in range(axes):
        values = values.flatten(2 + axis, 3 + axis)
    return values


class StaggeredNetwork(OperatorNetwork):
    """join(network(split(values and positions))).

    Attributes:
        network: Of the coarse grids, all of which it is given at the positions of the first.
    """

    def __init__(self, settings: Staggered, signature: Signature, generator: torch.Generator) -> None:
        super().__init__()
        self.factor, self.positions, self.periodic = settings.factor, settings.positions, signature.periodic
        self._require(signature.grid)
        coarse = dataclasses.replace(
            signature,
            inputs=signature.inputs + settings.positions.count(signature),
            grid=tuple(n // settings.factor for n in signature.grid),
        )
        self.network = settings.network.build(coarse, generator)

    def forward(self, values: Tensor, positions: Tensor) -> Tensor:
        """The answer `(batch, outputs, *grid)`, on any grid that can be split and that the network takes.

        Raises:
            ValueError: If the factor does not divide the nodes along an axis, or the network refuses the coarse grid.
        """
        grid = tuple(values.shape[2:])
        self._require(grid)
        require_places(self, grid, positions, len(self.periodic))
        parts = split(self._placed(values, positions), self.factor)
        return joined(self.network(parts, self._first(positions)), self.factor)

    @property
    def waits_for_examples(self) -> bool:
        """Whether the network inside does."""
        return self.network.waits_for_examples

    def informed_by(self, examples: Iterator[tuple[Tensor, Tensor]], positions: Tensor) -> None:
        """Tell the network of the training examples on all coarse grids."""
        parts = (
            (split(self._placed(inputs, positions), self.factor), split(outputs, self.factor))
            for inputs, outputs in examples
        )
        self.network.informed_by(parts, self._first(positions))

    def _placed(self, values: Tensor, positions: Tensor) -> Tensor:
        """Values with the channels of the positions behind them."""
        places = self.positions(positions.to(values), self.periodic).movedim(-1, 0)
        return torch.cat([values, places.expand(len(values), *places.shape)], dim=1)

    def _first(self, positions: Tensor) -> Tensor:
        """Positions of the first coarse grid."""
        return positions[(slice(None, None, self.factor),) * len(self.periodic)]

    def _require(self, grid: tuple[int, ...]) -> None:
        if len(grid) != len(self.periodic) or any(n % self.factor or n < 2 * self.factor for n in grid):
            common = math.gcd(*grid)
            raise ValueError(
                f"Staggered: factor = {self.factor} on a grid of {grid} nodes and {len(self.periodic)} axes; give a "
                f"divisor of {common}, that leaves at least 2 nodes per axis, or a grid that it divides"
            )


@dataclass(frozen=True)
class Staggered(OperatorArchitecture):
    """Any operator network on `factor`^d interleaved coarse grids in place of the fine one, as in NeuralStagger [1].

    A coarse grid holds every `factor`-th node along each axis.  All are answered by one network in one call, as
    further samples (in [1] each has a network of its own), and the answers are put together again.  Modes, channels
    and layers can then be those that the coarse grid needs.  The coarse grids do not see each other: what is too fine
    for them is aliased, and differs from one to the next; so the factor must leave every scale of the input resolved,
    say 4 nodes per shortest wave.  The splitting in time of [1] is `Bundled(...)`.

    The network is told the places by `positions`, which are taken on the fine grid.  Its own positions are those of the
    first coarse grid for all, so give it `NoPositions()`, where it has such a setting.

    Args:
        network: Settings of the network for coarse grids.
        factor: s, at least 2; a divisor of the nodes along every axis.
        positions: Appended to the input functions; `NoPositions()` where the equation is the same everywhere.

    Raises:
        ValueError: If the factor is no whole number from 2 on, or a part is of another kind; on building, if it does
            not divide the nodes along an axis.

    [1] X. Huang, W. Shi, Q. Meng, Y. Wang, X. Gao, J. Zhang, T.-Y. Liu, ICML 2023, arXiv:2302.10255.
    """

    network: OperatorArchitecture = field(default_factory=Fno)
    factor: int = 2
    positions: PositionChannels = field(default_factory=Coordinates)

    def __post_init__(self) -> None:
        require_operator_architecture(self, self.network)
        require_whole(self, 2, factor=self.factor)
        require_positions(self, self.positions)

    def build(self, signature: Signature, generator: torch.Generator) -> StaggeredNetwork:
        """A fresh network on the generator's device; equal generators give equal weights."""
        return StaggeredNetwork(self, signature, generator)
