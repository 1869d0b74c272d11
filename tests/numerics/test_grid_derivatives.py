"""Derivatives on tensor grids."""

import numpy as np
import pytest
import torch

from pinnlab.numerics.axes import FourierAxis
from pinnlab.numerics.grid_derivatives import FourierDerivative, StencilDerivative


@pytest.mark.parametrize("n", [8, 9])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_waves_below_the_highest_are_differentiated_exactly(n, order):
    x = 2.5 * torch.arange(n, dtype=torch.float64) / n
    k = 2 * np.pi / 2.5
    values = (torch.sin(3 * k * x) + 0.5).expand(2, n)
    found = FourierDerivative(2.5)(values, 1, order)
    exact = (3 * k) ** order * torch.sin(3 * k * x + order * np.pi / 2)
    torch.testing.assert_close(found[1], exact, rtol=0, atol=1e-10 * (3 * k) ** order)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_it_is_the_matrix_of_the_fourier_axis_on_any_values(order):
    values = torch.from_numpy(np.random.default_rng(0).standard_normal((8, 3)))
    expected = FourierAxis(0, 2, 8).differentiation(order) @ values.numpy()
    np.testing.assert_allclose(FourierDerivative(2.0)(values, 0, order).numpy(), expected, atol=1e-10)


def test_differences_are_exact_for_polynomials_of_their_degree_along_any_dimension():
    x = np.array([0.0, 0.1, 0.3, 0.45, 0.7, 0.8, 1.0])
    derivative = StencilDerivative.of(x, 2)
    values = torch.from_numpy(x**4 - x).reshape(1, -1, 1).expand(2, -1, 3)
    for order, exact in ((0, x**4 - x), (1, 4 * x**3 - 1), (2, 12 * x**2)):
        found = derivative(values, 1, order)
        assert found.shape == values.shape
        np.testing.assert_allclose(found[1, :, 2].numpy(), exact, atol=1e-11)


@pytest.mark.parametrize("order", [1, 2])
def test_differences_are_of_fourth_order_up_to_the_ends(order):
    errors = []
    for n in (21, 41):
        x = np.linspace(0, 1, n)
        found = StencilDerivative.of(x, 2)(torch.from_numpy(np.sin(3 * x)), 0, order).numpy()
        errors.append(np.abs(found - 3**order * np.sin(3 * x + order * np.pi / 2)).max())
    assert errors[0] / errors[1] > 13


def test_too_few_nodes_are_refused():
    with pytest.raises(ValueError, match="needs 6 nodes, but the axis has 5"):
        StencilDerivative.of(np.linspace(0, 1, 5), 2)


def test_gradients_pass_through():
    x = np.linspace(0, 1, 7)
    values = torch.zeros(7, dtype=torch.float64, requires_grad=True)
    StencilDerivative.of(x, 1)(values, 0, 1)[0].backward()
    np.testing.assert_allclose(values.grad.numpy() @ x, 1.0, atol=1e-12)
