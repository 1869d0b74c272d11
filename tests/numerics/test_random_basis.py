"""Random features and their principal components."""

import pytest
import torch

from pinnlab.numerics.random_basis import RandomBasis, tanh_derivative

DOUBLE = torch.float64


def test_derivatives_of_tanh_are_the_polynomials_of_the_textbook():
    assert tanh_derivative(1) == (1, 0, -1)
    assert tanh_derivative(2) == (0, -2, 0, 2)
    assert tanh_derivative(3) == (-2, 0, 8, 0, -6)
    assert len(tanh_derivative(6)) == 8


def test_one_feature_worked_by_hand():
    # 2 tanh(3 x - y + 1/2) at the origin, T = tanh 1/2: by x it is 6 (1 - T²), by x twice -36 T (1 - T²).
    like = {"dtype": DOUBLE}
    basis = RandomBasis(torch.tensor([[3.0, -1.0]], **like), torch.tensor([0.5], **like), torch.tensor([[2.0]], **like))
    y = basis.activations(torch.zeros(1, 2, **like))
    value = float(torch.tanh(torch.tensor(0.5, **like)))
    assert float(basis.derivative(y, (0, 0))) == pytest.approx(2 * value)
    assert float(basis.derivative(y, (1, 0))) == pytest.approx(6 * (1 - value**2))
    assert float(basis.derivative(y, (2, 0))) == pytest.approx(-36 * value * (1 - value**2))
    assert float(basis.derivative(y, (1, 1))) == pytest.approx(12 * value * (1 - value**2))


def draw(seed=0, **change):
    settings = {"features": 120, "dim": 2, "scale": 1.0, "most": 40, "tolerance": 1e-13} | change
    return RandomBasis.draw(generator=torch.Generator().manual_seed(seed), **settings)


def test_functions_are_orthonormal_on_average_over_the_cube():
    basis = draw()
    points = 2 * torch.rand(20000, 2, dtype=DOUBLE, generator=torch.Generator().manual_seed(5)) - 1
    values = basis.derivative(basis.activations(points), (0, 0))
    gram = values.T @ values / len(points)
    assert basis.size == 40
    assert float((gram[:8, :8] - torch.eye(8, dtype=DOUBLE)).abs().max()) < 0.25


def test_important_functions_come_first_and_dependent_ones_are_left_out():
    assert draw(dim=1, most=120).size < 40
    loose, strict = draw(most=120, tolerance=1e-4), draw(most=120, tolerance=1e-12)
    assert loose.size < strict.size
    torch.testing.assert_close(loose.mixing, strict.mixing[:, : loose.size])


def test_seeds_are_respected():
    torch.testing.assert_close(draw(3).mixing, draw(3).mixing, rtol=0, atol=0)
    assert float((draw(3).directions - draw(4).directions).abs().max()) > 0.1


def test_every_feature_passes_through_zero_inside_the_cube():
    basis = draw(features=500, scale=4.0)
    assert float(basis.directions.abs().max()) <= 4
    assert bool((basis.shifts.abs() <= basis.directions.abs().sum(1)).all())


@pytest.mark.parametrize("orders", [(2, 1), (0, 3), (3, 3)])
def test_derivatives_to_order_six_are_those_of_autograd(orders):
    basis = draw(features=5, most=3, scale=2.0)
    points = torch.tensor([[0.3, -0.2], [-0.7, 0.5]], dtype=DOUBLE, requires_grad=True)
    column = (torch.tanh(points @ basis.directions.T + basis.shifts) @ basis.mixing)[:, 0]
    for axis, n in enumerate(orders):
        for _ in range(n):
            column = torch.autograd.grad(column.sum(), points, create_graph=True)[0][:, axis]
    found = basis.derivative(basis.activations(points.detach()), orders)[:, 0]
    torch.testing.assert_close(found, column.detach(), rtol=1e-9, atol=1e-9)
