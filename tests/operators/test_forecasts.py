"""Forecast models: the declared problem, and trained operators."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Problem, initial, parameter
from pinnlab.datasets.data import OperatorData
from pinnlab.known import known
from pinnlab.networks.fno import Fno
from pinnlab.operators.forecasts import KnownForecast, identity_of, operator_forecast, solver_forecast
from pinnlab.operators.learning import OperatorLearning, train
from pinnlab.operators.pairs import Bundled, OneStep
from pinnlab.operators.unrolled import Rollout
from pinnlab.solvers.etdrk4 import Etdrk4

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)
NODES = torch.arange(16, dtype=torch.float64) * 2 * torch.pi / 16


def problem(source=0):
    box = Box({t: (0, 2), x: (0, 2 * sp.pi)}, periodic=[x])
    return Problem("drift", [D(u, t) + D(u, x) - D(u, x, 2) / 10 - source], [u], box, [initial(u, sp.sin(x))], t)


def test_the_problem_itself_is_the_forecast():
    forecast = solver_forecast(problem(), Etdrk4(points=16, steps=8), 0.5)
    waves = torch.stack([torch.sin(NODES), torch.cos(2 * NODES)])[:, None]
    exact = torch.stack([np.exp(-0.05) * torch.sin(NODES - 0.5), np.exp(-0.2) * torch.cos(2 * NODES - 1)])[:, None]
    torch.testing.assert_close(forecast(waves), exact, atol=1e-12, rtol=0)
    assert forecast(waves.float()).dtype == torch.float32


def test_gradients_flow_through_the_solver():
    forecast = solver_forecast(problem(), Etdrk4(points=16, steps=8), 0.5)
    start = torch.sin(NODES)[None, None].requires_grad_()
    # The map is linear and keeps the mean, so that each node counts once.
    (gradient,) = torch.autograd.grad(forecast(start).sum(), start)
    torch.testing.assert_close(gradient, torch.ones_like(gradient))


@pytest.mark.parametrize(("cycle", "said"), [(0.3, "is 1.2 steps"), (0.01, "whole number"), (4.0, "whole number")])
def test_a_cycle_must_be_a_whole_number_of_steps(cycle, said):
    with pytest.raises(ValueError, match=said):
        solver_forecast(problem(), Etdrk4(points=16, steps=8), cycle)


def test_an_equation_that_depends_on_time_is_refused():
    with pytest.raises(ValueError, match="explicitly"):
        solver_forecast(problem(sp.cos(t)), Etdrk4(points=16, steps=8), 0.5)


def drifting():
    values = np.sin(np.arange(16) * np.pi / 8 - 0.3 * np.arange(4)[:, None] - np.arange(3)[:, None, None])[:, :, None]
    axes = (np.arange(16) * np.pi / 8,)
    return OperatorData(values[:, 0], values, axes, np.arange(4.0), [np.nan] * 3, ["u"], ["u"], ["x"], [True])


@pytest.mark.parametrize("pairs", [OneStep(), Rollout(2, OneStep())])
def test_a_trained_operator_forecasts_its_next_frame(pairs):
    data = drifting()
    learning = OperatorLearning(Fno(modes=3, width=4, depth=1), pairs, epochs=1)
    operator = train(data, learning, validation=None, device="cpu")
    found = operator_forecast(operator, data.axes)(torch.from_numpy(data.outputs[:, 1]))
    expected = operator.rollout(data.outputs[:, 1:2], data.axes, 2)[:, 1]
    np.testing.assert_allclose(found.detach(), expected, atol=1e-12)


def test_forecasts_by_other_solvers_problems_and_cycles_are_told_apart():
    made = [
        solver_forecast(problem(), Etdrk4(points=16, steps=8), 0.5),
        solver_forecast(problem(), Etdrk4(points=16, steps=8), 0.25),
        solver_forecast(problem(), Etdrk4(points=16, steps=16), 0.5),
        solver_forecast(problem(1), Etdrk4(points=16, steps=8), 0.5),
    ]
    assert len({f.identity for f in made}) == 4
    again = solver_forecast(problem(), Etdrk4(points=16, steps=8), 0.5)
    assert again.identity == made[0].identity


class Sine:
    """A function that JSON has no words for."""

    def __init__(self, size):
        self.size = size

    def derivative(self, orders):
        return lambda points: self.size * np.sin(points[:, :1] + np.pi / 2 * orders[0])


def heated(source, start=x * 0, end=2):
    box = Box({t: (0, end), x: (0, 2 * sp.pi)}, periodic=[x])
    return Problem("heated", [D(u, t) - D(u, x, 2) - source], [u], box, [initial(u, start)], t)


def test_what_is_told_of_a_problem_is_all_that_a_forecast_depends_on_and_nothing_else():
    def told(*of, end=2):
        return identity_of(solver_forecast(heated(*of, end=end), Etdrk4(points=16, steps=8), 0.5))

    one, strange = parameter("k", 0.1), known("g", Sine(1.0), 0, x)
    assert told(one) == told(one, sp.cos(x)) == told(one, strange)
    # Another value of a parameter, and other steps in time.
    assert len({told(one), told(parameter("k", 0.9)), told(one, strange, end=4)}) == 3
    # Sources of equal names are not told apart in words, so that nothing is claimed.
    assert told(strange) is None


def test_forecasts_by_operators_of_other_weights_are_told_apart():
    data, learning = drifting(), OperatorLearning(Fno(modes=3, width=4, depth=1), OneStep(), epochs=1)
    a, b, c = (train(data, learning, validation=None, seed=s, device="cpu") for s in (0, 0, 1))
    here, same, other = (operator_forecast(o, data.axes).identity for o in (a, b, c))
    assert here == same
    assert here != other
    # Shifted nodes are another forecast, too.
    assert operator_forecast(a, (data.axes[0] + 0.1,)).identity != here


def test_a_function_does_not_say_which_forecast_it_is():
    assert identity_of(lambda fields: fields) is None
    assert identity_of(KnownForecast("mine", lambda fields: fields)) == "mine"
    with pytest.raises(ValueError, match="identity = ' '"):
        KnownForecast(" ", lambda fields: fields)


def test_an_operator_of_several_frames_is_refused():
    data = drifting()
    learning = OperatorLearning(Fno(modes=3, width=4, depth=1), Bundled(2), epochs=1)
    operator = train(data, learning, validation=None, device="cpu")
    with pytest.raises(ValueError, match="one frame to the next"):
        operator_forecast(operator, data.axes)


def test_forecasts_know_their_cycle_and_their_grid():
    assert solver_forecast(problem(), Etdrk4(points=16, steps=8), 0.5).cycle == 0.5
    data = drifting()
    learning = OperatorLearning(Fno(modes=3, width=4, depth=1), OneStep(), epochs=1)
    made = operator_forecast(train(data, learning, validation=None, device="cpu"), data.axes)
    assert made.cycle == 1.0
    with pytest.raises(ValueError, match=r"fields \(3, 1, 8\); the forecast was made for \(batch, 1, 16\)"):
        made(torch.from_numpy(data.outputs[:, 0, :, ::2]))
    assert KnownForecast("mine", lambda fields: fields).cycle is None
    with pytest.raises(ValueError, match="cycle = 0"):
        KnownForecast("mine", lambda fields: fields, 0)
