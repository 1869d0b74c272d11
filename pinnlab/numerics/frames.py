"""Characteristic frames: eigenvectors at many faces at once, and their inverses."""

from __future__ import annotations

import numpy as np

Frame = tuple[np.ndarray, np.ndarray]

# Unit eigenvectors whose determinant is smaller than this are no frame.
_SINGULAR = 1e-8


def frame_of(vectors: np.ndarray) -> Frame:
    """Left and right eigenvectors, inverse to each other; the unit vectors where the right ones are no basis.

    Args:
        vectors: r_k by rows k, of any length, `(unknowns, unknowns, …)`.

    Returns:
        Left eigenvectors as rows and right ones of unit length as columns, both `(unknowns, unknowns, …)`.
    """
    right = vectors.swapaxes(0, 1)
    right = right / np.sqrt(np.einsum("ij...,ij...->j...", right, right))
    left, determinant = _inverse(right)
    sound = np.isfinite(determinant) & (np.abs(determinant) > _SINGULAR)
    if not sound.all():
        unit = np.eye(len(vectors)).reshape(*vectors.shape[:2], *[1] * (vectors.ndim - 2))
        left, right = np.where(sound, left, unit), np.where(sound, right, unit)
    return np.ascontiguousarray(left), np.ascontiguousarray(right)


def _inverse(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inverses of matrices `(k, k, …)` and their determinants `(…)`; anything where the latter vanish."""
    if len(a) == 2:
        determinant = a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0]
        return np.stack([np.stack([a[1, 1], -a[0, 1]]), np.stack([-a[1, 0], a[0, 0]])]) / determinant, determinant
    if len(a) == 3:
        # Rows of the inverse are products of two columns each, divided by the product of all three.
        columns = a.swapaxes(0, 1)
        rows = np.stack([_cross(columns[i - 2], columns[i - 1]) for i in range(3)])
        determinant = (rows[0] * columns[0]).sum(axis=0)
        return rows / determinant, determinant
    matrices = np.moveaxis(a, (0, 1), (-2, -1))
    sound = np.isfinite(matrices).all(axis=(-2, -1))
    matrices = np.where(sound[..., None, None], matrices, 0.0)
    determinant = np.linalg.det(matrices)
    regular = np.abs(determinant) > _SINGULAR
    inverse = np.linalg.inv(np.where(regular[..., None, None], matrices, np.eye(len(a))))
    return np.moveaxis(inverse, (-2, -1), (0, 1)), determinant


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The vector product over the first axis; much faster than numpy's for long arrays of vectors."""
    return np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
