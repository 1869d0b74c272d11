"""Values between nodes."""

from __future__ import annotations

import math

import pytest
import torch

from pinnlab.numerics.resampling import interpolated, shifted


def test_a_shift_by_a_part_of_a_step_is_exact_for_waves_that_the_nodes_resolve():
    x = torch.arange(16, dtype=torch.float64) / 16 * 3
    s = torch.tensor([0.1, -0.7], dtype=torch.float64)[:, None]
    u = lambda y: torch.sin(2 * math.pi * y / 3) + 0.3 * torch.cos(5 * 2 * math.pi * y / 3) + 2  # noqa: E731
    torch.testing.assert_close(shifted(u(x).expand(2, 16), s, 1, 3.0), u(x - s), rtol=0, atol=1e-13)


@pytest.mark.parametrize("n", [7, 8])
def test_a_shift_by_whole_steps_moves_any_values_along_any_dimension(n):
    values = torch.randn(3, n, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = shifted(values, torch.tensor(2.0 / n, dtype=torch.float64).reshape(1, 1, 1), 1, 1.0)
    torch.testing.assert_close(found, torch.roll(values, 2, dims=1), rtol=0, atol=1e-12)


def test_the_highest_wave_is_a_cosine():
    values = torch.tensor([[1.0, -1.0, 1.0, -1.0]], dtype=torch.float64)
    found = shifted(values, torch.tensor([[0.125]]), 1, 1.0)  # half a step: cos(pi / 2) is 0
    torch.testing.assert_close(found, torch.zeros(1, 4, dtype=torch.float64), rtol=0, atol=1e-15)


def test_polynomials_of_degree_seven_are_interpolated_exactly_up_to_both_ends():
    x = torch.arange(12, dtype=torch.float64) / 11
    places = torch.tensor([[0.0, 0.3, 5.5, 10.9, 11.0], [1.0, 2.2, 3.3, 4.4, 0.01]], dtype=torch.float64)
    p = lambda y: 1 + y - 3 * y**4 + y**7  # noqa: E731
    found = interpolated(p(x).expand(2, 3, 12), places, 2, periodic=False)
    torch.testing.assert_close(found, p(places / 11)[:, None].expand(2, 3, 5), rtol=0, atol=1e-12)


def test_interpolation_is_of_eighth_order_and_goes_around_a_period():
    errors = []
    for n in (16, 32):
        x = torch.arange(n, dtype=torch.float64) / n
        at = torch.linspace(-0.4, 1.3, 50, dtype=torch.float64)
        found = interpolated(torch.sin(2 * math.pi * x)[None], at[None] * n, 1, periodic=True)[0]
        errors.append(float((found - torch.sin(2 * math.pi * at)).abs().max()))
    assert errors[0] < 1e-4
    assert 7 < math.log2(errors[0] / errors[1]) < 9


def test_single_precision_stays():
    values = torch.ones(1, 9)
    assert shifted(values, torch.tensor([[0.1]]), 1, 1.0).dtype == torch.float32
    assert interpolated(values, torch.tensor([[0.5]]), 1, periodic=False).dtype == torch.float32


def test_few_nodes_make_polynomials_of_lower_degree():
    values = torch.tensor([[0.0, 1.0, 4.0]], dtype=torch.float64)
    assert interpolated(values, torch.tensor([[1.5]]), 1, periodic=False).item() == pytest.approx(2.25)
