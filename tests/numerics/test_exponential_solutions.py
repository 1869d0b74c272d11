"""Exponentials with polynomial factors: values by hand, and derivatives against automatic differentiation."""

from __future__ import annotations

import math

import pytest
import torch

from pinnlab.numerics.exponential_solutions import ExponentialSolutions


def solutions(z, w, axes, lower=(0.0, -1.0), upper=(2.0, 1.0)):
    corners = [torch.tensor(c, dtype=torch.float64) for c in (lower, upper)]
    exponents, factors = (torch.tensor(a, dtype=torch.complex128) for a in (z, w))
    return ExponentialSolutions(exponents, factors, torch.tensor(axes), *corners)


def test_a_decaying_wave_is_one_where_it_is_largest():
    # e^{-3 (t - 1) - 3} cos(2 x): one at t = 0, the start of the box, whose middle is t = 1.
    basis = solutions([[-3, 2j]], [[[1]]], [0])
    at = torch.tensor([[0.0, 0.0], [0.5, 0.3]], dtype=torch.float64)
    rows = basis.rows(at, (0, 0))
    assert rows.shape == (1, 2, 2)
    assert basis.count == 2
    decay = math.exp(-1.5)
    expected = torch.tensor([[1, 0], [decay * math.cos(0.6), -decay * math.sin(0.6)]], dtype=torch.float64)
    torch.testing.assert_close(rows[0], expected)


def test_growing_exponentials_do_not_overflow():
    basis = solutions([[2000, 2000j]], [[[1]]], [0])
    values = basis.rows(torch.tensor([[0.0, 0.0], [2.0, 0.0]], dtype=torch.float64), (0, 0))[0, :, 0]
    torch.testing.assert_close(values, torch.tensor([0.0, 1.0], dtype=torch.float64))


def test_polynomial_factors_by_hand():
    # w = (5, 7): 5 + 7 (x - 0) / 1 along x, times e^{0}; the derivative by x is 7.
    basis = solutions([[0, 0]], [[[5], [7]]], [1])
    at = torch.tensor([[1.0, 0.5]], dtype=torch.float64)
    assert basis.rows(at, (0, 0))[0, 0, 0] == pytest.approx(8.5)
    assert basis.rows(at, (0, 1))[0, 0, 0] == pytest.approx(7.0)
    assert basis.rows(at, (0, 2))[0, 0, 0] == 0


@pytest.mark.parametrize("orders", [(1, 0), (0, 1), (2, 0), (1, 2), (3, 1)])
def test_derivatives_are_those_of_automatic_differentiation(orders):
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(3, 2, dtype=torch.complex128, generator=generator)
    w = torch.randn(3, 3, 2, dtype=torch.complex128, generator=generator)
    basis = solutions(z.tolist(), w.tolist(), [0, 1, 0])
    x = torch.rand(4, 2, dtype=torch.float64, generator=generator).requires_grad_()
    for unknown in range(2):
        for column in range(6):
            value = basis.row(x, (0, 0), unknown)[:, column]
            for axis, n in enumerate(orders):
                for _ in range(n):
                    (slope,) = torch.autograd.grad(value.sum(), x, create_graph=True)
                    value = slope[:, axis]
            torch.testing.assert_close(basis.row(x, orders, unknown)[:, column], value)
