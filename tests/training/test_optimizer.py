import math

import numpy as np
import pytest
import torch

from pinnlab.files import checkpoint
from pinnlab.training.adam import Adam
from pinnlab.training.energy_natural_gradient import EnergyNaturalGradient, Spring
from pinnlab.training.lbfgs import Lbfgs
from pinnlab.training.levenberg_marquardt import LevenbergMarquardt
from pinnlab.training.leverage import LeverageScore
from pinnlab.training.momentum_config import MomentumConFig
from pinnlab.training.multi_adam import MultiAdam
from pinnlab.training.nys_newton_cg import NysNewtonCg
from pinnlab.training.objective import LeastSquares
from pinnlab.training.optimizer import generator_of_step, require_counts, require_positive
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
