"""Networks with the symmetries of the square."""

from __future__ import annotations

import pytest
import torch

from pinnlab.networks.fno import Fno
from pinnlab.networks.given import Given
from pinnlab.networks.mlp import Mlp
from pinnlab.networks.operator import Signature, uniform_grid
from pinnlab.networks.pod_deeponet import PodDeepOnet
from pinnlab.networks.symmetrised import Symmetrised

SIGNATURE = Signature(1, 1, (5, 5), 2, (False, False), torch.float64)
PLACES = uniform_grid((5, 5), (False, False), torch.float64)
SYMMETRIES = [
    lambda v: torch.flip(v, (-1,)),
    lambda v: torch.flip(v, (-2,)),
    lambda v: v.transpose(-1, -2),
    lambda v: torch.rot90(v, 1, (-2, -1)),
]


INNER = Fno(2, 3, 2)


def built(inner=INNER):
    return Symmetrised(inner).build(SIGNATURE, torch.Generator().manual_seed(0))


def values():
    return torch.randn(3, 1, 5, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_after_training_it_commutes_with_mirrors_and_turns(symmetry):
    network, given = built().eval(), values()
    torch.testing.assert_close(network(symmetry(given), PLACES), symmetry(network(given, PLACES)))
    # The network that is averaged does not.
    assert (network.network(symmetry(given), PLACES) - symmetry(network.network(given, PLACES))).abs().max() > 1e-3


def test_in_training_it_is_the_network_itself():
    network, given = built().train(), values()
    assert torch.equal(network(given, PLACES), network.network(given, PLACES))


class OneCorner(torch.nn.Module):
    """Keeps the value in one corner."""

    def forward(self, given):
        kept = torch.zeros_like(given)
        kept[..., 0, 0] = given[..., 0, 0]
        return kept


def test_the_mean_is_over_all_eight():
    # Each corner is the kept one in two of the eight.
    answer = built(Given(OneCorner())).eval()(torch.ones(1, 1, 5, 5, dtype=torch.float64), PLACES)[0, 0]
    expected = torch.zeros(5, 5, dtype=torch.float64)
    expected[[0, 0, 4, 4], [0, 4, 0, 4]] = 2 / 8
    torch.testing.assert_close(answer, expected)


@pytest.mark.parametrize(
    ("grid", "periodic"), [((4, 5), (False, False)), ((5, 5), (True, False)), ((5,), (False,))]
)  # fmt: skip
def test_only_squares_without_periods_have_these_symmetries(grid, periodic):
    with pytest.raises(ValueError, match="square without periods"):
        Symmetrised(Fno()).build(Signature(1, 1, grid, len(grid), periodic), torch.Generator())


def test_a_rectangle_of_nodes_is_refused_when_it_is_asked():
    with pytest.raises(ValueError, match=r"\(4, 5\) nodes"):
        built().eval()(torch.zeros(1, 1, 4, 5), torch.zeros(4, 5, 2))


def test_it_needs_the_settings_of_a_network():
    with pytest.raises(ValueError, match="such as Fno"):
        Symmetrised(torch.nn.Identity())


def test_the_network_inside_is_told_of_the_training_examples():
    network, outputs = built(PodDeepOnet(Mlp(4, 1), 2)), values()
    assert network.waits_for_examples
    network.informed_by(iter([(outputs, outputs)]), PLACES)
    assert not network.waits_for_examples
    torch.testing.assert_close(network.network.mean, outputs.mean(0))
