"""How far a function or number is from those that an operator was trained on."""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

# Principal components hold this share of the variance, but are at most so many, and of a share of the samples.
VARIANCE, MOST, SHARE = 0.99, 64, 4
# Samples that components are made of.
SAMPLES = 512
# Numbers and variances below this share of the largest are rounding of single precision.
ROUNDING = 1e-6
# Shares of energy below this are rounding, too.
SMALLEST_SHARE = 1e-8
# Parts of the training data, each of which is judged by the others.
FOLDS = 5
# The share of fresh members, for each input, that may be farther than the limit which samples let expect.
REFUSED = 0.002


@dataclass(frozen=True)
class Distance:
    """Of one input from the training data.

    Attributes:
        input: Its name.
        ratio: The distance over the largest that is expected of members; of a number it is at most 1 inside the range
            of the training data.
        said: In words, with numbers.
    """

    input: str
    ratio: float
    said: str


class Spread(abc.ABC):
    """What is remembered of one input of the training data."""

    @abc.abstractmethod
    def distance(self, name: str, values: np.ndarray) -> Distance:
        """Of values `(*grid)` on the nodes of the training."""

    @abc.abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """What it holds, by name."""


@dataclass(frozen=True)
class NumberSpread(Spread):
    """The range of a number.

    Attributes:
        lower: The least.
        upper: The largest.
        below: As far under the range members may be; farther down the ratio is how many times as far.
        above: Likewise over it.
    """

    lower: float
    upper: float
    below: float
    above: float

    def distance(self, name: str, values: np.ndarray) -> Distance:  # noqa: D102
        value, near = float(values.flat[0]), f"its range in the training data is {self.lower:.6g} to {self.upper:.6g}"
        if not np.isfinite(values).all():
            return Distance(name, math.inf, f"{name} is not finite, and {near}")
        if np.ptp(values) > ROUNDING * max(abs(value), abs(self.lower), abs(self.upper)):
            return Distance(name, math.inf, f"{name} is a function, and a number in the training data")
        outside = max(self.lower - value, value - self.upper)
        half = max(0.5 * (self.upper - self.lower), ROUNDING * max(abs(self.lower), abs(self.upper)), 1e-300)
        if outside <= ROUNDING * half:
            return Distance(name, min(1.0, 1 + outside / half), f"{name} = {value:.6g}, and {near}")
        room = self.below if value < self.lower else self.above
        told = f"{name} = {value:.6g} is out of range by {outside:.3g}, and members by up to {room:.3g}: {near}"
        return Distance(name, max(1.0, outside / max(room, 1e-300)), told)

    def tensors(self) -> dict[str, Tensor]:  # noqa: D102
        return {"range": torch.tensor([self.lower, self.upper, self.below, self.above], dtype=torch.float64)}


