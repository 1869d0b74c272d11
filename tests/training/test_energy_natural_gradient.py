import copy

import pytest
import torch

from pinnlab.errors import SolveFailed
from pinnlab.training.energy_natural_gradient import EnergyNaturalGradient, NoMomentum, Spring
from pinnlab.training.local_model import Exact, Kernel, NormalEquations
from pinnlab.training.objective import LeastSquares
from pinnlab.training.sketching import Sketched

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
LINEAR = Given(lambda p: torch.stack([2 * p[0] - 2, p[0] + p[1], p[1] - 3]), 3)


def run(objective, theta, optimizer):
    state, history = optimizer.start(theta), []
    while not optimizer.finished(state):
        theta, state, scalars = optimizer.step(objective, theta, state)
        history.append(scalars)
    return theta, state, history


def test_a_linear_problem_is_solved_in_one_step():
    # J'J = [[5, 1], [1, 2]], J'r(0) = (-4, -3): theta = (5, 11) / 9.
    theta, _, history = run(LINEAR, vector(0, 0), EnergyNaturalGradient(1, damping=1e-14))
    torch.testing.assert_close(theta, vector(5, 11) / 9)
    assert history[0]["length"] == 1
    assert history[0]["gradient"] == pytest.approx(5)


def test_damping_is_in_units_of_the_loss():
    # The loss is 4 + 9; 13 / 13 is added to the diagonal: [[6, 1], [1, 3]] d = (4, 3), d = (9, 14) / 17.
    theta, _, history = run(LINEAR, vector(0, 0), EnergyNaturalGradient(1, damping=1 / 13))
    torch.testing.assert_close(theta, vector(9, 14) / 17)
    assert history[0]["damping"] == pytest.approx(1)


def test_the_length_is_the_first_local_minimum_of_the_halvings():
    # Newton for log from 5 points to 5 - 5 log 5 = -3.05, where there is no logarithm; the half is 0.98: loss 0.0005,
    # the quarter 2.99: a rise.
    theta, _, history = run(Given(torch.log, 1), vector(5), EnergyNaturalGradient(1, damping=1e-12))
    assert history[0]["length"] == 0.5
    assert float(theta) == pytest.approx(5 - 2.5 * float(torch.log(vector(5))), rel=1e-8)


@pytest.mark.parametrize("momentum", [NoMomentum(), Spring(0.5)])
def test_rosenbrock_is_solved(momentum):
    theta, _, history = run(ROSENBROCK, vector(-1.2, 1), EnergyNaturalGradient(200, momentum=momentum))
    torch.testing.assert_close(theta, vector(1, 1), rtol=1e-6, atol=0)
    losses = [h["loss"] for h in history]
    assert losses == sorted(losses, reverse=True)


def bent(p):
    return torch.stack([p[0] * p[1] - 1, torch.sin(p[2]) + p[0]])


@pytest.mark.parametrize("form", [NormalEquations, Kernel])
def test_spring_minimises_its_proximal_model(form):
    # argmin |r + J d|^2 + damping |d - decay last|^2, solved as it stands.
    theta, last, damping = vector(0.3, 0.7, -0.2), vector(0.1, -0.3, 0.5), 0.1
    r, jacobian = Given(bent, 2).jacobian(theta)
    stacked = torch.cat([jacobian, damping**0.5 * torch.eye(3, dtype=DOUBLE)])
    expected = torch.linalg.lstsq(stacked, torch.cat([-r, damping**0.5 * 0.9 * last])[:, None]).solution[:, 0]
    model = form.at(Given(bent, 2), theta)
    torch.testing.assert_close(Spring(0.9).direction(model, model.factor(damping), last), expected)


def test_spring_without_a_past_is_the_plain_direction():
    model = Kernel.at(Given(bent, 2), vector(0.3, 0.7, -0.2))
    factor, nothing = model.factor(0.1), torch.zeros(3, dtype=DOUBLE)
    plain = NoMomentum().direction(model, factor, nothing)
    torch.testing.assert_close(Spring(0.9).direction(model, factor, nothing), plain)


