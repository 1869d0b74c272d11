"""Embeddings of the coordinates that go before any architecture."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pinnlab.admissible import require_counts, require_positive, require_seed
from pinnlab.networks.architecture import Architecture, Headed, require_architecture
from pinnlab.networks.inputs import Features, Inputs
from pinnlab.networks.mlp import Mlp


class RandomFourier(torch.nn.Module):
    """Features x to cos(B x), sin(B x) with a fixed matrix B (count, columns)."""

    frequencies: Tensor

    def __init__(self, columns: int, count: int, scale: float, seed: int) -> None:
        super().__init__()
        # On the CPU whatever the device: a run that goes on elsewhere has the same frequencies.
        drawn = torch.randn(count, columns, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        self.register_buffer("frequencies", scale * drawn)

    def forward(self, x: Any) -> Any:
        """(n, columns) to (n, 2 count): cosines, then sines."""
        angle = torch.nn.functional.linear(x, self.frequencies)
        return torch.cat([torch.cos(angle), torch.sin(angle)], dim=-1)


class Embedded(Headed):
    """network(embedding(points)) for a network that is `Headed`."""

    def __init__(self, embedding: torch.nn.Module, network: torch.nn.Module) -> None:
        super().__init__()
        self.embedding = embedding
        self.network: Any = network

    @property
    def head(self) -> torch.nn.Linear:  # type: ignore[override]
        """The inner network's last layer."""
        return self.network.head

    def hidden(self, points: Any) -> Any:
        """What the inner network's last layer sees."""
        return self.network.hidden(self.embedding(points))

    def forward(self, points: Any) -> Any:
        """Values (n, outputs) at `points (n, dim)`."""
        return self.network(self.embedding(points))


def embedded(embedding: torch.nn.Module, network: torch.nn.Module) -> torch.nn.Module:
    """network(embedding(points)), which is `Headed` if the network is."""
    kind = Embedded if isinstance(network, Headed) else torch.nn.Sequential
    return kind(embedding, network)


@dataclass(frozen=True)
class FourierFeatures:
    """Random Fourier features [1] before any network, in float64.

    Scaled coordinates x (periodic ones as cosine and sine, so that periodicity stays exact) become cos(B x) and
    sin(B x), with B drawn once from the normal distribution of deviation `scale` and kept fixed: in [1] scale is
    2 pi sigma.  For solutions with high frequencies, and harmful to smooth ones: the network starts with waves of
    length about 2 pi / scale on coordinates in [-1, 1].

    Args:
        network: Architecture that takes the features.
        count: Frequencies; the network sees 2 count columns.
        scale: Standard deviation of the frequencies, 1 to 10 for most problems.
        seed: Of the frequencies, which are settings and not trained: the seed of a run does not change them.

    [1] M. Tancik, P. P. Srinivasan, B. Mildenhall et al., NeurIPS 33 (2020) 7537-7547.
    """

    network: Architecture = field(default_factory=Mlp)
    count: int = 16
    scale: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        require_architecture(self, network=self.network)
        require_counts(self, count=self.count)
        require_positive(self, scale=self.scale)
        require_seed(self, self.seed)

    def build(self, inputs: Inputs, outputs: int, generator: torch.Generator) -> torch.nn.Module:
        """A fresh network on the generator's device; equal generators give equal weights."""
        fourier = RandomFourier(inputs.features, self.count, self.scale, self.seed)
        embedding = torch.nn.Sequential(Features(inputs), fourier).to(generator.device)
        return embedded(embedding, self.network.build(unit_box(2 * self.count), outputs, generator))


class HarmonicFeatures(torch.nn.Module):
    """`Features` whose periodic coordinates come with cos and sin of 1 to `count` times their angle."""

    phase: Tensor
    frequency: Tensor

    def __init__(self, inputs: Inputs, count: int) -> None:
        super().__init__()
        self.first = Features(inputs)
        wrapped = [i for i in range(inputs.dim) if inputs.periodic[i]]
        rows, shifts = [], []
        for i in wrapped:
            rate = 2 * math.pi / (inputs.upper[i] - inputs.lower[i])
            for k in range(2, count + 1):
                rows.append([k * rate * (j == i) for j in range(inputs.dim)])
                shifts.append(-k * rate * inputs.lower[i])
        self.register_buffer("frequency", torch.tensor(rows, dtype=torch.float64).reshape(-1, inputs.dim))
        self.register_buffer("phase", torch.tensor(shifts, dtype=torch.float64))
        self.columns = inputs.features + 2 * len(rows)

    def forward(self, points: Any) -> Any:
        """(n, dim) to (n, columns): the features of `Features`, then cosines and sines of the overtones."""
        if not len(self.phase):
            return self.first(points)
        angle = torch.nn.functional.linear(points, self.frequency, self.phase)
        return torch.cat([self.first(points), torch.cos(angle), torch.sin(angle)], dim=-1)


@dataclass(frozen=True)
class Harmonics:
    """Overtones of periodic coordinates before any network [1]: cos(k w x), sin(k w x) for k = 1 to `count`.

    Periodicity stays exact; the network need not make the overtones itself.  Coordinates that are not periodic pass
    as they are.

    Args:
        network: Architecture that takes the features.
        count: Highest overtone, at least 1; 1 is what every architecture does by itself.

    [1] S. Dong, N. Ni, J. Comput. Phys. 435 (2021) 110242.
    """

    network: Architecture = field(default_factory=Mlp)
    count: int = 5

    def __post_init__(self) -> None:
        require_architecture(self, network=self.network)
        require_counts(self, count=self.count)

    def build(self, inputs: Inputs, outputs: int, generator: torch.Generator) -> torch.nn.Module:
        """A fresh network on the generator's device; equal generators give equal weights."""
        embedding = HarmonicFeatures(inputs, self.count).to(generator.device)
        return embedded(embedding, self.network.build(unit_box(embedding.columns), outputs, generator))


def unit_box(columns: int) -> Inputs:
    """Columns of an embedding, which lie in [-1, 1] already."""
    return Inputs((-1.0,) * columns, (1.0,) * columns, (False,) * columns)
