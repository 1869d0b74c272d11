import copy
import math

import pytest
import torch

from pinnlab.errors import SolveFailed
from pinnlab.training.broyden_family import Bfgs, Broyden, SelfScaledBfgs
from pinnlab.training.line_search import StrongWolfe
from pinnlab.training.objective import LeastSquares
from pinnlab.training.ssbroyden import SelfScaledBroyden

DOUBLE = torch.float64
UPDATES = [Broyden(), SelfScaledBfgs(), Bfgs()]


class Given(LeastSquares):
    """Residuals from a function of theta."""

    count = 0

    def __init__(self, function):
        self.function = function

    def residuals(self, theta):
        return self.function(theta)

    def jacobian(self, theta):
        raise NotImplementedError


def rosenbrock(p):
    """In 2 n variables."""
    x, y = p[::2], p[1::2]
    return torch.cat([10 * (y - x**2), 1 - x])


START = torch.tensor([-1.2, 1.0], dtype=DOUBLE)


def run(optimizer, objective, theta, calls=10**6):
    state, scalars = optimizer.start(theta), {}
    while calls and not optimizer.finished(state):
        theta, state, scalars = optimizer.step(objective, theta, state)
        calls -= 1
    return theta, state, scalars


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("copies", [1, 10])
def test_rosenbrock_is_solved_and_recognised(update, copies):
    theta, state, scalars = run(SelfScaledBroyden(2000, update=update), Given(rosenbrock), START.repeat(copies))
    torch.testing.assert_close(theta, torch.ones(2 * copies, dtype=DOUBLE), rtol=1e-8, atol=0)
    assert scalars["loss"] < 1e-18
    assert state.stalled
    assert state.taken < 1000


@pytest.mark.parametrize("update", UPDATES)
def test_a_quadratic_is_solved_in_about_as_many_steps_as_it_has_variables(update):
    # With exact line searches BFGS ends after 6 steps, and its last H is the inverse of the Hessian 2 D^2.
    weights = torch.arange(1.0, 7.0, dtype=DOUBLE)
    objective = Given(lambda p: weights * (p - 1))
    optimizer = SelfScaledBroyden(7, per_step=7, update=update, line_search=StrongWolfe(curvature=1e-3))
    _, state, scalars = run(optimizer, objective, torch.zeros(6, dtype=DOUBLE))
    assert scalars["loss"] < 1e-12 if isinstance(update, Bfgs) else scalars["loss"] < 1e-3
    if isinstance(update, Bfgs):
        torch.testing.assert_close(state.inverse, torch.diag(1 / (2 * weights**2)), rtol=1e-3, atol=1e-4)


def test_the_first_step_by_hand():
    # r = 2 x - 4 at 0: loss 16, g = -16, p = 16, slope -256, first length 16 / 256, x = 1: loss 4, slope -128,
    # flat enough for 0.9; s = 1, y = 8, and H = (y's / y'y) = 1/8, the inverse of the Hessian.
    objective = Given(lambda p: 2 * p - 4)
    theta = torch.zeros(1, dtype=DOUBLE)
    theta, state, scalars = SelfScaledBroyden(per_step=1).step(objective, theta, SelfScaledBroyden().start(theta))
    assert theta.tolist() == [1.0]
    assert state.inverse.tolist() == [[0.125]]
    assert (scalars["loss"], scalars["gradient"], scalars["evaluations"]) == (4.0, 8.0, 2.0)


def test_the_loss_falls_in_every_iteration_and_its_unit_does_not_matter():
    def losses(scale):
        theta, optimizer = START, SelfScaledBroyden(per_step=1)
        state, found = optimizer.start(theta), []
        for _ in range(20):
            theta, state, scalars = optimizer.step(Given(lambda p: scale * rosenbrock(p)), theta, state)
            found.append(scalars["loss"] / scale**2)
        return found

    plain = losses(1.0)
    assert plain == sorted(plain, reverse=True)
    # A power of two rounds nothing.
    assert losses(2.0**-20) == plain


def test_calls_of_one_iteration_equal_one_call_of_many():
    # The direction is recomputed as -H g at every call, which rounds differently.
    a, _, _ = run(SelfScaledBroyden(12, per_step=12), Given(rosenbrock), START)
    b, _, _ = run(SelfScaledBroyden(12, per_step=1), Given(rosenbrock), START)
    torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-8)


