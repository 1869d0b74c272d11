"""Partial Cholesky factors: by hand, against the full factor, and what is left."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab.numerics.pivoted_cholesky import PartialFactor


def semidefinite(n, rank, seed):
    root = torch.randn(n, rank, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return root @ root.T


def factor(matrix, rank, tolerance=0.0):
    return PartialFactor.of(matrix.diagonal(), lambda k: matrix[k], rank, tolerance)


def test_the_first_pivot_of_a_small_matrix_by_hand():
    # The largest diagonal entry is 4: the column is (1, 4) / 2, and 2 - 1/4 is left.
    found = factor(torch.tensor([[2.0, 1.0], [1.0, 4.0]], dtype=torch.float64), 1)
    assert found.pivots.tolist() == [1]
    assert found.factor[:, 0].tolist() == [0.5, 2.0]
    assert found.left == 1.75


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 12), st.integers(0, 99), st.integers(1, 12))
def test_what_is_left_is_not_indefinite_and_has_the_stated_trace(n, seed, rank):
    matrix = semidefinite(n, n, seed)
    found = factor(matrix, rank)
    rest = matrix - found.factor @ found.factor.T
    assert torch.linalg.eigvalsh(rest).min() > -1e-10 * matrix.diagonal().max()
    assert rest.diagonal().sum().item() == pytest.approx(found.left, abs=1e-10 * float(matrix.trace()))
    assert rest[found.pivots].abs().max() < 1e-10 * matrix.diagonal().max()


def test_it_ends_where_the_rank_of_the_matrix_is_reached():
    matrix = semidefinite(20, 4, 3)
    found = factor(matrix, 20, 1e-12)
    assert len(found.pivots) == 4
    assert torch.allclose(found.factor @ found.factor.T, matrix, atol=1e-10)
