"""The folder of a trained gain: written, read, damaged, used with another forecast."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from pinnlab.datasets.data import OperatorData
from pinnlab.networks.fno import Fno
from pinnlab.networks.operator import OperatorArchitecture, OperatorNetwork
from pinnlab.networks.position_channels import NoPositions
from pinnlab.operators.assimilation import assimilate
from pinnlab.operators.corrections import CarriedCovariance, Direct, LowRank
from pinnlab.operators.forecasts import KnownForecast
from pinnlab.operators.gain_training import GainLearning, train_gain
from pinnlab.operators.learned_gain import TrainedGain
from pinnlab.operators.sensors import EveryNode, Sensors

NODES = np.arange(8) / 8
FORECAST = KnownForecast("a node per frame", lambda fields: fields.roll(1, -1))


def data():
    values = np.sin(2 * np.pi * (NODES - np.arange(4)[:, None] / 8 - np.arange(3)[:, None, None]))[:, :, None]
    values = values.astype(np.float32)
    return OperatorData(values[:, 0], values, (NODES,), np.arange(4) / 8, [np.nan] * 3, ["u"], ["u"], ["x"], [True])


def learned(forecast=FORECAST, network=None, **settings):
    given = {"epochs": 2, "batch": 4, "cycles": 4, "window": 2} | settings
    network = network or Fno(2, 4, 1, positions=NoPositions())
    learning = GainLearning(network, **given)
    return train_gain(data(), learning, forecast, Sensors(EveryNode(2)), validation=None, device="cpu")


def answers(gain):
    generator = torch.Generator().manual_seed(0)
    guesses = torch.randn(2, 1, 1, 8, generator=generator)
    return assimilate(gain, guesses, torch.randn(2, 5, 1, 4, generator=generator)).fields


@pytest.mark.parametrize("correction", [Direct(), LowRank(3), CarriedCovariance(3, 2)])
@pytest.mark.parametrize("memory", [0, 2])
def test_what_was_saved_answers_the_same(tmp_path, correction, memory):
    gain = learned(correction=correction, memory=memory)
    gain.save(tmp_path / "gain")
    again = TrainedGain.load(tmp_path / "gain", FORECAST)
    assert torch.equal(answers(again), answers(gain))
    assert (again.status, again.epoch, again.seconds) == (gain.status, 2, gain.seconds)
    assert (again.architecture, again.signature) == (gain.architecture, gain.signature)
    np.testing.assert_array_equal(again.history["loss"], gain.history["loss"])


def test_a_gain_is_not_used_with_another_forecast(tmp_path):
    learned().save(tmp_path / "gain")
    for other in (KnownForecast("two nodes per frame", lambda fields: fields.roll(2, -1)), lambda fields: fields):
        with pytest.raises(ValueError, match=r"trained with another forecast .*a node per frame"):
            TrainedGain.load(tmp_path / "gain", other)


def test_a_gain_of_a_nameless_forecast_is_used_with_any_nameless_one(tmp_path):
    gain = learned(lambda fields: fields)
    gain.save(tmp_path / "gain")
    assert torch.equal(answers(TrainedGain.load(tmp_path / "gain", lambda fields: fields)), answers(gain))


@dataclass(frozen=True)
class Own(OperatorArchitecture):
    """One convolution."""

    def build(self, signature, generator):
        found = OwnNetwork()
        found.layer = torch.nn.Conv1d(signature.inputs, signature.outputs, 1)
        return found


class OwnNetwork(OperatorNetwork):
    def forward(self, values, positions):
        return self.layer(values)


def test_an_architecture_of_ones_own_is_given_to_load(tmp_path):
    gain = learned(network=Own())
    gain.save(tmp_path / "gain")
    assert torch.equal(answers(TrainedGain.load(tmp_path / "gain", FORECAST, network=Own())), answers(gain))
    with pytest.raises(ValueError, match="network="):
        TrainedGain.load(tmp_path / "gain", FORECAST)


def test_a_folder_without_its_files_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"settings\.json"):
        TrainedGain.load(tmp_path, FORECAST)
    learned().save(tmp_path / "gain")
    (tmp_path / "gain" / "weights.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"weights\.safetensors"):
        TrainedGain.load(tmp_path / "gain", FORECAST)


def test_damaged_and_foreign_files_are_told(tmp_path):
    folder = tmp_path / "gain"
    learned().save(folder)
    path = folder / "settings.json"
    whole = path.read_text()
    found = json.loads(whole)
    wrong = {
        "no JSON": whole[:-20],
        "does not describe a trained gain": json.dumps(found | {"format": "pinnlab-operator-1"}),
        "correction is missing": json.dumps({k: v for k, v in found.items() if k != "correction"}),
        "there is no 'Dangerous'": json.dumps(found | {"correction": {"type": "Dangerous"}}),
        "no operator network 'Dangerous'": json.dumps(found | {"architecture": {"type": "Dangerous"}}),
        "signature is damaged": json.dumps(found | {"signature": {"inputs": 4}}),
    }
    for said, text in wrong.items():
        path.write_text(text)
        with pytest.raises(ValueError, match=said):
            TrainedGain.load(folder, FORECAST)
    path.write_text(whole)
    weights = folder / "weights.safetensors"
    kept = weights.read_bytes()
    weights.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    with pytest.raises(ValueError, match="not those that the settings were written with"):
        TrainedGain.load(folder, FORECAST)
