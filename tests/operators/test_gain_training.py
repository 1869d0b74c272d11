"""Training of a gain: that it learns, keeps the best, repeats and resumes."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from pinnlab.datasets.data import OperatorData
from pinnlab.datasets.origin import Origin
from pinnlab.networks.fno import Fno
from pinnlab.networks.position_channels import NoPositions
from pinnlab.operators.assimilation import FreeRun, assimilate
from pinnlab.operators.corrections import CarriedCovariance
from pinnlab.operators.forecasts import KnownForecast
from pinnlab.operators.gain_training import GainLearning, random_states, train_gain
from pinnlab.operators.sensors import EveryNode, Sensors
from pinnlab.solver import Status
from pinnlab.training.adam_w import AdamW

N = 16
NODES = np.arange(N) / N
SENSORS = Sensors(EveryNode(4), 0.05)
SMALL = GainLearning(
    Fno(4, 8, 1, positions=NoPositions()), optimizer=AdamW(1e-2), epochs=4, batch=8, cycles=6, window=2, every=2
)


def drifting(n=24, frames=8, seed=0):
    """Two random waves that move by one node per frame."""
    a = np.random.default_rng(seed).standard_normal((2, 2, n, 1, 1))
    where = NODES - np.arange(frames)[:, None] / N
    waves = [
        a[0, k] * np.sin(2 * np.pi * (k + 1) * where) + a[1, k] * np.cos(2 * np.pi * (k + 1) * where) for k in (0, 1)
    ]
    values = sum(waves)[:, :, None].astype(np.float32)
    times = np.arange(frames) / N
    return OperatorData(values[:, 0], values, (NODES,), times, [np.nan] * n, ["u"], ["u"], ["x"], [True])


forecast = KnownForecast("a node per frame", lambda fields: fields.roll(1, -1))


def trained(learning=SMALL, **settings):
    given = {"validation": drifting(6, seed=1), "device": "cpu"} | settings
    return train_gain(drifting(), learning, forecast, SENSORS, **given)


def weights(gain):
    return torch.cat([torch.view_as_real(p + 0j).detach().reshape(-1) for p in gain.gain.network.parameters()])


@pytest.mark.parametrize("correction", [SMALL.correction, CarriedCovariance(4, 3)])
def test_a_trained_gain_is_far_better_than_the_free_run_on_other_waves(correction):
    gain = trained(dataclasses.replace(SMALL, correction=correction, epochs=24))
    test = drifting(8, seed=2)
    truth = torch.from_numpy(test.outputs)
    readings = gain.gain.sensors.observe(truth, torch.Generator().manual_seed(0))
    guesses = random_states(torch.from_numpy(drifting(seed=3).outputs), (8, 1), torch.Generator().manual_seed(0))
    found, free = (assimilate(m, guesses, readings).errors(truth)[:, -1].mean() for m in (gain, FreeRun(forecast)))
    assert found < 0.2 * free
    assert gain.status is Status.DONE


@pytest.mark.parametrize("memory", [0, 3])
def test_a_run_repeats_itself_from_equal_seeds_only(memory):
    learning = dataclasses.replace(SMALL, memory=memory)
    a, b, c = (weights(trained(learning, seed=s)) for s in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_the_epoch_kept_is_the_best_on_the_validation_data():
    gain = trained(dataclasses.replace(SMALL, epochs=8))
    errors = gain.history["validation"]
    assert math.isnan(errors[0])
    assert gain.epoch == 1 + np.nanargmin(errors)
    assert trained(validation=None).epoch == SMALL.epochs


def test_a_training_goes_on_from_its_checkpoint(tmp_path):
    file = tmp_path / "gain.ckpt"
    trained(max_epochs=2, checkpoint=file)
    resumed = trained(checkpoint=file, resume=True)
    assert torch.equal(weights(resumed), weights(trained()))
    assert len(resumed.history["loss"]) == SMALL.epochs
    with pytest.raises(ValueError, match="another learning"):
        trained(dataclasses.replace(SMALL, batch=4), checkpoint=file, resume=True)
    other = KnownForecast("two nodes per frame", lambda fields: fields.roll(2, -1))
    with pytest.raises(ValueError, match="another forecast"):
        train_gain(drifting(), SMALL, other, SENSORS, validation=drifting(6, seed=1), checkpoint=file, resume=True)


def test_a_checkpoint_of_a_forecast_that_does_not_say_which_it_is_is_refused(tmp_path):
    file = tmp_path / "gain.ckpt"
    with pytest.raises(ValueError, match="KnownForecast"):
        train_gain(drifting(), SMALL, lambda fields: fields, SENSORS, validation=None, checkpoint=file)
    assert not file.exists()


def test_gradients_end_with_the_window():
    def blind(fields):
        assert not fields.requires_grad
        return fields.roll(1, -1)

    train_gain(drifting(), dataclasses.replace(SMALL, window=1), blind, SENSORS, validation=None, device="cpu")
    with pytest.raises(AssertionError):
        train_gain(drifting(), SMALL, blind, SENSORS, validation=None, device="cpu")


def test_a_forecast_that_fails_is_told():
    def failing(fields):
        return fields * math.inf

    found = train_gain(drifting(), SMALL, failing, SENSORS, validation=None, device="cpu")
    assert found.status is Status.DIVERGED
    assert "non-finite" in found.failure


def test_random_states_are_states_of_the_trajectories():
    truth = torch.arange(6.0).reshape(2, 3, 1, 1)
    found = random_states(truth, (50, 2), torch.Generator().manual_seed(0))
    assert found.shape == (50, 2, 1, 1)
    assert set(found.flatten().tolist()) == set(range(6))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"window": 7}, "longer than 6 cycles"),
        ({"memory": -1}, "memory = -1"),
        ({"batch": 0}, "batch = 0"),
        ({"network": 3}, "give a OperatorArchitecture"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        dataclasses.replace(SMALL, **settings)


def test_trajectories_that_are_too_short_are_refused():
    with pytest.raises(ValueError, match="6 cycles need as many frames"):
        train_gain(drifting(frames=4), SMALL, forecast, SENSORS, validation=None, device="cpu")
    with pytest.raises(ValueError, match="needs checkpoint"):
        trained(resume=True)


def test_a_budget_that_ends_before_the_first_look_keeps_what_was_learned(tmp_path):
    rarely, file = dataclasses.replace(SMALL, every=3), tmp_path / "gain.ckpt"
    gain = trained(rarely, max_epochs=2, checkpoint=file)
    assert gain.epoch == 2
    assert np.isfinite(gain.history["validation"][-1])
    assert not torch.equal(weights(gain), weights(trained(rarely, max_epochs=0)))
    # The file does not know of that look.
    resumed, whole = trained(rarely, checkpoint=file, resume=True), trained(rarely)
    assert torch.equal(weights(resumed), weights(whole))
    np.testing.assert_array_equal(resumed.history["validation"], whole.history["validation"])
    assert trained(rarely, max_epochs=2, checkpoint=tmp_path / "other").epoch == 2


def test_a_gain_without_any_finite_validation_error_is_diverged():
    still = drifting(6, seed=1)
    still = dataclasses.replace(still, outputs=0 * still.outputs)
    gain = trained(validation=still)
    assert (gain.status, gain.epoch) == (Status.DIVERGED, 0)
    assert "no finite number after any of 4 epochs" in gain.failure


def unknown(**changes):
    """Validation data that are not the training data."""
    return dataclasses.replace(drifting(6, seed=1), **changes)


def never(fields):
    raise AssertionError("a forecast was computed")


def known_as(data, seed):
    return dataclasses.replace(data, origin=Origin("waves", "w", np.array([[seed, i] for i in range(len(data))])))


def test_validation_on_trajectories_that_are_trained_on_is_refused():
    data = drifting()
    for shared, count in ((data, 24), (data[5:8], 3)):
        with pytest.raises(ValueError, match=f"{count} of the {count} samples in validation are trained on"):
            train_gain(data, SMALL, never, SENSORS, validation=shared, device="cpu")
    # Members are told by what they are, whatever the frames are.
    with pytest.raises(ValueError, match="6 of the 6 samples in validation are trained on"):
        train_gain(known_as(data, 0), SMALL, never, SENSORS, validation=known_as(unknown(), 0), device="cpu")
    train_gain(known_as(data, 0), SMALL, forecast, SENSORS, validation=known_as(unknown(), 1), max_epochs=1)


def test_validation_on_another_grid_or_with_other_cycles_is_refused():
    fine = drifting(6, seed=1)
    coarse = dataclasses.replace(fine, inputs=fine.inputs[..., ::2], outputs=fine.outputs[..., ::2], axes=(NODES[::2],))
    for other, said in ((coarse, r"validation is on \(8,\) nodes"), (unknown(times=2 * fine.times), "0.125")):
        with pytest.raises(ValueError, match=said):
            train_gain(drifting(), SMALL, never, SENSORS, validation=other, device="cpu")
    with pytest.raises(ValueError, match="no samples in validation"):
        train_gain(drifting(), SMALL, never, SENSORS, validation=fine[:0], device="cpu")


def test_a_forecast_on_another_grid_or_of_another_cycle_is_refused():
    coarse = KnownForecast("coarse", lambda fields: fields[..., ::2])
    with pytest.raises(ValueError, match="on the grid of the data"):
        train_gain(drifting(), SMALL, coarse, SENSORS, validation=None, device="cpu")
    long = KnownForecast("two nodes", never, 2 / N)
    with pytest.raises(ValueError, match=r"goes on by 0.125, and frames of the data are 0.0625 apart"):
        train_gain(drifting(), SMALL, long, SENSORS, validation=None, device="cpu")
    own = KnownForecast("a node", forecast.function, float(np.float32(1 / N + 1e-9)))
    assert train_gain(drifting(), SMALL, own, SENSORS, validation=None, max_epochs=1, device="cpu").epoch == 1
