"""Channels of unit size: what networks see and give, from training data only."""

from __future__ import annotations

import abc
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Scaling:
    """x ↦ (x − mean) / deviation for values `(batch, channels, *grid)`, and back.

    Attributes:
        mean: `(channels, 1, …)`, or `(channels, *grid)`.
        deviation: Of the same shape, positive.
    """

    mean: Tensor
    deviation: Tensor

    def encode(self, values: Tensor) -> Tensor:
        """Scaled values."""
        self._require_grid(values)
        return (values - self.mean) / self.deviation

    def decode(self, values: Tensor) -> Tensor:
        """The inverse of `encode`."""
        self._require_grid(values)
        return values * self.deviation + self.mean

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """The same elsewhere."""
        return type(self)(self.mean.to(device, dtype), self.deviation.to(device, dtype))

    def of_channels(self, axes: int) -> Self:
        """The same for values `(batch, channels, …)` with so many axes after the channels, at whatever points.

        Raises:
            ValueError: If it differs from node to node.
        """
        if set(self.mean.shape[1:]) - {1}:
            raise ValueError(
                f"normalisation: it was fitted node by node on the grid {tuple(self.mean.shape[1:])} and is not known "
                "at other points; train with UnitGaussian() for these"
            )
        shape = (-1, *[1] * axes)
        return type(self)(self.mean.reshape(shape), self.deviation.reshape(shape))

    def _require_grid(self, values: Tensor) -> None:
        own, grid = tuple(self.mean.shape[1:]), tuple(values.shape[2:])
        if own != grid and set(own) != {1}:
            raise ValueError(
                f"normalisation: it was fitted node by node on the grid {own} and cannot be used on {grid}; train with "
                "UnitGaussian() for other resolutions"
            )


class Normalisation(abc.ABC):
    """Settings that fit a `Scaling` to examples."""

    @abc.abstractmethod
    def fit(self, batches: Iterable[Tensor]) -> Scaling:
        """The scaling of values that come in batches `(batch, channels, *grid)`, in float64.

        Raises:
            ValueError: If there are none.
        """


@dataclass(frozen=True)
class UnitGaussian(Normalisation):
    """Mean 0 and deviation 1 of each channel, over samples and nodes: usable on any resolution.

    Channels that are constant throughout keep their size, and are only shifted to 0.
    """

    def fit(self, batches: Iterable[Tensor]) -> Scaling:  # noqa: D102
        def rows(values: Tensor) -> Tensor:
            """As `(batch · nodes, channels, 1, …)`."""
            return values.movedim(1, -1).reshape(-1, values.shape[1], *[1] * (values.ndim - 2))

        return _moments(rows(values) for values in batches)


@dataclass(frozen=True)
class PointwiseGaussian(Normalisation):
    """Mean 0 and deviation 1 of each channel at each node, over samples: of one grid only.

    For fields that are small in places, as near a wall; with few samples it is noisy.
    """

    def fit(self, batches: Iterable[Tensor]) -> Scaling:  # noqa: D102
        return _moments(batches)


@dataclass(frozen=True)
class Unnormalised(Normalisation):
    """Values as they are, for data of order one."""

    def fit(self, batches: Iterable[Tensor]) -> Scaling:  # noqa: D102
        for values in batches:
            shape = (values.shape[1], *[1] * (values.ndim - 2))
            return Scaling(torch.zeros(shape, dtype=torch.float64), torch.ones(shape, dtype=torch.float64))
        raise ValueError("normalisation: there are no samples to take the shape from")


# A deviation below this part of the largest value is rounding of single precision.
ROUNDING = 1e-7


def _moments(batches: Iterable[Tensor]) -> Scaling:
    """Mean and deviation over the first axis, of batches merged one by one (Chan, Golub, LeVeque 1983)."""
    count, mean, squares, largest = 0, torch.zeros(()), torch.zeros(()), torch.zeros(())
    for values in batches:
        new = values.double()
        n = len(new)
        here = new.mean(0)
        distance = here - mean.to(new)
        squares = squares.to(new) + (new - here).square().sum(0) + distance.square() * (count * n / (count + n))
        mean = mean.to(new) + distance * (n / (count + n))
        largest = torch.maximum(largest.to(new), new.abs().amax(0))
        count += n
    if not count:
        raise ValueError("normalisation: there are no samples to take means of")
    deviation = (squares / count).sqrt()
    return Scaling(mean, torch.where(deviation > ROUNDING * largest, deviation, torch.ones_like(deviation)))
