"""The contract of everything that differentiates a network by its inputs."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

Orders = tuple[int, ...]
Network = Callable[[Any], Any]

HIGHEST_ORDER = 6


class DerivativePlan(abc.ABC):
    """How a set of partial derivatives is computed; made once, used for ever.

    Attributes:
        orders: Multi-indices without repetition, one per derivative.
        dim: The number of coordinates.
    """

    orders: tuple[Orders, ...]
    dim: int

    @abc.abstractmethod
    def evaluate(self, network: Network, points: Tensor) -> dict[Orders, Tensor]:
        """The derivatives of `network` at `points (n, dim)`: one tensor (n, outputs) per multi-index.

        Works inside torch.func transforms and under plain autograd, for parameters and for points.

        Raises:
            ValueError: If `points` is not (n, dim), or the network's values are not (n, outputs).
        """


class Derivatives(abc.ABC):
    """A frozen dataclass of settings: by which of two exact rules a network is differentiated."""

    @abc.abstractmethod
    def plan(self, orders: Sequence[Orders], network: Network, sample: Tensor) -> DerivativePlan:
        """Prepare derivatives of `network`.

        Args:
            orders: Multi-indices of one length dim; e.g. (0, 2) is u_xx for coordinates (t, x).
            network: Points (n, dim) to values (n, outputs), row by row.
            sample: A few points (n, dim) of the dtype and on the device that the network will see.

        Raises:
            ValueError: If `orders` is empty, ragged, negative or beyond order 6, or if this rule cannot
                differentiate the network.
        """


def checked_orders(owner: str, orders: Sequence[Orders]) -> tuple[Orders, ...]:
    """Multi-indices without repetition.

    Raises:
        ValueError: If there is none, if they are ragged or negative, or beyond order 6.
    """
    unique = tuple(dict.fromkeys(tuple(o) for o in orders))
    lengths = {len(o) for o in unique}
    if len(lengths) != 1 or lengths == {0}:
        raise ValueError(f"{owner}: orders {list(unique)} must be non-empty multi-indices of one length")
    bad = [o for o in unique if min(o) < 0 or sum(o) > HIGHEST_ORDER]
    if bad:
        raise ValueError(f"{owner}: orders {bad} are outside 0..{HIGHEST_ORDER}; write a system of lower order")
    return unique


def require_points(owner: str, points: Tensor, dim: int) -> None:
    """Refuse points of another dimension.

    Raises:
        ValueError: If `points` is not (n, dim).
    """
    if points.ndim != 2 or points.shape[1] != dim:
        raise ValueError(f"{owner}: points of shape {tuple(points.shape)}, wanted (n, {dim})")
