"""U-Nets: convolutions on a hierarchy of ever coarser grids."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d, avg_pool2d, avg_pool3d, gelu, interpolate, pad

from pinnlab.admissible import require_counts
from pinnlab.networks.drawn_layers import convolution
from pinnlab.networks.operator import OperatorArchitecture, OperatorNetwork, Signature
from pinnlab.networks.position_channels import Coordinates, PositionChannels, require_positions

POOLS: tuple[Callable[..., Tensor], ...] = (avg_pool1d, avg_pool2d, avg_pool3d)


class SmallConvolution(torch.nn.Module):
    """A convolution of 3 nodes per axis that keeps the grid: periodic axes are continued, others get zeros."""

    def __init__(
        self, inputs: int, outputs: int, periodic: tuple[bool, ...], generator: torch.Generator, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.kernel = convolution(len(periodic), inputs, outputs, 3, generator, dtype)
        # Pad widths are given for the last axis first.
        self.around = [width for p in reversed(periodic) for width in (int(p), int(p))]
        self.beside = [width for p in reversed(periodic) for width in (int(not p), int(not p))]

    def forward(self, x: Tensor) -> Tensor:
        """`(batch, outputs, *grid)` of `(batch, inputs, *grid)`."""
        if any(self.around):
            x = pad(x, self.around, mode="circular")
        return self.kernel(pad(x, self.beside))


class DoubleConvolution(torch.nn.Module):
    """Twice: a convolution, normalisation over groups of channels [1], gelu.

    [1] Y. Wu, K. He, ECCV 2018, arXiv:1803.08494.
    """

    def __init__(
        self, inputs: int, outputs: int, periodic: tuple[bool, ...], generator: torch.Generator, dtype: torch.dtype
    ) -> None:
        super().__init__()
        sizes = ((inputs, outputs), (outputs, outputs))
        self.convolutions = torch.nn.ModuleList(SmallConvolution(a, b, periodic, generator, dtype) for a, b in sizes)
        self.norms = torch.nn.ModuleList(
            torch.nn.GroupNorm(math.gcd(8, outputs), outputs, dtype=dtype, device=generator.device) for _ in sizes
        )

    def forward(self, x: Tensor) -> Tensor:
        """`(batch, outputs, *grid)` of `(batch, inputs, *grid)`."""
        for convolve, normalise in zip(self.convolutions, self.norms, strict=True):
            x = gelu(normalise(convolve(x)))
        return x


class Hierarchy(OperatorNetwork):
    """Down through ever coarser grids, and up again with what was found on the way down.

    A coarser grid has half the nodes of the finer one, rounded up, each the mean of its two, and twice the channels.
    On the way up each value is repeated, and joined by what `bridges` make of the finer grid's values.

    Args:
        signature: Of the network.
        width: Channels on the finest grid.
        bridge: Channels to the module that works on one grid; `(batch, channels, *grid)` to the same shape.
        levels: Coarser grids.
        positions: Appended to the input functions.
        generator: Of the weights.

    Raises:
        ValueError: If the coarsest grid has fewer than 2 nodes along an axis.
    """

    def __init__(
        self,
        signature: Signature,
        width: int,
        bridge: Callable[[int], torch.nn.Module],
        levels: int,
        positions: PositionChannels,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.levels, self.periodic, self.positions = levels, signature.periodic, positions
        self._require(signature.grid)
        widths = [width * 2**level for level in range(levels + 1)]
        first = signature.inputs + positions.count(signature)

        def double(inputs: int, outputs: int) -> DoubleConvolution:
            return DoubleConvolution(inputs, outputs, signature.periodic, generator, signature.dtype)

        self.down = torch.nn.ModuleList(double(a, b) for a, b in itertools.pairwise([first, *widths]))
        self.bridges = torch.nn.ModuleList(bridge(channels) for channels in widths)
        self.up = torch.nn.ModuleList(double(a + b, a) for a, b in itertools.pairwise(widths))
        self.head = convolution(signature.dimension, width, signature.outputs, 1, generator, signature.dtype)

    def _require(self, grid: tuple[int, ...]) -> None:
        axes, least = len(self.periodic), 2**self.levels + 1
        if len(grid) != axes or min(grid) < least:
            raise ValueError(
                f"U-Net: {self.levels} levels on a grid of {grid} nodes; give {axes} axes of at least {least} nodes, "
                "or fewer levels"
            )

    def forward(self, values: Tensor, positions: Tensor) -> Tensor:
        """The answer `(batch, outputs, *grid)`.

        Raises:
            ValueError: If the coarsest grid would have fewer than 2 nodes along an axis.
        """
        self._require(tuple(values.shape[2:]))
        places = self.positions(positions.to(values), self.periodic).movedim(-1, 0)
        x = torch.cat([values, places.expand(len(values), *places.shape)], dim=1)
        found = list(self._descend(x))
        x = found.pop()
        for merge in reversed(self.up):
            finer = found.pop()
            x = merge(torch.cat([finer, interpolate(x, size=finer.shape[2:], mode="nearest")], dim=1))
        return self.head(x)

    def _descend(self, x: Tensor) -> Iterator[Tensor]:
        pool = POOLS[len(self.periodic) - 1]
        for level, (convolve, bridge) in enumerate(zip(self.down, self.bridges, strict=True)):
            x = convolve(pool(x, 2, ceil_mode=True, count_include_pad=False) if level else x)
            yield bridge(x)


@dataclass(frozen=True)
class UNet(OperatorArchitecture):
    """The U-Net [1] on equispaced grids of one to three dimensions, of any number of nodes.

    Two convolutions of 3 nodes per axis on each grid, with continuation along periodic axes and zeros beside others;
    means instead of maxima on the way down, repeated values instead of transposed convolutions on the way up.  Its
    kernels are a number of nodes wide, not a length: on another resolution than in training it is another operator.

    Args:
        width: Channels on the finest grid; twice as many on each coarser one.
        levels: Coarser grids.
        positions: Appended to the input functions; `NoPositions()` where the equation is the same everywhere.

    Raises:
        ValueError: If a number is not a positive whole one; on building, if an axis has no more than 2^levels nodes.

    [1] O. Ronneberger, P. Fischer, T. Brox, MICCAI 2015, arXiv:1505.04597.
    """

    width: int = 16
    levels: int = 3
    positions: PositionChannels = field(default_factory=Coordinates)

    def __post_init__(self) -> None:
        require_counts(self, width=self.width, levels=self.levels)
        require_positions(self, self.positions)

    def build(self, signature: Signature, generator: torch.Generator) -> Hierarchy:
        """A fresh network on the generator's device; equal generators give equal weights."""
        require_grid(self, signature)
        return Hierarchy(signature, self.width, _unchanged, self.levels, self.positions, generator)


def _unchanged(channels: int) -> torch.nn.Module:
    return torch.nn.Identity()


def require_grid(owner: object, signature: Signature) -> None:
    """Refuse point clouds, and grids of more than three axes.

    Raises:
        ValueError: If the signature is of such a thing.
    """
    if len(signature.grid) != signature.dimension or not 1 <= signature.dimension <= 3:
        raise ValueError(
            f"{type(owner).__name__}: {signature.grid} values in {signature.dimension} dimensions; it works on "
            "grids of one to three axes"
        )
