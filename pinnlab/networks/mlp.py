"""The multilayer perceptron, the work horse of physics-informed training."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import torch

from pinnlab.admissible import require_counts
from pinnlab.networks.activations import Activation, Tanh
from pinnlab.networks.architecture import Headed, dense, glorot
from pinnlab.networks.inputs import Features, Inputs


class Perceptron(Headed):
    """x_0 = features(points), x_{l+1} = activation(W_l x_l + b_l), output = W x + b."""

    def __init__(self, inputs: Inputs, widths: tuple[int, ...], activation: Activation) -> None:
        super().__init__()
        sizes = (inputs.features, *widths)
        self.features = Features(inputs)
        self.activation = activation
        self.layers = torch.nn.ModuleList(dense(a, b) for a, b in itertools.pairwise(sizes[:-1]))
        self.head = dense(sizes[-2], sizes[-1])

    def hidden(self, points: Any) -> Any:
        """The last hidden layer (n, width) at `points (n, dim)`."""
        x = self.features(points)
        for layer in self.layers:
            x = self.activation(layer(x))
        return x


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
        require_counts(self, width=self.width, depth=self.depth)

    def build(self, inputs: Inputs, outputs: int, generator: torch.Generator) -> Headed:
        """A fresh network on the generator's device; equal generators give equal weights."""
        network = Perceptron(inputs, (*[self.width] * self.depth, outputs), self.activation)
        network.to(generator.device)
        glorot(network, generator)
        return network
