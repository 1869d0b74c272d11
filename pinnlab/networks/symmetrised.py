"""Networks whose answers have the symmetries of the square."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pinnlab.networks.fno import Fno
from pinnlab.networks.operator import OperatorArchitecture, OperatorNetwork, Signature


class SymmetrisedNetwork(OperatorNetwork):
    """In training a network as it is, afterwards its mean over the symmetries of the square.

    Attributes:
        network: That is averaged.
    """

    def __init__(self, network: OperatorNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, values: Tensor, positions: Tensor) -> Tensor:
        """The answer `(batch, outputs, n, n)`.

        Raises:
            ValueError: If the grid has more nodes along one axis than along the other.
        """
        if values.shape[-1] != values.shape[-2]:
            raise ValueError(f"Symmetrised: a grid of {tuple(values.shape[2:])} nodes; give as many along both axes")
        if self.training:
            return self.network(values, positions)
        mirrors: list[tuple[int, ...]] = [(), (-1,), (-2,), (-2, -1)]
        total = torch.zeros((), dtype=values.dtype, device=values.device)
        for mirrored, transposed in itertools.product(mirrors, (False, True)):
            turned = torch.flip(values, mirrored)
            # A linear order in memory: networks work by large products.
            turned = turned.transpose(-1, -2).contiguous() if transposed else turned
            answer = self.network(turned, positions)
            total = total + torch.flip(answer.transpose(-1, -2) if transposed else answer, mirrored)
        return total / (2 * len(mirrors))

    @property
    def waits_for_examples(self) -> bool:
        """Whether the network inside does."""
        return self.network.waits_for_examples

    def informed_by(self, examples: Iterator[tuple[Tensor, Tensor]], positions: Tensor) -> None:
        """Tell the network of the training examples, as they are."""
        self.network.informed_by(examples, positions)


@dataclass(frozen=True)
class Symmetrised(OperatorArchitecture):
    """The mean of S^-1 N S over the eight symmetries S of the square, four mirrors times two orders of x and y.

    It commutes with all of them, as the solution operator of an isotropic equation with scalar inputs on a square does,
    and its error is at most the mean of the eight errors.  A query costs eight times as much.  In training N is called
    once: to train it on all eight, add `Reflection` and `Transposition` to the augmentations.  Not for components of
    vectors, which would have to turn with the square, nor for periodic axes.

    Args:
        network: The settings of N.

    Raises:
        ValueError: If `network` is no such settings; on building, if the grid is no square or an axis is periodic.
    """

    network: OperatorArchitecture = field(default_factory=Fno)

    def __post_init__(self) -> None:
        if not isinstance(self.network, OperatorArchitecture):
            raise ValueError(f"Symmetrised: network = {self.network!r}; give the settings of one, such as Fno()")

    def build(self, signature: Signature, generator: torch.Generator) -> SymmetrisedNetwork:
        """A freshly initialised network; all its weights come from the generator."""
        grid = signature.grid
        if len(grid) != 2 or grid[0] != grid[1] or any(signature.periodic):
            raise ValueError(f"Symmetrised: {grid} nodes, periodic {signature.periodic}; give a square without periods")
        return SymmetrisedNetwork(self.network.build(signature, generator))
