"""Ranges of frequencies from data and answers."""

import math

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial
from pinnlab.field import ExactField
from pinnlab.gps.spectrum import (
    HIGHEST,
    LEAST,
    FoundSpectrum,
    degree,
    finest,
    nodes_for,
    range_of_answer,
    range_of_data,
)

t, x, y = sp.symbols("t x y", real=True)
u = sp.Function("u")


def test_the_degree_of_a_polynomial_is_its_degree():
    assert degree(lambda s: 3 * s**7 - s) == 7
    assert degree(lambda s: np.ones_like(s)) == 0


def test_the_degree_of_a_wave_is_a_little_more_than_its_frequency():
    for k in (20.0, 100.37, 628.0):
        found = degree(lambda s, k=k: np.cos(k * s))
        assert k < found < k + 12 * k ** (1 / 3)


def test_kinks_and_numbers_that_are_not_finite_have_no_degree():
    assert degree(np.abs) is None
    assert degree(lambda s: np.full_like(s, np.nan)) is None
    assert HIGHEST < 10_000


def test_a_small_function_beside_a_large_one_does_not_count():
    noise = np.random.default_rng(0)
    both = lambda s: np.column_stack([np.cos(3 * s), 1e-14 * noise.standard_normal(len(s))])  # noqa: E731
    assert degree(both) < 32


def membrane(f, g):
    v = u(x, y)
    return Problem(
        name="membrane",
        equations=[D(v, x, 2) + D(v, y, 2) - f],
        unknowns=[v],
        domain=Box({x: (0, 2), y: (0, 1)}),
        conditions=[dirichlet(v, g)],
    )


def test_the_range_comes_from_the_forcing_and_the_conditions_of_each_coordinate():
    found = range_of_data(membrane(sp.sin(90 * x), sp.cos(150 * y)))
    assert 90 < found.top[0] < 140
    assert 150 < found.top[1] < 230
    assert found.resolved == (True, True)


def test_without_data_the_range_is_the_least():
    found = range_of_data(membrane(sp.Integer(1), sp.Integer(0)))
    assert found.top == (LEAST / 1.0, LEAST / 0.5)


def test_data_with_a_kink_are_not_resolved():
    assert range_of_data(membrane(sp.Abs(x - 1), sp.Integer(0))).resolved == (False, True)


def test_coefficients_and_initial_data_count():
    v = u(t, x)
    problem = Problem(
        name="medium",
        equations=[D(v, t) - (2 + sp.sin(40 * t)) * D(v, x, 2)],
        unknowns=[v],
        domain=Box({t: (0, 1), x: (-1, 1)}),
        conditions=[initial(v, sp.sin(25 * sp.pi * x)), dirichlet(v, 0)],
        time=t,
    )
    found = range_of_data(problem)
    assert 40 < found.top[0] < 90
    assert 25 * math.pi < found.top[1] < 140


def test_the_range_of_an_answer_is_its_own():
    problem = membrane(sp.Integer(1), sp.Integer(0))
    exact = ExactField(problem, lambda p: np.sin(60 * p[:, :1]) * p[:, 1:])
    found = range_of_answer(exact, 1e-10)
    assert 60 < found.top[0] < 100
    assert found.top[1] == LEAST / 0.5


def test_nodes_resolve_the_range():
    problem = membrane(sp.Integer(1), sp.Integer(0))
    counts = nodes_for(problem, (100.0, 30.0))
    assert all(a > b for a, b in zip(finest(problem, counts), (100.0, 30.0), strict=True))
    # Chebyshev nodes are pi L / (2 n) apart in the middle, and two of them make a wave.
    assert finest(problem, (50, 10))[0] == pytest.approx(math.pi / (math.pi * 2 / 100))


def test_the_first_variances_are_those_of_a_matern_kernel_and_sum_to_one():
    rule = FoundSpectrum()
    first, _ = rule.lines(membrane(sp.Integer(1), sp.Integer(0)), (40.0, 40.0), math.inf)
    assert float(first.variances.sum()) == pytest.approx(1)
    at = 6
    k = float(first.frequencies[at])
    assert float(first.variances[at] / first.variances[0]) == pytest.approx((1 + (2 * k / 40) ** 2) ** -3)


def test_settings_are_checked():
    with pytest.raises(ValueError, match="cuts frequencies"):
        FoundSpectrum(margin=0.5)
    with pytest.raises(ValueError, match="let them increase"):
        FoundSpectrum(widths=(math.inf, 0.04))
    with pytest.raises(ValueError, match="rounds"):
        FoundSpectrum(rounds=0)
