"""Epochs: which examples they go through, and two processes that share each batch; also the program of each of them."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from pinnlab.datasets.data import OperatorData
from pinnlab.networks.fno import Fno
from pinnlab.networks.operator import OperatorArchitecture, OperatorNetwork
from pinnlab.operators.augmentation import PeriodicShift
from pinnlab.operators.normalisation import UnitGaussian, Unnormalised
from pinnlab.operators.operator_learning import OperatorLearning
from pinnlab.operators.operator_training import OperatorTraining
from pinnlab.operators.pairs import OneStep
from pinnlab.operators.unrolled import Pushforward
from pinnlab.solver import Status
from pinnlab.training.adam_w import AdamW
from pinnlab.training.ranks import ALONE, Alone
from pinnlab.training.relative_loss import OperatorLoss
from pinnlab.training.schedules import Constant


def waves(n=7, frames=4, nodes=8):
    """Random frames, each of its own."""
    outputs = np.random.default_rng(0).standard_normal((n, frames, 1, nodes))
    axis = np.arange(nodes) / nodes
    return OperatorData(outputs[:, 0], outputs, (axis,), np.arange(frames), [np.nan] * n, ["u"], ["u"], ["x"], [True])


class Slope(OperatorNetwork):
    """u ↦ a u with a = 0 at the start; keeps what it was given in training."""

    def __init__(self):
        super().__init__()
        self.a = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.seen = []

    def forward(self, values, positions):
        self.seen.append(values.detach().clone())
        return self.a * values


class Slopes(OperatorArchitecture):
    def __init__(self):
        self.network = Slope()

    def build(self, signature, generator):
        return self.network


class Linear(OperatorLoss):
    """The mean of the prediction times the truth, whose gradient is known."""

    def __call__(self, prediction, truth):
        return (prediction * truth).mean()


def training(architecture, data=None, ranks=ALONE, seed=0, **settings):
    learning = OperatorLearning(architecture, OneStep(), normalisation=Unnormalised(), batch=4, epochs=3, **settings)
    return OperatorTraining(learning, data or waves(), None, seed, ranks)


def firsts(tensors):
    return sorted(float(v[0, 0]) for t in tensors for v in t)


class Informed(Slope):
    """Keeps what it is told of before training."""

    def informed_by(self, examples, positions):
        self.given, self.told = (torch.cat(side) for side in zip(*examples, strict=True))
        self.positions = positions


def test_a_network_is_told_of_scaled_training_outputs_and_of_nothing_else():
    slopes, data = Slopes(), waves()
    slopes.network = Informed()
    learning = OperatorLearning(slopes, OneStep(), normalisation=UnitGaussian(), batch=4)
    OperatorTraining(learning, data[:4], data[4:], 0, ALONE)
    truth = data.outputs[:4, 1:].reshape(12, 1, 8)
    np.testing.assert_allclose(slopes.network.told.numpy(), (truth - truth.mean()) / truth.std(), rtol=1e-12)
    start = data.outputs[:4, :-1].reshape(12, 1, 8)
    np.testing.assert_allclose(slopes.network.given.numpy(), (start - start.mean()) / start.std(), rtol=1e-12)
    np.testing.assert_allclose(slopes.network.positions[:, 0].numpy(), np.arange(8) / 8)


def test_an_epoch_goes_through_every_example_once_in_an_order_of_its_own():
    slopes, data = Slopes(), waves()
    run = training(slopes, data)
    assert run.batches == 6
    state, orders = run.init(0), []
    for _ in range(2):
        slopes.network.seen.clear()
        state, _ = run.step(state)
        assert [len(v) for v in slopes.network.seen] == [4, 4, 4, 4, 4, 1]
        assert firsts(slopes.network.seen) == sorted(data.outputs[:, :3, 0, 0].ravel().tolist())
        orders.append(torch.cat(slopes.network.seen))
    assert not torch.equal(*orders)


def test_short_epochs_go_on_where_the_last_one_ended():
    whole, parts = Slopes(), Slopes()
    one, three = training(whole), training(parts, batches=2)
    one.step(one.init(0))
    state = three.init(0)
    for _ in range(3):
        state, _ = three.step(state)
    assert three.status(state) is Status.DONE
    assert torch.equal(torch.cat(whole.network.seen), torch.cat(parts.network.seen))


def test_a_step_follows_the_gradient_of_the_mean_and_leaves_the_state_as_it_was():
    data = waves(1, 2)
    run = training(Slopes(), data, loss=Linear(), optimizer=AdamW(0.5, 0.0, Constant()))
    state = run.init(0)
    new, scalars = run.step(state)
    # One example: the first step of Adam is the learning rate against the sign of the mean of u0 u1.
    sign = np.sign((data.outputs[0, 0] * data.outputs[0, 1]).mean())
    assert float(new.theta) == pytest.approx(-0.5 * sign, rel=1e-6)
    assert float(new.moments.mean) == pytest.approx(0.1 * (data.outputs[0, 0] * data.outputs[0, 1]).mean())
    assert (float(state.theta), state.epoch, state.moments.taken, float(state.moments.mean)) == (0, 0, 0, 0)
    assert scalars == {"loss": 0.0, "learning_rate": 0.5}


def test_more_ranks_than_examples_in_a_batch_are_refused():
    crowd = Alone(size=5)
    with pytest.raises(ValueError, match="5 ranks share batches of 4 of 21 examples; start fewer"):
        training(Slopes(), ranks=crowd)


def ranked():
    """What one rank finds: its losses and its weights."""
    from pinnlab.operators.learning import train

    network = Fno(modes=3, width=4, depth=1)
    learning = OperatorLearning(network, Pushforward(1), augmentations=(PeriodicShift(),), batch=5, epochs=3)
    found = train(waves(), learning, device="cpu")
    weights = [torch.view_as_real(p + 0j).detach().flatten() for p in found.network.parameters()]
    return {"loss": found.history["loss"].tolist(), "weights": torch.cat(weights).tolist()}


def work(rank, folder):
    """What one of two ranks does."""
    store = torch.distributed.FileStore(os.path.join(folder, "store"), 2)
    torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=2)
    with open(os.path.join(folder, f"{rank}.json"), "w") as file:
        json.dump(ranked(), file)
    torch.distributed.destroy_process_group()


def main(folder):
    """Both ranks; the second is forked, so that what takes longest, the imports, is done once."""
    other = multiprocessing.get_context("fork").Process(target=work, args=(1, folder), daemon=True)
    other.start()
    work(0, folder)
    other.join()
    sys.exit(other.exitcode)


if __name__ == "__main__":
    main(sys.argv[1])


def test_two_ranks_train_as_one_process_does(tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    one, other = (json.loads((tmp_path / f"{i}.json").read_text()) for i in range(2))
    assert one == other
    single = ranked()
    np.testing.assert_allclose(one["loss"], single["loss"], rtol=1e-10)
    np.testing.assert_allclose(one["weights"], single["weights"], rtol=1e-6, atol=1e-9)
