"""Problems at several values of a parameter: the same rows, with the values among the coefficients."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Mlp, Pinn, Problem, dirichlet, parameter
from pinnlab.swept_parameters import SweptRows, swept_methods

x = sp.Symbol("x", real=True)
CPU = torch.device("cpu")


def problem(a=1.0, b=2.0):
    """a u'' + b x = 0 with u = 0 and u = b at the ends."""
    u = sp.Function("u")(x)
    a, b = parameter("a", a), parameter("b", b)
    conditions = [dirichlet(u, 0, on="left"), dirichlet(u, b, on="right")]
    return Problem("line", [a * D(u, x, 2) + b * x], [u], Box({x: (0, 1)}), conditions)


def residuals(method, theta, points):
    rows = method._equations
    return rows(theta, points, rows.extras(points, points.new_zeros(len(points), 1)))


def test_rows_at_a_value_are_those_of_the_problem_with_that_value():
    pinn, values = Pinn(Mlp(4, 2)), [{"a": 0.5, "b": 2.0}, {"a": -3.0, "b": 0.0}]
    methods = swept_methods(pinn, problem(), values, CPU)
    points = torch.linspace(0, 1, 7, dtype=torch.float64)[:, None]
    for method, own in zip(methods, values, strict=True):
        alone = pinn.compile(problem(**own), CPU)
        theta = alone.init(3).theta
        torch.testing.assert_close(
            residuals(method, theta, points), residuals(alone, theta, points), rtol=1e-13, atol=0
        )
        assert method.problem.sha256 == problem(**own).sha256


def test_one_function_serves_all_values_which_are_in_the_extras():
    first, second = swept_methods(Pinn(Mlp(4, 2)), problem(), [{"b": 2.0}, {"b": 5.0}], CPU)
    assert isinstance(first._equations, SweptRows)
    assert first._equations.hoisted is second._equations.hoisted
    theta, points = first.init(0).theta, torch.tensor([[0.25], [0.5]], dtype=torch.float64)
    extras = second._equations.extras(points, torch.zeros(2, 1, dtype=torch.float64))
    crossed = first._equations(theta, points, extras)
    torch.testing.assert_close(crossed, residuals(second, theta, points), rtol=0, atol=0)
    # The network is the same, so that only b x and the lift b x, whose curvature is zero, differ: 3 x.
    missed = crossed - residuals(first, theta, points)
    np.testing.assert_allclose(missed.detach(), 3 * points, rtol=1e-12)


def test_parameters_that_are_not_swept_keep_their_value():
    (method,) = swept_methods(Pinn(Mlp(4, 2)), problem(a=7.0), [{"b": 2.0}], CPU)
    assert [float(p.value) for p in method.problem.parameters] == [7.0, 2.0]
    assert [p.name for p in method._equations.values] == ["b"]


def test_a_name_that_the_problem_lacks_is_refused():
    with pytest.raises(ValueError, match="no parameter 'c'"):
        swept_methods(Pinn(), problem(), [{"c": 1.0}], CPU)
