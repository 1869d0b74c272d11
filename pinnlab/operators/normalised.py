"""A network together with the scalings of its channels and the positions of its nodes."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pinnlab.networks.operator import OperatorNetwork
from pinnlab.operators.normalisation import Scaling


@dataclass(frozen=True, eq=False)
class NormalisedNetwork:
    """Values `(batch, inputs, *grid)` in the data's own units to values `(batch, outputs, *grid)` in theirs.

    Attributes:
        network: Of scaled values.
        inputs: The scaling of what goes in.
        outputs: The scaling of what comes out.
        positions: Of the nodes, `(*grid, dimension)`.
    """

    network: OperatorNetwork
    inputs: Scaling
    outputs: Scaling
    positions: Tensor

    def __call__(self, values: Tensor) -> Tensor:  # noqa: D102
        answer = self.network(self.inputs.encode(values), self.positions)
        # Under autocast the network may answer in a shorter type than that of the values.
        return self.outputs.decode(answer.to(values.dtype))
