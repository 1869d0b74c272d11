"""Misfits of noisy values: what noise explains, by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Observations, Problem, dirichlet
from pinnlab.field import Field
from pinnlab.gps.misfit import Misfits
from pinnlab.gps.placement import Scattered
from pinnlab.gps.system import clouds_of

x = sp.Symbol("x", real=True)
u = sp.Function("u")(x)
LINE = Problem("line", [D(u, x) - 2], [u], Box({x: (0, 1)}), [dirichlet(u, 1, on="left")])


@dataclass(frozen=True, eq=False)
class Flat(Field):
    """A constant with a constant deviation."""

    problem: Problem
    value: float
    spread: float | None = None

    def __call__(self, points):
        return np.full((len(points), 1), self.value)

    def derivative(self, orders):
        return self if not any(orders) else Flat(self.problem, 0.0, self.spread)

    @property
    def deviation(self):
        return None if self.spread is None else Flat(self.problem, self.spread)


def observed(values, noise, field):
    places = np.linspace(0, 1, len(values))[:, None]
    (found,) = Misfits.of_observations(LINE, field, [Observations(places, np.array(values), noise)])
    return found


def test_a_mean_of_four_values_by_hand():
    # The mean 3 of 1, 2, 3, 6 takes one degree of freedom, h = 1/4 of each: the squares of the misses, 4 + 1 + 0 + 9,
    # are sigma^2 (n - 1) in expectation, and the last misses by 3 / (sigma sqrt(3/4)).
    found = observed([1, 2, 3, 6], 1.0, Flat(LINE, 3.0, 0.5))
    np.testing.assert_allclose(found.misses, [-2, -1, 0, 3])
    np.testing.assert_allclose(found.fitted, 0.25)
    assert found.ratio == pytest.approx((14 / 3) ** 0.5)
    assert found.standardised[3] == pytest.approx(3 / 0.75**0.5)
    # P(chi^2_3 > 14) = 0.003 is no surprise; P(chi^2_3 > 56) = 4e-12 is.
    assert not found.is_surprising
    half = observed([1, 2, 3, 6], 0.5, Flat(LINE, 3.0, 0.25))
    assert half.is_surprising
    assert half.what == "observed u"
    text = half.remark(LINE)
    assert "(x = 1)" in text
    assert f"{half.standardised[3]:.3g} standard deviations" in text
    assert f"{half.ratio:.3g} times" in text


def test_one_value_that_stands_alone_is_found_among_many():
    values = np.zeros(400)
    values[100] = 5.2
    assert observed(values, 1.0, Flat(LINE, 0.0)).is_surprising
    values[100] = 4.8
    assert not observed(values, 1.0, Flat(LINE, 0.0)).is_surprising


def test_honest_noise_is_no_surprise_and_half_of_it_is():
    rng = np.random.default_rng(0)
    for _ in range(200):
        values = rng.standard_normal(40)
        field = Flat(LINE, float(values.mean()), 40**-0.5)
        assert not observed(values, 1.0, field).is_surprising
        assert observed(values, 0.4, field).is_surprising


def test_values_that_are_fitted_wholly_tell_nothing():
    assert not observed([1.0], 1.0, Flat(LINE, 1.001, 1.0)).is_surprising


def test_conditions_with_noise_are_judged_alike():
    _, left = clouds_of(LINE, Scattered(8), 0, torch.device("cpu"))
    (found,) = Misfits.of_conditions(LINE, Flat(LINE, 1.6, 0.05), [(left, 0.1)])
    # u(0) = 1 up to 0.1 and the answer 1.6 up to 0.05: six deviations away, and h = 1/4.
    assert abs(found.misses[0]) == pytest.approx(6)
    np.testing.assert_allclose(found.fitted, 0.25)
    assert found.is_surprising
    assert "condition on 'left'" in found.remark(LINE)
    (close,) = Misfits.of_conditions(LINE, Flat(LINE, 1.1, 0.05), [(left, 0.1)])
    assert not close.is_surprising
