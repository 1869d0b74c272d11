"""The amplitude of greatest evidence: hand-worked, and against the density of a normal distribution."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from pinnlab.numerics.gram_evidence import of_greatest_evidence


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


def case(n=6, seed=1):
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(n, n, dtype=torch.float64, generator=generator)
    matrix = root @ root.T + torch.eye(n, dtype=torch.float64)
    return matrix, torch.linalg.cholesky(matrix), torch.randn(n, dtype=torch.float64, generator=generator) * 5


def log_density(values, covariance):
    return MultivariateNormal(torch.zeros_like(values), covariance).log_prob(values).item()


def test_without_noise_the_square_of_the_amplitude_is_the_mean_square_of_whitened_values():
    # H = 4: whitened values 1.5 and 2, so a^2 = (2.25 + 4) / 2.
    found = of_greatest_evidence(2 * torch.eye(2, dtype=torch.float64), numbers(3.0, 4.0), numbers(0.0, 0.0))
    assert found.amplitude == pytest.approx(math.sqrt(3.125), rel=1e-14)
    assert found.log_evidence == pytest.approx(-1 - math.log(2 * math.pi) - math.log(4 * 3.125), rel=1e-14)


def test_one_noisy_value_of_two_with_noise_one_says_that_the_variance_is_three():
    # log N(2; 0, a^2 + 1) is largest where a^2 + 1 = 4.
    found = of_greatest_evidence(torch.eye(1, dtype=torch.float64), numbers(2.0), numbers(1.0))
    assert found.amplitude == pytest.approx(math.sqrt(3), rel=1e-7)
    assert found.triangle.item() == pytest.approx(math.sqrt(1 + 1 / 3), rel=1e-7)


@pytest.mark.parametrize("noisy", [0, 2, 6])
def test_the_evidence_is_the_density_of_the_values_and_no_other_amplitude_has_more(noisy):
    matrix, triangle, values = case()
    noise = torch.cat([torch.zeros(6 - noisy, dtype=torch.float64), torch.linspace(0.5, 2, noisy, dtype=torch.float64)])
    found = of_greatest_evidence(triangle, values, noise)

    def evidence(amplitude):
        return log_density(values, amplitude**2 * matrix + torch.diag(noise.square()))

    assert found.log_evidence == pytest.approx(evidence(found.amplitude), rel=1e-12)
    assert found.log_evidence > max(evidence(found.amplitude * f) for f in (0.5, 0.99, 1.01, 2))
    scaled = found.triangle @ found.triangle.T
    assert torch.allclose(scaled, matrix + torch.diag((noise / found.amplitude).square()), rtol=1e-12)


def test_of_values_that_are_all_zero_nothing_is_learned():
    zero = torch.zeros(2, dtype=torch.float64)
    assert of_greatest_evidence(torch.eye(2, dtype=torch.float64), zero, zero).amplitude == 1
    assert of_greatest_evidence(torch.eye(2, dtype=torch.float64), zero, numbers(0.0, 1.0)).amplitude == 1
