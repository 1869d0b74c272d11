"""Deep operator networks: coefficients from sensors times functions of the position."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pinnlab.admissible import require_counts
from pinnlab.networks.activations import Swish
from pinnlab.networks.architecture import Architecture, require_architecture
from pinnlab.networks.embedding import unit_box
from pinnlab.networks.inputs import Inputs
from pinnlab.networks.mlp import Mlp
from pinnlab.networks.operator import ContinuousArchitecture, ContinuousNetwork, Signature


class Sensors(torch.nn.Module):
    """A network of the values of all inputs at all nodes of one grid.

    Args:
        branch: The architecture of the network.
        signature: Its `inputs` and `grid` are the sensors.
        outputs: Numbers that the network answers.
        generator: Of the weights.
    """

    def __init__(self, branch: Architecture, signature: Signature, outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        self.grid = signature.grid
        sensors = signature.inputs * math.prod(signature.grid)
        self.network = branch.build(unit_box(sensors), outputs, generator).to(signature.dtype)

    def forward(self, values: Tensor) -> Tensor:
        """`(batch, inputs, *grid)` to `(batch, outputs)`.

        Raises:
            ValueError: If the grid is another one than in training.
        """
        if tuple(values.shape[2:]) != self.grid:
            raise ValueError(
                f"DeepONet: values on a grid of {tuple(values.shape[2:])} nodes, and its sensors are the nodes of "
                f"{self.grid}; interpolate the inputs to that grid, or take a network such as Fno that works on any"
            )
        return self.network(values.flatten(1))


class BranchAndTrunk(ContinuousNetwork):
    """u_c(y) = sum_k b_ck t_k(y) + b0_c, with b from the values at the sensors and t from the position y.

    Attributes:
        branch: Values `(batch, inputs, *grid)` to b, `(batch, outputs * rank)`.
        trunk: Positions `(n, dimension)` to t, `(n, rank)`.
        bias: b0, `(outputs,)`.
    """

    def __init__(self, settings: DeepOnet, signature: Signature, generator: torch.Generator) -> None:
        super().__init__()
        self.dimension, self.rank = signature.dimension, settings.rank
        self.branch = Sensors(settings.branch, signature, signature.outputs * settings.rank, generator)
        corners = (0.0,) * signature.dimension, (1.0,) * signature.dimension
        inputs = Inputs(*corners, signature.periodic)
        self.trunk = settings.trunk.build(inputs, settings.rank, generator).to(signature.dtype)
        self.bias = torch.nn.Parameter(torch.zeros(signature.outputs, dtype=signature.dtype, device=generator.device))

    def forward(self, values: Tensor, positions: Tensor) -> Tensor:
        """The answer `(batch, outputs, *points)` at any positions `(*points, dimension)`.

        Raises:
            ValueError: If the values are on another grid than in training, or positions of another dimension.
        """
        if positions.shape[-1] != self.dimension:
            raise ValueError(
                f"DeepONet: positions of shape {tuple(positions.shape)}; it was built for {self.dimension} dimensions, "
                "which come last"
            )
        coefficients = self.branch(values).unflatten(1, (-1, self.rank))
        functions = self.trunk(positions.to(values).reshape(-1, self.dimension))
        answer = coefficients @ functions.T + self.bias[:, None]
        return answer.reshape(*answer.shape[:2], *positions.shape[:-1])


@dataclass(frozen=True)
class DeepOnet(ContinuousArchitecture):
    """The deep operator network [1]: u_c(y) = sum_k b_ck(input) t_k(y) + b0_c, k = 1 ... rank.

    The branch sees the input functions at fixed sensors, the nodes of the training grid or points of a cloud, in their
    order; another grid is refused.  The trunk is a function of y, so the network answers at any positions, be they a
    grid or not, also between nodes; learned on `SpaceTime()`, y is time and space.  Several outputs share the functions
    t_k.  Along periodic axes t_k is periodic.

    Answers lie in a space of `rank` dimensions that does not depend on the input: solutions whose shape moves about,
    such as waves and shocks, need a large rank, and `Fno` or `Transolver` do better.  Branches of many sensors are
    large: for grids of more than some thousand nodes take another network.

    Args:
        branch: Architecture of the network on sensor values; `Affine()` where solutions depend linearly on inputs.
        trunk: Architecture of the network on positions; `FourierFeatures(...)` and `Harmonics(...)` for oscillations.
        rank: Functions in the sum.

    Raises:
        ValueError: If `rank` is no positive whole number, or a network is no architecture; when called, if values are
            not on the training grid.

    [1] L. Lu, P. Jin, G. Pang, Z. Zhang, G. E. Karniadakis, Nature Mach. Intell. 3 (2021) 218-229, arXiv:1910.03193.
    """

    branch: Architecture = field(default_factory=lambda: Mlp(width=128, depth=3, activation=Swish()))
    trunk: Architecture = field(default_factory=lambda: Mlp(width=128, depth=3))
    rank: int = 64

    def __post_init__(self) -> None:
        require_architecture(self, branch=self.branch, trunk=self.trunk)
        require_counts(self, rank=self.rank)

    def build(self, signature: Signature, generator: torch.Generator) -> BranchAndTrunk:
        """A fresh network on the generator's device; equal generators give equal weights."""
        return BranchAndTrunk(self, signature, generator)
