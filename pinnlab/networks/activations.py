"""Smooth scalar functions between the layers of a network; each has a Taylor rule."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any

import torch

from pinnlab.admissible import require_positive


class Activation(abc.ABC):
    """A smooth function applied entry by entry to a tensor or to a Taylor series."""

    @abc.abstractmethod
    def __call__(self, x: Any) -> Any:
        """The function's value, of the shape of `x`."""


@dataclass(frozen=True)
class Tanh(Activation):
    """tanh x."""

    def __call__(self, x: Any) -> Any:  # noqa: D102
        return torch.tanh(x)


@dataclass(frozen=True)
class Sine(Activation):
    """sin(frequency x): for oscillating solutions; frequency > 0, 1 to 30."""

    frequency: float = 1.0

    def __post_init__(self) -> None:
        require_positive(self, frequency=self.frequency)

    def __call__(self, x: Any) -> Any:  # noqa: D102
        return torch.sin(x * self.frequency)


@dataclass(frozen=True)
class Swish(Activation):
    """x / (1 + exp(-x)): unbounded, so it suits solutions with long slopes."""

    def __call__(self, x: Any) -> Any:  # noqa: D102
        return torch.nn.functional.silu(x)
