"""Frames that follow each other in a coarse latent space, in place of the space of the solution."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import gelu, interpolate

from pinnlab.admissible import require_counts
from pinnlab.networks.drawn_layers import convolution
from pinnlab.networks.fno import Fno
from pinnlab.networks.operator import (
    OperatorArchitecture,
    OperatorNetwork,
    Signature,
    require_operator_architecture,
    require_places,
)
from pinnlab.networks.position_channels import Coordinates, PositionChannels, require_positions
from pinnlab.networks.unet import POOLS, SmallConvolution, require_grid


class GridEncoder(torch.nn.Module):
    """Convolutions to grids of half as many nodes each, means of the two of which each coarser node is made."""

    def __init__(
        self, inputs: int, channels: int, halvings: int, signature: Signature, generator: torch.Generator
    ) -> None:
        super().__init__()
        sizes = [inputs, *[channels] * (halvings + 1)]
        self.pool = POOLS[signature.dimension - 1]
        self.layers = torch.nn.ModuleList(
            SmallConvolution(a, b, signature.periodic, generator, signature.dtype) for a, b in itertools.pairwise(sizes)
        )

    def forward(self, x: Tensor) -> Tensor:
        """`(batch, inputs, *grid)` to `(batch, channels, *coarse)`."""
        *finer, last = self.layers
        for layer in finer:
            x = self.pool(gelu(layer(x)), 2)
        return last(x)


class GridDecoder(torch.nn.Module):
    """Convolutions to grids of twice as many nodes each, on which every value is repeated."""

    def __init__(
        self, channels: int, outputs: int, halvings: int, signature: Signature, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(
            SmallConvolution(channels, channels, signature.periodic, generator, signature.dtype)
            for _ in range(halvings)
        )
        self.head = convolution(signature.dimension, channels, outputs, 1, generator, signature.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """`(batch, channels, *coarse)` to `(batch, outputs, *grid)`."""
        for layer in self.layers:
            x = gelu(layer(interpolate(x, scale_factor=2, mode="nearest")))
        return self.head(x)


class LatentEvolutionNetwork(OperatorNetwork):
    """u_m = h(z_m), z_m = z_{m-1} + g(z_{m-1}, r(input)), z_0 = q(input), m = 1 ... frames.

    Attributes:
        state: q.
        static: r.
        step: g, an operator network on the coarse grid.
        decoder: h.
    """

    def __init__(self, settings: LatentEvolution, signature: Signature, generator: torch.Generator) -> None:
        super().__init__()
        self.halvings, self.positions, self.periodic = settings.halvings, settings.positions, signature.periodic
        self.pool = POOLS[signature.dimension - 1]
        self._require(signature.grid)
        self.frames = signature.outputs // settings.components
        inputs, latent = signature.inputs + settings.positions.count(signature), settings.latent
        coarse = tuple(n // 2**settings.halvings for n in signature.grid)
        inside = dataclasses.replace(signature, inputs=2 * latent, outputs=latent, grid=coarse)
        self.state = GridEncoder(inputs, latent, settings.halvings, signature, generator)
        self.static = GridEncoder(inputs, latent, settings.halvings, signature, generator)
        self.step = settings.network.build(inside, generator)
        self.decoder = GridDecoder(latent, settings.components, settings.halvings, signature, generator)

    def forward(self, values: Tensor, positions: Tensor) -> Tensor:
        """The answer `(batch, outputs, *grid)`, frame by frame.

        Raises:
            ValueError: If an axis cannot be halved so often, or the inner network refuses the coarse grid.
        """
        grid = tuple(values.shape[2:])
        self._require(grid)
        require_places(self, grid, positions, len(self.periodic))
        places = self.positions(positions.to(values), self.periodic).movedim(-1, 0)
        x = torch.cat([values, places.expand(len(values), *places.shape)], dim=1)
        coarse = self.pool(positions.to(values).movedim(-1, 0)[None], 2**self.halvings)[0].movedim(0, -1)
        z, static, found = self.state(x), self.static(x), []
        for _ in range(self.frames):
            z = z + self.step(torch.cat([z, static], dim=1), coarse)
            found.append(z)
        # All frames are decoded at once, as further samples.
        return self.decoder(torch.stack(found, dim=1).flatten(0, 1)).unflatten(0, (len(values), -1)).flatten(1, 2)

    @property
    def waits_for_examples(self) -> bool:
        """Whether the step in time does, and would in vain."""
        return self.step.waits_for_examples

    def informed_by(self, examples: Iterator[tuple[Tensor, Tensor]], positions: Tensor) -> None:
        """Nothing, since examples say nothing of latent functions.

        Raises:
            ValueError: If the step in time waits for them.
        """
        if self.step.waits_for_examples:
            raise ValueError(
                "LatentEvolution: its network waits for training examples, and there are none of latent functions; "
                "give one that needs none, such as Fno()"
            )

    def _require(self, grid: tuple[int, ...]) -> None:
        size = 2**self.halvings
        if len(grid) != len(self.periodic) or any(n % size or n < 2 * size for n in grid):
            raise ValueError(
                f"LatentEvolution: {self.halvings} halvings of a grid of {grid} nodes, built for {len(self.periodic)} "
                f"axes; give axes of a multiple of {size} nodes and of at least {2 * size}, or fewer halvings"
            )


@dataclass(frozen=True)
class LatentEvolution(OperatorArchitecture):
    """Any operator network as the step in time of a latent function on a coarser grid, after LE-PDE [1].

    An encoder makes the latent function of the input, the network moves it on once for each frame of the answer, and a
    decoder makes a frame of each: for `Bundled(together=...)`, whose loss is then the multi-step loss of [1], and for
    `SolutionMap()` of many frames.  Steps in latent space are cheap, as the grid has 2^(-halvings d) times the nodes.
    In [1] the latent state is a vector, which is global; here it is a function, so that the network may be local and
    the grid another one than in training.  The losses of [1] for reconstruction and for consistency in latent space
    are not there.

    Args:
        network: Settings of the step, from 2 `latent` channels, state and input, to `latent`.
        latent: Channels of the latent function.
        halvings: Of the grid.
        components: Of the solution; the other factor of the number of outputs is that of frames.
        positions: Appended to the input functions; `NoPositions()` where the equation is the same everywhere.

    Raises:
        ValueError: If a number is no positive whole one, or a part is of another kind; on building, if the outputs are
            no whole frames, or the nodes along an axis cannot be halved so often.

    [1] T. Wu, T. Maruyama, J. Leskovec, NeurIPS 2022, arXiv:2206.07681.
    """

    network: OperatorArchitecture = field(default_factory=Fno)
    latent: int = 16
    halvings: int = 1
    components: int = 1
    positions: PositionChannels = field(default_factory=Coordinates)

    def __post_init__(self) -> None:
        require_operator_architecture(self, self.network)
        require_counts(self, latent=self.latent, halvings=self.halvings, components=self.components)
        require_positions(self, self.positions)

    def build(self, signature: Signature, generator: torch.Generator) -> LatentEvolutionNetwork:
        """A fresh network on the generator's device; equal generators give equal weights."""
        require_grid(self, signature)
        if signature.outputs % self.components:
            raise ValueError(
                f"LatentEvolution: {signature.outputs} outputs are no whole frames of {self.components} components"
            )
        return LatentEvolutionNetwork(self, signature, generator)
