"""How the learning rate changes during a training of known length."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass

from pinnlab.admissible import require_counts, require_numbers


class Schedule(abc.ABC):
    """Frozen settings: the learning rate over its nominal value, at every time of the training."""

    @abc.abstractmethod
    def factor(self, epoch: float, epochs: int) -> float:
        """The factor after `epoch` epochs of `epochs`, parts of epochs counted in; 0 <= epoch <= epochs."""


@dataclass(frozen=True)
class Constant(Schedule):
    """Factor 1."""

    def factor(self, epoch: float, epochs: int) -> float:  # noqa: D102
        return 1.0


@dataclass(frozen=True)
class Cosine(Schedule):
    """Factor (1 + cos π s) / 2, where s is the share of the training that is done.

    Args:
        warmup: Share of the training, in [0, 1), in which the factor first rises linearly to 1; the cosine takes the
            rest.

    Source: I. Loshchilov, F. Hutter, ICLR 2017, equation (5), without restarts.
    """

    warmup: float = 0.0

    def __post_init__(self) -> None:
        require_numbers(self, warmup=self.warmup)
        if not 0 <= self.warmup < 1:
            raise ValueError(f"Cosine: warmup = {self.warmup}; give a share in [0, 1)")

    def factor(self, epoch: float, epochs: int) -> float:  # noqa: D102
        share = epoch / epochs
        if share < self.warmup:
            return share / self.warmup
        return 0.5 * (1 + math.cos(math.pi * (share - self.warmup) / (1 - self.warmup)))


@dataclass(frozen=True)
class OneCycle(Schedule):
    """From 1/25 along half a cosine up to 1, then along another one down to 4e-6: the "1cycle" policy.

    Args:
        warmup: Share of the training, in (0, 1), in which the factor rises.

    Source: L. N. Smith, N. Topin, arXiv 1708.07120 (2018), with the cosines and end values of PyTorch's OneCycleLR.
    """

    warmup: float = 0.3

    def __post_init__(self) -> None:
        require_numbers(self, warmup=self.warmup)
        if not 0 < self.warmup < 1:
            raise ValueError(f"OneCycle: warmup = {self.warmup}; give a share in (0, 1)")

    def factor(self, epoch: float, epochs: int) -> float:  # noqa: D102
        share, first, last = epoch / epochs, 1 / 25, 4e-6
        if share < self.warmup:
            return first + (1 - first) * 0.5 * (1 - math.cos(math.pi * share / self.warmup))
        done = (share - self.warmup) / (1 - self.warmup)
        return last + (1 - last) * 0.5 * (1 + math.cos(math.pi * done))


@dataclass(frozen=True)
class Halving(Schedule):
    """Factor 2^(−⌊epoch / every⌋), as Fourier neural operators were first trained with 50 or 100 of 500 epochs.

    Args:
        every: Epochs between two halvings.
    """

    every: int = 100

    def __post_init__(self) -> None:
        require_counts(self, every=self.every)

    def factor(self, epoch: float, epochs: int) -> float:  # noqa: D102
        return 0.5 ** math.floor(epoch / self.every)
