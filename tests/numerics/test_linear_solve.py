"""Sparse solvers on systems small enough to check."""

import numpy as np
import pytest
from scipy.sparse import bmat, csr_array, diags_array, eye_array, kron

from pinnlab.errors import SolveFailed
from pinnlab.numerics.linear_solve import Direct, Multigrid, is_symmetric


def laplacian(n):
    line = diags_array([-np.ones(n - 1), 2 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1])
    return csr_array(kron(line, eye_array(n)) + kron(eye_array(n), line))


def saddle(n=8):
    """Rows of very different size, and zeros on the diagonal."""
    rng = np.random.default_rng(0)
    a, b = 1e6 * laplacian(n).toarray(), 1e-3 * rng.standard_normal((n, n * n))
    return csr_array(np.block([[a, b.T], [b, np.zeros((n, n))]]))


@pytest.mark.parametrize("matrix", [laplacian(12), saddle(), laplacian(6) + csr_array(np.triu(np.ones((36, 36))))])
def test_factorisation_solves_to_rounding(matrix):
    exact = np.random.default_rng(1).standard_normal(matrix.shape[0])
    np.testing.assert_allclose(Direct(matrix).solve(matrix @ exact), exact, rtol=1e-5, atol=1e-6)


def test_a_badly_scaled_matrix_is_not_taken_for_a_singular_one():
    scale = diags_array(np.geomspace(1e-9, 1e9, 64))
    matrix = csr_array(scale @ laplacian(8) @ scale)
    assert np.isfinite(Direct(matrix).solve(np.ones(64))).all()


@pytest.mark.parametrize("shift", [0.0, 1e-17])
def test_a_singular_matrix_is_refused_with_the_way_out(shift):
    matrix = laplacian(8)
    matrix = csr_array(matrix - diags_array(matrix.sum(axis=1)) + shift * eye_array(64))
    with pytest.raises(SolveFailed, match=r"singular.*prescribe a value"):
        Direct(matrix)


def test_entries_that_are_not_finite_are_refused():
    with pytest.raises(SolveFailed, match="not finite"):
        Direct(csr_array(np.array([[1.0, np.nan], [0, 1]])))


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("transport", [0.0, 0.2])
def test_multigrid_solves_definite_systems_of_either_sign_symmetric_or_not(sign, transport):
    n = 40
    upwind = kron(eye_array(n), diags_array([-np.ones(n - 1), np.ones(n)], offsets=[-1, 0]))
    matrix = csr_array(sign * (laplacian(n) + transport * upwind))
    assert is_symmetric(matrix) == (transport == 0)
    rhs = np.random.default_rng(0).standard_normal(n * n)
    solver = Multigrid(matrix, np.ones((n * n, 1)))
    found = solver.solve(rhs)
    assert np.linalg.norm(matrix @ found - rhs) <= 2e-11 * np.linalg.norm(rhs)
    np.testing.assert_array_equal(Multigrid(matrix, np.ones((n * n, 1))).solve(rhs), found)


def test_multigrid_that_does_not_converge_says_so():
    matrix = csr_array(laplacian(40) - 1.2345 * eye_array(1600))
    with pytest.raises(SolveFailed, match=r"1600 unknowns.*indefinite"):
        Multigrid(matrix, np.ones((1600, 1))).solve(np.ones(1600))


def free_pair(n, gap=0.0):
    """Two Laplacians with natural conditions, coupled so that (1, 1) is annihilated."""
    line = diags_array([-np.ones(n - 1), 2 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1]).tolil()
    line[0, 0] = line[n - 1, n - 1] = 1
    free = kron(line, eye_array(n)) + kron(eye_array(n), line)
    couple = 0.37 * eye_array(n * n)
    return csr_array(bmat([[free + (1 + gap) * couple, -couple], [-couple, free + couple]]))


def test_a_kernel_that_pivots_do_not_show_is_found():
    pair = free_pair(23)
    # Its smallest pivot is above the limit.
    with pytest.raises(SolveFailed, match="singular"):
        Direct(pair)
    assert np.isfinite(Direct(free_pair(23, 1e-3)).solve(np.ones(pair.shape[0]))).all()


def test_multigrid_refuses_what_annihilates_a_combination_of_its_near_kernel():
    pair = free_pair(23)
    half = len(pair.indptr) // 2
    kernel = np.zeros((pair.shape[0], 2))
    kernel[:half, 0] = kernel[half:, 1] = 1.0
    with pytest.raises(SolveFailed, match="singular"):
        Multigrid(pair, kernel)
    Multigrid(free_pair(23, 1e-3), kernel)
