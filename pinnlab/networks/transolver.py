"""Attention among a few learned slices of a domain, in place of attention among its points."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pinnlab.admissible import require_counts
from pinnlab.networks.drawn_layers import linear
from pinnlab.networks.operator import OperatorArchitecture, OperatorNetwork, Signature, require_places
from pinnlab.networks.position_channels import Coordinates, PositionChannels, require_positions

# Temperatures of the slice weights at the start, and the range in which they are kept.
TEMPERATURE, COLDEST, HOTTEST = 0.5, 0.1, 5.0


class PhysicsAttention(torch.nn.Module):
    """Points to slices, attention among slices, and back to points, in each head by itself [1, section 3.1].

    With

        w_i = softmax(P x_i / tau),   z_j = sum_i w_ij x'_i / sum_i w_ij,   z' = softmax(Q z (K z)^T / sqrt(c)) V z,
    point i becomes sum_j w_ij z'_j; j is a slice, x and x' are two linear images of the layer's input in the c channels
    of a head.  It costs O(points * slices), and does not depend on the order of points.

    Attributes:
        features: To x and x' of all heads.
        slices: P, c to slices; the same in all heads.
        temperature: tau of each head, `(heads, 1, 1)`.
        attention: To Q z, K z and V z.
        mix: From the heads' channels to those of the layer.

    [1] H. Wu, H. Luo, H. Wang, J. Wang, M. Long, ICML 2024, arXiv:2402.02366.
    """

    def __init__(self, width: int, heads: int, slices: int, generator: torch.Generator, dtype: torch.dtype) -> None:
        super().__init__()
        each = width // heads
        self.heads = heads
        self.features = linear(width, 2 * width, generator, dtype)
        self.slices = linear(each, slices, generator, dtype)
        self.temperature = torch.nn.Parameter(
            torch.full((heads, 1, 1), TEMPERATURE, dtype=dtype, device=generator.device)
        )
        self.attention = linear(each, 3 * each, generator, dtype)
        self.mix = linear(width, width, generator, dtype)

    def weights(self, x: Tensor) -> Tensor:
        """Slice weights `(batch, heads, points, slices)` of x `(batch, heads, points, c)`; they sum to one."""
        return torch.softmax(self.slices(x) / self.temperature.clamp(COLDEST, HOTTEST), dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        """`(batch, points, width)` to the same shape."""
        asking, carried = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.features(x).chunk(2, dim=-1)
        )
        weights = self.weights(asking)
        # A softmax is positive, but may underflow in every point.
        total = weights.sum(dim=-2).clamp_min(torch.finfo(x.dtype).tiny)
        tokens = weights.transpose(-1, -2) @ carried / total[..., None]
        q, k, v = self.attention(tokens).chunk(3, dim=-1)
        tokens = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), dim=-1) @ v
        return self.mix((weights @ tokens).transpose(1, 2).flatten(-2))


class TransolverLayer(torch.nn.Module):
    """y = x + attention(norm(x)), then y + dense(norm(y)), point by point but for the attention [1, section 3.2].

    [1] H. Wu, H. Luo, H. Wang, J. Wang, M. Long, ICML 2024, arXiv:2402.02366.
    """

    def __init__(self, width: int, heads: int, slices: int, generator: torch.Generator, dtype: torch.dtype) -> None:
        super().__init__()
        self.norms = torch.nn.ModuleList(
            torch.nn.LayerNorm(width, dtype=dtype, device=generator.device) for _ in range(2)
        )
        self.attention = PhysicsAttention(width, heads, slices, generator, dtype)
        self.dense = torch.nn.Sequential(
            linear(width, 2 * width, generator, dtype), torch.nn.GELU(), linear(2 * width, width, generator, dtype)
        )

    def forward(self, x: Tensor) -> Tensor:
        """`(batch, points, width)` to the same shape."""
        x = x + self.attention(self.norms[0](x))
        return x + self.dense(self.norms[1](x))


class TransolverNetwork(OperatorNetwork):
    """Lift, layers, a last norm, project; on the points as a set."""

    def __init__(self, settings: Transolver, signature: Signature, generator: torch.Generator) -> None:
        super().__init__()
        width, dtype = settings.width, signature.dtype
        self.positions, self.periodic = settings.positions, signature.periodic
        channels = signature.inputs + settings.positions.count(signature)
        self.lift = torch.nn.Sequential(
            linear(channels, 2 * width, generator, dtype), torch.nn.GELU(), linear(2 * width, width, generator, dtype)
        )
        self.layers = torch.nn.ModuleList(
            TransolverLayer(width, settings.heads, settings.slices, generator, dtype) for _ in range(settings.depth)
        )
        self.norm = torch.nn.LayerNorm(width, dtype=dtype, device=generator.device)
        self.project = linear(width, signature.outputs, generator, dtype)

    def forward(self, values: Tensor, positions: Tensor) -> Tensor:
        """The answer `(batch, outputs, *grid)`, on a grid or a cloud of any number of points.

        Raises:
            ValueError: If values and positions are not at the same points.
        """
        grid = tuple(values.shape[2:])
        require_places(self, grid, positions, len(self.periodic))
        places = self.positions(positions.to(values), self.periodic)
        x = torch.cat([values.movedim(1, -1), places.expand(len(values), *places.shape)], dim=-1)
        x = self.lift(x.flatten(1, -2))
        for layer in self.layers:
            x = layer(x)
        return self.project(self.norm(x)).transpose(1, 2).unflatten(-1, grid)


@dataclass(frozen=True)
class Transolver(OperatorArchitecture):
    """The Transolver [1] on grids of any dimension and on point clouds: `depth` layers of `PhysicsAttention`.

    Points are softly assigned to slices by what they hold, and only slices attend to each other.  Since slices are
    means over points, it works on other resolutions than in training as long as points are spread alike.  In [1] grids
    have convolutions where clouds have linear maps; here are linear maps for both.  Good values: 32 or 64 slices, 128
    channels, 8 layers [1].  Slow on a processor: `Fno` is cheaper on small regular grids.

    Args:
        slices: Per head.
        width: Channels.
        depth: Layers.
        heads: Of attention; a divisor of `width`.
        positions: Appended to the input functions.

    Raises:
        ValueError: If a number is no positive whole one, or `heads` does not divide `width`.

    [1] H. Wu, H. Luo, H. Wang, J. Wang, M. Long, ICML 2024, arXiv:2402.02366.
    """

    slices: int = 32
    width: int = 64
    depth: int = 4
    heads: int = 4
    positions: PositionChannels = field(default_factory=Coordinates)

    def __post_init__(self) -> None:
        require_counts(self, slices=self.slices, width=self.width, depth=self.depth, heads=self.heads)
        if self.width % self.heads:
            raise ValueError(f"Transolver: heads = {self.heads} do not divide width = {self.width}; give a divisor")
        require_positions(self, self.positions)

    def build(self, signature: Signature, generator: torch.Generator) -> TransolverNetwork:
        """A fresh network on the generator's device; equal generators give equal weights."""
        return TransolverNetwork(self, signature, generator)
