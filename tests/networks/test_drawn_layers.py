import pytest
import torch

from pinnlab.networks.drawn_layers import convolution, linear, normal


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def test_weights_are_uniform_up_to_the_root_of_the_number_of_summands():
    layer = linear(100, 200, draw(), torch.float64)
    assert layer.weight.abs().max() <= 0.1
    assert layer.weight.std().item() == pytest.approx(0.1 / 3**0.5, rel=0.02)
    assert layer.bias.abs().max() <= 0.1
    # 4 channels of 5 * 5 nodes
    assert convolution(2, 4, 8, 5, draw(), torch.float32).weight.abs().max().item() == pytest.approx(0.1, rel=0.01)


@pytest.mark.parametrize(("dimension", "shape"), [(1, (3, 2, 3)), (2, (3, 2, 3, 3)), (3, (3, 2, 3, 3, 3))])
def test_convolutions_of_every_dimension(dimension, shape):
    assert convolution(dimension, 2, 3, 3, draw(), torch.float32).weight.shape == shape


def test_normal_numbers_have_their_deviation():
    assert normal((10_000,), 0.3, draw(), torch.float64).std().item() == pytest.approx(0.3, rel=0.03)


def test_only_the_generator_is_used():
    before = torch.get_rng_state()
    a, b = (convolution(1, 2, 3, 3, draw(), torch.float32).weight for _ in range(2))
    assert torch.equal(a, b)
    assert torch.equal(linear(2, 3, draw(), torch.float32).weight, linear(2, 3, draw(), torch.float32).weight)
    assert torch.equal(before, torch.get_rng_state())
