"""A network's parameters as one flat vector, which is what optimisers and Jacobians speak."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class Parameters:
    """The flat layout of a module's trainable parameters, in the order of `named_parameters`.

    Args:
        network: Any module; its parameters must share one floating dtype and device.  It is not modified.

    Raises:
        ValueError: If there is nothing to train or the dtypes differ.
    """

    def __init__(self, network: torch.nn.Module) -> None:
        self.network = network
        trainable = {n: p for n, p in network.named_parameters() if p.requires_grad}
        if not trainable:
            raise ValueError(f"Parameters: {type(network).__name__} has no trainable parameter")
        dtypes = {p.dtype for p in trainable.values()}
        if len(dtypes) != 1:
            raise ValueError(f"Parameters: {type(network).__name__} mixes {dtypes}; convert it to one dtype")
        self.names = tuple(trainable)
        self.shapes = tuple(tuple(p.shape) for p in trainable.values())
        self.sizes = tuple(math.prod(s) for s in self.shapes)

    @property
    def size(self) -> int:
        """The number P of trainable scalars."""
        return sum(self.sizes)

    def flatten(self) -> Tensor:
        """The module's present parameters, copied to one vector (P,)."""
        trainable = dict(self.network.named_parameters())
        return torch.cat([trainable[n].detach().reshape(-1) for n in self.names])

    def unflatten(self, theta: Tensor) -> dict[str, Tensor]:
        """Views of the first P entries of `theta`, by parameter name; what follows belongs to the caller.

        Raises:
            ValueError: If `theta` is shorter than P.
        """
        if theta.ndim != 1 or len(theta) < self.size:
            raise ValueError(f"Parameters: theta of shape {tuple(theta.shape)}, wanted at least ({self.size},)")
        parts = theta[: self.size].split(self.sizes)
        return {n: part.view(s) for n, part, s in zip(self.names, parts, self.shapes, strict=True)}

    def bind(self, theta: Tensor) -> Callable[[Any], Any]:
        """The network with `theta` in place of its own parameters: points or a Taylor series to values."""
        values = self.unflatten(theta)
        return lambda x: torch.func.functional_call(self.network, values, (x,))
