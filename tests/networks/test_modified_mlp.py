import math

import pytest
import torch

from pinnlab.networks.inputs import Inputs
from pinnlab.networks.modified_mlp import ModifiedMlp

BOX = Inputs((-1.0,), (1.0,), (False,))


def test_values_are_the_formula_worked_by_hand():
    network = ModifiedMlp(width=1, depth=2).build(BOX, 1, torch.Generator().manual_seed(0))
    layers = (network.first_encoder, network.second_encoder, network.entry, *network.layers, network.head)
    for weight, layer in zip((0.5, -1.0, 2.0, 0.3, 1.5, 4.0), layers, strict=True):
        torch.nn.init.constant_(layer.weight, weight)
        torch.nn.init.constant_(layer.bias, 0.1)
    u, v, h = (math.tanh(a) for a in (0.5 * 0.2 + 0.1, -0.2 + 0.1, 2 * 0.2 + 0.1))
    for weight in (0.3, 1.5):
        z = math.tanh(weight * h + 0.1)
        h = (1 - z) * u + z * v
    found = network(torch.tensor([[0.2]], dtype=torch.float64)).item()
    assert found == pytest.approx(4 * h + 0.1, rel=1e-13)


def test_the_number_of_parameters_counts_two_encoders_an_entry_and_gated_layers():
    network = ModifiedMlp(width=5, depth=2).build(BOX, 2, torch.Generator().manual_seed(0))
    # 3 (1 + 1) 5 + 2 (5 + 1) 5 + (5 + 1) 2
    assert sum(p.numel() for p in network.parameters()) == 102


def test_weights_have_glorot_variance_and_biases_are_zero():
    network = ModifiedMlp(width=300, depth=1).build(BOX, 1, torch.Generator().manual_seed(0))
    assert network.layers[0].weight.std().item() == pytest.approx((2 / 600) ** 0.5, rel=0.02)
    assert not network.layers[0].bias.any()


@pytest.mark.parametrize("settings", [{"width": 0}, {"depth": 0}])
def test_empty_networks_are_refused(settings):
    with pytest.raises(ValueError, match="positive whole number"):
        ModifiedMlp(**settings)
