"""Kernels: hand-worked values, derivatives and spectra against high precision, and what they refuse."""

from __future__ import annotations

import math

import mpmath
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab.numerics.kernels import MATERN, Matern, SpectralMixture, SquaredExponential, StudentMixture

MIXED = ((0.5, 0.3, 0.2), (0.0, 3.0, 7.5), (0.6, 1.1, 2.0))
SMOOTH = [SquaredExponential(0.7), SpectralMixture(*MIXED)]
ROUGH = [*(Matern(0.7, nu) for nu in MATERN), *(StudentMixture(*MIXED, smoothness=nu) for nu in (2.5, 4.5))]


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


def precise(kernel, z):
    """k(z) of z > 0 by its textbook formula, the Bessel function included, in mpmath's numbers."""
    if isinstance(kernel, SquaredExponential):
        return mpmath.exp(-((z / kernel.length) ** 2) / 2)
    if isinstance(kernel, Matern):
        nu = mpmath.mpf(kernel.smoothness)
        y = mpmath.sqrt(2 * nu) * z / kernel.length
        return 2 ** (1 - nu) / mpmath.gamma(nu) * y**nu * mpmath.besselk(nu, y)
    parts = zip(kernel.weights, kernel.frequencies, kernel.lengths, strict=True)
    return sum(w * precise(kernel.envelope(l), z) * mpmath.cos(f * z) for w, f, l in parts)


def test_a_squared_exponential_and_its_derivatives_have_their_hand_worked_values():
    # l = 2, z = 1: k = e^(-1/8); k' = -z/l^2 k = -k/4; k'' = (z^2/l^4 - 1/l^2) k = -3/16 k; k'''' (0) = 3/l^4.
    kernel, gauss = SquaredExponential(2.0), math.exp(-1 / 8)
    for order, expected in enumerate([gauss, -gauss / 4, -3 / 16 * gauss]):
        assert kernel.covariance(numbers(1.0), order).item() == pytest.approx(expected, rel=1e-15)
    assert kernel.covariance(numbers(0.0), 4).item() == pytest.approx(3 / 16, rel=1e-15)


def test_matern_five_halves_and_its_derivatives_have_their_hand_worked_values():
    # With a = sqrt 5 / l: k = (1 + y + y^2/3) e^-y, k'(0) = 0, k''(0) = -a^2/3, k'''(0) = 0, k''''(0) = a^4.
    kernel, a = Matern(0.5), math.sqrt(5) / 0.5
    y = a * 0.3
    assert kernel.covariance(numbers(0.3)).item() == pytest.approx((1 + y + y * y / 3) * math.exp(-y), rel=1e-14)
    at_zero = [kernel.covariance(numbers(0.0), n).item() for n in range(5)]
    assert at_zero == pytest.approx([1, 0, -a * a / 3, 0, a**4], rel=1e-14)
    # k' = -a^2 z (1 + y) e^-y / 3 is odd.
    slope = -a * a * 0.3 * (1 + y) * math.exp(-y) / 3
    assert kernel.covariance(numbers(0.3, -0.3), 1).tolist() == pytest.approx([slope, -slope], rel=1e-14)


@pytest.mark.parametrize("kernel", [*SMOOTH, *ROUGH], ids=str)
def test_derivatives_agree_with_high_precision(kernel):
    places = (0.013, 0.4, 1.7)
    with mpmath.workdps(60):
        for order in range(int(min(2 * kernel.derivatives, 10)) + 1):
            got = kernel.covariance(numbers(*places), order).tolist()
            expected = [float(mpmath.diff(lambda z: precise(kernel, z), mpmath.mpf(z), order)) for z in places]
            size = kernel.covariance(torch.linspace(-2, 2, 401, dtype=torch.float64), order).abs().max().item()
            assert got == pytest.approx(expected, rel=1e-9, abs=3e-13 * size), order


@pytest.mark.parametrize("kernel", [*SMOOTH, *ROUGH], ids=str)
def test_odd_derivatives_are_odd_and_even_ones_are_even(kernel):
    z = torch.linspace(0, 3, 31, dtype=torch.float64)
    for order in range(int(min(2 * kernel.derivatives, 8)) + 1):
        there, back = kernel.covariance(z, order), kernel.covariance(-z, order)
        assert torch.allclose(back, (-1) ** order * there, rtol=1e-13, atol=1e-13 * there.abs().max().item())


@pytest.mark.parametrize("kernel", [*SMOOTH, *ROUGH], ids=str)
def test_the_spectral_density_integrates_to_the_covariance(kernel):
    # omega = tan(s) takes the line to an interval; the densities fall like omega^-4 or faster.
    s = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000 * (math.pi / 2)
    omega = torch.tan(s) * 5
    weight = 2 * 5 / torch.cos(s).square() * (math.pi / 2 / 200_000) * kernel.density(omega)
    for z in (0.0, 0.3, 1.1):
        assert (weight * torch.cos(omega * z)).sum().item() == pytest.approx(
            kernel.covariance(numbers(z)).item(), abs=2e-7
        )


