"""Pairs under which the network is a function of time and space, and can be asked at free points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.admissible import require_counts
from pinnlab.networks.operator import ContinuousArchitecture, OperatorArchitecture, Signature
from pinnlab.operators.layout import ROUNDING, Layout, told
from pinnlab.operators.normalised import NormalisedNetwork
from pinnlab.operators.pairs import Batch, Network, Pairs, Stage
from pinnlab.training.relative_loss import OperatorLoss

# Points that are answered together, frame by frame at least: what a trunk keeps of each takes a kilobyte.
TOGETHER = 2**15


@dataclass(frozen=True)
class SpaceTime(Pairs):
    """The inputs to the answer as a function of time and space, learned at random nodes of all frames.

    The network's positions are (t, x, …), scaled to [0, 1] by the first and last frame and by the box; of steady
    problems those of space.  Each step takes as many nodes at random, the same for all samples of the batch: a trunk,
    which sees positions alone, is then evaluated once for all.  The trained operator answers on grids at any times
    between the first and the last frame, and at free points with `TrainedOperator.at`.

    For networks that answer at positions other than those of their inputs, `DeepOnet`; with `UnitGaussian` or
    `Unnormalised` scaling, as a scaling of its own for each node is not known between them.  Losses are told the values
    at the random nodes, and nothing of their neighbours: those with derivatives, as `RelativeH1`, refuse that.

    Args:
        points: Nodes per step; all of them if the data have no more.

    Raises:
        ValueError: If `points` is no positive whole number.

    Source: L. Lu, P. Jin, G. Pang, Z. Zhang, G. E. Karniadakis, Nature Mach. Intell. 3 (2021) 218-229, section "Problem
    setup"; of wave equations N. Borrel-Jensen et al., Proc. Natl. Acad. Sci. 121 (2024) e2312159120.
    """

    points: int = 2048

    def __post_init__(self) -> None:
        require_counts(self, points=self.points)

    @property
    def given(self) -> int:  # noqa: D102
        return 0

    def channels(self, layout: Layout) -> tuple[int, int]:  # noqa: D102
        return len(layout.input_names), len(layout.output_names)

    def signature(self, layout: Layout) -> Signature:
        """Of positions with time, unless the problem is steady."""
        evolving = bool(layout.times)
        periodic = (False, *layout.periodic) if evolving else layout.periodic
        return Signature(*self.channels(layout), layout.grid, len(periodic), periodic, layout.torch_dtype)

    def require_architecture(self, architecture: OperatorArchitecture) -> None:
        """Refuse networks that answer at the nodes of their inputs only.

        Raises:
            ValueError: If it is one.
        """
        if not isinstance(architecture, ContinuousArchitecture):
            raise ValueError(
                f"SpaceTime: {type(architecture).__name__} answers at the nodes of its inputs and is no function of "
                "time and space; take DeepOnet(…), or SolutionMap() and the frames as channels"
            )

    def count(self, layout: Layout) -> int:  # noqa: D102
        if len(layout.times) == 1:
            raise ValueError(
                "SpaceTime: the data have one frame, and a function of time needs two; give more, or take SolutionMap()"
            )
        return 1

    def frames(self, which: Tensor, layout: Layout) -> Tensor:  # noqa: D102
        return torch.arange(layout.frames).expand(len(which), -1)

    def answered_at(self, nodes: Tensor, layout: Layout) -> Tensor:
        """`(frames, *grid, 1 + d)`; of steady problems the nodes `(*grid, d)` themselves."""
        return _with_times(nodes, layout.times, layout)

    def example(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The inputs, and the outputs `(batch, c_out, frames, *grid)`, without the frame of steady problems."""
        outputs = batch.outputs.transpose(1, 2)
        return batch.inputs, outputs if batch.layout.times else outputs.squeeze(2)

    def loss(self, network: Network, batch: Batch, criterion: OperatorLoss, stage: Stage) -> Tensor:
        """At random nodes of all frames.

        Raises:
            ValueError: If the network is not known with the positions of its nodes, or cannot answer elsewhere.
        """
        known = _positioned(network)
        given, wanted = self.example(batch)
        places = self.answered_at(known.positions, batch.layout)
        places, values = places.flatten(0, -2), wanted.flatten(2)
        if self.points < len(places):
            chosen = torch.randperm(len(places), generator=stage.generator)[: self.points].to(places.device)
            places, values = places[chosen], values[:, :, chosen]
        return criterion(known.at(given, places), values)

    def predict(  # noqa: D102
        self, network: Network, inputs: Tensor, start: Tensor, times: Sequence[float], layout: Layout
    ) -> Tensor:
        known = _positioned(network)
        if bool(times) != bool(layout.times):
            raise ValueError(
                f"SpaceTime: it was trained {'at the times ' + told(layout.times) if layout.times else 'without times'}"
                f", and is asked {'at ' + told(times) if times else 'without times'}"
            )
        if not times:
            return known.at(inputs, known.positions)[:, None]
        first, last = layout.times[0], layout.times[-1]
        room = ROUNDING * (last - first)
        if min(times) < first - room or max(times) > last + room:
            raise ValueError(
                f"SpaceTime: it was trained between t = {first:.6g} and {last:.6g} and cannot answer at {told(times)}"
            )
        nodes = known.positions
        together = max(1, TOGETHER // nodes[..., 0].numel())
        parts = [
            known.at(inputs, _with_times(nodes, times[i : i + together], layout))
            for i in range(0, len(times), together)
        ]
        return torch.cat(parts, dim=2).transpose(1, 2)

    def at(self, network: Network, inputs: Tensor, places: Tensor, layout: Layout) -> Tensor:
        """At free places `(m, 1 + d)`, scaled: `(batch, m, c_out)`."""
        return _positioned(network).at(inputs, places).transpose(1, 2)


def _positioned(network: Network) -> NormalisedNetwork:
    """The network, which is to know its positions.

    Raises:
        ValueError: If it is a mere function of values.
    """
    if not isinstance(network, NormalisedNetwork):
        raise ValueError(f"SpaceTime: {type(network).__name__} knows no positions; give a NormalisedNetwork")
    return network


def _with_times(nodes: Tensor, times: Sequence[float], layout: Layout) -> Tensor:
    """Positions `(times, *grid, 1 + d)` from those of the nodes `(*grid, d)`; the nodes where there are no times."""
    if not times:
        return nodes
    first, last = layout.times[0], layout.times[-1]
    scaled = torch.tensor([(t - first) / (last - first) for t in times], dtype=nodes.dtype, device=nodes.device)
    column = scaled.reshape(-1, *[1] * nodes.ndim).expand(-1, *nodes.shape[:-1], 1)
    return torch.cat([column, nodes.expand(len(times), *nodes.shape)], dim=-1)
