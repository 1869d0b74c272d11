"""Assimilation: order of the cycles, estimates of ensembles, errors."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from pinnlab.datasets.data import OperatorData
from pinnlab.errors import SolveFailed
from pinnlab.numerics.ensemble_kalman import Etkf, Letkf, StochasticEnkf
from pinnlab.operators.assimilation import Assimilated, EnsembleAssimilation, FreeRun, assimilate
from pinnlab.operators.sensors import EveryNode, Sensors

N = 16
NODES = np.arange(N) / N


def drifting(n=4, frames=12, channels=1, seed=0):
    """Two random waves that move by one node per frame."""
    a = np.random.default_rng(seed).standard_normal((2, 2, n, 1, channels, 1))
    where = NODES - np.arange(frames)[:, None, None] / N
    waves = [
        a[0, k] * np.sin(2 * np.pi * (k + 1) * where) + a[1, k] * np.cos(2 * np.pi * (k + 1) * where) for k in (0, 1)
    ]
    names = ["u", "v"][:channels]
    values = sum(waves)
    times = np.arange(frames) / N
    return OperatorData(values[:, 0], values, (NODES,), times, [np.nan] * n, names, names, ["x"], [True])


def forecast(fields):
    return fields.roll(1, -1)


def truth_of(data):
    return torch.from_numpy(data.outputs)


def test_the_free_run_is_the_forecast_of_the_first_guess_whatever_is_read():
    guesses = torch.rand(2, 3, 1, N)
    found = assimilate(FreeRun(forecast), guesses, torch.full((2, 5, 1, 4), 7.0)).fields
    expected = torch.stack([guesses[:, 0].roll(k, -1) for k in range(5)], dim=1)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("analysis", [Etkf(), StochasticEnkf(), Letkf(half_width=0.3)])
@pytest.mark.parametrize("channels", [1, 2])
def test_an_ensemble_finds_a_linear_wave_better_than_its_sensors(analysis, channels):
    data = drifting(channels=channels)
    truth, sensors = truth_of(data), Sensors(EveryNode(4), 0.05).on(data)
    generator = torch.Generator().manual_seed(1)
    readings = sensors.observe(truth, generator)
    pool = truth_of(drifting(200, 1, channels, seed=9))[:, 0]
    guesses = pool[torch.randint(200, (4, 30), generator=generator)]
    found = assimilate(EnsembleAssimilation(forecast, sensors, analysis), guesses, readings).errors(truth)
    free = assimilate(FreeRun(forecast), guesses, readings).errors(truth)
    assert found[:, -1].max() < 0.05
    assert free[:, -1].min() > 0.3


def test_an_ensemble_with_exact_linear_sensors_of_everything_reads_the_truth():
    data = drifting()
    truth, sensors = truth_of(data), Sensors(EveryNode(1), 1e-6).on(data)
    guesses = truth_of(drifting(40, 1, seed=3))[:, 0].expand(4, -1, -1, -1)
    found = assimilate(EnsembleAssimilation(forecast, sensors, Etkf()), guesses, sensors.read(truth))
    torch.testing.assert_close(found.fields, truth, atol=1e-4, rtol=0)


def test_a_run_repeats_itself_from_equal_seeds_only():
    data = drifting()
    truth, sensors = truth_of(data), Sensors(EveryNode(4)).on(data)
    guesses = truth_of(drifting(40, 1, seed=3))[:, 0].expand(4, -1, -1, -1)
    method = EnsembleAssimilation(forecast, sensors, StochasticEnkf())
    a, b, c = (assimilate(method, guesses, sensors.read(truth), seed).fields for seed in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_errors_are_relative_to_the_size_of_the_truth_in_all_cycles():
    truth = torch.tensor([[[[3.0, 0.0]], [[0.0, 1.0]]]])
    # The root mean square of 3 and 1 is √5.
    errors = Assimilated(truth + torch.tensor([0.0, 1.0]), 0.0).errors(truth)
    torch.testing.assert_close(errors, torch.full((1, 2), 5**-0.5))


def test_guesses_for_other_fields_than_the_readings_are_refused():
    with pytest.raises(ValueError, match="of as many fields"):
        assimilate(FreeRun(forecast), torch.rand(2, 1, 1, N), torch.rand(3, 5, 1, 4))


@pytest.mark.parametrize("place", [0, 1])
def test_guesses_and_readings_that_are_not_finite_are_refused(place):
    given = [torch.rand(2, 3, 1, N), torch.rand(2, 5, 1, 4)]
    given[place][1, -1] = np.nan
    said = ("guesses hold NaN or infinity, first in sample 1, member 2", r"readings .* in sample 1, cycle 4")[place]
    with pytest.raises(ValueError, match=said):
        assimilate(FreeRun(forecast), *given)


@pytest.mark.parametrize("place", [0, 1])
def test_arrays_and_other_channels_are_refused_in_words(place):
    given = [torch.rand(2, 3, 1, N), torch.rand(2, 5, 1, 4)]
    with pytest.raises(ValueError, match=r"guesses of [12] channels and readings of [12]"):
        assimilate(FreeRun(forecast), *(g.repeat(1, 1, 1 + (i == place), 1) for i, g in enumerate(given)))
    given[place] = given[place].numpy()
    with pytest.raises(ValueError, match=f"assimilate: {('guesses', 'readings')[place]} is a ndarray; give a tensor"):
        assimilate(FreeRun(forecast), *given)


def test_a_truth_of_another_shape_or_kind_is_refused():
    found = Assimilated(torch.rand(2, 5, 1, N), 0.0)
    for other in (torch.rand(2, 1, 1, N), torch.rand(1, 5, 1, N), torch.rand(2, 6, 1, N)):
        with pytest.raises(ValueError, match="give the truth of all these cycles"):
            found.errors(other)
    with pytest.raises(ValueError, match="truth is a ndarray; give a tensor"):
        found.errors(np.ones((2, 5, 1, N)))
    with pytest.raises(ValueError, match="Assimilated: fields is a ndarray"):
        Assimilated(np.ones((2, 5, 1, N)), 0.0)


def test_readings_of_other_sensors_are_refused():
    method = EnsembleAssimilation(forecast, Sensors(EveryNode(4)).on(drifting()), Etkf())
    with pytest.raises(ValueError, match="not of its 4 sensors"):
        assimilate(method, torch.rand(2, 3, 1, N), torch.rand(2, 5, 1, 1))


def test_members_that_are_not_finite_are_told():
    data = drifting()
    sensors = Sensors(EveryNode(4)).on(data)
    method = EnsembleAssimilation(lambda fields: fields * np.inf, sensors, Etkf())
    with pytest.raises(SolveFailed, match="non-finite"):
        assimilate(method, torch.rand(4, 5, 1, N), sensors.read(truth_of(data)))


def test_an_ensemble_filter_needs_sensors_with_errors():
    with pytest.raises(ValueError, match=r"deviation 0, .* give Sensors\(…, noise=…\) a positive noise"):
        EnsembleAssimilation(forecast, Sensors(EveryNode(4), 0.0).on(drifting()), Etkf())


class SlowToStart(FreeRun):
    """Takes its time before the first cycle, and a little in each."""

    def start(self, guesses, seed):
        time.sleep(0.3)
        return super().start(guesses, seed)

    def corrected(self, state, readings):
        time.sleep(0.01)
        return state


def test_seconds_are_those_of_a_cycle_without_the_start():
    found = assimilate(SlowToStart(forecast), torch.rand(2, 1, 1, N), torch.zeros(2, 5, 1, 4))
    assert 0.01 <= found.seconds < 0.06
