"""Sparse inverse Cholesky factors of covariance matrices, from many small dense ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from pinnlab.errors import SolveFailed
from pinnlab.numerics.kernels import Kernel

# Added to the diagonal of correlation matrices, in the first attempt and at most.
JITTER, LARGEST_JITTER = 1e-14, 1e-8
# Numbers in the matrices that are factored at once: they stay in the cache.
AT_ONCE = 1_000_000

Orders = tuple[int, ...]


@dataclass(frozen=True)
class ProductCovariance:
    """cov(d^a u(x), d^b u(y)) = prod_i (-1)^(b_i) k_i^(a_i + b_i)(x_i - y_i)."""

    kernels: tuple[Kernel, ...]

    def between(self, x: Tensor, y: Tensor, a: Orders, b: Orders) -> Tensor:
        """Covariances `(..., m, k)` of derivatives at x `(..., m, d)` with those at y `(..., k, d)`."""
        out: Tensor | None = None
        for i, kernel in enumerate(self.kernels):
            factor = kernel.covariance(x[..., :, None, i] - y[..., None, :, i], a[i] + b[i])
            factor = -factor if b[i] % 2 else factor
            out = factor if out is None else out * factor
        if out is None:
            raise ValueError("ProductCovariance: no kernels; give one for each coordinate")
        return out

    def lengths(self) -> np.ndarray:
        """The length on which functions change along each coordinate, (-k(0) / k''(0))^(1/2)."""
        zero = torch.zeros(1, dtype=torch.float64)
        return np.array([math.sqrt(-float(k.covariance(zero)) / float(k.covariance(zero, 2))) for k in self.kernels])


@dataclass(frozen=True, eq=False)
class Conditionals:
    """Derivatives J of a process given its values v at near points: mean `weights v`, covariance `factor factor'`.

    Attributes:
        weights: `(n, J, m)`.
        factor: Lower triangular `(n, J, J)`.
        near: Which points `(n, m)`; -1 for none, whose weight is zero.
    """

    weights: np.ndarray
    factor: np.ndarray
    near: np.ndarray


def conditionals(
    points: Tensor, near: np.ndarray, targets: Tensor, orders: Sequence[Orders], covariance: ProductCovariance
) -> Conditionals:
    """Derivatives at targets given values at points near to each of them.

    Args:
        points: `(N, d)`.
        near: Positions among them `(n, m)`, -1 for none.
        targets: `(n, d)`.
        orders: The derivatives, J of them.
        covariance: Of the process.

    Raises:
        SolveFailed: If a covariance matrix stays indefinite with the largest jitter.
    """
    (n, m), j = near.shape, len(orders)
    weights, factor = np.zeros((n, j, m)), np.zeros((n, j, j))
    step = max(1, AT_ONCE // (m + j) ** 2)
    if not j:
        return Conditionals(weights, factor, near)
    for start in range(0, n, step):
        part = slice(start, start + step)
        gram = _gram(points, near[part], targets[part], orders, covariance)
        w, f = _last_rows(gram, j)
        weights[part], factor[part] = w.cpu().numpy(), f.cpu().numpy()
    return Conditionals(weights, factor, near)


def inverse_factor(points: Tensor, earlier: np.ndarray, covariance: ProductCovariance) -> csr_array:
    """The matrix U' `(n, n)` with U U' near the inverse of the covariance matrix of values at points.

    Row i is (value i - its mean given the values at earlier points) / its standard deviation given them.  Among all
    matrices of this pattern U U' has the least Kullback-Leibler divergence (F. Schäfer, M. Katzfuss, H. Owhadi, SIAM
    J. Sci. Comput. 43 (2021), Theorem 2.1); the likelihood is that of A. V. Vecchia, J. R. Stat. Soc. B 50 (1988).

    Args:
        points: `(n, d)` in an order from coarse to fine.
        earlier: Positions of earlier points `(n, m)`, -1 for none.
        covariance: Of the process.

    Raises:
        SolveFailed: If a covariance matrix stays indefinite with the largest jitter.
    """
    n, m = earlier.shape
    value = (0,) * points.shape[1]
    found = conditionals(points, earlier, points, [value], covariance)
    deviation = found.factor[:, 0]
    rows = np.concatenate([-found.weights[:, 0] / deviation, 1 / deviation], axis=1)
    columns = np.column_stack([np.maximum(earlier, 0), np.arange(n)])
    out = csr_array((rows.ravel(), columns.ravel(), np.arange(n + 1) * (m + 1)), shape=(n, n))
    out.sum_duplicates()
    return out


def _gram(
    points: Tensor, near: np.ndarray, targets: Tensor, orders: Sequence[Orders], covariance: ProductCovariance
) -> Tensor:
    """The covariance matrices `(B, m + J, m + J)` of values nearby and derivatives at a target, lower halves."""
    missing = torch.as_tensor(near < 0, device=points.device)
    x = points[torch.as_tensor(np.maximum(near, 0), device=points.device)]
    target, value = targets[:, None, :], (0,) * points.shape[1]
    m, size = near.shape[1], near.shape[1] + len(orders)
    gram = points.new_zeros(len(near), size, size)
    gram[:, :m, :m] = covariance.between(x, x, value, value)
    for i, a in enumerate(orders):
        gram[:, m + i, :m] = covariance.between(target, x, a, value)[:, 0]
        for j, b in enumerate(orders[: i + 1]):
            gram[:, m + i, m + j] = covariance.between(target, target, a, b)[:, 0, 0]
    if bool(missing.any()):
        # A missing neighbour becomes an independent variable.
        absent = torch.nn.functional.pad(missing, (0, len(orders)))
        gram.masked_fill_(absent[:, :, None] | absent[:, None, :], 0.0)
        gram.diagonal(dim1=1, dim2=2)[absent] = 1.0
    return gram


def _last_rows(gram: Tensor, last: int) -> tuple[Tensor, Tensor]:
    """Regression weights `(B, J, m)` of the last J variables on the first, and the factor of what is left."""
    size = gram.diagonal(dim1=1, dim2=2).sqrt()
    lower = _factored(gram / (size[:, :, None] * size[:, None, :]))
    m = gram.shape[1] - last
    across = lower[:, m:, :m]
    weights = torch.linalg.solve_triangular(lower[:, :m, :m], across, upper=False, left=False)
    return weights * size[:, m:, None] / size[:, None, :m], lower[:, m:, m:] * size[:, m:, None]


def _factored(correlations: Tensor) -> Tensor:
    """Cholesky factors; those that fail get more on their diagonals.

    Raises:
        SolveFailed: If the largest amount does not suffice.
    """
    diagonal = torch.eye(correlations.shape[1], dtype=correlations.dtype, device=correlations.device)
    lower, info = torch.linalg.cholesky_ex(correlations + JITTER * diagonal)
    jitter, left = 10 * JITTER, torch.nonzero(info)[:, 0]
    while len(left):
        if jitter > LARGEST_JITTER * 1.5:
            raise SolveFailed(
                f"SparseCholesky: {len(left)} covariance matrices of neighbours stay indefinite with "
                f"{LARGEST_JITTER:g} added to the diagonals of the correlations; take a shorter kernel or a Matern of "
                "lower smoothness, fewer neighbours, or drop points that nearly coincide"
            )
        again, info = torch.linalg.cholesky_ex(correlations[left] + jitter * diagonal)
        done = info == 0
        lower[left[done]] = again[done]
        jitter, left = 10 * jitter, left[~done]
    return lower
