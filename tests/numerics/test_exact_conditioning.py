"""Gaussian weights measured without noise: worked by hand, as a limit, and what cannot be."""

import pytest
import torch

from pinnlab.numerics.exact_conditioning import Contradiction, given_exactly
from pinnlab.numerics.gaussian_weights import GaussianWeights

F64 = torch.float64


def tensor(values):
    return torch.tensor(values, dtype=F64)


def test_two_weights_whose_sum_is_known():
    # Prior N(0, 1) and N(0, 4) with w_1 + w_2 = 5: shares by variance, mean (1, 4); variance 1 - 1/5 = 4/5 of each.
    found = given_exactly(GaussianWeights.prior(tensor([1.0, 2.0])), tensor([[1.0, 1.0]]), tensor([5.0]))
    torch.testing.assert_close(found.mean, tensor([1.0, 4.0]), rtol=1e-14, atol=0)
    covariance = tensor([[0.8, -0.8], [-0.8, 0.8]])
    torch.testing.assert_close(found.covariance(torch.eye(2, dtype=F64)), covariance, rtol=1e-13, atol=0)
    assert found.factor.shape == (2, 1)


def test_it_is_the_limit_of_small_noise():
    rng = torch.Generator().manual_seed(1)
    weights = GaussianWeights(torch.randn(6, generator=rng, dtype=F64), torch.randn(6, 5, generator=rng, dtype=F64))
    rows, values = torch.randn(2, 6, generator=rng, dtype=F64), tensor([0.3, -2.0])
    found = given_exactly(weights, rows, values)
    near = weights.given(rows, values, torch.full((2,), 1e-7, dtype=F64)).weights
    torch.testing.assert_close(found.mean, near.mean, rtol=1e-9, atol=1e-9)
    eye = torch.eye(6, dtype=F64)
    torch.testing.assert_close(found.covariance(eye), near.covariance(eye), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(rows @ found.mean, values, rtol=1e-14, atol=1e-14)


def test_units_of_rows_and_weights_do_not_decide_what_is_known():
    weights = GaussianWeights.prior(tensor([1e-9, 1e9, 1.0]))
    rows = tensor([[1e7, 0.0, 0.0], [0.0, 1e-6, 0.0]])
    found = given_exactly(weights, rows, tensor([0.01, 5e3]))
    torch.testing.assert_close(found.mean, tensor([1e-9, 5e9, 0.0]), rtol=1e-13, atol=0)
    assert float(found.deviation(tensor([[0.0, 0.0, 1.0]]))) == 1.0


def test_what_was_said_twice_is_taken_once():
    prior = GaussianWeights.prior(tensor([1.0, 2.0, 3.0]))
    once = given_exactly(prior, tensor([[1.0, 1.0, 0.0]]), tensor([1.0]))
    twice = given_exactly(once, tensor([[2.0, 2.0, 0.0], [1.0, 1.0, 0.0]]), tensor([2.0, 1.0]))
    torch.testing.assert_close(twice.mean, once.mean, rtol=1e-13, atol=1e-15)
    assert twice.factor.shape == once.factor.shape == (3, 2)


def test_what_contradicts_is_refused_with_its_misfit():
    once = given_exactly(GaussianWeights.prior(tensor([1.0, 2.0])), tensor([[1.0, 1.0]]), tensor([1.0]))
    with pytest.raises(Contradiction, match=r"miss their values by 0\.5"):
        given_exactly(once, tensor([[1.0, 1.0]]), tensor([1.5]))
    with pytest.raises(Contradiction):
        given_exactly(GaussianWeights.prior(tensor([1.0])), tensor([[0.0]]), tensor([1e-3]))
