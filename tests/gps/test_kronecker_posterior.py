"""Posteriors on tensor grids: derivatives, grids, deviations against a closed form, samples, integrals."""

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Problem, dirichlet
from pinnlab.gps.kronecker import Kronecker
from pinnlab.gps.placement import NodeGrid
from pinnlab.gps.prior import Prior
from pinnlab.gps.system import Measurements, clouds_of
from pinnlab.integral import Integral
from pinnlab.numerics.line_spectrum import LineSpectrum

x, y = sp.symbols("x y", real=True)
u = sp.Function("u")(x, y)
EXACT = sp.sin(3 * x) * sp.cos(5 * y)
PROBLEM = Problem(
    name="plate", equations=[D(u, x, 2) + D(u, y, 2) - EXACT.diff(x, 2) - EXACT.diff(y, 2)], unknowns=[u],
    domain=Box({x: (0, 1), y: (0, 2)}), conditions=[dirichlet(u, EXACT)], reference=EXACT,
)  # fmt: skip
POINTS = np.random.default_rng(0).random((40, 2)) * [1, 2]


@pytest.fixture(scope="module")
def posterior():
    placement = NodeGrid(50)
    prior = Prior((LineSpectrum.harmonics(0.0, 1.0, 30.0), LineSpectrum.harmonics(0.0, 2.0, 25.0)), (1.0,))
    told = Measurements(PROBLEM, prior, clouds_of(PROBLEM, placement, 0, torch.device("cpu")), 1e-4)
    system = Kronecker(draws=64).system(told, placement, torch.device("cpu"))
    return system.field(system.linearized(system.start()))


def test_derivatives_are_those_of_the_function(posterior):
    for orders in ((1, 0), (0, 2), (1, 1)):
        exact = sp.lambdify((x, y), EXACT.diff((x, orders[0]), (y, orders[1])))(*POINTS.T)
        assert np.abs(posterior.derivative(orders)(POINTS)[:, 0] - exact).max() < 1e-3 * np.abs(exact).max()
    twice = posterior.derivative((1, 0)).derivative((0, 1))
    assert np.array_equal(twice(POINTS), posterior.derivative((1, 1))(POINTS))


def test_grids_hold_what_points_give(posterior):
    axes = [np.linspace(0, 1, 4), np.linspace(0, 2, 3)]
    mesh = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    # Files have y before x.
    assert np.allclose(posterior.on_axes(axes).values["u"], posterior(mesh).reshape(4, 3).T, atol=1e-12)
    spread = posterior.deviation
    assert np.allclose(spread.on_axes(axes).values["u"], spread(mesh).reshape(4, 3).T, rtol=1e-9)


def test_deviations_are_those_of_samples_and_vanish_nowhere_inside(posterior):
    drawn = posterior.samples(POINTS, 400, seed=1)
    assert drawn.shape == (400, 40, 1)
    assert np.allclose(drawn.std(axis=0), posterior.deviation(POINTS), rtol=0.25)
    assert (posterior.deviation(POINTS) > 0).all()


def test_one_seed_draws_the_same_functions_anywhere(posterior):
    some = posterior.samples(POINTS[:5], 3, seed=7)
    assert np.allclose(posterior.samples(POINTS, 3, seed=7)[:, :5], some, atol=1e-12)
    assert not np.allclose(posterior.samples(POINTS, 3, seed=8)[:, :5], some, atol=1e-12)
    with pytest.raises(ValueError, match="count = 0"):
        posterior.samples(POINTS, 0, seed=0)


def test_the_deviation_of_a_line_is_the_one_of_its_equation():
    # u'' = f + noise, u = noise at the ends, in one coordinate: cov u = A^-1 N A^-T with all matrices written out.
    line = sp.Function("u")(x)
    problem = Problem(
        name="line", equations=[D(line, x, 2) + sp.sin(9 * x)], unknowns=[line], domain=Box({x: (0, 1)}),
        conditions=[dirichlet(line, 0)],
    )  # fmt: skip
    placement, spectrum = NodeGrid(40), LineSpectrum.harmonics(0.0, 1.0, 25.0)
    clouds = clouds_of(problem, placement, 0, torch.device("cpu"))
    told = Measurements(problem, Prior((spectrum,), (1.0,)), clouds, 1e-3)
    system = Kronecker(draws=2000).system(told, placement, torch.device("cpu"))
    coefficients = system.linearized(system.start())
    (basis,), size = system.fit.bases, system.scalars(coefficients)["amplitude"]
    rows = torch.cat([
        torch.eye(2, basis.count, dtype=torch.float64),
        basis.tests @ basis.functions(basis.nodes, 2),
    ])  # fmt: skip
    lines = spectrum.frequencies
    noise = 1e-3 * size * torch.cat([
        torch.diag(torch.full((2,), float(len(lines)) ** 0.5, dtype=torch.float64)) @ torch.eye(2, 42).double(),
        torch.cat([torch.zeros(len(basis.tests), 2).double(), basis.tests * (lines**4).sum().sqrt()], dim=1),
    ])  # fmt: skip
    places = np.linspace(0.1, 0.9, 5)
    inverse = basis.functions(torch.as_tensor(places)) @ torch.linalg.solve(rows, noise)
    expected = torch.linalg.vector_norm(inverse, dim=1).numpy()
    assert np.allclose(system.field(coefficients).deviation(places[:, None])[:, 0], expected, rtol=0.08)


def test_integrals_are_met_exactly_and_take_doubt_away(posterior):
    nodes, weights = np.polynomial.legendre.leggauss(20)
    grid = np.stack(np.meshgrid((nodes + 1) / 2, nodes + 1, indexing="ij"), axis=-1).reshape(-1, 2)
    w = np.outer(weights / 2, weights).ravel()
    truth = float(sp.integrate(EXACT, (x, 0, 1), (y, 0, 2)))
    shifted = truth + 1e-5
    told = posterior.given([Integral("u", grid, w, shifted)])
    assert float(w @ told(grid)[:, 0]) == pytest.approx(shifted, abs=1e-12)
    assert (told.deviation(POINTS) <= posterior.deviation(POINTS) * (1 + 1e-9)).all()
    assert told.draws.factor.shape[1] == posterior.draws.factor.shape[1] - 1
    vague = posterior.given([Integral("u", grid, w, shifted, 1e3)])
    assert np.allclose(vague(POINTS), posterior(POINTS), atol=1e-9)
    with pytest.raises(ValueError, match="none of its unknowns"):
        posterior.given([Integral("v", grid, w, 0.0)])
    with pytest.warns(UserWarning, match="of its standard deviations; check the value"):
        posterior.given([Integral("u", grid, w, truth + 10)])
    with pytest.raises(ValueError, match="64 draws leave no freedom"):
        posterior.given([Integral("u", grid, w, shifted)] * 64)
    assert posterior.given([]) is posterior
