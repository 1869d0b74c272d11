"""A perceptron of sines whose activations keep their distribution at any depth."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import torch

from pinnlab.admissible import require_counts, require_positive
from pinnlab.networks.architecture import Headed, dense, uniform
from pinnlab.networks.inputs import Features, Inputs


class SinePerceptron(Headed):
    """x_{l+1} = sin(frequency_l (W_l x_l + b_l)), output = W x + b."""

    def __init__(self, inputs: Inputs, settings: Siren, outputs: int) -> None:
        super().__init__()
        sizes = (inputs.features, *[settings.width] * settings.depth)
        self.features = Features(inputs)
        # Where coordinates have frequencies of their own, their weights do; see `Siren.build`.
        first = 1.0 if isinstance(settings.first_frequency, tuple) else settings.first_frequency
        self.frequencies = (first, *[settings.frequency] * (settings.depth - 1))
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
            on coordinates in [-1, 1].  One for all coordinates, or one for each in their order, such as low in time
            and high in space on a short window.
        frequency: Of the hidden layers: it scales their gradients, not their values at the start.

    [1] V. Sitzmann, J. N. P. Martel, A. W. Bergman, D. B. Lindell, G. Wetzstein, NeurIPS 33 (2020) 7462-7473.
    """

    width: int = 20
    depth: int = 3
    first_frequency: float | tuple[float, ...] = 5.0
    frequency: float = 1.0

    def __post_init__(self) -> None:
        require_counts(self, width=self.width, depth=self.depth)
        if isinstance(self.first_frequency, list):
            object.__setattr__(self, "first_frequency", tuple(self.first_frequency))
        for value in self.first_frequency if isinstance(self.first_frequency, tuple) else (self.first_frequency,):
            require_positive(self, first_frequency=value)
        require_positive(self, frequency=self.frequency)

    def build(self, inputs: Inputs, outputs: int, generator: torch.Generator) -> Headed:
        """A fresh network on the generator's device; equal generators give equal weights."""
        network = SinePerceptron(inputs, self, outputs).to(generator.device)
        for i, layer in enumerate([*network.layers, network.head]):
            columns = layer.in_features
            uniform(layer.weight, math.sqrt(6 / columns) / self.frequency if i else 1 / columns, generator)
            uniform(layer.bias, 1 / math.sqrt(columns), generator)
        if isinstance(self.first_frequency, tuple):
            rates = self._column_frequencies(inputs)
            weight, bias = network.layers[0].parameters()
            with torch.no_grad():
                weight.mul_(torch.tensor(rates, dtype=torch.float64, device=generator.device))
                bias.mul_(max(rates))
        return network

    def _column_frequencies(self, inputs: Inputs) -> list[float]:
        """The frequency of each column of `Features`.

        Raises:
            ValueError: If there is not one for each coordinate.
        """
        given = self.first_frequency
        if not isinstance(given, tuple) or len(given) != inputs.dim:
            raise ValueError(
                f"Siren: first_frequency = {given} for {inputs.dim} coordinates; give one for each, or one number"
            )
        straight = [f for f, wrapped in zip(given, inputs.periodic, strict=True) if not wrapped]
        circle = [f for f, wrapped in zip(given, inputs.periodic, strict=True) if wrapped]
        return [*straight, *circle, *circle]
