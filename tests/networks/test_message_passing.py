"""Messages between neighbours, and frames from one hidden vector."""

import pytest
import torch
from torch.nn.functional import silu

from pinnlab.networks.message_passing import FrameDecoder, Graph, MessageLayer, MessagePassing
from pinnlab.networks.operator import Signature, uniform_grid
from pinnlab.networks.position_channels import NoPositions


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def random(*shape, seed=1):
    return torch.randn(shape, generator=draw(seed), dtype=torch.float64)


def signature(grid, periodic, inputs=1, outputs=1):
    return Signature(inputs, outputs, grid, len(grid), periodic, torch.float64)


def places(grid, periodic):
    return uniform_grid(grid, periodic, torch.float64)


def small(**settings):
    return MessagePassing(**{"width": 8, "depth": 2, "neighbours": 2, "positions": NoPositions(), **settings})


def test_shifts_go_the_shorter_way_round_a_period():
    graph = Graph.of(torch.tensor([[0.0], [0.25], [0.5], [0.75]]), 2, (True,))
    assert graph.senders.tolist() == [[1, 3], [0, 2], [1, 3], [0, 2]]
    assert graph.shifts[0, :, 0].tolist() == [-0.25, 0.25]
    assert graph.shifts[3, :, 0].tolist() == [-0.25, 0.25]
    assert graph.weights[..., 0].tolist() == [[0.5, 0.5]] * 4


def test_a_point_with_fewer_neighbours_takes_the_mean_of_those():
    graph = Graph.of(torch.tensor([[0.0], [0.1], [0.3], [0.9]]), 1, (True,))
    assert graph.weights[..., 0].tolist() == [[0.5, 0.5], [1, 0], [1, 0], [1, 0]]


def test_weights_are_of_the_precision_of_the_positions():
    graph = Graph.of(torch.tensor([[0.0], [0.1], [0.3], [0.9]], dtype=torch.float64), 3, (False,))
    assert graph.weights[..., 0].tolist() == [[1 / 3] * 3] * 4


def test_a_layer_is_the_formula_written_out_pair_by_pair():
    layer = MessageLayer(4, 2, 1, draw(), torch.float64)
    x = torch.tensor([[0.0], [0.1], [0.3], [0.7]], dtype=torch.float64)
    f, u, graph = random(4, 4), random(4, 2, seed=2), Graph.of(x, 1, (False,))
    expected = []
    for i, heard in enumerate([[1], [0], [1], [2]]):
        messages = []
        for j in heard:
            # phi of f_i, f_j, u_i - u_j, x_i - x_j and u_i: one matrix times all of them.
            parts = torch.cat([f[i], u[i], f[j], u[i] - u[j], (x[i] - x[j]) / 0.2])
            matrices = layer.hearing.weight, layer.telling.weight, layer.differing.T, layer.between.weight
            biases = layer.hearing.bias + layer.telling.bias + layer.between.bias
            first = torch.cat(matrices, dim=1) @ parts + biases
            messages.append(silu(layer.message(silu(first))))
        mean = torch.stack(messages).mean(0)
        expected.append(layer.norm(f[i] + layer.update(silu(layer.heard(torch.cat([f[i], mean, u[i]]))))))
    torch.testing.assert_close(layer(f[None], u[None], graph, 0.2)[0], torch.stack(expected))


def test_the_decoder_has_the_sizes_of_the_source():
    decoder = FrameDecoder(128, 25, 1, draw(), torch.float64)
    assert (decoder.first.kernel_size, decoder.first.stride, decoder.first.out_channels) == ((16,), (3,), 8)
    assert (decoder.second.kernel_size, decoder.second.out_channels) == ((14,), 1)


@pytest.mark.parametrize(("frames", "components"), [(1, 1), (1, 3), (5, 2), (18, 1)])
def test_the_decoder_answers_frame_by_frame(frames, components):
    decoder = FrameDecoder(32, frames, components, draw(), torch.float64)
    f = random(2, 3, 32)
    found = decoder(f)
    assert found.shape == (2, frames * components, 3)
    by_frame = decoder.second(silu(decoder.first(f[1, 2][None, None])))[0]
    torch.testing.assert_close(found[1, :, 2].reshape(frames, components), by_frame.T)


def test_all_hidden_channels_reach_the_frames():
    for frames in (1, 4):
        decoder, f = FrameDecoder(32, frames, 1, draw(), torch.float64), random(1, 1, 32).requires_grad_()
        (slope,) = torch.autograd.grad(decoder(f).square().sum(), f)
        assert (slope != 0).all()


