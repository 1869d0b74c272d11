"""Matrix equations with two terms: residuals, exact splits of tables of coefficients, conditioning."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab.numerics.sylvester import Nearest, Product, TwoTerms


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def well_conditioned(n, seed):
    return torch.eye(n, dtype=torch.float64) + 0.3 * random(n, n, seed=seed) / n**0.5


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_two_terms_are_solved_to_rounding(m, n, seed):
    p, s = well_conditioned(m, seed), well_conditioned(n, seed + 1)
    r, q = well_conditioned(m, seed + 2), well_conditioned(n, seed + 3)
    right = random(m, n, seed=seed + 4)
    x = TwoTerms.of(p, q, r, s).solve(right)
    assert torch.allclose(p @ x @ q.T + r @ x @ s.T, right, atol=1e-10)


def test_a_laplacian_of_two_by_two_is_the_one_worked_out_by_hand():
    # K X + X K' = F with K = diag(1, 2): X_ij = F_ij / (K_i + K_j).
    k, one = torch.diag(torch.tensor([1.0, 2.0], dtype=torch.float64)), torch.eye(2, dtype=torch.float64)
    right = torch.tensor([[2.0, 6.0], [3.0, 8.0]], dtype=torch.float64)
    x = TwoTerms.of(one, k, k, one).solve(right)
    assert torch.allclose(x, torch.tensor([[1.0, 2.0], [1.0, 2.0]], dtype=torch.float64), atol=1e-15)


def test_a_product_is_undone():
    p, q = well_conditioned(4, 1), well_conditioned(3, 2)
    x = random(4, 3)
    assert torch.allclose(Product.of(p, q).solve(p @ x @ q.T), x, atol=1e-12)


def matrices(n, seed):
    """Values, slopes and curvatures, the last the identity as in a basis."""
    return [random(n, n, seed=seed) / n, well_conditioned(n, seed + 1) / 3, torch.eye(n, dtype=torch.float64)]


def applied(table, left, right, x):
    return sum(table[i, j] * a @ x @ b.T for i, a in enumerate(left) for j, b in enumerate(right))


LAPLACE = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
HELMHOLTZ = LAPLACE + np.array([[7.0, 0, 0], [0, 0, 0], [0, 0, 0]])
DRIFT = LAPLACE + np.array([[0.0, 2.0, 0], [-3.0, 0, 0], [0, 0, 0]])
ONE_SIDED = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [2.0, 0.0, 1.0]])


@pytest.mark.parametrize("table", [LAPLACE, HELMHOLTZ, DRIFT, ONE_SIDED], ids=["laplace", "helmholtz", "drift", "one"])
def test_tables_of_rank_two_are_split_exactly(table):
    left, right, x = matrices(7, 3), matrices(5, 9), random(7, 5)
    nearest = Nearest.of(table, left, right, pivot=2)
    assert nearest.is_exact
    assert torch.allclose(nearest.solver.solve(applied(table, left, right, x)), x, atol=1e-8)


def test_a_table_of_rank_three_is_marked_as_not_exact_and_solved_nearly():
    table = LAPLACE + np.array([[0, 0, 0], [0, 0.05, 0], [0, 0, 0]])
    left, right, x = matrices(6, 3), matrices(6, 9), random(6, 6)
    nearest = Nearest.of(table, left, right, pivot=2)
    assert not nearest.is_exact
    off = torch.linalg.vector_norm(nearest.solver.solve(applied(table, left, right, x)) - x)
    assert 1e-8 < float(off) < 0.5 * float(torch.linalg.vector_norm(x))


def test_terms_are_rotated_where_they_come_with_singular_matrices():
    # Left: a circle, whose curvature takes constants to zero; right: a compact solution operator.
    curvature = torch.diag(-(torch.arange(6, dtype=torch.float64) ** 2))
    one = torch.eye(6, dtype=torch.float64)
    compact = torch.diag(-1 / torch.arange(1, 7, dtype=torch.float64) ** 2)
    left, right, x = [one, one, curvature], [compact, compact, one], random(6, 6)
    nearest = Nearest.of(LAPLACE, left, right, pivot=0)
    assert nearest.is_exact
    assert torch.allclose(nearest.solver.solve(applied(LAPLACE, left, right, x)), x, atol=1e-10)


def test_the_condition_tells_singular_equations_from_others():
    one = torch.eye(5, dtype=torch.float64)
    k = torch.diag(-(torch.arange(5, dtype=torch.float64) ** 2))
    assert Nearest.of(LAPLACE, [one, one, k], [one, one, k], pivot=0).condition > 1e14
    shifted = k - one
    assert Nearest.of(LAPLACE, [one, one, shifted], [one, one, shifted], pivot=0).condition < 1e3
