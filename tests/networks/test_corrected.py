"""Cheap answers that networks correct."""

from __future__ import annotations

import pytest
import torch

from pinnlab.networks.corrected import Corrected
from pinnlab.networks.fno import Fno
from pinnlab.networks.mlp import Mlp
from pinnlab.networks.operator import Signature, uniform_grid
from pinnlab.networks.pod_deeponet import PodDeepOnet

SIGNATURE = Signature(2, 1, (8,), 1, (True,), torch.float64)
INNER = Fno(3, 4, 1)


def test_the_answer_is_the_given_channel_plus_what_the_network_says():
    values = torch.randn(5, 2, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    places = uniform_grid((8,), (True,), torch.float64)
    for channel in (0, 1):
        whole = Corrected(INNER, channel).build(SIGNATURE, torch.Generator().manual_seed(0))
        inner = INNER.build(SIGNATURE, torch.Generator().manual_seed(0))
        torch.testing.assert_close(whole(values, places) - inner(values, places), values[:, [channel]])


def test_the_network_is_told_of_outputs_without_the_approximation():
    draw = torch.Generator().manual_seed(1)
    values, outputs = (torch.randn(6, n, 8, generator=draw, dtype=torch.float64) for n in (2, 1))
    network = Corrected(PodDeepOnet(Mlp(4, 1), 2), 1).build(SIGNATURE, draw)
    assert network.waits_for_examples
    examples = [(values[:4], outputs[:4]), (values[4:], outputs[4:])]
    network.informed_by(iter(examples), uniform_grid((8,), (True,), torch.float64))
    assert not network.waits_for_examples
    torch.testing.assert_close(network.network.mean, (outputs - values[:, 1:]).mean(0))


@pytest.mark.parametrize("outputs_and_channel", [(1, 2), (2, 0)])
def test_there_must_be_such_an_input_and_one_output(outputs_and_channel):
    outputs, channel = outputs_and_channel
    signature = Signature(2, outputs, (8,), 1, (True,))
    with pytest.raises(ValueError, match=rf"channel = {channel} of 2 inputs to {outputs} outputs"):
        Corrected(INNER, channel).build(signature, torch.Generator())


@pytest.mark.parametrize(
    ("network", "channel", "message"), [("Fno", 0, "network"), (INNER, -1, "channel"), (INNER, 0.0, "channel")]
)
def test_settings_that_mean_nothing_are_refused(network, channel, message):
    with pytest.raises(ValueError, match=message):
        Corrected(network, channel)
