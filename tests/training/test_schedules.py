"""Schedules against values worked by hand and against PyTorch's."""

from __future__ import annotations

import pytest
import torch

from pinnlab.training.schedules import Constant, Cosine, Halving, OneCycle


def test_a_constant_stays():
    assert [Constant().factor(e, 10) for e in (0, 3.5, 10)] == [1, 1, 1]


def test_a_cosine_passes_the_half_in_the_middle_of_what_follows_its_warmup():
    assert Cosine().factor(0, 10) == 1
    assert Cosine().factor(5, 10) == pytest.approx(0.5)
    assert Cosine().factor(10, 10) == pytest.approx(0)
    late = Cosine(warmup=0.2)
    assert [late.factor(e, 10) for e in (0, 1, 2, 6)] == pytest.approx([0, 0.5, 1, 0.5])


def test_one_cycle_is_that_of_pytorch():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    steps = 21
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=steps, cycle_momentum=False, pct_start=0.3)
    rates = []
    for _ in range(steps):
        rates.append(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step() if len(rates) < steps else None
    # PyTorch counts the first and the last of its steps in, and reaches the top at 0.3 steps - 1.
    top = 0.3 * steps - 1
    ours = OneCycle(warmup=top / (steps - 1))
    assert rates == pytest.approx([0.1 * ours.factor(i, steps - 1) for i in range(steps)], rel=1e-6)


def test_halving_counts_whole_epochs():
    assert [Halving(every=50).factor(e, 500) for e in (0, 49.9, 50, 149, 150)] == [1, 1, 0.5, 0.25, 0.125]


@pytest.mark.parametrize("make", [lambda: Cosine(1.0), lambda: Cosine(-0.1), lambda: OneCycle(0.0), lambda: Halving(0)])
def test_settings_that_mean_nothing_are_refused(make):
    with pytest.raises(ValueError, match=r"; give a"):
        make()
