import itertools
import math

import pytest
import torch

from pinnlab.networks.spectral_convolution import (
    DenseMixing,
    SpectralConvolution,
    TruncatedTransform,
    carried_modes,
    require_carried,
)

DOUBLE = torch.zeros(1, dtype=torch.float64)


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def periodic(grid, modes):
    return TruncatedTransform(grid, (True,) * len(grid), 0.0, modes, DOUBLE)


def layer(modes, inputs=1, outputs=1):
    return SpectralConvolution(DenseMixing(inputs, outputs, modes, draw(), torch.float64))


def random(*shape, seed=1):
    return torch.randn(shape, generator=draw(seed), dtype=torch.float64)


@pytest.mark.parametrize(("grid", "modes"), [((8,), (4,)), ((9,), (5,)), ((8, 9), (4, 3)), ((5, 6, 7), (3, 2, 4))])
def test_coefficients_are_those_of_the_fast_transform(grid, modes):
    x = random(2, *grid, 3)
    axes = tuple(range(1, len(grid) + 1))
    fast = torch.fft.fftn(x, dim=axes, norm="forward")
    for axis, m in zip(axes[:-1], modes[:-1], strict=True):
        fast = fast.index_select(axis, torch.arange(1 - m, m) % grid[axis - 1])
    fast = fast.narrow(axes[-1], 0, modes[-1])
    torch.testing.assert_close(periodic(grid, modes).analysis(x), fast)


@pytest.mark.parametrize(("grid", "modes"), [((9,), (5,)), ((7, 9), (4, 5)), ((5, 3, 7), (3, 2, 4))])
def test_all_modes_of_an_odd_grid_give_the_values_back(grid, modes):
    x = random(2, *grid, 3)
    transform = periodic(grid, modes)
    torch.testing.assert_close(transform.synthesis(transform.analysis(x)), x)


def test_the_coefficients_of_a_cosine_by_hand():
    t = torch.arange(8, dtype=torch.float64) / 8
    x = 3 + 2 * torch.cos(2 * math.pi * t) + 4 * torch.sin(2 * math.pi * 2 * t)
    found = periodic((8,), (3,)).analysis(x[None, :, None])[0, :, 0]
    torch.testing.assert_close(found, torch.tensor([3, 1, -2j], dtype=torch.complex128))


def test_hand_set_weights_multiply_the_coefficients():
    convolution = layer((3,))
    weight = torch.tensor([2.0, 1j, 0.5], dtype=torch.complex128)
    convolution.mixing.weight.data = torch.view_as_real(weight)[:, None, None]
    t = torch.arange(16, dtype=torch.float64) / 16
    x = 3 + 2 * torch.cos(2 * math.pi * t) + 4 * torch.sin(4 * math.pi * t) + 7 * torch.cos(10 * math.pi * t)
    # 2 * 3; i exp(i a) is cos turned to -sin; half the second wave; wave 5 is beyond the modes.
    y = 6 - 2 * torch.sin(2 * math.pi * t) + 2 * torch.sin(4 * math.pi * t)
    torch.testing.assert_close(convolution(x[None, :, None], periodic((16,), (3,)))[0, :, 0], y)


def test_a_derivative_along_the_first_of_two_axes_is_exact():
    convolution = layer((4, 3))
    k = torch.arange(-3, 4, dtype=torch.float64)
    weight = (2j * math.pi * k)[:, None].expand(7, 3).to(torch.complex128)
    convolution.mixing.weight.data = torch.view_as_real(weight.contiguous())[:, :, None, None]
    x, y = (torch.arange(n, dtype=torch.float64) / n for n in (8, 10))
    wave = 2 * math.pi * (3 * x[:, None] - 2 * y)
    found = convolution(torch.sin(wave)[None, ..., None], periodic((8, 10), (4, 3)))[0, ..., 0]
    torch.testing.assert_close(found, 6 * math.pi * torch.cos(wave))


def test_channels_are_mixed_by_the_matrix_of_their_mode():
    convolution = layer((1,), inputs=2, outputs=3)
    matrix = random(2, 3)
    convolution.mixing.weight.data = torch.stack([matrix, torch.zeros(2, 3)], dim=-1)[None]
    means = random(4, 2)
    found = convolution(means[:, None].expand(4, 5, 2), periodic((5,), (1,)))
    torch.testing.assert_close(found, (means @ matrix)[:, None].expand(4, 5, 3))


@pytest.mark.parametrize(("grid", "modes", "shift"), [((12,), (4,), (5,)), ((8, 9), (3, 4), (3, 7))])
def test_it_commutes_with_translations_of_a_periodic_grid(grid, modes, shift):
    convolution, transform = layer(modes, 2, 3), periodic(grid, modes)
    x, axes = random(2, *grid, 2), tuple(range(1, len(grid) + 1))
    moved = convolution(x.roll(shift, axes), transform)
    torch.testing.assert_close(moved, convolution(x, transform).roll(shift, axes))


