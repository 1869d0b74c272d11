"""Cheap answers that networks correct."""

from __future__ import annotations

import pytest
import torch

from pinnlab.networks.corrected import Corrected
from pinnlab.networks.fno import Fno
from pinnlab.networks.operator import Signature, uniform_grid

SIGNATURE = Signature(2, 1, (8,), 1, (True,), torch.float64)
INNER = Fno(3, 4, 1)


def test_the_answer_is_the_given_channel_plus_what_the_network_says():
    values = torch.randn(5, 2, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    places = uniform_grid((8,), (True,), torch.float64)
    for channel in (0, 1):
        whole = Corrected(INNER, channel).build(SIGNATURE, torch.Generator().manual_seed(0))
        inner = INNER.build(SIGNATURE, torch.Generator().manual_seed(0))
        torch.testing.assert_close(whole(values, places) - inner(values, places), values[:, [channel]])


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
