"""A matrix and a vector."""

import torch

from pinnlab.networks.affine import Affine
from pinnlab.networks.architecture import heads
from pinnlab.networks.embedding import unit_box
from pinnlab.networks.inputs import Inputs


def test_it_is_affine_in_the_columns_of_an_embedding():
    network = Affine().build(unit_box(3), 2, torch.Generator().manual_seed(0))
    x = torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float64)
    network.head.weight.data = torch.tensor([[1.0, 10.0, 100.0], [0.0, 0.0, -1.0]], dtype=torch.float64)
    network.head.bias.data = torch.tensor([0.5, 0.0], dtype=torch.float64)
    # 1 + 20 + 300 + 1/2, and -3.
    assert network(x).tolist() == [[321.5, -3.0]]
    assert heads(network) == (network.head,)


def test_coordinates_are_scaled_first():
    network = Affine().build(Inputs((0.0,), (4.0,), (False,)), 1, torch.Generator().manual_seed(0))
    network.head.weight.data.fill_(1.0)
    # 3 lies half-way between the middle and the end of [0, 4].
    assert network(torch.tensor([[3.0]], dtype=torch.float64)).item() == 0.5


def test_equal_generators_give_equal_weights_and_no_bias():
    a, b, c = (Affine().build(unit_box(5), 4, torch.Generator().manual_seed(s)) for s in (0, 0, 1))
    assert torch.equal(a.head.weight, b.head.weight)
    assert not torch.equal(a.head.weight, c.head.weight)
    assert not a.head.bias.any()
