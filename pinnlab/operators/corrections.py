"""How the answer of a network becomes the correction of a forecast."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.admissible import require_counts
from pinnlab.operators.sensors import SensorArray


class Correction(abc.ABC):
    """Frozen settings.  All fields are scaled to deviation 1."""

    @abc.abstractmethod
    def channels(self, fields: int) -> int:
        """Of the network's answer, for fields of so many channels."""

    @abc.abstractmethod
    def require_fits(self, sensors: SensorArray) -> None:
        """Refuse sensors that it is not defined for.

        Raises:
            ValueError: If it is not.
        """

    @abc.abstractmethod
    def __call__(self, answer: Tensor, innovations: Tensor, sensors: SensorArray) -> Tensor:
        """The correction `(batch, channels, *grid)`.

        Args:
            answer: Of the network, `(batch, self.channels(channels), *grid)`.
            innovations: Readings minus what the forecast says of them, `(batch, channels, m)`.
            sensors: On the grid.
        """


@dataclass(frozen=True)
class Direct(Correction):
    """The network's answer, in units of the root mean square of the innovations.

    It needs no errors of the sensors and assumes nothing of the gain, so that it takes more training than `LowRank`.
    """

    def channels(self, fields: int) -> int:  # noqa: D102
        return fields

    def require_fits(self, sensors: SensorArray) -> None:  # noqa: D102
        return

    def __call__(self, answer: Tensor, innovations: Tensor, sensors: SensorArray) -> Tensor:  # noqa: D102
        size = innovations.square().mean((1, 2)).sqrt()
        return size.reshape(-1, *[1] * (answer.ndim - 1)) * answer


@dataclass(frozen=True)
class LowRank(Correction):
    """The Kalman gain of a covariance of low rank whose factor is the network's answer.

    The network answers with r fields v_1, …, v_r, the directions in which the forecast may be wrong and how far, in
    units of the root mean square of the innovations d (not less than the deviation of their errors).  With V the matrix
    of these columns, Y = H V its rows at the sensors, and R the covariance of the errors of the sensors,

        V (I + Yᵀ R⁻¹ Y)⁻¹ Yᵀ R⁻¹ d = P Hᵀ (H P Hᵀ + R)⁻¹ d,    P = V Vᵀ.

    Chaotic dynamics of which few directions grow need a rank of about their number.

    Args:
        rank: r.

    Raises:
        ValueError: If it is no positive whole number; on training, if the sensors are without errors.
    """

    rank: int = 8

    def __post_init__(self) -> None:
        require_counts(self, rank=self.rank)

    def channels(self, fields: int) -> int:  # noqa: D102
        return self.rank * fields

    def require_fits(self, sensors: SensorArray) -> None:  # noqa: D102
        if not bool((sensors.deviation > 0).all()):
            raise ValueError(
                "LowRank: the sensors are without errors, and their covariance is not regular; use Direct()"
            )

    def __call__(self, answer: Tensor, innovations: Tensor, sensors: SensorArray) -> Tensor:  # noqa: D102
        fields = innovations.shape[1]
        noise = (sensors.deviation / sensors.size).to(answer).reshape(1, fields, 1)
        whitened = innovations / noise
        size = whitened.square().mean((1, 2)).clamp_min(1).sqrt().reshape(-1, *[1] * (answer.ndim - 1))
        factor = (size * answer).unflatten(1, (self.rank, fields))
        factor = factor * noise.reshape(1, 1, fields, *[1] * (answer.ndim - 2))
        seen = (sensors.read(factor) / noise).flatten(2)
        inverse = seen @ seen.mT + torch.eye(self.rank, dtype=seen.dtype, device=seen.device)
        weights = torch.linalg.solve(inverse, seen @ whitened.flatten(1).unsqueeze(-1))
        return (factor.flatten(2).mT @ weights).reshape(len(answer), fields, *answer.shape[2:])
