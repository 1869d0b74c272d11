"""Line spectra: covariances, features and quadratures of spectral densities."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab.numerics.kernels import Matern, SpectralMixture, SquaredExponential
from pinnlab.numerics.line_spectrum import LineSpectrum


def points(n, seed=0):
    return torch.as_tensor(np.random.default_rng(seed).random(n))


def test_two_lines_by_hand():
    spectrum = LineSpectrum(
        torch.tensor([0.0, 2.0], dtype=torch.float64), torch.tensor([3.0, 0.5], dtype=torch.float64)
    )
    z = torch.tensor([0.25], dtype=torch.float64)
    assert float(spectrum.covariance(z)) == pytest.approx(3 + 0.5 * math.cos(0.5), rel=1e-14)
    assert float(spectrum.covariance(z, 1)) == pytest.approx(-0.5 * 2 * math.sin(0.5), rel=1e-14)
    assert float(spectrum.covariance(z, 4)) == pytest.approx(0.5 * 16 * math.cos(0.5), rel=1e-14)
    # The constant has no sine.
    assert spectrum.features(z).shape == (1, 3)
    assert spectrum.line.tolist() == [0, 1, 1]


@settings(deadline=None)
@given(st.integers(0, 4), st.integers(0, 4))
def test_features_have_the_covariance_of_derivatives(a, b):
    spectrum = LineSpectrum.harmonics(-1.0, 3.0, 9.0)
    x, y = points(4, 1), points(5, 2)
    expected = (-1) ** b * spectrum.covariance(x[:, None] - y, a + b)
    torch.testing.assert_close(
        spectrum.features(x, a) @ spectrum.features(y, b).T, expected, rtol=1e-10, atol=1e-13 * 9.0 ** (a + b) * 1000
    )


def test_harmonics_reach_the_largest_frequency_and_repeat_after_one_and_a_half_lengths():
    spectrum = LineSpectrum.harmonics(0.0, 2.0, 10.0)
    assert float(spectrum.frequencies[-1]) >= 10 > float(spectrum.frequencies[-2])
    assert float(spectrum.frequencies[1]) == pytest.approx(2 * math.pi / 3)


def test_periodic_harmonics_repeat_with_the_interval():
    spectrum = LineSpectrum.harmonics(0.0, 2.0, 10.0, periodic=True)
    ends = spectrum.features(torch.tensor([0.0, 2.0], dtype=torch.float64), 1)
    torch.testing.assert_close(ends[0], ends[1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("length", [0.1, 0.7, 3.0])
def test_a_squared_exponential_is_represented_by_few_lines(length):
    kernel = SquaredExponential(length)
    spectrum = LineSpectrum.of(kernel, 0.0, 1.0, 1e-12)
    z = torch.linspace(-1, 1, 41, dtype=torch.float64)
    for order in (0, 2, 4):
        size = length**-order
        torch.testing.assert_close(
            spectrum.covariance(z, order) / size, kernel.covariance(z, order) / size, rtol=0, atol=1e-11 * 10**order
        )
    assert len(spectrum.frequencies) < 20 / length + 60


@pytest.mark.parametrize(("frequency", "length"), [(628.0, 1.0), (50.0, 0.2)])
def test_a_bump_far_from_the_frequency_zero_is_represented(frequency, length):
    kernel = SpectralMixture((1.0,), (frequency,), (length,))
    spectrum = LineSpectrum.of(kernel, 0.0, 1.0, 1e-14)
    z = torch.linspace(-1, 1, 41, dtype=torch.float64)
    torch.testing.assert_close(spectrum.covariance(z), kernel.covariance(z), rtol=0, atol=1e-12)


def test_a_bump_between_the_harmonics_of_a_circle_is_refused():
    between = SpectralMixture((1.0,), (3.5 * math.pi,), (50.0,))
    with pytest.raises(ValueError, match="between its harmonics"):
        LineSpectrum.of(between, 0.0, 1.0, 1e-14, periodic=True)


def test_a_rough_kernel_is_refused_with_a_way_out():
    with pytest.raises(ValueError, match="Dense"):
        LineSpectrum.of(Matern(0.1, smoothness=1.5), 0.0, 1.0, 1e-14)


def test_lines_have_no_density():
    with pytest.raises(ValueError, match="variances"):
        LineSpectrum.harmonics(0.0, 1.0, 5.0).density(torch.ones(1))
