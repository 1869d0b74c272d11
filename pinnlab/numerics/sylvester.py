"""Matrix equations sum_ij c_ij L_i X R_j' = F with matrices along two coordinates, and their nearest simple ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

# Two terms are taken as they come if solving for them loses no more digits than this.
GOOD = 1e4
# Rotations of two terms among which the one that loses fewest digits is sought.
ROTATIONS = 12
# Terms of this relative size are rounding.
NEGLIGIBLE = 1e-14


@dataclass(frozen=True, eq=False)
class TwoTerms:
    """P X Q' + R X S' = F, solved through P^-1 R X + X (S^-1 Q)' = P^-1 F S^-T.

    The last is a Sylvester equation, solved with real Schur forms (R. H. Bartels, G. W. Stewart, Commun. ACM 15 (1972)
    820-826): O(m^3 + n^3) to prepare, O(m n (m + n)) for each F.  Not where P or S is singular.

    Attributes:
        first: The inverse of P `(m, m)`.
        last: The inverse of S `(n, n)`.
        left, left_basis: Real Schur form of P^-1 R, and its orthogonal basis.
        right, right_basis: Real Schur form of (S^-1 Q)', and its orthogonal basis.
    """

    first: Tensor
    last: Tensor
    left: np.ndarray
    left_basis: Tensor
    right: np.ndarray
    right_basis: Tensor

    @classmethod
    def of(cls, p: Tensor, q: Tensor, r: Tensor, s: Tensor) -> TwoTerms:
        """Prepare P X Q' + R X S'."""
        import scipy.linalg

        first, last = torch.linalg.inv(p), torch.linalg.inv(s)
        left, u = scipy.linalg.schur((first @ r).cpu().numpy(), check_finite=True)
        right, v = scipy.linalg.schur((last @ q).T.cpu().numpy(), check_finite=True)
        return cls(first, last, left, torch.as_tensor(u).to(p), right, torch.as_tensor(v).to(p))

    @property
    def size(self) -> float:
        """The norm of the operator on the left-hand side of the second equation, or a little more."""
        return float(np.linalg.norm(self.left, 2) + np.linalg.norm(self.right, 2))

    def solve(self, values: Tensor) -> Tensor:
        """The X `(m, n)` for F `(m, n)`; not finite, or huge, where the equation is singular."""
        from scipy.linalg.lapack import dtrsyl

        inner = self.left_basis.T @ (self.first @ values @ self.last.T) @ self.right_basis
        found, scale, _ = dtrsyl(self.left, self.right, inner.cpu().numpy())
        return self.left_basis @ (torch.as_tensor(found).to(values) / scale) @ self.right_basis.T


@dataclass(frozen=True, eq=False)
class Product:
    """P X Q' = F."""

    first: Tensor
    last: Tensor

    @classmethod
    def of(cls, p: Tensor, q: Tensor) -> Product:
        """Prepare P X Q'."""
        return cls(torch.linalg.inv(p), torch.linalg.inv(q))

    @property
    def size(self) -> float:
        """The norm of the operator."""
        return float(1 / (torch.linalg.svdvals(self.first)[-1] * torch.linalg.svdvals(self.last)[-1]))

    def solve(self, values: Tensor) -> Tensor:
        """The X `(m, n)` for F `(m, n)`."""
        return self.first @ values @ self.last.T


