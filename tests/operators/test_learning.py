"""Training from data: what it sees, what it keeps, and that it may be cut anywhere."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from pinnlab.datasets.data import OperatorData
from pinnlab.errors import SolveFailed
from pinnlab.networks.fno import Fno
from pinnlab.networks.given import Given
from pinnlab.operators.augmentation import PeriodicShift, Reflection
from pinnlab.operators.growth import IncrementalModes
from pinnlab.operators.learning import Epoch, OperatorLearning, TrainingInterrupted, train
from pinnlab.operators.pairs import AllToAll, Bundled, OneStep, SolutionMap
from pinnlab.operators.trained import TrainedOperator
from pinnlab.operators.unrolled import Pushforward, Rollout
from pinnlab.solver import Status
from pinnlab.training.adam_w import AdamW
from pinnlab.training.precision import Autocast
from pinnlab.training.relative_loss import RelativeH1, RelativeL2, SumOfLosses
from pinnlab.training.schedules import Constant, Schedule

SMALL = Fno(modes=3, width=4, depth=1)
FAST = AdamW(1e-2)


def heat(n=12, nodes=8, frames=4, seed=0, dtype=np.float64):
    """Two sine waves that move and decay."""
    x, times = np.arange(nodes) / nodes, np.linspace(0, 0.3, frames)
    a = np.random.default_rng(seed).standard_normal((2, 2, n, 1, 1))
    t, where = times[None, :, None], x[None, None, :]
    phases = [2 * np.pi * k * (where - t) for k in (1, 2)]
    waves = [
        np.exp(-k * t) * (a[k - 1, 0] * np.sin(p) + a[k - 1, 1] * np.cos(p))
        for k, p in zip((1, 2), phases, strict=True)
    ]
    outputs = sum(waves)[:, :, None].astype(dtype)
    return OperatorData(outputs[:, 0], outputs, (x,), times, [np.nan] * n, ["u"], ["u"], ["x"], [True])


def zeroed(data, *samples):
    """The same with answers of zero to these samples; their first frames are as before."""
    outputs = data.outputs.copy()
    outputs[list(samples), 1:] = 0.0
    return dataclasses.replace(data, outputs=outputs)


def learning(pairs=None, **settings):
    given = {"network": SMALL, "pairs": pairs or OneStep(), "optimizer": FAST, "epochs": 3, "batch": 8}
    return OperatorLearning(**(given | settings))


def weights(operator):
    return torch.cat([torch.view_as_real(p + 0j).detach().reshape(-1) for p in operator.network.parameters()])


def same(one, other):
    assert torch.equal(weights(one), weights(other))
    assert one.epoch == other.epoch
    for name in set(one.history) - {"seconds"}:
        np.testing.assert_array_equal(one.history[name], other.history[name])


def test_training_lowers_the_error_on_data_that_it_has_not_seen():
    found = train(heat(40), learning(epochs=12, batch=4), device="cpu")
    assert found.checked().status is Status.DONE
    assert found.errors(heat(10, seed=1)).mean() < 0.1
    assert found.history["loss"][-1] < 0.1 * found.history["loss"][0]
    assert list(found.history["step"]) == list(range(1, 13))


@pytest.mark.parametrize("kind", [SolutionMap(), Rollout(2), Pushforward(1), Bundled(2), AllToAll()])
def test_all_pairs_train(kind):
    found = train(heat(), learning(kind), device="cpu")
    assert found.predict(heat(3, seed=1)).shape == (3, 4, 1, 8)
    assert found.history["loss"][-1] < found.history["loss"][0]


EVERYTHING = learning(
    Pushforward(1),
    batches=4,
    augmentations=(PeriodicShift(), Reflection("x")),
    growth=IncrementalModes(1, 1),
    loss=SumOfLosses((1.0, 0.1), (RelativeL2(), RelativeH1())),
    epochs=5,
)


@pytest.mark.parametrize("settings", [learning(epochs=5), EVERYTHING], ids=["plain", "everything"])
def test_a_resumed_training_equals_an_uncut_one_bit_for_bit(tmp_path, settings):
    path = tmp_path / "training"
    for epochs in (2, 3):
        train(heat(), settings, seed=3, device="cpu", max_epochs=epochs, checkpoint=path, resume=True)
    rest = train(heat(), settings, seed=3, device="cpu", checkpoint=path, resume=True)
    same(rest, train(heat(), settings, seed=3, device="cpu"))


def test_modules_of_others_resume_with_their_buffers_and_their_own_draws(tmp_path):
    generator = torch.Generator().manual_seed(0)
    convolution = torch.nn.Conv1d(1, 4, 3, padding=1, padding_mode="circular")
    with torch.no_grad():
        convolution.weight.normal_(generator=generator)
        convolution.bias.zero_()
    last = torch.nn.Conv1d(4, 1, 1)
    module = torch.nn.Sequential(convolution, torch.nn.BatchNorm1d(4), torch.nn.Dropout(0.2), last)
    settings, path = learning(network=Given(module), epochs=4), tmp_path / "training"
    before, state = convolution.weight.detach().clone(), torch.random.get_rng_state()
    train(heat(), settings, device="cpu", max_epochs=2, checkpoint=path)
    rest = train(heat(), settings, device="cpu", checkpoint=path, resume=True)
    whole = train(heat(), settings, device="cpu")
    same(rest, whole)
    for one, other in zip(rest.network.buffers(), whole.network.buffers(), strict=True):
        assert torch.equal(one, other)
    # Neither the module that was given nor torch's global generator has changed.
    assert torch.equal(convolution.weight, before)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_same_seed_gives_the_same_operator_and_another_one_another():
    one, again, other = (train(heat(), learning(), seed=s, device="cpu") for s in (1, 1, 2))
    same(one, again)
    assert not torch.equal(weights(one), weights(other))


def test_normalisation_sees_the_training_data_alone():
    data, held, test = heat(10), heat(6, seed=1), heat(6, seed=2)
    loud = dataclasses.replace(held, inputs=1000 * held.inputs, outputs=1000 * held.outputs)
    one, other = (train(data, learning(), validation=v, device="cpu") for v in (held, loud))
    found = data.outputs[:, :3]
    for operator in (one, other):
        assert float(operator.inputs.mean) == pytest.approx(found.mean(), rel=1e-12)
        assert float(operator.inputs.deviation) == pytest.approx(found.std(), rel=1e-12)
        assert float(operator.outputs.deviation) == pytest.approx(data.outputs[:, 1:].std(), rel=1e-12)
    one.errors(test)
    assert float(one.inputs.deviation) == pytest.approx(found.std(), rel=1e-12)


def test_a_share_that_is_set_apart_is_not_trained_on():
    data = heat(10)
    rows = np.arange(10)
    marked = dataclasses.replace(data, bounds=rows)
    found = train(data, learning(), validation=0.3, seed=5, device="cpu")
    deviations = {
        float(np.std(data.outputs[sorted(set(rows) - {i, j, k}), :3])): (i, j, k)
        for i in rows
        for j in range(i)
        for k in range(j)
    }
    nearest = min(deviations, key=lambda d: abs(d - float(found.inputs.deviation)))
    assert nearest == pytest.approx(float(found.inputs.deviation), rel=1e-12)
    apart = sorted(deviations[nearest])
    # What was set apart is what the history's errors are of.
    errors = found.errors(marked[apart]).mean()
    assert found.history["validation"][found.epoch - 1] == pytest.approx(errors, rel=1e-12)


@dataclasses.dataclass(frozen=True)
class Spoiled(Schedule):
    """Steps that are far too long in the second half."""

    def factor(self, epoch, epochs):
        return 1.0 if epoch < epochs / 2 else 100.0


def test_the_epoch_that_is_best_on_the_validation_data_is_kept():
    data, held = heat(12), heat(6, seed=1)
    settings = learning(optimizer=AdamW(0.01, schedule=Spoiled()), epochs=8)
    found = train(data, settings, validation=held, device="cpu")
    errors = found.history["validation"]
    assert found.epoch == 1 + int(np.nanargmin(errors)) < 8
    assert found.errors(held).mean() == pytest.approx(errors.min(), rel=1e-12)
    last = train(data, settings, validation=None, device="cpu")
    assert last.epoch == 8
    assert "validation" not in last.history
    assert last.errors(held).mean() == pytest.approx(errors[-1], rel=1e-12)


def test_monitors_see_every_epoch_and_its_best_operator():
    seen: list[Epoch] = []

    def watch(epoch):
        seen.append(epoch)
        return {"test": float(epoch.operator().errors(heat(2, seed=4)).mean())}

    found = train(heat(), learning(), device="cpu", monitors=[watch])
    assert [e.step for e in seen] == [1, 2, 3]
    # Of each epoch the best until then, also when it is asked for later.
    assert [e.operator().epoch for e in seen] == [
        1 + int(np.argmin(found.history["validation"][: i + 1])) for i in range(3)
    ]
    assert found.history["test"].shape == (3,)
    assert torch.equal(weights(found), weights(train(heat(), learning(), device="cpu")))


def test_an_interrupted_training_holds_what_it_had_reached():
    def interrupt(epoch):
        if epoch.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(TrainingInterrupted) as caught:
        train(heat(), learning(epochs=9), device="cpu", monitors=[interrupt])
    reached = caught.value.operator
    assert reached.status is Status.RUNNING
    assert list(reached.history["step"]) == [1, 2]
    assert np.isfinite(reached.errors(heat(2))).all()


def test_a_training_that_diverges_says_so_and_keeps_the_best_operator():
    found = train(heat(), learning(optimizer=AdamW(1e30, schedule=Constant()), epochs=4), device="cpu")
    assert found.status is Status.DIVERGED
    assert "non-finite in" in found.failure
    assert torch.isfinite(weights(found)).all()
    with pytest.raises(SolveFailed, match=r"training of Fno failed: .*; lower the learning rate"):
        found.checked()


def test_mixed_precision_trains():
    found = train(heat(dtype=np.float32), learning(precision=Autocast(loss_scale=4.0)), device="cpu")
    assert found.history["loss"][-1] < found.history["loss"][0]
    assert weights(found).dtype == torch.float32


@pytest.mark.parametrize(
    ("change", "what"),
    [({"data": heat(seed=9)}, "data"), ({"learning": learning(batch=7)}, "learning"), ({"seed": 1}, "seed")],
)
def test_a_checkpoint_of_another_training_is_refused(tmp_path, change, what):
    path = tmp_path / "training"
    train(heat(), learning(), device="cpu", max_epochs=1, checkpoint=path)
    given = {"data": heat(), "learning": learning(), "device": "cpu"} | change
    with pytest.raises(ValueError, match=f"it belongs to another {what} "):
        train(**given, checkpoint=path, resume=True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"validation": 0.0}, r"validation = 0\.0; give a share"),
        ({"validation": 1.5}, r"validation = 1\.5; give a share"),
        ({"validation": "0.1"}, r"validation = '0\.1'; give a share"),
        ({"family": 5}, "family must be the Family of the samples, got a int"),
        (
            {"validation": zeroed(heat(5), 3)},
            "validation: the answers of 1 of 5 samples are zero everywhere, number 3, so that",
        ),
        (
            {"data": zeroed(heat(5), *range(5)), "validation": 0.2},
            "data: the answers of 5 of 5 samples are zero everywhere, number 0, 1, 2, 3, 4",
        ),
        ({"data": heat(1)}, "of 1 sample none is left"),
        ({"data": heat()[:0]}, "no samples in the data"),
        ({"validation": heat()[:0]}, "no samples in validation"),
        ({"validation": dataclasses.replace(heat(), output_names=("v",))}, "their output_names are"),
        ({"learning": SMALL}, "give OperatorData and OperatorLearning"),
        ({"seed": -1}, "train: seed = -1"),
        ({"max_epochs": -1}, "train: max_epochs = -1"),
        ({"resume": True}, "resume=True needs checkpoint=FILE"),
        ({"learning": learning(augmentations=(Reflection("y"),))}, "no coordinate 'y'"),
        ({"learning": learning(OneStep(history=9))}, "need"),
    ],
)
def test_what_does_not_fit_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        train(**({"data": heat(), "learning": learning(), "device": "cpu"} | settings))


def test_a_training_that_only_gets_away_from_the_answers_is_diverged(monkeypatch):
    monkeypatch.setattr(TrainedOperator, "errors", lambda self, data: np.full(len(data), 5e58))
    found = train(heat(), learning(epochs=2), device="cpu")
    assert found.status is Status.DIVERGED
    with pytest.raises(SolveFailed, match=r"was 5e\+58, and that of the answer 0 is 1; lower the learning rate"):
        found.checked()
    monkeypatch.setattr(TrainedOperator, "errors", lambda self, data: np.full(len(data), 2.0))
    assert train(heat(), learning(epochs=2), device="cpu").status is Status.DONE


def test_a_training_without_any_finite_validation_error_is_diverged(monkeypatch):
    monkeypatch.setattr(TrainedOperator, "errors", lambda self, data: np.full(len(data), np.inf))
    found = train(heat(), learning(epochs=2), device="cpu")
    assert (found.status, found.epoch) == (Status.DIVERGED, 0)
    with pytest.raises(SolveFailed, match="no finite number after any of 2 epochs, and the weights are untrained"):
        found.checked()
    assert train(heat(), learning(epochs=2), device="cpu", max_epochs=0).status is Status.RUNNING
