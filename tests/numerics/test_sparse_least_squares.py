"""Least squares by conjugate gradients: against dense solutions, with a start, and when it gives up."""

import numpy as np
import pytest
from scipy.sparse import csr_array, random_array

from pinnlab.errors import SolveFailed
from pinnlab.numerics.sparse_least_squares import least_squares, normal_factor


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    entries = random_array((300, 80), density=0.05, rng=rng)
    identity = csr_array((np.ones(80), (np.arange(80), np.arange(80))), shape=(300, 80))
    return csr_array(entries + identity)


def test_agrees_with_a_dense_solution(rows):
    right = np.random.default_rng(1).standard_normal(300)
    found = least_squares(rows, right, np.zeros(80), lambda b: b, 1e-12, 500)
    exact, rest, *_ = np.linalg.lstsq(rows.toarray(), right, rcond=None)
    np.testing.assert_allclose(found.minimiser, exact, atol=1e-10)
    assert found.misfit == pytest.approx(np.sqrt(rest[0]))
    assert found.reduction <= 1e-12


def test_the_exact_factor_needs_one_iteration(rows):
    right = np.random.default_rng(1).standard_normal(300)
    assert least_squares(rows, right, np.zeros(80), normal_factor(rows), 1e-10, 5).iterations == 1


def test_a_good_start_saves_all_iterations(rows):
    right = np.random.default_rng(1).standard_normal(300)
    first = least_squares(rows, right, np.zeros(80), lambda b: b, 1e-12, 500)
    assert least_squares(rows, right, first.minimiser, lambda b: b, 1e-10, 500).iterations == 0


def test_nothing_to_fit_gives_zero(rows):
    found = least_squares(rows, np.zeros(300), np.zeros(80), lambda b: b, 1e-10, 5)
    assert found.iterations == 0
    assert not found.minimiser.any()


def test_gives_up_after_the_iterations_allowed(rows):
    right = np.random.default_rng(1).standard_normal(300)
    assert least_squares(rows, right, np.zeros(80), lambda b: b, 1e-12, 2) is None


def test_undetermined_values_are_refused():
    with pytest.raises(SolveFailed, match="undetermined"):
        normal_factor(csr_array(np.array([[1.0, 0.0], [2.0, 0.0]])))
