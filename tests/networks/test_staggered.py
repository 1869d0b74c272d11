"""Grids taken apart into interleaved ones, and put together again."""

import pytest
import torch

from pinnlab.networks.fno import Fno, activate_modes
from pinnlab.networks.given import Given
from pinnlab.networks.mlp import Mlp
from pinnlab.networks.operator import Signature, uniform_grid
from pinnlab.networks.pod_deeponet import PodDeepOnet
from pinnlab.networks.position_channels import NoPositions
from pinnlab.networks.staggered import Staggered, joined, split
from pinnlab.networks.transolver import Transolver
from pinnlab.networks.unet import UNet


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def random(*shape, seed=1):
    return torch.randn(shape, generator=draw(seed), dtype=torch.float64)


def signature(grid, periodic, inputs=1, outputs=1):
    return Signature(inputs, outputs, grid, len(grid), periodic, torch.float64)


def places(grid, periodic):
    return uniform_grid(grid, periodic, torch.float64)


def test_coarse_grids_hold_every_second_node_by_hand():
    line = torch.arange(6.0)[None, None]
    assert split(line, 2)[:, 0].tolist() == [[0, 2, 4], [1, 3, 5]]
    square = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert split(square, 2).flatten(1).tolist() == [[0, 2, 8, 10], [1, 3, 9, 11], [4, 6, 12, 14], [5, 7, 13, 15]]


