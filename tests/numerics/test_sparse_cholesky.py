"""Sparse inverse factors: against dense ones, by hand for a Markov process, against Hermite data, and refusals."""

import numpy as np
import pytest
import torch

from pinnlab.errors import SolveFailed
from pinnlab.numerics.coarse_to_fine import coarse_to_fine, earlier_neighbours
from pinnlab.numerics.kernels import Matern, SquaredExponential
from pinnlab.numerics.line_spectrum import LineSpectrum
from pinnlab.numerics.sparse_cholesky import ProductCovariance, conditionals, inverse_factor

PLANE = ProductCovariance((Matern(0.4, 2.5), Matern(0.7, 2.5)))


def scattered(n, seed=0):
    points = np.random.default_rng(seed).random((n, 2))
    return points[coarse_to_fine(points)]


def test_with_all_earlier_points_the_factor_is_exact():
    points = torch.as_tensor(scattered(60))
    upper = inverse_factor(points, earlier_neighbours(points.numpy(), 59), PLANE).toarray().T
    gram = PLANE.between(points, points, (0, 0), (0, 0)).numpy()
    np.testing.assert_allclose(upper.T @ gram @ upper, np.eye(60), atol=1e-6)
    assert np.allclose(upper, np.triu(upper))


def test_two_points_by_hand():
    """Correlation r: the second value less r times the first has variance 1 - r^2."""
    points = torch.tensor([[0.0, 0.0], [0.3, 0.0]], dtype=torch.float64)
    r = float(PLANE.kernels[0].covariance(torch.tensor([0.3], dtype=torch.float64)))
    rows = inverse_factor(points, np.array([[-1], [0]]), PLANE).toarray()
    s = np.sqrt(1 - r**2)
    np.testing.assert_allclose(rows, [[1, 0], [-r / s, 1 / s]], rtol=1e-10)


def test_divergence_falls_with_the_number_of_neighbours():
    """KL divergence up to a constant: -sum log of the diagonal, as the trace is n (Theorem 2.1 of the source)."""
    points = scattered(300)
    gram = PLANE.between(*[torch.as_tensor(points)] * 2, (0, 0), (0, 0)).numpy()
    exact = np.linalg.slogdet(gram)[1] / 2
    divergences = []
    for m in (5, 15, 45):
        rows = inverse_factor(torch.as_tensor(points), earlier_neighbours(points, m), PLANE)
        assert np.trace(rows @ gram @ rows.T) == pytest.approx(300, rel=1e-6)
        divergences.append(-np.log(rows.diagonal()).sum() - exact)
    assert divergences[0] > 2 * divergences[1] > 4 * divergences[2] > -1e-3


def test_derivatives_are_conditioned_as_by_a_dense_solve():
    points, at = torch.as_tensor(scattered(12)), torch.tensor([[0.4, 0.6]], dtype=torch.float64)
    orders, near = [(1, 0), (0, 2)], np.arange(12)[None]
    found = conditionals(points, near, at, orders, PLANE)
    gram = PLANE.between(points, points, (0, 0), (0, 0))
    cross = torch.cat([PLANE.between(at, points, a, (0, 0)) for a in orders])
    own = torch.cat([torch.cat([PLANE.between(at, at, a, b) for b in orders], dim=1) for a in orders])
    np.testing.assert_allclose(found.weights[0], torch.linalg.solve(gram, cross.T).T, rtol=1e-6, atol=1e-6)
    left = own - cross @ torch.linalg.solve(gram, cross.T)
    np.testing.assert_allclose(found.factor[0] @ found.factor[0].T, left, atol=1e-8 * float(own.max()))


def test_weights_differentiate_a_smooth_function():
    points = scattered(2000)
    middle = np.flatnonzero((np.abs(points - 0.5) < 0.3).all(axis=1))[:5]
    near = np.argsort(((points[middle, None] - points) ** 2).sum(axis=2), axis=1)[:, :45]
    smooth = ProductCovariance((Matern(0.4, 4.5),) * 2)
    there = torch.as_tensor(points[middle])
    weights = conditionals(torch.as_tensor(points), near, there, [(2, 0)], smooth).weights[:, 0]
    values = np.sin(3 * points[:, 0]) * np.cos(2 * points[:, 1])
    np.testing.assert_allclose((weights * values[near]).sum(axis=1), -9 * values[middle], atol=2e-3)


def test_missing_neighbours_have_no_weight():
    points = torch.as_tensor(scattered(5))
    with_gap = conditionals(points, np.array([[0, -1, 2]]), points[3:4], [(0, 0)], PLANE)
    without = conditionals(points, np.array([[0, 2]]), points[3:4], [(0, 0)], PLANE)
    np.testing.assert_allclose(with_gap.weights[0, 0, [0, 2]], without.weights[0, 0], rtol=1e-10)
    assert with_gap.weights[0, 0, 1] == 0
    np.testing.assert_allclose(with_gap.factor, without.factor, rtol=1e-9)


def test_more_jitter_where_a_smooth_kernel_needs_it():
    points = torch.linspace(0, 1, 40, dtype=torch.float64)[:, None]
    smooth = ProductCovariance((SquaredExponential(1.0),))
    found = conditionals(points, np.arange(40)[None], torch.tensor([[0.51]], dtype=torch.float64), [(0,)], smooth)
    assert np.isfinite(found.weights).all()
    assert found.weights.sum() == pytest.approx(1, abs=1e-4)


def test_says_how_much_jitter_was_tried():
    """Two lines of weight 1 and -1/2 are no covariance, at any jitter."""
    wrong = LineSpectrum(torch.tensor([0.0, 3.0]).double(), torch.tensor([1.5, -0.5]).double())
    points = torch.linspace(0, 1, 6, dtype=torch.float64)[:, None]
    with pytest.raises(SolveFailed, match="1e-08 added"):
        inverse_factor(points, earlier_neighbours(points.numpy(), 5), ProductCovariance((wrong,)))


def test_lengths_are_those_of_the_curvature():
    """Matern 5/2: k = (1 + y + y^2/3) exp(-y), k''(0) = -5 / (3 l^2)."""
    np.testing.assert_allclose(PLANE.lengths(), np.array([0.4, 0.7]) * np.sqrt(3 / 5))


def test_no_kernels_are_refused():
    with pytest.raises(ValueError, match="one for each coordinate"):
        ProductCovariance(()).between(torch.zeros(1, 0), torch.zeros(1, 0), (), ())
