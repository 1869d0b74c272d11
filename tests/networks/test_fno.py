import copy
import math

import pytest
import torch

from pinnlab.networks.fno import Fno, activate_modes
from pinnlab.networks.operator import Signature, uniform_grid
from pinnlab.networks.position_channels import Coordinates, NoPositions

LINE = Signature(1, 1, (16,), 1, (True,), torch.float64)


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def random(*shape, seed=1, dtype=torch.float64):
    return torch.randn(shape, generator=draw(seed), dtype=dtype)


def places(grid, periodic, dtype=torch.float64):
    return uniform_grid(grid, periodic, dtype)


def count(settings, signature):
    return sum(p.numel() for p in settings.build(signature, draw()).parameters())


def test_parameters_of_a_line_by_hand():
    # lift: (2 + 1) 8 + 8 and 8 * 8 + 8; each layer: 5 * 8 * 8 complex and 8 * 8 + 8; project: 8 * 16 + 16 and 16 + 1
    layer = 2 * 5 * 8 * 8 + 72
    assert count(Fno(5, 8, 3), LINE) == 32 + 72 + 3 * layer + 144 + 17


def test_parameters_of_the_plane_by_hand():
    # Modes 12 and width 32: 4 layers of (2 * 12 - 1) * 12 matrices of 32 * 32 complex numbers, 4 * 32 * 32 + 4 * 32 of
    # the skips; lift: (1 + 2 + 1) 32 + 32 * 32 + 32; project: 32 * 64 + 64 and 64 + 1.
    plane = Signature(1, 1, (32, 32), 2, (False, False))
    spectral = 4 * 23 * 12 * 1024 * 2
    assert spectral == 2_260_992
    assert count(Fno(12, 32), plane) == spectral + 4_224 + 128 + 1_056 + 2_112 + 65


def test_the_answer_is_the_formula_written_out():
    network = Fno(2, 3, 2, positions=NoPositions()).build(LINE, draw())
    values = random(1, 1, 16)
    t = torch.arange(16, dtype=torch.float64) / 16

    def spectral(layer, v):
        w = torch.view_as_complex(layer.mixing.weight.detach())
        zero, one = (torch.exp(-2j * math.pi * k * t).to(w.dtype) @ v.to(w.dtype) / 16 @ w[k] for k in (0, 1))
        return (zero + 2 * torch.exp(2j * math.pi * t)[:, None] * one).real

    v = network.lift(values[0].T)
    v = torch.nn.functional.gelu(spectral(network.spectral[0], v) + network.skips[0](v))
    v = spectral(network.spectral[1], v) + network.skips[1](v)
    torch.testing.assert_close(network(values, places((16,), (True,)))[0], network.project(v).T)


@pytest.mark.parametrize("grid", [(16,), (8, 10), (6, 5, 7)])
def test_it_commutes_with_translations_where_it_sees_no_positions(grid):
    axes = len(grid)
    signature = Signature(2, 3, grid, axes, (True,) * axes, torch.float64)
    values, shift = random(2, 2, *grid), (2, 3, 1)[:axes]
    moved = tuple(range(2, axes + 2))
    p = places(grid, signature.periodic)
    blind = Fno(3, 4, 2, positions=NoPositions()).build(signature, draw())
    torch.testing.assert_close(blind(values.roll(shift, moved), p), blind(values, p).roll(shift, moved))
    seeing = Fno(3, 4, 2).build(signature, draw())
    assert (seeing(values.roll(shift, moved), p) - seeing(values, p).roll(shift, moved)).abs().max() > 1e-3


def test_a_finer_grid_gives_nearly_the_same_function():
    network = Fno(4, 8, 2).build(LINE, draw())
    answers = []
    for n in (64, 128):
        p = places((n,), (True,))
        answers.append(network(torch.sin(2 * math.pi * p[:, 0])[None, None], p))
    torch.testing.assert_close(answers[0], answers[1][..., ::2], atol=1e-8, rtol=0)


def test_a_coarser_grid_than_the_modes_need_drops_the_higher_ones():
    network = Fno(6, 4, 1, positions=NoPositions()).build(LINE, draw())
    wave = torch.cos(2 * math.pi * places((16,), (True,))[:, 0])[None, None]
    # Six nodes carry three modes, and the wave is among them.  A linear lift makes no others of it.
    network.lift = torch.nn.Linear(1, 4, dtype=torch.float64)
    network.project = torch.nn.Linear(4, 1, dtype=torch.float64)
    network.activate_modes(3)
    coarse = torch.cos(2 * math.pi * places((6,), (True,))[:, 0])[None, None]
    fine, few = network(wave, places((16,), (True,))), network(coarse, places((6,), (True,)))
    torch.testing.assert_close(few[..., ::3], fine[..., ::8])


