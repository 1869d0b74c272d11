"""Principal components as the functions of the position."""

import pytest
import torch

from pinnlab.networks.mlp import Mlp
from pinnlab.networks.operator import Signature, uniform_grid
from pinnlab.networks.pod_deeponet import PodDeepOnet, principal_components
from pinnlab.networks.staggered import Staggered


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def random(*shape, seed=1):
    return torch.randn(shape, generator=draw(seed), dtype=torch.float64)


def signature(grid, inputs=1, outputs=1):
    return Signature(inputs, outputs, grid, len(grid), (False,) * len(grid), torch.float64)


def places(*grid):
    return uniform_grid(grid, (False,) * len(grid), torch.float64)


def informed(rank, data, grid, inputs=1):
    network = PodDeepOnet(Mlp(16, 1), rank).build(signature(grid, inputs, data.shape[1]), draw())
    network.informed_by(((torch.zeros(()), part) for part in data.split(3)), places(*grid))
    return network


class Told(torch.nn.Module):
    """Coefficients in place of a network."""

    def __init__(self, coefficients):
        super().__init__()
        self.coefficients = coefficients

    def forward(self, values):
        return self.coefficients


def test_components_by_hand():
    # Around the mean (1, 1) lie +-3 along (1, 0) and +-1 along (0, 1): deviations sqrt(18/4) and sqrt(2/4).
    snapshots = torch.tensor([[4.0, 1.0], [-2.0, 1.0], [1.0, 2.0], [1.0, 0.0]])
    mean, components = principal_components(snapshots, 2)
    torch.testing.assert_close(mean, torch.tensor([1.0, 1.0], dtype=torch.float64))
    wanted = torch.tensor([[4.5**0.5, 0.0], [0.0, 0.5**0.5]], dtype=torch.float64)
    torch.testing.assert_close(components, wanted)


def test_coefficients_of_the_training_outputs_have_mean_zero_and_deviation_one():
    snapshots = random(40, 6) * torch.arange(1.0, 7.0)
    mean, components = principal_components(snapshots, 6)
    coefficients = (snapshots - mean) @ torch.linalg.inv(components)
    torch.testing.assert_close(coefficients.T @ coefficients / 40, torch.eye(6, dtype=torch.float64))
    torch.testing.assert_close(coefficients.mean(0), torch.zeros(6, dtype=torch.float64))


def test_outputs_in_the_span_of_the_data_are_reproduced_exactly():
    shapes, factors = random(3, 2, 4, 5), random(20, 3, seed=2)
    data = torch.tensordot(factors, shapes, dims=1) + random(2, 4, 5, seed=3)
    network = informed(3, data, (4, 5))
    centred = (data - network.mean).flatten(1)
    coefficients = torch.linalg.lstsq(network.components.flatten(1).T, centred.T).solution.T
    network.branch = Told(coefficients)
    torch.testing.assert_close(network(torch.zeros(20, 1, 4, 5), places(4, 5)), data)


def test_no_other_space_of_the_rank_is_closer_to_the_data():
    data = random(30, 1, 12)
    network = informed(4, data, (12,))
    basis = torch.linalg.qr(network.components.flatten(1).T).Q
    centred = (data - data.mean(0)).flatten(1)
    left = (centred - centred @ basis @ basis.T).square().sum()
    # Eckart and Young: the sum of the squares of the singular values that are left out.
    torch.testing.assert_close(left, torch.linalg.svdvals(centred)[4:].square().sum())


def test_the_network_knows_of_no_data_but_those_it_was_given():
    data = random(12, 1, 8)
    network = informed(3, data, (8,))
    torch.testing.assert_close(network.mean, data.mean(0))
    other = informed(3, torch.cat([data, 10 + data]), (8,))
    assert not torch.allclose(other.mean, network.mean)


def test_components_are_in_the_state_that_is_saved():
    network = informed(3, random(12, 1, 8), (8,))
    copy = PodDeepOnet(Mlp(16, 1), 3).build(signature((8,)), draw(5))
    copy.load_state_dict(network.state_dict())
    x = random(2, 1, 8, seed=4)
    assert torch.equal(copy(x, places(8)), network(x, places(8)))
    assert not {"mean", "components", "positions"} & {name for name, _ in network.named_parameters()}


def test_it_learns_a_map_between_coefficients():
    # Three sines with factors c to the same sines with factors tanh(c).
    sines = torch.sin(torch.pi * torch.arange(1, 4)[:, None] * places(20)[:, 0])

    def pairs(n, seed):
        c = random(n, 3, seed=seed)
        return (c @ sines)[:, None], (torch.tanh(c) @ sines)[:, None]

    x, truth = pairs(200, 1)
    network = PodDeepOnet(Mlp(24, 2), 3).build(signature((20,)), draw())
    network.informed_by(iter([(truth, truth)]), places(20))
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 250)
    for _ in range(250):
        optimizer.zero_grad()
        (network(x, places(20)) - truth).square().mean().backward()
        optimizer.step()
        schedule.step()
    unseen, wanted = pairs(50, 2)
    assert ((network(unseen, places(20)) - wanted).norm() / wanted.norm()).item() < 0.1


def test_a_staggered_network_has_the_components_of_all_coarse_grids():
    data = random(6, 1, 8)
    architecture = Staggered(PodDeepOnet(Mlp(8, 1), 3), 2)
    network = architecture.build(signature((8,)), draw())
    network.informed_by(iter([(data, data)]), places(8))
    pooled = torch.cat([data[..., ::2], data[..., 1::2]])
    torch.testing.assert_close(network.network.mean, pooled.mean(0))
    assert network(data, places(8)).shape == (6, 1, 8)


def test_what_does_not_fit_is_refused_in_words():
    with pytest.raises(ValueError, match="rank = 0"):
        PodDeepOnet(rank=0)
    with pytest.raises(ValueError, match="branch = 3 is no architecture"):
        PodDeepOnet(branch=3)
    with pytest.raises(ValueError, match="rank = 5, and 5 training outputs of 8 values have 4 principal components"):
        informed(5, random(5, 1, 8), (8,))
    fresh = PodDeepOnet(rank=2).build(signature((8,)), draw())
    with pytest.raises(ValueError, match=r"no components yet; .* informed_by, or let train\(...\) do it"):
        fresh(random(1, 1, 8), places(8))
    network = informed(3, random(12, 1, 8), (8,))
    with pytest.raises(ValueError, match=r"sensors are the nodes of \(8,\)"):
        network(random(1, 1, 16), places(16))
    for others in (places(8) ** 2, places(16)):
        with pytest.raises(ValueError, match=r"are not the \(8,\) nodes of the training"):
            network(random(1, 1, 8), others)
