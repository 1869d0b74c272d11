"""Residuals at fresh points."""

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Problem, dirichlet, neumann
from pinnlab.field import ExactField
from pinnlab.gps.judgement import Freedom, freedom, fresh_residual
from pinnlab.numerics.gaussian_weights import GaussianWeights
from pinnlab.posterior import WeightPosterior

x = sp.Symbol("x", real=True)
u = sp.Function("u")(x)
PROBLEM = Problem(
    name="line", equations=[D(u, x) - 2 * u], unknowns=[u], domain=Box({x: (0, 1)}),
    conditions=[dirichlet(u, 1, on="left")],
)  # fmt: skip


def field(expression):
    replaced = Problem(
        name="line", equations=PROBLEM.equations, unknowns=[u], domain=PROBLEM.domain,
        conditions=PROBLEM.conditions, reference=expression,
    )  # fmt: skip
    return ExactField.of(replaced)


def test_a_solution_has_none():
    assert fresh_residual(PROBLEM, field(sp.exp(2 * x)), 0) < 1e-14


def test_it_is_relative_to_the_terms():
    # u' = u for exp(x): the residual is -u, its terms are u and -2 u, so that the ratio is 1 / sqrt(5) everywhere.
    assert fresh_residual(PROBLEM, field(sp.exp(x)), 0) == pytest.approx(5**-0.5)
    assert fresh_residual(PROBLEM, field(1000 * sp.exp(x)), 0) == pytest.approx(5**-0.5)


def test_the_points_follow_the_seed():
    wrong = field(sp.sin(9 * x))
    assert fresh_residual(PROBLEM, wrong, 0) == fresh_residual(PROBLEM, wrong, 0)
    assert fresh_residual(PROBLEM, wrong, 0) != fresh_residual(PROBLEM, wrong, 1)
    assert np.isfinite(fresh_residual(PROBLEM, wrong, 2))


def test_a_residual_that_is_no_number_is_not_passed_over():
    root = Problem(
        name="line", equations=[D(u, x) - sp.sqrt(u)], unknowns=[u], domain=Box({x: (-1, 1)}),
        conditions=[dirichlet(u, 1, on="left")], reference=x,
    )  # fmt: skip
    # Half of the points are below zero and count 1; above, 1 - sqrt(x) of terms that weigh 1 and x / 4.
    above = (1 - 2 * 2 / 3 + 1 / 2) / (1 + 1 / 8)
    assert fresh_residual(root, ExactField.of(root), 0) == pytest.approx(np.sqrt((1 + above) / 2), rel=0.1)


def judged(equations, exact, unknowns=(u,), ends=1):
    problem = Problem(
        name="line", equations=equations, unknowns=list(unknowns), domain=Box({x: (0, 2)}),
        conditions=[dirichlet(f, exact[f], on=side) for f in unknowns for side in ("left", "right")[:ends]],
        reference=exact,
    )  # fmt: skip
    return fresh_residual(problem, ExactField.of(problem), 0)


def test_rounding_beside_a_straight_line_is_no_residual():
    # u'' = 0 has one term, which is nothing but the residual; over the extent of 2 the unknown gives u / 4 in its
    # place, whose rms is 1 / (2 sqrt(3)); that of 1e-6 sin(100 x) is 1e-6 / sqrt(2), to a few per cent.
    exact = {u: x + sp.Float(1e-10) * sp.sin(100 * x)}
    assert judged([D(u, x, 2)], exact, ends=2) == pytest.approx(1e-6 * 6**0.5, rel=0.1)
    assert judged([D(u, x, 2) - 1e-9], {u: x}, ends=2) < 1e-8
    assert judged([D(u, x, 2)], {u: sp.sin(9 * x)}, ends=2) > 0.9