def test_a_sketch_of_everything_gives_the_exact_steps():
    objective = Given(lambda p: torch.cat([p - 1, p**2, torch.sin(p)]), 9)
    start = vector(0.3, 0.7, -0.2)
    for momentum in (NoMomentum(), Spring(0.5)):
        a, _, _ = run(objective, start, EnergyNaturalGradient(4, momentum=momentum))
        b, _, _ = run(objective, start, EnergyNaturalGradient(4, momentum=momentum, model=Sketched(9, 3)))
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-10)


def test_no_decrease_is_a_stall_that_leaves_theta_and_forgets_momentum():
    objective = Given(lambda p: torch.stack([p[0] ** 2 + 1, p[0] * 0]), 2)
    optimizer = EnergyNaturalGradient(patience=2)
    theta, state, scalars = optimizer.step(objective, vector(0), optimizer.start(vector(0)))
    assert theta.tolist() == [0]
    assert (state.stalls, scalars["length"], scalars["loss"], state.last.tolist()) == (1, 0, 1.0, [0])
    assert not optimizer.finished(state)
    _, state, _ = run(objective, vector(0), optimizer)
    assert state.taken == 2
    assert "larger damping" in optimizer.verdict(state)


def test_a_singular_gram_matrix_is_named():
    class Indefinite(Exact):
        def at(self, objective, theta, taken):
            model = super().at(objective, theta, taken)
            return NormalEquations(model.residuals, model.gradient, -model.gram, model.pullback)

    optimizer = EnergyNaturalGradient(model=Indefinite())
    with pytest.raises(SolveFailed, match=r"singular with damping 1\.3e\+00; give a larger one than damping = 0\.1"):
        optimizer.step(LINEAR, vector(0, 0), optimizer.start(vector(0, 0)))


def test_theta_and_state_are_not_changed():
    optimizer = EnergyNaturalGradient(momentum=Spring(0.5))
    theta, state, _ = optimizer.step(ROSENBROCK, vector(-1.2, 1), optimizer.start(vector(0, 0)))
    kept = copy.deepcopy((theta, state))
    first = optimizer.step(ROSENBROCK, theta, state)
    second = optimizer.step(ROSENBROCK, *copy.deepcopy(kept))
    assert torch.equal(theta, kept[0])
    assert torch.equal(state.last, kept[1].last)
    assert torch.equal(first[0], second[0])


def test_single_precision_and_a_non_finite_start_are_refused():
    optimizer = EnergyNaturalGradient()
    with pytest.raises(ValueError, match="float64"):
        optimizer.step(LINEAR, torch.zeros(2), optimizer.start(torch.zeros(2)))
    with pytest.raises(SolveFailed, match="start elsewhere"):
        optimizer.step(Given(torch.log, 1), vector(-1), optimizer.start(vector(-1)))


@pytest.mark.parametrize("settings", [{"steps": 0}, {"damping": 0.0}, {"halvings": 0}, {"patience": 0}])
def test_unusable_settings_are_refused(settings):
    with pytest.raises(ValueError, match="positive"):
        EnergyNaturalGradient(**settings)


@pytest.mark.parametrize("decay", [0.0, 1.0])
def test_unusable_momentum_is_refused(decay):
    with pytest.raises(ValueError, match="NoMomentum"):
        Spring(decay)


def test_momentum_keeps_the_whole_direction_of_a_shortened_step():
    # As above: half of -5 log 5 is gone.
    optimizer = EnergyNaturalGradient(damping=1e-12, momentum=Spring(0.5))
    _, state, scalars = optimizer.step(Given(torch.log, 1), vector(5), optimizer.start(vector(5)))
    assert scalars["length"] == 0.5
    torch.testing.assert_close(state.last, -5 * torch.log(vector(5)))
