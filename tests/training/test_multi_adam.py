"""MultiAdam: iterations by hand, and a path that no rescaling of a term changes."""

from __future__ import annotations

import pytest
import torch

from pinnlab.training.adam import Adam
from pinnlab.training.multi_adam import MultiAdam
from pinnlab.training.objective import LeastSquares

DOUBLE = torch.float64


def tensor(*rows):
    return torch.tensor(rows, dtype=DOUBLE)


class Coupled(LeastSquares):
    """Terms (x + y - 1)^2 and scale (x y + 2)^2."""

    count = 2
    terms = 2

    def __init__(self, scale=1.0):
        self.scale = scale

    def residuals(self, theta):
        return torch.stack([theta.sum() - 1, self.scale**0.5 * (theta[0] * theta[1] + 2)])

    def jacobian(self, theta):
        raise NotImplementedError

    def term_and_gradient(self, term, theta):
        leaf = theta.clone().requires_grad_(True)
        loss = self.residuals(leaf)[term] ** 2
        return loss.detach(), torch.autograd.grad(loss, leaf)[0]


class One(Coupled):
    terms = 1

    def term_and_gradient(self, term, theta):
        return self.value_and_gradient(theta)


def run(optimizer, objective, theta, calls=1):
    state, path = optimizer.start(theta), []
    for _ in range(calls):
        theta, state, scalars = optimizer.step(objective, theta, state)
        path.append(theta)
    return torch.stack(path), state, scalars


def test_two_iterations_by_hand():
    # At (1, 0): gradients (0, 0) and (0, 4): the mean of no step and a step of 0.1 down in y.
    path, state, scalars = run(MultiAdam(10, per_step=1, learning_rate=0.1), Coupled(), tensor(1.0, 0.0), 2)
    torch.testing.assert_close(path[0], tensor(1.0, -0.05), rtol=1e-12, atol=0)
    # At (1, -0.05): 2 (-0.05) (1, 1) and 2 * 1.95 (-0.05, 1); the loss is 0.0025 + 1.95^2.
    assert scalars["loss"] == pytest.approx(0.0025 + 1.95**2)
    bias = 1 - 0.99**2

    def quotient(first, second):
        mean, square = 0.0099 * first + 0.01 * second, 0.0099 * first**2 + 0.01 * second**2
        return (mean / bias) / (square / bias) ** 0.5

    move = tensor(quotient(0, -0.1) + quotient(0, -0.195), quotient(0, -0.1) + quotient(4, 3.9))
    torch.testing.assert_close(path[1], path[0] - 0.05 * move, rtol=1e-12, atol=0)
    assert state.taken == 2


@pytest.mark.parametrize("scale", [1e4, 1e-4])
def test_the_path_does_not_depend_on_the_scale_of_a_term(scale):
    optimizer = MultiAdam(300, per_step=10, learning_rate=0.02)
    plain, _, _ = run(optimizer, Coupled(), tensor(1.0, 0.3), 30)
    scaled, _, _ = run(optimizer, Coupled(scale), tensor(1.0, 0.3), 30)
    torch.testing.assert_close(scaled, plain, rtol=1e-9, atol=1e-12)
    # Adam's does: otherwise this test would prove nothing.
    adam = Adam(300, per_step=10, learning_rate=0.02)
    a, _, _ = run(adam, Coupled(), tensor(1.0, 0.3), 30)
    b, _, _ = run(adam, Coupled(scale), tensor(1.0, 0.3), 30)
    assert float((a - b).abs().max()) > 0.1


def test_a_single_term_is_adam_with_its_rates():
    start = tensor(1.0, 0.3)
    settings = {"steps": 30, "per_step": 10, "learning_rate": 0.02, "decay": 0.1}
    a, _, _ = run(MultiAdam(**settings, beta1=0.9, beta2=0.999), One(), start, 3)
    b, _, _ = run(Adam(**settings), One(), start, 3)
    torch.testing.assert_close(a, b, rtol=1e-7, atol=0)


def test_both_terms_reach_zero():
    path, state, _ = run(MultiAdam(3000, per_step=3000, learning_rate=0.02, decay=1e-3), Coupled(1e6), tensor(1, 0))
    torch.testing.assert_close(path[-1], tensor(2.0, -1.0), rtol=1e-3, atol=0)
    assert MultiAdam(3000).finished(state)


def test_theta_and_state_are_not_changed():
    optimizer, theta = MultiAdam(100), tensor(1.0, 0.3)
    _, state, _ = run(optimizer, Coupled(), theta)
    means, squares = state.means.clone(), state.squares.clone()
    optimizer.step(Coupled(), theta, state)
    assert torch.equal(state.means, means)
    assert torch.equal(state.squares, squares)
    assert theta.tolist() == [1, 0.3]


@pytest.mark.parametrize(
    "bad", [{"steps": 0}, {"per_step": 0}, {"learning_rate": 0}, {"decay": 2}, {"beta1": 1.0}, {"epsilon": 0.0}]
)
def test_unusable_settings_are_refused(bad):
    with pytest.raises(ValueError, match="MultiAdam"):
        MultiAdam(**bad)
