"""The physics-informed loss of operators."""

import dataclasses

import numpy as np
import pytest
import scipy.stats
import sympy as sp
import torch

from pinnlab import Box, D, Family, Problem, TimeInterval, initial, parameter
from pinnlab.networks.fno import Fno
from pinnlab.operators.learning import OperatorLearning, train
from pinnlab.operators.pairs import OneStep
from pinnlab.operators.residual_loss import ResidualLoss
from pinnlab.settings import describe
from pinnlab.training.adam_w import AdamW
from pinnlab.training.relative_loss import RelativeL2, SumOfLosses

t, x = sp.symbols("t x", real=True)
FRAMES = np.linspace(1 / 16, 1, 16)


def flat(outputs):
    return torch.from_numpy(outputs).flatten(1, 2)


def test_it_vanishes_with_the_fourth_order_of_differences_at_exact_solutions(heated):
    found = []
    for n in (16, 32):
        data = heated.exact(heated.family, 6, np.linspace(1 / n, 1, n))
        loss = ResidualLoss.of(heated.family, data).of_samples(torch.from_numpy(data.inputs))
        found.append(float(loss(flat(data.outputs), flat(data.outputs))))
    # Largest at the first frames, where differences are one-sided; the mean over nodes gains half an order.
    assert found[0] < 0.02
    assert found[0] / found[1] > 13


def test_each_sample_is_judged_by_its_own_coefficient(heated):
    data = heated.exact(heated.family, 6, FRAMES)
    loss, truth = ResidualLoss.of(heated.family, data), flat(data.outputs)
    inputs = torch.from_numpy(data.inputs.copy())
    right = float(loss.of_samples(inputs)(truth, truth))
    inputs[:, 1] = inputs[:, 1].flip(0)
    assert float(loss.of_samples(inputs)(truth, truth)) > 10 * right


def test_it_is_the_residual_of_the_equation_by_its_size(heated):
    data = heated.exact(heated.family, 1, FRAMES)
    loss, truth = ResidualLoss.of(heated.family, data), flat(data.outputs)
    bound = loss.of_samples(torch.from_numpy(data.inputs))
    # A slope in time alone has the residual of that slope: r = 3, and the initial frame fits.
    moved = truth + 3 * torch.from_numpy(FRAMES)[:, None]
    times = np.concatenate([[0], FRAMES])
    exact = heated.exact(heated.family, 1, times).outputs[0, :, 0]
    waves = np.fft.rfft(exact)
    rates = float(data.inputs[0, 1, 0]) * np.arange(9) ** 2
    # u_t and k u_xx are the same but for rounding and differences: s is twice their root mean square.
    size = 2 * np.sqrt(np.mean(np.fft.irfft(waves * rates, 16) ** 2))
    assert float(bound(moved, truth)) == pytest.approx(3 / size, rel=0.02)


def test_training_on_residuals_alone_teaches_the_solution(heated):
    data = heated.exact(heated.family, 40, np.linspace(0.125, 1, 8))
    # The data are of no use to it but for their inputs and sizes.
    learning = OperatorLearning(
        Fno(modes=3, width=8, depth=2), loss=ResidualLoss.of(heated.family, data), epochs=60, optimizer=AdamW(2e-2)
    )
    operator = train(data, learning, validation=None, device="cpu", seed=1)
    fresh = heated.exact(heated.family, 10, np.linspace(0.125, 1, 8), seed=5)
    untrained = train(data, learning, validation=None, device="cpu", seed=1, max_epochs=0)
    assert operator.evaluate(fresh)["relative_l2"] < 0.25 * untrained.evaluate(fresh)["relative_l2"]


def test_it_adds_to_other_losses(heated):
    data = heated.exact(heated.family, 4, FRAMES)
    residual, truth = ResidualLoss.of(heated.family, data), flat(data.outputs)
    inputs = torch.from_numpy(data.inputs)
    both = SumOfLosses((1.0, 0.5), (RelativeL2(), residual)).on(data.axes, data.periodic)
    found = both.of_samples(inputs)(1.1 * truth, truth)
    assert float(found) == pytest.approx(0.1 + 0.5 * float(residual.of_samples(inputs)(1.1 * truth, truth)))
    assert "heat" in describe(both)["losses"][1]["identity"]


def test_single_precision_is_kept_and_gradients_pass(heated):
    data = heated.exact(heated.family, 4, FRAMES)
    loss = ResidualLoss.of(heated.family, data).of_samples(torch.from_numpy(data.inputs).float())
    prediction = (0.9 * flat(data.outputs)).float().requires_grad_(True)
    found = loss(prediction, flat(data.outputs).float())
    found.backward()
    assert found.dtype == torch.float32
    assert float(prediction.grad.abs().max()) > 0


def test_misuse_is_refused_in_words(heated):
    data = heated.exact(heated.family, 4, FRAMES)
    loss = ResidualLoss.of(heated.family, data)
    with pytest.raises(ValueError, match=r"made for the grid .16,., and the data are on another one, .8,."):
        loss.on(data.coarsened(2).axes, data.periodic)
    with pytest.raises(ValueError, match="needs the inputs of the samples"):
        loss(flat(data.outputs), flat(data.outputs))
    learning = OperatorLearning(Fno(modes=2, width=2, depth=1), pairs=OneStep(), loss=loss, epochs=1)
    with pytest.raises(ValueError, match="train on SolutionMap"):
        train(data, learning, validation=None, device="cpu")
    with pytest.raises(ValueError, match="weight = -1; give a number from 0 on"):
        dataclasses.replace(loss, weight=-1)
    u, u0, k = sp.Function("u")(t, x), parameter("u0", 0), parameter("k", 1 + t)
    domain = TimeInterval(t, 0, 1) * Box({x: (0, 1)}, periodic=[x])
    forced = Problem("forced", [D(u, t) - k * D(u, x, 2)], [u], domain, [initial(u, u0)], t)
    with pytest.raises(ValueError, match=r"k = t . 1 depends on time, and data hold its initial values only"):
        ResidualLoss.of(Family(forced, {u0: scipy.stats.norm(), k: scipy.stats.norm()}), data)
    few = heated.exact(heated.family, 4, [0.5, 1.0])
    with pytest.raises(ValueError, match="along t, which are the times of frames and the initial one"):
        ResidualLoss.of(heated.family, few)
