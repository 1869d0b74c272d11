"""Covariances of linear functionals: hand-worked, against weight space, and in chunks."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab.numerics import derivative_gram
from pinnlab.numerics.derivative_gram import Functionals, ProductKernel, Term
from pinnlab.numerics.kernels import Matern, SquaredExponential
from pinnlab.numerics.line_spectrum import LineSpectrum


def random(*shape, seed=0):
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def laplacian_plus_value(points, coefficient):
    one = torch.ones(len(points), dtype=torch.float64)
    return Functionals(points, (Term(0, (2, 0), one), Term(0, (0, 2), one), Term(0, (0, 0), coefficient)))


def lines():
    frequencies = torch.tensor([0.0, 1.0, 2.5], dtype=torch.float64)
    return LineSpectrum(frequencies, torch.tensor([0.3, 1.0, 0.5], dtype=torch.float64))


def features(kernels, functionals, amplitudes, unknown):
    """Rows of features of one process: functionals of products of waves."""
    total = 0.0
    for term in functionals.terms:
        if term.unknown == unknown:
            left, right = (k.features(functionals.points[:, c], term.orders[c]) for c, k in enumerate(kernels))
            rows = (left[:, :, None] * right[:, None]).reshape(len(functionals), -1)
            total = total + amplitudes[unknown] * term.coefficient[:, None] * rows
    return total


def test_the_variance_of_the_laplacian_of_a_squared_exponential_is_eight_over_l_to_the_fourth():
    # l = 1/2: E u_xx^2 = 3/l^4, E u_xx u_yy = 1/l^4, so E (u_xx + u_yy)^2 = (3 + 3 + 2) / l^4 = 128.
    kernel = ProductKernel((SquaredExponential(0.5), SquaredExponential(0.5)), (1.0,))
    at = laplacian_plus_value(random(3, 2), torch.zeros(3, dtype=torch.float64))
    assert kernel.variance(at).tolist() == pytest.approx([128.0] * 3, rel=1e-14)


def test_the_covariance_of_a_slope_with_a_value_has_the_sign_of_the_side_it_is_on():
    # k = e^(-z^2/2): cov(u'(x), u(y)) = k'(x - y) = -(x - y) k; cov(u(x), u'(y)) = +(x - y) k.
    kernel = ProductKernel((SquaredExponential(1.0),), (2.0,))
    one = torch.ones(1, dtype=torch.float64)
    slope = Functionals(torch.tensor([[0.5]], dtype=torch.float64), (Term(0, (1,), one),))
    value = Functionals(torch.tensor([[0.2]], dtype=torch.float64), (Term(0, (0,), one),))
    expected = 4 * 0.3 * math.exp(-0.045)
    assert kernel.covariance(slope, value).item() == pytest.approx(-expected, rel=1e-14)
    assert kernel.covariance(value, slope).item() == pytest.approx(-expected, rel=1e-14)
    there = Functionals(slope.points, value.terms)
    assert kernel.covariance(there, Functionals(value.points, slope.terms)).item() == pytest.approx(expected, rel=1e-14)


def test_covariances_are_those_of_weight_space_and_processes_are_independent():
    kernels, amplitudes = (lines(), lines()), (2.0, 0.5)
    c = random(6, seed=1)
    mixed = Functionals(random(6, 2), (Term(0, (2, 1), c), Term(1, (0, 1), c + 1), Term(0, (0, 0), c - 2)))
    plain = Functionals(random(4, 2, seed=2), (Term(1, (1, 0), random(4)), Term(0, (0, 3), random(4, seed=5))))
    expected = sum(features(kernels, mixed, amplitudes, i) @ features(kernels, plain, amplitudes, i).T for i in (0, 1))
    prior = ProductKernel(kernels, amplitudes)
    assert torch.allclose(prior.covariance(mixed, plain), expected, rtol=1e-12, atol=1e-12)
    assert torch.allclose(prior.variance(mixed), prior.covariance(mixed, mixed).diagonal(), rtol=1e-12)


def test_sums_of_covariance_functions_and_their_derivatives_are_the_products_with_the_matrix():
    prior = ProductKernel((Matern(0.4, 3.5), SquaredExponential(0.6)), (1.5, 1.0))
    weights = random(9, seed=3) - 0.5
    right = laplacian_plus_value(random(9, 2), weights)
    jets, points = [(0, (0, 0)), (0, (1, 1)), (1, (0, 0))], random(5, 2, seed=4)
    found = prior.jets(points, jets, right)
    for values, (unknown, orders) in zip(found, jets, strict=True):
        left = Functionals(points, (Term(unknown, orders, torch.ones(5, dtype=torch.float64)),))
        assert torch.allclose(values, prior.covariance(left, right).sum(dim=1), rtol=1e-12, atol=1e-12)
    assert not found[2].any()


def test_chunks_and_tables_of_repeated_coordinates_change_nothing(monkeypatch):
    prior = ProductKernel((Matern(0.4, 2.5), SquaredExponential(0.6)), (1.0,))
    axis = torch.linspace(0, 1, 7, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    at = laplacian_plus_value(grid, random(49))
    whole = prior.covariance(at, at)
    monkeypatch.setattr(derivative_gram, "TABLE", 0.0)
    assert torch.allclose(prior.covariance(at, at), whole, rtol=1e-14, atol=1e-12)
    monkeypatch.setattr(derivative_gram, "ENTRIES", 100)
    assert torch.allclose(prior.covariance(at, at), whole, rtol=1e-14, atol=1e-12)
    assert torch.allclose(prior.jets(grid, [(0, (2, 0))], at)[0], derivative_whole(prior, grid, at), rtol=1e-12)


def derivative_whole(prior, grid, at):
    left = Functionals(grid, (Term(0, (2, 0), torch.ones(len(grid), dtype=torch.float64)),))
    return prior.covariance(left, at).sum(dim=1)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(0, 99), st.sampled_from([2.5, 3.5, 4.5]))
def test_gram_matrices_of_any_functionals_are_symmetric_and_not_indefinite(n, seed, smoothness):
    prior = ProductKernel((Matern(0.5, smoothness), Matern(0.8, smoothness)), (1.0,))
    at = laplacian_plus_value(random(n, 2, seed=seed), 100 * random(n, seed=seed + 1))
    scale = prior.variance(at).sqrt()
    gram = prior.covariance(at, at) / scale[:, None] / scale
    assert torch.allclose(gram, gram.T, atol=1e-13)
    assert torch.linalg.eigvalsh(gram).min() > -1e-12


def test_a_functional_without_terms_is_zero():
    prior = ProductKernel((SquaredExponential(1.0), SquaredExponential(1.0)), (1.0,))
    nothing = Functionals(random(3, 2), ())
    assert not prior.variance(nothing).any()
    assert not prior.covariance(nothing, laplacian_plus_value(random(2, 2), random(2))).any()
