"""Sparse regression: which terms are kept, their coefficients and errors."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Problem, UnsupportedProblem, dirichlet
from pinnlab.errors import SolveFailed
from pinnlab.field import ExactField
from pinnlab.sparse_regression import sparse_regression, thresholded
from pinnlab.symbols import unknown_function

x = sp.Symbol("x", real=True)
u = sp.Function("u")(x)
PROBLEM = Problem("wave", [D(u, x, 2) + u], [u], Box({x: (0, 3)}), [dirichlet(u, 0)], reference=sp.sin(x))
FIELD = ExactField.of(PROBLEM)


def test_an_equation_is_found_from_its_solution():
    model = sparse_regression(FIELD, D(u, x, 2), [1, u, D(u, x), u**2, x], threshold=0.1)
    assert model.terms == (u,)
    assert model.coefficients == pytest.approx([-1.0])
    assert model.misfit < 1e-12
    assert model.expression.subs(u, 2) == pytest.approx(-2.0)
    assert str(model).startswith("Derivative(u(x), (x, 2)) = (-1 ± ")


def test_what_is_below_the_threshold_is_dropped_and_the_rest_is_fitted_anew():
    # Orthonormal columns: the first fit is (1, 0.05, 0.2); the second column goes.
    matrix, y = np.eye(4)[:, :3], np.array([1.0, 0.05, 0.2, 0.0])
    assert thresholded(matrix, y, 0.1).tolist() == [True, False, True]
    assert thresholded(matrix, y, 2.0).tolist() == [False, False, False]


def test_thresholding_goes_on_until_nothing_changes():
    # With both columns the coefficients are (1, -0.95); alone, the first is (1 - 0.95 * 0.995) = 0.05, below 0.1.
    c = 0.995
    matrix = np.array([[1.0, c], [0.0, np.sqrt(1 - c * c)]])
    y = matrix @ np.array([1.0, -0.95])
    assert thresholded(matrix, y, 0.98).tolist() == [False, False]
    assert thresholded(matrix, y, 0.9).tolist() == [True, True]


def test_errors_are_those_of_linear_regression():
    points = np.array([[0.0], [1.0], [2.0]])
    values = np.array([0.0, 1.0, 1.0])
    problem = Problem("p", [D(u, x, 2)], [u], Box({x: (0, 2)}), [dirichlet(u, 0)])
    found = ExactField(problem, lambda p: values[:, None])
    model = sparse_regression(found, u, [1, x], threshold=0.01, points=points)
    # As by hand: intercept 1/6, slope 1/2, s^2 = 1/6, Var = s^2 (1/3 + 1/2) and s^2 / 2.
    assert model.coefficients == pytest.approx([1 / 6, 1 / 2])
    assert model.standard_errors == pytest.approx([np.sqrt(5 / 36), np.sqrt(1 / 12)])
    assert model.misfit == pytest.approx(np.sqrt(1 / 12))


def test_nothing_above_the_threshold_gives_zero():
    model = sparse_regression(FIELD, u, [x], threshold=100.0)
    assert model.expression == 0
    assert model.misfit == 1.0
    assert str(model) == "u(x) = 0"


@pytest.mark.parametrize(
    ("library", "options", "message"),
    [
        ([], {"threshold": 0.1}, "0 terms and threshold 0.1"),
        ([u], {"threshold": 0.0}, "1 terms and threshold 0.0"),
        ([u, 1], {"threshold": 0.1, "points": 2}, "2 points for 2 terms; give more"),
        ([u, 2 * u, 1], {"threshold": 0.1}, r"u\(x\), 2\*u\(x\) depend on one another"),
        ([u, D(u, x, 2) + u], {"threshold": 0.1}, "is 0 at all points|depend on one another"),
    ],
)
def test_bad_libraries_are_refused(library, options, message):
    with pytest.raises(ValueError, match=message):
        sparse_regression(FIELD, u, library, **options)


def test_terms_that_are_not_finite_are_refused():
    with np.errstate(all="ignore"), pytest.raises(SolveFailed, match=r"log\(-u\(x\)\) is not finite"):
        sparse_regression(FIELD, u, [sp.log(-u)], threshold=0.1)


def test_a_field_without_networks_knows_no_unknown_function():
    with pytest.raises(UnsupportedProblem, match=r"knows nothing of f\(u\(x\)\); solve it with Pinn"):
        sparse_regression(FIELD, unknown_function("f", u), [u], threshold=0.1)


@pytest.mark.parametrize("points", [[0.1, 0.2, 0.3], 2000.0, np.linspace(0, 3, 50), np.zeros((50, 2))])
def test_points_that_are_neither_a_number_nor_rows_are_refused(points):
    with pytest.raises(ValueError, match=r"points are .*give a whole number, or an array \(n, 1\) with the columns x"):
        sparse_regression(FIELD, D(u, x, 2), [u], threshold=0.1, points=points)
