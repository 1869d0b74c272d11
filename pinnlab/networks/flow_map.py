"""A network for flow maps, which begins every trajectory where it starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pinnlab.admissible import require_positive
from pinnlab.networks.architecture import Architecture, require_architecture
from pinnlab.networks.inputs import Inputs
from pinnlab.networks.mlp import Mlp


class DisplacementNetwork(torch.nn.Module):
    """Psi(t, s, x) = x + s speed N(t, s, x), so that Psi(t, 0, x) = x whatever the weights."""

    speed: Tensor

    def __init__(self, network: torch.nn.Module, speed: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("speed", torch.tensor(speed, dtype=torch.float64))

    def forward(self, points: Any) -> Any:
        """Positions (n, d) at t + s of the particles that are at x at t; `points (n, 2 + d)` have columns t, s, x."""
        return points[:, 2:] + self.network(points) * self.speed * points[:, 1:2]


@dataclass(frozen=True)
class Displacement:
    """A neural field of characteristic trajectories [1], in float64.

        Psi(t, s, x) = x + s speed N(t, s, x),

    where the particle is at the time t + s that is at x at the time t.  N is any network of (t, s, x) whose values, the
    mean velocity between the two times in units of `speed`, are of order one.

    Args:
        network: Architecture of N.
        speed: Typical size of each component of the velocity, positive.

    [1] Y. Wang, S. Tang, M. Chu, ACM SIGGRAPH 2024 Conf. Papers (arXiv:2407.09679).
    """

    network: Architecture = field(default_factory=Mlp)
    speed: tuple[float, ...] = (1.0, 1.0)

    def __post_init__(self) -> None:
        require_architecture(self, network=self.network)
        for s in self.speed:
            require_positive(self, speed=s)

    def build(self, inputs: Inputs, outputs: int, generator: torch.Generator) -> DisplacementNetwork:
        """A fresh network on the generator's device; equal generators give equal weights.

        Raises:
            ValueError: If the inputs are not t, s and `outputs` coordinates of space, each with its speed.
        """
        if inputs.dim != 2 + outputs or len(self.speed) != outputs:
            raise ValueError(
                f"Displacement: {inputs.dim} inputs, {outputs} outputs and {len(self.speed)} speeds; give the inputs "
                "t, s, x, and one output and one speed for each coordinate of space"
            )
        network = self.network.build(inputs, outputs, generator)
        return DisplacementNetwork(network, self.speed).to(generator.device)
