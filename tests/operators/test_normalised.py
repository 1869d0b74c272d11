"""A network between its scalings."""

from __future__ import annotations

import torch

from pinnlab.networks.operator import OperatorNetwork
from pinnlab.operators.normalisation import Scaling
from pinnlab.operators.normalised import NormalisedNetwork


class Sum(OperatorNetwork):
    def forward(self, values, positions):
        return (values.sum(1, keepdim=True) + positions[..., 0]).to(torch.bfloat16)


def test_values_are_scaled_before_and_after_and_keep_their_type():
    inputs = Scaling(torch.tensor([[1.0], [2.0]]), torch.tensor([[2.0], [4.0]]))
    outputs = Scaling(torch.tensor([[100.0]]), torch.tensor([[10.0]]))
    network = NormalisedNetwork(Sum(), inputs, outputs, torch.tensor([[0.0], [0.5]]))
    found = network(torch.tensor([[[3.0, 5.0], [2.0, 10.0]]]))
    # (3-1)/2 + 0 + 0 = 1 and (5-1)/2 + (10-2)/4 + 0.5 = 4.5.
    assert found.dtype == torch.float32
    assert found.tolist() == [[[110.0, 145.0]]]
