"""Matrices along the axes of arrays: product grids from one-dimensional operators."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array, issparse

_CHUNK_BYTES = 1 << 27


def apply(matrix: csr_array | np.ndarray, array: np.ndarray, axis: int) -> np.ndarray:
    """Apply a matrix (m, n) along one axis, of length n, of an array; that axis then has length m.

    Raises:
        ValueError: The axis does not have as many entries as the matrix has columns.
    """
    if array.shape[axis] != matrix.shape[1]:
        raise ValueError(
            f"a matrix of shape {matrix.shape} does not fit axis {axis} of an array of shape {array.shape}"
        )
    moved = np.moveaxis(array, axis, 0)
    flat = matrix @ moved.reshape(matrix.shape[1], -1)
    return np.moveaxis(flat.reshape(matrix.shape[0], *moved.shape[1:]), 0, axis)


def tensor_interpolate(matrices: Sequence[csr_array | np.ndarray], array: np.ndarray) -> np.ndarray:
    """Evaluate on a product grid: apply matrices[k] (m_k, n_k) along axis k of array (n_0, n_1, ..., *rest).

    Returns:
        Array (m_0, m_1, ..., *rest); axes beyond the matrices stay as they are.
    """
    _check_axes(matrices, array)
    # Shrinking axes first keeps the intermediate arrays small; the order does not change the result.
    for axis in sorted(range(len(matrices)), key=lambda k: matrices[k].shape[0] / matrices[k].shape[1]):
        array = apply(matrices[axis], array, axis)
    return array


def scattered_interpolate(matrices: Sequence[csr_array | np.ndarray], array: np.ndarray) -> np.ndarray:
    """Evaluate at m scattered points: result[i] = sum over j, k, ... of A[i, j] B[i, k] ... array[j, k, ...].

    Sparse matrices are multiplied row by row into one sparse matrix first, full ones are contracted one after
    another.  Points are taken in pieces, so that the memory beside array and result stays below 256 MB
    (unless the sum for one point alone needs more).

    Args:
        matrices: One (m, n_k) for each of the leading axes; row i of each belongs to point i.
        array: Nodal values (n_0, n_1, ..., *rest).

    Returns:
        Array (m, *rest).

    Raises:
        ValueError: The matrices differ in their number of rows, or do not fit the array.
    """
    _check_axes(matrices, array)
    points = matrices[0].shape[0]
    if any(matrix.shape[0] != points for matrix in matrices):
        raise ValueError(f"all matrices need one row per point, got {[matrix.shape[0] for matrix in matrices]} rows")
    sparse = [k for k, matrix in enumerate(matrices) if issparse(matrix)]
    full = [k for k, matrix in enumerate(matrices) if not issparse(matrix)]
    ordered = np.moveaxis(array, sparse + full, range(len(matrices)))
    first = len(sparse) if sparse else 1
    tail = [matrices[k] for k in (full if sparse else full[1:])]
    flat = ordered.reshape(math.prod(ordered.shape[:first]), -1)

    stencils = [_stencils(matrices[k]) for k in sparse]
    entries = math.prod(columns.shape[1] for columns, _ in stencils)
    chunk = max(1, _CHUNK_BYTES // (8 * (6 * entries + 2 * flat.shape[1])))
    rest = array.shape[len(matrices) :]
    result = np.empty((points, *rest), dtype=np.result_type(array, float))
    for start in range(0, points, chunk):
        part = slice(start, start + chunk)
        head = _row_products(stencils, part, ordered.shape) if sparse else matrices[0][part]
        values = head @ flat
        for matrix in tail:
            values = np.einsum("mn,mnr->mr", matrix[part], values.reshape(*matrix[part].shape, -1))
        result[part] = values.reshape(-1, *rest)
    return result


def _stencils(matrix: csr_array) -> tuple[np.ndarray, np.ndarray]:
    """Columns and entries (rows, width) of a sparse matrix, shorter rows filled up with zeros in column 0."""
    matrix = matrix.tocsr()
    counts = np.diff(matrix.indptr)
    width = max(1, int(counts.max(initial=0)))
    held = np.arange(width) < counts[:, None]
    columns = np.zeros(held.shape, dtype=np.int64)
    entries = np.zeros(held.shape, dtype=matrix.dtype)
    columns[held], entries[held] = matrix.indices, matrix.data
    return columns, entries


def _row_products(stencils: Sequence[tuple[np.ndarray, np.ndarray]], part: slice, lengths: Sequence[int]) -> csr_array:
    """Sparse matrix whose row i is the Kronecker product of the i-th rows of all factors."""
    columns, entries = (array[part] for array in stencils[0])
    for (more_columns, more_entries), length in zip(stencils[1:], lengths[1:], strict=False):
        rows = len(columns)
        columns = (columns[:, :, None] * length + more_columns[part, None, :]).reshape(rows, -1)
        entries = (entries[:, :, None] * more_entries[part, None, :]).reshape(rows, -1)
    rows, width = columns.shape
    starts = np.arange(0, rows * width + 1, width)
    return csr_array((entries.ravel(), columns.ravel(), starts), shape=(rows, math.prod(lengths[: len(stencils)])))


def _check_axes(matrices: Sequence[csr_array | np.ndarray], array: np.ndarray) -> None:
    needed = tuple(matrix.shape[1] for matrix in matrices)
    if not matrices or array.shape[: len(matrices)] != needed:
        raise ValueError(
            f"matrices with {needed} columns do not fit the leading axes of an array of shape {array.shape}"
        )
