"""Ensemble Kalman filters: the analysis step, on arrays."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.admissible import require_positive


def gaspari_cohn(distance: Tensor, half_width: float) -> Tensor:
    """A correlation function that looks like a Gaussian and vanishes from 2c on, elementwise, with z = |d| / c.

        1 − 5/3 z² + 5/8 z³ + 1/2 z⁴ − 1/4 z⁵                      0 <= z <= 1
        4 − 5 z + 5/3 z² + 5/8 z³ − 1/2 z⁴ + 1/12 z⁵ − 2/(3 z)     1 <= z <= 2

    An infinite half-width c gives 1 everywhere.

    Source: G. Gaspari, S. E. Cohn, Q. J. R. Meteorol. Soc. 125 (1999) 723-757, Eq. (4.10).
    """
    if half_width == math.inf:
        return torch.ones_like(distance)
    z = distance.abs() / half_width
    near = 1 + z**2 * (-5 / 3 + z * (5 / 8 + z * (1 / 2 - z / 4)))
    w = z.clamp(1, 2)
    # Near 2c rounding alone would make it negative.
    far = (4 + w * (-5 + w * (5 / 3 + w * (5 / 8 + w * (-1 / 2 + w / 12)))) - 2 / (3 * w)).clamp_min(0)
    return torch.where(z <= 1, near, torch.where(z < 2, far, torch.zeros_like(z)))


@dataclass(frozen=True, eq=False)
class Reading:
    """What sensors say of one state, and what each member of an ensemble would have them say.

    Attributes:
        values: Measured, `(…, m)`.
        predicted: Of the members, without noise, `(…, members, m)`.
        deviation: Of the independent errors of the sensors, `(m,)`, positive.
        to_states: Distances of sensors from the entries of the state, `(m, n)`.
        between: Distances between sensors, `(m, m)`.
    """

    values: Tensor
    predicted: Tensor
    deviation: Tensor
    to_states: Tensor
    between: Tensor


class EnsembleFilter(abc.ABC):
    """Frozen settings of an analysis: an ensemble that forecasts becomes one that knows the readings too."""

    @abc.abstractmethod
    def analysis(self, ensemble: Tensor, reading: Reading, generator: torch.Generator) -> Tensor:
        """The members after the readings, `(…, members, n)`.

        Args:
            ensemble: Members before the readings, `(…, members, n)`, two or more; whatever stands before the last two
                axes are ensembles of their own.
            reading: In the same order.
            generator: Of what is drawn, on the processor.

        Raises:
            ValueError: If there are fewer than two members.
        """


@dataclass(frozen=True)
class StochasticEnkf(EnsembleFilter):
    """xᵢ ← xᵢ + K (y + εᵢ − H xᵢ) with K = (ρ ∘ P Hᵀ) (ρ ∘ H P Hᵀ + R)⁻¹ and εᵢ drawn from N(0, R) [1, 2].

    P is the covariance of the ensemble, over members − 1, after its deviations from the mean are multiplied by the
    inflation; the εᵢ are shifted to mean 0.  ρ is `gaspari_cohn` of the distance [3].

    Args:
        inflation: From 1 on (smaller factors shrink the ensemble): a filter with few members is too sure of itself.
        half_width: c of the localisation in the units of the distances; infinite for none.  Around a period it must be
            at most a quarter of it, or the tapered covariance may not be positive definite.

    Raises:
        ValueError: If a number is not positive; in an analysis, if the tapered covariance is not positive definite.

    [1] G. Burgers, P. J. van Leeuwen, G. Evensen, Mon. Weather Rev. 126 (1998) 1719-1724.
    [2] J. L. Anderson, S. L. Anderson, Mon. Weather Rev. 127 (1999) 2741-2758: inflation.
    [3] P. L. Houtekamer, H. L. Mitchell, Mon. Weather Rev. 129 (2001) 123-137, Eq. (6).
    """

    inflation: float = 1.0
    half_width: float = math.inf

    def __post_init__(self) -> None:
        require_positive(self, inflation=self.inflation)
        if self.half_width != math.inf:
            require_positive(self, half_width=self.half_width)

    def analysis(self, ensemble: Tensor, reading: Reading, generator: torch.Generator) -> Tensor:  # noqa: D102
        mean, states = _centred(ensemble)
        seen_mean, seen = _centred(reading.predicted)
        states, seen = self.inflation * states, self.inflation * seen
        cross, own = _covariance(states, seen), _covariance(seen, seen)
        near = gaspari_cohn(reading.to_states, self.half_width).mT, gaspari_cohn(reading.between, self.half_width)
        total = near[1] * own + torch.diag(reading.deviation**2)
        draws = torch.randn(seen.shape, generator=generator, dtype=seen.dtype).to(seen) * reading.deviation
        _, draws = _centred(draws)
        innovation = reading.values.unsqueeze(-2) + draws - seen_mean - seen
        root, failed = torch.linalg.cholesky_ex(total)
        if bool(failed.any()):
            raise ValueError(
                f"{self}: the tapered covariance is not positive definite; around a period half_width must be at most "
                "a quarter of it, or infinite"
            )
        solved = torch.cholesky_solve(innovation.mT, root)
        return mean + states + (near[0] * cross @ solved).mT


@dataclass(frozen=True)
class Etkf(EnsembleFilter):
    """The ensemble transform Kalman filter: nothing is drawn, and mean and covariance are those of the Kalman formula.

    With X, Y the deviations of members and of what they predict (one column each), k members and inflation r,

        P̃ = [(k − 1)/r² I + Yᵀ R⁻¹ Y]⁻¹,    x̄ ← x̄ + X P̃ Yᵀ R⁻¹ (y − ȳ),    X ← X [(k − 1) P̃]^(1/2),

    with the symmetric root.  r multiplies deviations, so that the source's ρ is r².  Without localisation it needs more
    members than there are growing directions.

    Args:
        inflation: r, from 1 on.

    Raises:
        ValueError: If it is not positive.

    Source: B. R. Hunt, E. J. Kostelich, I. Szunyogh, Physica D 230 (2007) 112-126, section 2.3, steps 4-8.
    """

    inflation: float = 1.0

    def __post_init__(self) -> None:
        require_positive(self, inflation=self.inflation)

    def analysis(self, ensemble: Tensor, reading: Reading, generator: torch.Generator) -> Tensor:  # noqa: D102
        mean, states = _centred(ensemble)
        seen_mean, seen = _centred(reading.predicted)
        innovation = reading.values.unsqueeze(-2) - seen_mean
        whitened = seen / reading.deviation
        weights, transform = _transform(whitened, innovation / reading.deviation, self.inflation)
        return mean + (weights + transform) @ states


@dataclass(frozen=True)
class Letkf(EnsembleFilter):
    """The local ensemble transform Kalman filter: `Etkf` for each entry of the state, with the sensors near it.

    The weight R⁻¹ of a sensor is multiplied by `gaspari_cohn` of its distance from the entry.

    Args:
        inflation: As in `Etkf`.
        half_width: c of the localisation in the units of the distances, finite; sensors count up to 2c away.

    Raises:
        ValueError: If a number is not positive.

    Source: B. R. Hunt, E. J. Kostelich, I. Szunyogh, Physica D 230 (2007) 112-126, sections 2.3 and 3.
    """

    inflation: float = 1.0
    half_width: float = 1.0

    def __post_init__(self) -> None:
        require_positive(self, inflation=self.inflation, half_width=self.half_width)

    def analysis(self, ensemble: Tensor, reading: Reading, generator: torch.Generator) -> Tensor:  # noqa: D102
        mean, states = _centred(ensemble)
        seen_mean, seen = _centred(reading.predicted)
        innovation = reading.values.unsqueeze(-2) - seen_mean
        # One analysis for each entry of the state, in front of members and sensors.
        roots = gaspari_cohn(reading.to_states, self.half_width).mT.sqrt().unsqueeze(-2) / reading.deviation
        weights, transform = _transform(seen.unsqueeze(-3) * roots, innovation.unsqueeze(-3) * roots, self.inflation)
        return mean + ((weights + transform) @ states.mT.unsqueeze(-1)).squeeze(-1).mT


def _transform(seen: Tensor, innovation: Tensor, inflation: float) -> tuple[Tensor, Tensor]:
    """Weights of the mean `(…, 1, members)` and the root `(…, members, members)`, of whitened deviations."""
    k = seen.shape[-2]
    inverse = seen @ seen.mT + (k - 1) / inflation**2 * torch.eye(k, dtype=seen.dtype, device=seen.device)
    values, vectors = torch.linalg.eigh(inverse)
    weights = ((innovation @ seen.mT @ vectors) / values.unsqueeze(-2)) @ vectors.mT
    root = (vectors * ((k - 1) / values).sqrt().unsqueeze(-2)) @ vectors.mT
    return weights, root


def _centred(members: Tensor) -> tuple[Tensor, Tensor]:
    """The mean `(…, 1, n)` and the deviations from it."""
    if members.shape[-2] < 2:
        raise ValueError(f"ensemble Kalman filter: {members.shape[-2]} member has no covariance; give two or more")
    mean = members.mean(-2, keepdim=True)
    return mean, members - mean


def _covariance(some: Tensor, others: Tensor) -> Tensor:
    """Of deviations `(…, members, n)` and `(…, members, m)`: `(…, n, m)`."""
    return some.mT @ others / (some.shape[-2] - 1)
