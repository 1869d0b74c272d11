"""Fields of scattered values: interpolation, derivatives, deviations."""

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, Problem, dirichlet, laplacian
from pinnlab.errors import UnsupportedProblem
from pinnlab.gps.sparse_field import ScatteredField, ScatteredValues, Spread
from pinnlab.numerics.kernels import Matern
from pinnlab.numerics.sparse_cholesky import ProductCovariance

x, y = sp.symbols("x y", real=True)
u = sp.Function("u")(x, y)
PROBLEM = Problem(
    name="p",
    equations=[laplacian(u, (x, y))],
    unknowns=[u],
    domain=Box({x: (0, 1), y: (0, 2)}),
    conditions=[dirichlet(u, 0)],
)
POINTS = np.random.default_rng(0).random((600, 2)) * [1, 2]
INSIDE = 0.2 + 0.6 * np.random.default_rng(1).random((40, 2))


def field_of(values, spread=None):
    covariance = ProductCovariance((Matern(0.5, 4.5), Matern(1.0, 4.5)))
    known = ScatteredValues(torch.as_tensor(POINTS), covariance, 40)
    given = spread or Spread(np.zeros((1, 1, 600)), np.ones(1))
    return ScatteredField(PROBLEM, known, values[None], lambda: given, (0, 0))


def smooth(p):
    return np.sin(2 * p[:, 0]) * np.exp(p[:, 1] / 2)


def test_goes_through_its_values():
    field = field_of(smooth(POINTS))
    np.testing.assert_allclose(field(POINTS[:50])[:, 0], smooth(POINTS[:50]), atol=1e-7)
    np.testing.assert_allclose(field.deviation(POINTS[:50]), 0, atol=1e-4)


def test_values_and_derivatives_between_points():
    field = field_of(smooth(POINTS))
    np.testing.assert_allclose(field(INSIDE)[:, 0], smooth(INSIDE), atol=1e-5)
    slope = 2 * np.cos(2 * INSIDE[:, 0]) * np.exp(INSIDE[:, 1] / 2)
    np.testing.assert_allclose(field.derivative((1, 0))(INSIDE)[:, 0], slope, atol=2e-3)
    mixed = field.derivative((1, 0)).derivative((0, 1))(INSIDE)[:, 0]
    np.testing.assert_allclose(mixed, slope / 2, atol=2e-2)


def test_deviation_adds_that_of_the_values_to_that_between_them():
    """Two draws of +-3 everywhere, and an amplitude of 2: sqrt(9 + (2 s)^2) with s of the interpolation."""
    draws = np.stack([np.full((1, 600), 3.0), np.full((1, 600), -3.0)])
    alone = field_of(smooth(POINTS), Spread(np.zeros((1, 1, 600)), np.full(1, 2.0))).deviation(INSIDE)
    both = field_of(smooth(POINTS), Spread(draws, np.full(1, 2.0))).deviation(INSIDE)
    assert (alone > 0).all()
    np.testing.assert_allclose(both, np.sqrt(9 + alone**2), rtol=1e-3)


def test_no_points_give_no_values():
    assert field_of(smooth(POINTS))(np.zeros((0, 2))).shape == (0, 1)


def test_a_deviation_is_not_differentiated():
    with pytest.raises(UnsupportedProblem, match="not differentiated"):
        field_of(smooth(POINTS)).deviation.derivative((1, 0))
