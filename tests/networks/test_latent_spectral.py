import math

import pytest
import torch

from pinnlab.networks.latent_spectral import LatentSpectral, SpectralBlock, TrigonometricSolver
from pinnlab.networks.operator import Signature, uniform_grid


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def random(*shape):
    return torch.randn(shape, generator=draw(1), dtype=torch.float64)


def block(channels=8, tokens=3, basis=4, patch=3):
    return SpectralBlock(channels, tokens, basis, patch, draw(), torch.float64)


def test_the_solver_is_the_sum_of_sines_and_cosines_by_hand():
    solver = TrigonometricSolver(1, 2, draw(), torch.float64)
    # Frequencies 0 and pi/2: T + 3 cos 0 + 5 sin(pi T / 2) + 7 cos(pi T / 2); the sine of 0 is nothing.
    solver.weight.data = torch.tensor([[[2.0, 5.0]], [[3.0, 7.0]]], dtype=torch.float64)
    found = solver(torch.tensor([[0.0], [1.0], [0.5]], dtype=torch.float64))[:, 0]
    half = 0.5 + 3 + 12 * math.sqrt(0.5)
    torch.testing.assert_close(found, torch.tensor([10.0, 9.0, half], dtype=torch.float64))


def test_a_block_is_the_formula_written_out():
    b = block(channels=3, patch=4)  # three channels have one head
    x = random(1, 3, 4)
    points = x[0].T
    keys, values = b.encoder(points).chunk(2, dim=-1)
    tokens = b.tokens + torch.softmax(b.tokens @ keys.T / math.sqrt(3), dim=-1) @ values
    tokens = b.solver(tokens)
    answer = points + torch.softmax(b.decoder(points) @ tokens.T / math.sqrt(3), dim=-1) @ tokens
    torch.testing.assert_close(b(x)[0], answer.T)


@pytest.mark.parametrize("grid", [(7,), (6, 7), (4, 5, 3)])
def test_patches_are_taken_apart_and_put_together_again(grid):
    b, x = block(), random(2, 8, *grid)
    points = b._split(x)
    assert points.shape == (2 * math.prod(-(-n // 3) for n in grid), 3 ** len(grid), 8)
    assert torch.equal(b._join(points, x), x)


def test_the_points_of_a_patch_are_neighbours():
    numbers = torch.arange(36.0).reshape(1, 1, 6, 6)
    points = block()._split(numbers)[..., 0]
    assert points[0].tolist() == [0, 1, 2, 6, 7, 8, 12, 13, 14]
    assert points[1].tolist() == [3, 4, 5, 9, 10, 11, 15, 16, 17]


def test_patches_do_not_see_each_other():
    b, x = block(), random(1, 8, 9, 6)
    other = x.clone()
    other[:, :, 3:] += 1
    assert torch.equal(b(other)[:, :, :3], b(x)[:, :, :3])
    assert not torch.equal(b(other)[:, :, 3:], b(x)[:, :, 3:])


def test_what_lies_beyond_the_grid_is_not_attended_to():
    b, x = block(patch=4), random(1, 8, 6)
    torch.testing.assert_close(b(x)[..., 4:], block(patch=2)(x)[..., 4:])


@pytest.mark.parametrize(
    ("grid", "periodic"), [((17,), (True,)), ((9, 14), (False, True)), ((5, 6, 7), (True, False, False))]
)
def test_every_number_of_nodes_in_every_dimension(grid, periodic):
    signature = Signature(2, 3, grid, len(grid), periodic, torch.float64)
    network = LatentSpectral(8, 2).build(signature, draw())
    answer = network(random(2, 2, *grid), uniform_grid(grid, periodic, torch.float64))
    assert answer.shape == (2, 3, *grid)
    answer.square().mean().backward()
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())


def test_parameters_by_hand():
    # tokens, encoder, solver and decoder of a block of 8 channels, 3 tokens and 4 frequencies
    assert sum(p.numel() for p in block().parameters()) == 3 * 8 + (8 * 16 + 16) + 2 * 8 * 4 + (8 * 8 + 8)


def test_equal_generators_give_equal_networks_and_the_global_one_is_left_alone():
    signature = Signature(1, 1, (8,), 1, (False,))
    before = torch.get_rng_state()
    networks = [LatentSpectral(8, 1).build(signature, draw(s)) for s in (0, 0, 1)]
    a, b, c = (torch.cat([p.flatten() for p in network.parameters()]) for network in networks)
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", ["width", "levels", "tokens", "basis", "patch"])
def test_settings_without_sense_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} = 0"):
        LatentSpectral(**{name: 0})


def test_grids_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="at least 17 nodes"):
        LatentSpectral(8, 4).build(Signature(1, 1, (16,), 1, (False,)), draw())
    with pytest.raises(ValueError, match="grids of one to three axes"):
        LatentSpectral(8, 1).build(Signature(1, 1, (50,), 2, (False, False)), draw())
