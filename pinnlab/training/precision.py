"""In which floating-point type the layers of a network compute while it is trained."""

from __future__ import annotations

import abc
import contextlib
from dataclasses import dataclass

import torch

from pinnlab.admissible import require_positive


class Precision(abc.ABC):
    """Frozen settings.

    Attributes:
        loss_scale: What the loss is multiplied by before it is differentiated; gradients are divided by it.
    """

    loss_scale: float

    @abc.abstractmethod
    def context(self, device: torch.device) -> contextlib.AbstractContextManager[object]:
        """What is open while the loss is computed on a device."""


@dataclass(frozen=True)
class Full(Precision):
    """That of the parameters throughout."""

    @property
    def loss_scale(self) -> float:  # type: ignore[override]
        """One."""
        return 1.0

    def context(self, device: torch.device) -> contextlib.AbstractContextManager[object]:  # noqa: D102
        return contextlib.nullcontext()


@dataclass(frozen=True)
class Autocast(Precision):
    """Automatic mixed precision: matrix products and convolutions in a shorter type, the rest as PyTorch decides.

    Parameters, gradients and the optimiser's moments keep their own type.  Relative errors below 1e-2 (bfloat16) or
    1e-3 (float16) may be out of reach; it pays on GPUs with wide networks.  Fourier transforms stay in float32.

    Args:
        dtype: torch.bfloat16 or torch.float16.
        loss_scale: See `Precision`; float16 loses gradients below 6e-8 without one such as 1024.

    Raises:
        ValueError: If the type is another one, or the scale not positive.

    Source: P. Micikevicius et al., ICLR 2018.
    """

    dtype: torch.dtype = torch.bfloat16
    loss_scale: float = 1.0

    def __post_init__(self) -> None:
        if self.dtype not in (torch.bfloat16, torch.float16):
            raise ValueError(f"Autocast: dtype = {self.dtype}; give torch.bfloat16 or torch.float16, or say Full()")
        require_positive(self, loss_scale=self.loss_scale)

    def context(self, device: torch.device) -> contextlib.AbstractContextManager[object]:  # noqa: D102
        return torch.autocast(device.type, self.dtype)
