import math

import pytest
import torch

from pinnlab.numerics.elementary import atan, cos, exp, log, power, sigmoid, sin, softplus, sqrt, tanh
from pinnlab.numerics.series import Series

DOUBLE = torch.float64


def variable(value, order=3):
    """value + s."""
    at, one = (torch.tensor([[[float(v)]]], dtype=DOUBLE) for v in (value, 1))
    return Series([at, one], (1,) * order)


# f(value + s) = sum_k c_k s^k, from tables of series.
CASES = {
    "tanh": (tanh, 0, [0, 1, 0, -1 / 3]),
    "sigmoid": (sigmoid, 0, [0.5, 0.25, 0, -1 / 48]),
    "exp": (exp, 0, [1, 1, 1 / 2, 1 / 6]),
    "sin": (sin, 0, [0, 1, 0, -1 / 6]),
    "cos": (cos, 0, [1, 0, -1 / 2, 0]),
    "log": (log, 1, [0, 1, -1 / 2, 1 / 3]),
    "atan": (atan, 0, [0, 1, 0, -1 / 3]),
    "softplus": (softplus, 0, [math.log(2), 1 / 2, 1 / 8, 0]),
    "sqrt": (sqrt, 1, [1, 1 / 2, -1 / 8, 1 / 16]),
    "cube at nought": (lambda x: power(x, 3), 0, [0, 0, 0, 1]),
    "power -1": (lambda x: power(x, -1), 1, [1, -1, 1, -1]),
    "power 3/2": (lambda x: power(x, 1.5), 1, [1, 3 / 2, 3 / 8, -1 / 16]),
}


@pytest.mark.parametrize("name", CASES)
def test_coefficients_are_those_of_the_known_series(name):
    function, at, expected = CASES[name]
    found = [c.item() for c in function(variable(at)).coefficients]
    assert found == pytest.approx(expected, abs=1e-15)


def test_the_written_gradient_equals_autograd_through_the_recurrence():
    g = torch.Generator().manual_seed(0)
    shapes = [(1, 4, 2), (3, 1, 2), (2, 4, 2), (1, 4, 2)]
    x = [torch.randn(*s, dtype=DOUBLE, generator=g).requires_grad_() for s in shapes]
    for function in (tanh, sigmoid, exp, sin, cos):

        def weighed(*c, function=function):
            y = function(Series(c, (3, 2, 1))).coefficients
            return sum(torch.sin((k + 1) * v).sum() for k, v in enumerate(y))

        written = torch.autograd.grad(weighed(*x), x)
        recurrence = torch.func.grad(weighed, argnums=(0, 1, 2, 3))(*(c.detach() for c in x))
        for a, b in zip(written, recurrence, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-13)


def test_gradients_of_the_written_gradient_are_right():
    g = torch.Generator().manual_seed(0)
    x = [torch.randn(*s, dtype=DOUBLE, generator=g).requires_grad_() for s in [(1, 2, 1), (2, 2, 1), (1, 2, 1)]]
    assert torch.autograd.gradgradcheck(lambda *c: tanh(Series(c, (2, 1))).coefficients, x)


def test_an_output_that_nobody_uses_costs_nothing():
    x = torch.ones(1, 2, 1, dtype=DOUBLE, requires_grad=True)
    v = torch.ones(1, 2, 1, dtype=DOUBLE)
    (found,) = torch.autograd.grad(exp(Series([x, v], (1, 1))).coefficients[0].sum(), x)
    torch.testing.assert_close(found, torch.exp(x.detach()))


def test_a_tensor_as_exponent_is_refused():
    with pytest.raises(NotImplementedError, match="exp"):
        power(variable(1), torch.ones(1))