def test_a_band_limited_function_has_the_same_answer_on_every_periodic_grid():
    convolution = layer((5,))
    answers = []
    for n in (32, 64):
        t = torch.arange(n, dtype=torch.float64) / n
        x = torch.sin(2 * math.pi * 3 * t) + torch.cos(2 * math.pi * 7 * t) + 0.5
        answers.append(convolution(x[None, :, None], periodic((n,), (5,))))
    torch.testing.assert_close(answers[0], answers[1][:, ::2])


def test_padding_converges_with_the_grid_as_the_trapezoidal_rule_does():
    convolution = layer((5,))
    answers = []
    for n in (33, 65, 129):
        t = torch.linspace(0, 1, n, dtype=torch.float64)
        transform = TruncatedTransform((n,), (False,), 0.25, (5,), DOUBLE)
        answers.append(convolution(torch.exp(t)[None, :, None], transform)[:, :: (n - 1) // 32])
    first, second = ((b - a).detach().norm().item() for a, b in itertools.pairwise(answers))
    assert first / second == pytest.approx(4, rel=0.02)


def test_the_mean_of_a_padded_constant_is_its_share_of_the_period():
    transform = TruncatedTransform((5,), (False,), 0.25, (1,), DOUBLE)
    found = transform.analysis(torch.ones(1, 5, 1, dtype=torch.float64))
    assert found.item() == pytest.approx(1 / 1.25)


def test_the_ends_of_an_axis_that_is_not_periodic_do_not_see_each_other():
    def kernel(padding):
        transform = TruncatedTransform((41,), (False,), padding, (20,), DOUBLE)
        x = torch.zeros(1, 41, 1, dtype=torch.float64)
        x[0, :4] = 1
        convolution = layer((20,))
        # A Gaussian of width 0.03 periods around zero.
        k = torch.arange(20, dtype=torch.float64)
        weight = torch.exp(-2 * (math.pi * 0.03 * k) ** 2)
        convolution.mixing.weight.data = torch.stack([weight, torch.zeros(20)], dim=-1)[:, None, None]
        return convolution(x, transform)[0, -1, 0].abs().item()

    assert kernel(0.5) < 1e-3 < 1e-1 < kernel(0.0)


def test_what_a_grid_carries():
    # 2 (m - 1) < 16, 17, 15 (1 + 0.2) = 18: at most 8, 9, 9
    assert carried_modes((16, 17, 16), (True, True, False), 0.2) == (8, 9, 9)
    assert carried_modes((16,), (False,)) == (8,)


def test_fewer_modes_are_the_lowest_ones():
    convolution = layer((4, 4), 2, 2)
    x = random(1, 9, 9, 2)
    few = convolution(x, periodic((9, 9), (2, 3)))
    convolution.mixing.clear_beyond((2, 3))
    torch.testing.assert_close(convolution(x, periodic((9, 9), (4, 4))), few)
    # (2 * 2 - 1) * 3 modes of 2 * 2 complex weights are left.
    assert (convolution.mixing.weight != 0).sum() == 9 * 4 * 2


def test_gradients_are_those_of_finite_differences():
    convolution, transform = layer((2, 2), 2, 1), periodic((4, 3), (2, 2))
    x = random(1, 4, 3, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: convolution(v, transform), [x])


def test_weights_keep_the_size_of_coefficients_and_are_real():
    weight = DenseMixing(50, 60, (20,), draw(), torch.float32).weight
    assert weight.dtype == torch.float32
    assert weight.square().sum(-1).mean().item() == pytest.approx(1 / 50, rel=0.02)


def test_mixed_precision_keeps_the_precision_of_the_weights():
    convolution = SpectralConvolution(DenseMixing(1, 1, (3,), draw(), torch.float32))
    transform = TruncatedTransform((8,), (True,), 0.0, (3,), torch.zeros(1))
    x = random(1, 8, 1).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(convolution(x, transform), convolution(x, transform))
        mixed = convolution(x, transform)
    assert torch.equal(mixed, convolution(x, transform))


def test_too_many_modes_are_refused_in_words():
    with pytest.raises(ValueError, match=r"modes = \(9,\) on a grid of \(16,\) nodes, which carries at most \(8,\)"):
        periodic((16,), (9,))
    with pytest.raises(ValueError, match="give fewer modes or a finer grid"):
        require_carried(DOUBLE, (4, 9), (8, 8), (16, 16))
    require_carried(DOUBLE, (8, 8), (8, 8), (16, 16))
