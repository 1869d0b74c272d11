"""Attention among slices of grids and of clouds."""

import math

import pytest
import torch

from pinnlab.networks.operator import Signature, uniform_grid
from pinnlab.networks.position_channels import NoPositions
from pinnlab.networks.transolver import PhysicsAttention, Transolver

SMALL = Transolver(slices=4, width=8, depth=2, heads=2)


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def random(*shape, seed=1):
    return torch.randn(shape, generator=draw(seed), dtype=torch.float64)


def signature(grid, periodic=None, inputs=1, outputs=1):
    return Signature(inputs, outputs, grid, len(grid), periodic or (False,) * len(grid), torch.float64)


def cloud(n, dimension=2, outputs=1):
    places = torch.rand(n, dimension, generator=draw(3), dtype=torch.float64)
    return places, Signature(1, outputs, (n,), dimension, (False,) * dimension, torch.float64)


def test_slices_of_a_point_sum_to_one_and_a_cold_one_takes_the_nearest():
    attention = PhysicsAttention(8, 2, 5, draw(), torch.float64)
    x = random(3, 2, 7, 4)
    assert attention.weights(x).shape == (3, 2, 7, 5)
    torch.testing.assert_close(attention.weights(x).sum(-1), torch.ones(3, 2, 7, dtype=torch.float64))
    with torch.no_grad():
        attention.temperature.fill_(1e-9)
        attention.slices.weight.mul_(1e4)
        attention.slices.bias.zero_()
    torch.testing.assert_close(attention.weights(x).amax(-1), torch.ones(3, 2, 7, dtype=torch.float64))


def test_attention_is_the_formula_written_out_point_by_point():
    attention = PhysicsAttention(3, 1, 2, draw(), torch.float64)
    x = random(4, 3)
    asking, carried = attention.features(x).chunk(2, dim=-1)
    tokens = []
    for j in range(2):
        w = [torch.softmax((attention.slices.weight @ a + attention.slices.bias) / 0.5, 0)[j] for a in asking]
        tokens.append(sum(wi * c for wi, c in zip(w, carried, strict=True)) / sum(w))
    q, k, v = attention.attention(torch.stack(tokens)).chunk(3, dim=-1)
    moved = torch.softmax(q @ k.T / math.sqrt(3), dim=-1) @ v
    answer = torch.softmax(attention.slices(asking) / 0.5, -1) @ moved
    torch.testing.assert_close(attention(x[None])[0], attention.mix(answer))


def test_it_commutes_with_permutations_of_the_points():
    places, shape = cloud(20, outputs=3)
    network, x = SMALL.build(shape, draw()), random(2, 1, 20)
    order = torch.randperm(20, generator=draw(4))
    found = network(x, places)
    assert found.shape == (2, 3, 20)
    torch.testing.assert_close(network(x[..., order], places[order]), found[..., order])


def test_a_grid_is_a_cloud_of_its_nodes():
    places = uniform_grid((4, 5), (False, False), torch.float64)
    network = SMALL.build(signature((4, 5)), draw())
    x = random(2, 1, 4, 5)
    as_cloud = network(x.flatten(2), places.flatten(0, 1))
    torch.testing.assert_close(network(x, places).flatten(2), as_cloud)


def test_points_given_twice_change_nothing():
    # Tokens are means: what counts is how points are spread, and not how many they are.
    places, shape = cloud(10)
    network, x = SMALL.build(shape, draw()), random(2, 1, 10)
    found = network(x.repeat(1, 1, 2), places.repeat(2, 1))
    torch.testing.assert_close(found[..., :10], network(x, places))


@pytest.mark.parametrize(("grid", "periodic"), [((9,), (True,)), ((4, 6), (True, False)), ((3, 2, 4), (False,) * 3)])
def test_grids_of_every_dimension_and_all_weights_matter(grid, periodic):
    network = SMALL.build(signature(grid, periodic, 2, 3), draw())
    found = network(random(2, 2, *grid), uniform_grid(grid, periodic, torch.float64))
    assert found.shape == (2, 3, *grid)
    for parameter in network.parameters():
        assert torch.autograd.grad(found.square().sum(), parameter, retain_graph=True)[0].any()


def test_every_point_sees_every_other_one():
    places, shape = cloud(12)
    x = random(1, 1, 12).requires_grad_()
    (slope,) = torch.autograd.grad(SMALL.build(shape, draw())(x, places)[0, 0, 5], x)
    assert (slope != 0).all()


def test_without_positions_they_do_not_matter():
    places, shape = cloud(12)
    network, x = Transolver(4, 8, 1, 2, NoPositions()).build(shape, draw()), random(1, 1, 12)
    assert torch.equal(network(x, places), network(x, places / 2))
    seeing = SMALL.build(shape, draw())
    assert not torch.allclose(seeing(x, places), seeing(x, places / 2))


def test_equal_generators_give_equal_networks():
    before = torch.get_rng_state()
    a, b, c = (torch.cat([p.flatten() for p in SMALL.build(signature((4,)), draw(s)).parameters()]) for s in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert torch.equal(before, torch.get_rng_state())


def test_it_learns_what_is_not_local():
    # Every value to itself minus the mean of all, on a cloud.
    places, _ = cloud(16)
    shape = Signature(1, 1, (16,), 2, (False, False))
    network = Transolver(4, 16, 1, 2).build(shape, draw())
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 200)

    def pairs(n, seed):
        x = random(n, 1, 16, seed=seed).float() + random(n, 1, 1, seed=seed + 10).float()
        return x, x - x.mean(-1, keepdim=True)

    x, truth = pairs(64, 1)
    for _ in range(200):
        optimizer.zero_grad()
        (network(x, places) - truth).square().mean().backward()
        optimizer.step()
        schedule.step()
    unseen, wanted = pairs(32, 2)
    assert ((network(unseen, places) - wanted).norm() / wanted.norm()).item() < 0.15


@pytest.mark.parametrize("name", ["slices", "width", "depth", "heads"])
def test_counts_without_sense_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} = 0"):
        Transolver(**{name: 0})


def test_what_does_not_fit_is_refused_in_words():
    with pytest.raises(ValueError, match="heads = 3 do not divide width = 64"):
        Transolver(heads=3)
    with pytest.raises(ValueError, match=r"NoPositions\(\)"):
        Transolver(positions=None)
    places, shape = cloud(12)
    network = SMALL.build(shape, draw())
    with pytest.raises(ValueError, match=r"values at \(11,\) points and positions of shape \(12, 2\)"):
        network(random(1, 1, 11), places)
