import math

import pytest
import torch

from pinnlab.networks.operator import Signature, uniform_grid
from pinnlab.networks.spectral_convolution import mixed
from pinnlab.networks.tfno import Tfno, TuckerMixing, tucker_ranks

PLANE = Signature(1, 1, (16, 16), 2, (True, True), torch.float64)


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def coefficients(*shape):
    return torch.randn(shape, generator=draw(9), dtype=torch.complex128)


def dense(mixing):
    core = torch.view_as_complex(mixing.core.detach())
    factors = [f.detach().to(core.dtype) for f in (*mixing.factors, mixing.reduction, mixing.expansion.T)]
    letters = "abcde"[: len(factors)]
    terms = ",".join(big + small for big, small in zip(letters.upper(), letters, strict=True))
    return torch.einsum(f"{letters},{terms}->{letters.upper()}", core, *factors)


@pytest.mark.parametrize("modes", [(4,), (3, 2), (2, 3, 2)])
def test_it_is_the_product_of_core_and_factors_written_out(modes):
    mixing = TuckerMixing(3, 4, modes, 0.4, draw(), torch.float64)
    counts = (*(2 * m - 1 for m in modes[:-1]), modes[-1])
    x = coefficients(2, *counts, 3)
    torch.testing.assert_close(mixing(x, modes), mixed(x, dense(mixing)))


def test_full_rank_holds_every_dense_kernel():
    mixing = TuckerMixing(3, 4, (3, 2), 1.0, draw(), torch.float64)
    kernel = coefficients(5, 2, 3, 4)
    mixing.core.data = torch.view_as_real(kernel)
    for factor in (*mixing.factors, mixing.reduction, mixing.expansion):
        factor.data = torch.eye(len(factor), dtype=torch.float64)
    x = coefficients(2, 5, 2, 3)
    torch.testing.assert_close(mixing(x, (3, 2)), mixed(x, kernel))


def test_fewer_modes_are_the_lowest_ones():
    mixing = TuckerMixing(3, 4, (4, 3), 0.5, draw(), torch.float64)
    x = coefficients(2, 7, 3, 3)
    few = mixing(x[:, 1:6, :2], (3, 2))
    mixing.clear_beyond((3, 2))
    full = mixing(x, (4, 3))
    torch.testing.assert_close(full[:, 1:6, :2], few)
    assert not full[:, 0].any()
    assert not full[:, :, 2].any()


def test_ranks_and_parameters_by_hand():
    # 0.0625^(1/4) = 0.5 of 23, 12, 32 and 32, halves to the even number.
    assert tucker_ranks((23, 12, 32, 32), 0.0625) == (12, 6, 16, 16)
    assert tucker_ranks((23, 12, 32, 32), 1.0) == (23, 12, 32, 32)
    assert tucker_ranks((3, 3), 1e-6) == (1, 1)
    mixing = TuckerMixing(32, 32, (12, 12), 0.0625, draw(), torch.float32)
    factors = 23 * 12 + 12 * 6 + 32 * 16 + 16 * 32
    assert sum(p.numel() for p in mixing.parameters()) == 2 * 12 * 6 * 16 * 16 + factors


def test_the_kernel_has_the_variance_of_dense_weights():
    kernels = [dense(TuckerMixing(20, 20, (8, 8), 0.3, draw(seed), torch.float64)) for seed in range(8)]
    assert torch.stack(kernels).abs().square().mean().item() == pytest.approx(1 / 20, rel=0.15)


def test_the_network_answers_trains_and_is_drawn_from_the_generator():
    settings = Tfno(4, 8, 2, rank=0.2)
    network = settings.build(PLANE, draw())
    again = settings.build(PLANE, draw())
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
    p = uniform_grid((16, 16), (True, True), torch.float64)
    answer = network(torch.sin(2 * math.pi * p[None, None, ..., 0]), p)
    assert answer.shape == (1, 1, 16, 16)
    answer.square().mean().backward()
    assert all(w.grad is not None and w.grad.any() for w in network.parameters())


def test_more_active_modes_leave_the_function_as_it_was():
    network = Tfno(4, 8, 2, rank=0.2).build(PLANE, draw())
    p = uniform_grid((16, 16), (True, True), torch.float64)
    x = torch.sin(6 * math.pi * p[None, None, ..., 0])
    network.activate_modes(2)
    few = network(x, p)
    network.activate_modes(4)
    torch.testing.assert_close(network(x, p), few)


@pytest.mark.parametrize("rank", [0.0, -1.0, 1.5, float("nan")])
def test_ranks_that_are_no_share_are_refused(rank):
    with pytest.raises(ValueError, match="rank = "):
        Tfno(rank=rank)


def test_too_many_modes_are_refused():
    with pytest.raises(ValueError, match="carries at most"):
        Tfno(9).build(PLANE, draw())
