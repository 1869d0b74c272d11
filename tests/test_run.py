"""The loop on something that is no solver; that of solvers is tested in test_solve.py."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from pinnlab.errors import SolveFailed
from pinnlab.run import Keeper, Limits, Reached, Run, ranks_agree, require_run_seed
from pinnlab.solver import Iteration, Status
from pinnlab.training.ranks import ALONE, Ranks


@dataclass
class Count:
    value: int


@dataclass
class Counter(Iteration[Count]):
    """Counts to `last`; reports the logarithm of the distance from `pole`."""

    last: int = 5
    pole: int = 0
    fails_at: int = 0

    def init(self, seed):
        return Count(seed)

    def step(self, state):
        if state.value + 1 == self.fails_at:
            raise SolveFailed("lost count")
        value = state.value + 1
        return Count(value), {"log": math.log(abs(value - self.pole)) if value != self.pole else -math.inf}

    def status(self, state):
        return Status.DONE if state.value >= self.last else Status.RUNNING


def run(counter=None, limits=None, keeper=None, monitors=(), resume=False):
    counter = counter or Counter()
    found = Run(counter, counter.init(0))
    if resume:
        keeper.restore(found)
    found.proceed(limits or Limits(), keeper, monitors, lambda step, seconds, scalars, state: Reached(step, 0, scalars))
    return found


def test_a_run_ends_when_its_method_is_done():
    found = run()
    assert (found.status, found.state, found.step) == (Status.DONE, Count(5), 5)
    np.testing.assert_allclose(found.columns()["log"], np.log([1, 2, 3, 4, 5]))


def test_limits_stop_a_run_before_the_next_step():
    assert run(limits=Limits(max_steps=3)).state == Count(3)
    assert run(limits=Limits(max_seconds=0)).state == Count(0)


def test_non_finite_scalars_and_failures_keep_the_last_good_state():
    infinite, failed = run(Counter(pole=3)), run(Counter(fails_at=4))
    assert (infinite.state, infinite.failure) == (Count(2), "log became non-finite in step 3")
    assert (failed.state, failed.failure) == (Count(3), "lost count")
    assert infinite.status is failed.status is Status.DIVERGED


def test_monitors_are_given_what_the_caller_makes_of_a_step():
    seen = []
    run(monitors=[lambda reached: seen.append(reached.step)])
    assert seen == [1, 2, 3, 4, 5]


def test_a_kept_run_goes_on_and_one_of_another_thing_is_refused(tmp_path):
    path = tmp_path / "kept"
    assert run(keeper=Keeper(path, {"a": 1}), resume=True, limits=Limits(max_steps=2)).step == 2
    rest = run(keeper=Keeper(path, {"a": 1}), resume=True)
    assert (rest.state, list(rest.columns()["step"])) == (Count(5), [1, 2, 3, 4, 5])
    with pytest.raises(ValueError, match="it belongs to another a "):
        run(keeper=Keeper(path, {"a": 2}), resume=True)


def test_the_setting_that_differs_is_named(tmp_path):
    def kept(rate):
        described = {"type": "Learning", "epochs": 3, "optimizer": {"type": "AdamW", "learning_rate": rate}}
        return Keeper(tmp_path / "kept", {"learning": json.dumps(described)})

    run(keeper=kept(0.1), limits=Limits(max_steps=2))
    with pytest.raises(ValueError, match=r"another learning \(optimizer.learning_rate is 0.1 there and 0.2 here\)"):
        run(keeper=kept(0.2), resume=True)


def test_limits_and_seeds_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="me: max_steps = -1; give"):
        Limits(max_steps=-1).require_sensible("me")
    with pytest.raises(ValueError, match="me: max_epochs = -1; give"):
        Limits(max_steps=-1).require_sensible("me", "max_epochs")
    with pytest.raises(ValueError, match=r"me: seed = 0\.5; give"):
        require_run_seed("me", 0.5)


@dataclass
class Second(Ranks):
    """Another rank, whose first one has agreed on a number before."""

    first: float | None = None
    device = torch.device("cpu")
    number = 1
    size = 2
    heard: list = field(default_factory=list)

    def entering(self, theta):
        return theta

    def summed(self, part):
        return part

    def agreed(self, value):
        self.heard.append(float(value))
        return value if self.first is None else torch.tensor(self.first, dtype=torch.float64)


def test_ranks_notice_that_they_were_told_different_things_but_not_addresses():
    one = Second()
    assert ranks_agree(ALONE, ["x"])
    assert ranks_agree(one, ["<thing at 0x12>", 3])
    assert ranks_agree(Second(one.heard[0]), ["<thing at 0x34>", 3])
    assert not ranks_agree(Second(one.heard[0]), ["<thing at 0x34>", 4])
