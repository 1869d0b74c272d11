"""Sparse linear systems: LU factorisation, and Krylov methods with algebraic multigrid for large ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy  # its submodules load when they are first used
from scipy.sparse import csc_array, csr_array

from pinnlab.errors import SolveFailed

# Smallest pivot relative to the largest one after scaling: below, the matrix is singular to rounding.
SINGULAR = 1e-14
# Relative residual at which an iteration stops; Newton's method corrects what is left.
TOLERANCE = 1e-11
MOST_ITERATIONS = 300
_SYMMETRIC = 1e-12
_DIAGONAL = 1e-3
_COARSEST = 500
_RESTART = 60
# Share of a known vector that may be lost when it is solved for.
_LOST = 1e-3
# Matrix times near-kernel, relative to both, that is zero up to rounding.
_ANNIHILATED = 1e-13


class LinearSolver(Protocol):
    """A matrix prepared for the solution of systems with it."""

    def solve(self, rhs: np.ndarray) -> np.ndarray: ...  # noqa: D102


class Direct:
    """LU factorisation after scaling, with one step of iterative refinement.

    For all systems that fit: in two dimensions up to some 250,000 unknowns, in three up to some 30,000.

    Args:
        matrix: Square `(n, n)`.

    Raises:
        SolveFailed: If the matrix is singular to rounding, so that a known vector cannot be found again, or holds
            numbers that are not finite.
    """

    def __init__(self, matrix: csr_array) -> None:
        require_finite(matrix)
        largest = abs(matrix).max(axis=1).toarray().ravel()
        self._scale = 1 / np.sqrt(np.where(largest > 0, largest, 1.0))
        self._matrix = csc_array(matrix.multiply(self._scale[:, None]).multiply(self._scale[None, :]))
        # Minimum degree on the graph itself suits matrices with a good diagonal, that on the columns saddle points.
        graph = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.01, "options": {"SymmetricMode": True}}
        has_diagonal = bool(np.all(np.abs(self._matrix.diagonal()) > _DIAGONAL))
        try:
            self._factor = scipy.sparse.linalg.splu(self._matrix, **(graph if has_diagonal else {}))
        except RuntimeError:
            raise SolveFailed(_SINGULAR_TEXT) from None
        pivots = np.abs(self._factor.U.diagonal())
        if pivots.min(initial=1.0) < SINGULAR * pivots.max(initial=0.0):
            raise SolveFailed(_SINGULAR_TEXT)
        self._require_regular()

    def _require_regular(self) -> None:
        """Pivots need not tell: solve for a known vector, of which a singular matrix loses a part."""
        known = _known(self._matrix.shape[0])
        found = self._factor.solve(self._matrix @ known)
        if not np.linalg.norm(found - known) <= _LOST * np.linalg.norm(known):
            raise SolveFailed(_SINGULAR_TEXT)

    def solve(self, rhs: np.ndarray) -> np.ndarray:
        """The solution `(n,)`."""
        scaled = self._scale * rhs
        found = self._factor.solve(scaled)
        found += self._factor.solve(scaled - self._matrix @ found)
        return np.asarray(self._scale * found)


@dataclass
class Multigrid:
    """Conjugate gradients, or GMRES where the matrix is not symmetric, with smoothed aggregation [1] before it.

    For systems of elliptic type; not for saddle points, nor where transport outweighs diffusion.

    Args:
        matrix: Square `(n, n)`; symmetric ones must be definite.
        near_kernel: Functions that the operator hardly changes, by their values `(n, k)`: constants, rigid motions.

    Raises:
        SolveFailed: If the operator annihilates one of them, or a combination of them.

    [1] P. Vanek, J. Mandel, M. Brezina, Computing 56 (1996) 179-196.
    """

    matrix: csr_array
    near_kernel: np.ndarray

    def __post_init__(self) -> None:
        import pyamg

        require_finite(self.matrix)
        # The sign of a declaration is free: -∇²u = f and ∇²u = -f are the same equation.
        self._sign = -1.0 if self.matrix.diagonal().sum() < 0 else 1.0
        matrix = csr_array(self._sign * self.matrix)
        self._symmetric = is_symmetric(matrix)
        _refuse_kernel(matrix, self.near_kernel)
        # Not the default, which estimates spectral radii from random vectors: equal runs must agree bit for bit.
        smoother = ("gauss_seidel", {"sweep": "symmetric"})
        self._hierarchy = pyamg.smoothed_aggregation_solver(
            scipy.sparse.csr_matrix(matrix),
            B=self.near_kernel,
            symmetry="symmetric" if self._symmetric else "nonsymmetric",
            smooth=("jacobi", {"omega": 4.0 / 3.0, "weighting": "local"}),
            presmoother=smoother,
            postsmoother=smoother,
            max_coarse=_COARSEST,
            coarse_solver="splu",
        )

    def solve(self, rhs: np.ndarray) -> np.ndarray:
        """The solution `(n,)` to a relative residual of 1e-11.

        Raises:
            SolveFailed: If the iteration does not converge.
        """
        before = self._hierarchy.aspreconditioner()
        matrix, target = self._sign * self.matrix, rhs
        if self._symmetric:
            found, info = scipy.sparse.linalg.cg(matrix, target, rtol=TOLERANCE, maxiter=MOST_ITERATIONS, M=before)
        else:
            found, info = scipy.sparse.linalg.gmres(
                matrix,
                target,
                rtol=TOLERANCE,
                maxiter=MOST_ITERATIONS // _RESTART,
                restart=_RESTART,
                M=before,
            )
        if info or not np.isfinite(found).all():
            raise SolveFailed(
                f"the multigrid iteration for {len(rhs)} unknowns has not converged in {MOST_ITERATIONS} steps; the "
                "operator is indefinite, singular or dominated by transport: use fewer cells or a lower degree, so "
                "that the system is factorised"
            )
        return np.asarray(self._sign * found)


def require_finite(matrix: csr_array) -> None:
    """Raise SolveFailed unless all entries are finite."""
    if not np.isfinite(matrix.data).all():
        raise SolveFailed("the linearised equations are not finite; are they singular at the iterate?")


def _known(n: int) -> np.ndarray:
    """A vector `(n,)` that has a part in every direction: neither constant nor linear in any coordinate."""
    return 1.0 + 0.5 * np.sin(1.7 * np.arange(n, dtype=float) ** 1.3)


def _refuse_kernel(matrix: csr_array, near_kernel: np.ndarray) -> None:
    """Raise SolveFailed if a combination of the columns `(n, k)` is annihilated up to rounding."""
    basis, _ = np.linalg.qr(near_kernel)
    gains = np.linalg.svd(matrix @ basis, compute_uv=False)
    if gains.min(initial=1.0) <= _ANNIHILATED * float(abs(matrix).max()):
        raise SolveFailed(_SINGULAR_TEXT)


def is_symmetric(matrix: csr_array) -> bool:
    """Whether a matrix equals its transpose up to rounding."""
    gap = abs(matrix - matrix.T).max()
    return bool(gap <= _SYMMETRIC * abs(matrix).max())


_SINGULAR_TEXT = (
    "the linearised system is singular; a condition that fixes an unknown is missing, as the mean with Neumann "
    "conditions alone, or the rigid motions of a body that is held nowhere: prescribe a value on a piece, or add a "
    "term without derivatives"
)
