"""Spectra of exponential solutions: the published covariance, the evidence against its definition, and the search."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
import torch
from scipy.stats import multivariate_normal

from pinnlab import Box, D, Problem, dirichlet, initial, initial_rate
from pinnlab.gps.exponential_family import ExponentialFamily
from pinnlab.gps.spectral_measures import Data, GaussianMeasure, SparseMeasure, best_amplitude, half_ball, log_evidence

CPU = torch.device("cpu")
t, x = sp.symbols("t x", real=True)


def family(order=1):
    u = sp.Function("u")(t, x)
    given = [initial(u, 0)] + [initial_rate(u, 0)] * (order - 1) + [dirichlet(u, 0)]
    problem = Problem("line", [D(u, t, order) - D(u, x, 2)], [u], Box({t: (0, 2), x: (-5, 5)}), given, t)
    return ExponentialFamily.of(problem, CPU)


def test_the_covariance_of_the_heat_equation_is_the_published_one():
    """exp(-(x - x')^2 / (2 s)) / sqrt(s), s = 1 + 2 (t + t'), for a length of one."""
    line = family()
    spectrum = GaussianMeasure(length=1.0, cutoff=8.0).reference(line)
    basis, scales = line.solutions(spectrum.frequencies), line.deviations(spectrum.scales)
    at = torch.tensor([[0.0, -4.0], [0.0, 1.0], [0.3, 2.0], [2.0, -1.5], [1.0, 5.0]], dtype=torch.float64)
    rows = basis.row(at, (0, 0), 0) * scales
    s = 1 + 2 * (at[:, :1] + at[:, 0])
    expected = torch.exp(-((at[:, 1:] - at[:, 1]) ** 2) / (2 * s)) / s.sqrt()
    torch.testing.assert_close(rows @ rows.T, expected, atol=1e-12, rtol=0)
    # By hand: x = -4 and x' = 1 at t = 0, e^{-25 / 2}.
    assert float((rows @ rows.T)[0, 1]) == pytest.approx(math.exp(-12.5), abs=1e-12)


def test_the_evidence_is_the_density_of_a_normal_vector():
    rng = np.random.default_rng(0)
    rows, values, noise = rng.normal(size=(5, 3)), rng.normal(size=5), rng.uniform(0.5, 2, 5)
    expected = multivariate_normal(np.zeros(5), rows @ rows.T + np.diag(noise**2)).logpdf(values)
    scaled = [torch.tensor(a) for a in (rows / noise[:, None], values / noise, noise)]
    assert float(log_evidence(*scaled)) == pytest.approx(expected, abs=1e-12)


def test_the_best_amplitude_beats_its_neighbours():
    rng = np.random.default_rng(1)
    rows = torch.tensor(rng.normal(size=(30, 8)))
    values = 5 * rows @ torch.tensor(rng.normal(size=8)) + torch.tensor(rng.normal(size=30))
    noise = torch.ones(30, dtype=torch.float64)
    amplitude, found = best_amplitude(rows, values, noise, 1.0)
    assert found == pytest.approx(float(log_evidence(amplitude * rows, values, noise)), abs=1e-10)
    for factor in (0.7, 1.4):
        assert float(log_evidence(factor * amplitude * rows, values, noise)) < found
    assert 2 < amplitude < 15


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_points_fill_half_a_ball_evenly(dim):
    points = half_ball(500, dim, 2.0)
    radii = torch.linalg.vector_norm(points, dim=1)
    assert points.shape == (500, dim)
    assert bool((points[:, 0] > 0).all())
    assert float(radii.max()) <= 2
    # Uniform in the volume: a share of 2^-dim lies within half the radius.
    assert float((radii < 1).double().mean()) == pytest.approx(2.0**-dim, abs=0.03)


def draws(line, length, noise=1e-6):
    """Values of a function drawn from the prior of a length."""
    spectrum = GaussianMeasure(length=length).reference(line)
    basis = line.solutions(spectrum.frequencies)
    generator = torch.Generator().manual_seed(4)
    weights = line.deviations(spectrum.scales) * torch.randn(basis.count, dtype=torch.float64, generator=generator)
    at = torch.rand(120, 2, dtype=torch.float64, generator=generator) * torch.tensor([2.0, 10.0]) - torch.tensor(
        [0, 5.0]
    )
    values = basis.row(at, (0, 0), 0) @ weights
    return Data(lambda s: s.row(at, (0, 0), 0), values, torch.full_like(values, noise), 1.0)


def test_the_length_of_a_drawn_function_is_found():
    line = family(order=2)
    found = GaussianMeasure().fitted(line, draws(line, 1.5))
    assert 10 * found.length == pytest.approx(1.5, rel=0.15)


def test_a_given_length_is_kept_and_one_per_coordinate_is_the_same():
    line = family()
    one, each = (GaussianMeasure(length=v).reference(line) for v in (2.0, (7.0, 2.0)))
    torch.testing.assert_close(one.frequencies[0], each.frequencies[0])
    # 100 middles up to 6 standard deviations of 1 / 2, over a box of width 10.
    assert float(one.frequencies[0][-1]) == pytest.approx(5.97 / 2 * 10)
    with pytest.raises(ValueError, match="one for each of 2 coordinates"):
        GaussianMeasure(length=(1.0, 1.0, 1.0)).reference(line)


def test_sparse_frequencies_move_to_those_of_the_data():
    """Two standing waves, with frequencies 3.1 and 8.3 across the box."""
    line = family(order=2)
    at = torch.rand(60, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * torch.tensor([2.0, 10.0])
    at = at - torch.tensor([0, 5.0])
    values = sum(torch.cos(w * at[:, 0] / 10) * torch.cos(w * at[:, 1] / 10 + w) for w in (3.1, 8.3))
    data = Data(lambda s: s.row(at, (0, 0), 0), values, torch.full_like(values, 1e-4), 1.0)
    found = SparseMeasure(count=3, steps=120).fitted(line, data)
    spectrum = torch.cat(found.frequencies).abs().flatten()
    for w in (3.1, 8.3):
        assert float((spectrum - w).abs().min()) < 1e-2
    assert found.inflation < 3


def test_bad_settings_are_refused_in_words():
    for settings in ({"length": 0.0}, {"length": (1.0, -1.0)}, {"count": 0}, {"cutoff": math.inf}):
        with pytest.raises(ValueError, match="GaussianMeasure"):
            GaussianMeasure(**settings)
    with pytest.raises(ValueError, match="SparseMeasure: steps"):
        SparseMeasure(steps=0)
