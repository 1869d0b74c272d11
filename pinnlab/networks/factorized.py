"""Linear layers whose weights are trained as a scale and a direction."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.utils import parametrize

from pinnlab.admissible import require_numbers, require_positive
from pinnlab.networks.architecture import Architecture, require_architecture
from pinnlab.networks.inputs import Inputs
from pinnlab.networks.mlp import Mlp


class Scaled(torch.nn.Module):
    """W = diag(exp(s)) V."""

    def __init__(self, exponent: Tensor) -> None:
        super().__init__()
        self.exponent = exponent

    def forward(self, exponent: Tensor, direction: Tensor) -> Tensor:
        """W from s (units,) and V (units, columns)."""
        return torch.exp(exponent)[:, None] * direction

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The exponents drawn, and the V that leaves W as it was."""
        return self.exponent, weight / torch.exp(self.exponent)[:, None]


@dataclass(frozen=True)
class Factorized:
    """Random weight factorization [1] of any architecture: W = diag(exp(s)) V with s and V trained.

    s is drawn from the normal distribution of the given mean and deviation and V set so that W is what the
    architecture drew; the loss is the same function, seen in coordinates in which first-order steps adapt to each unit.
    For first-order optimisers: `LayerOuterProducts` refuses it (weights are no longer plain entries of theta), and
    Gauss-Newton steps gain nothing from it.  Use `PerPoint` for Jacobians.

    Args:
        network: The architecture whose linear layers are factorised.
        mean: Of s; 0.5 or 1 in [1].
        deviation: Of s, positive; 0.1 in [1].

    [1] S. Wang, H. Wang, J. H. Seidman, P. Perdikaris, arXiv:2210.01274 (2022).
    """

    network: Architecture = field(default_factory=Mlp)
    mean: float = 1.0
    deviation: float = 0.1

    def __post_init__(self) -> None:
        require_architecture(self, network=self.network)
        require_positive(self, deviation=self.deviation)
        require_numbers(self, mean=self.mean)
        if not -10 <= self.mean <= 10:
            raise ValueError(f"Factorized: mean = {self.mean}; give a number in [-10, 10], since exp(mean) scales")

    def build(self, inputs: Inputs, outputs: int, generator: torch.Generator) -> torch.nn.Module:
        """A fresh network on the generator's device; equal generators give equal weights."""
        network = self.network.build(inputs, outputs, generator)
        for layer in [m for m in network.modules() if isinstance(m, torch.nn.Linear)]:
            units = layer.out_features
            drawn = torch.randn(units, dtype=torch.float64, generator=generator, device=generator.device)
            parametrize.register_parametrization(layer, "weight", Scaled(self.mean + self.deviation * drawn))
        return network
