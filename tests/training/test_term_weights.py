"""One weight for each term: formulas by hand, and that every rule reaches what it aims at."""

from __future__ import annotations

import pytest
import torch

from pinnlab.training.pointwise import Group, Kind, PointwiseLeastSquares
from pinnlab.training.row_jacobian import PerPoint
from pinnlab.training.term_weights import GradientNorm, LearningRateAnnealing, NeuralTangentKernel

DOUBLE = torch.float64
RULES = [GradientNorm, LearningRateAnnealing, NeuralTangentKernel]


def tensor(*rows):
    return torch.tensor(rows, dtype=DOUBLE)


def plane(theta, points, extras):
    """Two equations: a x and b - x."""
    return torch.cat([theta[0] * points, theta[1] - points], 1)


def side(theta, points, extras):
    """The condition 10 (a + b)."""
    return 10 * (theta[0] + theta[1]) + 0 * points


def group(rows, points, k, kind):
    n = len(points)
    return Group(rows, points, torch.zeros(n, 0, dtype=DOUBLE), torch.full((n, k), n**-0.5, dtype=DOUBLE), kind=kind)


GROUPS = (
    group(plane, tensor([1.0], [3.0]), 2, Kind.EQUATION),
    group(side, tensor([0.0], [1.0], [2.0], [3.0]), 1, Kind.CONDITION),
)
THETA = tensor(2.0, 3.0)
# Mean squares: 4 (1 + 9) / 2 = 20, (4 + 0) / 2 = 2, 100 * 25 = 2500, with gradients
# (2 * 2 * 5, 0) = (20, 0), (0, 2 (2 + 0) / 2) = (0, 2), (200 * 5, 200 * 5) = (1000, 1000).


def test_gradient_norms_by_hand():
    total = 20 + 2 + 1000 * 2**0.5
    torch.testing.assert_close(GradientNorm().targets(GROUPS, THETA), total / tensor(20, 2, 1000 * 2**0.5))


def test_weighted_gradients_have_one_length_where_nothing_old_is_kept():
    rule = GradientNorm(keep=0.0)
    state = rule.update(GROUPS, THETA, rule.start(GROUPS))
    multipliers = rule.multipliers(GROUPS, state)
    assert [tuple(m.shape) for m in multipliers] == [(1, 2), (1, 1)]
    weighted = PointwiseLeastSquares(tuple(g.weighted(m) for g, m in zip(GROUPS, multipliers, strict=True)))
    _, gradients = weighted.losses_and_gradients(THETA)
    lengths = torch.linalg.vector_norm(gradients, dim=1)
    torch.testing.assert_close(lengths, lengths[0].expand(3))


def test_learning_rate_annealing_by_hand():
    # The equations together have the gradient (20, 2): its largest entry over the mean 1000 of the condition's.
    torch.testing.assert_close(LearningRateAnnealing().targets(GROUPS, THETA), tensor(1, 1, 0.02))


@pytest.mark.parametrize("chunk", [1, 1000])
def test_kernel_traces_by_hand(chunk):
    # Mean squared rows of the Jacobian: (1 + 9) / 2 = 5, 1, and 100 + 100.
    found = NeuralTangentKernel(differentiation=PerPoint(chunk)).targets(GROUPS, THETA)
    torch.testing.assert_close(found, 206 / tensor(5, 1, 200))


def test_kernel_weights_of_a_linear_model_give_all_traces_their_sum():
    # d (a + b x + c x^2) = (1, x, x^2) and d (b + 2 c x) = (0, 1, 2 x): the traces are the means of 1 + x^2 + x^4 and
    # 1 + 4 x^2 over the points, (3 + 21) / 2 and 1 + 36, whatever the parameters are.
    def value(theta, points, extras):
        return theta[0] + theta[1] * points + theta[2] * points**2

    def slope(theta, points, extras):
        return theta[1] + 2 * theta[2] * points

    groups = [group(value, tensor([1.0], [2.0]), 1, Kind.EQUATION), group(slope, tensor([3.0]), 1, Kind.CONDITION)]
    rule = NeuralTangentKernel()
    for theta in (tensor(0.0, 0.0, 0.0), tensor(2.0, -3.0, 5.0)):
        state = rule.update(groups, theta, rule.start(groups))
        torch.testing.assert_close(state.weights, tensor(49 / 12, 49 / 37))


@pytest.mark.parametrize("rule", RULES)
def test_weights_follow_their_targets_from_one_and_only_every_so_often(rule):
    settings = rule(every=3, keep=0.75)
    target = settings.targets(GROUPS, THETA)
    state, seen = settings.start(GROUPS), []
    for _ in range(4):
        state = settings.update(GROUPS, THETA, state)
        seen.append(state.weights)
    torch.testing.assert_close(seen[0], 0.75 + 0.25 * target)
    assert torch.equal(seen[2], seen[0])
    torch.testing.assert_close(seen[3], 0.75 * seen[0] + 0.25 * target)
    assert settings.redrawn(GROUPS, state) is state


@pytest.mark.parametrize("rule", [GradientNorm, LearningRateAnnealing])
def test_a_term_without_a_gradient_keeps_its_weight(rule):
    settings = rule(keep=0.0)
    state = settings.update(GROUPS, tensor(2.0, -2.0), settings.start(GROUPS))
    assert float(state.weights[2]) == 1
    assert torch.isfinite(state.weights).all()


def test_a_state_can_be_made_before_there_are_points():
    empty = [Group(g.rows, g.points[:0], g.extras[:0], g.scale[:0], kind=g.kind) for g in GROUPS]
    assert GradientNorm().start(empty).weights.tolist() == [1, 1, 1]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("bad", [{"every": 0}, {"keep": 1.0}, {"keep": -0.1}, {"keep": float("nan")}])
def test_unusable_settings_are_refused(rule, bad):
    (name,) = bad
    with pytest.raises(ValueError, match=f"{rule.__name__}: {name} = "):
        rule(**bad)


def test_the_kernel_needs_a_rule_for_jacobians():
    with pytest.raises(ValueError, match="NeuralTangentKernel: differentiation must be"):
        NeuralTangentKernel(differentiation=3)


def test_the_kernel_takes_networks_that_are_no_layers():
    # 40 parameters squared are more than outer products differentiate one by one: d (theta_i^2 x) = 2 theta_i x.
    def squares(theta, points, extras):
        return (torch.square(theta) * points).sum(1, keepdim=True)

    theta = torch.ones(40, dtype=DOUBLE)
    groups = [group(squares, tensor([1.0]), 1, Kind.EQUATION), group(squares, tensor([3.0]), 1, Kind.CONDITION)]
    torch.testing.assert_close(NeuralTangentKernel().targets(groups, theta), tensor(10.0, 10 / 9))
