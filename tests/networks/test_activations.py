import math

import pytest
import torch

from pinnlab.networks.activations import Sine, Swish, Tanh
from pinnlab.numerics.jets import jets


def test_each_function_is_the_one_it_is_named_after():
    x = torch.tensor([[0.3]], dtype=torch.float64)
    assert Tanh()(x).item() == pytest.approx(math.tanh(0.3), rel=1e-14)
    assert Sine(2.0)(x).item() == pytest.approx(math.sin(0.6), rel=1e-14)
    assert Swish()(x).item() == pytest.approx(0.3 / (1 + math.exp(-0.3)), rel=1e-14)


@pytest.mark.parametrize("activation", [Tanh(), Sine(3.0), Swish()])
def test_each_function_has_derivatives(activation):
    x = torch.tensor([[0.3]], dtype=torch.float64)
    slope = torch.func.grad(lambda p: activation(p)[0])
    second = torch.func.grad(lambda p: slope(p)[0])(x[0])
    torch.testing.assert_close(jets(activation, x, [(2,)])[2,][0], second, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("frequency", [0.0, -1.0, math.inf, math.nan])
def test_a_sine_without_a_positive_frequency_is_refused(frequency):
    with pytest.raises(ValueError, match="frequency"):
        Sine(frequency)
