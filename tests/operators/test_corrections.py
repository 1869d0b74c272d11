"""Corrections from the answer of a network."""

from __future__ import annotations

import pytest
import torch

from pinnlab.operators.corrections import Direct, LowRank
from pinnlab.operators.sensors import SensorArray


def sensors(noise=0.5, nodes=5, places=(0, 3)):
    size = torch.tensor([2.0], dtype=torch.float64)
    return SensorArray((nodes,), torch.tensor(places), noise * size, size, torch.zeros(len(places), nodes))


def test_a_direct_correction_is_in_units_of_the_innovations():
    innovations = torch.tensor([[[3.0, 4.0]]])
    found = Direct()(torch.ones(1, 1, 5), innovations, sensors())
    torch.testing.assert_close(found, torch.full((1, 1, 5), 12.5**0.5))


def test_rank_one_by_hand():
    answer = torch.tensor([[[1.0, 2, 0, 1, 0]]], dtype=torch.float64)
    innovations = torch.tensor([[[1.0, 1.0]]], dtype=torch.float64)
    # Whitened innovations 2, 2 of size 2: the factor is 2 · 0.5 · (1, 2, 0, 1, 0), at the sensors
    # 2, 2 in units of the noise, and its weight is (2 · 2 + 2 · 2) / (1 + 2² + 2²).
    expected = torch.tensor([[[1.0, 2, 0, 1, 0]]], dtype=torch.float64) * 8 / 9
    torch.testing.assert_close(LowRank(1)(answer, innovations, sensors()), expected)


def test_the_gain_is_that_of_the_kalman_formula():
    generator = torch.Generator().manual_seed(0)
    array, noise = sensors(0.3), 0.3
    answer = torch.randn(2, 3, 5, generator=generator, dtype=torch.float64)
    innovations = 0.2 * torch.randn(2, 1, 2, generator=generator, dtype=torch.float64)
    found = LowRank(3)(answer, innovations, array)
    h = torch.zeros(2, 5, dtype=torch.float64)
    h[0, 0] = h[1, 3] = 1
    for i in range(2):
        size = max(1.0, float((innovations[i] / noise).square().mean().sqrt()))
        factor = (size * noise * answer[i]).T
        p = factor @ factor.T
        gain = p @ h.T @ torch.linalg.inv(h @ p @ h.T + noise**2 * torch.eye(2, dtype=torch.float64))
        torch.testing.assert_close(found[i, 0], gain @ innovations[i, 0])


def test_sensors_of_many_channels_correct_all_of_them():
    size = torch.tensor([1.0, 3.0], dtype=torch.float64)
    array = SensorArray((5,), torch.tensor([1]), torch.tensor([0.1, 0.6], dtype=torch.float64), size, torch.zeros(1, 5))
    # Two directions: one of the first channel alone, one of both, with noise of 0.1 and 0.2 in scaled units.
    answer = torch.zeros(1, 4, 5, dtype=torch.float64)
    answer[0, 0, 1], answer[0, 2, 1], answer[0, 3, 1] = 1, 1, 1
    innovations = torch.tensor([[[0.1], [0.2]]], dtype=torch.float64)
    noise = torch.tensor([0.1, 0.2], dtype=torch.float64)
    factor = torch.tensor([[1.0, 1.0], [0.0, 1.0]], dtype=torch.float64) * noise[:, None]
    p = factor @ factor.T
    expected = p @ torch.linalg.inv(p + torch.diag(noise**2)) @ innovations[0, :, 0]
    found = LowRank(2)(answer, innovations, array)
    torch.testing.assert_close(found[0, :, 1], expected)
    assert float(found[0, :, 0].abs().max()) == 0


def test_channels_asked_of_the_network():
    assert Direct().channels(3) == 3
    assert LowRank(8).channels(3) == 24


def test_sensors_without_errors_are_refused_by_low_rank_only():
    Direct().require_fits(sensors(0.0))
    with pytest.raises(ValueError, match="without errors"):
        LowRank(2).require_fits(sensors(0.0))
    with pytest.raises(ValueError, match="rank = 0"):
        LowRank(0)