@pytest.mark.parametrize(
    ("grid", "neighbours", "shift"),
    [((12,), 2, (5,)), ((12,), 6, (5,)), ((6, 5), 8, (2, 4)), ((4, 4, 4), 7, (1, 2, 3))],
)
def test_on_periodic_grids_it_commutes_with_translations(grid, neighbours, shift):
    periodic, axes = (True,) * len(grid), tuple(range(2, 2 + len(grid)))
    network = small(neighbours=neighbours).build(signature(grid, periodic, 2, 3), draw())
    x, p = random(2, 2, *grid), places(grid, periodic)
    torch.testing.assert_close(network(x.roll(shift, axes), p), network(x, p).roll(shift, axes))


def test_it_commutes_with_permutations_of_the_points():
    p = torch.rand(20, 2, generator=draw(3), dtype=torch.float64)
    network = MessagePassing(8, 2, 3).build(Signature(1, 2, (20,), 2, (False, True), torch.float64), draw())
    x, order = random(2, 1, 20), torch.randperm(20, generator=draw(4))
    torch.testing.assert_close(network(x[..., order], p[order]), network(x, p)[..., order])


def test_a_change_travels_as_many_neighbourhoods_as_there_are_layers():
    for depth in (1, 3):
        network = small(depth=depth, neighbours=4).build(signature((30,), (True,)), draw())
        x, p = random(1, 1, 30), places((30,), (True,))
        other = x.clone()
        other[..., 15] += 1
        changed = (network(other, p) - network(x, p))[0, 0] != 0
        # Four neighbours are two on each side.
        assert changed.nonzero().flatten().tolist() == list(range(15 - 2 * depth, 16 + 2 * depth))


def test_the_graph_follows_the_points():
    network = small().build(signature((8,), (False,)), draw())
    x, p = random(1, 1, 8), places((8,), (False,))
    first = network(x, p)
    order = torch.randperm(8, generator=draw(5))
    assert not torch.allclose(network(x, p[order]), first)
    assert torch.equal(network(x, p), first)
    assert network(random(1, 1, 5, 1)[..., 0], p[:5]).shape == (1, 1, 5)


def test_all_weights_matter_and_the_values_themselves_are_kept_by_a_linear_map():
    network = MessagePassing(8, 2, 2).build(signature((8,), (False,), 2, 2), draw())
    x, p = random(1, 2, 8), places((8,), (False,))
    found = network(x, p)
    for parameter in network.parameters():
        assert torch.autograd.grad(found.square().sum(), parameter, retain_graph=True)[0].any()
    with torch.no_grad():
        network.kept.copy_(torch.tensor([[0.0, 1.0], [2.0, 0.0]]))
    torch.testing.assert_close(network(x, p) - found, torch.stack([2 * x[:, 1], x[:, 0]], dim=1))


def test_equal_generators_give_equal_networks():
    before = torch.get_rng_state()
    shape = signature((8,), (True,))
    a, b, c = (torch.cat([p.flatten() for p in small().build(shape, draw(s)).parameters()]) for s in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert torch.equal(before, torch.get_rng_state())


def test_it_learns_differences():
    # Central differences on a periodic line, at this step and twice, as two frames.
    shape = Signature(1, 2, (16,), 1, (True,))
    network = small(width=16, depth=1).build(shape, draw())
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 120)

    def pairs(n, seed):
        x = random(n, 1, 16, seed=seed).float()
        slope = (x.roll(-1, 2) - x.roll(1, 2)) / 2
        return x, torch.cat([slope, 2 * slope], dim=1)

    p = uniform_grid((16,), (True,), torch.float32)
    x, truth = pairs(32, 1)
    for _ in range(120):
        optimizer.zero_grad()
        (network(x, p) - truth).square().mean().backward()
        optimizer.step()
        schedule.step()
    unseen, wanted = pairs(32, 2)
    assert ((network(unseen, p) - wanted).norm() / wanted.norm()).item() < 0.15


@pytest.mark.parametrize("name", ["width", "depth", "neighbours", "components"])
def test_counts_without_sense_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} = 0"):
        MessagePassing(**{name: 0})


def test_what_does_not_fit_is_refused_in_words():
    with pytest.raises(ValueError, match=r"NoPositions\(\)"):
        MessagePassing(positions=None)
    with pytest.raises(ValueError, match="3 outputs are no whole frames of 2 components"):
        small(components=2).build(signature((8,), (True,), 1, 3), draw())
    with pytest.raises(ValueError, match="neighbours = 8 of 8 points"):
        small(neighbours=8).build(signature((8,), (True,)), draw())
    with pytest.raises(ValueError, match="width = 8 is too small for 6 frames"):
        small().build(signature((8,), (True,), 1, 6), draw())
    network = small(neighbours=4).build(signature((8,), (True,)), draw())
    with pytest.raises(ValueError, match="4 neighbours of each of 4 points"):
        network(random(1, 1, 4), places((4,), (True,)))
    with pytest.raises(ValueError, match=r"values at \(8,\) points"):
        network(random(1, 1, 8), places((9,), (True,)))
