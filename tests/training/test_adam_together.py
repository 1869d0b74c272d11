"""Adam for many members: hand numbers, and each member's own trajectory."""

from __future__ import annotations

import math

import pytest
import torch

from pinnlab.training.adam import Adam
from pinnlab.training.adam_together import AdamTogether
from pinnlab.training.batched import BatchedLeastSquares
from pinnlab.training.combination import ConFig
from pinnlab.training.pointwise import Group, PointwiseLeastSquares


def distance(theta, points, extras):
    """theta less the point, in one row for each entry."""
    return theta[None, :] - points


def members(targets):
    one = torch.ones(1, 2, dtype=torch.float64)
    groups = (Group(distance, torch.tensor([t], dtype=torch.float64), one[:, :0], one) for t in targets)
    return [PointwiseLeastSquares((g,)) for g in groups]


def test_the_first_iteration_moves_each_entry_by_the_rate_against_its_gradient():
    thetas = torch.zeros(2, 2, dtype=torch.float64)
    objective = BatchedLeastSquares.of(members([[3.0, -0.5], [-1.0, 2.0]]), thetas[0])
    adam = Adam(per_step=1, learning_rate=0.1)
    first, second = AdamTogether(adam).step(objective, thetas, [adam.start(t) for t in thetas])
    torch.testing.assert_close(first.theta, torch.tensor([0.1, -0.1]).double(), rtol=0, atol=1e-8)
    torch.testing.assert_close(second.theta, torch.tensor([-0.1, 0.1]).double(), rtol=0, atol=1e-8)
    # 3^2 + 0.5^2 and 1 + 4
    assert (first.scalars["loss"], second.scalars["loss"]) == (9.25, 5.0)
    # One tenth of the gradient -6, and one thousandth of its square.
    assert float(first.state.mean[0]) == pytest.approx(-0.6)
    assert float(first.state.mean_square[0]) == pytest.approx(0.036)


def test_members_go_their_own_way_to_the_end_of_the_budget():
    adam = Adam(steps=7, per_step=5, learning_rate=0.3, decay=0.1)
    targets = [[3.0, -0.5], [-1.0, 2.0], [0.0, 0.0]]
    thetas = torch.arange(6, dtype=torch.float64).reshape(3, 2)
    objective, step = BatchedLeastSquares.of(members(targets), thetas[0]), AdamTogether(adam)
    found = [(t, adam.start(t), {}) for t in thetas]
    alone = list(found)
    for _ in range(2):
        outcomes = step.step(objective, torch.stack([f[0] for f in found]), [f[1] for f in found])
        found = [(o.theta, o.state, o.scalars) for o in outcomes]
        alone = [adam.step(m, a[0], a[1]) for m, a in zip(members(targets), alone, strict=True)]
    for ours, own in zip(found, alone, strict=True):
        torch.testing.assert_close(ours[0], own[0], rtol=1e-14, atol=1e-15)
        assert ours[1].taken == own[1].taken == 7
        assert ours[2] == pytest.approx(own[2])


def test_a_member_that_is_no_number_does_not_touch_the_others():
    thetas = torch.zeros(2, 2, dtype=torch.float64)
    objective = BatchedLeastSquares.of(members([[math.nan, 1.0], [1.0, 1.0]]), thetas[0])
    adam = Adam(per_step=3)
    bad, good = AdamTogether(adam).step(objective, thetas, [adam.start(t) for t in thetas])
    assert math.isnan(bad.scalars["loss"])
    own, _, _ = adam.step(members([[1.0, 1.0]])[0], thetas[1], adam.start(thetas[1]))
    assert torch.equal(good.theta, own)


def test_members_are_taken_together_that_have_taken_equally_many_iterations():
    adam, theta = Adam(), torch.zeros(2, dtype=torch.float64)
    assert AdamTogether(adam).key(adam.start(theta)) == 0


def test_combined_gradients_are_refused():
    with pytest.raises(ValueError, match="ConFig"):
        AdamTogether(Adam(combination=ConFig()))
