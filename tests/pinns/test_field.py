"""A trained network as a field: values, expressions, parameters."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnlab.pinns.field as module
from pinnlab import Box, D, Mlp, Pinn, Problem, dirichlet, parameter
from pinnlab.observations import Observations
from pinnlab.symbols import unknown_function

x = sp.Symbol("x", real=True)
u = sp.Function("u")(x)
POINTS = np.linspace(0, 2, 25)[:, None]


def field(equation, **settings):
    problem = Problem("line", [equation], [u], Box({x: (0, 2)}), [dirichlet(u, 1)])
    method = Pinn(network=Mlp(width=6, depth=2), **settings).compile(problem)
    return method.field(method.init(0))


def test_fields_take_no_points_and_many(monkeypatch):
    found = field(D(u, x, 2) - u)
    assert found(np.zeros((0, 1))).shape == (0, 1)
    whole = found(POINTS)
    monkeypatch.setattr(module, "EVALUATION_CHUNK", 7)
    np.testing.assert_allclose(found(POINTS), whole, rtol=1e-14)


def test_expressions_are_evaluated_with_exact_derivatives():
    found = field(D(u, x, 2) - u)
    k = parameter("k", 3)
    values = found.evaluate([u**2 + k * x, D(u * D(u, x), x), sp.Integer(2)], POINTS)
    n, n1, n2 = (found.derivative((i,))(POINTS)[:, 0] for i in range(3))
    np.testing.assert_allclose(values[:, 0], n**2 + 3 * POINTS[:, 0], rtol=1e-13)
    np.testing.assert_allclose(values[:, 1], n1**2 + n * n2, rtol=1e-9, atol=1e-12)
    assert (values[:, 2] == 2).all()


def test_unknown_parameters_and_functions_are_evaluated_as_learned():
    nu, f = parameter("nu", unknown=True, guess=0.25), unknown_function("f", u)
    data = Observations([[1.0]], [[1.0]], 0.1)
    found = field(nu * D(u, x, 2) - f, observations=data)
    (values,) = found.evaluate([nu * u, f], POINTS[:1])
    assert values[0] == pytest.approx(0.25)
    network = found.trained.functions["f"].bind(found.theta[found.trained.network.size :])
    assert values[1] == pytest.approx(float(network(found.theta.new_ones(1, 1))[0, 0]))


def test_a_problem_without_unknown_parameters_has_no_estimates():
    assert field(D(u, x, 2) - u).parameters == {}
