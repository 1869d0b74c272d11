"""Frames from steps in a latent space."""

import pytest
import torch

from pinnlab.networks.fno import Fno
from pinnlab.networks.given import Given
from pinnlab.networks.latent_evolution import GridDecoder, GridEncoder, LatentEvolution
from pinnlab.networks.operator import OperatorNetwork, Signature, uniform_grid
from pinnlab.networks.pod_deeponet import PodDeepOnet
from pinnlab.networks.position_channels import NoPositions
from pinnlab.networks.unet import UNet


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def random(*shape, seed=1):
    return torch.randn(shape, generator=draw(seed), dtype=torch.float64)


def signature(grid, periodic, inputs=1, outputs=1):
    return Signature(inputs, outputs, grid, len(grid), periodic, torch.float64)


def places(grid, periodic):
    return uniform_grid(grid, periodic, torch.float64)


class Kept(torch.nn.Module):
    """What a module would answer is known; it keeps what it is given."""

    def __init__(self, function):
        super().__init__()
        self.function, self.given = function, []

    def forward(self, *given):
        self.given.append(given)
        return self.function(*given)


class KeptStep(Kept, OperatorNetwork):
    """As a network."""


def test_frames_are_those_of_the_steps_by_hand():
    # State u, static input 10 u, a step adds 1/10 of the static input and doubles the state; decoded is its negative.
    network = LatentEvolution(Fno(1, 2, 1), latent=1).build(signature((4,), (True,), 1, 3), draw())
    network.state, network.static = Kept(lambda x: x[:, :1, ::2]), Kept(lambda x: 10 * x[:, :1, ::2])
    network.step = KeptStep(lambda x, p: x[:, :1] + x[:, 1:] / 10)
    network.decoder = Kept(lambda z: -z.repeat_interleave(2, dim=-1))
    p = places((4,), (True,))
    found = network(torch.tensor([[[1.0, 0.0, 3.0, 0.0]]], dtype=torch.float64), p)
    # 1 becomes 2 + 1 = 3, 7 and 15; and three times that beside it.
    wanted = [[-3.0, -3.0, -9.0, -9.0], [-7.0, -7.0, -21.0, -21.0], [-15.0, -15.0, -45.0, -45.0]]
    torch.testing.assert_close(found[0], torch.tensor(wanted, dtype=torch.float64))
    # Positions of coarse nodes are the means of those of which they are made.
    torch.testing.assert_close(network.step.given[0][1][:, 0], torch.tensor([0.125, 0.625], dtype=torch.float64))


def test_frames_of_several_components_come_frame_by_frame():
    settings = LatentEvolution(UNet(4, 1, NoPositions()), 3, 1, components=2, positions=NoPositions())
    network = settings.build(signature((8,), (True,), 1, 6), draw())
    x, p = random(2, 1, 8), places((8,), (True,))
    z, static = network.state(x), network.static(x)
    for m in range(3):
        z = z + network.step(torch.cat([z, static], dim=1), p[::2])
        torch.testing.assert_close(network(x, p)[:, 2 * m : 2 * m + 2], network.decoder(z))


