"""Partial derivatives of a network by reverse mode, one order on top of the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnlab.numerics.derivatives import (
    DerivativePlan,
    Derivatives,
    Network,
    Orders,
    checked_orders,
    require_points,
)

# Which output is differentiated, and how often along each coordinate.
_Node = tuple[int, Orders]


@dataclass(frozen=True)
class NestedAutograd(Derivatives):
    """Reverse mode of reverse mode: for any network whose rows do not see one another.

    Every order is a gradient of sums of the order below it, shared between all derivatives that pass through it.
    The work grows about threefold with each order, and with the number of outputs.  It goes inside `PerPoint`
    Jacobians, not inside `LayerOuterProducts`.  Not for networks that join points (batch normalisation), nor for
    torch.nn.LayerNorm beyond second order, whose third derivative torch 2.13 gets wrong (Taylor mode does not).
    """

    def plan(self, orders: Sequence[Orders], network: Network, sample: Tensor) -> NestedPlan:  # noqa: D102
        return NestedPlan(orders)


class NestedPlan(DerivativePlan):
    """The tree of gradients that a set of partial derivatives needs.

    Args:
        orders: Multi-indices of one length, of total order at most 6.

    Raises:
        ValueError: If `orders` is empty, ragged, negative or beyond order 6.
    """

    def __init__(self, orders: Sequence[Orders]) -> None:
        self.orders = checked_orders("NestedPlan", orders)
        self.dim = len(self.orders[0])
        self._parents = _parents(self.orders)

    def evaluate(self, network: Network, points: Tensor) -> dict[Orders, Tensor]:  # noqa: D102
        require_points("NestedPlan", points, self.dim)
        found: dict[Orders, list[Tensor]] = {o: [] for o in self.orders}
        values, columns = self._columns(network, points)
        for (_, o), column in sorted(columns.items()):
            if o in found:
                found[o].append(column)
        zero = (0,) * self.dim
        return {o: values if o == zero else torch.stack(found[o], dim=1) for o in self.orders}

    def _columns(self, network: Network, points: Tensor) -> tuple[Tensor, dict[_Node, Tensor]]:
        """The values (n, outputs), and every derivative that is wanted or passed through, (n,) each."""
        level: _Level = _values(network, self.dim)
        for parents in self._parents:
            level = _differentiated(level, parents)
        columns, values = level(points)
        return values, columns


_Level = Callable[[Tensor], tuple[dict[_Node, Tensor], Tensor]]
"""Points to the columns found so far, and the network's values."""


def _values(network: Network, dim: int) -> _Level:
    def level(points: Tensor) -> tuple[dict[_Node, Tensor], Tensor]:
        values = network(points)
        if values.ndim != 2 or len(values) != len(points):
            raise ValueError(
                f"NestedPlan: the network maps points {tuple(points.shape)} to {tuple(values.shape)}, "
                "wanted (n, outputs)"
            )
        return {(j, (0,) * dim): values[:, j] for j in range(values.shape[1])}, values

    return level


def _differentiated(level: _Level, parents: frozenset[Orders]) -> _Level:
    """The level above: gradients of the columns in `parents`, beside everything found before."""

    def above(points: Tensor) -> tuple[dict[_Node, Tensor], Tensor]:
        def primal(p: Tensor) -> tuple[dict[_Node, Tensor], tuple[dict[_Node, Tensor], Tensor]]:
            columns, values = level(p)
            return {node: c for node, c in columns.items() if node[1] in parents}, (columns, values)

        found: Any = torch.func.vjp(primal, points, has_aux=True)
        chosen, pull, (below, values) = found
        columns = dict(below)
        for node in chosen:
            seeds = {other: torch.ones_like(c) if other == node else torch.zeros_like(c) for other, c in chosen.items()}
            (gradient,) = pull(seeds)
            for axis, column in enumerate(gradient.unbind(dim=1)):
                columns.setdefault((node[0], _raised(node[1], axis)), column)
        return columns, values

    return above


def _raised(orders: Orders, axis: int) -> Orders:
    return (*orders[:axis], orders[axis] + 1, *orders[axis + 1 :])


def _parents(orders: Sequence[Orders]) -> list[frozenset[Orders]]:
    """Level by level, whose gradients are taken: each derivative comes from that without its last axis."""
    levels: dict[int, set[Orders]] = {}
    waiting = {o for o in orders if any(o)}
    while waiting:
        o = waiting.pop()
        axis = max(i for i, k in enumerate(o) if k)
        parent = (*o[:axis], o[axis] - 1, *o[axis + 1 :])
        levels.setdefault(sum(parent), set()).add(parent)
        if any(parent):
            waiting.add(parent)
    return [frozenset(levels[k]) for k in sorted(levels)]
