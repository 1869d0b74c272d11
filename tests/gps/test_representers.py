"""Sums of covariance functions: their derivatives, residuals and linearisations."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Observations, Problem, dirichlet
from pinnlab.gps.placement import NodeGrid
from pinnlab.gps.prior import Prior
from pinnlab.gps.representers import Representers
from pinnlab.gps.system import Measurements, clouds_of
from pinnlab.numerics.derivative_gram import Functionals, Term
from pinnlab.numerics.kernels import Matern, SquaredExponential

x, y = sp.symbols("x y", real=True)


def space():
    """Two unknowns, a nonlinear equation for each, and values of one of them."""
    u, v = sp.Function("u")(x, y), sp.Function("v")(x, y)
    box = Box({x: (0, 1), y: (0, 1)})
    equations = [D(u, x) - u * v, D(v, y) + u**2]
    problem = Problem("pair", equations, [u, v], box, [dirichlet(u, 1, on="left"), dirichlet(v, 2, on="bottom")])
    seen = Observations(np.array([[0.2, 0.3], [0.6, 0.1]]), np.array([1.0, 3.0]), np.array([0.1, 0.2]), unknowns=("v",))
    prior = Prior((SquaredExponential(0.8), Matern(0.9, 3.5)), (1.0, 2.0))
    clouds = clouds_of(problem, NodeGrid(3), 0, torch.device("cpu"))
    return Representers.of(Measurements(problem, prior, clouds, 1e-5, (seen,)), torch.device("cpu"))


def random_coefficients(of, seed=0):
    return torch.randn(len(of.start()), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_coefficients_are_counted_by_the_derivatives_that_are_asked_for():
    # 9 points with u, u_x, v, v_y; 5 on the left side with u, 5 at the bottom with v; 2 values of v.
    of = space()
    assert [len(s.jets) for s in of.sites] == [4, 1, 1, 1]
    assert len(of.start()) == 9 * 4 + 5 + 5 + 2


def test_each_coefficient_adds_the_covariance_with_its_derivative():
    of, one = space(), space().start()
    one[9 * 4 + 2] = 1.0  # u at the third point of the left side
    place, at = of.sites[0].points[0], of.sites[1].points[2]
    z = place - at
    expected = of.kernel.kernels[0].covariance(z[:1]) * of.kernel.kernels[1].covariance(z[1:])
    found = of.jets(one)[0]
    assert found[of.sites[0].jets.index((0, (0, 0))), 0].item() == pytest.approx(expected.item(), rel=1e-14)
    assert not found[of.sites[0].jets.index((1, (0, 0)))].any()


def test_the_linearisation_is_the_derivative_of_the_residual():
    of, h = space(), 1e-6
    base, move = random_coefficients(of), random_coefficients(of, 1)
    differences = (of.residual(base + h * move) - of.residual(base - h * move)) / (2 * h)
    told = of.linearised(base)
    moved = [of.kernel.jets(r.points, [t.jet for t in r.terms], of.functionals(move)) for r in told.rows]
    linear = [
        sum(t.coefficient * j for t, j in zip(r.terms, m, strict=True)) for r, m in zip(told.rows, moved, strict=True)
    ]
    assert torch.allclose(torch.cat(linear), differences, rtol=1e-6, atol=1e-6)
    # Its values are those that a function without residuals would have: L u - r(u).
    own = [of.kernel.jets(r.points, [t.jet for t in r.terms], of.functionals(base)) for r in told.rows]
    of_base = torch.cat(
        [sum(t.coefficient * j for t, j in zip(r.terms, m, strict=True)) for r, m in zip(told.rows, own, strict=True)]
    )
    assert torch.allclose(told.values, of_base - of.residual(base), rtol=1e-10, atol=1e-10)
    assert told.noise.tolist() == [0.0] * 28 + [0.1, 0.2]


def test_what_is_gathered_is_the_sum_of_covariances_with_the_rows():
    of = space()
    told = of.linearised(random_coefficients(of))
    dual = torch.linspace(-1, 1, len(told.values), dtype=torch.float64)
    gathered = of.jets(of.gather(told, dual))
    jet = of.sites[0].jets[1]
    parts = [r.part(slice(None)) for r in told.rows]
    one = torch.ones(9, dtype=torch.float64)
    left = Functionals(of.sites[0].points, (Term(*jet, one),))
    expected = sum(of.kernel.covariance(left, r) @ dual[p] for r, p in zip(parts, told.parts, strict=True))
    assert torch.allclose(gathered[0][1], expected, rtol=1e-10, atol=1e-10)


def test_some_measurements_are_those_with_their_numbers():
    of = space()
    told = of.linearised(random_coefficients(of))
    some = told.only(torch.tensor([0, 8, 10, 29]))
    assert [len(r) for r in some.rows] == [2, 1, 0, 0, 1]
    assert torch.equal(some.values, told.values[[0, 8, 10, 29]])
    assert torch.equal(some.rows[1].points, told.rows[1].points[1:2])


def test_the_residuals_of_the_prior_mean_are_those_of_zero():
    u = sp.Function("u")(x)
    problem = Problem("p", [D(u, x, 2) + u], [u], Box({x: (0, 1)}), [dirichlet(u, sp.sin(x))])
    prior, clouds = Prior((SquaredExponential(1.0),), (1.0,)), clouds_of(problem, NodeGrid(6), 0, torch.device("cpu"))
    of = Representers.of(Measurements(problem, prior, clouds, 1e-6), torch.device("cpu"))
    assert of.residual(of.start()).tolist() == pytest.approx([0.0] * 7 + [-float(np.sin(1))])
