import math

import pytest
import torch

from pinnlab.errors import SolveFailed
from pinnlab.training.levenberg_marquardt import (
    GeodesicAcceleration,
    LevenbergMarquardt,
    LevenbergMarquardtState,
    NoCorrection,
    next_damping,
)
from pinnlab.training.local_model import Exact, LocalModel, NormalEquations
from pinnlab.training.objective import LeastSquares

DOUBLE = torch.float64


class Given(LeastSquares):
    """Residuals from a function of theta."""

    count = 0

    def __init__(self, function, count):
        self.function, self.count = function, count

    def residuals(self, theta):
        return self.function(theta)

    def jacobian(self, theta):
        return self.function(theta), torch.func.jacrev(self.function)(theta)


def vector(*entries):
    return torch.tensor(entries, dtype=DOUBLE)


ROSENBROCK = Given(lambda p: torch.stack([10 * (p[1] - p[0] ** 2), 1 - p[0]]), 2)
LINEAR = Given(lambda p: torch.stack([2 * p[0] - 2, p[0] + p[1]]), 2)


def run(objective, theta, optimizer):
    state, history = optimizer.start(theta), []
    while not optimizer.finished(state):
        theta, state, scalars = optimizer.step(objective, theta, state)
        history.append(scalars)
    return theta, state, history


def test_one_step_by_hand():
    # At 0: r = (-2, 0), J = [[2, 0], [1, 1]], J'r = (-4, 0), J'J + I = [[6, 1], [1, 2]], so
    # d = (8, -4) / 11, r + J d = (-6, 4) / 11 and the loss falls from 4 to 52/121.
    optimizer = LevenbergMarquardt(damping=1.0, correction=NoCorrection())
    theta, state, scalars = optimizer.step(LINEAR, vector(0, 0), optimizer.start(vector(0, 0)))
    torch.testing.assert_close(theta, vector(8, -4) / 11)
    assert scalars["loss"] == pytest.approx(52 / 121)
    assert scalars["gradient"] == pytest.approx(4)
    assert scalars["ratio"] == pytest.approx(1)
    assert state.damping == pytest.approx(1 / 3)
    assert (state.taken, state.stalls) == (1, 0)


@pytest.mark.parametrize(
    ("ratio", "factor"), [(0.76, 1 / 3), (2.0, 1 / 3), (0.75, 1), (0.5, 1), (0.25, 1), (0.24, 2), (1e-9, 2)]
)
def test_damping_follows_the_ratio(ratio, factor):
    assert next_damping(6.0, ratio) == pytest.approx(6 * factor)


def test_acceleration_by_hand():
    # r = x^2 - 4, damping 4, x = 1: J = 2, r = -3, v = 6/8; r_vv = 2 v^2 = 9/8, a = -(2 9/8) / 8 = -9/32.
    # 2 |a| / |v| = 3/4: just trusted, and the step is 6/8 - 9/64 = 39/64.
    objective = Given(lambda p: p**2 - 4, 1)
    model = NormalEquations.at(objective, vector(1))
    factor = model.factor(4.0)
    straight = -model.damped_inverse(factor, model.residuals)
    torch.testing.assert_close(straight, vector(3 / 4))
    args = (objective, vector(1), model, factor, straight)
    torch.testing.assert_close(GeodesicAcceleration(limit=0.76)(*args), vector(39 / 64), rtol=1e-12, atol=0)
    assert GeodesicAcceleration(limit=0.74)(*args) is None
    assert NoCorrection()(*args) is straight


@pytest.mark.parametrize("correction", [NoCorrection(), GeodesicAcceleration()])
def test_rosenbrock_is_solved(correction):
    theta, state, history = run(ROSENBROCK, vector(-1.2, 1), LevenbergMarquardt(100, correction=correction))
    torch.testing.assert_close(theta, vector(1, 1), rtol=1e-7, atol=0)
    losses = [h["loss"] for h in history]
    assert losses == sorted(losses, reverse=True)
    assert state.taken < 100


def test_acceleration_saves_steps_in_a_curved_valley():
    valley = Given(lambda p: torch.stack([1000 * (p[1] - p[0] ** 2), 1 - p[0]]), 2)

    def steps(correction):
        _, _, history = run(valley, vector(-1.2, 1), LevenbergMarquardt(2000, correction=correction))
        return next(i for i, h in enumerate(history) if h["loss"] < 1e-20)

    assert 3 * steps(GeodesicAcceleration()) < steps(NoCorrection())


def test_fewer_residuals_than_parameters_equal_padding_with_zeros():
    def wide(p):
        return torch.stack([p[0] * p[1] + p[2] - 1, torch.sin(p[3]) + p[0] - 0.5])

    padded = Given(lambda p: torch.cat([wide(p), torch.zeros(3, dtype=DOUBLE)]), 5)
    start, settings = vector(0.3, 0.7, -0.2, 0.4), LevenbergMarquardt(6)
    a, _, _ = run(Given(wide, 2), start, settings)
    b, _, _ = run(padded, start, settings)
    torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-10)
    assert wide(a).abs().max() < 1e-6


