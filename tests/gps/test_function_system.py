"""What dense and iterative systems share: merit and the covariance matrix."""

from __future__ import annotations

import math

import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Problem, dirichlet
from pinnlab.gps import function_system
from pinnlab.gps.function_system import gram
from pinnlab.gps.gram import Dense
from pinnlab.gps.iterative import Iterative
from pinnlab.gps.placement import NodeGrid
from pinnlab.gps.prior import Prior
from pinnlab.gps.system import Measurements, clouds_of
from pinnlab.numerics.kernels import Matern

x = sp.symbols("x", real=True)


def system(algebra, nugget=1e-3, nodes=5):
    u = sp.Function("u")(x)
    problem = Problem("p", [D(u, x, 2) - 1], [u], Box({x: (0, 1)}), [dirichlet(u, 0)])
    clouds = clouds_of(problem, NodeGrid(nodes), 0, torch.device("cpu"))
    measurements = Measurements(problem, Prior((Matern(0.5, 3.5),), (1.0,)), clouds, nugget)
    return algebra.system(measurements, NodeGrid(nodes), torch.device("cpu"))


def test_the_merit_of_the_prior_mean_is_the_norm_of_its_residuals():
    # The residuals -1 at 5 points, in units of 1e-3 times the deviation of u'', the root of k''''(0).
    found = system(Dense())
    deviation = Matern(0.5, 3.5).covariance(torch.zeros(1, dtype=torch.float64), 4).sqrt().item()
    assert found.merit(found.start()) == pytest.approx(math.sqrt(5) / (1e-3 * deviation), rel=1e-12)


@pytest.mark.parametrize("algebra", [Dense(), Iterative(rank=50, tolerance=1e-12)], ids=str)
def test_no_function_nearby_has_less_merit_than_the_posterior_mean(algebra):
    found = system(algebra)
    mean = found.linearized(found.start())
    least = found.merit(mean)
    # At the minimum the square of the merit is values' C^-1 values: N times the square of the amplitude.
    assert least**2 == pytest.approx(7 * found.scalars(mean)["amplitude"] ** 2, rel=1e-6)
    for seed in range(5):
        move = torch.randn(len(mean), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        for size in (1e-3, -1e-3):
            assert found.merit(mean + size * move * mean.abs().max()) > least


def test_the_covariance_matrix_in_stripes_is_the_lower_triangle_of_the_whole(monkeypatch):
    found = system(Dense(), nodes=12)
    linear = found.space.linearised(found.start())
    rows = [torch.cat([found.space.kernel.covariance(a, b) for b in linear.rows], dim=1) for a in linear.rows]
    whole = torch.cat(rows) / linear.sizes[:, None] / linear.sizes
    monkeypatch.setattr(function_system, "STRIPE", 5)
    assert torch.allclose(gram(found.space.kernel, linear), whole.tril(), rtol=1e-13, atol=1e-14)
    assert torch.allclose(whole.diagonal(), torch.ones(14, dtype=torch.float64), rtol=1e-13)
