"""Levenberg-Marquardt for many members: hand numbers, own dampings, and each member's own trajectory."""

from __future__ import annotations

import math

import pytest
import torch

from pinnlab.training.batched import BatchedLeastSquares
from pinnlab.training.levenberg_marquardt import GeodesicAcceleration, LevenbergMarquardt, NoCorrection
from pinnlab.training.levenberg_marquardt_together import LevenbergMarquardtTogether
from pinnlab.training.local_model import Exact
from pinnlab.training.pointwise import Group, PointwiseLeastSquares
from pinnlab.training.sketching import Sketched


def curved(theta, points, extras):
    """Rosenbrock's valley of steepness given by the point, with a third row that is bounded."""
    a, b = theta[0], theta[1]
    s = points[:, 0]
    return torch.stack([s * (b - a**2), 1 - a + 0 * s, torch.sin(s * a)], dim=1)


def single(theta, points, extras):
    """One row, for fewer residuals than parameters."""
    return (points[:, 0] * (theta[1] - theta[0] ** 2) + 1 - theta[0])[:, None]


def linear(theta, points, extras):
    """theta_0 - point."""
    return theta[:1] - points


def members(rows, steepness, k=3):
    one = torch.ones(1, k, dtype=torch.float64)
    groups = (Group(rows, torch.tensor([[s]], dtype=torch.float64), one[:, :0], one) for s in steepness)
    return [PointwiseLeastSquares((g,)) for g in groups]


def run(optimizer, objectives, thetas, steps):
    """Both ways: the outcomes of the batch, and (theta, state, scalars) of each member alone."""
    batched, together = BatchedLeastSquares.of(objectives, thetas[0]), LevenbergMarquardtTogether(optimizer)
    found = [(t, optimizer.start(t), {}) for t in thetas]
    alone, history = list(found), []
    for _ in range(steps):
        outcomes = together.step(batched, torch.stack([f[0] for f in found]), [f[1] for f in found])
        assert not any(o.failure for o in outcomes)
        found = [(o.theta, o.state, o.scalars) for o in outcomes]
        alone = [optimizer.step(m, a[0], a[1]) for m, a in zip(objectives, alone, strict=True)]
        history.append([f[2]["rejected"] for f in found])
    return found, alone, history


def test_a_linear_residual_takes_the_step_of_the_damped_equation():
    # r = theta - 4 at theta = 1: J = 1, so d = 3 / (1 + 0.5) = 2, the loss falls from 9 to 1 and the model predicts
    # damping d^2 - d J'r = 0.5 * 4 + 2 * 3 = 8.
    optimizer = LevenbergMarquardt(damping=0.5, correction=NoCorrection())
    thetas = torch.tensor([[1.0], [4.0 - 6.0]], dtype=torch.float64)
    objective = BatchedLeastSquares.of(members(linear, [4.0, 4.0], 1), thetas[0])
    first, second = LevenbergMarquardtTogether(optimizer).step(objective, thetas, [optimizer.start(t) for t in thetas])
    assert float(first.theta) == pytest.approx(3.0)
    assert float(second.theta) == pytest.approx(2.0)
    assert first.scalars["loss"] == pytest.approx(1.0)
    assert first.scalars["ratio"] == pytest.approx(1.0)
    assert first.scalars["gradient"] == pytest.approx(3.0)
    assert second.scalars["gradient"] == pytest.approx(6.0)
    assert first.state.damping == pytest.approx(0.5 / 3)


@pytest.mark.parametrize("correction", [NoCorrection(), GeodesicAcceleration()], ids=["plain", "geodesic"])
@pytest.mark.parametrize(("rows", "k"), [(curved, 3), (single, 1)], ids=["normal equations", "kernel"])
def test_each_member_keeps_its_own_damping_and_accepts_its_own_steps(correction, rows, k):
    optimizer = LevenbergMarquardt(damping=1e-6, correction=correction)
    objectives = members(rows, [1.0, 10.0, 30.0], k)
    thetas = torch.tensor([[-1.2, 1.0], [-1.2, 1.0], [2.0, -3.0]], dtype=torch.float64)
    found, alone, rejected = run(optimizer, objectives, thetas, 8)
    for ours, own in zip(found, alone, strict=True):
        torch.testing.assert_close(ours[0], own[0], rtol=1e-9, atol=1e-12)
        assert ours[1].damping == pytest.approx(own[1].damping, rel=1e-9)
        assert (ours[1].taken, ours[1].stalls) == (own[1].taken, own[1].stalls)
        assert set(ours[2]) == set(own[2])
    if rows is curved:
        # Some waited while others tried again: otherwise the test shows little.
        assert any(len(set(row)) > 1 for row in rejected)


def test_a_member_at_its_minimum_stalls_alone():
    optimizer = LevenbergMarquardt(tries=3)
    thetas = torch.tensor([[4.0], [1.0]], dtype=torch.float64)
    objectives = members(linear, [4.0, 4.0], 1)
    found, alone, _ = run(optimizer, objectives, thetas, 1)
    assert [f[1].stalls for f in found] == [1, 0]
    assert found[0][1] == alone[0][1]
    assert found[0][2] == alone[0][2]


def test_a_member_whose_loss_is_no_number_fails_in_words_and_the_others_step():
    optimizer = LevenbergMarquardt()
    thetas = torch.tensor([[1.0], [1.0]], dtype=torch.float64)
    objective = BatchedLeastSquares.of(members(linear, [math.nan, 4.0], 1), thetas[0])
    bad, good = LevenbergMarquardtTogether(optimizer).step(objective, thetas, [optimizer.start(t) for t in thetas])
    assert "nan" in bad.failure
    assert "point" not in bad.failure
    assert torch.equal(bad.theta, thetas[0])
    own, _, _ = optimizer.step(members(linear, [4.0], 1)[0], thetas[1], optimizer.start(thetas[1]))
    assert not good.failure
    assert torch.allclose(good.theta, own, rtol=1e-14)


def test_more_memory_than_allowed_for_all_members_is_refused():
    # Two Gram matrices, 4 times each, of one parameter, and two Jacobians of one number; one of each again for a
    # member that is selected: 12 numbers, 96 bytes.
    thetas = torch.ones(2, 1, dtype=torch.float64)
    objective = BatchedLeastSquares.of(members(linear, [4.0, 4.0], 1), thetas[0])
    optimizer = LevenbergMarquardt(model=Exact(memory=96))
    LevenbergMarquardtTogether(optimizer).step(objective, thetas, [optimizer.start(t) for t in thetas])
    optimizer = LevenbergMarquardt(model=Exact(memory=95))
    with pytest.raises(ValueError, match="2 members"):
        LevenbergMarquardtTogether(optimizer).step(objective, thetas, [optimizer.start(t) for t in thetas])


def test_what_has_no_batched_form_is_refused():
    with pytest.raises(ValueError, match="Sketched"):
        LevenbergMarquardtTogether(LevenbergMarquardt(model=Sketched()))

    class Own(NoCorrection.__base__):
        def __call__(self, objective, theta, model, factor, step):
            return step

    with pytest.raises(ValueError, match="Own"):
        LevenbergMarquardtTogether(LevenbergMarquardt(correction=Own()))
