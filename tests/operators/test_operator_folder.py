"""Folders of trained operators, written and read back."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from pinnlab.datasets.data import OperatorData
from pinnlab.networks.activations import Swish
from pinnlab.networks.deeponet import DeepOnet
from pinnlab.networks.embedding import Harmonics
from pinnlab.networks.fno import Fno
from pinnlab.networks.given import Given
from pinnlab.networks.latent_evolution import LatentEvolution
from pinnlab.networks.message_passing import MessagePassing
from pinnlab.networks.mlp import Mlp
from pinnlab.networks.pod_deeponet import PodDeepOnet
from pinnlab.networks.siren import Siren
from pinnlab.networks.staggered import Staggered
from pinnlab.networks.transolver import Transolver
from pinnlab.operators.kept_folder import SETTINGS, WEIGHTS
from pinnlab.operators.layout import Layout
from pinnlab.operators.learning import OperatorLearning, train
from pinnlab.operators.normalisation import PointwiseGaussian, Scaling
from pinnlab.operators.pairs import Bundled, OneStep
from pinnlab.operators.trained import TrainedOperator, signature_of
from pinnlab.operators.unrolled import Pushforward
from pinnlab.solver import Status
from pinnlab.training.adam_w import AdamW


def powers(base, n=3, frames=4, conditions=0, nodes=4):
    """Frames sample · base^frame, constant in space."""
    first = np.arange(1.0, n + 1)[:, None, None, None] * np.ones((1, 1, 1, nodes))
    outputs = first * base ** np.arange(frames)[None, :, None, None]
    names = ["u", *(f"a{i}" for i in range(conditions))]
    inputs = np.concatenate([outputs[:, 0]] * (1 + conditions), axis=1)
    times = 0.5 * np.arange(frames) if frames > 1 else ()
    axis = np.arange(nodes) / nodes
    return OperatorData(inputs, outputs, (axis,), times, [1e-6] * n, names, ["u"], ["x"], [True])


def doubling(data, pairs):
    """The operator whose network multiplies its first channel by two."""
    layout = Layout.of(data)
    signature = signature_of(pairs, layout)
    module = torch.nn.Conv1d(signature.inputs, signature.outputs, 1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        module.weight.zero_()
        module.weight[:, 0] = 2.0
    given = Given(module)
    ones = Scaling(torch.zeros(1, 1).double(), torch.ones(1, 1).double())
    return TrainedOperator(given, given.build(signature, torch.Generator()), pairs, layout, ones, ones)


@pytest.fixture(scope="module")
def fno():
    """A small network, briefly trained."""
    learning = OperatorLearning(
        Fno(modes=2, width=3, depth=1), Pushforward(1, Bundled(1, history=2)), optimizer=AdamW(1e-2), epochs=2
    )
    return train(powers(0.9, n=8, conditions=1), learning, seed=4, device="cpu")


def test_what_was_saved_is_read_back_bit_for_bit(fno, tmp_path):
    fno.save(tmp_path / "model")
    found = TrainedOperator.load(tmp_path / "model")
    data = powers(0.9, conditions=1)
    np.testing.assert_array_equal(found.predict(data), fno.predict(data))
    for name in ("architecture", "pairs", "layout", "status", "seconds", "seed", "epoch", "failure"):
        assert getattr(found, name) == getattr(fno, name)
    assert found.history.keys() == fno.history.keys()
    np.testing.assert_array_equal(found.history["loss"], fno.history["loss"])
    assert sorted(f.name for f in (tmp_path / "model").iterdir()) == [SETTINGS, WEIGHTS]
    assert found.status is Status.DONE


def test_networks_of_others_are_read_back_into_the_module_that_is_given(tmp_path):
    data = powers(2.0)
    operator = doubling(data, OneStep())
    operator.save(tmp_path / "model")
    with pytest.raises(ValueError, match="no operator network 'Given' in pinnlab"):
        TrainedOperator.load(tmp_path / "model")
    fresh = Given(torch.nn.Conv1d(1, 1, 1, bias=False))
    found = TrainedOperator.load(tmp_path / "model", network=fresh)
    np.testing.assert_array_equal(found.predict(data), data.outputs)
    with pytest.raises(ValueError, match="shape"):
        TrainedOperator.load(tmp_path / "model", network=Given(torch.nn.Conv1d(1, 1, 3, bias=False)))


def test_node_by_node_scalings_are_kept_too(tmp_path):
    learning = OperatorLearning(Fno(2, 3, 1), OneStep(), normalisation=PointwiseGaussian(), epochs=1)
    operator = train(powers(0.9), learning, device="cpu")
    operator.save(tmp_path / "model")
    found = TrainedOperator.load(tmp_path / "model")
    assert found.inputs.mean.shape == (1, 4)
    np.testing.assert_array_equal(found.predict(powers(0.9)), operator.predict(powers(0.9)))
    with pytest.raises(ValueError, match="fitted node by node"):
        found.predict(powers(0.9, nodes=8))


@pytest.mark.parametrize(
    "network",
    [
        DeepOnet(Mlp(4, 1, Swish()), Harmonics(Mlp(4, 1), 2), 3),
        PodDeepOnet(Siren(4, 1), 2),
        Transolver(2, 4, 1, 2),
        MessagePassing(8, 1, 2),
        Staggered(Fno(1, 3, 1), 2),
        Staggered(PodDeepOnet(Mlp(4, 1), 2), 2),
        LatentEvolution(Fno(1, 3, 1), 2),
    ],
    ids=lambda network: type(network).__name__,
)
def test_every_network_is_trained_and_read_back_bit_for_bit(network, tmp_path):
    data = powers(0.9, n=8, nodes=8)
    operator = train(data, OperatorLearning(network, epochs=2, batch=4), device="cpu")
    assert operator.status is Status.DONE
    operator.save(tmp_path / "model")
    found = TrainedOperator.load(tmp_path / "model")
    assert found.architecture == network
    np.testing.assert_array_equal(found.predict(data), operator.predict(data))


def test_a_folder_that_does_not_belong_together_or_is_damaged_is_refused(fno, tmp_path):
    for name in ("one", "other"):
        fno.save(tmp_path / name)
    weights = tmp_path / "one" / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ValueError, match="not those that the settings were written with"):
        TrainedOperator.load(tmp_path / "one")
    settings = tmp_path / "other" / SETTINGS
    text = settings.read_text()
    for damaged, message in (
        (text[:-5], "this is no JSON"),
        (json.dumps({"format": "x"}), "does not describe a trained operator"),
        (json.dumps({k: v for k, v in json.loads(text).items() if k != "layout"}), "layout is missing"),
        (text.replace('"Pushforward"', '"Popen"'), "there is no 'Popen'"),
        (text.replace('"width"', '"breadth"'), "Fno rejects these settings"),
    ):
        settings.write_text(damaged)
        with pytest.raises(ValueError, match=message):
            TrainedOperator.load(tmp_path / "other")
    weights.unlink()
    with pytest.raises(FileNotFoundError, match=WEIGHTS):
        TrainedOperator.load(tmp_path / "one")
    with pytest.raises(FileNotFoundError, match=SETTINGS):
        TrainedOperator.load(tmp_path)
