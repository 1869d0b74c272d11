import pytest
import torch

from pinnlab.networks.activations import Sine
from pinnlab.networks.inputs import Inputs
from pinnlab.networks.mlp import Mlp
from pinnlab.numerics.jets import jets

BOX = Inputs((0.0, -1.0), (1.0, 1.0), (False, True))


def build(seed=0, outputs=1, **settings):
    return Mlp(**settings).build(BOX, outputs, torch.Generator().manual_seed(seed))


def test_depth_counts_hidden_layers():
    # 3 features in; (3 + 1) 5 + (5 + 1) 5 + (5 + 1) 2
    assert sum(p.numel() for p in build(width=5, depth=2, outputs=2).parameters()) == 62


def test_values_are_the_formula_written_out():
    network = build(width=4, depth=1)
    (w, b), (v, c) = ((layer.weight, layer.bias) for layer in (*network.layers, network.head))
    p = torch.tensor([[0.25, 0.5]], dtype=torch.float64)
    phase = torch.tensor(1.5 * torch.pi, dtype=torch.float64)
    x = torch.stack([torch.tensor(-0.5, dtype=torch.float64), torch.cos(phase), torch.sin(phase)])
    torch.testing.assert_close(network(p)[0], v @ torch.tanh(w @ x + b) + c)


def test_equal_generators_give_equal_networks_and_others_do_not():
    a, b, c = (torch.cat([p.flatten() for p in build(seed).parameters()]) for seed in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    build()
    assert torch.equal(before, torch.get_rng_state())


def test_weights_have_glorot_variance_and_biases_are_zero():
    hidden = build(width=300).layers[1]
    assert hidden.weight.std().item() == pytest.approx((2 / 600) ** 0.5, rel=0.02)
    assert not hidden.bias.any()


def test_parameters_are_double_and_trainable():
    assert all(p.dtype == torch.float64 and p.requires_grad for p in build().parameters())


def test_an_activation_is_an_object():
    p = torch.rand(3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert not torch.equal(build()(p), build(activation=Sine())(p))
    assert jets(build(activation=Sine()), p, [(1, 2)])[1, 2].shape == (3, 1)


def test_settings_compare_by_value():
    assert Mlp(width=7) == Mlp(width=7)
    assert Mlp(activation=Sine(2.0)) != Mlp(activation=Sine(3.0))


@pytest.mark.parametrize("settings", [{"width": 0}, {"depth": 0}])
def test_empty_networks_are_refused(settings):
    with pytest.raises(ValueError, match="positive whole number"):
        Mlp(**settings)
