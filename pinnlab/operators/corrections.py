"""How the answer of a network becomes the correction of a forecast."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.admissible import require_counts, require_not_negative, require_positive
from pinnlab.operators.sensors import SensorArray

# Of the logarithm of what is added: from an unknown start to a model without errors it falls by orders of magnitude.
RANGE = 4.0


class Correction(abc.ABC):
    """Frozen settings.  All fields are scaled to deviation 1."""

    @property
    def carried(self) -> int:
        """Directions of the estimate's error that the forecast model carries to the next cycle, one forecast each."""
        return 0

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
    def __call__(
        self, answer: Tensor, innovations: Tensor, directions: Tensor, sensors: SensorArray
    ) -> tuple[Tensor, Tensor]:
        """The correction `(batch, channels, *grid)`, and the directions after it, which have no gradient.

        Args:
            answer: Of the network, `(batch, self.channels(channels), *grid)`.
            innovations: Readings minus what the forecast says of them, `(batch, channels, m)`.
            directions: Those carried here, `(batch, self.carried, channels, *grid)`.
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

    def __call__(  # noqa: D102
        self, answer: Tensor, innovations: Tensor, directions: Tensor, sensors: SensorArray
    ) -> tuple[Tensor, Tensor]:
        size = innovations.square().mean((1, 2)).sqrt()
        return size.reshape(-1, *[1] * (answer.ndim - 1)) * answer, directions


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
        _require_errors(self, sensors)

    def __call__(  # noqa: D102
        self, answer: Tensor, innovations: Tensor, directions: Tensor, sensors: SensorArray
    ) -> tuple[Tensor, Tensor]:
        factor = _in_units_of(innovations, answer.unflatten(1, (self.rank, innovations.shape[1])), sensors)
        return _kalman(factor, innovations, sensors)[0], directions


@dataclass(frozen=True)
class CarriedCovariance(Correction):
    """The Kalman gain of a covariance that is carried from cycle to cycle, to which the network adds what it misses.

    c directions W of the last estimate's error are carried by the forecast model, w ↦ F(u + w) − F(u), for one more
    forecast each.  The network answers with r fields V as in `LowRank`, and with a number g of a sample, the mean over
    the grid of one more channel:

        P = α² W Wᵀ + (β e^(4g))² V Vᵀ,    K = P Hᵀ (H P Hᵀ + R)⁻¹,

    and the c leading directions of (I − K H) P are carried on.  So the network has to learn neither how errors grow
    under the dynamics nor how readings shrink them, but what the estimate's errors are at first, and those of the
    forecast model: the noise of that model in a square-root filter of reduced rank [1].  There are no directions
    before the first readings.

    It takes c + 1 forecasts per cycle; c should be no less than the number of directions that grow or hardly shrink.
    With `LowRank` a cycle takes one.

    Args:
        rank: r.
        directions: c.
        inflation: α, as in ensemble filters.
        share: β.  Like α it may be tuned on validation data after training: adding too much costs little in one cycle
            and more in the long run, which training over few cycles hardly sees.
        surprise: V is added only where the mean over the sensors of d² / (R + α² H W Wᵀ Hᵀ)ᵢᵢ, which is 1 on average if
            the carried covariance is right, is at least this; from 0 on, which adds always.  About 1.5 suits forecast
            models without errors, which need nothing once the truth is found.

    Raises:
        ValueError: If a number is not positive, or r or c not whole; on training, if the sensors are without errors.

    [1] M. Verlaan, A. W. Heemink, Stoch. Hydrol. Hydraul. 11 (1997) 349-368: the reduced-rank square-root filter.
    """

    rank: int = 8
    directions: int = 6
    inflation: float = 1.0
    share: float = 1.0
    surprise: float = 0.0

    def __post_init__(self) -> None:
        require_counts(self, rank=self.rank, directions=self.directions)
        require_positive(self, inflation=self.inflation, share=self.share)
        require_not_negative(self, surprise=self.surprise)

    @property
    def carried(self) -> int:  # noqa: D102
        return self.directions

    def channels(self, fields: int) -> int:  # noqa: D102
        return self.rank * fields + 1

    def require_fits(self, sensors: SensorArray) -> None:  # noqa: D102
        _require_errors(self, sensors)

    def __call__(  # noqa: D102
        self, answer: Tensor, innovations: Tensor, directions: Tensor, sensors: SensorArray
    ) -> tuple[Tensor, Tensor]:
        answer, number = answer.tensor_split([-1], dim=1)
        added = _in_units_of(innovations, answer.unflatten(1, (self.rank, innovations.shape[1])), sensors)
        b = self.share * (RANGE * number.flatten(1).mean(1)).exp().reshape(-1, *[1] * (added.ndim - 1))
        carried = self.inflation * directions
        factor = torch.cat([carried, self._surprised(carried, innovations, sensors) * b * added], dim=1)
        correction, inverse = _kalman(factor, innovations, sensors)
        return correction, _leading(factor.detach(), inverse.detach(), self.directions)

    def _surprised(self, carried: Tensor, innovations: Tensor, sensors: SensorArray) -> Tensor:
        """1 where V is added and 0 elsewhere, `(batch, 1, …)`."""
        variance = sensors.read(carried).square().sum(1) + _noise(carried, sensors) ** 2
        ratio = (innovations.square() / variance).mean((1, 2))
        return (ratio >= self.surprise).to(carried).reshape(-1, *[1] * (carried.ndim - 1))


def _require_errors(correction: Correction, sensors: SensorArray) -> None:
    if not bool((sensors.deviation > 0).all()):
        raise ValueError(
            f"{type(correction).__name__}: the sensors are without errors, and their covariance is not regular; use "
            "Direct()"
        )


def _in_units_of(innovations: Tensor, factor: Tensor, sensors: SensorArray) -> Tensor:
    """Directions `(batch, r, channels, *grid)` times the root mean square of the innovations, at least the noise."""
    noise = _noise(factor, sensors)
    size = (innovations / noise).square().mean((1, 2)).clamp_min(1).sqrt()
    ones = [1] * (factor.ndim - 3)
    return factor * size.reshape(-1, 1, 1, *ones) * noise.reshape(1, 1, -1, *ones)


def _noise(like: Tensor, sensors: SensorArray) -> Tensor:
    """Deviations of the sensors' errors in scaled units, `(1, channels, 1)`."""
    return (sensors.deviation / sensors.size).to(like).reshape(1, -1, 1)


