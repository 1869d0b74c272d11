"""A deep residual network that starts as a linear combination of its embedding."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from pinnlab.admissible import require_counts, require_positive, require_seed
from pinnlab.networks.activations import Activation, Tanh
from pinnlab.networks.architecture import Headed, dense, glorot
from pinnlab.networks.embedding import RandomFourier
from pinnlab.networks.inputs import Features, Inputs


class AdaptiveBlock(torch.nn.Module):
    """Three gated layers and a residual gate alpha, which starts at zero."""

    def __init__(self, width: int, activation: Activation) -> None:
        super().__init__()
        self.activation = activation
        self.layers = torch.nn.ModuleList(dense(width, width) for _ in range(3))
        self.alpha = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def forward(self, x: Any, v: Any, u_minus_v: Any) -> Any:
        """Alpha h + (1 - alpha) x, where a gate f passes f U + (1 - f) V."""
        h = x
        for layer in self.layers[:2]:
            h = v + self.activation(layer(h)) * u_minus_v
        h = self.activation(self.layers[2](h))
        return x + (h - x) * self.alpha


class ResidualGates(Headed):
    """Embedding, two encodings, blocks, last layer."""

    def __init__(self, embedding: torch.nn.Module, settings: PirateNet, outputs: int) -> None:
        super().__init__()
        self.embedding = embedding
        self.activation = settings.activation
        self.first_encoder = dense(settings.width, settings.width)
        self.second_encoder = dense(settings.width, settings.width)
        self.blocks = torch.nn.ModuleList(
            AdaptiveBlock(settings.width, settings.activation) for _ in range(settings.blocks)
        )
        self.head = dense(settings.width, outputs)

    def hidden(self, points: Any) -> Any:
        """The output of the last block (n, width) at `points (n, dim)`."""
        x = self.embedding(points)
        v = self.activation(self.second_encoder(x))
        u_minus_v = self.activation(self.first_encoder(x)) - v
        for block in self.blocks:
            x = block(x, v, u_minus_v)
        return x


@dataclass(frozen=True)
class PirateNet:
    """Physics-informed residual adaptive network [1] in float64.

    Every block of three layers is gated towards the identity by a trainable alpha = 0 at the start, so that even a deep
    network starts as a linear combination of random Fourier features of the input, which `with_fitted_head` can fit to
    data.  For long training by first-order methods; dense second-order methods reach more with a smaller `Mlp`.

    Args:
        width: Units per layer, even: half of them are the frequencies of the embedding.
        blocks: Residual blocks of three layers, at least 1.
        scale: Standard deviation of the frequencies of the embedding, on coordinates in [-1, 1].
        activation: A smooth function.
        seed: Of the frequencies, which are settings and not trained: the seed of a run does not change them.

    [1] S. Wang, B. Li, Y. Chen, P. Perdikaris, J. Mach. Learn. Res. 25 (2024) 402 (arXiv:2402.00326).
    """

    width: int = 20
    blocks: int = 3
    scale: float = 2.0
    activation: Activation = field(default_factory=Tanh)
    seed: int = 0

    def __post_init__(self) -> None:
        require_counts(self, width=self.width, blocks=self.blocks)
        require_positive(self, scale=self.scale)
        require_seed(self, self.seed)
        if self.width % 2:
            raise ValueError(f"PirateNet: width = {self.width}; give an even one, half of it are frequencies")

    def build(self, inputs: Inputs, outputs: int, generator: torch.Generator) -> Headed:
        """A fresh network on the generator's device; equal generators give equal weights."""
        fourier = RandomFourier(inputs.features, self.width // 2, self.scale, self.seed)
        embedding = torch.nn.Sequential(Features(inputs), fourier)
        network = ResidualGates(embedding, self, outputs).to(generator.device)
        glorot(network, generator)
        return network
