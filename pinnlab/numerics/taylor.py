"""Partial derivatives of a network by truncated Taylor series, pushed through ordinary torch modules."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

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
from pinnlab.numerics.series import Series, total


@dataclass(frozen=True)
class TaylorMode(Derivatives):
    """One pass of truncated Taylor series through the network [1].

    Work grows with the number of directions and slowly with the order; outputs come for nothing, and Jacobians
    by parameters may be taken by outer products.  Mixed derivatives are combined from directions (see
    `direction_weights`).  Only for networks made of operations that have a rule (pinnlab/numerics/rules.py), as
    all networks shipped are.

    [1] A. Griewank, J. Utke, A. Walther, Math. Comp. 69 (2000) 1117-1130.
    """

    def plan(self, orders: Sequence[Orders], network: Network, sample: Tensor) -> JetPlan:
        """Directions and weights.

        Raises:
            ValueError: If the network uses an operation without a Taylor rule, or `orders` is not usable.
        """
        plan = JetPlan(orders)
        reason = obstacle(plan, network, sample)
        if reason:
            raise ValueError(f"TaylorMode: {reason}")
        return plan


def obstacle(plan: JetPlan, network: Network, sample: Tensor) -> str:
    """Why a network cannot be differentiated by Taylor series; empty if it can."""
    try:
        with torch.no_grad():
            plan.evaluate(network, sample)
    except TypeError as error:
        # Raised by Python where a series lacks what a tensor has, as in len(x) or x > 0.
        return f"{error}; take derivatives by NestedAutograd() (in Pinn with differentiation=PerPoint())"
    except (NotImplementedError, AttributeError) as error:
        return str(error)
    return ""


def direction_weights(orders: Orders) -> dict[Orders, Fraction]:
    """Integer directions v and exact weights with  d^i u = sum_v weights[v] c_d(v),  d = |i|.

    c_d(v) is the d-th Taylor coefficient of s -> u(x + s v).  A central difference of a homogeneous polynomial of
    degree d is its derivative exactly [1], so that

        d^i u = sum_{0 <= k <= i} (-1)^|k| binom(i, k) c_d(i / 2 - k),

    where a direction with common factor g is divided by it and its weight times g^d, and v and -v are one.  Small
    directions keep the sum from cancelling: those of Griewank, Utke and Walther's simplex lose four digits more at
    sixth order, and are more.  u_xy is written by its axes, u_xy = c_2(1, 1) - c_2(1, 0) - c_2(0, 1), as
    those are needed for other derivatives nearly always.

    [1] R. Kan, J. Multivariate Anal. 99 (2008) 542-554, for the same identity of moments.
    """
    d = sum(orders)
    if sorted(orders)[-2:] == [1, 1] and d == 2:
        axes = [tuple(int(i == j) for i in range(len(orders))) for j, k in enumerate(orders) if k]
        return {tuple(orders): Fraction(1), **dict.fromkeys(axes, Fraction(-1))}
    weights: dict[Orders, Fraction] = {}
    for k in itertools.product(*(range(i + 1) for i in orders)):
        h = tuple(i - 2 * q for i, q in zip(orders, k, strict=True))
        if not any(h):
            continue
        # Directions are taken with their first entry positive: c_d(-v) = (-1)^d c_d(v).
        g = math.gcd(*h) * (1 if next(r for r in h if r) > 0 else -1)
        chosen = math.prod(math.comb(i, q) for i, q in zip(orders, k, strict=True))
        v = tuple(r // g for r in h)
        weights[v] = weights.get(v, Fraction(0)) + (-1) ** sum(k) * chosen * Fraction(g, 2) ** d
    return {v: w for v, w in weights.items() if w}


class JetPlan(DerivativePlan):
    """Which directions a set of partial derivatives needs, and how they combine.

    Args:
        orders: Multi-indices, one per derivative wanted, all of the same length dim; e.g. (0, 2) is u_xx for
            coordinates (t, x).  Total order at most 6: beyond that the weights lose digits in float64.

    Raises:
        ValueError: If `orders` is empty, ragged, negative or beyond order 6.
    """

    def __init__(self, orders: Sequence[Orders]) -> None:
        self.orders = checked_orders("JetPlan", orders)
        self.dim = len(self.orders[0])
        weights = {o: direction_weights(o) for o in self.orders if any(o)}
        need: dict[Orders, int] = {}
        for o, by_direction in weights.items():
            for v in by_direction:
                need[v] = max(need.get(v, 0), sum(o))
        self.directions: tuple[Orders, ...] = tuple(sorted(need, key=lambda v: -need[v]))
        top = max(need.values(), default=0)
        self.reach: tuple[int, ...] = tuple(sum(need[v] >= k for v in need) for k in range(1, top + 1))
        self._weights = {
            o: tuple(float(weights[o].get(v, 0)) for v in self.directions[: self.reach[sum(o) - 1]]) for o in weights
        }

    def evaluate(self, network: Network, points: Tensor) -> dict[Orders, Tensor]:
        """The derivatives of `network` at `points (n, dim)`: one tensor (n, outputs) per multi-index.

        Raises:
            ValueError: If `points` is not (n, dim).
            NotImplementedError: If the network uses an operation without a Taylor rule.
        """
        require_points("JetPlan", points, self.dim)
        seeds = [points.new_tensor(self.directions)[:, None, :]] if self.directions else []
        series = network(Series([points[None], *seeds], self.reach))
        if not isinstance(series, Series) or series.ndim != 2:
            raise NotImplementedError(
                "Series: the network's values do not depend on the points column by column; "
                "let it return (n, outputs), or take derivatives by NestedAutograd()"
            )
        return {o: self._combine(series, o, len(points)) for o in self.orders}

    def _combine(self, series: Series, orders: Orders, n: int) -> Tensor:
        k = sum(orders)
        c = series.coefficients
        if k == 0:
            return c[0][0].expand(n, -1)
        if k >= len(c):
            return torch.zeros_like(c[0][0]).expand(n, -1)
        terms = [w * c[k][i] for i, w in enumerate(self._weights[orders]) if w]
        return total(terms, c[0][0]).expand(n, -1)
