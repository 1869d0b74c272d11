"""One weight for each point: formulas by hand, bounds, and a fresh start with fresh points."""

from __future__ import annotations

import pytest
import torch

from pinnlab.training.point_weights import PointState, ResidualAttention, SelfAdaptive
from pinnlab.training.pointwise import Group

DOUBLE = torch.float64
RULES = [SelfAdaptive(), ResidualAttention()]


def tensor(*rows):
    return torch.tensor(rows, dtype=DOUBLE)


def lines(theta, points, extras):
    """a x and -2 a."""
    return torch.cat([theta[0] * points, -2 * theta[0] + 0 * points], 1)


def group(points):
    n = len(points)
    return Group(lines, points, torch.zeros(n, 0, dtype=DOUBLE), torch.full((n, 2), max(n, 1) ** -0.5, dtype=DOUBLE))


GROUPS = (group(tensor([1.0], [-4.0])),)
THETA = tensor(0.5)
# Rows (0.5, -1) and (-2, -1).


def test_self_adaptive_weights_by_hand():
    # l (1 + 2 * 0.1 r^2) from 3: 3 * 1.05, 3 * 1.2, 3 * 1.8, 3 * 1.2.
    rule = SelfAdaptive(rate=0.1, first=3.0)
    state = rule.update(GROUPS, THETA, rule.start(GROUPS))
    torch.testing.assert_close(state.weights[0], tensor([3.15, 3.6], [5.4, 3.6]))
    torch.testing.assert_close(rule.multipliers(GROUPS, state)[0], state.weights[0] ** 2)


def test_self_adaptive_weights_ascend_the_sum_of_weighted_squares():
    weights = tensor([1.0, 2.0], [0.5, 3.0]).requires_grad_(True)
    rows = lines(THETA, GROUPS[0].points, None)
    (slope,) = torch.autograd.grad((weights**2 * rows**2).sum(), weights)
    found = SelfAdaptive(rate=0.01).follow(weights.detach(), rows)
    torch.testing.assert_close(found, weights.detach() + 0.01 * slope)


def test_residual_attention_by_hand():
    # 0.5 * 2 + 0.2 |r| / max|r|, in each column: |r| = (0.5, 2) and (1, 1).
    rule = ResidualAttention(decay=0.5, rate=0.2, first=2.0)
    state = rule.update(GROUPS, THETA, rule.start(GROUPS))
    torch.testing.assert_close(state.weights[0], tensor([1.05, 1.2], [1.2, 1.2]))


def test_residual_attention_stays_below_its_bound():
    rule = ResidualAttention(decay=0.9, rate=0.5)
    state = rule.start(GROUPS)
    for _ in range(200):
        state = rule.update(GROUPS, THETA, state)
    assert float(state.weights[0].max()) == pytest.approx(0.5 / (1 - 0.9))


def test_residual_attention_of_nothing_is_nothing():
    rule = ResidualAttention(first=1.0)
    state = rule.update(GROUPS, tensor(0.0), rule.start(GROUPS))
    torch.testing.assert_close(state.weights[0], torch.full((2, 2), 0.999, dtype=DOUBLE))


@pytest.mark.parametrize("rule", RULES)
def test_new_points_start_afresh(rule):
    state = rule.update(GROUPS, THETA, rule.start(GROUPS))
    fresh = rule.redrawn((group(tensor([1.0], [2.0], [3.0])),), state)
    assert fresh.weights[0].tolist() == [[rule.first] * 2] * 3
    assert rule.start((group(tensor([1.0])[:0]),)).weights[0].shape == (0, 2)


@pytest.mark.parametrize("rule", RULES)
def test_a_state_is_not_written_into(rule):
    state = PointState([tensor([1.0, 1.0], [1.0, 1.0])])
    rule.update(GROUPS, THETA, state)
    assert (state.weights[0] == 1).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda: SelfAdaptive(rate=0.0),
        lambda: SelfAdaptive(first=0.0),
        lambda: ResidualAttention(rate=-1.0),
        lambda: ResidualAttention(decay=1.0),
        lambda: ResidualAttention(first=float("inf")),
    ],
)
def test_unusable_settings_are_refused(make):
    with pytest.raises(ValueError, match=r"(SelfAdaptive|ResidualAttention): (rate|first|decay) = "):
        make()
