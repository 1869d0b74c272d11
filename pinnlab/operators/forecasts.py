"""Models that carry a state from one reading of the sensors to the next: forecasts."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from pinnlab import serial
from pinnlab.admissible import require_positive
from pinnlab.operators.layout import ROUNDING
from pinnlab.operators.normalised import NormalisedNetwork
from pinnlab.operators.pairs import Bundled
from pinnlab.operators.trained import TrainedOperator
from pinnlab.operators.unrolled import Pushforward, Rollout
from pinnlab.problem import Problem
from pinnlab.settings import describe
from pinnlab.solvers.etdrk4 import Etdrk4
from pinnlab.symbols import parameters_of

# Fields (batch, channels, *grid) to those one cycle later.  Gradients should flow through it.
Forecast = Callable[[Tensor], Tensor]

CPU = torch.device("cpu")


@dataclasses.dataclass(frozen=True, eq=False)
class KnownForecast:
    """A forecast that says which one it is, so that a gain is not trained on, or used, with another by mistake.

    `operator_forecast` and, with few exceptions, `solver_forecast` give such forecasts;
    `KnownForecast("my model, version 2", function)` makes one of any function.

    Args:
        identity: Equal for equal forecasts, and for these only; not empty.
        function: What it does.
        cycle: The time that it goes on by, in units of the data; None where that is not known.

    Raises:
        ValueError: If the identity is empty, or the cycle is no positive number.
    """

    identity: str
    function: Forecast
    cycle: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.identity, str) or not self.identity.strip():
            raise ValueError(
                f"KnownForecast: identity = {self.identity!r}; give a text that no other forecast has, such as "
                '"my model, version 2"'
            )
        if self.cycle is not None:
            require_positive(self, cycle=self.cycle)

    def __call__(self, fields: Tensor) -> Tensor:
        """The fields one cycle later."""
        return self.function(fields)


def identity_of(forecast: Forecast) -> str | None:
    """Of a `KnownForecast`; None of any other function, which does not say."""
    return forecast.identity if isinstance(forecast, KnownForecast) else None


def solver_forecast(problem: Problem, solver: Etdrk4, cycle: float, device: torch.device = CPU) -> Forecast:
    """The declared problem itself as the forecast model: its states over a time `cycle`, many at once.

    Channels are the states of the method (of an equation of first order in time its unknowns), on the solver's nodes;
    the answer has the dtype of what is given.  `steps` of the solver are those over the whole interval of the problem.

    It is a `KnownForecast`, told by the equations, the domain, the solver and the cycle; a plain function, which does
    not say which it is, where JSON has no words for a function in the equations: name it by `KnownForecast` then.

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

    try:
        told = {"problem": _dynamics(problem), "solver": describe(solver), "cycle": cycle}
    except ValueError:
        return forecast
    return KnownForecast(json.dumps(told), forecast, cycle)


def operator_forecast(operator: TrainedOperator, axes: Sequence[np.ndarray]) -> KnownForecast:
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
    network = NormalisedNetwork(operator.network, operator.inputs, operator.outputs, positions)
    grid = tuple(positions.shape[:-1])

    def forecast(fields: Tensor) -> Tensor:
        if tuple(fields.shape[1:]) != (outputs, *grid):
            raise ValueError(
                f"operator_forecast: fields {tuple(fields.shape)}; the forecast was made for (batch, "
                f"{', '.join(map(str, (outputs, *grid)))}), channels and nodes; give it the axes of these fields"
            )
        return network(fields)

    told = {"architecture": describe(operator.architecture), "numbers": _sha256(network)}
    return KnownForecast(json.dumps(told), forecast, operator.layout.step)


def _dynamics(problem: Problem) -> str:
    """A digest of the equations and where they hold, without the initial state, at which a forecast does not look.

    Raises:
        ValueError: If JSON has no words for an expression.
    """
    held = sorted(set().union(*(parameters_of(e) for e in problem.equations)), key=lambda p: p.name)
    told = {
        "equations": [serial.encode(e) for e in problem.equations],
        "unknowns": [serial.encode(u) for u in problem.unknowns],
        "domain": serial.encode_domain(problem.domain),
        "parameters": [serial.encode_parameter(p) for p in held],
    }
    return hashlib.sha256(json.dumps(serial.canonical(told), sort_keys=True).encode()).hexdigest()


def _sha256(network: NormalisedNetwork) -> str:
    """Of the weights, the scalings and the positions."""
    scalings = [s for scaling in (network.inputs, network.outputs) for s in (scaling.mean, scaling.deviation)]
    found = hashlib.sha256()
    for name, value in [*network.network.state_dict().items(), *(("", s) for s in (*scalings, network.positions))]:
        found.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        found.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()
