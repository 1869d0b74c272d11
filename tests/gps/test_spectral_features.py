"""Products of sines and cosines: their order, and functions carried from some to others."""

import numpy as np
import sympy as sp
import torch

from pinnlab import Box, D, Problem, dirichlet
from pinnlab.gps.spectral_features import SpectralFeatures
from pinnlab.numerics.line_spectrum import LineSpectrum

x, y = sp.symbols("x y", real=True)
u, v = (sp.Function(name)(x, y) for name in "uv")
TWO = Problem(
    name="two", equations=[D(u, x, 2) + D(u, y, 2) - v, D(v, x, 2) + D(v, y, 2)], unknowns=[u, v],
    domain=Box({x: (0, 1), y: (0, 2)}), conditions=[dirichlet(u, 0), dirichlet(v, 0)],
)  # fmt: skip


def spectrum(m, seed, step=1.3):
    generator = torch.Generator().manual_seed(seed)
    variances = 0.1 + torch.rand(m, generator=generator, dtype=torch.float64)
    return LineSpectrum(step * torch.arange(m, dtype=torch.float64), variances)


def test_features_of_unknowns_and_parameters_lie_one_after_the_other():
    lines = (spectrum(2, 0), spectrum(3, 1))
    features = SpectralFeatures(TWO, lines, (1.0, 5.0), parameters=1)
    points = torch.tensor([[0.3, 1.1], [0.9, 0.2]], dtype=torch.float64)
    rows = features.rows(points, (1, 2))
    assert features.shape == (3, 5)
    assert rows.shape == (2, 2, 31)
    one = (lines[0].features(points[:, 0], 1)[:, :, None] * lines[1].features(points[:, 1], 2)[:, None]).reshape(2, 15)
    torch.testing.assert_close(rows[0, :, :15], one)
    torch.testing.assert_close(rows[1, :, 15:30], 5 * one)
    assert not rows[0, :, 15:].any()
    assert not rows[:, :, 30].any()


def test_what_is_carried_is_the_same_function_and_keeps_parameters():
    before = SpectralFeatures(TWO, (spectrum(2, 0), spectrum(4, 1)), (1.0, 0.7), parameters=1)
    after = SpectralFeatures(TWO, (spectrum(5, 2), spectrum(6, 3)), (0.3, 0.11), parameters=1)
    generator = torch.Generator().manual_seed(9)
    weights = torch.randn(before.count, generator=generator, dtype=torch.float64)
    points = torch.rand(8, 2, generator=generator, dtype=torch.float64)
    carried = after.carried(before, weights)
    zero = (0, 0)
    # To rounding: an amplitude in single precision would show.
    np.testing.assert_allclose(after.rows(points, zero) @ carried, before.rows(points, zero) @ weights, rtol=1e-12)
    assert carried[-1] == weights[-1]


def test_a_ratio_of_spectra_is_that_of_the_standard_deviations():
    lines = (spectrum(2, 0), spectrum(3, 1))
    features = SpectralFeatures(TWO, lines, (1.0, 5.0))
    fewer = (spectrum(1, 4), spectrum(3, 5))
    other = SpectralFeatures(TWO, fewer, (1.0, 5.0))
    points = torch.rand(6, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    scaled = features.rows(points, (0, 0)) * features.ratio(fewer)
    for mine, its in zip(scaled, other.rows(points, (0, 0)), strict=True):
        torch.testing.assert_close(mine @ mine.T, its @ its.T)
