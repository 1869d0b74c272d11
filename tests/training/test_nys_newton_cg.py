import copy

import pytest
import torch

from pinnlab.errors import SolveFailed
from pinnlab.training.nys_newton_cg import NysNewtonCg
from pinnlab.training.objective import LeastSquares

DOUBLE = torch.float64


class Given(LeastSquares):
    """Residuals from a function of theta."""

    count = 0

    def __init__(self, function):
        self.function = function

    def residuals(self, theta):
        return self.function(theta)

    def jacobian(self, theta):
        raise NotImplementedError


def vector(*entries):
    return torch.tensor(entries, dtype=DOUBLE)


ROSENBROCK = Given(lambda p: torch.stack([10 * (p[1] - p[0] ** 2), 1 - p[0]]))
START = vector(-1.2, 1)


def run(objective, theta, optimizer):
    state, history = optimizer.start(theta), []
    while not optimizer.finished(state):
        theta, state, scalars = optimizer.step(objective, theta, state)
        history.append(scalars)
    return theta, state, history


def test_a_quadratic_is_solved_in_one_step():
    weights = torch.arange(1.0, 21.0, dtype=DOUBLE)
    theta, _, history = run(
        Given(lambda p: weights * (p - 1)),
        torch.zeros(20, dtype=DOUBLE),
        NysNewtonCg(1, damping=1e-12, rank=5, tolerance=1e-12),
    )
    torch.testing.assert_close(theta, torch.ones(20, dtype=DOUBLE), rtol=1e-9, atol=0)
    assert history[0]["length"] == 1


def test_one_step_by_hand_uses_the_whole_hessian():
    # loss (x^2 - 4)^2 at 1: 9, gradient 4 x (x^2 - 4) = -12, second derivative 12 x^2 - 16 = -4; with damping 16 the
    # step is 12 / 12 = 1.  Gauss-Newton would have 8 and 12 / 24.
    objective = Given(lambda p: p**2 - 4)
    theta, _, scalars = NysNewtonCg(damping=16.0).step(objective, vector(1), NysNewtonCg().start(vector(1)))
    assert float(theta) == pytest.approx(2)
    assert scalars["gradient"] == pytest.approx(12)
    assert scalars["loss"] == pytest.approx(0, abs=1e-20)
    assert (scalars["products"], scalars["length"]) == (1, 1)


def test_rosenbrock_is_solved_and_recognised():
    theta, state, history = run(ROSENBROCK, START, NysNewtonCg(200, damping=1e-6, tolerance=1e-10))
    torch.testing.assert_close(theta, vector(1, 1), rtol=1e-8, atol=0)
    losses = [h["loss"] for h in history]
    assert losses == sorted(losses, reverse=True)
    assert state.stalled
    assert "redraw" in NysNewtonCg().verdict(state)


def test_steps_are_halved_until_armijo_holds():
    # Newton for log^2 from 2: loss' = 2 log x / x = 0.693, loss'' = 2 (1 - log x) / x^2 = 0.153: the full step leads to
    # -2.5, half of it to -0.26, a quarter to 0.87.
    objective = Given(torch.log)
    theta, _, scalars = NysNewtonCg(damping=1e-9).step(objective, vector(2), NysNewtonCg().start(vector(2)))
    assert scalars["length"] == 0.25
    assert float(theta) == pytest.approx(2 - 0.25 * 0.693147 / 0.153426, rel=1e-5)


def test_negative_curvature_still_gives_descent():
    objective = Given(lambda p: torch.stack([torch.cos(p[0]) + 2, p[1]]))
    theta, _, scalars = NysNewtonCg().step(objective, vector(0.3, 0.4), NysNewtonCg().start(vector(0, 0)))
    before = float(objective.residuals(vector(0.3, 0.4)).square().sum())
    assert scalars["loss"] < before
    assert scalars["loss"] == pytest.approx(float(objective.residuals(theta).square().sum()))


def test_the_preconditioner_is_kept_between_refreshes():
    optimizer, theta = NysNewtonCg(refresh=2), START
    state, bases = optimizer.start(theta), []
    for _ in range(3):
        theta, state, _ = optimizer.step(ROSENBROCK, theta, state)
        bases.append(state.values)
    assert torch.equal(bases[0], bases[1])
    assert not torch.equal(bases[1], bases[2])


def test_theta_and_state_are_not_changed_and_the_same_step_gives_the_same():
    optimizer = NysNewtonCg(refresh=1)
    theta, state, _ = optimizer.step(ROSENBROCK, START, optimizer.start(START))
    kept = copy.deepcopy((theta, state))
    first = optimizer.step(ROSENBROCK, theta, state)
    second = optimizer.step(ROSENBROCK, *copy.deepcopy(kept))
    assert torch.equal(theta, kept[0])
    assert torch.equal(state.basis, kept[1].basis)
    assert torch.equal(first[0], second[0])


def test_single_precision_and_a_non_finite_start_are_refused():
    optimizer = NysNewtonCg()
    with pytest.raises(ValueError, match="float64"):
        optimizer.step(ROSENBROCK, START.float(), optimizer.start(START))
    with pytest.raises(SolveFailed, match="start elsewhere"):
        optimizer.step(Given(torch.log), -START, optimizer.start(START))


def test_a_gradient_that_is_no_number_is_no_minimum():
    # The root has the value 0 and an infinite slope at 0.
    theta = torch.zeros(1, dtype=DOUBLE)
    with pytest.raises(SolveFailed, match="the loss is finite but the gradient"):
        NysNewtonCg().step(Given(lambda p: torch.sqrt(p) + 1), theta, NysNewtonCg().start(theta))


@pytest.mark.parametrize("settings", [{"steps": 0}, {"damping": 0.0}, {"rank": 0}, {"decrease": 0.5}, {"products": 0}])
def test_unusable_settings_are_refused(settings):
    with pytest.raises(ValueError, match="NysNewtonCg"):
        NysNewtonCg(**settings)