def test_a_spectral_mixture_is_the_sum_of_its_waves_and_has_variance_one():
    kernel = SpectralMixture((3.0, 1.0), (2.0, 5.0), (1.0, 0.5))
    # z = 0.5: 3/4 e^(-1/8) cos 1 + 1/4 e^(-1/2) cos 2.5.
    expected = 0.75 * math.exp(-0.125) * math.cos(1) + 0.25 * math.exp(-0.5) * math.cos(2.5)
    assert kernel.covariance(numbers(0.5, 0.0)).tolist() == pytest.approx([expected, 1.0], rel=1e-14)
    assert kernel.weights == (0.75, 0.25)


def test_the_spectrum_of_a_student_mixture_is_that_of_student_densities():
    # One component with nu = 5/2, l = 1: Student's t with 5 degrees of freedom, half at each sign, around omega = 4.
    kernel = StudentMixture((1.0,), (4.0,), (1.0,))

    def student(t):
        return 8 / (3 * math.pi * math.sqrt(5)) * (1 + t * t / 5) ** -3

    assert kernel.density(numbers(4.5)).item() == pytest.approx((student(0.5) + student(8.5)) / 2, rel=1e-13)


def test_mean_square_derivatives_are_those_of_theory():
    assert [Matern(1.0, nu).derivatives for nu in MATERN] == [1, 2, 3, 4, 5, 6]
    assert StudentMixture((1.0,), (1.0,), (1.0,), smoothness=3.5).derivatives == 3
    assert SquaredExponential(1.0).derivatives == SpectralMixture((1.0,), (1.0,), (1.0,)).derivatives == math.inf


def test_a_high_order_of_a_smooth_kernel_is_finite_and_right():
    # d^20/dz^20 exp(-z^2/2) at 0 is 20! / (2^10 10!) = 654729075.
    assert SquaredExponential(1.0).covariance(numbers(0.0), 20).item() == pytest.approx(654729075, rel=1e-14)


@settings(max_examples=60, deadline=None)
@given(
    kernel=st.one_of(
        st.builds(SquaredExponential, st.floats(0.1, 3)),
        st.builds(Matern, st.floats(0.1, 3), st.sampled_from(MATERN)),
        st.builds(
            SpectralMixture, st.just((1.0, 2.0)), st.tuples(st.floats(0, 9), st.floats(0, 9)), st.just((0.5, 1.0))
        ),
        st.builds(
            StudentMixture, st.just((1.0, 2.0)), st.tuples(st.floats(0, 9), st.floats(0, 9)), st.just((0.5, 1.0))
        ),
    ),
    places=st.lists(st.floats(-2, 2), min_size=1, max_size=8),
)
def test_covariances_of_values_and_derivatives_are_never_indefinite(kernel, places):
    x = numbers(*places)
    z = x[:, None] - x
    top = int(min(kernel.derivatives, 3))
    blocks = [[(-1) ** b * kernel.covariance(z, a + b) for b in range(top + 1)] for a in range(top + 1)]
    gram = torch.cat([torch.cat(row, dim=1) for row in blocks])
    scale = gram.diagonal().sqrt()
    scaled = gram / scale[:, None] / scale
    assert torch.allclose(scaled, scaled.T, atol=1e-12)
    assert torch.linalg.eigvalsh(scaled).min() > -1e-11


@pytest.mark.parametrize("kernel", [Matern(1.0), StudentMixture((1.0,), (1.0,), (1.0,))], ids=str)
def test_more_derivatives_than_a_covariance_has_are_refused(kernel):
    kernel.covariance(numbers(0.1), 4)
    with pytest.raises(ValueError, match=r"has 4 continuous derivatives, not 5; take a smoother kernel"):
        kernel.covariance(numbers(0.1), 5)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SquaredExponential(0.0), "length = 0.0; give a positive number"),
        (lambda: Matern(math.nan), "length = nan"),
        (lambda: Matern(1.0, 2.0), "smoothness = 2.0; give one of 1.5, 2.5"),
        (lambda: StudentMixture((1.0,), (1.0,), (1.0,), 3), "smoothness = 3; give one of"),
        (lambda: SpectralMixture((1.0,), (1.0, 2.0), (1.0,)), "1 weights, 2 frequencies, 1 lengths"),
        (lambda: SpectralMixture((), (), ()), "0 weights"),
        (lambda: SpectralMixture((0.0,), (1.0,), (1.0,)), "one weight not zero"),
        (lambda: SpectralMixture((1.0,), (-1.0,), (1.0,)), "not negative"),
        (lambda: SpectralMixture((1.0,), (1.0,), (0.0,)), r"lengths = \(0.0,\); give positive numbers"),
    ],
)
def test_bad_settings_are_refused_with_a_way_out(make, words):
    with pytest.raises(ValueError, match=words):
        make()
