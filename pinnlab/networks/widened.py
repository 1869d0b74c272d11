"""A network with many more features behind its last hidden layer, for the last layer to choose from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pinnlab.admissible import require_counts, require_positive, require_seed
from pinnlab.networks.architecture import Architecture, Headed, dense, require_architecture
from pinnlab.networks.inputs import Inputs
from pinnlab.networks.mlp import Mlp


class WidenedNetwork(Headed):
    """head([h, tanh(R h + b)]) for the last hidden layer h of a network.

    Attributes:
        core: The network whose hidden layers are used; its own last layer is not.
        mixing: R, fixed.
        shifts: b, fixed.
    """

    mixing: Tensor
    shifts: Tensor

    def __init__(self, core: Headed, width: int, scale: float, seed: int) -> None:
        super().__init__()
        self.core = core.requires_grad_(True)
        for tensor in core.head.parameters():
            tensor.requires_grad_(False)
        inner, outputs = core.head.in_features, core.head.out_features
        generator = torch.Generator().manual_seed(seed)
        drawn = scale * torch.randn(width, inner + 1, dtype=torch.float64, generator=generator)
        self.register_buffer("mixing", drawn[:, :inner].contiguous())
        self.register_buffer("shifts", drawn[:, inner].contiguous())
        self.head = dense(inner + width, outputs)
        with torch.no_grad():
            self.head.weight.zero_()
            self.take_last_layer(core.head.weight, core.head.bias)

    def hidden(self, points: Any) -> Any:
        """H and the features of it, (n, width of h + width)."""
        h = self.core.hidden(points)
        return torch.cat([h, torch.tanh(torch.nn.functional.linear(h, self.mixing, self.shifts))], dim=-1)

    def take_last_layer(self, weight: Tensor, bias: Tensor) -> None:
        """Give the same values as the core with this last layer `weight (outputs, columns)`, `bias (outputs,)`."""
        with torch.no_grad():
            self.head.weight[:, : weight.shape[1]] = weight
            self.head.weight[:, weight.shape[1] :] = 0
            self.head.bias.copy_(bias)


@dataclass(frozen=True)
class Widened:
    """A network whose last hidden layer h is followed by fixed random features of it, in float64.

        u = W h + V tanh(R h + b) + c,    R, b normal of deviation `scale`, V = 0 at the start

    The trained layers have bent the coordinates so that the solution is smooth in h: polynomials in h, which is what
    many features of small slope span, then converge fast where features of the coordinates do not.  Meant for
    `LastLayer` after the network itself has been trained; `WidenedPinn` does both.

    Args:
        network: What ends in a linear layer: `Mlp`, `ModifiedMlp`, `PirateNet`, `Siren`, plain or embedded.
        width: Features, at least 1.
        scale: Slopes of the features; small ones are smooth, and nearly dependent.
        seed: Of the features, which are settings and not trained.
    """

    network: Architecture = field(default_factory=Mlp)
    width: int = 1000
    scale: float = 0.12
    seed: int = 0

    def __post_init__(self) -> None:
        require_architecture(self, network=self.network)
        require_counts(self, width=self.width)
        require_positive(self, scale=self.scale)
        require_seed(self, self.seed)

    def build(self, inputs: Inputs, outputs: int, generator: torch.Generator) -> WidenedNetwork:
        """A fresh network on the generator's device; equal generators give equal weights.

        Raises:
            ValueError: If the network does not end in a linear layer.
        """
        core = self.network.build(inputs, outputs, generator)
        if not isinstance(core, Headed):
            raise ValueError(
                f"Widened: {self.network!r} does not end in a linear layer; use Mlp, ModifiedMlp, PirateNet or Siren"
            )
        return WidenedNetwork(core, self.width, self.scale, self.seed).to(generator.device)
