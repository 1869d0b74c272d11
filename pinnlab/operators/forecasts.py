"""Models that carry a state from one reading of the sensors to the next: forecasts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from pinnlab.operators.layout import ROUNDING
from pinnlab.operators.normalised import NormalisedNetwork
from pinnlab.operators.pairs import Bundled
from pinnlab.operators.trained import TrainedOperator
from pinnlab.operators.unrolled import Pushforward, Rollout
from pinnlab.problem import Problem
from pinnlab.solvers.etdrk4 import Etdrk4

# Fields (batch, channels, *grid) to those one cycle later.  Gradients should flow through it.
Forecast = Callable[[Tensor], Tensor]

CPU = torch.device("cpu")


def solver_forecast(problem: Problem, solver: Etdrk4, cycle: float, device: torch.device = CPU) -> Forecast:
    """The declared problem itself as the forecast model: its states over a time `cycle`, many at once.

    Channels are the states of the method (of an equation of first order in time its unknowns), on the solver's nodes;
    the answer has the dtype of what is given.  `steps` of the solver are those over the whole interval of the problem.

    Raises:
        UnsupportedProblem: If the solver does not take the problem.
        ValueError: If the equation depends on time explicitly, or a cycle is not a whole number of steps.
    """
    method = solver.compile(problem, device)
    form, interval = method.system.form, problem.interval
    assert interval is not None  # Etdrk4 takes no steady problem
    if any(problem.time in e.free_symbols for e in (*form.products, *form.sources)):
        raise ValueError(
            f"solver_forecast: {problem.name!r} depends on time explicitly; a cycle is then not like another"
        )
    steps = cycle * solver.steps / interval.length
    whole = round(steps)
    if whole < 1 or whole > solver.steps or abs(steps - whole) > ROUNDING * steps:
        raise ValueError(
            f"solver_forecast: a cycle of {cycle:g} is {steps:g} steps of Etdrk4(steps={solver.steps}) on an interval "
            f"of length {interval.length:g}; choose steps such that it is a whole number of them"
        )
    stopping = dataclasses.replace(method, kept=(0, whole))

    def forecast(fields: Tensor) -> Tensor:
        return stopping.evolve(fields)[:, -1].to(fields)

    return forecast


def operator_forecast(operator: TrainedOperator, axes: Sequence[np.ndarray]) -> Forecast:
    """One step of a trained operator on the grid of these nodes as the forecast model.

    Raises:
        ValueError: If the operator does not step from one frame to the next, without other inputs.
    """
    pairs = operator.pairs
    stepping = pairs.stepping if isinstance(pairs, Rollout | Pushforward) else pairs
    outputs = len(operator.layout.output_names)
    if not isinstance(stepping, Bundled) or stepping.channels(operator.layout) != (outputs, outputs):
        raise ValueError(
            f"operator_forecast: {pairs!r} does not map one frame to the next; train with "
            "OneStep(conditions=()), alone or in Rollout or Pushforward"
        )
    positions = operator.layout.positions(axes).to(operator.device)
    return NormalisedNetwork(operator.network, operator.inputs, operator.outputs, positions)
