"""A perceptron of sines whose activations keep their distribution at any depth."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import torch

from pinnlab.networks.architecture import Headed, dense, require_at_least_one, require_positive, uniform
from pinnlab.networks.inputs import Features, Inputs


class SinePerceptron(Headed):
    """x_{l+1} = sin(frequency_l (W_l x_l + b_l)), output = W x + b."""

    def __init__(self, inputs: Inputs, settings: Siren, outputs: int) -> None:
        super().__init__()
        sizes = (inputs.features, *[settings.width] * settings.depth)
        self.features = Features(inputs)
        self.frequencies = (settings.first_frequency, *[settings.frequency] * (settings.depth - 1))
        self.layers = torch.nn.ModuleList(dense(a, b) for a, b in itertools.pairwise(sizes))
        self.head = dense(settings.width, outputs)

    def hidden(self, points: Any) -> Any:
        """The last hidden layer (n, width) at `points (n, dim)`."""
        x = self.features(points)
        for layer, frequency in zip(self.layers, self.frequencies, strict=True):
            x = torch.sin(layer(x) * frequency)
        return x


@dataclass(frozen=True)
class Siren:
    """Sinusoidal representation network [1], in float64.

    First layer sin(first_frequency (W x + b)) with W uniform in [-1, 1] / columns; the others
    sin(frequency (W x + b)) and the last layer W x + b with W uniform in [-1, 1] sqrt(6 / width) / frequency [1],
    so that every activation starts arcsine distributed.  Biases are uniform in
    [-1, 1] / sqrt(columns) as in the authors' code.  For solutions of high frequency.

    Args:
        width: Units per hidden layer, at least 1.
        depth: Hidden layers, at least 1.
        first_frequency: omega_0 of [1], where it is 30 for images; of the order of the solution's highest wave number
            on coordinates in [-1, 1].
        frequency: Of the hidden layers: it scales their gradients, not their values at the start.

    [1] V. Sitzmann, J. N. P. Martel, A. W. Bergman, D. B. Lindell, G. Wetzstein, NeurIPS 33 (2020) 7462-7473.
    """

    width: int = 20
    depth: int = 3
    first_frequency: float = 5.0
    frequency: float = 1.0

    def __post_init__(self) -> None:
        require_at_least_one(self, width=self.width, depth=self.depth)
        require_positive(self, first_frequency=self.first_frequency, frequency=self.frequency)

    def build(self, inputs: Inputs, outputs: int, generator: torch.Generator) -> Headed:
        """A fresh network on the generator's device; equal generators give equal weights."""
        network = SinePerceptron(inputs, self, outputs).to(generator.device)
        for i, layer in enumerate([*network.layers, network.head]):
            columns = layer.in_features
            uniform(layer.weight, math.sqrt(6 / columns) / self.frequency if i else 1 / columns, generator)
            uniform(layer.bias, 1 / math.sqrt(columns), generator)
        return network
