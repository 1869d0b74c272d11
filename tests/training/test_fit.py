"""Networks fitted to values."""

import pytest
import torch

from pinnlab.networks.inputs import Inputs
from pinnlab.networks.mlp import Mlp
from pinnlab.training.fit import fit
from pinnlab.training.levenberg_marquardt import LevenbergMarquardt
from pinnlab.training.parameters import Parameters
from pinnlab.training.row_jacobian import LayerOuterProducts, PerPoint


def line(theta, points, extras):
    """a x + b c, with c from the extras."""
    return theta[0] * points + theta[1] * extras


def test_a_line_through_three_points_is_the_regression_worked_by_hand():
    points = torch.tensor([[0.0], [1.0], [2.0]], dtype=torch.float64)
    values = torch.tensor([[0.0], [3.0], [3.0]], dtype=torch.float64)
    start = torch.zeros(2, dtype=torch.float64)
    theta, rest = fit(line, start, points, torch.ones_like(points), values, LevenbergMarquardt(steps=15), PerPoint())
    # Slope 3/2 and intercept 1/2 leave the residuals -1/2, 1, -1/2, whose mean square is 1/2.
    torch.testing.assert_close(theta, torch.tensor([1.5, 0.5], dtype=torch.float64))
    assert rest == pytest.approx(0.5**0.5)
    assert start.abs().max() == 0


def test_a_network_learns_a_smooth_function_to_many_digits():
    network = Mlp(width=8, depth=2).build(Inputs((0.0,), (1.0,), (False,)), 1, torch.Generator().manual_seed(0))
    parameters = Parameters(network)
    points = torch.linspace(0, 1, 60, dtype=torch.float64)[:, None]
    rows = lambda theta, x, extras: parameters.bind(theta)(x)  # noqa: E731
    target, none = torch.sin(3 * points), points.new_zeros(60, 0)
    optimizer = LevenbergMarquardt(steps=60)
    theta, rest = fit(rows, parameters.flatten(), points, none, target, optimizer, LayerOuterProducts())
    assert rest < 1e-4
    assert float((rows(theta, points, none) - target).square().mean().sqrt()) == pytest.approx(rest)


def test_unequal_numbers_of_points_and_values_are_named():
    x = torch.zeros(3, 1, dtype=torch.float64)
    with pytest.raises(ValueError, match="3 points, 3 extras and 2 values"):
        fit(line, torch.zeros(2, dtype=torch.float64), x, x, x[:2], LevenbergMarquardt(), PerPoint())