@pytest.mark.parametrize("grid", [(8,), (8, 12), (4, 8, 8)])
def test_encoders_and_decoders_halve_and_double_every_axis(grid):
    shape = signature(grid, (True,) * len(grid))
    x = random(2, 3, *grid)
    coarse = GridEncoder(3, 5, 2, shape, draw())(x)
    assert coarse.shape == (2, 5, *(n // 4 for n in grid))
    assert GridDecoder(5, 2, 2, shape, draw())(coarse).shape == (2, 2, *grid)


def test_the_network_inside_is_built_for_the_coarse_grid():
    inner = torch.nn.Conv2d(6, 3, 1, dtype=torch.float64)
    network = LatentEvolution(Given(inner), latent=3, halvings=2).build(signature((8, 16), (True, False), 1, 4), draw())
    seen = []
    network.step.module.register_forward_hook(lambda module, given, answer: seen.append(given[0].shape))
    assert network(random(2, 1, 8, 16), places((8, 16), (True, False))).shape == (2, 4, 8, 16)
    assert seen == [(2, 6, 2, 4)] * 4


def test_with_no_positions_it_commutes_with_translations_by_a_coarse_step():
    settings = LatentEvolution(Fno(2, 4, 1, positions=NoPositions()), 4, 2, positions=NoPositions())
    network = settings.build(signature((16,), (True,), 1, 2), draw())
    x, p = random(1, 1, 16), places((16,), (True,))
    torch.testing.assert_close(network(x.roll(4, 2), p), network(x, p).roll(4, 2))


def test_a_frame_does_not_depend_on_how_many_follow():
    settings = LatentEvolution(UNet(4, 1), 3)
    few, many = (settings.build(signature((8,), (False,), 1, n), draw()) for n in (2, 5))
    few.load_state_dict(many.state_dict())
    x, p = random(2, 1, 8), places((8,), (False,))
    torch.testing.assert_close(few(x, p), many(x, p)[:, :2])


def test_all_weights_matter_and_equal_generators_give_equal_networks():
    shape = signature((8,), (False,), 2, 2)
    network, same, other = (LatentEvolution(UNet(4, 1), 3).build(shape, draw(s)) for s in (0, 0, 1))
    found = network(random(1, 2, 8), places((8,), (False,)))
    for parameter in network.parameters():
        assert torch.autograd.grad(found.square().sum(), parameter, retain_graph=True)[0].any()
    assert torch.equal(network.state.layers[0].kernel.weight, same.state.layers[0].kernel.weight)
    assert not torch.equal(network.state.layers[0].kernel.weight, other.state.layers[0].kernel.weight)


def test_it_learns_a_function_that_wanders():
    # A wave that moves a quarter of the period per frame.
    p = uniform_grid((8,), (True,), torch.float32)

    def pairs(n, seed):
        c, angles = random(n, 2, seed=seed).float(), 2 * torch.pi * p[:, 0]
        u = (c @ torch.stack([torch.cos(angles), torch.sin(angles)]))[:, None]
        return u, torch.cat([u.roll(2, 2), u.roll(4, 2)], dim=1)

    x, truth = pairs(32, 1)
    network = LatentEvolution(Fno(2, 6, 1), 8).build(Signature(1, 2, (8,), 1, (True,)), draw())
    optimizer = torch.optim.Adam(network.parameters(), 2e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 80)
    for _ in range(80):
        optimizer.zero_grad()
        (network(x, p) - truth).square().mean().backward()
        optimizer.step()
        schedule.step()
    unseen, wanted = pairs(32, 2)
    assert ((network(unseen, p) - wanted).norm() / wanted.norm()).item() < 0.15


def test_what_does_not_fit_is_refused_in_words():
    for name in ("latent", "halvings", "components"):
        with pytest.raises(ValueError, match=f"{name} = 0"):
            LatentEvolution(**{name: 0})
    with pytest.raises(ValueError, match="network = 3; give the settings of an operator network"):
        LatentEvolution(3)
    with pytest.raises(ValueError, match=r"NoPositions\(\)"):
        LatentEvolution(positions=None)
    with pytest.raises(ValueError, match="3 outputs are no whole frames of 2 components"):
        LatentEvolution(components=2).build(signature((64,), (True,), 1, 3), draw())
    with pytest.raises(ValueError, match=r"2 halvings of a grid of \(66,\) nodes"):
        LatentEvolution(halvings=2).build(signature((66,), (True,)), draw())
    with pytest.raises(ValueError, match="grids of one to three axes"):
        LatentEvolution().build(Signature(1, 1, (50,), 2, (False, False)), draw())
    nested = LatentEvolution(LatentEvolution(PodDeepOnet(rank=2)))
    with pytest.raises(ValueError, match="there are none of latent functions"):
        nested.build(signature((16,), (True,)), draw()).informed_by(iter([]), places((16,), (True,)))
    network = LatentEvolution(PodDeepOnet(rank=2)).build(signature((8,), (True,)), draw())
    assert network.waits_for_examples
    with pytest.raises(ValueError, match="there are none of latent functions"):
        network.informed_by(iter([]), places((8,), (True,)))
    LatentEvolution(Fno(1, 2, 1)).build(signature((8,), (True,)), draw()).informed_by(iter([]), places((8,), (True,)))
    with pytest.raises(ValueError, match="no components yet"):
        network(random(1, 1, 8), places((8,), (True,)))