def test_more_active_modes_leave_the_function_as_it_was():
    network, p = Fno(6, 4, 2).build(LINE, draw()), places((16,), (True,))
    values = random(1, 1, 16)
    full = network(values, p)
    activate_modes(torch.nn.Sequential(network), 2)
    few = network(values, p)
    assert (full - few).abs().max() > 1e-3
    loaded = Fno(6, 4, 2).build(LINE, draw(5))
    loaded.load_state_dict(network.state_dict())
    torch.testing.assert_close(loaded(values, p), few)
    activate_modes(network, 100)
    assert network.active == (6,)
    torch.testing.assert_close(network(values, p), few)


def test_modes_that_have_become_active_are_trained_and_others_are_not():
    network, p = Fno(6, 4, 1).build(LINE, draw()), places((16,), (True,))
    network.activate_modes(2)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-2)
    weight = network.spectral[0].mixing.weight
    for modes in (2, 4):
        network.activate_modes(modes)
        optimizer.zero_grad()
        (network(random(4, 1, 16), p) - random(4, 1, 16, seed=2)).square().mean().backward()
        optimizer.step()
        assert weight[:modes].abs().min(dim=0).values.max() > 0
        assert not weight[modes:].any()


def test_a_network_without_modes_cannot_start_with_few():
    with pytest.raises(ValueError, match="Linear has no Fourier modes"):
        activate_modes(torch.nn.Linear(1, 1), 3)


def test_equal_generators_give_equal_networks_and_the_global_one_is_left_alone():
    before = torch.get_rng_state()
    a, b, c = (torch.cat([p.flatten() for p in Fno(3, 4).build(LINE, draw(s)).parameters()]) for s in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert torch.equal(before, torch.get_rng_state())


def test_a_copy_is_a_network_of_its_own():
    network, p = Fno(3, 4).build(LINE, draw()), places((16,), (True,))
    copied = copy.deepcopy(network)
    copied.activate_modes(1)
    assert not torch.equal(copied(random(1, 1, 16), p), network(random(1, 1, 16), p))


def test_a_small_network_learns_the_heat_semigroup():
    # u_t = u_xx on [0, 1], t = 0.01: exp(-(2 pi k)^2 t) is 0.67, 0.21, 0.03 for k = 1, 2, 3.
    signature = Signature(1, 1, (32,), 1, (True,))
    p = places((32,), (True,), torch.float32)
    k = torch.arange(1, 5)
    decay = torch.exp(-((2 * math.pi * k) ** 2) * 0.01)
    waves = torch.cat([f(2 * math.pi * k[:, None] * p[:, 0]) for f in (torch.cos, torch.sin)])

    def pairs(n, seed):
        c = random(n, 8, seed=seed, dtype=torch.float32)
        return (c @ waves)[:, None], (c * decay.repeat(2) @ waves)[:, None]

    def error(answer, truth):
        return ((answer - truth).norm(dim=-1) / truth.norm(dim=-1)).mean()

    network = Fno(5, 16, 2, positions=NoPositions()).build(signature, draw())
    (x, y), (unseen, truth) = pairs(256, 1), pairs(64, 2)
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    steps = 300
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    shuffled = draw(3)
    for _ in range(steps):
        batch = torch.randint(256, (32,), generator=shuffled)
        optimizer.zero_grad()
        error(network(x[batch], p), y[batch]).backward()
        optimizer.step()
        schedule.step()
    assert error(network(unseen, p), truth).item() < 1e-2


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"modes": 0}, "modes = 0"),
        ({"modes": (4, 0)}, r"modes = \(4, 0\)"),
        ({"modes": 2.5}, "modes = 2.5"),
        ({"modes": ()}, r"modes = \(\)"),
        ({"width": 0}, "width = 0"),
        ({"depth": 0}, "depth = 0"),
        ({"padding": -0.1}, "padding = -0.1"),
        ({"padding": float("nan")}, "padding = nan"),
        ({"positions": Coordinates}, "Coordinates()"),
    ],
)
def test_settings_without_sense_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        Fno(**settings)


def test_grids_that_do_not_fit_are_refused_in_words():
    with pytest.raises(ValueError, match=r"modes = \(9,\), but a grid of \(16,\) nodes carries at most \(8,\)"):
        Fno(9).build(LINE, draw())
    with pytest.raises(ValueError, match="1 axes; give one for each"):
        Fno((4, 4)).build(LINE, draw())
    with pytest.raises(ValueError, match="point clouds"):
        Fno(4).build(Signature(1, 1, (100,), 2, (False, False)), draw())
    network = Fno(4).build(LINE, draw())
    with pytest.raises(ValueError, match="built for 1 axes"):
        network(random(1, 1, 8, 8), places((8, 8), (True, True)))
    with pytest.raises(ValueError, match="at least 3 nodes"):
        network(random(1, 1, 2), places((2,), (True,)))
    with pytest.raises(ValueError, match="modes = 0"):
        network.activate_modes(0)
