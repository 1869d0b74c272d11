"""Data assimilation: estimates of an evolving field from a forecast model and sparse, noisy sensors, cycle by cycle."""

from __future__ import annotations

import abc
import time
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from pinnlab.errors import SolveFailed
from pinnlab.numerics.ensemble_kalman import EnsembleFilter, Reading
from pinnlab.operators.forecasts import Forecast
from pinnlab.operators.sensors import SensorArray

State = TypeVar("State")


class Assimilation(abc.ABC, Generic[State]):
    """A method of assimilation for one forecast model and one array of sensors."""

    @abc.abstractmethod
    def start(self, guesses: Tensor, seed: int) -> State:
        """The state before the first reading.

        Args:
            guesses: What might be the field then, `(batch, members, channels, *grid)`.
            seed: Of what the method draws.
        """

    @abc.abstractmethod
    def corrected(self, state: State, readings: Tensor) -> State:
        """The state after readings `(batch, channels, m)` at its time."""

    @abc.abstractmethod
    def advanced(self, state: State) -> State:
        """The state one cycle later, before the readings there."""

    @abc.abstractmethod
    def estimate(self, state: State) -> Tensor:
        """The field `(batch, channels, *grid)` as the method sees it."""


@dataclass(frozen=True, eq=False)
class Assimilated:
    """Estimates of an assimilation.

    Attributes:
        fields: After each reading, `(batch, cycles, channels, *grid)`.
        seconds: Per cycle of the whole batch, the device's work counted in.
    """

    fields: Tensor
    seconds: float

    def __post_init__(self) -> None:
        _require_tensors("Assimilated", fields=self.fields)

    def errors(self, truth: Tensor) -> Tensor:
        """‖estimate − truth‖ over the root mean square of ‖truth‖ in all cycles: `(batch, cycles)`.

        Args:
            truth: As the fields.

        Raises:
            ValueError: If it is no tensor, or of another shape.
        """
        _require_tensors("Assimilated.errors", truth=truth)
        if truth.shape != self.fields.shape:
            raise ValueError(
                f"Assimilated.errors: truth {tuple(truth.shape)} and fields {tuple(self.fields.shape)}; give the truth "
                "of all these cycles, (batch, cycles, channels, *grid)"
            )
        apart = (self.fields - truth).flatten(2).norm(dim=2)
        return apart / truth.flatten(2).norm(dim=2).square().mean(1, keepdim=True).sqrt()


def assimilate(method: Assimilation[State], guesses: Tensor, readings: Tensor, seed: int = 0) -> Assimilated:
    """Run an assimilation: correct, advance, and so on until the last readings.

    Args:
        method: The method.
        guesses: What might be the field at the first readings, `(batch, members, channels, *grid)`; those with a single
            estimate start from the first member.
        readings: Of the sensors, `(batch, cycles, channels, m)`.
        seed: Of what the method draws.

    Raises:
        ValueError: If guesses and readings are no tensors, or not of the same number of fields and channels, or there
            are no readings, some of either are not finite, or the method's sensors are others.
    """
    _require_tensors("assimilate", guesses=guesses, readings=readings)
    batches = len(guesses) == len(readings) if guesses.ndim and readings.ndim else False
    if guesses.ndim < 4 or readings.ndim != 4 or not batches or not readings.shape[1]:
        raise ValueError(
            f"assimilate: guesses {tuple(guesses.shape)} and readings {tuple(readings.shape)}; give guesses (batch, "
            "members, channels, *grid) and readings (batch, cycles, channels, sensors) of as many fields"
        )
    if guesses.shape[2] != readings.shape[2]:
        raise ValueError(
            f"assimilate: guesses of {guesses.shape[2]} channels and readings of {readings.shape[2]}; sensors read all "
            "channels of a field"
        )
    for name, given, part in (("guesses", guesses, "member"), ("readings", readings, "cycle")):
        wrong = torch.nonzero(~torch.isfinite(given))
        if len(wrong):
            sample, number = wrong[0, :2].tolist()
            raise ValueError(
                f"assimilate: the {name} hold NaN or infinity, first in sample {sample}, {part} {number}; all sensors "
                "must be read in every cycle, and every guess be finite"
            )
    found = []
    with torch.no_grad():
        state = method.start(guesses, seed)
        _wait_for(method.estimate(state))
        begin = time.perf_counter()
        for cycle in range(readings.shape[1]):
            state = method.corrected(method.advanced(state) if cycle else state, readings[:, cycle])
            found.append(method.estimate(state))
        _wait_for(found[-1])
        seconds = time.perf_counter() - begin
    return Assimilated(torch.stack(found, dim=1), seconds / readings.shape[1])


