"""A network together with the scalings of its channels and the positions of its nodes."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pinnlab.networks.operator import ContinuousNetwork, OperatorNetwork
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

    def at(self, values: Tensor, places: Tensor) -> Tensor:
        """The answer `(batch, outputs, *points)` at places `(*points, dimension)` that need not be nodes.

        Raises:
            ValueError: If the network answers at the nodes of its inputs only, or its outputs were scaled node by node.
        """
        if not isinstance(self.network, ContinuousNetwork):
            raise ValueError(
                f"{type(self.network).__name__} answers at the nodes of its inputs and nowhere else; train a DeepOnet"
            )
        scaling = self.outputs.of_channels(places.ndim - 1)
        answer = self.network(self.inputs.encode(values), places)
        return scaling.decode(answer.to(values.dtype))
