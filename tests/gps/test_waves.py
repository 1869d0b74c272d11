"""Functions drawn from a prior: their spectra and covariances."""

from __future__ import annotations

import math

import pytest
import torch

from pinnlab.gps.waves import PriorDraws
from pinnlab.numerics.derivative_gram import Functionals, ProductKernel, Term
from pinnlab.numerics.kernels import Matern, SpectralMixture, SquaredExponential
from pinnlab.numerics.line_spectrum import LineSpectrum

LINES = LineSpectrum(torch.tensor([1.0, 3.0], dtype=torch.float64), torch.tensor([0.25, 0.75], dtype=torch.float64))


@pytest.mark.parametrize(
    "kernel", [SquaredExponential(0.5), Matern(0.8, 3.5), SpectralMixture((1.0,), (9.0,), (0.7,)), LINES], ids=str
)
def test_the_covariance_of_draws_and_their_slopes_is_the_kernel(kernel):
    prior = ProductKernel((kernel, SquaredExponential(1.0)), (2.0,))
    points = torch.tensor([[0.0, 0.1], [0.3, 0.5], [0.9, 0.2]], dtype=torch.float64)
    one = torch.ones(3, dtype=torch.float64)
    at = Functionals(points, (Term(0, (0, 0), one), Term(0, (1, 0), 0.1 * one)))
    count = 500
    drawn = PriorDraws.of(prior, count, torch.Generator().manual_seed(0), torch.device("cpu")).measured(at)
    exact = prior.covariance(at, at)
    assert torch.allclose(drawn @ drawn.T / count, exact, atol=5 / math.sqrt(count) * float(exact.max()))
    assert drawn.mean(dim=1).abs().max() < 5 * math.sqrt(float(exact.max()) / count)


def test_frequencies_of_a_product_are_independent_with_either_sign():
    prior = ProductKernel((SquaredExponential(1.0), SquaredExponential(1.0)), (1.0,))
    draws = PriorDraws.of(prior, 50, torch.Generator().manual_seed(1), torch.device("cpu"))
    omega = draws.frequencies.reshape(-1, 2)
    assert torch.allclose(torch.cov(omega.T), torch.eye(2, dtype=torch.float64), atol=0.03)


def test_draws_are_those_of_the_generator():
    prior = ProductKernel((Matern(1.0),), (1.0,))
    at = Functionals(torch.zeros(1, 1, dtype=torch.float64), (Term(0, (0,), torch.ones(1, dtype=torch.float64)),))
    values = [
        PriorDraws.of(prior, 2, torch.Generator().manual_seed(s), torch.device("cpu")).measured(at) for s in (0, 0, 1)
    ]
    assert torch.equal(values[0], values[1])
    assert not torch.allclose(values[0], values[2])
