import pytest
import torch

from pinnlab.training.nystrom import Nystrom, conjugate_gradients

DOUBLE = torch.float64


def symmetric(values, seed=0):
    """A symmetric matrix with given eigenvalues, and its eigenvectors."""
    n = len(values)
    q = torch.linalg.qr(torch.randn(n, n, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)).Q
    return q @ torch.diag(torch.tensor(values, dtype=DOUBLE)) @ q.T, q


def sketch(matrix, rank, seed=0):
    return Nystrom.of(lambda v: matrix @ v, rank, matrix[0], torch.Generator().manual_seed(seed))


def test_a_matrix_of_the_sketch_s_rank_is_found_exactly():
    matrix, _ = symmetric([5.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    found = sketch(matrix, 4)
    torch.testing.assert_close(found.values, torch.tensor([5.0, 2.0, 1.0, 0.0], dtype=DOUBLE), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found.basis @ torch.diag(found.values) @ found.basis.T, matrix, rtol=1e-8, atol=1e-8)


def test_an_approximation_is_positive_semidefinite_and_below_the_matrix():
    matrix, _ = symmetric([4.0**-i for i in range(20)])
    found = sketch(matrix, 8)
    approximation = found.basis @ torch.diag(found.values) @ found.basis.T
    assert float(found.values.min()) >= 0
    assert float(torch.linalg.eigvalsh(matrix - approximation).min()) > -1e-12
    assert float((matrix - approximation).norm()) < 1e-3


def test_indefinite_matrices_are_sketched_without_failure():
    matrix, _ = symmetric([100.0, 10.0, -1.0, -2.0, 0.5])
    found = sketch(matrix, 4)
    assert torch.isfinite(found.basis).all()
    assert float(found.values.min()) >= 0
    assert float(found.values.max()) == pytest.approx(100, rel=0.1)


def test_negative_matrices_leave_nothing_to_precondition():
    matrix, _ = symmetric([-1.0, -2.0, -3.0])
    found = sketch(matrix, 2)
    assert len(found.values) == 0
    assert torch.equal(found.precondition(matrix[0], 1.0), matrix[0])


def test_a_matrix_of_zeros_is_no_obstacle():
    found = sketch(torch.zeros(4, 4, dtype=DOUBLE), 2)
    assert found.precondition(torch.ones(4, dtype=DOUBLE), 1.0).tolist() == [1.0, 1.0, 1.0, 1.0]


def test_the_preconditioner_by_hand():
    # U = e1, value 3, damping 1: P^-1 = diag((3 + 1) / (3 + 1), 1) for rank 1; with values 7 and 3 the first entry
    # is (3 + 1) / (7 + 1).
    basis = torch.eye(3, 2, dtype=DOUBLE)
    found = Nystrom(basis, torch.tensor([7.0, 3.0], dtype=DOUBLE))
    assert found.precondition(torch.ones(3, dtype=DOUBLE), 1.0).tolist() == [0.5, 1.0, 1.0]


def test_conjugate_gradients_end_after_as_many_steps_as_there_are_eigenvalues():
    matrix, _ = symmetric([1.0, 1.0, 3.0, 3.0, 9.0])
    right = torch.arange(1.0, 6.0, dtype=DOUBLE)
    x, used = conjugate_gradients(lambda v: matrix @ v, right, lambda v: v, 1e-10, 50)
    assert used == 3
    torch.testing.assert_close(matrix @ x, right, rtol=1e-9, atol=1e-9)


def test_the_preconditioner_saves_products():
    matrix, _ = symmetric([10.0 ** (4 - i) for i in range(10)] + [1e-6] * 40)
    damping, right = 1e-3, torch.ones(50, dtype=DOUBLE)
    found = sketch(matrix, 20)

    def products(precondition):
        x, used = conjugate_gradients(lambda v: matrix @ v + damping * v, right, precondition, 1e-8, 200)
        torch.testing.assert_close(matrix @ x + damping * x, right, rtol=1e-6, atol=1e-6)
        return used

    assert products(lambda v: found.precondition(v, damping)) <= 4
    assert products(lambda v: v) > 15


def test_negative_curvature_ends_the_iteration_with_a_direction_of_descent():
    matrix = torch.diag(torch.tensor([-1.0, 2.0], dtype=DOUBLE))
    right = torch.tensor([1.0, 0.0], dtype=DOUBLE)
    x, used = conjugate_gradients(lambda v: matrix @ v, right, lambda v: v, 1e-10, 50)
    assert used == 1
    assert torch.equal(x, right)
    right = torch.tensor([1.0, 1.0], dtype=DOUBLE)
    x, used = conjugate_gradients(lambda v: matrix @ v, right, lambda v: v, 1e-10, 50)
    # The first length is 2 / (2 - 1) along the right side; the second direction has negative curvature.
    assert used == 2
    assert x.tolist() == [2.0, 2.0]


def test_the_number_of_products_is_bounded():
    matrix, _ = symmetric([2.0**-i for i in range(30)])
    assert conjugate_gradients(lambda v: matrix @ v, matrix[0] + 1, lambda v: v, 1e-14, 4)[1] == 4