@dataclass(frozen=True, eq=False)
class FunctionSpread(Spread):
    """The leading principal components of functions.

    Attributes:
        mean: Of the samples, `(nodes,)`.
        directions: Orthonormal, `(r, nodes)`.
        deviations: Along these, `(r,)`.
        farthest: The largest Mahalanobis distance, over √r, that is expected of members in the span of the directions.
        outside: The largest share of their energy that is expected not to be in the span.
    """

    mean: np.ndarray = field(repr=False)
    directions: np.ndarray = field(repr=False)
    deviations: np.ndarray = field(repr=False)
    farthest: float
    outside: float

    def distance(self, name: str, values: np.ndarray) -> Distance:  # noqa: D102
        inside, outside = (float(found[0]) for found in self.parts(values.reshape(1, -1)))
        ratio = max(_over(inside, self.farthest), _over(outside, max(self.outside, SMALLEST_SHARE)))
        return Distance(
            name,
            ratio,
            f"the Mahalanobis distance of {name} in {len(self.deviations)} principal components of the training data "
            f"is {inside:.3g} (per component; of members up to {self.farthest:.3g}), and the share of its energy "
            f"outside of them {outside:.2g} (up to {self.outside:.2g})",
        )

    def parts(self, functions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of functions `(n, nodes)`: distances in the span over √r, and shares of energy outside, both `(n,)`.

        Where the training data do not deviate, all that differs from them is infinitely far.  What is outside by no
        more than rounding, of functions near the mean nearly all that there is, counts for nothing.
        """
        off = functions.astype(float) - self.mean
        if not self.deviations.any():
            same = np.linalg.norm(off, axis=1) <= ROUNDING * np.linalg.norm(self.mean)
            return np.where(same, 0.0, np.inf), np.where(same, 0.0, 1.0)
        along = off @ self.directions.T
        inside = np.sqrt(np.mean((along / self.deviations) ** 2, axis=1))
        energy, left = np.sum(off**2, axis=1), np.sum((off - along @ self.directions) ** 2, axis=1)
        size = np.sum(self.mean**2) + np.sum(self.deviations**2)
        return inside, np.where(left <= ROUNDING**2 * size, 0.0, left / np.where(energy > 0, energy, 1.0))

    def tensors(self) -> dict[str, Tensor]:  # noqa: D102
        found = {"mean": self.mean, "directions": self.directions, "deviations": self.deviations}
        limits = torch.tensor([self.farthest, self.outside], dtype=torch.float64)
        return {name: torch.from_numpy(np.ascontiguousarray(v)) for name, v in found.items()} | {"limits": limits}


@dataclass(frozen=True, eq=False)
class InputDistribution:
    """Of all inputs of the training data.

    A function is as far as the larger of two ratios: of its Mahalanobis distance in the leading principal components,
    and of the share of its energy that is not in their span, each to the largest that is expected of members.  That is
    the largest found on validation samples and on each fifth of the training data by the components of the others, or,
    where samples are few, the limit that a fresh one exceeds with probability 1/1000 if distances are normal (Student's
    prediction limit, G. J. Hahn, J. Amer. Statist. Assoc. 64, 1969, p. 878).

    A number may be outside of the range of the training data as far as all but one of 500 fresh members are, if the
    density does not vary near its ends; how dense it is there the outermost √n samples tell.

    Attributes:
        spreads: One for each input.
    """

    names: tuple[str, ...]
    spreads: tuple[Spread, ...]

    @staticmethod
    def of(names: Sequence[str], training: Any, validation: Any | None) -> InputDistribution:
        """That of samples.

        Args:
            names: Of the inputs.
            training: `(n, inputs, *grid)`, sliced and indexed.
            validation: Likewise, or None.

        Raises:
            ValueError: If there are fewer than two samples.
        """
        numbers = np.arange(len(training))
        if len(numbers) < 2:
            raise ValueError(
                f"the distribution of {len(numbers)} sample is unknown; give more, or train without family"
            )
        some = np.asarray(training[_spread_out(numbers)], float)
        others = some[:0]
        if validation is not None:
            others = np.asarray(validation[_spread_out(np.arange(len(validation)))], float)
        found = [_spread(some[:, i], others[:, i]) for i in range(len(names))]
        return InputDistribution(tuple(names), tuple(found))

    def distances(self, channels: np.ndarray) -> list[Distance]:
        """Of a member's inputs `(inputs, *grid)` on the nodes of the training, the farthest first."""
        found = [s.distance(n, v) for n, s, v in zip(self.names, self.spreads, channels, strict=True)]
        return sorted(found, key=lambda d: -d.ratio)

    def tensors(self) -> dict[str, Tensor]:
        """All numbers, by names."""
        return {f"input_{i}_{k}": v for i, s in enumerate(self.spreads) for k, v in s.tensors().items()}

    @staticmethod
    def from_tensors(names: Sequence[str], tensors: Mapping[str, Tensor]) -> InputDistribution:
        """What `tensors` gave.

        Raises:
            ValueError: If something is missing.
        """
        return InputDistribution(tuple(names), tuple(_read(f"input_{i}_", tensors) for i in range(len(names))))


def _over(value: float, largest: float) -> float:
    """The ratio; infinite where it is no number, unless the value is zero."""
    if value == 0:
        return 0.0
    ratio = value / largest if largest else math.inf
    return ratio if math.isfinite(ratio) else math.inf


def _spread_out(numbers: np.ndarray) -> np.ndarray:
    """At most so many of increasing numbers as components are made of, evenly spread."""
    if len(numbers) <= SAMPLES:
        return numbers
    return numbers[np.linspace(0, len(numbers) - 1, SAMPLES).round().astype(int)]


def _spread(some: np.ndarray, judged: np.ndarray) -> Spread:
    """Of one input `(n, *grid)`."""
    rows = some.reshape(len(some), -1)
    others = judged.reshape(len(judged), rows.shape[1])
    if np.all(np.ptp(rows, axis=1) <= ROUNDING * np.abs(rows).max(axis=1)):
        return _number_spread(np.concatenate([rows[:, 0], others[:, 0]]))
    bare = _components(rows)
    inside, outside = (np.concatenate(both) for both in zip(_judged(rows), bare.parts(others), strict=True))
    # A share of energy is the square of a distance.
    return dataclasses.replace(bare, farthest=_expected(inside), outside=_expected(np.sqrt(outside)) ** 2)


def _number_spread(values: np.ndarray) -> NumberSpread:
    """The outermost √n values tell how far apart they are at the ends.

    A fresh value is beyond an end with probability 1/(n + 1), and then as far as spacings are, of which the mean of m
    is known: by more than k of them with probability (1 + k/m)^-m, where they are exponential.
    """
    order, n = np.sort(values), len(values)
    m = min(n - 1, math.ceil(math.sqrt(n)))
    # Each end has half of the share.
    k = max(1.0, m * ((0.5 * REFUSED * (n + 1)) ** (-1 / m) - 1))
    below, above = order[m] - order[0], order[-1] - order[-1 - m]
    return NumberSpread(float(order[0]), float(order[-1]), float(k * below / m), float(k * above / m))


def _components(rows: np.ndarray) -> FunctionSpread:
    """Those of functions `(n, nodes)`; how far members may be is left open."""
    mean = rows.mean(axis=0)
    _, sizes, directions = np.linalg.svd(rows - mean, full_matrices=False)
    if sizes[0] <= ROUNDING * np.linalg.norm(rows):
        # All functions are the same one, up to rounding.
        sizes = np.zeros_like(sizes)
    held = np.cumsum(sizes**2) / (np.sum(sizes**2) or 1.0)
    most = min(MOST, max(1, len(rows) // SHARE), int(np.sum(sizes > ROUNDING * sizes[0])))
    r = max(1, min(int(np.searchsorted(held, VARIANCE)) + 1, most))
    return FunctionSpread(mean, directions[:r], sizes[:r] / math.sqrt(max(1, len(rows) - 1)), 1.0, 0.0)


def _judged(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances of functions `(n, nodes)` from the components of those in other parts of them, both `(n,)`."""
    if len(rows) < 3:
        return _components(rows).parts(rows)
    # Nothing here leaves the span of the functions: their coordinates in it are as good, and fewer than nodes.
    flat = rows @ np.linalg.qr(rows.T)[0] if len(rows) < rows.shape[1] else rows
    numbers = np.arange(len(flat))
    found = [
        _components(flat[numbers % FOLDS != part]).parts(flat[numbers % FOLDS == part])
        for part in range(min(FOLDS, len(flat)))
    ]
    inside, outside = (np.concatenate(each) for each in zip(*found, strict=True))
    return inside, outside


def _expected(distances: np.ndarray) -> float:
    """The largest distance that is expected of members, not less than that of any of these."""
    import scipy.stats

    known = distances[np.isfinite(distances)]
    largest, n = float(known.max(initial=0.0)), len(known)
    if n < 2:
        return largest
    quantile = float(scipy.stats.t.ppf(1 - 0.5 * REFUSED, n - 1)) * math.sqrt(1 + 1 / n)
    return max(largest, float(known.mean() + quantile * known.std(ddof=1)))


def _read(prefix: str, tensors: Mapping[str, Tensor]) -> Spread:
    held = {name.removeprefix(prefix): v.numpy() for name, v in tensors.items() if name.startswith(prefix)}
    if "range" in held:
        return NumberSpread(*map(float, held["range"]))
    if set(held) != {"mean", "directions", "deviations", "limits"}:
        raise ValueError("the distribution of an input is missing or incomplete; train again")
    return FunctionSpread(held["mean"], held["directions"], held["deviations"], *map(float, held["limits"]))
