"""Ensemble Kalman filters against the Kalman filter, and numbers worked by hand."""

from __future__ import annotations

import math

import pytest
import torch

from pinnlab.numerics.ensemble_kalman import Etkf, Letkf, Reading, StochasticEnkf, gaspari_cohn

FILTERS = [StochasticEnkf(), Etkf(), Letkf(half_width=50.0)]


def covariance(members):
    apart = members - members.mean(-2, keepdim=True)
    return apart.mT @ apart / (members.shape[-2] - 1)


def reading(values, predicted, deviation, n):
    """Sensors of the first entries of a state on a line of unit steps."""
    m = len(deviation)
    to_states = (torch.arange(m)[:, None] - torch.arange(n)).abs().double()
    return Reading(values, predicted, deviation, to_states, to_states[:, :m])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def gaussian_case(k, n=4, m=2, seed=1):
    """An ensemble with a covariance of its own, readings of its first entries, and the Kalman formula's answer."""
    draw = generator(seed)
    ensemble = torch.randn(k, n, generator=draw, dtype=torch.float64) @ torch.randn(
        n, n, generator=draw, dtype=torch.float64
    )
    values, deviation = torch.tensor([1.0, -2.0]).double(), torch.tensor([0.5, 0.8]).double()
    h = torch.eye(m, n, dtype=torch.float64)
    mean, p = ensemble.mean(0), covariance(ensemble)
    gain = p @ h.T @ torch.linalg.inv(h @ p @ h.T + torch.diag(deviation**2))
    expected = mean + gain @ (values - h @ mean), p - gain @ h @ p
    return ensemble, reading(values, ensemble[:, :m], deviation, n), expected


