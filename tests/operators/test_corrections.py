"""Corrections from the answer of a network."""

from __future__ import annotations

import math

import pytest
import torch

from pinnlab.operators.corrections import CarriedCovariance, Direct, LowRank
from pinnlab.operators.sensors import SensorArray


def sensors(noise=0.5, nodes=5, places=(0, 3)):
    size = torch.tensor([2.0], dtype=torch.float64)
    return SensorArray((nodes,), torch.tensor(places), noise * size, size, torch.zeros(len(places), nodes))


NONE = torch.zeros(1, 0, 1, 5, dtype=torch.float64)


def test_a_direct_correction_is_in_units_of_the_innovations():
    innovations = torch.tensor([[[3.0, 4.0]]])
    found, _ = Direct()(torch.ones(1, 1, 5), innovations, NONE, sensors())
    torch.testing.assert_close(found, torch.full((1, 1, 5), 12.5**0.5))


def test_rank_one_by_hand():
    answer = torch.tensor([[[1.0, 2, 0, 1, 0]]], dtype=torch.float64)
    innovations = torch.tensor([[[1.0, 1.0]]], dtype=torch.float64)
    # Whitened innovations 2, 2 of size 2: the factor is 2 · 0.5 · (1, 2, 0, 1, 0), at the sensors
    # 2, 2 in units of the noise, and its weight is (2 · 2 + 2 · 2) / (1 + 2² + 2²).
    expected = torch.tensor([[[1.0, 2, 0, 1, 0]]], dtype=torch.float64) * 8 / 9
    torch.testing.assert_close(LowRank(1)(answer, innovations, NONE, sensors())[0], expected)


def test_the_gain_is_that_of_the_kalman_formula():
    generator = torch.Generator().manual_seed(0)
    array, noise = sensors(0.3), 0.3
    answer = torch.randn(2, 3, 5, generator=generator, dtype=torch.float64)
    innovations = 0.2 * torch.randn(2, 1, 2, generator=generator, dtype=torch.float64)
    found, _ = LowRank(3)(answer, innovations, NONE, array)
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
    found, _ = LowRank(2)(answer, innovations, NONE, array)
    torch.testing.assert_close(found[0, :, 1], expected)
    assert float(found[0, :, 0].abs().max()) == 0


def test_channels_asked_of_the_network():
    assert Direct().channels(3) == 3
    assert LowRank(8).channels(3) == 24
    assert CarriedCovariance(8, 5).channels(3) == 25
    assert [c.carried for c in (Direct(), LowRank(8), CarriedCovariance(8, 5))] == [0, 0, 5]


def test_sensors_without_errors_are_refused_by_low_rank_only():
    Direct().require_fits(sensors(0.0))
    with pytest.raises(ValueError, match="LowRank: the sensors are without errors"):
        LowRank(2).require_fits(sensors(0.0))
    with pytest.raises(ValueError, match="CarriedCovariance: the sensors are without errors"):
        CarriedCovariance().require_fits(sensors(0.0))
    with pytest.raises(ValueError, match="rank = 0"):
        LowRank(0)
    with pytest.raises(ValueError, match="directions = 0"):
        CarriedCovariance(2, 0)
    with pytest.raises(ValueError, match="share = 0"):
        CarriedCovariance(share=0)


def carried_by(directions, added, settings, array, innovations, number=0.0):
    """A correction whose answer is `added`, and a channel of which the mean is the number."""
    channel = number + torch.tensor([1.0, -1, 0, 0, 0], dtype=torch.float64).expand(1, 1, 5)
    return settings(torch.cat([added.flatten(1, 2), channel], dim=1), innovations, directions, array)


