"""Residuals at fresh points."""

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Problem, dirichlet
from pinnlab.field import ExactField
from pinnlab.gps.judgement import fresh_residual

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
