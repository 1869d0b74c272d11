import pytest
import torch

from pinnlab.training.adam import Adam
from pinnlab.training.objective import LeastSquares


class Bowl(LeastSquares):
    """Residuals (x - 1, 3 (y + 2))."""

    count = 2

    def residuals(self, theta):
        return torch.stack([theta[0] - 1, 3 * (theta[1] + 2)])

    def jacobian(self, theta):
        raise NotImplementedError


def vector(*entries):
    return torch.tensor(entries, dtype=torch.float64)


def run(optimizer, theta, calls):
    state = optimizer.start(theta)
    for _ in range(calls):
        theta, state, scalars = optimizer.step(Bowl(), theta, state)
    return theta, state, scalars


def test_two_iterations_by_hand():
    # First: both entries move by the learning rate against the gradient's sign.  Second, entry x:
    # g = -2, -1.8, m = 0.9 (-0.2) + 0.1 (-1.8) = -0.36, over 0.19;
    # v = 0.999 0.004 + 0.001 3.24 = 0.007236, over 0.001999.
    theta, state, scalars = run(Adam(10, per_step=1, learning_rate=0.1), vector(0, 0), 1)
    torch.testing.assert_close(theta, vector(0.1, -0.1), rtol=1e-7, atol=0)
    assert scalars["loss"] == 37
    theta, state, _ = run(Adam(10, per_step=2, learning_rate=0.1), vector(0, 0), 1)
    move = 0.1 * (0.36 / 0.19) / (0.007236 / 0.001999) ** 0.5
    assert float(theta[0]) == pytest.approx(0.1 + move, rel=1e-6)
    assert float(state.mean[0]) == pytest.approx(-0.36, rel=1e-7)


def test_the_learning_rate_falls_to_decay_over_the_budget():
    _, _, scalars = run(Adam(4, per_step=3, learning_rate=0.1, decay=1e-4), vector(0, 0), 1)
    assert scalars["learning_rate"] == pytest.approx(0.1 * 1e-2)


def test_grouping_iterations_into_calls_changes_nothing():
    whole, a, _ = run(Adam(12, per_step=12, learning_rate=0.1, decay=0.1), vector(0, 0), 1)
    parts, b, _ = run(Adam(12, per_step=3, learning_rate=0.1, decay=0.1), vector(0, 0), 4)
    assert torch.equal(whole, parts)
    assert torch.equal(a.mean_square, b.mean_square)


def test_the_bowl_is_solved():
    theta, _, _ = run(Adam(500, per_step=500, learning_rate=0.1, decay=1e-3), vector(0, 0), 1)
    torch.testing.assert_close(theta, vector(1, -2), rtol=1e-4, atol=0)


def test_the_budget_cuts_the_last_call_and_ends_the_run():
    optimizer = Adam(5, per_step=3)
    _, state, _ = run(optimizer, vector(0, 0), 1)
    assert (state.taken, optimizer.finished(state)) == (3, False)
    _, state, _ = run(optimizer, vector(0, 0), 2)
    assert (state.taken, optimizer.finished(state)) == (5, True)


def test_theta_and_state_are_not_changed():
    optimizer, theta = Adam(100), vector(0, 0)
    _, state, _ = run(optimizer, theta, 1)
    copy = state.mean.clone()
    optimizer.step(Bowl(), theta, state)
    assert torch.equal(state.mean, copy)
    assert theta.tolist() == [0, 0]


@pytest.mark.parametrize("settings", [{"steps": 0}, {"per_step": 0}, {"learning_rate": 0}, {"decay": 0}, {"decay": 2}])
def test_unusable_settings_are_refused(settings):
    with pytest.raises(ValueError, match="Adam"):
        Adam(**settings)
