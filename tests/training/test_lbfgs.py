import copy

import pytest
import torch

from pinnlab.training.lbfgs import Lbfgs
from pinnlab.training.objective import LeastSquares


class Rosenbrock(LeastSquares):
    """Residuals 10 (y - x^2), 1 - x, times `scale`."""

    count = 2

    def __init__(self, scale=1.0):
        self.scale = scale

    def residuals(self, theta):
        return self.scale * torch.stack([10 * (theta[1] - theta[0] ** 2), 1 - theta[0]])

    def jacobian(self, theta):
        raise NotImplementedError


START = torch.tensor([-1.2, 1.0], dtype=torch.float64)


def run(optimizer, objective, calls):
    theta, state = START, optimizer.start(START)
    for _ in range(calls):
        theta, state, scalars = optimizer.step(objective, theta, state)
    return theta, state, scalars


def test_rosenbrock_is_solved():
    theta, _, scalars = run(Lbfgs(100), Rosenbrock(), 3)
    torch.testing.assert_close(theta, torch.ones(2, dtype=torch.float64), rtol=1e-9, atol=0)
    assert scalars["loss"] < 1e-18


def test_small_losses_are_still_curved():
    # With s.y near 1e-14 throughout, pairs would be ignored and steepest descent would not arrive.
    theta, _, _ = run(Lbfgs(200), Rosenbrock(1e-7), 4)
    torch.testing.assert_close(theta, torch.ones(2, dtype=torch.float64), rtol=1e-6, atol=0)


def test_the_loss_reported_is_that_of_the_result():
    theta, _, scalars = run(Lbfgs(50, per_step=3), Rosenbrock(), 1)
    assert scalars["loss"] == float(Rosenbrock().residuals(theta).square().sum())


def test_pairs_satisfy_the_secant_equation_of_one_objective_each():
    # After a change of objective no stored pair may mix two gradients: r = scale x has y = 2 scale^2 s.
    class Line(LeastSquares):
        count = 2

        def __init__(self, scale):
            self.scale = torch.tensor(scale, dtype=torch.float64)

        def residuals(self, theta):
            return self.scale * theta

        def jacobian(self, theta):
            raise NotImplementedError

    optimizer = Lbfgs(100, per_step=2)
    theta, state = START, optimizer.start(START)
    theta, state, _ = optimizer.step(Line([1.0, 3.0]), theta, state)
    theta, state, _ = optimizer.step(Line([2.0, 5.0]), theta, state)
    slopes = [y / s / 2.0**40 for s, y in zip(state.moves, state.changes, strict=True)]
    known = [torch.tensor(k, dtype=torch.float64) for k in ([2.0, 18.0], [8.0, 50.0])]
    assert len(slopes) == 2
    for slope in slopes:
        assert any(torch.allclose(slope, k, rtol=1e-6) for k in known), slope


def test_history_is_bounded():
    _, state, _ = run(Lbfgs(100, history=4), Rosenbrock(), 1)
    assert len(state.moves) == len(state.changes) == len(state.inverses) == 4


def test_the_budget_cuts_the_last_call_and_ends_the_run():
    optimizer = Lbfgs(7, per_step=5)
    _, state, _ = run(optimizer, Rosenbrock(), 1)
    assert (state.taken, optimizer.finished(state)) == (5, False)
    _, state, _ = run(optimizer, Rosenbrock(), 2)
    assert (state.taken, optimizer.finished(state)) == (7, True)


@pytest.mark.parametrize("start", [[1.0, 1.0], [-1.2, 1.0]])
def test_a_minimum_is_recognised(start):
    optimizer, theta = Lbfgs(10000), torch.tensor(start, dtype=torch.float64)
    state = optimizer.start(theta)
    while not optimizer.finished(state):
        theta, state, _ = optimizer.step(Rosenbrock(), theta, state)
    assert state.stalled
    assert "redraw them" in optimizer.verdict(state)
    assert optimizer.verdict(optimizer.start(theta)) == ""
    assert state.taken < 1000
    torch.testing.assert_close(theta, torch.ones(2, dtype=torch.float64), rtol=1e-9, atol=0)


def test_theta_and_state_are_not_changed():
    optimizer = Lbfgs(100, per_step=4)
    theta, state, _ = run(optimizer, Rosenbrock(), 2)
    kept = copy.deepcopy((theta, state))
    first = optimizer.step(Rosenbrock(), theta, state)
    second = optimizer.step(Rosenbrock(), *copy.deepcopy(kept))
    assert torch.equal(theta, kept[0])
    assert len(state.moves) == len(kept[1].moves)
    assert all(torch.equal(a, b) for a, b in zip(state.changes, kept[1].changes, strict=True))
    assert torch.equal(first[0], second[0])


@pytest.mark.parametrize("settings", [{"steps": 0}, {"per_step": 1}, {"history": 0}])
def test_unusable_settings_are_refused(settings):
    with pytest.raises(ValueError, match="Lbfgs"):
        Lbfgs(**settings)
