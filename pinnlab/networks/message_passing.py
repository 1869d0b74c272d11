"""Networks whose points exchange messages with their neighbours."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import silu

from pinnlab.admissible import require_counts
from pinnlab.networks.drawn_layers import convolution, linear, normal
from pinnlab.networks.operator import OperatorArchitecture, OperatorNetwork, Signature, require_places
from pinnlab.networks.position_channels import Coordinates, PositionChannels, require_positions
from pinnlab.numerics.neighbours import nearest

# Channels between the two convolutions of the decoder [1, section 3.2].
BETWEEN = 8


@dataclass(frozen=True, eq=False)
class Graph:
    """Who hears whom among n points.

    Attributes:
        places: The positions that it was made of, `(n, dimension)`.
        senders: Numbers of the neighbours, `(n, most)`.
        weights: One over the number of neighbours, or 0 where there is no more, `(n, most, 1)`.
        shifts: x_i - x_j, along periodic axes the shorter way, `(n, most, dimension)`.
    """

    places: Tensor
    senders: Tensor
    weights: Tensor
    shifts: Tensor

    @staticmethod
    def of(places: Tensor, neighbours: int, periodic: tuple[bool, ...]) -> Graph:
        """The graph of points, on their device.

        Raises:
            ValueError: If there are not so many neighbours.
        """
        numbers, exist = nearest(places.double().cpu().numpy(), neighbours, periodic)
        senders = torch.from_numpy(numbers).to(places.device)
        heard = torch.from_numpy(exist).to(places)
        weights = heard / heard.sum(1, keepdim=True)
        shifts = places[:, None] - places[senders]
        shifts = torch.where(torch.tensor(periodic, device=places.device), shifts - shifts.round(), shifts)
        return Graph(places, senders, weights[..., None], shifts)


class MessageLayer(torch.nn.Module):
    """f_i <- norm(f_i + psi(f_i, mean_j m_ij, u_i)), m_ij = phi(f_i, f_j, u_i - u_j, x_i - x_j, u_i) [1].

    phi and psi have one hidden layer; in the text of [1] messages are summed.  The norm [2] is over the channels of one
    point.

    [1] J. Brandstetter, D. Worrall, M. Welling, ICLR 2022, arXiv:2202.03376, section 3.2.
    [2] J. L. Ba, J. R. Kiros, G. E. Hinton, arXiv:1607.06450 (2016).
    """

    def __init__(self, width: int, values: int, dimension: int, generator: torch.Generator, dtype: torch.dtype) -> None:
        super().__init__()
        # The first layer of phi, taken apart: what depends on i alone and on j alone is not computed for each pair.
        self.hearing = linear(width + values, width, generator, dtype)
        self.telling = linear(width, width, generator, dtype)
        self.differing = torch.nn.Parameter(normal((values, width), 1 / math.sqrt(3 * values), generator, dtype))
        self.between = linear(dimension, width, generator, dtype)
        self.message = linear(width, width, generator, dtype)
        self.heard = linear(2 * width + values, width, generator, dtype)
        self.update = linear(width, width, generator, dtype)
        self.norm = torch.nn.LayerNorm(width, dtype=dtype, device=generator.device)

    def forward(self, f: Tensor, u: Tensor, graph: Graph, unit: float) -> Tensor:
        """`(batch, n, width)` from f of that shape and u `(batch, n, values)`; x is measured in `unit`."""
        differing = u @ self.differing
        hearing = self.hearing(torch.cat([f, u], dim=-1)) + differing
        telling = self.telling(f) - differing
        pairs = hearing[:, :, None] + telling[:, graph.senders] + self.between(graph.shifts / unit)
        messages = (silu(self.message(silu(pairs))) * graph.weights).sum(dim=2)
        change = self.update(silu(self.heard(torch.cat([f, messages, u], dim=-1))))
        return self.norm(f + change)


class FrameDecoder(torch.nn.Module):
    """A point's hidden vector, as a function on a line, to its values in consecutive frames, by two convolutions [1].

    The first is an eighth of the width wide; its stride is the longest after which half as many nodes again are left as
    there are frames, and the second makes of these as many as there are frames: 16 in steps of 3 and then 14 wide for
    128 channels and 25 frames, as in [1].

    [1] J. Brandstetter, D. Worrall, M. Welling, ICLR 2022, arXiv:2202.03376, section 3.2 and its programs.
    """

    def __init__(
        self, width: int, frames: int, components: int, generator: torch.Generator, dtype: torch.dtype
    ) -> None:
        super().__init__()
        size, wanted = max(1, width // 8), math.ceil(1.5 * frames)
        if width - size + 1 < wanted:
            raise ValueError(
                f"MessagePassing: width = {width} is too small for {frames} frames of {components} components; give "
                f"a width of at least {math.ceil(1.75 * frames)}, or the number of components"
            )
        stride = min(size, (width - size) // max(1, wanted - 1))
        left = (width - size) // stride + 1
        self.first = convolution(1, 1, BETWEEN, size, generator, dtype)
        self.first.stride = (stride,)
        self.second = convolution(1, BETWEEN, components, left - frames + 1, generator, dtype)

    def forward(self, f: Tensor) -> Tensor:
        """`(batch, n, width)` to `(batch, frames * components, n)`, frame by frame."""
        values = self.second(silu(self.first(f.reshape(-1, 1, f.shape[-1]))))
        return values.transpose(1, 2).reshape(*f.shape[:2], -1).transpose(1, 2)


class MessagePassingNetwork(OperatorNetwork):
    """Encoder, message layers, decoder; plus a learned linear map of the values at the point.

    That map stands where the last frame is added in [1], since it is scaled otherwise than the answer; it is zero at
    the start.

    [1] J. Brandstetter, D. Worrall, M. Welling, ICLR 2022, arXiv:2202.03376.
    """

    def __init__(self, settings: MessagePassing, signature: Signature, generator: torch.Generator) -> None:
        super().__init__()
        width, dtype, inputs = settings.width, signature.dtype, signature.inputs
        self.neighbours, self.positions, self.periodic = settings.neighbours, settings.positions, signature.periodic
        self.unit = math.prod(signature.grid) ** (-1 / signature.dimension)
        self.encoder = torch.nn.ModuleList(
            [
                linear(inputs + settings.positions.count(signature), width, generator, dtype),
                linear(width, width, generator, dtype),
            ]
        )
        self.layers = torch.nn.ModuleList(
            MessageLayer(width, inputs, signature.dimension, generator, dtype) for _ in range(settings.depth)
        )
        frames = signature.outputs // settings.components
        self.decoder = FrameDecoder(width, frames, settings.components, generator, dtype)
        self.kept = torch.nn.Parameter(torch.zeros(inputs, signature.outputs, dtype=dtype, device=generator.device))
        self._graph: Graph | None = None

    def forward(self, values: Tensor, positions: Tensor) -> Tensor:
        """The answer `(batch, outputs, *grid)`, on a grid or a cloud of any number of points.

        Raises:
            ValueError: If values and positions are not at the same points, or there are too few for the neighbours.
        """
        grid = tuple(values.shape[2:])
        require_places(self, grid, positions, len(self.periodic))
        graph = self._graph_of(positions.to(values).flatten(0, -2))
        u = values.flatten(2).transpose(1, 2)
        places = self.positions(graph.places, self.periodic)
        f = torch.cat([u, places.expand(len(u), *places.shape)], dim=-1)
        for layer in self.encoder:
            f = silu(layer(f))
        for layer in self.layers:
            f = layer(f, u, graph, self.unit)
        answer = self.decoder(f) + (u @ self.kept).transpose(1, 2)
        return answer.unflatten(-1, grid)

    def _graph_of(self, places: Tensor) -> Graph:
        """The graph of these points; that of the last call is kept, since a training has the same in all steps."""
        graph = self._graph
        same = graph is not None and graph.places.device == places.device and graph.places.dtype == places.dtype
        if graph is None or not same or not torch.equal(graph.places, places):
            graph = self._graph = Graph.of(places.detach(), self.neighbours, self.periodic)
        return graph


@dataclass(frozen=True)
class MessagePassing(OperatorArchitecture):
    """The message passing neural PDE solver [1], on grids of any dimension and on point clouds.

    Encoder, `depth` layers in which every point hears its nearest neighbours, and a decoder that convolves each point's
    hidden vector to the frames of the answer: made for `Bundled(together=25, history=25)` with a `Pushforward`.
    Numbers of the equation are constant channels of the values; layers see the values themselves where [1] gives them
    the numbers.  In each layer a message goes one neighbourhood far, so that the answer at a point does not depend on
    what is more than `depth` neighbourhoods away: choose the time of a call accordingly.  On finer grids neighbourhoods
    are smaller, and it is another operator.  Distances are those in the box scaled to [0, 1].

    It costs points * neighbours * width^2 per layer, more than `Fno` on the same grid.

    Args:
        width: Channels; 128 in [1].
        depth: Layers; 6 in [1].
        neighbours: That a point hears at least; all at the distance of the last one are heard.  On a line 6 are 3 on
            each side, as in [1]; on a square grid 8 are those around.
        components: Of the solution; the other factor of the number of outputs is that of frames.
        positions: Appended to the input functions; `NoPositions()` where the equation is the same everywhere.

    Raises:
        ValueError: If a number is no positive whole one; on building, if the outputs are not whole frames, there are
            too few points for the neighbours, or `width` is too small for the frames.

    [1] J. Brandstetter, D. Worrall, M. Welling, ICLR 2022, arXiv:2202.03376.
    """

    width: int = 128
    depth: int = 6
    neighbours: int = 6
    components: int = 1
    positions: PositionChannels = field(default_factory=Coordinates)

    def __post_init__(self) -> None:
        require_counts(self, width=self.width, depth=self.depth, neighbours=self.neighbours, components=self.components)
        require_positions(self, self.positions)

    def build(self, signature: Signature, generator: torch.Generator) -> MessagePassingNetwork:
        """A fresh network on the generator's device; equal generators give equal weights."""
        if signature.outputs % self.components:
            raise ValueError(
                f"MessagePassing: {signature.outputs} outputs are no whole frames of {self.components} components"
            )
        points = math.prod(signature.grid)
        if self.neighbours >= points:
            raise ValueError(f"MessagePassing: neighbours = {self.neighbours} of {points} points; give fewer")
        return MessagePassingNetwork(self, signature, generator)