@pytest.mark.parametrize(("grid", "factor"), [((12,), 3), ((4, 6), 2), ((4, 2, 6), 2)])
def test_joining_undoes_splitting_and_keeps_samples_and_channels_apart(grid, factor):
    x = random(3, 2, *grid)
    parts = split(x, factor)
    assert parts.shape == (3 * factor ** len(grid), 2, *(n // factor for n in grid))
    assert torch.equal(joined(parts, factor), x)
    assert torch.equal(parts[1], x[(1, slice(None), *[slice(None, None, factor)] * len(grid))])


def test_a_network_that_works_point_by_point_is_not_changed_by_it():
    inner = torch.nn.Conv2d(2, 3, 1, dtype=torch.float64)
    network = Staggered(Given(inner), 2, NoPositions()).build(signature((4, 6), (True, False), 2, 3), draw())
    x = random(2, 2, 4, 6)
    torch.testing.assert_close(network(x, places((4, 6), (True, False))), inner(x))


def test_a_coarse_grid_is_answered_from_its_own_nodes_alone():
    network = Staggered(UNet(4, 1), 2, NoPositions()).build(signature((12,), (True,)), draw())
    x, p = random(1, 1, 12), places((12,), (True,))
    other = x.clone()
    other[..., 3] += 1
    changed = (network(other, p) != network(x, p))[0, 0]
    assert changed[1::2].all()
    assert not changed[::2].any()


def test_every_coarse_grid_is_answered_by_the_same_network():
    network = Staggered(UNet(4, 1), 3, NoPositions()).build(signature((12,), (True,)), draw())
    x, p = random(2, 1, 12), places((12,), (True,))
    for offset in range(3):
        alone = network.network(x[..., offset::3], p[::3])
        torch.testing.assert_close(network(x, p)[..., offset::3], alone)


def test_the_network_inside_is_told_of_the_examples_on_all_coarse_grids():
    settings = Staggered(PodDeepOnet(Mlp(8, 1), rank=2), 2, NoPositions())
    network = settings.build(signature((8, 8), (False, False)), draw())
    assert network.waits_for_examples
    # Its mean and components are those of the parts of all outputs, (x + h)(y + h') among them.
    p = places((8, 8), (False, False))
    product = p.prod(-1)
    outputs = torch.stack([a + b * product for a, b in random(20, 2)])[:, None]
    network.informed_by(iter([(outputs[:12], outputs[:12]), (outputs[12:], outputs[12:])]), p)
    assert not network.waits_for_examples
    parts = split(outputs, 2).flatten(1)
    basis = torch.linalg.svd(parts - parts.mean(0), full_matrices=False)[2][:2]
    apart = split(network(random(3, 1, 8, 8), p), 2).flatten(1) - parts.mean(0)
    torch.testing.assert_close(apart @ basis.T @ basis, apart)


def test_with_no_positions_it_commutes_with_every_translation():
    network = Staggered(Fno(2, 4, 1, positions=NoPositions()), 2, NoPositions())
    network = network.build(signature((8, 12), (True, True)), draw())
    x, p = random(1, 1, 8, 12), places((8, 12), (True, True))
    torch.testing.assert_close(network(x.roll((3, 5), (2, 3)), p), network(x, p).roll((3, 5), (2, 3)))


def test_positions_are_those_of_the_fine_grid():
    # A linear map of the channels, of which the second is the place.
    inner = torch.nn.Conv1d(2, 1, 1, bias=False, dtype=torch.float64)
    inner.weight.data = torch.tensor([[[0.0], [1.0]]], dtype=torch.float64)
    network = Staggered(Given(inner), 2).build(signature((6,), (False,)), draw())
    p = places((6,), (False,))
    torch.testing.assert_close(network(random(1, 1, 6), p)[0, 0], p[:, 0])


def test_other_grids_are_answered_where_the_network_can():
    network = Staggered(Transolver(4, 8, 1, 2), 2).build(signature((8,), (False,), 1, 2), draw())
    assert network(random(3, 1, 12), places((12,), (False,))).shape == (3, 2, 12)


def test_modes_of_the_network_inside_can_be_activated():
    network = Staggered(Fno(3, 4, 1)).build(signature((12,), (True,)), draw())
    activate_modes(network, 2)
    assert network.network.active == (2,)


def test_equal_generators_give_equal_networks():
    shape = signature((12,), (True,))
    a, b, c = (
        torch.cat([p.real.flatten() for p in Staggered(Fno(3, 4, 1)).build(shape, draw(s)).parameters()])
        for s in (0, 0, 1)
    )
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_it_learns_what_a_coarse_grid_can_tell():
    # Smooth periodic functions to their squares.
    p = uniform_grid((32,), (True,), torch.float32)

    def pairs(n, seed):
        c = random(n, 4, seed=seed).float()
        angles = 2 * torch.pi * p[:, 0]
        waves = torch.stack([torch.cos(angles), torch.sin(angles), torch.cos(2 * angles), torch.sin(2 * angles)])
        u = (c @ waves)[:, None]
        return u, u.square() - 2

    x, truth = pairs(64, 1)
    network = Staggered(Fno(4, 16, 1, positions=NoPositions()), 2, NoPositions())
    network = network.build(Signature(1, 1, (32,), 1, (True,)), draw())
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 150)
    for _ in range(150):
        optimizer.zero_grad()
        (network(x, p) - truth).square().mean().backward()
        optimizer.step()
        schedule.step()
    unseen, wanted = pairs(32, 2)
    assert ((network(unseen, p) - wanted).norm() / wanted.norm()).item() < 0.1


def test_what_does_not_fit_is_refused_in_words():
    with pytest.raises(ValueError, match="factor = 1; give a whole number from 2 on"):
        Staggered(factor=1)
    with pytest.raises(ValueError, match="network = 3; give the settings of an operator network"):
        Staggered(3)
    with pytest.raises(ValueError, match=r"NoPositions\(\)"):
        Staggered(positions=None)
    with pytest.raises(ValueError, match=r"factor = 3 on a grid of \(12, 16\) nodes and 2 axes; give a divisor of 4"):
        Staggered(factor=3).build(signature((12, 16), (True, True)), draw())
    with pytest.raises(ValueError, match="at least 2 nodes per axis"):
        Staggered(factor=4).build(signature((4,), (True,)), draw())
    network = Staggered(UNet(4, 1)).build(signature((12,), (True,)), draw())
    with pytest.raises(ValueError, match=r"grid of \(13,\) nodes"):
        network(random(1, 1, 13), places((13,), (True,)))
