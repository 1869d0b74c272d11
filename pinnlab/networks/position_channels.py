"""What an operator network is told of the place where it is evaluated."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.networks.operator import Signature


class PositionChannels(abc.ABC):
    """Functions of the position that are appended to the input functions."""

    @abc.abstractmethod
    def count(self, signature: Signature) -> int:
        """How many they are."""

    @abc.abstractmethod
    def __call__(self, positions: Tensor, periodic: tuple[bool, ...]) -> Tensor:
        """Values `(*grid, count)` at positions `(*grid, dimension)`, scaled to [0, 1]."""


@dataclass(frozen=True)
class Coordinates(PositionChannels):
    """x on axes that are not periodic; cos 2 pi x and sin 2 pi x, which are continuous there, on axes that are."""

    def count(self, signature: Signature) -> int:
        """One for each axis, and one more for each periodic one."""
        return signature.dimension + sum(signature.periodic)

    def __call__(self, positions: Tensor, periodic: tuple[bool, ...]) -> Tensor:
        """Values `(*grid, count)`, axis by axis."""
        columns = []
        for axis, wraps in enumerate(periodic):
            x = positions[..., axis]
            angle = 2 * math.pi * x
            columns += [torch.cos(angle), torch.sin(angle)] if wraps else [x]
        return torch.stack(columns, dim=-1)


@dataclass(frozen=True)
class NoPositions(PositionChannels):
    """Nothing: on a periodic grid the network then commutes with translations.

    For equations whose coefficients do not depend on the place, where this is what the solution operator does too.
    Not where a forcing or a boundary is the same in all samples: the network could not know where it is.
    """

    def count(self, signature: Signature) -> int:
        """Zero."""
        return 0

    def __call__(self, positions: Tensor, periodic: tuple[bool, ...]) -> Tensor:
        """An empty tensor `(*grid, 0)`."""
        return positions[..., :0]


def require_positions(owner: object, positions: object) -> None:
    """Refuse what tells a network no place.

    Raises:
        ValueError: If `positions` is no `PositionChannels`.
    """
    if not isinstance(positions, PositionChannels):
        raise ValueError(f"{type(owner).__name__}: positions = {positions!r}; give Coordinates() or NoPositions()")
