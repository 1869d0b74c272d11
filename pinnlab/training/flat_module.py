"""A module whose parameters and gradients lie in two vectors, for steps in place."""

from __future__ import annotations

import torch
from torch import Tensor


class FlatModule:
    """Lets the trainable parameters of a module, and their gradients, be views of two real vectors.

    Complex parameters are pairs of reals, and come first; those of an odd number of reals come last, so that a real
    parameter that a module reads as pairs begins at an even place too, which torch insists on.  Unlike `Parameters`,
    which evaluates a network at given vectors and leaves it alone, this one changes the module: what is written to
    `vector` is at once in the network, and `backward` adds to `gradient`.

    Args:
        module: Any; frozen parameters stay as they are.

    Attributes:
        module: With parameters replaced by views.
        vector: The parameters `(P,)`.
        gradient: Their gradients `(P,)`; set it to zero before each `backward`.

    Raises:
        ValueError: If there is nothing to train, or the parameters are of several precisions or devices.
    """

    def __init__(self, module: torch.nn.Module) -> None:
        name = type(module).__name__
        trainable = sorted((p for p in module.parameters() if p.requires_grad), key=_place)
        if not trainable:
            raise ValueError(f"FlatModule: {name} has no trainable parameter")
        kinds = {(p.real.dtype if p.is_complex() else p.dtype, p.device) for p in trainable}
        if len(kinds) != 1:
            told = ", ".join(sorted(f"{dtype} on {device}" for dtype, device in kinds))
            raise ValueError(f"FlatModule: {name} mixes {told}; convert it to one type on one device")
        self.module = module
        self.vector = torch.cat([_reals(p.detach()).reshape(-1) for p in trainable])
        self.gradient = torch.zeros_like(self.vector)
        first = 0
        for p in trainable:
            shape = _reals(p.detach()).shape
            last = first + shape.numel()
            values, slopes = (v[first:last].view(shape) for v in (self.vector, self.gradient))
            p.data = torch.view_as_complex(values) if p.is_complex() else values
            p.grad = torch.view_as_complex(slopes) if p.is_complex() else slopes
            first = last

    def buffers(self) -> dict[str, Tensor]:
        """Copies of what the module keeps besides parameters, such as running means, by name."""
        return {name: value.detach().clone() for name, value in self.module.named_buffers()}

    def load(self, vector: Tensor, buffers: dict[str, Tensor]) -> None:
        """Take over parameters `(P,)` and buffers."""
        self.vector.copy_(vector)
        for name, value in self.module.named_buffers():
            value.copy_(buffers[name])


def _place(parameter: Tensor) -> tuple[bool, int]:
    return not parameter.is_complex(), parameter.numel() % 2


def _reals(values: Tensor) -> Tensor:
    return torch.view_as_real(values.contiguous()) if values.is_complex() else values
