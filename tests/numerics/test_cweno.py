from __future__ import annotations

import numpy as np
import pytest

from pinnlab.numerics.cweno import cweno_weights


def averages(function, centres, h, nodes=10):
    x, w = np.polynomial.legendre.leggauss(nodes)
    return function(centres[..., None] + h * x / 2) @ w / 2


def errors(order, h):
    centres = np.linspace(0, 3, 50)
    stencil = np.stack([averages(np.sin, centres + k * h, h) for k in range(-2, 3)], axis=-1)
    place = np.random.default_rng(0).uniform(-0.5, 0.5, 50)
    value = (cweno_weights(stencil, place, order) * stencil).sum(axis=-1) / h**order
    return np.abs(value - np.sin(centres + h * place + order * np.pi / 2)).max()


@pytest.mark.parametrize(("order", "rate"), [(0, 5), (1, 4), (2, 3)])
def test_values_converge_with_fifth_order_and_each_derivative_with_one_less(order, rate):
    assert np.log2(errors(order, 0.1) / errors(order, 0.05)) > rate - 0.3


def test_the_mean_over_the_cell_is_its_average_whatever_the_data():
    stencil = np.random.default_rng(1).normal(size=(40, 5))
    nodes, shares = np.polynomial.legendre.leggauss(5)
    total = sum(
        w / 2 * (cweno_weights(stencil, np.full(40, s / 2)) * stencil).sum(axis=-1)
        for s, w in zip(nodes, shares, strict=True)
    )
    np.testing.assert_allclose(total, stencil[:, 2], atol=1e-13)


@pytest.mark.parametrize("jump", [1, 2, 3, 4])
def test_beside_a_jump_there_is_no_overshoot(jump):
    stencil = (np.arange(5) >= jump).astype(float)
    place = np.linspace(-0.5, 0.5, 21)
    weights = cweno_weights(np.broadcast_to(stencil, (21, 5)), place)
    np.testing.assert_allclose(weights @ stencil, stencil[2], atol=1e-3)


def test_data_on_a_line_are_interpolated_by_the_line_and_weights_sum_to_one():
    stencil = 3 + 2 * np.arange(-2.0, 3.0)
    assert cweno_weights(stencil, np.array(0.25)) @ stencil == pytest.approx(3.5)
    assert cweno_weights(stencil, np.array(0.25), 1) @ stencil == pytest.approx(2)
    assert cweno_weights(np.array([0, 0, 0, 5.0, 9.0]), np.array(0.1)).sum() == pytest.approx(1)
    assert cweno_weights(stencil, np.array(0.25), 5) @ stencil == 0