def test_no_pair_mixes_two_objectives():
    # r = k x has y = 2 k^2 s; after each call H fits the last pair, which is of one objective.
    optimizer = SelfScaledBroyden(per_step=2, line_search=StrongWolfe(curvature=0.3))
    theta, state = START, optimizer.start(START)
    for k in ([1.0, 3.0], [2.0, 5.0], [7.0, 1.0]):
        weights = torch.tensor(k, dtype=DOUBLE)
        theta, state, _ = optimizer.step(Given(lambda p, w=weights: w * p), theta, state)
        # A generalised eigenvalue 1 of (H, (2 k^2)^-1) belongs to the last pair.
        spectrum = torch.linalg.eigvals(state.inverse @ torch.diag(2 * weights**2)).real
        assert float((spectrum - 1).abs().min()) < 1e-6


def test_a_direction_without_descent_restarts_the_matrix():
    optimizer = SelfScaledBroyden(per_step=1)
    state = copy.copy(optimizer.start(START))
    broken = type(state)(5, False, -torch.eye(2, dtype=DOUBLE))
    theta, new, scalars = optimizer.step(Given(rosenbrock), START, broken)
    assert scalars["restarts"] == 1
    assert scalars["loss"] < float(rosenbrock(START).square().sum())
    assert float(torch.linalg.eigvalsh(new.inverse).min()) > 0
    assert not torch.equal(theta, START)


def test_a_minimum_is_a_stall_that_leaves_theta():
    optimizer, theta = SelfScaledBroyden(), torch.ones(2, dtype=DOUBLE)
    found, state, scalars = optimizer.step(Given(rosenbrock), theta, optimizer.start(theta))
    assert torch.equal(found, theta)
    assert (state.taken, state.stalled, scalars["loss"]) == (1, True, 0.0)
    assert optimizer.finished(state)
    assert "redraw them" in optimizer.verdict(state)
    assert optimizer.verdict(optimizer.start(theta)) == ""


def test_steps_into_losses_that_are_no_numbers_are_shortened():
    theta, _, scalars = run(SelfScaledBroyden(100), Given(torch.log), torch.tensor([9.0], dtype=DOUBLE))
    assert float(theta) == pytest.approx(1, abs=1e-9)
    assert math.isfinite(scalars["loss"])


def test_the_budget_cuts_the_last_call():
    optimizer = SelfScaledBroyden(7, per_step=5)
    _, state, _ = run(optimizer, Given(rosenbrock), START, calls=1)
    assert (state.taken, optimizer.finished(state)) == (5, False)
    _, state, _ = run(optimizer, Given(rosenbrock), START)
    assert (state.taken, optimizer.finished(state)) == (7, True)


def test_theta_and_state_are_not_changed():
    optimizer = SelfScaledBroyden(per_step=4)
    theta, state, _ = run(optimizer, Given(rosenbrock), START, calls=2)
    kept = copy.deepcopy((theta, state))
    first = optimizer.step(Given(rosenbrock), theta, state)
    second = optimizer.step(Given(rosenbrock), *copy.deepcopy(kept))
    assert torch.equal(theta, kept[0])
    assert torch.equal(state.inverse, kept[1].inverse)
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1].inverse, second[1].inverse)


def test_too_many_parameters_are_refused_with_an_estimate_before_the_start():
    # 2 * 8 * 4000^2 bytes.
    with pytest.raises(ValueError, match=r"4,000 parameters takes 0\.256 GB, more than memory = 0\.2 GB; use Lbfgs"):
        SelfScaledBroyden(memory=2e8).start(torch.zeros(4000, dtype=DOUBLE))


def test_single_precision_and_a_non_finite_start_are_refused():
    optimizer = SelfScaledBroyden()
    with pytest.raises(ValueError, match="float64"):
        optimizer.step(Given(rosenbrock), START.float(), optimizer.start(START.float()))
    with pytest.raises(SolveFailed, match=r"residual 1 is nan.*start elsewhere"):
        optimizer.step(Given(torch.log), -START, optimizer.start(START))


def test_a_gradient_that_is_no_number_is_no_minimum():
    # The root has the value 0 and an infinite slope at 0.
    theta = torch.zeros(1, dtype=DOUBLE)
    with pytest.raises(SolveFailed, match="the loss is finite but the gradient"):
        SelfScaledBroyden().step(Given(lambda p: torch.sqrt(p) + 1), theta, SelfScaledBroyden().start(theta))


@pytest.mark.parametrize("settings", [{"steps": 0}, {"per_step": 0}, {"memory": 0}])
def test_unusable_settings_are_refused(settings):
    with pytest.raises(ValueError, match="SelfScaledBroyden"):
        SelfScaledBroyden(**settings)
