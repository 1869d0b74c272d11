import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from pinnlab.admissible import require_counts, require_positive
from pinnlab.files import checkpoint
from pinnlab.training.adam import Adam
from pinnlab.training.energy_natural_gradient import EnergyNaturalGradient, Spring
from pinnlab.training.lbfgs import Lbfgs
from pinnlab.training.levenberg_marquardt import LevenbergMarquardt, LevenbergMarquardtState
from pinnlab.training.leverage import LeverageScore
from pinnlab.training.local_model import Exact
from pinnlab.training.momentum_config import MomentumConFig
from pinnlab.training.multi_adam import MultiAdam
from pinnlab.training.nys_newton_cg import NysNewtonCg
from pinnlab.training.objective import LeastSquares
from pinnlab.training.optimizer import generator_of_step
from pinnlab.training.preconditioning import Preconditioned
from pinnlab.training.retaining_samplers import ResidualAdaptiveRefinement, RetainResampleRelease
from pinnlab.training.samplers import ResidualAdaptive, Sobol, Uniform
from pinnlab.training.sketching import Sketched
from pinnlab.training.soap import Soap
from pinnlab.training.ssbroyden import SelfScaledBroyden
from pinnlab.training.term_weights import GradientNorm, NeuralTangentKernel

OPTIMIZERS = [
    Adam(),
    Soap(per_step=5),
    Lbfgs(),
    SelfScaledBroyden(per_step=3),
    NysNewtonCg(refresh=2, rank=4),
    EnergyNaturalGradient(momentum=Spring(0.5)),
    LevenbergMarquardt(),
    LevenbergMarquardt(model=Sketched(rows=12, columns=6)),
]


class Network(LeastSquares):
    """w tanh(W x + b) - sin x at 40 points, with W (5, 1), b (5,), w (1, 5)."""

    count = 40
    shapes = ((5, 1), (5,), (1, 5))

    def residuals(self, theta):
        x = torch.linspace(-2, 2, self.count, dtype=torch.float64)[:, None]
        hidden = torch.tanh(x @ theta[:5].view(1, 5) + theta[5:10])
        return ((hidden @ theta[10:]) - torch.sin(x[:, 0])) / self.count**0.5

    def jacobian(self, theta):
        return self.residuals(theta), torch.func.jacrev(self.residuals)(theta)


START = torch.randn(15, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def named(optimizer):
    return type(optimizer).__name__


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=named)
def test_a_run_resumed_from_a_file_equals_one_that_was_not_interrupted(optimizer, tmp_path):
    theta, state = START, optimizer.start(START)
    for i in range(6):
        if i == 3:
            checkpoint.save(tmp_path / "state", state, {"theta": theta})
        theta, state, _ = optimizer.step(Network(), theta, state)
    state, extra = checkpoint.load(tmp_path / "state", optimizer.start(START))
    again = torch.as_tensor(extra["theta"])
    for _ in range(3):
        again, state, _ = optimizer.step(Network(), again, state)
    assert torch.equal(again, theta)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=named)
def test_the_loss_falls_and_is_reported(optimizer):
    theta, state = START, optimizer.start(START)
    first = float(Network().residuals(START).square().sum())
    for _ in range(10):
        theta, state, scalars = optimizer.step(Network(), theta, state)
    last = float(Network().residuals(theta).square().sum())
    assert last < 0.9 * first
    # Adam and Soap report the loss before the last of their iterations.
    assert scalars["loss"] == pytest.approx(last, rel=0.2 if isinstance(optimizer, Adam | Soap) else 1e-10)
    assert not optimizer.finished(state)
    assert optimizer.verdict(state) == ""


@pytest.mark.parametrize("value", [0, -1.0, math.inf, math.nan])
def test_a_setting_that_is_not_positive_is_named_with_its_owner(value):
    with pytest.raises(ValueError, match=r"list: steps = .*positive"):
        require_positive([], damping=1.0, steps=value)


def test_positive_settings_pass():
    require_positive([], damping=1e-300, steps=1)


def test_a_count_that_is_no_whole_number_is_refused_with_what_to_give():
    for value in (1e2, 0, -3, True, math.nan, "3"):
        with pytest.raises(ValueError, match=r"list: steps = .*; give a positive whole number"):
            require_counts([], rank=1, steps=value)
    require_counts([], rank=1, steps=np.int64(3))


@pytest.mark.parametrize(
    ("make", "name"),
    [(type(o), "steps") for o in [*OPTIMIZERS[:-1], MultiAdam(), MomentumConFig()]]
    + [(kind, "per_step") for kind in (Adam, Soap, Lbfgs, SelfScaledBroyden, MultiAdam, MomentumConFig)]
    + [(LevenbergMarquardt, "tries"), (LevenbergMarquardt, "patience"), (EnergyNaturalGradient, "patience")]
    + [(NysNewtonCg, "rank"), (Sketched, "rows"), (Sketched, "columns")]
    + [(kind, "points") for kind in (Uniform, Sobol, LeverageScore, RetainResampleRelease)]
    + [(kind, "every") for kind in (Uniform, ResidualAdaptive, GradientNorm, NeuralTangentKernel)]
    + [(kind, "candidates") for kind in (ResidualAdaptive, LeverageScore, ResidualAdaptiveRefinement)],
)
def test_settings_that_count_are_whole_numbers(make, name):
    value = float(getattr(make(), name)) + 1
    with pytest.raises(ValueError, match=rf"{make.__name__}: {name} = {value}; give .*whole number"):
        make(**{name: value})


