"""Latent spectral models: a hierarchy of grids whose patches are projected to a few tokens."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import pad

from pinnlab.admissible import require_counts
from pinnlab.networks.drawn_layers import linear, normal
from pinnlab.networks.operator import OperatorArchitecture, Signature
from pinnlab.networks.position_channels import Coordinates, PositionChannels, require_positions
from pinnlab.networks.unet import Hierarchy, require_grid


class TrigonometricSolver(torch.nn.Module):
    """T + sum_j (a_j sin(pi j T / N) + b_j cos(pi j T / N)), j = 0 ... N - 1, channel by channel [1, section 3.2].

    Attributes:
        weight: a and b, (2, channels, N).

    [1] H. Wu, T. Hu, H. Luo, J. Wang, M. Long, ICML 2023, arXiv:2301.12664; the frequencies are those of the authors'
        programs.
    """

    def __init__(self, channels: int, basis: int, generator: torch.Generator, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(normal((2, channels, basis), 1 / channels, generator, dtype))

    def forward(self, tokens: Tensor) -> Tensor:
        """`(..., channels)` to the same shape."""
        basis = self.weight.shape[-1]
        angles = tokens[..., None] * (torch.arange(basis, device=tokens.device, dtype=tokens.dtype) * (math.pi / basis))
        waves = torch.stack([torch.sin(angles), torch.cos(angles)], dim=-3)
        return tokens + torch.einsum("...wcj,wcj->...c", waves, self.weight)


class SpectralBlock(torch.nn.Module):
    """x + decode(solve(encode(x))), in each patch of a grid by itself [1, section 3].

    The tokens of a patch are learned vectors plus what they attend to among its points; after the solver, each point
    adds what it attends to among the tokens.  Attention has 8 heads, or fewer where these do not divide the channels,
    and the usual scale 1 / sqrt(channels per head).  Patches at the end of an axis may be smaller.

    [1] H. Wu, T. Hu, H. Luo, J. Wang, M. Long, ICML 2023, arXiv:2301.12664.
    """

    def __init__(
        self, channels: int, tokens: int, basis: int, patch: int, generator: torch.Generator, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.patch, self.heads = patch, math.gcd(8, channels)
        self.tokens = torch.nn.Parameter(normal((tokens, channels), 1 / math.sqrt(channels), generator, dtype))
        self.encoder = linear(channels, 2 * channels, generator, dtype)
        self.solver = TrigonometricSolver(channels, basis, generator, dtype)
        self.decoder = linear(channels, channels, generator, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """`(batch, channels, *grid)` to the same shape."""
        points = self._split(x)
        inside = self._split(x.new_ones(1, 1, *x.shape[2:]))[..., 0].bool().repeat(len(x), 1)
        keys, values = self.encoder(points).chunk(2, dim=-1)
        learned = self.tokens.expand(len(points), *self.tokens.shape)
        tokens = self.solver(learned + self._attend(learned, keys, values, inside[:, None, None, :]))
        return x + self._join(self._attend(self.decoder(points), tokens, tokens, None), x)

    def _attend(self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (queries, keys, values))
        # Written out, since a patch has too few points and tokens for the blocks of a fused kernel.
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf)
        return (torch.softmax(scores, dim=-1) @ v).transpose(1, 2).flatten(-2)

    def _split(self, x: Tensor) -> Tensor:
        """Points `(batch * patches, patch^d, channels)`; zeros where a patch reaches beyond the grid."""
        grid = x.shape[2:]
        x = pad(x, [w for n in reversed(grid) for w in (0, -n % self.patch)])
        for axis in range(len(grid)):
            x = x.unflatten(2 + 2 * axis, (-1, self.patch))
        numbers, places = range(2, x.ndim, 2), range(3, x.ndim, 2)
        return x.permute(0, *numbers, *places, 1).reshape(-1, self.patch ** len(grid), x.shape[1])

    def _join(self, points: Tensor, like: Tensor) -> Tensor:
        """The inverse of `_split`, on the grid of `like`."""
        grid, axes = like.shape[2:], like.ndim - 2
        counts = [math.ceil(n / self.patch) for n in grid]
        x = points.reshape(len(like), *counts, *[self.patch] * axes, like.shape[1])
        order = [place for axis in range(axes) for place in (1 + axis, 1 + axes + axis)]
        x = x.permute(0, -1, *order).reshape(len(like), like.shape[1], *(c * self.patch for c in counts))
        for axis, n in enumerate(grid, 2):
            x = x.narrow(axis, 0, n)
        return x


@dataclass(frozen=True)
class LatentSpectral(OperatorArchitecture):
    """The latent spectral model [1]: a U-Net's hierarchy of grids, on each of which a `SpectralBlock` acts.

    Args:
        width: Channels on the finest grid; twice as many on each coarser one.  Multiples of 8 give attention 8 heads.
        levels: Coarser grids; 4 in [1].
        tokens: Per patch.
        basis: Sines and cosines per channel.
        patch: Nodes per axis of a patch, on every grid.
        positions: Appended to the input functions; `NoPositions()` where the equation is the same everywhere.

    Raises:
        ValueError: If a number is not a positive whole one; on building, if an axis has no more than 2^levels nodes.

    [1] H. Wu, T. Hu, H. Luo, J. Wang, M. Long, ICML 2023, arXiv:2301.12664.
    """

    width: int = 32
    levels: int = 4
    tokens: int = 4
    basis: int = 12
    patch: int = 3
    positions: PositionChannels = field(default_factory=Coordinates)

    def __post_init__(self) -> None:
        require_counts(
            self, width=self.width, levels=self.levels, tokens=self.tokens, basis=self.basis, patch=self.patch
        )
        require_positions(self, self.positions)

    def build(self, signature: Signature, generator: torch.Generator) -> Hierarchy:
        """A fresh network on the generator's device; equal generators give equal weights."""
        require_grid(self, signature)

        def block(channels: int) -> SpectralBlock:
            return SpectralBlock(channels, self.tokens, self.basis, self.patch, generator, signature.dtype)

        return Hierarchy(signature, self.width, block, self.levels, self.positions, generator)
