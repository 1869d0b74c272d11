"""Sums of coefficients times functions, between any two sets of points."""

import pytest
import torch

from pinnlab.networks.activations import Swish
from pinnlab.networks.deeponet import DeepOnet
from pinnlab.networks.mlp import Mlp
from pinnlab.networks.operator import Signature, uniform_grid

SMALL = DeepOnet(Mlp(8, 1), Mlp(8, 1), rank=5)


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def random(*shape, seed=1):
    return torch.randn(shape, generator=draw(seed), dtype=torch.float64)


def signature(grid, periodic=None, inputs=1, outputs=1, dtype=torch.float64):
    return Signature(inputs, outputs, grid, len(grid), periodic or (False,) * len(grid), dtype)


class Known(torch.nn.Module):
    """A function in place of a network."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def test_the_sum_by_hand():
    network = DeepOnet(rank=2).build(signature((2,), outputs=2), draw())
    # Sensors (3, 4): coefficients of the first output are (3, 4), of the second (4, 7); functions are 1 and y.
    network.branch.network = Known(lambda s: torch.stack([s[:, 0], s[:, 1], s[:, 1], s[:, 0] + s[:, 1]], dim=1))
    network.trunk = Known(lambda y: torch.cat([torch.ones_like(y), y], dim=1))
    network.bias.data = torch.tensor([0.5, -1.0], dtype=torch.float64)
    y = torch.tensor([[0.0], [0.5], [2.0]], dtype=torch.float64)
    found = network(torch.tensor([[[3.0, 4.0]]], dtype=torch.float64), y)
    # 3 + 4 y + 1/2 and 4 + 7 y - 1.
    torch.testing.assert_close(found, torch.tensor([[[3.5, 5.5, 11.5], [3.0, 6.5, 17.0]]], dtype=torch.float64))


def test_sensors_are_all_values_of_all_inputs():
    network = SMALL.build(signature((3, 4), inputs=2), draw())
    x, y = random(1, 2, 3, 4).requires_grad_(), uniform_grid((3, 4), (False, False), torch.float64)
    (slope,) = torch.autograd.grad(network(x, y)[0, 0, 0, 0], x)
    assert (slope != 0).all()


def test_answers_at_any_positions_are_those_at_each_of_them():
    network = SMALL.build(signature((3, 4), outputs=2), draw())
    x, y = random(3, 1, 3, 4), torch.rand(7, 5, 2, generator=draw(2), dtype=torch.float64)
    found = network(x, y)
    assert found.shape == (3, 2, 7, 5)
    torch.testing.assert_close(network(x, y[4, 2]), found[:, :, 4, 2])
    torch.testing.assert_close(network(x, y.reshape(35, 2)), found.flatten(2))


def test_answers_are_periodic_where_the_axis_is():
    network = SMALL.build(signature((3, 4), (True, False)), draw())
    x, y = random(2, 1, 3, 4), torch.rand(6, 2, generator=draw(2), dtype=torch.float64)
    torch.testing.assert_close(network(x, y + torch.tensor([1.0, 0.0])), network(x, y))
    assert not torch.allclose(network(x, y + torch.tensor([0.0, 1.0])), network(x, y))


def test_answers_lie_in_a_space_of_as_many_dimensions_as_the_rank():
    network = SMALL.build(signature((30,)), draw())
    found = network(random(40, 1, 30), uniform_grid((30,), (False,), torch.float64))[:, 0]
    sizes = torch.linalg.svdvals(found - network.bias)
    assert sizes[5] < 1e-12 * sizes[0]


def test_equal_generators_give_equal_networks_of_the_dtype_asked_for():
    before = torch.get_rng_state()
    a, b, c = (
        torch.cat([p.flatten() for p in SMALL.build(signature((4,), dtype=torch.float32), draw(s)).parameters()])
        for s in (0, 0, 1)
    )
    assert a.dtype == torch.float32
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert torch.equal(before, torch.get_rng_state())


def test_it_learns_the_antiderivative():
    # c_1 cos(pi x) + c_2 cos(2 pi x) to pi times its integral from 0, c_1 sin(pi x) + c_2 sin(2 pi x) / 2.
    k = torch.arange(1, 3) * torch.pi
    y = uniform_grid((16,), (False,), torch.float32)

    def pairs(n, seed):
        c, angles = random(n, 2, seed=seed).float(), k[:, None] * y[:, 0]
        return (c @ torch.cos(angles))[:, None], (c @ (torch.sin(angles) * torch.pi / k[:, None]))[:, None]

    x, truth = pairs(200, 1)
    network = DeepOnet(Mlp(24, 1, Swish()), Mlp(24, 2), rank=6).build(signature((16,), dtype=torch.float32), draw())
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 300)
    for _ in range(300):
        optimizer.zero_grad()
        (network(x, y) - truth).square().mean().backward()
        optimizer.step()
        schedule.step()
    unseen, wanted = pairs(50, 2)
    assert ((network(unseen, y) - wanted).norm() / wanted.norm()).item() < 0.1


def test_what_does_not_fit_is_refused_in_words():
    with pytest.raises(ValueError, match="rank = 0"):
        DeepOnet(rank=0)
    with pytest.raises(ValueError, match="branch = 40 is no architecture"):
        DeepOnet(branch=40)
    with pytest.raises(ValueError, match=r"trunk = .*Mlp.* is no architecture"):
        DeepOnet(trunk=Mlp)
    network = SMALL.build(signature((3, 4)), draw())
    y = uniform_grid((6, 8), (False, False), torch.float64)
    with pytest.raises(ValueError, match=r"grid of \(6, 8\) nodes, and its sensors are the nodes of \(3, 4\)"):
        network(random(1, 1, 6, 8), y)
    with pytest.raises(ValueError, match="built for 2 dimensions"):
        network(random(1, 1, 3, 4), y[..., :1])