def _require_tensors(who: str, **given: Tensor) -> None:
    for name, value in given.items():
        if not isinstance(value, Tensor):
            raise ValueError(
                f"{who}: {name} is a {type(value).__name__}; give a tensor, as torch.from_numpy(array) makes of an "
                "array"
            )


def _wait_for(values: Tensor) -> None:
    """Until the device has computed them: an accelerator works behind the clock of the processor."""
    values.flatten()[:1].cpu()


@dataclass(frozen=True, eq=False)
class FreeRun(Assimilation[Tensor]):
    """The forecast of the first guess, which no reading corrects: what an assimilation is to be better than.

    Args:
        forecast: The model.
    """

    forecast: Forecast

    def start(self, guesses: Tensor, seed: int) -> Tensor:  # noqa: D102
        return guesses[:, 0]

    def corrected(self, state: Tensor, readings: Tensor) -> Tensor:  # noqa: D102
        return state

    def advanced(self, state: Tensor) -> Tensor:  # noqa: D102
        return self.forecast(state)

    def estimate(self, state: Tensor) -> Tensor:  # noqa: D102
        return state


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Members `(batch, members, channels, *grid)`, and the generator of what is drawn."""

    members: Tensor
    generator: torch.Generator


@dataclass(frozen=True, eq=False)
class EnsembleAssimilation(Assimilation[Ensemble]):
    """An ensemble Kalman filter: as many forecasts per cycle as there are members; the estimate is their mean.

    Args:
        forecast: The model.
        sensors: With errors of positive deviation.
        analysis: `StochasticEnkf(…)`, `Etkf(…)` or `Letkf(…)`; distances are in the units of the coordinates.

    Raises:
        ValueError: If a channel is read without errors.
        SolveFailed: In a run, if members become non-finite.
    """

    forecast: Forecast
    sensors: SensorArray
    analysis: EnsembleFilter

    def __post_init__(self) -> None:
        for deviation in self.sensors.deviation.tolist():
            if not deviation > 0:
                raise ValueError(
                    f"{type(self).__name__}: the sensors have errors of deviation {deviation:g}, and a Kalman filter "
                    "divides by it; give Sensors(…, noise=…) a positive noise"
                )

    def start(self, guesses: Tensor, seed: int) -> Ensemble:  # noqa: D102
        return Ensemble(guesses, torch.Generator().manual_seed(seed))

    def corrected(self, state: Ensemble, readings: Tensor) -> Ensemble:  # noqa: D102
        self.sensors.require_own(readings)
        # In double precision: covariances of ensembles that agree nearly vanish.
        fields = state.members.double()
        if not bool(torch.isfinite(fields).all()):
            raise SolveFailed(
                f"{self.analysis}: the members became non-finite; lower the inflation, or use a forecast model that "
                "survives states off its attractor"
            )
        channels, m = readings.shape[1:]
        to_nodes, between = self.sensors.to_nodes.to(fields), self.sensors.between.to(fields)
        reading = Reading(
            readings.to(fields).flatten(1),
            self.sensors.read(fields).flatten(2),
            self.sensors.deviation.to(fields).repeat_interleave(m),
            to_nodes.repeat(channels, channels),
            between.repeat(channels, channels),
        )
        after = self.analysis.analysis(fields.flatten(2), reading, state.generator)
        return Ensemble(after.reshape(fields.shape).to(state.members), state.generator)

    def advanced(self, state: Ensemble) -> Ensemble:  # noqa: D102
        later = self.forecast(state.members.flatten(0, 1))
        return Ensemble(later.reshape(state.members.shape), state.generator)

    def estimate(self, state: Ensemble) -> Tensor:  # noqa: D102
        return state.members.mean(1)
