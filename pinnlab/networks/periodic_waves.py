"""One layer of sines with whole wave numbers, for boxes that are periodic along every axis."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnlab.admissible import require_counts, require_positive
from pinnlab.networks.architecture import Headed, dense, uniform
from pinnlab.networks.inputs import Inputs

# Waves beyond which the last layer's least-squares problem would not fit into any memory.
MOST_WAVES = 100_000


class SineLayer(Headed):
    """head(sin(K x + b)) with fixed K (width, dim) and b (width,)."""

    frequencies: Tensor
    phases: Tensor

    def __init__(self, frequencies: Tensor, phases: Tensor, outputs: int) -> None:
        super().__init__()
        self.register_buffer("frequencies", frequencies)
        self.register_buffer("phases", phases)
        self.head = dense(len(frequencies), outputs)

    def hidden(self, points: Any) -> Any:
        """The sines (n, width) at `points (n, dim)`."""
        return torch.sin(torch.nn.functional.linear(points, self.frequencies, self.phases))


@dataclass(frozen=True)
class PeriodicWaves:
    """sin(2 pi k.x / L + b) with wave vectors k of whole numbers, 0 < |k| <= `largest`, and b = 0 or pi / 2; float64.

    With all waves, which is the default, and the bias of its linear last layer this is the real Fourier basis, and
    what moves its last layer is a Fourier-Galerkin method: for smooth periodic fields nothing is more accurate.  The
    waves are fixed; only the last layer is trained.

    Args:
        largest: Largest length of a wave vector, at least 1.
        width: How many of the waves, drawn at random; None takes all.

    C. Canuto, M. Y. Hussaini, A. Quarteroni, T. A. Zang, Spectral Methods: Fundamentals in Single Domains, Springer
    2006, section 2.1.
    """

    largest: float = 8.0
    width: int | None = None

    def __post_init__(self) -> None:
        require_positive(self, largest=self.largest)
        if self.largest < 1:
            raise ValueError(f"PeriodicWaves: largest = {self.largest}; give at least 1")
        if self.width is not None:
            require_counts(self, width=self.width)

    def build(self, inputs: Inputs, outputs: int, generator: torch.Generator) -> Headed:
        """A fresh network on the generator's device; equal generators give equal weights.

        Raises:
            ValueError: If an axis is not periodic, or there are over 100,000 waves.
        """
        if not all(inputs.periodic):
            raise ValueError(
                f"PeriodicWaves: coordinate {inputs.periodic.index(False)} is not periodic; use Siren, whose waves "
                "need not be whole"
            )
        waves, phases = self._waves(inputs.dim)
        if self.width is not None and self.width < len(waves):
            chosen = torch.randperm(len(waves), generator=generator, device=generator.device)[: self.width].cpu()
            waves, phases = waves[chosen], phases[chosen]
        lower, upper = (torch.tensor(b, dtype=torch.float64) for b in (inputs.lower, inputs.upper))
        frequencies = 2 * math.pi * waves / (upper - lower)
        network = SineLayer(frequencies, phases - frequencies @ lower, outputs).to(generator.device)
        for tensor in network.head.parameters():
            uniform(tensor, 1 / math.sqrt(len(waves)), generator)
        return network

    def _waves(self, dim: int) -> tuple[Tensor, Tensor]:
        """All wave vectors (m, dim), one of each pair k and -k, twice, and their phases (m,)."""
        reach = math.floor(self.largest)
        if (2 * reach + 1) ** dim > MOST_WAVES:
            raise ValueError(
                f"PeriodicWaves: largest = {self.largest} means up to {(2 * reach + 1) ** dim:,} waves in {dim} "
                "dimensions; lower it"
            )
        whole = itertools.product(range(-reach, reach + 1), repeat=dim)
        half = [k for k in whole if k > (0,) * dim and sum(i * i for i in k) <= self.largest**2]
        waves = torch.tensor(half, dtype=torch.float64)
        phases = torch.zeros(len(half), dtype=torch.float64)
        return torch.cat([waves, waves]), torch.cat([phases, phases + math.pi / 2])
