"""Sums over patches of windows times functions."""

import pytest
import torch

from pinnlab.numerics.partition_of_unity import Partition, WindowAxis
from pinnlab.numerics.patch_space import PatchSpace
from pinnlab.numerics.random_basis import RandomBasis

DOUBLE = torch.float64


def space(periodic=False):
    axes = [WindowAxis(0.0, 1.0, 3, periodic, 0.7), WindowAxis(-1.0, 2.0, 2, False, 0.4)]
    basis = RandomBasis.draw(12, 2, 1.5, 5, 1e-12, torch.Generator().manual_seed(0))
    return PatchSpace(Partition.full(axes), basis)


def some(n, generator=1):
    random = torch.Generator().manual_seed(generator)
    return torch.rand(n, 2, dtype=DOUBLE, generator=random) * torch.tensor([1.0, 3.0]) + torch.tensor([0.0, -1.0])


def coefficients(found, seed=2):
    random = torch.Generator().manual_seed(seed)
    return torch.randn(2, found.patches, found.basis.size, dtype=DOUBLE, generator=random)


@pytest.mark.parametrize("orders", [(1, 0), (0, 1), (1, 1), (2, 1), (0, 4)])
def test_derivatives_are_exact(orders):
    found = space()
    x, c, h = some(50), coefficients(found), 1e-5
    axis = 0 if orders[0] else 1
    lower = tuple(n - (i == axis) for i, n in enumerate(orders))
    step = torch.zeros(2, dtype=DOUBLE)
    step[axis] = h
    differences = (found.evaluate(x + step, c, lower) - found.evaluate(x - step, c, lower)) / (2 * h)
    exact = found.evaluate(x, c, orders)
    torch.testing.assert_close(exact, differences, rtol=1e-4, atol=1e-6 * float(exact.abs().max()))


def test_blocks_give_what_evaluation_gives():
    found = space()
    x, c = some(40), coefficients(found)
    orders = [(0, 0), (2, 0), (1, 2)]
    values = found.combine(found.blocks(x, orders), c, len(x))
    for k, o in enumerate(orders):
        torch.testing.assert_close(values[k], found.evaluate(x, c, o))


def test_the_same_function_on_every_patch_needs_no_blending():
    # One function that is constant: its windows sum to one, whatever the patch.
    axes = [WindowAxis(0.0, 1.0, 4, overlap=0.5)]
    one = torch.ones(1, dtype=DOUBLE)
    flat = PatchSpace(
        Partition.full(axes), RandomBasis(torch.zeros(1, 1, dtype=DOUBLE), one, one[None] / torch.tanh(one))
    )
    x = torch.linspace(0, 1, 33, dtype=DOUBLE)[:, None]
    ones = torch.ones(1, 4, 1, dtype=DOUBLE)
    torch.testing.assert_close(flat.evaluate(x, ones, (0,)), torch.ones(33, 1, dtype=DOUBLE))
    torch.testing.assert_close(flat.evaluate(x, ones, (1,)), torch.zeros(33, 1, dtype=DOUBLE), atol=1e-12, rtol=0)


def test_periodic_axes_are_periodic_with_all_derivatives():
    found = space(periodic=True)
    x, c = some(20), coefficients(found)
    x[:, 0] = 0
    for orders in [(0, 0), (1, 0), (3, 1)]:
        ahead = x + torch.tensor([1.0, 0.0])
        torch.testing.assert_close(found.evaluate(ahead, c, orders), found.evaluate(x, c, orders), rtol=1e-7, atol=1e-7)


def test_there_is_nothing_where_no_patch_is():
    found = space()
    part = PatchSpace(Partition(found.partition.axes, found.partition.patches[:1]), found.basis)
    far = torch.tensor([[0.9, 1.9]], dtype=DOUBLE)
    assert part.blocks(far, [(0, 0)]) == []
    assert float(part.evaluate(far, coefficients(part), (0, 0)).abs().sum()) == 0
