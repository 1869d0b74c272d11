from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab import UnsupportedProblem
from pinnlab.forms.evaluate import Program, evaluate, on_points
from pinnlab.forms.pointwise import Pointwise

x, y = sp.symbols("x y", real=True)
X = np.linspace(-0.9, 0.9, 13)
Y = np.linspace(0.2, 1.7, 13)

EXPRESSIONS = [
    sp.sqrt(2) * x,
    x**2 / 2 - 3 * x**7 + x**-3,
    y ** sp.Rational(1, 2) + y ** sp.Rational(-1, 2) + y ** sp.Rational(5, 3) + y**x,
    2**x + sp.pi * sp.E + x**20,
    sp.sin(x) * sp.cos(y) + sp.tan(x) + sp.atan2(x, y) + sp.atan2(1, x),
    sp.sinh(x) + sp.cosh(x) + sp.tanh(x) + sp.sech(x) + sp.csch(y) + sp.coth(y),
    sp.asin(x) + sp.acos(x) + sp.atan(x) + sp.asinh(x) + sp.acosh(1 + y) + sp.atanh(x),
    sp.exp(-(x**2)) * sp.log(y) + sp.Abs(x) + sp.sign(x) + sp.floor(3 * x + sp.Rational(1, 7)),
    sp.erf(x) + sp.erfc(x) + sp.sinc(3 * x),
    sp.besselj(0, x) + sp.besselj(1, x) + sp.bessely(0, y) + sp.bessely(1, y),
    sp.Max(x, 0) + sp.Min(x, y, sp.Rational(1, 3)) + sp.Max(x, y, -y),
    sp.Heaviside(x - 1) + sp.Heaviside(x) * x + sp.Heaviside(x - y, sp.Rational(3, 10)),
    sp.Piecewise((sp.Float("0.1"), x < 0), (sp.Float("0.2"), True)),
    sp.Piecewise((x**2, (x < 0) & (y > 1)), (y, (x >= sp.Rational(1, 2)) | (y <= sp.Rational(1, 2))), (x, True)),
    sp.Piecewise((1, sp.Not(sp.And(x < 0, y < 1))), (2, True)),
]


def slow(e: sp.Expr) -> np.ndarray:
    numbers = [e.subs({x: sp.Float(a, 30), y: sp.Float(b, 30)}) for a, b in zip(X, Y, strict=True)]
    return np.array([float(sp.N(n, 20)) for n in numbers])


@pytest.mark.parametrize("e", EXPRESSIONS, ids=str)
def test_numpy_and_torch_agree_with_sympy(e):
    expected = slow(e)
    np.testing.assert_allclose(np.broadcast_to(evaluate(e, {x: X, y: Y}), 13), expected, rtol=1e-13, atol=1e-14)
    tensor = evaluate(e, {x: torch.tensor(X), y: torch.tensor(Y)})
    assert tensor.dtype == torch.float64
    np.testing.assert_allclose(tensor.numpy(), expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("e", EXPRESSIONS, ids=str)
def test_the_precision_of_a_tensor_is_kept(e):
    assert evaluate(e, {x: torch.tensor(X).float(), y: torch.tensor(Y).float()}).dtype == torch.float32


@pytest.mark.parametrize("e", [e for e in EXPRESSIONS if not e.has(sp.bessely)], ids=str)
def test_plain_numbers_are_arguments_too(e):
    value = evaluate(e, {x: 0.3, y: 0.7})
    assert float(value) == pytest.approx(float(sp.N(e.subs({x: 0.3, y: 0.7}))), rel=1e-13)


def test_gradients_flow_through_tensors():
    a = torch.tensor(X, requires_grad=True)
    evaluate(x**3 + sp.sin(sp.sqrt(2) * x), {x: a}).sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), 3 * X**2 + math.sqrt(2) * np.cos(math.sqrt(2) * X), rtol=1e-14)


def test_constants_come_back_as_numbers():
    assert Program([sp.pi / 2, sp.Integer(0)], [x])(X) == [math.pi / 2, 0.0]


def test_a_common_subexpression_is_evaluated_once():
    e = sp.cos(sp.exp(x))
    # exp, cos, the sum and the square; the constant 1 is no operation.
    assert len(Program([e, e + 1, e**2], [x])._operations) == 4


def test_a_symbol_without_value_is_refused():
    with pytest.raises(UnsupportedProblem, match="no value for the symbol y"):
        Program([x + y], [x])


@pytest.mark.parametrize("e", [sp.zeta(x), sp.Function("q")(x), sp.Derivative(sp.Function("q")(x), x)], ids=str)
def test_a_function_without_counterpart_is_refused_by_name(e):
    with pytest.raises(UnsupportedProblem, match="no numerical counterpart"):
        Program([e], [x])


def test_torch_refuses_bessel_functions_it_does_not_have():
    e = sp.besselj(2, x)
    np.testing.assert_allclose(evaluate(e, {x: X}), slow(e), atol=1e-15)
    with pytest.raises(UnsupportedProblem, match="order 0 and 1 only"):
        evaluate(e, {x: torch.tensor(X)})


def test_the_number_of_arguments_is_checked():
    with pytest.raises(ValueError, match="takes 1 arguments, got 2"):
        Program([x], [x])(X, Y)


def test_on_points_has_one_row_per_point_and_one_column_per_expression():
    values = on_points([x * y, sp.Integer(3)], (x, y))(np.column_stack([X, Y]))
    np.testing.assert_array_equal(values, np.column_stack([X * Y, np.full(13, 3.0)]))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_residuals_of_random_problems_agree_with_sympy(random_problems, data):
    form = Pointwise.of(data.draw(random_problems))
    symbols = [*form.coordinates, *form.symbols]
    values = np.random.default_rng(3).uniform(-1, 1, len(symbols))
    program = Program(form.residuals, symbols)
    in_torch = program(*torch.tensor(values))
    in_numpy = program(*values)
    for e, a, b in zip(form.residuals, in_numpy, in_torch, strict=True):
        exact = float(e.subs(dict(zip(symbols, map(sp.Float, values), strict=True))))
        assert float(a) == pytest.approx(exact, rel=1e-11, abs=1e-12)
        assert float(b) == pytest.approx(exact, rel=1e-11, abs=1e-12)