def test_the_carried_covariance_is_what_is_carried_and_what_is_added():
    generator = torch.Generator().manual_seed(0)
    array, noise = sensors(0.3), 0.3
    innovations = 0.2 * torch.randn(1, 1, 2, generator=generator, dtype=torch.float64)
    directions, added = (torch.randn(1, r, 1, 5, generator=generator, dtype=torch.float64) for r in (2, 3))
    found, after = carried_by(
        directions, added, CarriedCovariance(3, 5, inflation=1.1, share=0.2), array, innovations, 0.25
    )
    size = max(1.0, float((innovations / noise).square().mean().sqrt()))
    w, v = 1.1 * directions[0, :, 0].T, 0.2 * math.e * size * noise * added[0, :, 0].T
    p = w @ w.T + v @ v.T
    h = torch.zeros(2, 5, dtype=torch.float64)
    h[0, 0] = h[1, 3] = 1
    gain = p @ h.T @ torch.linalg.inv(h @ p @ h.T + noise**2 * torch.eye(2, dtype=torch.float64))
    torch.testing.assert_close(found[0, 0], gain @ innovations[0, 0])
    # With as many directions as there are columns nothing is lost.
    left = after[0, :, 0].T
    torch.testing.assert_close(left @ left.T, (torch.eye(5, dtype=torch.float64) - gain @ h) @ p)


def test_the_leading_directions_are_carried_on():
    array = sensors(0.3)
    directions, added = torch.zeros(1, 2, 1, 5, dtype=torch.float64), torch.zeros(1, 1, 1, 5, dtype=torch.float64)
    # At nodes without a sensor, so that readings change nothing: of sizes 2, 3 and 0.3.
    directions[0, 0, 0, 1], directions[0, 1, 0, 2], added[0, 0, 0, 4] = 2, 3, 1
    _, after = carried_by(
        directions, added, CarriedCovariance(1, 2, share=1.0), array, torch.zeros(1, 1, 2, dtype=torch.float64)
    )
    assert after.shape == (1, 2, 1, 5)
    torch.testing.assert_close(after[0, :, 0].square().sum(0), torch.tensor([0.0, 4, 9, 0, 0], dtype=torch.float64))


@pytest.mark.parametrize("correction", [LowRank(5), CarriedCovariance(4, 3)])
@pytest.mark.parametrize("noise", [1e-3, 1e-5])
def test_fields_in_single_precision_are_corrected_alike_where_sensors_are_good(correction, noise):
    # More directions than sensors: I in I + Yᵀ R⁻¹ Y is all that there is of some, and far below the rest.
    generator, array = torch.Generator().manual_seed(0), sensors(noise)
    answer = torch.randn(2, correction.channels(1), 5, generator=generator)
    innovations = torch.randn(2, 1, 2, generator=generator)
    directions = torch.randn(2, correction.carried, 1, 5, generator=generator)
    single = correction(answer, innovations, directions, array)
    double = correction(answer.double(), innovations.double(), directions.double(), array)
    torch.testing.assert_close(single[0].double(), double[0], rtol=1e-3, atol=1e-3)
    # Directions are known but for a rotation.
    left = [(d.double().flatten(2).mT @ d.double().flatten(2)) for d in (single[1], double[1])]
    torch.testing.assert_close(*left, rtol=1e-3, atol=1e-3)


def test_no_gradient_goes_through_what_is_carried_on():
    answer = torch.rand(1, 4, 5, requires_grad=True)
    found, after = CarriedCovariance(3, 2)(answer, torch.ones(1, 1, 2), torch.rand(1, 2, 1, 5), sensors())
    assert found.requires_grad
    assert not after.requires_grad


@pytest.mark.parametrize(("surprise", "is_added"), [(0.0, True), (1.9, True), (2.1, False)])
def test_nothing_is_added_where_the_carried_directions_explain_the_innovations(surprise, is_added):
    array = sensors(0.5)
    directions, added = torch.zeros(1, 1, 1, 5, dtype=torch.float64), torch.ones(1, 1, 1, 5, dtype=torch.float64)
    # At the sensors variances 0.25 + 0.75 and 0.25, squares of innovations 1 and 0.75: 1 and 3 of them, 2 on average.
    directions[0, 0, 0, 0] = math.sqrt(0.75)
    innovations = torch.tensor([[[1.0, math.sqrt(0.75)]]], dtype=torch.float64)
    found, _ = carried_by(directions, added, CarriedCovariance(1, 1, surprise=surprise), array, innovations)
    # Node 1 is in the added direction only.
    assert (abs(float(found[0, 0, 1])) > 0.1) == is_added
