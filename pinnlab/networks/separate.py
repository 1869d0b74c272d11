"""A network of its own for each block of outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from pinnlab.admissible import require_counts
from pinnlab.networks.architecture import Architecture, Several, require_architecture
from pinnlab.networks.inputs import Inputs


class SideBySide(Several):
    """The outputs of several networks at the same points, side by side."""

    def __init__(self, networks: Sequence[torch.nn.Module]) -> None:
        super().__init__()
        self.networks = torch.nn.ModuleList(networks)

    def forward(self, points: Any) -> Any:
        """Values (n, all outputs) at `points (n, dim)`; a Taylor series of points gives a series of values."""
        return torch.cat([network(points) for network in self.networks], dim=-1)


@dataclass(frozen=True)
class Separate:
    """Networks that share no weight, each for a block of outputs.

    For unknowns of different kinds, such as the positions and the states of `LagrangianPinn`: what one network learns
    does not disturb the other, and each may have its own width and activation.

    Args:
        networks: One architecture for each block.
        outputs: The size of each block, at least 1.
    """

    networks: tuple[Architecture, ...]
    outputs: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.networks or len(self.networks) != len(self.outputs):
            raise ValueError(
                f"Separate: {len(self.networks)} networks and {len(self.outputs)} sizes of blocks; give one of each"
            )
        for network, size in zip(self.networks, self.outputs, strict=True):
            require_architecture(self, networks=network)
            require_counts(self, outputs=size)

    def build(self, inputs: Inputs, outputs: int, generator: torch.Generator) -> SideBySide:
        """Fresh networks on the generator's device; equal generators give equal weights.

        Raises:
            ValueError: If the blocks do not add up to `outputs`.
        """
        if sum(self.outputs) != outputs:
            raise ValueError(f"Separate: blocks of {self.outputs} outputs for {outputs}; let them add up")
        built = zip(self.networks, self.outputs, strict=True)
        return SideBySide([network.build(inputs, size, generator) for network, size in built])
