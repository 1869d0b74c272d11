"""Large sparse least-squares problems by conjugate gradients, preconditioned by a sparser problem of the same kind."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from pinnlab.errors import SolveFailed


@dataclass(frozen=True, eq=False)
class Found:
    """A minimiser.

    Attributes:
        minimiser: `(n,)`.
        iterations: That it took.
        reduction: The norm of the gradient in units of the preconditioner, relative to that at the start.
        misfit: The norm of what is left of the rows.
    """

    minimiser: np.ndarray
    iterations: int
    reduction: float
    misfit: float


def normal_factor(rows: csr_array) -> Callable[[np.ndarray], np.ndarray]:
    """The solution of rows' rows x = b as a function of b, by a sparse direct factorisation.

    Raises:
        SolveFailed: If the matrix is singular.
    """
    from scipy.sparse.linalg import splu

    try:
        factor = splu(
            (rows.T @ rows).tocsc(),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
    except RuntimeError as error:
        raise SolveFailed(f"SparseCholesky: the equations leave some values undetermined ({error})") from error
    return lambda b: np.asarray(factor.solve(b))


def least_squares(
    rows: csr_array,
    right: np.ndarray,
    start: np.ndarray,
    precondition: Callable[[np.ndarray], np.ndarray],
    tolerance: float,
    most: int,
) -> Found | None:
    """Minimise |rows x - right|, or None if it takes too many iterations.

    Conjugate gradients for the normal equations that never form rows' rows (M. R. Hestenes, E. Stiefel, J. Res. Nat.
    Bur. Stand. 49 (1952), section 10), with a preconditioner.  The gradient is compared with that at x = 0, so that
    a good start saves iterations.

    Args:
        rows: `(k, n)`.
        right: `(k,)`.
        start: `(n,)`.
        precondition: An approximation to the inverse of rows' rows, symmetric and positive.
        tolerance: Of the gradient, relative to that at x = 0, both in units of the preconditioner.
        most: Iterations.
    """
    across = rows.T.tocsr()
    zero = across @ right
    goal = tolerance**2 * float(zero @ precondition(zero))
    x = start.copy()
    left = right - rows @ x
    gradient = across @ left
    direction = z = precondition(gradient)
    size = float(gradient @ z)
    taken = 0
    while size > goal:
        if taken == most or not math.isfinite(size):
            return None
        image = rows @ direction
        step = size / float(image @ image)
        x += step * direction
        left -= step * image
        gradient = across @ left
        z = precondition(gradient)
        before, size = size, float(gradient @ z)
        direction = z + size / before * direction
        taken += 1
    return Found(x, taken, tolerance * math.sqrt(size / goal) if goal else 0.0, float(np.linalg.norm(right - rows @ x)))
