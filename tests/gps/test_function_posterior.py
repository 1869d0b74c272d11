"""Posteriors in function space: derivatives, deviations, samples, integrals."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Observations, Problem, UnsupportedProblem, dirichlet
from pinnlab.gps import function_posterior
from pinnlab.gps.gram import Dense
from pinnlab.gps.placement import NodeGrid
from pinnlab.gps.prior import Prior
from pinnlab.gps.system import Measurements, clouds_of
from pinnlab.integral import Integral
from pinnlab.numerics.kernels import Matern, SquaredExponential

x, y = sp.symbols("x y", real=True)
U = sp.Function("u")(x)
LINE = Problem("line", [D(U, x, 2)], [U], Box({x: (0, 1)}), [dirichlet(U, 0)])
PLACES = np.linspace(0.05, 0.95, 7)[:, None]


def posterior(kernel=None, at=(0.2, 0.5, 0.9), values=(1.0, -0.5, 0.4), noise=0.1):
    """Values with noise only."""
    observations = Observations(np.array(at)[:, None], np.array(values), noise)
    prior = Prior((kernel or SquaredExponential(0.3),), (1.0,))
    system = Dense().system(Measurements(LINE, prior, (), 1e-8, (observations,)), NodeGrid(4), torch.device("cpu"))
    coefficients = system.linearized(system.start())
    return system.field(coefficients), system.scalars(coefficients)["amplitude"]


def coupled():
    """Two unknowns with an equation each, of two coordinates."""
    u, v = sp.Function("u")(x, y), sp.Function("v")(x, y)
    box = Box({x: (0, 1), y: (0, 1)})
    equations = [D(u, x) - v, D(v, y) + u]
    problem = Problem("pair", equations, [u, v], box, [dirichlet(u, 1 + y, on="left"), dirichlet(v, 2, on="bottom")])
    prior = Prior((SquaredExponential(0.8), Matern(0.9, 3.5)), (1.0, 2.0))
    clouds = clouds_of(problem, NodeGrid(4), 0, torch.device("cpu"))
    system = Dense().system(Measurements(problem, prior, clouds, 1e-5), NodeGrid(4), torch.device("cpu"))
    return system.field(system.linearized(system.start()))


def by_matrix(amplitude, places, orders=(0, 0), at=(0.2, 0.5, 0.9), values=(1.0, -0.5, 0.4), noise=0.1, l=0.3):
    """Mean and covariance of values or slopes by the textbook formula."""

    def k(a, b, m=0, n=0):
        z = (a[:, None] - b) / l
        gauss = amplitude**2 * np.exp(-(z**2) / 2)
        return {(0, 0): gauss, (1, 0): -z / l * gauss, (1, 1): (1 - z**2) / l**2 * gauss}[m, n]

    order, at, p = orders[0], np.array(at), places[:, 0]
    gram = k(at, at) + noise**2 * np.eye(len(at))
    cross = k(p, at, order)
    return cross @ np.linalg.solve(gram, values), k(p, p, order, order) - cross @ np.linalg.solve(gram, cross.T)


@pytest.mark.parametrize("order", [0, 1])
def test_mean_and_deviation_of_values_and_slopes_are_those_of_the_textbook(order):
    field, amplitude = posterior()
    mean, covariance = by_matrix(amplitude, PLACES, (order, 0))
    found = field.derivative([order])
    np.testing.assert_allclose(found(PLACES)[:, 0], mean, rtol=1e-9)
    np.testing.assert_allclose(found.deviation(PLACES)[:, 0], np.sqrt(covariance.diagonal()), rtol=1e-9)


def test_derivatives_of_two_unknowns_are_those_of_differences():
    field, h = coupled(), 1e-5
    place = np.array([[0.3, 0.4], [0.7, 0.2]])
    for axis, orders in enumerate([(1, 0), (0, 1)]):
        step = h * np.eye(2)[axis]
        differences = (field(place + step) - field(place - step)) / (2 * h)
        np.testing.assert_allclose(field.derivative(orders)(place), differences, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(
        field.derivative((1, 0)).derivative((0, 1))(place), field.derivative((1, 1))(place), rtol=1e-12
    )
    # The equations hold: u_x = v, v_y = -u.
    np.testing.assert_allclose(field.derivative((1, 0))(place)[:, 0], field(place)[:, 1], atol=5e-2)


def test_samples_have_the_mean_and_the_covariance_of_the_posterior():
    field, amplitude = posterior()
    drawn = field.samples(PLACES, 1000, seed=0)[:, :, 0]
    mean, covariance = by_matrix(amplitude, PLACES)
    spread = np.sqrt(covariance.diagonal())
    assert abs((drawn.mean(axis=0) - mean) / spread).max() < 4 / math.sqrt(1000)
    correlation = np.cov(drawn.T) / np.outer(spread, spread)
    assert abs(correlation - covariance / np.outer(spread, spread)).max() < 0.15


def test_a_seed_draws_one_function_wherever_it_is_looked_at():
    field, _ = posterior()
    whole = field.samples(PLACES, 3, seed=1)
    np.testing.assert_allclose(field.samples(PLACES[2:4], 3, seed=1), whole[:, 2:4], rtol=1e-12)
    assert abs(field.samples(PLACES, 3, seed=2) - whole).max() > 1e-3


def test_samples_of_a_derivative_are_the_derivatives_of_the_samples():
    field, h = posterior()[0], 1e-5
    differences = (field.samples(PLACES + h, 2, seed=3) - field.samples(PLACES - h, 2, seed=3)) / (2 * h)
    np.testing.assert_allclose(field.derivative([1]).samples(PLACES, 2, seed=3), differences, rtol=1e-4, atol=1e-5)


def test_samples_obey_the_equations_and_conditions():
    field = coupled()
    place = np.array([[0.4, 0.3], [0.0, 0.6]])
    drawn, slopes = field.samples(place, 5, seed=0), field.derivative((1, 0)).samples(place, 5, seed=0)
    deviation = field.derivative((1, 0)).deviation(place)[:, 0] + field.deviation(place)[:, 1]
    assert (abs(slopes[:, :, 0] - drawn[:, :, 1]) < 5 * deviation).all()
    np.testing.assert_allclose(drawn[:, 1, 0], 1.6, atol=2e-2)


def test_an_exact_integral_is_kept_by_mean_and_samples_and_takes_its_share_of_the_variance():
    field, amplitude = posterior()
    integral = Integral.over_space(LINE, "u", 0.7)
    found = field.given([integral])
    assert float(integral.weights @ found(integral.points)[:, 0]) == pytest.approx(0.7, rel=1e-12)
    np.testing.assert_allclose(
        found.samples(integral.points, 4, seed=0)[:, :, 0] @ integral.weights, np.full(4, 0.7), rtol=1e-9
    )
    # By the formula of conditioning on one number.
    both = np.concatenate([PLACES, integral.points])
    mean, covariance = by_matrix(amplitude, both)
    cross = covariance[:7, 7:] @ integral.weights
    variance = integral.weights @ covariance[7:, 7:] @ integral.weights
    expected = mean[:7] + cross / variance * (0.7 - integral.weights @ mean[7:])
    np.testing.assert_allclose(found(PLACES)[:, 0], expected, rtol=1e-8)
    left = covariance.diagonal()[:7] - cross**2 / variance
    np.testing.assert_allclose(found.deviation(PLACES)[:, 0] ** 2, left, rtol=1e-7, atol=1e-12)


def test_integrals_told_one_after_the_other_are_told_together_and_a_doubtful_one_moves_less():
    field, _ = posterior()
    half = Integral("u", np.array([[0.25]]), np.ones(1), 0.9)
    whole = Integral.over_space(LINE, "u", 0.1)
    np.testing.assert_allclose(
        field.given([half]).given([whole])(PLACES), field.given([whole, half])(PLACES), rtol=1e-9, atol=1e-12
    )
    doubtful = field.given([Integral.over_space(LINE, "u", 0.1, deviation=0.05)])
    mass = [float(whole.weights @ f(whole.points)[:, 0]) for f in (field, doubtful)]
    assert abs(mass[1] - 0.1) < abs(mass[0] - 0.1)
    assert abs(mass[1] - 0.1) > 1e-6


def test_an_integral_that_contradicts_what_is_known_is_refused_and_one_that_repeats_it_is_not():
    field, _ = posterior()
    first = Integral.over_space(LINE, "u", 0.3)
    once = field.given([first])
    np.testing.assert_allclose(once.given([first])(PLACES), once(PLACES), rtol=1e-6)
    with pytest.raises(ValueError, match=r"cannot all be exact.*give them a deviation"):
        once.given([Integral.over_space(LINE, "u", 0.4)])
    with pytest.raises(ValueError, match=r"none of its unknowns u"):
        field.given([Integral("w", np.array([[0.5]]), np.ones(1), 0.0)])


def test_a_value_out_of_reach_is_told_of_and_obeyed():
    field, amplitude = posterior()
    shape = Integral.over_space(LINE, "u", 0.0)
    mean, covariance = by_matrix(amplitude, shape.points)
    expected, deviation = shape.weights @ mean, math.sqrt(shape.weights @ covariance @ shape.weights)
    mass = Integral.over_space(LINE, "u", expected + 9 * deviation)
    with pytest.warns(UserWarning, match="9 of its standard deviations; check the value") as told:
        found = field.given([mass])
    assert told[0].filename == __file__
    assert mass.weights @ found(mass.points)[:, 0] == pytest.approx(mass.value, rel=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        field.given([Integral.over_space(LINE, "u", mass.value, deviation=2 * deviation)])
        # What is known already is no surprise, whatever its rounding.
        found.given([mass])
    # It is judged by what integrals before it have left: next to nothing of a mean over almost the same interval.
    part = Integral("u", shape.points, shape.weights * (1 + 0.01 * shape.points[:, 0]), expected + deviation)
    field.given([part])
    with pytest.warns(UserWarning, match="of its standard deviations"):
        found.given([part])


def test_points_in_parts_change_nothing(monkeypatch):
    field = coupled().given([Integral("v", np.array([[0.5, 0.5]]), np.ones(1), 0.3)])
    places = np.random.default_rng(0).random((9, 2))
    whole = field(places), field.deviation(places), field.samples(places, 2, 0)
    monkeypatch.setattr(function_posterior, "CHUNK", 100)
    for before, after in zip(whole, (field(places), field.deviation(places), field.samples(places, 2, 0)), strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-9)


def test_derivatives_that_sample_paths_lack_are_refused():
    field, _ = posterior(Matern(0.5, 1.5))
    with pytest.raises(UnsupportedProblem, match=r"2 derivatives by x, .* take a smoother kernel"):
        field.derivative([1]).derivative([1])
    with pytest.raises(UnsupportedProblem, match="is not differentiated"):
        field.deviation.derivative([1])
    with pytest.raises(ValueError, match="count = 0"):
        field.samples(PLACES, 0, 0)
