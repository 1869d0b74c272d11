"""Scores of standard deviations: by hand, by integration, over many problems, and what is left open."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab import Box, D, Problem, dirichlet, initial
from pinnlab.calibration import COVERAGE, CRPS, DEVIATION, SCORES, WITHIN_90, calibration, coverage, crps
from pinnlab.field import ExactField, Field
from pinnlab.integral import Integral

t, x = sp.symbols("t x", real=True)
U = sp.Function("u")(x)
LINE = Problem("line", [D(U, x, 2)], [U], Box({x: (0, 1)}), [dirichlet(U, 0)], reference=sp.sin(sp.pi * x))


@dataclass(frozen=True)
class Told(Field):
    """Values and deviations as functions of the points `(n, dim)`."""

    problem: Problem
    values: object
    spread: object = field(default=None)

    def __call__(self, points):
        return np.asarray(self.values(points), float).reshape(len(points), -1)

    def derivative(self, orders):
        raise AssertionError("nobody asks for it")

    @property
    def deviation(self):
        return None if self.spread is None else Told(self.problem, self.spread)


def exact(points):
    return np.sin(np.pi * points)


def test_the_ranked_probability_score_by_hand():
    # 2 φ(0) - 1/√π = 0.797885 - 0.564190; 2 Φ(1) - 1 + 2 φ(1) - 1/√π = 0.682689 + 0.483941 - 0.564190.
    np.testing.assert_allclose(crps(np.array([0.0, 1.0, -1.0]), np.ones(3)), [0.233695, 0.602440, 0.602440], atol=3e-6)
    # Ten times all, and what is certain counts with its error.
    np.testing.assert_allclose(
        crps(np.array([10.0, -3.0, 0.0]), np.array([10.0, 0.0, 0.0])), [6.02440, 3.0, 0.0], rtol=1e-5
    )
    assert crps(np.array(1.0), np.array(1e-310)) == 1.0


@settings(max_examples=25, deadline=None)
@given(error=st.floats(-4, 4), deviation=st.floats(0.2, 3))
def test_it_is_the_integral_of_the_squared_difference_of_distributions(error, deviation):
    from scipy.special import ndtr

    y = np.linspace(-40, 40, 80_001)
    square = (ndtr(y / deviation) - (y >= error)) ** 2
    assert crps(np.array(error), np.array(deviation)) == pytest.approx(np.trapezoid(square, y), abs=6e-4)


def test_the_share_within_90_percent_by_hand():
    errors = np.array([0.0, 1.0, -1.6, 3.0])
    assert coverage(errors, np.ones(4)).value == 0.75
    # Φ(1.6449) - Φ(-1.6449) = 0.9
    assert math.erf(WITHIN_90 / math.sqrt(2)) == pytest.approx(0.9, abs=1e-12)
    # What is known to rounding is not counted; what is wrong without doubt is.
    assert coverage(np.array([0.0, 1e-15, 1e-3]), np.array([1.0, 0.0, 0.0]), rounding=1e-12).value == 0.5
    assert coverage(np.zeros(3), np.zeros(3), rounding=1e-12).reason.startswith("every value is known to rounding")


def test_a_share_that_the_reference_leaves_open_is_not_told():
    errors, ones = np.array([0.0, 1.0, 2.0, 3.0]), np.ones(4)
    # The third may be 1.5 or 2.5, within or beyond 1.6449.
    open_ = coverage(errors, ones, off=0.5)
    assert open_.value is None
    assert open_.reason == "the reference's own bound 5.0e-01 leaves it open between 0.50 and 0.75"
    assert coverage(errors, ones, off=0.3).value == 0.5
    # One of a hundred may go either way: it is told, with what it may be off by.
    many = coverage(np.r_[np.zeros(89), 1.7, np.full(10, 9.0)], np.ones(100), off=0.1)
    assert (many.value, many.bound) == (0.89, pytest.approx(0.01))
    # A deviation that is far too small is told even below the bound.
    assert coverage(np.full(4, 5.0), np.full(4, 0.1), off=1.0).value == 0.0


def test_a_field_without_deviation_has_no_scores_and_one_with_it_has_three():
    truth = ExactField.of(LINE)
    assert calibration(truth, truth, {}) == {}
    off_by_one = Told(LINE, lambda p: exact(p) + 1, lambda p: np.full(len(p), 2.0))
    found = calibration(off_by_one, truth, {})
    assert tuple(found) == SCORES
    rms = math.sqrt(0.5)  # of the sine; the grid's trapezoid is a plain mean, off by 1 / n
    assert found[COVERAGE].value == 1.0
    # 2 crps(1/2) = 2 (0.5 (2 Φ(0.5) - 1) + 2 φ(0.5) - 1/√π) = 2 (0.191462 + 0.704131 - 0.564190)
    assert found[CRPS].value == pytest.approx(0.662806 / rms, rel=1e-3)
    assert found[DEVIATION].value == pytest.approx(2 / rms, rel=1e-3)
    assert all(score.bound == 0 for score in found.values())


def test_the_bounds_of_the_reference_reach_the_scores():
    tight = Told(LINE, lambda p: exact(p) + 1e-9, lambda p: np.full(len(p), 1e-9))
    found = calibration(tight, ExactField.of(LINE), {"max_error": 1e-6, "relative_l2": 3e-7})
    assert found[COVERAGE].value is None
    assert "leaves it open between 0.00 and 1.00" in found[COVERAGE].reason
    assert found[CRPS].bound == 3e-7
    unbounded = calibration(tight, ExactField.of(LINE), {"relative_l2": 3e-7})
    assert unbounded[COVERAGE].value is None


def test_values_given_on_the_boundary_do_not_count():
    grown = Told(LINE, lambda p: 1.2 * exact(p), lambda p: 0.1 * exact(p))
    # Beyond the ends the error is two deviations everywhere.
    assert calibration(grown, ExactField.of(LINE), {})[COVERAGE].value == 0.0


def test_scores_that_cannot_be_given_say_why():
    truth = ExactField.of(LINE)
    endless = Told(LINE, exact, lambda p: np.full(len(p), np.inf))
    assert {s.reason for s in calibration(endless, truth, {}).values()} == {
        "the answer, its deviation or the truth is not finite"
    }
    free = Problem("free", [D(U, x, 2) - 1], [U], Box({x: (0, 1)}, periodic=[x]), [], reference=x)
    found = calibration(Told(free, exact, exact), Told(free, exact), {})
    assert {s.reason for s in found.values()} == {"all unknowns are free up to a constant"}


def test_over_many_problems_with_noise_ninety_percent_of_the_truth_is_covered(polynomials):
    prior, rng = polynomials(LINE, 4), np.random.default_rng(5)
    places, noise = np.linspace(0.05, 0.95, 8)[:, None], 0.2
    everywhere = np.linspace(0, 1, 101)[:, None]
    shares, scores = [], {1.0: [], 0.5: [], 2.0: []}
    for seed in range(200):
        truth = replace(prior, weights=replace(prior.weights, mean=prior.weights.samples(1, generator(seed))[0]))
        values = truth(places)[:, 0] + noise * rng.standard_normal(len(places))
        data = [Integral("u", p[None], np.ones(1), v, noise) for p, v in zip(places, values, strict=True)]
        found = prior.given(data)
        error, deviation = truth(everywhere) - found(everywhere), found.deviation(everywhere)
        shares.append(coverage(error, deviation).value)
        for factor, means in scores.items():
            means.append(crps(error, factor * deviation).mean())
    assert np.mean(shares) == pytest.approx(0.9, abs=0.03)
    # The score is proper: deviations that are too small or too large are worse.
    assert np.mean(scores[1.0]) < min(np.mean(scores[0.5]), np.mean(scores[2.0]))


def generator(seed):
    import torch

    return torch.Generator().manual_seed(seed)


def test_two_unknowns_are_counted_together_and_at_all_times(polynomials):
    v, w = sp.Function("v")(t, x), sp.Function("w")(t, x)
    pair = Problem(
        "pair", [D(v, t) - D(w, x), D(w, t) - D(v, x)], [v, w], Box({t: (0, 1), x: (0, 1)}, periodic=[x]),
        [initial(v, 0), initial(w, 0)], t,
    )  # fmt: skip
    one_right = Told(pair, lambda p: np.zeros((len(p), 2)), lambda p: np.ones((len(p), 2)))
    truth = Told(pair, lambda p: np.column_stack([np.ones(len(p)), 3 * np.ones(len(p))]))
    assert calibration(one_right, truth, {})[COVERAGE].value == 0.5