def test_a_step_into_non_finite_loss_is_rejected_and_shortened():
    # Newton from 5 would go to 5 - 5 log 5 < 0, where the logarithm is not a number.
    objective = Given(torch.log, 1)
    optimizer = LevenbergMarquardt(50, damping=1e-3, correction=NoCorrection())
    theta, _, scalars = optimizer.step(objective, vector(5), optimizer.start(vector(5)))
    assert scalars["rejected"] > 0
    assert math.isfinite(scalars["loss"])
    assert scalars["damping"] == pytest.approx(1e-3 * 4 ** scalars["rejected"])
    assert float(theta) > 0
    assert float(run(objective, vector(5), optimizer)[0]) == pytest.approx(1, abs=1e-8)


def test_no_decrease_is_a_stall_that_leaves_theta_and_ends_the_run():
    objective = Given(lambda p: torch.stack([p[0] ** 2 + 1, p[0] * 0]), 2)
    optimizer = LevenbergMarquardt(100, tries=3, patience=2, damping=1.0)
    theta, state, scalars = optimizer.step(objective, vector(0), optimizer.start(vector(0)))
    assert theta.tolist() == [0]
    assert (state.damping, state.stalls, scalars["rejected"], scalars["loss"]) == (64.0, 1, 3, 1.0)
    assert not optimizer.finished(state)
    assert run(objective, vector(0), optimizer)[1].taken == 2


def test_a_decrease_forgets_earlier_stalls():
    optimizer = LevenbergMarquardt()
    stalled = type(optimizer.start(vector(0, 0)))(1e-3, 5, 2)
    assert optimizer.step(LINEAR, vector(0, 0), stalled)[1].stalls == 0


def test_a_loss_that_jumps_up_between_steps_is_no_obstacle():
    optimizer = LevenbergMarquardt()
    theta, state, _ = optimizer.step(LINEAR, vector(0, 0), optimizer.start(vector(0, 0)))
    harder = Given(lambda p: 100 * LINEAR.residuals(p) + 7, 2)
    before = float(harder.residuals(theta).square().sum())
    assert optimizer.step(harder, theta, state)[2]["loss"] < before


def test_theta_and_state_are_not_changed():
    theta = vector(-1.2, 1)
    optimizer = LevenbergMarquardt()
    state = optimizer.start(theta)
    a = optimizer.step(ROSENBROCK, theta, state)
    b = optimizer.step(ROSENBROCK, theta, state)
    assert theta.tolist() == [-1.2, 1]
    assert torch.equal(a[0], b[0])
    assert a[1:] == b[1:]


def test_single_precision_and_a_non_finite_start_are_refused():
    optimizer = LevenbergMarquardt()
    with pytest.raises(ValueError, match="float64"):
        optimizer.step(LINEAR, torch.zeros(2), optimizer.start(torch.zeros(2)))
    with pytest.raises(SolveFailed, match=r"residual 1 is nan\); start elsewhere"):
        optimizer.step(Given(torch.log, 2), vector(1, -1), optimizer.start(vector(-1)))


def test_a_jacobian_that_is_no_number_is_named():
    # The root has the value 0 and an infinite slope at 0.
    optimizer = LevenbergMarquardt()
    with pytest.raises(SolveFailed, match=r"the loss is finite but the gradient .* look for a root"):
        optimizer.step(Given(torch.sqrt, 1), vector(0), optimizer.start(vector(0)))


def test_a_gram_matrix_without_factors_is_named():
    class Indefinite(Exact):
        def at(self, objective, theta, taken):
            model = super().at(objective, theta, taken)
            return NormalEquations(model.residuals, model.gradient, -1e9 * model.gram, model.pullback)

    optimizer = LevenbergMarquardt(model=Indefinite(), tries=2)
    with pytest.raises(SolveFailed, match=r"not positive definite for any damping up to 4\.0e-03; give a larger"):
        optimizer.step(LINEAR, vector(0, 0), optimizer.start(vector(0, 0)))


def test_models_too_large_for_memory_are_refused_with_an_estimate():
    optimizer = LevenbergMarquardt(model=Exact(memory=100.0))
    with pytest.raises(ValueError, match=r"2 parameters and 2 residuals takes 1\.28e-07 GB.*use Sketched"):
        optimizer.step(LINEAR, vector(0, 0), optimizer.start(vector(0, 0)))


def test_the_model_learns_how_many_steps_were_taken():
    class Counting(Exact):
        def at(self, objective, theta, taken) -> LocalModel:
            seen.append(taken)
            return super().at(objective, theta, taken)

    seen = []
    run(ROSENBROCK, vector(-1.2, 1), LevenbergMarquardt(3, model=Counting()))
    assert seen == [0, 1, 2]


def test_the_verdict_on_a_stall_says_what_to_do():
    optimizer = LevenbergMarquardt(patience=3)
    assert optimizer.verdict(LevenbergMarquardtState(1.0, 1000, 2)) == ""
    assert "3 steps in a row found no smaller loss" in optimizer.verdict(LevenbergMarquardtState(1.0, 9, 3))
    assert "redraw them" in optimizer.verdict(LevenbergMarquardtState(1.0, 9, 3))


@pytest.mark.parametrize("settings", [{"steps": 0}, {"damping": -1.0}, {"tries": 0}, {"patience": 0}])
def test_unusable_settings_are_refused(settings):
    with pytest.raises(ValueError, match="positive"):
        LevenbergMarquardt(**settings)


def test_an_unusable_correction_is_refused():
    with pytest.raises(ValueError, match="limit"):
        GeodesicAcceleration(limit=0)
