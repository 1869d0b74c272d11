"""Processes told of equations by their weights: against function space, evidence, parameters."""

import math

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Observations, Problem, dirichlet, parameter
from pinnlab.errors import SolveFailed
from pinnlab.gps.placement import GivenPoints, NodeGrid
from pinnlab.gps.prior import Prior
from pinnlab.gps.system import Measurements, clouds_of
from pinnlab.gps.weight_space import WeightSpace
from pinnlab.numerics.kernels import SquaredExponential
from pinnlab.numerics.line_spectrum import LineSpectrum

x = sp.Symbol("x", real=True)
u = sp.Function("u")(x)
CPU = torch.device("cpu")


def problem(equation, conditions=(), bounds=(0, 1), **more):
    return Problem(
        name="line", equations=[equation], unknowns=[u], domain=Box({x: bounds}), conditions=list(conditions), **more
    )


def system(of, prior, placement, nugget=1e-6, observations=(), algebra=WeightSpace()):  # noqa: B008
    clouds = clouds_of(of, placement, 0, CPU)
    return algebra.system(Measurements(of, prior, clouds, nugget, tuple(observations)), placement, CPU)


def few_lines():
    return LineSpectrum(
        torch.tensor([0.0, 1.0, 2.5], dtype=torch.float64), torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    )


POISSON = problem(D(u, x, 2) + sp.sin(x), [dirichlet(u, 0, on="left"), dirichlet(u, 1, on="right")])


def in_function_space(of_points):
    """Mean, variance and the Gram matrix of u'' at some points and u at 0 and 1, for the lines above."""
    spectrum, nodes = few_lines(), torch.as_tensor(of_points).double()
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    told = [(nodes, 2), (ends, 0)]
    gram = torch.cat([torch.cat([spectrum.covariance(p[:, None] - q, a + b) for q, b in told], dim=1) for p, a in told])
    values = torch.cat([-torch.sin(nodes), ends])
    at = torch.tensor([0.3, 0.77], dtype=torch.float64)
    cross = torch.cat([spectrum.covariance(at[:, None] - q, b) for q, b in told], dim=1)
    return gram, values, cross, spectrum.covariance(at[:, None] - at)


def test_mean_and_deviation_are_those_of_function_space():
    nodes = np.array([[0.2], [0.4], [0.9]])
    found = system(POISSON, Prior((few_lines(),), (1.0,)), GivenPoints(nodes), nugget=1e-2)
    c = found.linearized(found.start())
    gram, values, cross, prior = in_function_space(nodes[:, 0])
    noisy = gram + torch.diag(1e-4 * gram.diagonal())
    answer, at = found.field(c), np.array([[0.3], [0.77]])
    np.testing.assert_allclose(answer(at)[:, 0], (cross @ torch.linalg.solve(noisy, values)).numpy(), rtol=1e-9)
    size = float(values @ torch.linalg.solve(noisy, values)) / 5
    variance = (prior - cross @ torch.linalg.solve(noisy, cross.T)).diagonal() * size
    np.testing.assert_allclose(answer.deviation(at)[:, 0], variance.sqrt().numpy(), rtol=1e-7)


def test_the_evidence_is_the_density_of_the_values_at_the_best_amplitude():
    nodes = np.array([[0.2], [0.4], [0.9]])
    found = system(POISSON, Prior((few_lines(),), (1.0,)), GivenPoints(nodes), nugget=1e-2)
    gram, values, _, _ = in_function_space(nodes[:, 0])
    noisy = gram + torch.diag(1e-4 * gram.diagonal())
    size = values @ torch.linalg.solve(noisy, values) / 5

    def density(variance):
        normal = torch.distributions.MultivariateNormal(torch.zeros(5).double(), variance * noisy)
        return float(normal.log_prob(values))

    told = found.log_evidence(found.linearized(found.start()))
    assert told == pytest.approx(density(size), rel=1e-9)
    assert told > max(density(1.1 * size), density(0.9 * size))


def test_amplitudes_of_the_prior_do_not_matter_to_the_mean_without_observations():
    placement = NodeGrid(6)
    at = np.linspace(0, 1, 5)[:, None]
    one, ten = (system(POISSON, Prior((few_lines(),), (a,)), placement) for a in (1.0, 10.0))
    first, second = (s.field(s.linearized(s.start())) for s in (one, ten))
    np.testing.assert_allclose(first(at), second(at), rtol=1e-8)
    np.testing.assert_allclose(first.deviation(at), second.deviation(at), rtol=1e-5)


