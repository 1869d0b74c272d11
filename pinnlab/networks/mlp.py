"""The multilayer perceptron, the work horse of physics-informed training."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import torch

from pinnlab.networks.activations import Activation, Tanh
from pinnlab.networks.inputs import Features, Inputs


class Perceptron(torch.nn.Module):
    """x_0 = features(points), x_{l+1} = activation(W_l x_l + b_l), output = W x + b."""

    def __init__(self, inputs: Inputs, widths: tuple[int, ...], activation: Activation) -> None:
        super().__init__()
        sizes = (inputs.features, *widths)
        self.features = Features(inputs)
        self.activation = activation
        self.layers = torch.nn.ModuleList(
            torch.nn.utils.skip_init(torch.nn.Linear, a, b, dtype=torch.float64) for a, b in itertools.pairwise(sizes)
        )

    def forward(self, points: Any) -> Any:
        """Values (n, outputs) at `points (n, dim)`; a Taylor series of points gives a series of values."""
        x = self.features(points)
        *hidden, head = self.layers
        for layer in hidden:
            x = self.activation(layer(x))
        return head(x)


@dataclass(frozen=True)
class Mlp:
    """A perceptron of `depth` hidden layers of `width` units each, in float64.

    Weights start from the normal distribution of variance 2 / (fan_in + fan_out) [1], biases from zero.

    Args:
        width: Units per hidden layer, at least 1.
        depth: Hidden layers, at least 1.
        activation: A smooth function; one with kinks has no second derivative to train on.

    [1] X. Glorot, Y. Bengio, Proc. AISTATS 9 (2010) 249-256, Eq. 16 (there uniform, of the same variance).
    """

    width: int = 20
    depth: int = 3
    activation: Activation = field(default_factory=Tanh)

    def __post_init__(self) -> None:
        for name, value in (("width", self.width), ("depth", self.depth)):
            if value < 1:
                raise ValueError(f"Mlp: {name} = {value}; give at least 1")

    def build(self, inputs: Inputs, outputs: int, generator: torch.Generator) -> torch.nn.Module:
        """A fresh network on the generator's device; equal generators give equal weights."""
        network = Perceptron(inputs, (*[self.width] * self.depth, outputs), self.activation)
        network.to(generator.device)
        for parameter in network.parameters():
            if parameter.ndim == 2:
                torch.nn.init.xavier_normal_(parameter, generator=generator)
            else:
                torch.nn.init.zeros_(parameter)
        return network