def _kalman(factor: Tensor, innovations: Tensor, sensors: SensorArray) -> tuple[Tensor, Tensor]:
    """V G⁻¹ Yᵀ R⁻¹ d of V `(batch, r, channels, *grid)`, and G = I + Yᵀ R⁻¹ Y, `(batch, r, r)`, in double precision."""
    # Where the errors of the sensors are small, single precision would lose I beside Yᵀ R⁻¹ Y.
    read, innovations = sensors.read(factor).double(), innovations.double()
    noise = _noise(read, sensors)
    seen = (read / noise).flatten(2)
    total = seen @ seen.mT + torch.eye(seen.shape[1], dtype=seen.dtype, device=seen.device)
    weights = torch.linalg.solve(total, seen @ (innovations / noise).flatten(1).unsqueeze(-1)).to(factor)
    return (factor.flatten(2).mT @ weights).reshape(len(factor), *factor.shape[2:]), total


def _leading(factor: Tensor, total: Tensor, c: int) -> Tensor:
    """The c leading directions of V G⁻¹ Vᵀ, `(batch, c, channels, *grid)`, for G in double precision."""
    columns = factor.flatten(2).double()
    columns = torch.linalg.solve_triangular(torch.linalg.cholesky(total), columns, upper=False)
    _, vectors = torch.linalg.eigh(columns @ columns.mT)
    return (vectors[..., -c:].mT @ columns).unflatten(2, factor.shape[2:]).to(factor)
