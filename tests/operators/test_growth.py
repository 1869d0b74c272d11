"""Networks that grow."""

from __future__ import annotations

import pytest
import torch

from pinnlab.networks.fno import Fno
from pinnlab.networks.given import Given
from pinnlab.networks.operator import Signature
from pinnlab.operators.growth import FullSize, IncrementalModes

SIGNATURE = Signature(1, 1, (16,), 1, (True,))


def network():
    return Fno(modes=5, width=2, depth=1).build(SIGNATURE, torch.Generator().manual_seed(0))


def test_one_mode_more_comes_into_use_after_every_so_many_epochs():
    found = network()
    seen = []
    for epoch in (0, 2, 3, 6, 8, 9, 60):
        IncrementalModes(first=2, every=3).apply(found, epoch)
        seen.append(found.active)
    assert seen == [(2,), (2,), (3,), (4,), (4,), (5,), (5,)]


def test_a_network_of_full_size_stays():
    one, other = network(), network()
    FullSize().apply(one, 0)
    assert one.active == (5,)
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_networks_without_modes_do_not_grow():
    given = Given(torch.nn.Conv1d(1, 1, 1)).build(SIGNATURE, torch.Generator())
    with pytest.raises(ValueError, match="no Fourier modes"):
        IncrementalModes().apply(given, 0)


@pytest.mark.parametrize("settings", [{"first": 0}, {"every": 0}])
def test_settings_that_mean_nothing_are_refused(settings):
    with pytest.raises(ValueError, match="positive whole number"):
        IncrementalModes(**settings)
