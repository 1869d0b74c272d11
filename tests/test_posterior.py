"""Posteriors of Gaussian weights: by hand, a Brownian bridge, conservation, samples, refusals."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab import Box, D, Problem, dirichlet, initial
from pinnlab import posterior as module
from pinnlab.errors import UnsupportedProblem
from pinnlab.field import ExactField
from pinnlab.integral import Integral
from pinnlab.numerics.gaussian_weights import GaussianWeights
from pinnlab.posterior import WeightPosterior
from pinnlab.training.estimate import Estimate

t, x = sp.symbols("t x", real=True)
U = sp.Function("u")(x)
LINE = Problem("line", [D(U, x, 2)], [U], Box({x: (0, 1)}), [dirichlet(U, 0)])
V, W = sp.Function("v")(t, x), sp.Function("w")(t, x)
PLANE = Problem(
    "plane", [D(V, t) + D(W, x), D(W, t) + D(V, x)], [V, W], Box({t: (0, 1), x: (0, 2)}, periodic=[x]),
    [initial(V, 0), initial(W, 0)], t,
)  # fmt: skip


@dataclass(frozen=True)
class Sines:
    """sin(j pi x), j = 1, ..., count."""

    count: int

    def rows(self, points, orders):
        frequency = math.pi * torch.arange(1, self.count + 1, dtype=points.dtype)
        return (frequency ** orders[0] * torch.sin(points * frequency + orders[0] * math.pi / 2))[None]


def bridge(count):
    """The Brownian bridge, cut after some terms of its Karhunen-Loeve series sum z_j sqrt(2) sin(j pi x) / (j pi)."""
    scales = math.sqrt(2) / (math.pi * torch.arange(1, count + 1, dtype=torch.float64))
    return WeightPosterior(LINE, GaussianWeights.prior(scales), Sines(count))


def test_a_random_straight_line_by_hand(polynomials):
    # u = w0 + w1 x has the variance 1 + x^2, its slope the variance 1.
    line = polynomials(LINE, 1)
    places = np.array([[0.0], [0.5], [2.0]])
    np.testing.assert_array_equal(line(places), np.zeros((3, 1)))
    np.testing.assert_allclose(line.deviation(places)[:, 0], np.sqrt([1, 1.25, 5]), rtol=1e-15)
    np.testing.assert_allclose(line.derivative([1]).deviation(places), np.ones((3, 1)), rtol=1e-15)
    # int u = w0 + w1/2 = 2 has the prior variance 5/4, so that the mean is 2 (1 + x/2) / (5/4).
    found = line.given([Integral.over_space(LINE, "u", 2.0)])
    np.testing.assert_allclose(found(places)[:, 0], 1.6 * (1 + places[:, 0] / 2), rtol=1e-14)
    variance = 1 + places[:, 0] ** 2 - (1 + places[:, 0] / 2) ** 2 / 1.25
    np.testing.assert_allclose(found.deviation(places)[:, 0] ** 2, variance, rtol=1e-13, atol=1e-15)
    # With a deviation of the value of 1/2 the variance of the measurement is 5/4 + 1/4.
    doubtful = line.given([Integral.over_space(LINE, "u", 2.0, deviation=0.5)])
    np.testing.assert_allclose(doubtful(places)[:, 0], 2 / 1.5 * (1 + places[:, 0] / 2), rtol=1e-14)


def test_a_brownian_bridge_and_one_whose_integral_is_known():
    # cov(u(x), int u) = x (1 - x) / 2 and var(int u) = 1/12: the mean is 6 b x (1 - x), and from the variance
    # x (1 - x) goes 3 x^2 (1 - x)^2.  The series ends after n terms, which leaves out at most 2 / (pi^2 n).
    n = 600
    places = np.linspace(0, 1, 21)[:, None]
    shape = places[:, 0] * (1 - places[:, 0])
    np.testing.assert_allclose(bridge(n).deviation(places)[:, 0] ** 2, shape, atol=2 / (math.pi**2 * n))
    found = bridge(n).given([Integral.over_space(LINE, "u", 0.7, nodes=400)])
    np.testing.assert_allclose(found(places)[:, 0], 6 * 0.7 * shape, atol=3e-5)
    np.testing.assert_allclose(found.deviation(places)[:, 0] ** 2, shape - 3 * shape**2, atol=2 / (math.pi**2 * n))


def test_integrals_are_conserved_to_twelve_digits(polynomials):
    masses = [Integral.over_space(PLANE, "v", 1.25, time=s, nodes=8) for s in (0.0, 0.3, 1.0)]
    other = Integral.over_space(PLANE, "w", -2.0, time=1.0, deviation=0.3, nodes=8)
    found = polynomials(PLANE, 5).given([masses[0], other, *masses[1:]])
    for mass in masses:
        assert mass.of(found(mass.points)[:, 0]) == pytest.approx(1.25, rel=1e-12)
        drawn = found.samples(mass.points, 5, seed=1)[:, :, 0]
        np.testing.assert_allclose(drawn @ mass.weights, 1.25, rtol=1e-12)
    assert abs(other.of(found(other.points)[:, 1]) + 2.0) > 1e-4
    # Measurements that come later do not spoil what is exact.
    later = found.given([Integral("v", np.array([[0.5, 0.1]]), np.ones(1), 3.0, deviation=1e-3)])
    assert masses[1].of(later(masses[1].points)[:, 0]) == pytest.approx(1.25, rel=1e-12)


@pytest.mark.parametrize("wrong", [Integral.over_space(LINE, "u", 2.0), None, 2.0])
def test_a_single_integral_is_asked_for_as_a_list(polynomials, wrong):
    line = polynomials(LINE, 2)
    with pytest.raises(ValueError, match=r"given of .* is no sequence; give a list of integrals, \[one\]"):
        line.given(wrong)


def test_what_is_no_integral_is_refused_by_name_and_any_iterable_will_do(polynomials):
    line, mass = polynomials(LINE, 2), Integral.over_space(LINE, "u", 2.0)
    with pytest.raises(ValueError, match=r"given of .*: 2.0 is no integral"):
        line.given([mass, 2.0])
    points = np.array([[0.3]])
    assert line.given(iter([mass]))(points) == line.given([mass])(points)


@settings(max_examples=30, deadline=None)
@given(
    places=st.lists(st.floats(0, 1), min_size=1, max_size=6),
    deviation=st.sampled_from([0.0, 1e-6, 0.1, 10.0]),
    value=st.floats(-3, 3),
)
def test_the_variance_never_grows(polynomials, places, deviation, value):
    prior, everywhere = polynomials(LINE, 4), np.linspace(0, 1, 23)[:, None]
    found = prior.given([Integral("u", np.array(places)[:, None], np.ones(len(places)), value, deviation)])
    assert (found.deviation(everywhere) <= prior.deviation(everywhere) * (1 + 1e-12)).all()


def test_samples_have_the_mean_and_deviation_and_one_seed_draws_the_same_functions(polynomials):
    found = polynomials(PLANE, 2).given([Integral.over_space(PLANE, "v", 1.0, time=0.0)])
    places = np.array([[0.2, 0.3], [0.9, 1.7], [0.0, 0.0]])
    drawn = found.samples(places, 4000, seed=3)
    assert drawn.shape == (4000, 3, 2)
    np.testing.assert_allclose(drawn.mean(axis=0), found(places), atol=5 * found.deviation(places).max() / 4000**0.5)
    np.testing.assert_allclose(drawn.std(axis=0), found.deviation(places), rtol=0.06)
    np.testing.assert_allclose(found.samples(places[1:2], 4000, seed=3)[:, 0], drawn[:, 1], rtol=1e-12, atol=1e-14)
    assert np.abs(found.samples(places, 4000, seed=4) - drawn).max() > 1
    # The slope of a drawn function is the drawn slope.
    step = np.array([[0.2, 0.3 + 1e-5], [0.2, 0.3 - 1e-5]])
    slope = np.diff(found.samples(step, 3, seed=3), axis=1)[:, 0] / -2e-5
    np.testing.assert_allclose(found.derivative([0, 1]).samples(step[:1], 3, seed=3)[:, 0], slope, rtol=1e-4, atol=1e-4)


def test_pieces_of_the_features_give_the_same(monkeypatch, polynomials):
    places, whole = np.linspace(0, 1, 11)[:, None], polynomials(LINE, 3)
    mass = Integral.over_space(LINE, "u", 1.0)
    at_once = whole.given([mass])
    monkeypatch.setattr(module, "CHUNK", 12)
    in_pieces = whole.given([mass])
    np.testing.assert_allclose(in_pieces(places), at_once(places), rtol=1e-13)
    np.testing.assert_allclose(in_pieces.deviation(places), at_once.deviation(places), rtol=1e-12)
    assert in_pieces.samples(places, 2, seed=0).shape == (2, 11, 1)


def test_derivatives_add_up_and_their_integrals_can_be_known(polynomials):
    slope = polynomials(LINE, 3).derivative([1])
    assert slope.derivative([1]).orders == (2,)
    # int u' = u(1) - u(0)
    found = slope.given([Integral.over_space(LINE, "u", 4.0)])
    ends = np.array([[0.0], [1.0]])
    assert np.diff(WeightPosterior(LINE, found.weights, found.features)(ends)[:, 0])[0] == pytest.approx(4.0, rel=1e-13)


def test_parameters_are_those_that_were_learned(polynomials):
    estimate = Estimate.of_normal(2.0, 0.5)
    found = polynomials(LINE, 1, {"k": estimate})
    assert found.parameters == found.given([]).parameters == found.derivative([1]).parameters == {"k": estimate}


def test_a_deviation_is_no_function_to_differentiate_and_other_fields_have_none(polynomials):
    with pytest.raises(UnsupportedProblem, match=r"field\.derivative\(orders\)\.deviation"):
        polynomials(LINE, 1).deviation.derivative([1])
    assert polynomials(LINE, 1).deviation.deviation is None
    exact = ExactField(LINE, lambda points: points)
    assert exact.deviation is None


def test_what_cannot_be_conditioned_on_is_refused_in_words(polynomials):
    line = polynomials(LINE, 1)
    with pytest.raises(ValueError, match="none of its unknowns u"):
        line.given([Integral("v", np.zeros((1, 1)), np.ones(1), 0.0)])
    with pytest.raises(ValueError, match="give them a deviation"):
        line.given([Integral.over_space(LINE, "u", 1.0), Integral.over_space(LINE, "u", 2.0)])
    with pytest.raises(ValueError, match="give \\(n, 1\\)"):
        line.given([Integral("u", np.zeros((1, 2)), np.ones(1), 0.0)])
    with pytest.raises(ValueError, match="at least one"):
        line.samples(np.zeros((1, 1)), 0, seed=0)


def test_a_value_out_of_reach_is_told_of_and_obeyed(polynomials):
    # int u has the deviation sqrt(1 + 1/4); ten of them are 11.18.
    line = polynomials(LINE, 1)
    mass = Integral.over_space(LINE, "u", 10 * math.sqrt(1.25))
    with pytest.warns(UserWarning, match=r"is 11\.2 away from 11\.1803, 10 of its standard deviations"):
        found = line.given([mass])
    assert mass.of(found(mass.points)[:, 0]) == pytest.approx(mass.value, rel=1e-14)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        line.given([Integral.over_space(LINE, "u", mass.value, deviation=2.0)])
        # What is known already is no surprise, whatever its rounding.
        found.given([mass])
