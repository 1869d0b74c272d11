"""Amplitudes and variances of greatest evidence, against densities worked out by hand."""

import math

import pytest
import torch
from scipy.integrate import quad

from pinnlab.gps.weight_evidence import careful_size, maximised, most_likely, profiled
from pinnlab.numerics.gaussian_weights import GaussianWeights
from pinnlab.numerics.line_spectrum import LineSpectrum


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_profiled_evidence_is_the_largest_density_over_amplitudes_up_to_a_constant():
    rows, values = random(9, 4), random(9, seed=1)
    reduced = torch.linalg.qr(torch.column_stack([rows, values]), mode="r").R

    def largest(deviations):
        covariance = (rows * deviations.square()) @ rows.T + torch.eye(9, dtype=torch.float64)
        densities = [
            float(torch.distributions.MultivariateNormal(torch.zeros(9).double(), a * covariance).log_prob(values))
            for a in torch.logspace(-2, 2, 401, dtype=torch.float64)
        ]
        return max(densities)

    one = torch.tensor([1.0, 2.0, 0.3, 0.7], dtype=torch.float64)
    other = torch.tensor([0.1, 0.0, 3.0, 1.0], dtype=torch.float64)
    expected = largest(one) - largest(other)
    assert profiled(reduced, 9, one)[0] - profiled(reduced, 9, other)[0] == pytest.approx(expected, abs=2e-3)


def test_the_misfit_is_that_of_the_posterior_mean():
    rows, values = torch.tensor([[3.0]], dtype=torch.float64), torch.tensor([6.0], dtype=torch.float64)
    reduced = torch.linalg.qr(torch.column_stack([rows, values]), mode="r").R
    # y^2 / (1 + 9 * 4) for a weight of deviation 2.
    assert profiled(reduced, 1, torch.tensor([2.0]).double())[1] == pytest.approx(36 / 37)


def test_evidence_decides_among_spectra_that_fit():
    assert most_likely([(5.0, 10.0), (7.0, 30.0), (99.0, 1e8)]) == 1


def lines(*variances):
    frequencies = torch.arange(len(variances), dtype=torch.float64)
    return LineSpectrum(frequencies, torch.tensor(variances, dtype=torch.float64))


def test_variances_become_mean_squares_of_the_weights_that_share_a_line():
    # Features 1, cos, sin: the line 1 has the mean of the last two; variances are 0.5 * 2 and 0.5 * 6, then sum to 1.
    (found,) = maximised([lines(0.5, 0.5)], torch.tensor([2.0, 4.0, 8.0], dtype=torch.float64))
    torch.testing.assert_close(found.variances, torch.tensor([0.25, 0.75], dtype=torch.float64))


def test_variances_of_products_are_found_one_coordinate_after_the_other():
    # Two lines of frequency not zero each: features cos, cos, sin, sin.  Mean squares that are products stay products.
    one, other = torch.tensor([1.0, 9.0] * 2).double(), torch.tensor([2.0, 6.0] * 2).double()
    spectra = [LineSpectrum(torch.tensor([1.0, 2.0]).double(), torch.tensor([0.5, 0.5]).double()) for _ in range(2)]
    first, second = maximised(spectra, one[:, None] * other)
    torch.testing.assert_close(first.variances, torch.tensor([0.1, 0.9]).double())
    torch.testing.assert_close(second.variances, torch.tensor([0.25, 0.75]).double())


def one_weight(value):
    """A weight of spread one, seen once with noise 0.1."""
    prior = GaussianWeights.prior(torch.ones(1).double())
    return careful_size(prior, torch.ones(1, 1).double(), torch.tensor([value]).double(), torch.tensor([0.1]).double())


def test_the_size_of_a_weight_is_rarely_exceeded_and_never_nothing():
    # With s = 10 and r = 10 v: the density of log a is that of v under N(0, a^2 + 0.01), times that of log a under
    # N(0, log(10)^2).
    def density(log, value):
        spread = 1 + 100 * math.exp(2 * log)
        return math.exp(-50 * value**2 / spread - log**2 / (2 * math.log(10) ** 2)) / math.sqrt(spread)

    for value in (0.0, 3.0, 40.0):
        found, ends = math.log(one_weight(value)), (-math.log(1e3), math.log(1e3))
        below, whole = (quad(density, ends[0], end, args=(value,), limit=200)[0] for end in (found, ends[1]))
        assert below / whole == pytest.approx(0.84, abs=0.01)
    assert one_weight(0.0) > 0.01
