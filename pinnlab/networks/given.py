"""A network of somebody else as an operator network."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.networks.operator import OperatorArchitecture, OperatorNetwork, Signature


class GivenNetwork(OperatorNetwork):
    """Calls a module with the values alone.

    Attributes:
        module: From `(batch, inputs, *grid)` to `(batch, outputs, *grid)`.
    """

    def __init__(self, module: torch.nn.Module, outputs: int) -> None:
        super().__init__()
        self.module = module
        self.outputs = outputs

    def forward(self, values: Tensor, positions: Tensor) -> Tensor:
        """The module's answer `(batch, outputs, *grid)`.

        Raises:
            ValueError: If the module answers in another shape.
        """
        answer = self.module(values)
        expected = (len(values), self.outputs, *values.shape[2:])
        if not isinstance(answer, Tensor) or answer.shape != expected:
            shape = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
            raise ValueError(
                f"Given: {type(self.module).__name__} answers {shape} to values {tuple(values.shape)}; "
                f"it must answer {expected}"
            )
        return answer


@dataclass(frozen=True, eq=False)
class Given(OperatorArchitecture):
    """Any module that maps values `(batch, inputs, *grid)` to `(batch, outputs, *grid)`, with the weights that it has.

    Training starts from a copy, in the dtype and on the device of training; the module itself is not modified.  The
    generator is not used: to start from other weights, give another module.

    Args:
        module: Of PyTorch.

    Raises:
        ValueError: If it is no such module; when called, if its answer has another shape.
    """

    module: torch.nn.Module

    def __post_init__(self) -> None:
        if not isinstance(self.module, torch.nn.Module):
            raise ValueError(f"Given: {self.module!r} is no torch.nn.Module; give an instance of one")

    def build(self, signature: Signature, generator: torch.Generator) -> GivenNetwork:
        """A copy of the module."""
        copied = copy.deepcopy(self.module).to(device=generator.device, dtype=signature.dtype)
        return GivenNetwork(copied, signature.outputs)