@dataclass(frozen=True, eq=False)
class Nearest:
    """Of sum_ij c_ij L_i X R_j' = F the part that two terms hold.

    Attributes:
        solver: Of that part.
        is_exact: Whether nothing is left out.
        condition: A lower bound of the condition number of that part, which two steps of inverse iteration give.
    """

    solver: TwoTerms | Product
    is_exact: bool
    condition: float

    @classmethod
    def of(cls, coefficients: np.ndarray, left: Sequence[Tensor], right: Sequence[Tensor], pivot: int) -> Nearest:
        """Split the coefficients c into p q' + r s' with q their row `pivot`, and s r' the nearest rest.

        With the row of the highest derivative, whose matrix is the identity, P is the identity up to a compact
        operator.  If solving for the two terms as they come would lose digits, p and r, q and s are rotated into one
        another, or the terms are exchanged, so that it loses fewest.

        Args:
            coefficients: `(i, j)`, not all zero.
            left: The L_i.
            right: The R_j.
            pivot: A row i.
        """
        sizes = np.array([_size(m) for m in left])[:, None], np.array([_size(m) for m in right])
        terms, exact = _two_terms(coefficients * sizes[0] * sizes[1], pivot)
        p, q, r, s = (
            _combined(t / sizes[i % 2].ravel(), m)
            for i, (t, m) in enumerate(zip(terms, [left, right] * 2, strict=True))
        )
        if not terms[2].any():
            return cls._judged(Product.of(p, q), exact)
        return cls._judged(TwoTerms.of(*_best_conditioned(p, q, r, s)), exact)

    @classmethod
    def _judged(cls, solver: TwoTerms | Product, exact: bool) -> Nearest:
        generator, shape = torch.Generator().manual_seed(0), (len(solver.first), len(solver.last))
        start = torch.randn(shape, generator=generator, dtype=torch.float64).to(solver.first)
        once = solver.solve(start)
        grown = float(torch.linalg.vector_norm(solver.solve(once / torch.linalg.vector_norm(once))))
        return cls(solver, exact, solver.size * grown if math.isfinite(grown) else math.inf)


def _two_terms(weighted: np.ndarray, pivot: int) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray], bool]:
    """Vectors p, q, r, s with p q' + r s' near a matrix, and whether it is equal to it."""
    largest = np.abs(weighted).max()
    if not np.abs(weighted[pivot]).max() > NEGLIGIBLE * largest:
        pivot = int(np.abs(weighted).max(axis=1).argmax())
    column = int(np.abs(weighted[pivot]).argmax())
    p, q = weighted[:, column] / weighted[pivot, column], weighted[pivot]
    left, sizes, right = np.linalg.svd(weighted - np.outer(p, q))
    if sizes[0] <= NEGLIGIBLE * largest:
        return (p, q, np.zeros_like(p), np.zeros_like(q)), True
    exact = len(sizes) < 2 or bool(sizes[1] <= NEGLIGIBLE * largest)
    return (p, q, left[:, 0] * sizes[0], right[0]), exact


def _best_conditioned(p: Tensor, q: Tensor, r: Tensor, s: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The same sum P X Q' + R X S' with P and S as well conditioned as rotations make them."""
    best, loss = (p, q, r, s), _condition(p) * _condition(s)
    if loss < GOOD:
        return best
    sizes = _size(p), _size(q), _size(r), _size(s)
    # The same sum with terms of equal size, so that angles mean something.
    f, g = math.sqrt(sizes[1] / sizes[0]), math.sqrt(sizes[3] / sizes[2])
    p, q, r, s = p * f, q / f, r * g, s / g
    for k in range(ROTATIONS):
        c, d = math.cos(math.pi * k / ROTATIONS), math.sin(math.pi * k / ROTATIONS)
        turned = c * p + d * r, c * q + d * s, c * r - d * p, c * s - d * q
        now = _condition(turned[0]) * _condition(turned[3])
        if now < loss:
            best, loss = turned, now
    return best


def _combined(weights: np.ndarray, matrices: Sequence[Tensor]) -> Tensor:
    total = torch.zeros_like(matrices[0])
    for w, m in zip(weights, matrices, strict=True):
        total = total + float(w) * m
    return total


def _size(matrix: Tensor) -> float:
    return float(torch.linalg.matrix_norm(matrix)) / math.sqrt(len(matrix)) or 1.0


def _condition(matrix: Tensor) -> float:
    sizes = torch.linalg.svdvals(matrix)
    return float(sizes[0] / sizes[-1]) if float(sizes[-1]) > 0 else math.inf
