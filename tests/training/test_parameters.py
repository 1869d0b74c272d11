import pytest
import torch

from pinnlab.training.parameters import Parameters


def network():
    return torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1)).double()


def test_flattening_and_binding_is_the_network_itself():
    net = network()
    p = torch.rand(4, 2, dtype=torch.float64)
    layout = Parameters(net)
    assert layout.size == 13
    assert torch.equal(layout.bind(layout.flatten())(p), net(p))


def test_entries_follow_the_order_of_named_parameters():
    layout = Parameters(network())
    parts = layout.unflatten(torch.arange(13.0))
    assert list(parts) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert parts["0.weight"].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert parts["2.bias"].tolist() == [12]


def test_entries_beyond_the_network_are_left_to_the_caller():
    layout = Parameters(network())
    p = torch.rand(4, 2, dtype=torch.float64)
    longer = torch.cat([layout.flatten(), torch.ones(2, dtype=torch.float64)])
    assert torch.equal(layout.bind(longer)(p), layout.bind(layout.flatten())(p))


def test_binding_does_not_touch_the_module():
    net = network()
    before = Parameters(net).flatten()
    Parameters(net).bind(torch.zeros(13, dtype=torch.float64))(torch.rand(4, 2, dtype=torch.float64))
    assert torch.equal(Parameters(net).flatten(), before)


def test_frozen_parameters_are_not_part_of_theta():
    net = network()
    net[0].weight.requires_grad_(False)
    assert Parameters(net).size == 7


def test_what_cannot_be_laid_out_is_refused():
    with pytest.raises(ValueError, match="no trainable"):
        Parameters(torch.nn.Tanh())
    mixed = network()
    mixed[0].float()
    with pytest.raises(ValueError, match="one dtype"):
        Parameters(mixed)
    with pytest.raises(ValueError, match="at least"):
        Parameters(network()).bind(torch.zeros(12, dtype=torch.float64))
