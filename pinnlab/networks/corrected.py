"""A cheap answer that a network corrects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pinnlab.admissible import is_whole
from pinnlab.networks.fno import Fno
from pinnlab.networks.operator import OperatorArchitecture, OperatorNetwork, Signature


class CorrectedNetwork(OperatorNetwork):
    """One of the inputs plus a network's answer to all of them.

    Attributes:
        network: What corrects.
        channel: Number of the input that is corrected.
    """

    def __init__(self, network: OperatorNetwork, channel: int) -> None:
        super().__init__()
        self.network = network
        self.channel = channel

    def forward(self, values: Tensor, positions: Tensor) -> Tensor:
        """The answer `(batch, 1, *grid)`."""
        return values[:, self.channel : self.channel + 1] + self.network(values, positions)

    @property
    def waits_for_examples(self) -> bool:
        """Whether the network inside does."""
        return self.network.waits_for_examples

    def informed_by(self, examples: Iterator[tuple[Tensor, Tensor]], positions: Tensor) -> None:
        """Tell the network of what is left of the training outputs without the approximation."""
        place = slice(self.channel, self.channel + 1)
        self.network.informed_by(((inputs, outputs - inputs[:, place]) for inputs, outputs in examples), positions)


@dataclass(frozen=True)
class Corrected(OperatorArchitecture):
    """u = v_k + N(v): an approximation v_k that is given as an input, corrected by a network N that sees all inputs.

    For a solution that a coarse grid or a simpler equation gives nearly.  The sum is of normalised values: v_k and u
    are each scaled by their own mean and deviation, which are close where v_k is a good approximation.

    Args:
        network: The settings of N.
        channel: k, counted from 0 in the order of the inputs.

    Raises:
        ValueError: If `network` is no such settings or `channel` no whole number from 0 on; on building, if there is no
            such input, or more than one output.
    """

    network: OperatorArchitecture = field(default_factory=Fno)
    channel: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.network, OperatorArchitecture):
            raise ValueError(f"Corrected: network = {self.network!r}; give the settings of one, such as Fno()")
        if not is_whole(self.channel) or self.channel < 0:
            raise ValueError(f"Corrected: channel = {self.channel!r}; give the number of an input, from 0 on")

    def build(self, signature: Signature, generator: torch.Generator) -> CorrectedNetwork:
        """A freshly initialised network; all its weights come from the generator."""
        if self.channel >= signature.inputs or signature.outputs != 1:
            raise ValueError(
                f"Corrected: channel = {self.channel} of {signature.inputs} inputs to {signature.outputs} outputs; "
                "give the number of an input, and data with one output"
            )
        return CorrectedNetwork(self.network.build(signature, generator), self.channel)