def test_gaspari_cohn_at_points_worked_by_hand():
    # z = 1/2: 1 - 5/12 + 5/64 + 1/32 - 1/128; z = 1: 5/24; z = 3/2: 4 - 7.5 + 3.75 + 135/64 - 81/32 + 81/128 - 4/9.
    half = 1 - 5 / 12 + 5 / 64 + 1 / 32 - 1 / 128
    late = 4 - 7.5 + 3.75 + 135 / 64 - 81 / 32 + 243 / 384 - 4 / 9
    z = torch.tensor([0.0, 0.5, -1.0, 1.5, 2.0, 3.0], dtype=torch.float64)
    expected = torch.tensor([1.0, half, 5 / 24, late, 0.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(gaspari_cohn(3 * z, 3.0), expected, atol=1e-15, rtol=1e-12)
    assert torch.equal(gaspari_cohn(z, math.inf), torch.ones(6, dtype=torch.float64))


def test_gaspari_cohn_is_a_correlation_function():
    points = torch.linspace(0, 5, 60, dtype=torch.float64)
    matrix = gaspari_cohn(points[:, None] - points, 0.7)
    assert torch.linalg.eigvalsh(matrix).min() > -1e-12


def test_sensors_at_the_very_end_of_the_localisation_count_for_nothing():
    # There the polynomial is smaller than what it is rounded by.
    distances = torch.linspace(1.999, 2, 1001, dtype=torch.float64)[None]
    assert float(gaspari_cohn(distances, 1.0).min()) == 0
    ensemble = torch.randn(4, 1001, generator=generator(), dtype=torch.float64)
    seen = Reading(torch.zeros(1).double(), ensemble[:, :1], torch.ones(1).double(), distances, distances[:, :1])
    torch.testing.assert_close(Letkf(half_width=1.0).analysis(ensemble, seen, generator()), ensemble)


def test_two_members_and_one_sensor_by_hand():
    # Members 1 and 3: mean 2, variance 2.  With R = 2 and y = 4: gain 1/2, mean 3, variance 1.
    ensemble = torch.tensor([[1.0], [3.0]], dtype=torch.float64)
    seen = reading(torch.tensor([4.0]).double(), ensemble, torch.tensor([math.sqrt(2)]).double(), 1)
    after = Etkf().analysis(ensemble, seen, generator())
    torch.testing.assert_close(after, torch.tensor([[3 - 0.5**0.5], [3 + 0.5**0.5]], dtype=torch.float64))


def test_inflation_by_root_two_doubles_the_variance_before_the_reading():
    # Variance 4, R = 2, y = 4: gain 2/3, mean 2 + 4/3, variance 4/3.
    ensemble = torch.tensor([[1.0], [3.0]], dtype=torch.float64)
    seen = reading(torch.tensor([4.0]).double(), ensemble, torch.tensor([math.sqrt(2)]).double(), 1)
    for method in (Etkf(math.sqrt(2)), Letkf(math.sqrt(2), 1.0)):
        after = method.analysis(ensemble, seen, generator())
        assert float(after.mean()) == pytest.approx(10 / 3)
        assert float(after.var()) == pytest.approx(4 / 3)
    assert float(StochasticEnkf(math.sqrt(2)).analysis(ensemble, seen, generator()).mean()) == pytest.approx(10 / 3)


@pytest.mark.parametrize("method", [Etkf(), Letkf(half_width=1e9)])
def test_transform_filters_have_mean_and_covariance_of_the_kalman_formula(method):
    ensemble, seen, (mean, p) = gaussian_case(9)
    after = method.analysis(ensemble, seen, generator())
    torch.testing.assert_close(after.mean(0), mean)
    torch.testing.assert_close(covariance(after), p)


def test_stochastic_filter_has_the_mean_of_the_kalman_formula_and_its_covariance_in_the_limit():
    ensemble, seen, (mean, p) = gaussian_case(20_000)
    after = StochasticEnkf().analysis(ensemble, seen, generator())
    # The draws are shifted to mean 0, so that the mean is exact.
    torch.testing.assert_close(after.mean(0), mean)
    torch.testing.assert_close(covariance(after), p, atol=0.03 * float(p.abs().max()), rtol=0)


def test_transform_filter_follows_the_kalman_filter_through_linear_dynamics():
    ensemble, _, _ = gaussian_case(8)
    step = torch.tensor([[1.0, 0.1, 0, 0], [-0.1, 1, 0, 0], [0, 0.2, 0.9, 0], [0.3, 0, 0, 1.1]], dtype=torch.float64)
    deviation, h = torch.tensor([0.5, 0.8]).double(), torch.eye(2, 4, dtype=torch.float64)
    mean, p = ensemble.mean(0), covariance(ensemble)
    for cycle in range(5):
        values = torch.tensor([math.sin(cycle), math.cos(cycle)]).double()
        gain = p @ h.T @ torch.linalg.inv(h @ p @ h.T + torch.diag(deviation**2))
        mean, p = step @ (mean + gain @ (values - h @ mean)), step @ (p - gain @ h @ p) @ step.T
        ensemble = Etkf().analysis(ensemble, reading(values, ensemble[:, :2], deviation, 4), generator()) @ step.T
    torch.testing.assert_close(ensemble.mean(0), mean)
    torch.testing.assert_close(covariance(ensemble), p)


@pytest.mark.parametrize("method", [StochasticEnkf(half_width=0.4), Letkf(half_width=0.4)])
def test_entries_beyond_the_localisation_stay_as_they_are(method):
    ensemble, seen, _ = gaussian_case(6)
    after = method.analysis(ensemble, seen, generator())
    torch.testing.assert_close(after[:, 2:], ensemble[:, 2:])
    assert (after[:, :2] - ensemble[:, :2]).abs().min() > 1e-6


@pytest.mark.parametrize("method", [Etkf(1.1), Letkf(1.1, 2.0)])
def test_many_ensembles_at_once_are_each_of_them_alone(method):
    (a, first, _), (b, second, _) = gaussian_case(6, seed=1), gaussian_case(6, seed=2)
    both = Reading(
        torch.stack([first.values, second.values]),
        torch.stack([first.predicted, second.predicted]),
        first.deviation,
        first.to_states,
        first.between,
    )
    after = method.analysis(torch.stack([a, b]), both, generator())
    torch.testing.assert_close(after[0], method.analysis(a, first, generator()))
    torch.testing.assert_close(after[1], method.analysis(b, second, generator()))


def test_stochastic_filter_repeats_itself_from_equal_generators_only():
    ensemble, seen, _ = gaussian_case(6)
    a, b, c = (StochasticEnkf().analysis(ensemble, seen, generator(s)) for s in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_a_taper_that_is_none_is_told():
    # The second sensor is next to both others, which are far from each other: no distances on a line or in a plane.
    ensemble = torch.tensor([[-1.0] * 3, [1.0] * 3], dtype=torch.float64)
    apart = torch.tensor([[0.0, 0.1, 9.0], [0.1, 0.0, 0.1], [9.0, 0.1, 0.0]], dtype=torch.float64)
    seen = Reading(torch.zeros(3).double(), ensemble, torch.full((3,), 1e-3).double(), apart, apart)
    with pytest.raises(ValueError, match="not positive definite"):
        StochasticEnkf(half_width=1.0).analysis(ensemble, seen, generator())


@pytest.mark.parametrize("method", FILTERS)
def test_one_member_is_refused(method):
    ensemble, seen, _ = gaussian_case(6)
    alone = Reading(seen.values, seen.predicted[:1], seen.deviation, seen.to_states, seen.between)
    with pytest.raises(ValueError, match="1 member has no covariance"):
        method.analysis(ensemble[:1], alone, generator())


@pytest.mark.parametrize(
    "settings",
    [
        lambda: StochasticEnkf(inflation=0.0),
        lambda: StochasticEnkf(half_width=-1.0),
        lambda: Etkf(inflation=math.nan),
        lambda: Letkf(half_width=math.inf),
    ],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match="give a positive number"):
        settings()
