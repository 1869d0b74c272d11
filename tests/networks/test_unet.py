import pytest
import torch

from pinnlab.networks.operator import Signature, uniform_grid
from pinnlab.networks.position_channels import Coordinates, NoPositions
from pinnlab.networks.unet import SmallConvolution, UNet


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def random(*shape):
    return torch.randn(shape, generator=draw(1), dtype=torch.float64)


def signature(grid, periodic=None, inputs=1, outputs=1):
    return Signature(inputs, outputs, grid, len(grid), periodic or (False,) * len(grid), torch.float64)


def places(grid, periodic):
    return uniform_grid(grid, periodic, torch.float64)


def test_a_convolution_continues_periodic_axes_and_puts_zeros_beside_others():
    convolution = SmallConvolution(1, 1, (True, False), draw(), torch.float64)
    with torch.no_grad():
        convolution.kernel.weight.fill_(1.0)
        convolution.kernel.bias.zero_()
    x = torch.tensor([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0], [100.0, 200.0, 300.0]], dtype=torch.float64)
    # Every row sees all three; the first column sees two.
    expected = torch.tensor([[333.0, 666.0, 555.0]] * 3, dtype=torch.float64)
    torch.testing.assert_close(convolution(x[None, None])[0, 0], expected)


def test_parameters_by_hand():
    # A line, width 8, one level, no positions: 3 nodes, two convolutions and two norms for each grid.
    fine = (3 * 1 * 8 + 8) + (3 * 8 * 8 + 8) + 4 * 8
    coarse = (3 * 8 * 16 + 16) + (3 * 16 * 16 + 16) + 4 * 16
    up = (3 * 24 * 8 + 8) + (3 * 8 * 8 + 8) + 4 * 8
    network = UNet(8, 1, NoPositions()).build(signature((8,)), draw())
    assert sum(p.numel() for p in network.parameters()) == fine + coarse + up + 8 + 1


@pytest.mark.parametrize(
    ("grid", "periodic"), [((17,), (True,)), ((9, 14), (False, True)), ((5, 6, 7), (True, False, False))]
)
def test_every_number_of_nodes_in_every_dimension(grid, periodic):
    network = UNet(4, 2).build(signature(grid, periodic, 2, 3), draw())
    assert network(random(2, 2, *grid), places(grid, periodic)).shape == (2, 3, *grid)


def test_it_commutes_with_translations_by_the_coarsest_step():
    network = UNet(4, 2, NoPositions()).build(signature((16, 8), (True, True)), draw())
    x, p = random(2, 1, 16, 8), places((16, 8), (True, True))
    torch.testing.assert_close(network(x.roll((4, 4), (2, 3)), p), network(x, p).roll((4, 4), (2, 3)))


def test_positions_and_the_coarsest_grid_matter():
    p, x = places((16,), (False,)), random(1, 1, 16)
    seeing = UNet(4, 2, Coordinates()).build(signature((16,)), draw())
    assert not torch.allclose(seeing(x, p), seeing(x, p / 2))
    blind = UNet(4, 2, NoPositions()).build(signature((16,)), draw())
    assert torch.equal(blind(x, p), blind(x, p / 2))
    for parameter in blind.parameters():
        assert torch.autograd.grad(blind(x, p).square().sum(), parameter)[0].any()


def test_the_coarser_grids_carry_an_input_far():
    network = UNet(4, 3, NoPositions()).build(signature((64,)), draw())
    x = random(1, 1, 64).requires_grad_()
    (reached,) = torch.autograd.grad(network(x, places((64,), (False,)))[0, 0, 32], x)
    assert reached[0, 0, 10].abs() > 0


def test_equal_generators_give_equal_networks_and_the_global_one_is_left_alone():
    before = torch.get_rng_state()
    a, b, c = (
        torch.cat([p.flatten() for p in UNet(4, 1).build(signature((8,)), draw(s)).parameters()]) for s in (0, 0, 1)
    )
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert torch.equal(before, torch.get_rng_state())


def test_what_does_not_fit_is_refused_in_words():
    with pytest.raises(ValueError, match="width = 0"):
        UNet(width=0)
    with pytest.raises(ValueError, match="levels = 0"):
        UNet(levels=0)
    with pytest.raises(ValueError, match=r"NoPositions\(\)"):
        UNet(positions=None)
    with pytest.raises(ValueError, match="3 levels on a grid of \\(8,\\) nodes; give 1 axes of at least 9 nodes"):
        UNet(4, 3).build(signature((8,)), draw())
    with pytest.raises(ValueError, match="grids of one to three axes"):
        UNet(4, 1).build(Signature(1, 1, (50,), 2, (False, False)), draw())
    network = UNet(4, 2).build(signature((16,)), draw())
    with pytest.raises(ValueError, match="at least 5 nodes"):
        network(random(1, 1, 4), places((4,), (False,)))
