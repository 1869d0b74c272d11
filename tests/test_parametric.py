"""Exact solutions that follow the parameters of their problem."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Problem, initial, parameter
from pinnlab.parametric import Parametric

t = sp.Symbol("t", real=True)
u = sp.Function("u")(t)
rate, start = parameter("rate", 2), parameter("start", 3)


def decay(points, rate, start):
    return start * np.exp(-rate * points)


@pytest.fixture
def problem():
    box = Box({t: (0, 1)})
    exact = Parametric(decay, rate, start)
    return Problem("decay", [D(u, t) + rate * u], [u], box, [initial(u, start)], t, reference=exact)


def test_it_is_the_function_at_the_values_of_its_parameters():
    found = Parametric(decay, rate, start)(np.array([[0.0], [0.5]]))
    np.testing.assert_allclose(found, [[3.0], [3 * np.exp(-1)]], rtol=1e-15)


def test_it_follows_one_parameter_and_keeps_the_other(problem):
    found = problem.with_parameters(rate=4).reference(np.array([[0.5]]))
    assert found[0, 0] == pytest.approx(3 * np.exp(-2), rel=1e-15)
    assert problem.reference(np.array([[0.5]]))[0, 0] == pytest.approx(3 * np.exp(-1), rel=1e-15)


def test_it_follows_twice(problem):
    twice = problem.with_parameters(rate=4).with_parameters(start=1)
    assert twice.reference(np.array([[0.5]]))[0, 0] == pytest.approx(np.exp(-2), rel=1e-15)


def test_it_is_dropped_where_a_coefficient_varies(problem):
    assert problem.with_parameters(rate=1 + t).reference is None


def test_it_is_dropped_for_a_parameter_that_it_does_not_know():
    exact = Parametric(decay, rate)
    assert exact.replaced({start: parameter("start", 1)}) is None
    assert exact.replaced({rate: parameter("rate", 1)}) == Parametric(decay, parameter("rate", 1))


@pytest.mark.parametrize(
    "wrong", [(), (sp.Symbol("a"),), (parameter("a", t),), (parameter("a", unknown=True, guess=1),)]
)
def test_parameters_without_a_number_are_refused(wrong):
    with pytest.raises(ValueError, match="Parametric"):
        Parametric(decay, *wrong)
