"""Linear differential operators on products of axis bases, projected on products of their test functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from pinnlab.errors import SolveFailed
from pinnlab.numerics.axis_basis import AxisBasis
from pinnlab.numerics.sylvester import Nearest

# Corrections of a solution by the equation for what is left of its residual, and the least gain that one must bring.
CORRECTIONS = 5
GAIN = 0.3
# A residual of more than this, relative to the right-hand side, is no solution.
UNSOLVED = 1e-4
# A condition number from which nothing determines a solution but rounding.
SINGULAR = 1e12
# Reduction of the residual that GMRES is asked for at a time, and its directions between restarts.
REDUCTION = 1e-8
RESTART = 50


@dataclass(frozen=True, eq=False)
class ProjectedOperator:
    """sum_k c_k(x) d^(orders_k) u, observed against test functions; for one or two coordinates.

    Attributes:
        bases: One per coordinate.
        derivatives: Of each coordinate the derivatives of its functions at the nodes, by order.
        orders: Of each term.
        iterations: Largest number of steps of GMRES.
    """

    bases: tuple[AxisBasis, ...]
    derivatives: Sequence[Sequence[Tensor]]
    orders: Sequence[Sequence[int]]
    iterations: int

    def apply(self, factors: Sequence[Tensor], coefficients: Tensor) -> Tensor:
        """The operator with coefficients c_k at the nodes `(n_1, …)`, projected `(r_1, …)`."""
        if all(_is_constant(c) for c in factors):
            return self._constant([float(c.flatten()[0]) for c in factors], coefficients)
        total = torch.zeros_like(factors[0])
        for c, orders in zip(factors, self.orders, strict=True):
            total = total + c * _along(coefficients, [d[p] for d, p in zip(self.derivatives, orders, strict=True)])
        return self.projected(total)

    def projected(self, values: Tensor) -> Tensor:
        """Values at the nodes `(n_1, …)`, as products with test functions `(r_1, …)`."""
        return _along(values, [b.tests for b in self.bases])

    def solve(self, factors: Sequence[Tensor], right: Tensor, lifted: Tensor, corrections: int = CORRECTIONS) -> Tensor:
        """The coefficients `(r_1, …)` of functions with homogeneous conditions, such that the operator gives `right`.

        Args:
            factors: The c_k at the nodes `(n_1, …)`.
            right: At the nodes.
            lifted: Coefficients of a known part `(m_1, …)`, to be added.
            corrections: How often the equation is solved for what is left of it, at most.

        Raises:
            SolveFailed: If the solution is not determined, or the residual stays large.
        """
        target = self.projected(right) - self.apply(factors, lifted)
        scale = float(torch.linalg.vector_norm(target))
        nearest = self._nearest([float(c.mean()) for c in factors])
        exact = nearest.is_exact and all(_is_constant(c) for c in factors)
        if exact and nearest.condition > SINGULAR:
            raise SolveFailed(
                f"Kronecker: equation and conditions leave the solution open (condition {nearest.condition:.1e}): "
                "some function, such as a constant, can be added to it; give a condition that fixes its value"
            )
        found, rest, left = torch.zeros_like(target), target, scale
        for _ in range(corrections):
            if left == 0:
                break
            step = self._shrink(nearest, rest) if exact else self._gmres(nearest, factors, rest)
            after = rest - self.apply(factors, self._padded(step))
            now = float(torch.linalg.vector_norm(after))
            if not now < left:
                break
            found, rest, left, gained = found + step, after, now, now / left
            if gained > GAIN:
                break
        if not left <= UNSOLVED * scale:
            raise SolveFailed(
                f"Kronecker: a residual of {left / scale:.2g} is left of the linear equation after {self.iterations} "
                "iterations; the conditions may not determine the solution, or terms vary too much: raise iterations, "
                "or take algebra=WeightSpace()"
            )
        return found

    # -- pieces --------------------------------------------------------------------------------------------

    def _shrink(self, nearest: Nearest, values: Tensor) -> Tensor:
        """The solution of the nearest simple equation, in coefficients of the q."""
        found = nearest.solver.solve(values.reshape(len(values), -1)).reshape(values.shape)
        return _along(found, [b.triangle for b in self.bases])

    def _gmres(self, nearest: Nearest, factors: Sequence[Tensor], right: Tensor) -> Tensor:
        """GMRES, preconditioned from the right by the nearest simple equation."""
        from scipy.sparse.linalg import LinearOperator, gmres

        def product(flat: np.ndarray) -> np.ndarray:
            values = torch.as_tensor(flat).to(right).reshape(right.shape)
            return self.apply(factors, self._padded(self._shrink(nearest, values))).flatten().cpu().numpy()

        operator = LinearOperator((right.numel(), right.numel()), matvec=product, dtype=float)
        rounds = max(1, self.iterations // RESTART)
        flat = right.flatten().cpu().numpy()
        found, _ = gmres(operator, flat, rtol=REDUCTION, restart=min(RESTART, self.iterations), maxiter=rounds)
        return self._shrink(nearest, torch.as_tensor(found).to(right).reshape(right.shape))

    def _padded(self, inner: Tensor) -> Tensor:
        """With zeros for the lifting functions."""
        out = inner.new_zeros([b.count for b in self.bases])
        out[tuple(slice(b.lifts, None) for b in self.bases)] = inner
        return out

    def _constant(self, factors: Sequence[float], coefficients: Tensor) -> Tensor:
        terms = [
            c * _along(coefficients, [p[k] for p, k in zip(self._projections, orders, strict=True)])
            for c, orders in zip(factors, self.orders, strict=True)
        ]
        return torch.stack(terms).sum(dim=0)

    @cached_property
    def _projections(self) -> list[list[Tensor]]:
        """Of each coordinate the projected derivatives of its functions, by order."""
        return [[b.tests @ d for d in own] for b, own in zip(self.bases, self.derivatives, strict=True)]

    @cached_property
    def _inner(self) -> list[list[Tensor]]:
        """The same of functions whose highest derivatives are the test functions."""
        pairs = zip(self.bases, self._projections, strict=True)
        return [[p[:, b.lifts :] @ b.triangle for p in own] for b, own in pairs]

    @cached_property
    def _known(self) -> dict[tuple[float, ...], Nearest]:
        return {}

    def _nearest(self, factors: list[float]) -> Nearest:
        """The simple equation for constant coefficients; the last one is kept."""
        key = tuple(factors)
        if key not in self._known:
            self._known.clear()
            self._known[key] = self._prepared(factors)
        return self._known[key]

    def _prepared(self, factors: list[float]) -> Nearest:
        first, *others = self._inner
        second = others[0] if others else [torch.ones_like(first[0][:1, :1])]
        table = np.zeros((len(first), len(second)))
        for c, orders in zip(factors, self.orders, strict=True):
            table[orders[0], orders[1] if others else 0] += c
        if not table.any():
            raise SolveFailed(
                "Kronecker: the equation holds no derivative of its unknown there; check its coefficients"
            )
        return Nearest.of(table, first, second, self.bases[0].lifts)


def _is_constant(values: Tensor) -> bool:
    return bool((values == values.flatten()[0]).all())


def _along(values: Tensor, matrices: Sequence[Tensor]) -> Tensor:
    for matrix in matrices:
        values = torch.tensordot(values, matrix, dims=([0], [1]))
    return values
