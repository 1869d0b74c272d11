"""Partial derivatives of any network, by the faster of two exact rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.numerics.derivatives import DerivativePlan, Derivatives, Network, Orders
from pinnlab.numerics.nested import NestedPlan
from pinnlab.numerics.taylor import JetPlan, obstacle

# One reverse pass per output costs as much as about three directions of first order.
DIRECTIONS_PER_OUTPUT = 3


@dataclass(frozen=True)
class Fastest(Derivatives):
    """Taylor mode, or nested autograd where that is faster or the only way.

    The rule is fitted to measurements of values with gradients by parameters (examples/benchmarks/derivatives.py):
    nested autograd is faster for gradients alone, where all orders are at most one and there are more than three
    coordinates for each output; Taylor mode is faster for everything else, by 1.0 to over 100.  Networks with an
    operation that has no Taylor rule, which a trial on the sample tells, go to nested autograd.

    Not for Jacobians by `LayerOuterProducts`, which refuse nested autograd: say `TaylorMode()` with them.
    """

    def plan(self, orders: Sequence[Orders], network: Network, sample: Tensor) -> DerivativePlan:
        """The plan of the faster rule.

        Raises:
            ValueError: If `orders` is not usable.
        """
        taylor = JetPlan(orders)
        if obstacle(taylor, network, sample):
            return NestedPlan(orders)
        if len(taylor.reach) == 1:
            with torch.no_grad():
                outputs = network(sample).shape[1]
            if len(taylor.directions) > DIRECTIONS_PER_OUTPUT * outputs:
                return NestedPlan(orders)
        return taylor


def jets(
    network: Network, points: Tensor, orders: Sequence[Orders], derivatives: Derivatives | None = None
) -> dict[Orders, Tensor]:
    """Partial derivatives of `network` at `points (n, dim)`: one tensor (n, outputs) per multi-index.

    For many calls make a plan once: `Fastest().plan(orders, network, points[:2])`, then `plan.evaluate(...)`.

    Args:
        network: Points (n, dim) to values (n, outputs), row by row: any torch module.
        points: (n, dim).
        orders: Multi-indices, e.g. (0, 2) for u_xx with coordinates (t, x), of total order at most 6.
        derivatives: `TaylorMode()`, `NestedAutograd()` or, if None, `Fastest()`; they agree to 1e-12.

    Raises:
        ValueError: If `orders` or `points` is not usable, or `TaylorMode()` meets an operation without a rule.
    """
    rule = Fastest() if derivatives is None else derivatives
    return rule.plan(orders, network, points[:2]).evaluate(network, points)
