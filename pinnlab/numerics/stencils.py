"""Finite-difference formulae: weights on given nodes, where they may be centred, and matrices of them."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

# Nodes lie symmetrically where they do so within this share of the width of a stencil.
_SYMMETRY = 1e-6


def stencil_weights(nodes: np.ndarray, points: np.ndarray, order: int) -> np.ndarray:
    """Return the weights of all derivatives up to `order` on many small stencils at once.

    The k-th derivative at points[i] of the polynomial through values[j] on nodes[i, j] is
    sum_j weights[k, i, j] values[j].

    Args:
        nodes: (rows, width), distinct within each row.
        points: (rows,), where the derivatives are wanted.
        order: Highest derivative, >= 0; derivatives of order >= width are zero.

    Returns:
        Weights (order + 1, rows, width).

    B. Fornberg, SIAM Rev. 40 (1998) 685-691.
    """
    offsets = np.ascontiguousarray((nodes - points[:, None]).T)
    width, rows = offsets.shape
    powers = np.arange(1.0, order + 1)[:, None]
    weights = np.zeros((order + 1, width, rows))
    weights[0, 0] = 1.0
    product = np.ones(rows)
    for i in range(1, width):
        gaps = offsets[i] - offsets[:i]
        new_product = np.prod(gaps, axis=0)
        scale = product / new_product
        last = weights[:, i - 1].copy()
        weights[1:, i] = scale * (powers * last[:-1] - offsets[i - 1] * last[1:])
        weights[0, i] = -scale * offsets[i - 1] * last[0]
        lowered = powers[:, None] * weights[:-1, :i]
        weights[:, :i] *= offsets[i]
        weights[1:, :i] -= lowered
        weights[:, :i] /= gaps
        product = new_product
    return weights.transpose(0, 2, 1)


def even_widths(nodes: np.ndarray, width: int) -> np.ndarray:
    """Stencil sizes (n,) for even orders: `width` where one-sided, one less or one more where centred."""
    n, index = len(nodes), np.arange(len(nodes))
    room = np.minimum(index, n - 1 - index)
    reach = width // 2 - 1
    widths = np.where(room > reach, width + 1, width)
    centred = np.flatnonzero(room >= reach)
    offsets = nodes[centred[:, None] + np.arange(-reach, reach + 1)] - nodes[centred][:, None]
    skewness = np.abs(offsets + offsets[:, ::-1]).max(axis=1)
    widths[centred[skewness <= _SYMMETRY * (offsets[:, -1] - offsets[:, 0])]] = width - 1
    return widths


def stencil_matrix(entries: np.ndarray, columns: np.ndarray, n: int) -> csr_array:
    """Sparse matrix (rows, n) whose row i holds entries[i] (width,) at columns[i]."""
    rows, width = columns.shape
    matrix = csr_array((entries.ravel(), columns.ravel(), np.arange(0, rows * width + 1, width)), shape=(rows, n))
    matrix.sort_indices()
    return matrix
