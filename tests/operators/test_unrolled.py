"""Losses of several calls, worked by hand with u ↦ a u."""

from __future__ import annotations

import pytest
import torch

from pinnlab.operators.layout import Layout
from pinnlab.operators.pairs import Batch, Bundled, OneStep, SolutionMap, Stage
from pinnlab.operators.unrolled import Pushforward, Rollout
from pinnlab.training.relative_loss import OperatorLoss


class Squares(OperatorLoss):
    """The mean of the squares of the errors: a loss whose gradient is seen at once."""

    def __call__(self, prediction, truth):
        return (prediction - truth).square().mean()


def layout(times=(0.0, 0.5, 1.0, 1.5), inputs=("u", "nu")):
    return Layout(inputs, ("u",), ("x",), (True,), ((0.0, 1.0),), (2,), times, "float64")


def whole(pairs, values, where, which=0, nu=7.0):
    """The batch of one sample whose frames are constants in space."""
    numbers = pairs.frames(torch.tensor([which]), where)[0]
    frames = torch.tensor(values, dtype=torch.float64)[numbers].reshape(1, -1, 1, 1).expand(1, -1, 1, 2)
    inputs = torch.tensor([[[values[0]] * 2, [nu] * 2]], dtype=torch.float64)
    times = torch.tensor(where.times or (0.0,), dtype=torch.float64)[numbers][None]
    return Batch(inputs, frames, times, where)


class Factor:
    """u ↦ a u on the first channel; counts its calls and keeps what it was given."""

    def __init__(self, a):
        self.a = torch.tensor(a, dtype=torch.float64, requires_grad=True)
        self.seen = []

    def __call__(self, values):
        self.seen.append(values.detach())
        return self.a * values[:, :1]


def stage(epoch=100, seed=0):
    return Stage(epoch, torch.Generator().manual_seed(seed))


def test_a_rollout_loss_is_the_mean_over_its_steps_and_differentiates_all_of_them():
    pairs, where, network = Rollout(steps=2), layout(), Factor(3.0)
    assert pairs.count(where) == 2
    loss = pairs.loss(network, whole(pairs, [1.0, 2.0, 5.0, 0.0], where), Squares(), stage())
    # a = 3: answers 3 and 9 against 2 and 5; the mean of (a - 2)² and (a² - 5)².
    assert loss.item() == pytest.approx((1 + 16) / 2)
    loss.backward()
    # Its derivative: (2 (a - 2) + 2 (a² - 5) 2 a) / 2.
    assert float(network.a.grad) == pytest.approx((2 + 48) / 2)


def test_pushforward_differentiates_its_last_call_only():
    pairs, where = Pushforward(steps=1), layout()
    assert pairs.count(where) == 2
    batch = whole(pairs, [1.0, 2.0, 5.0, 0.0], where)
    losses = {}
    for seed in range(20):
        network = Factor(3.0)
        loss = pairs.loss(network, batch, Squares(), stage(seed=seed))
        loss.backward()
        losses.setdefault(len(network.seen), set()).add((loss.item(), float(network.a.grad)))
    # No push: (a·1 - 2)², derivative 2 (a - 2).  One: (a·3 - 5)² with the 3 held fixed, derivative 2 (3 a - 5) 3.
    assert losses == {1: {(1.0, 2.0)}, 2: {(16.0, 24.0)}}


def test_an_untrained_network_is_not_pushed():
    pairs, where = Pushforward(steps=2), layout()
    batch = whole(pairs, [1.0, 2.0, 5.0, 0.0], where)
    for epoch in (0, 1, 2):
        calls = set()
        for seed in range(40):
            network = Factor(1.0)
            pairs.loss(network, batch, Squares(), stage(epoch, seed))
            calls.add(len(network.seen))
        assert calls == set(range(1, epoch + 2))


def test_pushforward_of_bundles_compares_with_the_frames_that_follow():
    pairs = Pushforward(steps=1, stepping=Bundled(together=2))
    where = layout(tuple(0.5 * i for i in range(5)))
    assert pairs.count(where) == 1
    batch = whole(pairs, [1.0, 2.0, 3.0, 4.0, 9.0], where)

    def both(values):
        return values[:, :1] * torch.tensor([2.0, 4.0], dtype=torch.float64)[None, :, None]

    losses = {pairs.loss(both, batch, Squares(), stage(seed=s)).item() for s in range(20)}
    # Unpushed 2, 4 against 2, 3; pushed 4 -> 8, 16 against 4, 9.
    assert losses == {0.5, (16 + 49) / 2}


def test_what_is_mapped_is_that_of_the_steps():
    where = layout()
    for pairs in (Rollout(2, OneStep(2)), Pushforward(1, OneStep(2))):
        assert (pairs.given, pairs.channels(where)) == (2, OneStep(2).channels(where))
        start = torch.ones(1, 2, 1, 2, dtype=torch.float64)
        found = pairs.predict(Factor(3.0), torch.ones(1, 2, 2), start, [0, 0.5, 1.0, 1.5], where)
        assert found[0, :, 0, 0].tolist() == [1, 1, 3, 3]


def test_what_cannot_step_is_not_unrolled():
    with pytest.raises(ValueError, match="stepping must be"):
        Rollout(2, SolutionMap())


@pytest.mark.parametrize("pairs", [Rollout(4), Pushforward(3)])
def test_data_with_too_few_frames_are_refused(pairs):
    with pytest.raises(ValueError, match="4 calls of the network need 5 frames"):
        pairs.count(layout())


@pytest.mark.parametrize("make", [lambda: Rollout(0), lambda: Pushforward(1.5)])
def test_counts_that_mean_nothing_are_refused(make):
    with pytest.raises(ValueError, match="positive whole number"):
        make()
