import pytest
import torch

from pinnlab.networks.architecture import dense
from pinnlab.networks.embedding import FourierFeatures
from pinnlab.networks.inputs import Inputs
from pinnlab.networks.mlp import Mlp
from pinnlab.networks.pirate_net import PirateNet
from pinnlab.networks.siren import Siren
from pinnlab.networks.widened import Widened
from pinnlab.numerics.jets import jets
from pinnlab.numerics.nested import NestedAutograd
from pinnlab.numerics.taylor import TaylorMode

DOUBLE = torch.float64
BOX = Inputs((0.0, -1.0), (2.0, 1.0), (False, False))
POINTS = torch.tensor([[0.3, 0.4], [1.5, -0.9]], dtype=DOUBLE)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("inner", [Mlp(5, 2), Siren(5, 2), PirateNet(8, 1), FourierFeatures(Mlp(4, 1), 3)])
def test_a_widened_network_starts_with_the_values_of_the_one_inside(inner):
    wide = Widened(inner, width=7).build(BOX, 2, seeded())
    torch.testing.assert_close(wide(POINTS), inner.build(BOX, 2, seeded())(POINTS), rtol=1e-14, atol=1e-15)


def test_it_is_the_hidden_layer_and_tanh_of_random_combinations_of_it():
    wide = Widened(Mlp(3, 1), width=2).build(BOX, 1, seeded())
    wide.mixing.copy_(torch.tensor([[1.0, 0.0, 0.0], [0.5, -2.0, 0.0]]))
    wide.shifts.copy_(torch.tensor([0.0, 0.25]))
    with torch.no_grad():
        wide.head.weight.copy_(torch.tensor([[0.0, 0.0, 1.0, 10.0, 100.0]]))
        wide.head.bias.fill_(1000.0)
    h = wide.core.hidden(POINTS)
    expected = h[:, 2] + 10 * torch.tanh(h[:, 0]) + 100 * torch.tanh(h[:, 0] / 2 - 2 * h[:, 1] + 0.25) + 1000
    torch.testing.assert_close(wide(POINTS)[:, 0], expected, rtol=1e-14, atol=0)


def test_features_are_settings_that_neither_training_nor_the_seed_of_a_run_changes():
    one, other = (Widened(Mlp(4, 2), width=2000, scale=0.5).build(BOX, 1, seeded(s)) for s in (0, 1))
    assert torch.equal(one.mixing, other.mixing)
    assert torch.equal(one.shifts, other.shifts)
    assert one.mixing.std().item() == pytest.approx(0.5, rel=0.03)
    # (2 + 1) 4 + (4 + 1) 4 of the hidden layers, 4 + 2000 weights and one bias: the inner last layer is not trained.
    assert sum(p.numel() for p in one.parameters() if p.requires_grad) == 12 + 20 + 2005


def test_another_last_layer_of_the_network_inside_is_taken_over():
    wide = Widened(Mlp(3, 1), width=4).build(BOX, 2, seeded())
    layer = dense(3, 2)
    torch.nn.init.normal_(layer.weight, generator=seeded(3))
    torch.nn.init.normal_(layer.bias, generator=seeded(4))
    with torch.no_grad():
        wide.head.weight.fill_(9.0)
    wide.take_last_layer(layer.weight, layer.bias)
    torch.testing.assert_close(wide(POINTS), layer(wide.core.hidden(POINTS)), rtol=1e-14, atol=1e-15)


def test_it_is_differentiated_by_taylor_series_like_any_other():
    wide = Widened(Mlp(3, 2), width=5, scale=1.0).build(BOX, 1, seeded())
    torch.nn.init.normal_(wide.head.weight, generator=seeded(5))
    orders = [(0, 0), (1, 0), (0, 2), (2, 1)]
    series, exact = (jets(wide, POINTS, orders, kind) for kind in (TaylorMode(), NestedAutograd()))
    for order in orders:
        torch.testing.assert_close(series[order], exact[order], rtol=1e-12, atol=1e-13)


class Quadratic:
    def build(self, inputs, outputs, generator):
        return torch.nn.Bilinear(2, 2, outputs, dtype=DOUBLE)


def test_a_network_that_does_not_end_in_a_linear_layer_is_refused():
    with pytest.raises(ValueError, match="does not end in a linear layer"):
        Widened(Quadratic()).build(BOX, 1, seeded())


@pytest.mark.parametrize("settings", [{"width": 0}, {"scale": 0.0}, {"scale": float("inf")}, {"network": Mlp}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(ValueError, match="Widened"):
        Widened(**settings)