def test_an_unknown_that_is_as_good_as_zero_has_no_residual_of_its_own():
    v = sp.Function("v")(x)
    exact = {u: sp.exp(x), v: sp.Float(1e-13) * sp.sin(50 * x)}
    assert judged([D(u, x) - u, D(v, x) - v], exact, (u, v)) < 1e-5
    assert judged([D(u, x) - u, D(v, x) - v], {**exact, v: 1e-3 * sp.sin(50 * x)}, (u, v)) > 0.9


def test_terms_that_are_infinite_at_zero_are_left_out():
    # u' = log u + 1 for u = exp(x) is off by exp(x) - x - 1, and the terms are exp(x) and partial times u, which is 1.
    places = np.linspace(0, 2, 20_001)
    off, terms = np.exp(places) - places - 1, np.exp(2 * places) + 1
    expected = np.sqrt(np.mean(off**2) / np.mean(terms))
    assert judged([D(u, x) - sp.log(u) - 1], {u: sp.exp(x)}) == pytest.approx(expected, rel=0.1)


def loose(polynomials, conditions, directions, equation=None, mean=(0.0, 1.0, 0.0)):
    """Polynomials 1, x, x^2 that are uncertain along some directions."""
    problem = Problem(
        name="line", equations=[equation or D(u, x, 2)], unknowns=[u], domain=Box({x: (0, 1)}), conditions=conditions
    )
    factor = torch.tensor(directions, dtype=torch.float64).T
    weights = GaussianWeights(torch.tensor(mean, dtype=torch.float64), factor)
    posterior = WeightPosterior(problem, weights, polynomials(problem, 2).features)
    return problem, freedom(problem, posterior, 0)


def test_a_constant_is_free_where_only_slopes_are_given(polynomials):
    problem, found = loose(polynomials, [neumann(u, 1, on="right"), neumann(u, -1, on="left")], [[1e-3, 0, 0]])
    assert found.residual < 1e-12
    assert found.is_open
    # Eight draws of deviation 1e-3, and the size of x is 1 / sqrt(3).
    assert 3e-4 < found.deviation < 3e-3
    assert found.size == pytest.approx(3**-0.5, rel=0.05)
    assert "any multiple of a function" in found.remark(problem)
    assert "Observations" in found.remark(problem)


def test_a_constant_is_not_free_where_values_are_given(polynomials):
    problem, found = loose(polynomials, [dirichlet(u, x)], [[1e-3, 0, 0]])
    # Of a constant a condition on values gives all its terms.
    assert found.residual == pytest.approx(1.0)
    assert found.remark(problem) == ""


def test_the_least_certain_direction_is_the_one_that_is_judged(polynomials):
    slopes = [neumann(u, 1, on="right"), neumann(u, -1, on="left")]
    assert loose(polynomials, slopes, [[1e-3, 0, 0], [0, 0, 1e-9]])[1].is_open
    assert not loose(polynomials, slopes, [[1e-9, 0, 0], [0, 0, 1e-3]])[1].is_open


def test_an_equation_near_an_eigenvalue_is_told_from_one_at_it(polynomials):
    # For w = 1 the terms of u'' + k u = f are 1 (over the extent) and k: the residual is k / sqrt(1 + k^2).
    slopes = [neumann(u, 0)]
    for k, is_open in ((1e-2, False), (1e-3, False), (1e-5, True)):
        _, found = loose(polynomials, slopes, [[1.0, 0, 0]], D(u, x, 2) + k * u)
        assert found.residual == pytest.approx(k / np.hypot(1, k), rel=1e-9)
        assert found.is_open == is_open


def test_a_deviation_as_large_as_the_answer_is_said():
    problem = PROBLEM
    assert "is 2 of its size" in Freedom(0.9, "u", (0.5,), 2.0, 1.0).remark(problem)
    assert Freedom(0.9, "u", (0.5,), 0.1, 1.0).remark(problem) == ""
    assert Freedom(0.9, "u", (0.5,), 1e-12, 0.0).remark(problem) == ""
