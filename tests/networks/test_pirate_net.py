import math

import pytest
import torch

from pinnlab.networks.activations import Tanh
from pinnlab.networks.architecture import with_fitted_head
from pinnlab.networks.inputs import Inputs
from pinnlab.networks.pirate_net import AdaptiveBlock, PirateNet

BOX = Inputs((-1.0,), (1.0,), (False,))
DOUBLE = torch.float64


def build(**settings):
    return PirateNet(**settings).build(BOX, 1, torch.Generator().manual_seed(0))


def test_a_block_is_the_formula_worked_by_hand():
    block = AdaptiveBlock(1, Tanh())
    for weight, layer in zip((0.5, -1.0, 2.0), block.layers, strict=True):
        torch.nn.init.constant_(layer.weight, weight)
        torch.nn.init.constant_(layer.bias, 0.1)
    torch.nn.init.constant_(block.alpha, 0.25)
    x, u, v = 0.2, 0.3, -0.4
    f = math.tanh(0.5 * x + 0.1)
    z = f * u + (1 - f) * v
    g = math.tanh(-z + 0.1)
    z = g * u + (1 - g) * v
    expected = 0.25 * math.tanh(2 * z + 0.1) + 0.75 * x
    column = lambda a: torch.tensor([[a]], dtype=DOUBLE)  # noqa: E731
    assert block(column(x), column(v), column(u - v)).item() == pytest.approx(expected, rel=1e-14)


def test_it_starts_as_a_linear_combination_of_its_embedding():
    network = build()
    assert all(block.alpha.item() == 0 and block.alpha.requires_grad for block in network.blocks)
    points = torch.linspace(-1, 1, 7, dtype=DOUBLE)[:, None]
    torch.testing.assert_close(network.hidden(points), network.embedding(points), rtol=0, atol=0)


def test_at_the_start_only_the_head_decides_whatever_the_blocks_hold():
    network = build()
    points = torch.linspace(-1, 1, 7, dtype=DOUBLE)[:, None]
    for parameter in (p for block in network.blocks for p in block.layers.parameters()):
        torch.nn.init.constant_(parameter, 0.7)
    features = network.embedding(points)
    expected = features @ network.head.weight.T + network.head.bias
    torch.testing.assert_close(network(points), expected, rtol=1e-13, atol=1e-15)
    torch.nn.init.constant_(network.blocks[0].alpha, 0.1)
    assert (network(points) - expected).abs().max() > 1e-3


def test_its_start_can_be_fitted_to_data_to_digits():
    points = torch.linspace(-1, 1, 50, dtype=DOUBLE)[:, None]
    values = torch.sin(torch.pi * points)
    fitted = with_fitted_head(build(width=30, scale=3.0), points, values)
    assert (fitted(points) - values).abs().max() < 1e-8


def test_the_number_of_parameters_counts_encoders_blocks_and_gates():
    # 2 (4 + 1) 4 + 3 (3 (4 + 1) 4 + 1) + 5
    assert sum(p.numel() for p in build(width=4, blocks=3).parameters()) == 228


def test_frequencies_have_the_deviation_asked_for():
    frequencies = build(width=800, blocks=1, scale=3.0).embedding[1].frequencies
    assert frequencies.shape == (400, 1)
    assert frequencies.std().item() == pytest.approx(3.0, rel=0.1)


@pytest.mark.parametrize("settings", [{"width": 0}, {"width": 5}, {"blocks": 0}, {"scale": 0.0}, {"scale": math.nan}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match=f"PirateNet: {next(iter(settings))}"):
        PirateNet(**settings)