@pytest.mark.parametrize("make", [NysNewtonCg, Sketched])
def test_a_seed_below_zero_is_refused(make):
    with pytest.raises(ValueError, match="seed = -1; give a whole number from 0 on"):
        make(seed=-1)


def test_every_seed_and_step_have_random_numbers_of_their_own():
    keys = [(0, 0), (0, 1), (1, 0), (2**31, 0), (2**64, 3), (2**32, 0)]
    found = {float(torch.rand(1, generator=generator_of_step(*key), dtype=torch.float64)) for key in keys}
    again = {float(torch.rand(1, generator=generator_of_step(*key), dtype=torch.float64)) for key in keys}
    assert len(found) == len(keys)
    assert found == again


@pytest.mark.parametrize(
    "optimizer",
    [NysNewtonCg(rank=4, seed=2**40), LevenbergMarquardt(model=Sketched(rows=12, columns=6, seed=2**40))],
    ids=named,
)
def test_large_seeds_can_be_used(optimizer):
    theta, _, _ = optimizer.step(Network(), START, optimizer.start(START))
    assert not torch.equal(theta, START)


class Flat(Network):
    """Residuals that no parameter changes, of which every search finds no smaller sum."""

    def residuals(self, theta):
        return 1 + 0 * theta.sum() * torch.ones(self.count, dtype=torch.float64)


STALLING = [o for o in OPTIMIZERS if not isinstance(o, Adam | Soap)]


@pytest.mark.parametrize("optimizer", STALLING, ids=named)
def test_a_stall_is_forgotten_on_other_points_and_the_budget_is_not(optimizer):
    state = optimizer.start(START)
    while not optimizer.finished(state):
        theta, state, _ = optimizer.step(Flat(), START, state)
    assert torch.equal(theta, START)
    assert optimizer.verdict(state)
    state = optimizer.redrawn(state)
    assert not optimizer.finished(state)
    assert optimizer.verdict(state) == ""
    before = float(Network().residuals(START).square().sum())
    _, state, scalars = optimizer.step(Network(), START, state)
    assert scalars["loss"] < before
    assert not optimizer.finished(state)


def test_a_stall_of_an_optimiser_in_other_coordinates_is_forgotten_too():
    optimizer = Preconditioned(Lbfgs(), memory=1e9)
    _, state, _ = optimizer.step(Network(), START, optimizer.start(START))
    stalled = replace(state, inner=replace(state.inner, stalled=True))
    assert optimizer.finished(stalled)
    assert optimizer.redrawn(stalled).inner.taken == state.inner.taken
    assert not optimizer.finished(optimizer.redrawn(stalled))
    assert torch.equal(optimizer.redrawn(stalled).z, state.z)


def test_a_stall_does_not_raise_the_damping_of_other_points():
    optimizer = LevenbergMarquardt(damping=0.1)
    _, state, _ = optimizer.step(Flat(), START, optimizer.start(START))
    assert state.damping > 1e5
    assert optimizer.redrawn(state) == LevenbergMarquardtState(0.1, 1, 0)
    moving = LevenbergMarquardtState(7.0, 5, 0)
    assert optimizer.redrawn(moving) == moving


@pytest.mark.parametrize(
    ("optimizer", "numbers"),
    [
        # 4 P^2 for at least as many residuals; else 4 N^2 + N P; sketches (P + columns) rows + 4 columns^2.
        (LevenbergMarquardt(model=Exact(memory=8 * 40_000)), (100, 100)),
        (EnergyNaturalGradient(model=Exact(memory=8 * 1_400)), (100, 10)),
        (LevenbergMarquardt(model=Sketched(20, 10, memory=8 * 2_600)), (100, 1000)),
        (SelfScaledBroyden(memory=8 * 20_000), (100, 1000)),
        (Preconditioned(Adam(), memory=8 * 40_000), (100, 1000)),
        (Preconditioned(LevenbergMarquardt(model=Exact(memory=8 * 40_000)), memory=1e9), (100, 1000)),
    ],
)
def test_memory_is_refused_before_any_step_and_not_a_byte_too_early(optimizer, numbers):
    parameters, residuals = numbers
    optimizer.require_fits(parameters, residuals)
    with pytest.raises(ValueError, match=r"takes .* GB, more than memory"):
        optimizer.require_fits(parameters + 1, residuals)


def test_methods_without_matrices_fit_always():
    for optimizer in (Adam(), Lbfgs(), Soap(), NysNewtonCg()):
        optimizer.require_fits(10**9, 10**9)
