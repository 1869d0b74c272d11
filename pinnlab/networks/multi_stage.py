"""A trained network and a small correction by a second one."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pinnlab.admissible import require_several
from pinnlab.networks.architecture import Architecture, require_architecture
from pinnlab.networks.inputs import Inputs
from pinnlab.training.parameters import Parameters


class Stages(torch.nn.Module):
    """first(points) + magnitude * second(points), where the first is not trained."""

    magnitude: Tensor

    def __init__(self, first: torch.nn.Module, second: torch.nn.Module, magnitude: Tensor) -> None:
        super().__init__()
        self.first = first.requires_grad_(False)
        self.second = second
        self.register_buffer("magnitude", magnitude)

    def forward(self, points: Any) -> Any:
        """Values (n, outputs) at `points (n, dim)`."""
        return self.first(points) + self.second(points) * self.magnitude


@dataclass(frozen=True)
class MultiStage:
    """u_0(x) + epsilon u_1(kappa x): a second network on the rescaled residual of a frozen first one [1].

    A network of order one learns a function of order one with waves of order one best; what the first stage has left
    is small and oscillates, so the second sees coordinates stretched by kappa and counts epsilon.  `next_stage` makes
    these settings from a solution.  A first stage may be of several stages itself.  Settings compare, and a checkpoint
    or file knows them, by the SHA-256 of theta.

    Args:
        first: Architecture of the first stage.
        theta: Its trained parameters (P,).
        network: Architecture of the second stage.
        magnitude: epsilon for each output, positive.
        stretch: kappa for each coordinate, at least 1, in units of coordinates in [-1, 1]; periodic coordinates keep
            theirs (use `Harmonics` for overtones).

    [1] Y. Wang, C.-Y. Lai, J. Comput. Phys. 504 (2024) 112865.
    """

    first: Architecture
    theta: Tensor = field(repr=False, compare=False)
    network: Architecture
    magnitude: tuple[float, ...]
    stretch: tuple[float, ...]
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        require_architecture(self, first=self.first, network=self.network)
        values = self.theta.detach().cpu().to(torch.float64).contiguous().numpy()
        object.__setattr__(self, "sha256", hashlib.sha256(values.tobytes()).hexdigest())
        require_several(self, magnitude=self.magnitude, stretch=self.stretch)
        if not self.magnitude or not all(math.isfinite(e) and e > 0 for e in self.magnitude):
            raise ValueError(f"MultiStage: magnitude = {self.magnitude}; give a positive number for each output")
        if not self.stretch or not all(math.isfinite(k) and k >= 1 for k in self.stretch):
            raise ValueError(f"MultiStage: stretch = {self.stretch}; give at least 1 for each coordinate")

    def build(self, inputs: Inputs, outputs: int, generator: torch.Generator) -> torch.nn.Module:
        """The frozen first network and a fresh second one on the generator's device.

        Raises:
            ValueError: If a length does not fit the inputs or outputs, or theta the first network.
        """
        if len(self.magnitude) != outputs or len(self.stretch) != inputs.dim:
            raise ValueError(
                f"MultiStage: {len(self.magnitude)} magnitudes and {len(self.stretch)} stretches for {outputs} outputs "
                f"and {inputs.dim} coordinates; give one of each"
            )
        # The generator draws the second stage alone, so that the first does not change what it draws.
        first = self.first.build(inputs, outputs, torch.Generator(generator.device).manual_seed(0))
        parameters = Parameters(first)
        if self.theta.shape != (parameters.size,):
            raise ValueError(f"MultiStage: theta of shape {tuple(self.theta.shape)}, wanted ({parameters.size},)")
        values = {n: v.to(generator.device) for n, v in parameters.unflatten(self.theta.detach()).items()}
        first.load_state_dict(values, strict=False)
        second = self.network.build(stretched(inputs, self.stretch), outputs, generator)
        return Stages(first, second, torch.tensor(self.magnitude, dtype=torch.float64, device=generator.device))


def stretched(inputs: Inputs, stretch: tuple[float, ...]) -> Inputs:
    """The box about the same centre in which coordinates reach +-stretch instead of +-1."""
    lower, upper = list(inputs.lower), list(inputs.upper)
    for i, (a, b, k) in enumerate(zip(inputs.lower, inputs.upper, stretch, strict=True)):
        if not inputs.periodic[i]:
            lower[i], upper[i] = (a + b) / 2 - (b - a) / (2 * k), (a + b) / 2 + (b - a) / (2 * k)
    return Inputs(tuple(lower), tuple(upper), inputs.periodic)
