"""Assimilation that predicts and corrects one estimate, with a learned gain."""

from __future__ import annotations

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


@dataclass(frozen=True, eq=False)
class Estimate:
    """One estimate `(batch, channels, *grid)`, and what the gain remembers, `(batch, memory, *grid)`."""

    field: Tensor
    memory: Tensor


@dataclass(frozen=True, eq=False)
class Gain:
    """u ← u + correction(K(u, d / s, mask, log s, h), d), where d are the innovations, readings minus those of u.

    Fields are scaled to mean 0 and deviation 1, d is 0 at nodes without sensor, and s is the root mean square of d over
    the sensors of a sample, so that K sees numbers of order one whether errors are large or small.  The network K gives
    the next memory h, too, under a tanh.  Estimates are cut off at `largest`: a solver may not survive states that are
    far from all it was made for, and those of an untrained gain are.

    Attributes:
        network: K, from 2 channels + 2 + memory to those of the correction + memory.
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
        return Estimate(guess, guess.new_zeros((len(guess), self.memory, *guess.shape[2:])))

    def corrected(self, forecast: Estimate, readings: Tensor) -> Estimate:
        """The estimate after readings `(batch, channels, m)`."""
        fields = forecast.field
        deviation = self.scaling.deviation
        innovations = (readings - self.sensors.read(fields)) / deviation.flatten(1)
        size = innovations.square().mean((1, 2)).sqrt().clamp_min(LEAST)
        size = size.reshape(-1, *[1] * (fields.ndim - 1))
        seen = self.sensors.spread(innovations) / size
        mask = self.sensors.mask.to(fields).expand(len(fields), 1, *self.sensors.grid)
        values = [self.scaling.encode(fields), seen, mask, size.log().expand_as(mask), forecast.memory]
        answer = self.network(torch.cat(values, dim=1), self.positions)
        answer, memory = answer.tensor_split([answer.shape[1] - self.memory], dim=1)
        scaled = values[0] + self.correction(answer, innovations, self.sensors)
        kept = scaled.clamp(-self.largest, self.largest)
        return Estimate(self.scaling.decode(kept), memory.tanh())


def gain_signature(channels: int, memory: int, correction: Correction, like: Signature) -> Signature:
    """What the network of a gain is built for, on the grid of another signature."""
    into, out = 2 * channels + 2 + memory, correction.channels(channels) + memory
    return Signature(into, out, like.grid, like.dimension, like.periodic, like.dtype)


@dataclass(frozen=True, eq=False)
class TrainedGain(Assimilation[Estimate]):
    """Predict by the forecast, correct by a gain that was learned: one forecast and one call of a network per cycle.

    It is meant for the forecast model, the sensors, the noise and the cycle that it was trained with.

    Attributes:
        architecture: The settings of the network.
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
        return Estimate(self.forecast(state.field), state.memory)

    def estimate(self, state: Estimate) -> Tensor:  # noqa: D102
        return state.field
