"""Assimilation that predicts and corrects one estimate, with a learned gain."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from pinnlab.networks.operator import OperatorArchitecture, OperatorNetwork, Signature
from pinnlab.operators.assimilation import Assimilation
from pinnlab.operators.corrections import Correction
from pinnlab.operators.forecasts import Forecast
from pinnlab.operators.normalisation import Scaling
from pinnlab.operators.sensors import SensorArray
from pinnlab.solver import Status

# Innovations are not divided by less than this share of the field's deviation.
LEAST = 1e-6
CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class Estimate:
    """One estimate, and what is handed on with it.

    Attributes:
        field: `(batch, channels, *grid)`.
        memory: Of the gain, `(batch, memory, *grid)`.
        directions: Of the estimate's error, `(batch, carried, channels, *grid)`.
    """

    field: Tensor
    memory: Tensor
    directions: Tensor

    def detached(self) -> Estimate:
        """The same without gradients."""
        return Estimate(self.field.detach(), self.memory.detach(), self.directions.detach())


@dataclass(frozen=True, eq=False)
class Gain:
    """u ← u + correction(K(u, d / s, mask, log s, h, p), d), where d are the innovations, readings minus those of u.

    Fields are scaled to mean 0 and deviation 1, d is 0 at nodes without sensor, and s is the root mean square of d over
    the sensors of a sample, so that K sees numbers of order one whether errors are large or small.  The network K gives
    the next memory h, too, under a tanh.  Where the correction carries directions of error, p is the logarithm of the
    root of the sum of their squares at each node; else there is no p.  Estimates are cut off at `largest`: a solver may
    not survive states that are far from all it was made for, and those of an untrained gain are.

    Attributes:
        network: K, from 2 channels + 2 + memory (and channels of p) to those of the correction + memory.
        correction: What becomes of its answer.
        sensors: On the grid.
        scaling: Of the fields.
        positions: Of the nodes, `(*grid, dimension)`.
        memory: Channels of h.
        largest: Size of scaled fields that is not exceeded.
    """

    network: OperatorNetwork
    correction: Correction
    sensors: SensorArray
    scaling: Scaling
    positions: Tensor
    memory: int
    largest: float

    def start(self, guess: Tensor) -> Estimate:
        """The estimate before anything is known, with an empty memory."""
        memory = guess.new_zeros((len(guess), self.memory, *guess.shape[2:]))
        return Estimate(guess, memory, guess.new_zeros((len(guess), self.correction.carried, *guess.shape[1:])))

    def corrected(self, forecast: Estimate, readings: Tensor) -> Estimate:
        """The estimate after readings `(batch, channels, m)`.

        Raises:
            ValueError: If they are not of the sensors.
        """
        self.sensors.require_own(readings)
        fields = forecast.field
        deviation = self.scaling.deviation
        innovations = (readings - self.sensors.read(fields)) / deviation.flatten(1)
        size = innovations.square().mean((1, 2)).sqrt().clamp_min(LEAST)
        size = size.reshape(-1, *[1] * (fields.ndim - 1))
        seen = self.sensors.spread(innovations) / size
        mask = self.sensors.mask.to(fields).expand(len(fields), 1, *self.sensors.grid)
        values = [self.scaling.encode(fields), seen, mask, size.log().expand_as(mask), forecast.memory]
        directions = forecast.directions / deviation
        if self.correction.carried:
            values.append(directions.square().sum(1).add(LEAST**2).log() / 2)
        answer = self.network(torch.cat(values, dim=1), self.positions)
        answer, memory = answer.tensor_split([answer.shape[1] - self.memory], dim=1)
        correction, directions = self.correction(answer, innovations, directions, self.sensors)
        return Estimate(self._cut(values[0] + correction), memory.tanh(), directions * deviation)

    def advanced(self, estimate: Estimate, forecast: Forecast) -> Estimate:
        """The estimate one cycle later, by as many forecasts as there are directions, and one."""
        later = forecast(estimate.field)
        if not self.correction.carried:
            return Estimate(later, estimate.memory, estimate.directions)
        with torch.no_grad():
            moved = self.scaling.encode((estimate.field[:, None] + estimate.directions).flatten(0, 1))
            moved = forecast(self._cut(moved)).reshape(estimate.directions.shape)
            return Estimate(later, estimate.memory, moved - later.detach()[:, None])

    def _cut(self, scaled: Tensor) -> Tensor:
        return self.scaling.decode(scaled.clamp(-self.largest, self.largest))


def gain_signature(channels: int, memory: int, correction: Correction, like: Signature) -> Signature:
    """What the network of a gain is built for, on the grid of another signature."""
    into = 2 * channels + 2 + memory + (channels if correction.carried else 0)
    out = correction.channels(channels) + memory
    return Signature(into, out, like.grid, like.dimension, like.periodic, like.dtype)


@dataclass(frozen=True, eq=False)
class TrainedGain(Assimilation[Estimate]):
    """Predict by the forecast, correct by a gain that was learned: one forecast and one call of a network per cycle.

    It is meant for the forecast model, the sensors, the noise and the cycle that it was trained with.

    Attributes:
        architecture: The settings of the network.
        signature: What it was built for.
        gain: With the weights found.
        forecast: The model.
        status: DONE, RUNNING if the training was stopped by its budget, or DIVERGED.
        seconds: That the training took.
        epoch: Whose weights these are, counted from 1; the best on the validation data, 0 for untrained ones.
        history: One number per epoch: step, seconds, loss, validation, …
        failure: Why the training diverged, if it did.

    Source: A. Singh, R. A. Borsoi, D. Erdogmus, T. Imbiriba, ICLR 2024, arXiv:2402.15656 (NODA): an observer whose gain
        is a Fourier neural operator.
    """

    architecture: OperatorArchitecture
    signature: Signature
    gain: Gain
    forecast: Forecast
    status: Status = Status.DONE
    seconds: float = 0.0
    epoch: int = 0
    history: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)
    failure: str = ""

    def start(self, guesses: Tensor, seed: int) -> Estimate:  # noqa: D102
        return self.gain.start(guesses[:, 0].to(self.gain.positions))

    def corrected(self, state: Estimate, readings: Tensor) -> Estimate:  # noqa: D102
        return self.gain.corrected(state, readings.to(self.gain.positions))

    def advanced(self, state: Estimate) -> Estimate:  # noqa: D102
        return self.gain.advanced(state, self.forecast)

    def estimate(self, state: Estimate) -> Tensor:  # noqa: D102
        return state.field

    def save(self, directory: str | os.PathLike[str]) -> None:
        """Write settings.json and weights.safetensors to a folder, which is made if it is not there.

        Of the forecast only its identity is kept.

        Raises:
            FileNotFoundError: If the folder that is to hold it does not exist.
        """
        from pinnlab.operators.gain_folder import write

        write(self, directory)

    @staticmethod
    def load(
        directory: str | os.PathLike[str],
        forecast: Forecast,
        *,
        network: OperatorArchitecture | None = None,
        device: torch.device = CPU,
    ) -> TrainedGain:
        """What `save` wrote; nothing in the folder is executed.

        Args:
            directory: The folder.
            forecast: The model that the gain was trained with: a `KnownForecast` of equal identity, or a function
                that does not say which it is if that one did not either.
            network: The architecture, if it is not one of pinnlab's own, such as `Given(module)`.
            device: Where it is to compute.

        Raises:
            FileNotFoundError: If a file is missing.
            ValueError: If a file is damaged, the two do not belong together, the architecture is not known, or the
                forecast is another one.
        """
        from pinnlab.operators.gain_folder import read

        return read(directory, forecast, network, device)
