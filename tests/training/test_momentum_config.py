"""Momentum ConFIG: iterations by hand, one gradient each, and Adam where there is one term."""

from __future__ import annotations

import pytest
import torch

from pinnlab.training.adam import Adam
from pinnlab.training.momentum_config import MomentumConFig
from pinnlab.training.objective import LeastSquares

DOUBLE = torch.float64


def tensor(*rows):
    return torch.tensor(rows, dtype=DOUBLE)


class Terms(LeastSquares):
    """Terms (x - 1)^2, 9 (y + 2)^2, ...: residual i is factor i times (theta_i - target i)."""

    count = terms = 0

    def __init__(self, *factors):
        self.factors, self.targets = tensor(*factors), tensor(1.0, -2.0, 3.0)[: len(factors)]
        self.count = self.terms = len(factors)
        self.asked = []

    def residuals(self, theta):
        return self.factors * (theta - self.targets)

    def jacobian(self, theta):
        return self.residuals(theta), torch.diag(self.factors)

    def term_and_gradient(self, term, theta):
        self.asked.append(term)
        r = self.residuals(theta)
        gradient = torch.zeros_like(theta)
        gradient[term] = 2 * r[term] * self.factors[term]
        return r[term] ** 2, gradient


class Single(Terms):
    """All of it as one term."""

    def __init__(self, *factors):
        super().__init__(*factors)
        self.terms = 1

    def term_and_gradient(self, term, theta):
        return self.value_and_gradient(theta)


def run(optimizer, objective, theta, calls):
    state = optimizer.start(theta)
    for _ in range(calls):
        theta, state, scalars = optimizer.step(objective, theta, state)
    return theta, state, scalars


def test_the_first_three_iterations_by_hand():
    # Gradients at 0: (-2, 0) and (0, 36).  The first iteration waits.  In the second both corrected means are the
    # gradients themselves: u = (-1, 1) / sqrt 2, g = (2 + 36) / 2 (-1, 1) = (-19, 19), and the step is a sign.
    objective = Terms(1.0, 3.0)
    optimizer = MomentumConFig(100, per_step=1, learning_rate=0.5)
    theta, state, _ = run(optimizer, objective, torch.zeros(2, dtype=DOUBLE), 1)
    assert theta.tolist() == [0, 0]
    assert (state.seen, state.moved) == ([1, 0], 0)
    theta, state, scalars = run(optimizer, objective, torch.zeros(2, dtype=DOUBLE), 2)
    torch.testing.assert_close(theta, tensor(0.5, -0.5), rtol=1e-9, atol=0)
    assert scalars["loss"] == pytest.approx(0.25 + 9 * 2.25)
    # Third: g_1 = (-1, 0), m_1 = 0.9 (-0.2) - 0.1 = -0.28, over 0.19 = -28 / 19; g = (28/19 + 36) / 2 (-1, 1).
    # c = 0.19 g, e = (c - 0.9 * 0.1 (-19, 19)) / 0.1, v = 0.999 * 0.001 * 361 + 0.001 e^2, over 0.001999.
    theta, state, _ = run(optimizer, objective, torch.zeros(2, dtype=DOUBLE), 3)
    g = (28 / 19 + 36) / 2
    e = (0.19 * g - 0.09 * 19) / 0.1
    v = (0.999 * 0.361 + 0.001 * e**2) / 0.001999
    move = 0.5 * g / v**0.5
    torch.testing.assert_close(theta, tensor(0.5 + move, -0.5 - move), rtol=1e-8, atol=0)
    assert state.seen == [2, 1]


def test_each_iteration_asks_for_one_term_in_turn():
    objective = Terms(1.0, 3.0, 0.5)
    run(MomentumConFig(100, per_step=4), objective, torch.zeros(3, dtype=DOUBLE), 2)
    assert objective.asked == [0, 1, 2, 0, 1, 2, 0, 1]


def test_a_single_term_is_adam():
    start = tensor(0.0, 0.5)
    settings = {"steps": 40, "per_step": 8, "learning_rate": 0.1, "decay": 0.1}
    a, _, _ = run(MomentumConFig(**settings), Single(1.0, 3.0), start, 5)
    b, _, _ = run(Adam(**settings), Single(1.0, 3.0), start, 5)
    torch.testing.assert_close(a, b, rtol=1e-6, atol=0)


def test_every_term_falls_far():
    theta, state, scalars = run(
        MomentumConFig(2000, per_step=500, learning_rate=0.05, decay=1e-3), Terms(1.0, 30.0, 0.1), tensor(0, 0, 0), 4
    )
    start, end = (Terms(1.0, 30.0, 0.1).residuals(at) ** 2 for at in (tensor(0.0, 0.0, 0.0), theta))
    assert (end < 0.05 * start).all()
    assert scalars["loss"] == pytest.approx(float(end.sum()))
    assert MomentumConFig(2000).finished(state)
    assert scalars["learning_rate"] == pytest.approx(0.05 * 1e-3 ** (1999 / 2000))


def test_grouping_iterations_into_calls_changes_nothing():
    start = tensor(0.0, 0.0)
    whole, a, _ = run(MomentumConFig(12, per_step=12), Terms(1.0, 3.0), start, 1)
    parts, b, _ = run(MomentumConFig(12, per_step=5), Terms(1.0, 3.0), start, 3)
    assert torch.equal(whole, parts)
    assert (a.taken, b.taken) == (12, 12)
    assert torch.equal(a.square, b.square)


def test_theta_and_state_are_not_changed():
    optimizer, objective, theta = MomentumConFig(100), Terms(1.0, 3.0), tensor(0.0, 0.0)
    _, state, _ = run(optimizer, objective, theta, 1)
    means, square, seen = state.means.clone(), state.square.clone(), list(state.seen)
    optimizer.step(objective, theta, state)
    assert torch.equal(state.means, means)
    assert torch.equal(state.square, square)
    assert state.seen == seen
    assert theta.tolist() == [0, 0]


@pytest.mark.parametrize(
    "bad", [{"steps": 0}, {"per_step": 0}, {"learning_rate": 0}, {"decay": 0}, {"beta1": 1.0}, {"beta2": -0.1}]
)
def test_unusable_settings_are_refused(bad):
    with pytest.raises(ValueError, match="MomentumConFig"):
        MomentumConFig(**bad)