def test_expectation_maximisation_raises_the_evidence_and_prunes_what_is_not_there():
    wave = problem(D(u, x, 2) + 400 * sp.sin(20 * x), [dirichlet(u, sp.sin(20 * x))], bounds=(0, 2 * math.pi))
    spectrum = LineSpectrum.harmonics(0.0, 2 * math.pi, 30.0)
    spectrum = LineSpectrum(spectrum.frequencies, spectrum.variances / len(spectrum.variances))
    evidences, placement = [], NodeGrid(150)
    for _ in range(4):
        found = system(wave, Prior((spectrum,), (1.0,)), placement, nugget=1e-10)
        c = found.linearized(found.start())
        evidences.append(found.log_evidence(c))
        (spectrum,), _ = found.more_evident(c)
    assert evidences == sorted(evidences)
    assert evidences[-1] > evidences[0] + 100
    strongest = float(spectrum.frequencies[spectrum.variances.argmax()])
    assert strongest == pytest.approx(20, abs=1e-9)
    assert float(spectrum.variances.max()) > 0.99


def test_what_is_carried_to_more_lines_is_the_same_function():
    narrow, wide = (LineSpectrum.harmonics(0.0, 1.0, k) for k in (9.0, 30.0))
    wide = LineSpectrum(wide.frequencies, torch.linspace(1, 0.1, len(wide.frequencies)).double())
    before = system(POISSON, Prior((narrow,), (1.0,)), NodeGrid(12))
    after = system(POISSON, Prior((wide,), (0.5,)), NodeGrid(30))
    c = before.linearized(before.start())
    at = np.linspace(0, 1, 7)[:, None]
    np.testing.assert_allclose(after.mean(after.carried(before, c))(at), before.mean(c)(at), rtol=1e-10, atol=1e-12)


def test_an_unknown_parameter_is_found_with_its_standard_error():
    k = parameter("k", unknown=True, guess=0.5, bounds=(0, 10))
    decay = problem(D(u, x) + k * u, [dirichlet(u, 1, on="left")])
    rng, places = np.random.default_rng(0), np.linspace(0.05, 1, 20)[:, None]
    noise = 0.01
    data = Observations(places, np.exp(-2 * places) + noise * rng.standard_normal((20, 1)), noise)
    kernel = SquaredExponential(0.3)
    found = system(decay, Prior((kernel,), (1.0,)), NodeGrid(20), 1e-8, [data])
    c = found.start()
    for _ in range(8):
        c = found.linearized(c)
    told = found.field(c).parameters["k"]
    # The Fisher information of k for u = exp(-k x) at these points.
    information = float(np.sum((places * np.exp(-2 * places)) ** 2)) / noise**2
    assert told.standard_error == pytest.approx(information**-0.5, rel=0.05)
    assert abs(told.value - 2) < 3 * told.standard_error
    assert told.interval[0] < 2 < told.interval[1]


def test_data_that_are_not_finite_are_named():
    singular = problem(D(u, x, 2) + 1 / (x - sp.Rational(1, 2)), [dirichlet(u, 0)])
    found = system(singular, Prior((few_lines(),), (1.0,)), GivenPoints(np.array([[0.25], [0.5]])))
    with pytest.raises(SolveFailed, match=r"equation.*at \(0\.5\)"):
        found.linearized(found.start())


def test_a_linear_problem_is_linearised_at_one_place_whatever_it_is_asked_at():
    one, other = (system(POISSON, Prior((few_lines(),), (1.0,)), NodeGrid(6)) for _ in range(2))
    c = one.linearized(one.start())
    assert torch.equal(other.linearized(c), c)
    assert other.log_evidence(c) == one.log_evidence(c)


def test_values_that_are_all_zero_leave_the_amplitude():
    nothing = problem(D(u, x, 2), [dirichlet(u, 0)])
    found = system(nothing, Prior((few_lines(),), (3.0,)), NodeGrid(6))
    c = found.linearized(found.start())
    _, amplitudes = found.more_evident(c)
    assert amplitudes == (3.0,)
    assert math.isfinite(found.log_evidence(c))


def test_the_evidences_of_widths_differ_as_the_evidence_itself_does():
    narrow, wide = (
        LineSpectrum(few_lines().frequencies, torch.tensor(v, dtype=torch.float64))
        for v in ([0.9, 0.09, 0.01], [0.4, 0.3, 0.3])
    )
    placement = GivenPoints(np.array([[0.2], [0.4], [0.9]]))
    # So small a nugget that its size, which is in units of each prior, does not matter.
    one, other = (system(POISSON, Prior((s,), (1.0,)), placement, nugget=1e-7) for s in (narrow, wide))
    told = [s.log_evidence(s.linearized(s.start())) for s in (one, other)]
    assert abs(told[0] - told[1]) > 0.1
    assert other.most_evident(other.start(), [(narrow,), (wide,)]) == int(np.argmax(told))
    assert other.most_evident(other.start(), [(wide,), (narrow,)]) == int(np.argmax(told[::-1]))


def test_an_equation_whose_linearisation_holds_no_unknown_is_told():
    eikonal = problem(D(u, x) ** 2 - 1, [dirichlet(u, 0, on="left")])
    found = system(eikonal, Prior((few_lines(),), (1.0,)), NodeGrid(6))
    with pytest.raises(SolveFailed, match=r"equation.*holds no unknown"):
        found.linearized(found.start())
