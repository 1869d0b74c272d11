"""Gaussian weights: posteriors and evidences worked by hand, and in function space."""

import math

import pytest
import torch

from pinnlab.numerics.gaussian_weights import GaussianWeights

F64 = torch.float64


def tensor(values):
    return torch.tensor(values, dtype=F64)


def test_one_weight_measured_once_is_the_precision_weighted_mean():
    # Prior N(0, 4), measurement 3 w = 6 with deviation 1/2: precision 1/4 + 36 = 36.25, mean 36.25^-1 * 3 * 6 * 4.
    found = GaussianWeights.prior(tensor([2.0])).given(tensor([[3.0]]), tensor([6.0]), tensor([0.5]))
    assert float(found.weights.mean) == pytest.approx(72 / 36.25, rel=1e-14)
    assert float(found.weights.deviation(tensor([[1.0]]))) == pytest.approx(36.25**-0.5, rel=1e-14)
    variance = 9 * 4 + 0.25
    by_hand = -36 / (2 * variance) - 0.5 * math.log(2 * math.pi * variance)
    assert found.log_evidence == pytest.approx(by_hand, rel=1e-13)
    assert found.misfit == pytest.approx(36 / variance, rel=1e-13)


def test_weight_space_and_function_space_agree():
    rng = torch.Generator().manual_seed(0)
    rows, scales = torch.randn(7, 4, generator=rng, dtype=F64), tensor([1.0, 2.0, 0.5, 0.1])
    values, noise = torch.randn(7, generator=rng, dtype=F64), torch.linspace(0.1, 0.7, 7, dtype=F64)
    found = GaussianWeights.prior(scales).given(rows, values, noise)
    gram = rows @ torch.diag(scales**2) @ rows.T + torch.diag(noise**2)
    cross = torch.diag(scales**2) @ rows.T
    torch.testing.assert_close(found.weights.mean, cross @ torch.linalg.solve(gram, values), rtol=1e-11, atol=1e-13)
    covariance = torch.diag(scales**2) - cross @ torch.linalg.solve(gram, cross.T)
    torch.testing.assert_close(found.weights.covariance(torch.eye(4, dtype=F64)), covariance, rtol=1e-10, atol=1e-13)
    density = torch.distributions.MultivariateNormal(torch.zeros(7, dtype=F64), gram).log_prob(values)
    assert found.log_evidence == pytest.approx(float(density), rel=1e-11)


def test_measurements_one_after_the_other_are_measurements_at_once():
    rng = torch.Generator().manual_seed(1)
    rows, values = torch.randn(6, 3, generator=rng, dtype=F64), torch.randn(6, generator=rng, dtype=F64)
    noise = torch.full((6,), 0.2, dtype=F64)
    prior = GaussianWeights.prior(tensor([1.0, 1.0, 3.0]))
    once = prior.given(rows, values, noise)
    first = prior.given(rows[:2], values[:2], noise[:2])
    second = first.weights.given(rows[2:], values[2:], noise[2:])
    torch.testing.assert_close(second.weights.mean, once.weights.mean, rtol=1e-11, atol=1e-12)
    assert first.log_evidence + second.log_evidence == pytest.approx(once.log_evidence, rel=1e-11)


def test_measurements_with_next_to_no_noise_are_met_beside_loose_ones():
    rows = tensor([[1.0, 1.0], [1.0, -1.0], [1.0, 0.0]])
    found = GaussianWeights.prior(tensor([1.0, 1.0])).given(rows, tensor([2.0, 0.3, 5.0]), tensor([1e-12, 1e3, 1e3]))
    assert float(rows[0] @ found.weights.mean) == pytest.approx(2.0, abs=1e-11)


def test_samples_have_the_mean_and_the_covariance():
    weights = GaussianWeights(tensor([1.0, -1.0]), tensor([[1.0, 0.0], [0.5, 0.2]]))
    drawn = weights.samples(20_000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn.mean(dim=0), weights.mean, atol=0.03, rtol=0)
    torch.testing.assert_close(torch.cov(drawn.T), weights.factor @ weights.factor.T, atol=0.03, rtol=0)


def test_fewer_measurements_than_weights_leave_the_other_directions_as_they_were():
    rng = torch.Generator().manual_seed(2)
    rows, values = torch.randn(3, 8, generator=rng, dtype=F64), torch.randn(3, generator=rng, dtype=F64)
    noise, scales = tensor([0.1, 0.2, 0.3]), torch.linspace(0.5, 2, 8, dtype=F64)
    found = GaussianWeights.prior(scales).given(rows, values, noise)
    precision = torch.diag(scales**-2) + rows.T @ torch.diag(noise**-2) @ rows
    identity = torch.eye(8, dtype=F64)
    torch.testing.assert_close(found.weights.covariance(identity), torch.linalg.inv(precision), rtol=1e-11, atol=1e-13)
    told_mean = torch.linalg.solve(precision, rows.T @ (values / noise**2))
    torch.testing.assert_close(found.weights.mean, told_mean, rtol=1e-11, atol=1e-13)
    unseen = torch.linalg.svd(scales[:, None] * rows.T, full_matrices=True).U[:, 3:].T / scales
    torch.testing.assert_close(found.weights.deviation(unseen), torch.ones(5, dtype=F64), rtol=1e-12, atol=0.0)
