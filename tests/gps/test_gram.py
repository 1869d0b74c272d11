"""Dense Gaussian processes: by hand, against weight space, digits on nonlinear problems, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import (
    Box,
    D,
    Observations,
    Problem,
    SolveFailed,
    SpectralGp,
    UnsupportedProblem,
    dirichlet,
    initial,
    neumann,
    parameter,
)
from pinnlab.field import ExactField
from pinnlab.gps.gram import Dense
from pinnlab.gps.placement import GivenPoints, NodeGrid, Scattered
from pinnlab.gps.prior import Prior
from pinnlab.gps.system import Measurements, clouds_of
from pinnlab.numerics.gaussian_weights import GaussianWeights
from pinnlab.numerics.kernels import Matern, SquaredExponential
from pinnlab.numerics.line_spectrum import LineSpectrum
from pinnlab.testing import SolverContract

t, x, y = sp.symbols("t x y", real=True)
CPU = torch.device("cpu")


def line(f=1, **settings):
    u = sp.Function("u")(x)
    return Problem("line", [D(u, x, 2) - f], [u], Box({x: (0, 1)}), [dirichlet(u, 0)], **settings)


def elliptic():
    """Chen, Hosseini, Owhadi, Stuart (2021), section 4.1."""
    u = sp.Function("u")(x, y)
    box = Box({x: (0, 1), y: (0, 1)})
    problem = Problem("elliptic", [-D(u, x, 2) - D(u, y, 2) + u**3], [u], box, [dirichlet(u, 0)])
    first = sp.sin(sp.pi * x) * sp.sin(sp.pi * y)
    return problem.manufactured(first + 2 * sp.sin(4 * sp.pi * x) * sp.sin(4 * sp.pi * y))


def measured(problem, kernels, nugget=1e-6, placement=None, observations=(), amplitude=1.0):
    placement = placement or NodeGrid(8)
    prior = Prior(tuple(kernels), (amplitude,) * len(problem.unknowns))
    return Measurements(problem, prior, clouds_of(problem, placement, 0, CPU), nugget, observations)


def system(measurements, algebra=None):
    return (algebra or Dense()).system(measurements, NodeGrid(8), CPU)


def gauss_newton(found, steps):
    coefficients = found.start()
    for _ in range(steps):
        coefficients = found.linearized(coefficients)
    return coefficients


def error(problem, field, n=40):
    axes = [np.linspace(a, b, n) for a, b in problem.region.bounds.values()]
    points = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, len(axes))
    return math.sqrt(np.mean((field(points) - ExactField.of(problem)(points)) ** 2))


def observed_only(values, noise, at=((0.3,),), amplitude=1.0):
    observations = Observations(np.array(at), np.array(values), noise)
    prior = Prior((SquaredExponential(0.5),), (amplitude,))
    return Measurements(line(), prior, (), 1e-8, (observations,))


def test_one_noisy_value_by_hand():
    # y = 2, sigma = 1: the evidence is largest for the variance 3, where the mean is 2 * 3/4 and the variance 3/4.
    found = system(observed_only([2.0], 1.0, amplitude=10.0))
    coefficients = found.linearized(found.start())
    field, place = found.field(coefficients), np.array([[0.3], [0.8]])
    shrunk = math.exp(-0.5)  # k(0.5) with l = 0.5
    np.testing.assert_allclose(field(place)[:, 0], [1.5, 1.5 * shrunk], rtol=1e-7)
    variance = [0.75, 3 - 9 / 4 * shrunk**2]
    np.testing.assert_allclose(field.deviation(place)[:, 0] ** 2, variance, rtol=1e-7)
    assert found.scalars(coefficients)["amplitude"] == pytest.approx(math.sqrt(3) / 10, rel=1e-7)
    assert found.scalars(coefficients)["log_evidence"] == pytest.approx(-0.5 - math.log(8 * math.pi) / 2, rel=1e-7)
    np.testing.assert_allclose(found.residual(coefficients), [-0.5], rtol=1e-7)


def test_it_is_the_process_that_weight_space_conditions():
    spectrum = LineSpectrum.harmonics(0.0, 1.0, 30.0)
    spectrum = LineSpectrum(spectrum.frequencies, torch.full_like(spectrum.variances, 1 / len(spectrum.variances)))
    nugget, problem = 1e-3, line(sp.sin(3 * x))
    measurements = measured(problem, [spectrum], nugget)
    found = system(measurements)
    coefficients = found.linearized(found.start())
    rows = torch.cat([spectrum.features(c.points[:, 0], 2 if "equation" in c.name else 0) for c in measurements.clouds])
    values = torch.cat([torch.sin(3 * c.points[:, 0]) * ("equation" in c.name) for c in measurements.clouds])
    noise = nugget * torch.linalg.vector_norm(rows, dim=1)
    given = GaussianWeights.prior(torch.ones(rows.shape[1], dtype=torch.float64)).given(rows, values, noise)
    places = np.linspace(0, 1, 7)[:, None]
    features = spectrum.features(torch.as_tensor(places[:, 0]))
    np.testing.assert_allclose(found.field(coefficients)(places)[:, 0], features @ given.weights.mean, atol=1e-9)
    scalars = found.scalars(coefficients)
    np.testing.assert_allclose(
        found.field(coefficients).deviation(places)[:, 0],
        scalars["amplitude"] * given.weights.deviation(features),
        rtol=1e-5,
    )
    # With a^2 = misfit / N the evidence gains (misfit - N) / 2 - N log a on the one for a = 1.
    n = measurements.count
    gain = (given.misfit - n) / 2 - n * math.log(scalars["amplitude"])
    assert scalars["log_evidence"] == pytest.approx(given.log_evidence + gain, rel=1e-8)


@pytest.mark.parametrize(
    ("kernel", "reached"),
    [(SquaredExponential(0.4), 1e-6), (Matern(1.0, 2.5), 0.05), (Matern(1.0, 4.5), 2e-4)],
    ids=str,
)
def test_a_linear_problem_is_solved_in_one_step_with_a_neumann_condition(kernel, reached):
    u = sp.Function("u")(x)
    conditions = [dirichlet(u, 0, on="left"), neumann(u, 0, on="right")]
    problem = Problem("p", [D(u, x, 2) - (2 + x) * u], [u], Box({x: (0, 1)}), conditions).manufactured(sp.sin(3 * x))
    measurements = measured(problem, [kernel], placement=NodeGrid(12))
    found = system(measurements)
    coefficients = found.linearized(found.start())
    assert measurements.is_linear
    assert error(problem, found.field(coefficients)) < reached
    # Another starting point changes nothing, and the residuals are gone up to the nugget.
    again = system(measurements).linearized(coefficients)
    np.testing.assert_allclose(found.field(again)([[0.4]]), found.field(coefficients)([[0.4]]), rtol=1e-6)
    assert found.residual(coefficients).norm() < 1e-4 * found.residual(found.start()).norm()


def test_the_nonlinear_elliptic_problem_converges_quadratically():
    # 225 + 4 x 17 = 293 points, of which the corners are told twice.
    problem = elliptic()
    found = system(measured(problem, [SquaredExponential(0.2)] * 2, 1e-6, NodeGrid(15)))
    coefficients, norms = found.start(), []
    for _ in range(4):
        coefficients = found.linearized(coefficients)
        norms.append(found.residual(coefficients).norm().item())
    assert error(problem, found.field(coefficients)) < 2e-4
    assert norms[2] < 0.05 * norms[1] < 0.05 * norms[0]
    assert found.scalars(coefficients)["nugget"] == 1e-6


def test_a_point_between_two_steps_is_the_function_between_them():
    found = system(measured(elliptic(), [SquaredExponential(0.3)] * 2, 1e-4, NodeGrid(6)))
    first = found.linearized(found.start())
    second = found.linearized(first)
    place = np.array([[0.3, 0.6]])
    between = found.field(0.25 * first + 0.75 * second)(place)
    np.testing.assert_allclose(between, 0.25 * found.field(first)(place) + 0.75 * found.field(second)(place), rtol=1e-9)


def test_observations_are_fitted_as_far_as_their_noise_asks():
    rng = np.random.default_rng(0)
    problem = line(0)  # u = 0 exactly, so that data are noise
    at = rng.uniform(0.1, 0.9, (30, 1))
    observations = Observations(at, 0.1 * rng.standard_normal(30), 0.1)
    found = system(measured(problem, [SquaredExponential(0.5)], 1e-6, observations=(observations,)))
    coefficients = found.linearized(found.start())
    assert abs(found.field(coefficients)(at)).max() < 1e-3


def test_the_nugget_is_raised_until_there_is_a_factor_and_the_history_tells():
    # 40 even points with a kernel of the domain's length: numerically singular, and the last digits are lost.
    points = GivenPoints(np.linspace(0.01, 0.99, 40)[:, None])
    found = system(measured(line(), [SquaredExponential(1.0)], 1e-14, points))
    used = found.scalars(found.start())["nugget"]
    assert 1e-9 < used < 1e-5
    assert math.log10(used / 1e-14) * 2 == pytest.approx(round(math.log10(used / 1e-14) * 2), abs=1e-9)
    with pytest.raises(SolveFailed, match=r"nuggets of 1e-14, 3.16e-14, 1e-13; raise largest_nugget"):
        system(measured(line(), [SquaredExponential(1.0)], 1e-14, points), Dense(1e-13)).linearized(found.start())


def test_a_point_told_twice_counts_as_one_told_with_half_the_variance():
    u = sp.Function("u")(x)
    problem = Problem("twice", [u - 1], [u], Box({x: (0, 1)}), [])
    both = system(measured(problem, [SquaredExponential(1.0)], 0.5, GivenPoints(np.array([[0.2], [0.2 + 1e-15]]))))
    # Two values 1 with variance 1/4 each: the mean is 1 / (1 + 1/8).
    np.testing.assert_allclose(both.field(both.linearized(both.start()))([[0.2]]), 1 / 1.125, rtol=1e-12)


def test_more_derivatives_than_sample_paths_have_are_refused():
    with pytest.raises(UnsupportedProblem, match=r"u_2 asks for 2 derivatives by x, .* have 1 at most"):
        system(measured(line(), [Matern(1.0, 1.5)]))


def test_unknown_parameters_are_refused():
    u = sp.Function("u")(x)
    c = parameter("c", unknown=True, guess=1.0)
    problem = Problem("p", [D(u, x) + c * u], [u], Box({x: (0, 1)}), [dirichlet(u, 1, on="left")])
    with pytest.raises(UnsupportedProblem, match=r"unknown parameters are found by algebra=WeightSpace\(\) only"):
        system(measured(problem, [SquaredExponential(1.0)]))


def test_the_memory_is_estimated_before_anything_is_made():
    with pytest.raises(ValueError, match=r"covariance matrix of 10 measurements .* takes 1.6e-06 GB, more than memory"):
        system(measured(line(), [SquaredExponential(1.0)]), Dense(memory=1000))


def test_an_equation_that_holds_no_unknown_at_the_first_guess_is_refused():
    u = sp.Function("u")(x)
    problem = Problem("square", [u**2 - 1], [u], Box({x: (0, 1)}), [])
    found = system(measured(problem, [SquaredExponential(1.0)]))
    with pytest.raises(SolveFailed, match=r"holds no unknown; write it for a shifted unknown"):
        found.linearized(found.start())


def test_a_residual_that_is_no_number_is_named_with_its_place():
    u = sp.Function("u")(x)
    problem = Problem(
        "root", [D(u, x) - sp.sqrt(x - sp.Rational(1, 2))], [u], Box({x: (0, 1)}), [dirichlet(u, 0, on="left")]
    )
    found = system(measured(problem, [SquaredExponential(1.0)]))
    with pytest.raises(SolveFailed, match=r"the equation, or its derivative by an unknown, is nan at \(0.00"):
        found.linearized(found.start())


def reaction():
    """u_t = u_xx / 10 + u - u^3 + source, with both kinds of condition."""
    u = sp.Function("u")(t, x)
    conditions = [initial(u, 0), dirichlet(u, 0, on="left"), neumann(u, 0, on="right")]
    equation = D(u, t) - D(u, x, 2) / 10 - u + u**3
    problem = Problem("reaction", [equation], [u], Box({t: (0, 1), x: (0, 1)}), conditions, t)
    return problem.manufactured(sp.exp(-t) * sp.sin(2 * x) + x / 2)


class TestSpectralGpWithDense(SolverContract):
    tolerance = 1e-3

    def case(self):
        return reaction(), SpectralGp(kernel=SquaredExponential(0.6), algebra=Dense(), placement=Scattered(60, 9))

    def refused(self):
        u = sp.Function("u")(x)
        c = parameter("c", unknown=True, guess=1.0)
        return Problem("p", [D(u, x) + c * u], [u], Box({x: (0, 1)}), [dirichlet(u, 1, on="left")])


@pytest.mark.parametrize("settings", [{"largest_nugget": 0.0}, {"memory": -1.0}])
def test_bad_settings_are_refused(settings):
    with pytest.raises(ValueError, match="Dense"):
        Dense(**settings)


def test_numbers_for_the_history_are_those_of_the_function_whatever_was_linearised_before():
    told = measured(elliptic(), [SquaredExponential(0.25)] * 2)
    used, fresh = system(told), system(told)
    coefficients = gauss_newton(used, 2)
    assert fresh.scalars(coefficients) == used.scalars(coefficients)


def test_memory_for_noisy_values_is_more():
    data = Observations(np.linspace(0, 1, 50)[:, None], np.zeros((50, 1)), 0.1)
    few = measured(line(), [SquaredExponential(0.5)], placement=NodeGrid(8))
    many = measured(line(), [SquaredExponential(0.5)], placement=NodeGrid(8), observations=(data,))
    # 60 measurements, 50 of them noisy: 8 (3 60^2 + 5 50^2) bytes; 10 without: 8 * 2 * 10^2.
    system(few, Dense(memory=1601))
    with pytest.raises(ValueError, match=r"60 measurements with its factor takes 0\.000186 GB"):
        system(many, Dense(memory=186_000))
    system(many, Dense(memory=187_000))
