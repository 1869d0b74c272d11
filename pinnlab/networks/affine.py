"""The simplest network: a matrix and a vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from pinnlab.networks.architecture import Headed, dense, glorot
from pinnlab.networks.inputs import Features, Inputs


class AffineMap(Headed):
    """W features(points) + b."""

    def __init__(self, inputs: Inputs, outputs: int) -> None:
        super().__init__()
        self.features = Features(inputs)
        self.head = dense(inputs.features, outputs)

    def hidden(self, points: Any) -> Any:
        """The features (n, features) of `points (n, dim)`."""
        return self.features(points)


@dataclass(frozen=True)
class Affine:
    """x ↦ W x + b, without hidden layers, in float64.

    The branch of a DeepONet for linear problems: the solution is then a linear function of the input, as it should be,
    and right for sums of inputs that were never seen.  W starts from the normal distribution of variance
    2 / (fan_in + fan_out), b from zero.  Not for coordinates, of which hardly any solution is a linear function.
    """

    def build(self, inputs: Inputs, outputs: int, generator: torch.Generator) -> AffineMap:
        """A fresh network on the generator's device; equal generators give equal weights."""
        network = AffineMap(inputs, outputs)
        network.to(generator.device)
        glorot(network, generator)
        return network
