"""How far a function or number is from those that an operator was trained on."""

from __future__ import annotations

import abc
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


@dataclass(frozen=True)
class Distance:
    """Of one input from the training data.

    Attributes:
        input: Its name.
        ratio: The distance over that of the farthest validation sample; of a number it is at most 1 inside the range of
            the training data.
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
        gap: The mean distance between neighbours: outside of the range the ratio is 1 and as many as gaps fit between.
    """

    lower: float
    upper: float
    gap: float

    def distance(self, name: str, values: np.ndarray) -> Distance:  # noqa: D102
        value, near = float(values.flat[0]), f"its range in the training data is {self.lower:.6g} to {self.upper:.6g}"
        if np.ptp(values) > ROUNDING * max(abs(value), abs(self.lower), abs(self.upper)):
            return Distance(name, math.inf, f"{name} is a function, and a number in the training data")
        outside = max(self.lower - value, value - self.upper)
        half = max(0.5 * (self.upper - self.lower), ROUNDING * max(abs(self.lower), abs(self.upper)), 1e-300)
        if outside <= ROUNDING * half:
            return Distance(name, min(1.0, 1 + outside / half), f"{name} = {value:.6g}, and {near}")
        gaps = outside / max(self.gap, 1e-300)
        told = f"{name} = {value:.6g} is out of range by {gaps:.3g} mean gaps between training values: {near}"
        return Distance(name, 1 + gaps, told)

    def tensors(self) -> dict[str, Tensor]:  # noqa: D102
        return {"range": torch.tensor([self.lower, self.upper, self.gap], dtype=torch.float64)}


@dataclass(frozen=True, eq=False)
class FunctionSpread(Spread):
    """The leading principal components of functions.

    Attributes:
        mean: Of the samples, `(nodes,)`.
        directions: Orthonormal, `(r, nodes)`.
        deviations: Along these, `(r,)`.
        farthest: The largest Mahalanobis distance, over √r, of validation samples in the span of the directions.
        outside: The largest share of their energy that is not in the span.
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
            f"is {inside:.3g} (per component; of validation samples up to {self.farthest:.3g}), and the share of its "
            f"energy outside of them {outside:.2g} (up to {self.outside:.2g})",
        )

    def parts(self, functions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of functions `(n, nodes)`: distances in the span over √r, and shares of energy outside, both `(n,)`.

        Where the training data do not deviate, all that differs from them is infinitely far.
        """
        off = functions.astype(float) - self.mean
        if not self.deviations.any():
            same = np.linalg.norm(off, axis=1) <= ROUNDING * np.linalg.norm(self.mean)
            return np.where(same, 0.0, np.inf), np.where(same, 0.0, 1.0)
        along = off @ self.directions.T
        inside = np.sqrt(np.mean((along / self.deviations) ** 2, axis=1))
        left = off - along @ self.directions
        energy = np.sum(off**2, axis=1)
        return inside, np.sum(left**2, axis=1) / np.where(energy > 0, energy, 1.0)

    def tensors(self) -> dict[str, Tensor]:  # noqa: D102
        found = {"mean": self.mean, "directions": self.directions, "deviations": self.deviations}
        limits = torch.tensor([self.farthest, self.outside], dtype=torch.float64)
        return {name: torch.from_numpy(np.ascontiguousarray(v)) for name, v in found.items()} | {"limits": limits}


@dataclass(frozen=True, eq=False)
class InputDistribution:
    """Of all inputs of the training data.

    A function is as far as the larger of two ratios, each to the largest among validation samples: of its Mahalanobis
    distance in the leading principal components, and of the share of its energy that is not in their span.

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
            validation: Likewise; None for every fifth sample of the training, which components are not made of then.

        Raises:
            ValueError: If there are fewer than two samples.
        """
        numbers = np.arange(len(training))
        if len(numbers) < 2:
            raise ValueError(
                f"the distribution of {len(numbers)} sample is unknown; give more, or train without family"
            )
        apart = numbers[::5] if validation is None and len(numbers) > 5 else numbers[:0]
        used = np.setdiff1d(numbers, apart)
        some = np.asarray(training[_spread_out(used)], float)
        if validation is not None:
            judged = np.asarray(validation[_spread_out(np.arange(len(validation)))], float)
        else:
            judged = np.asarray(training[_spread_out(apart)], float) if len(apart) else some
        found = [_spread(some[:, i], judged[:, i], len(numbers)) for i in range(len(names))]
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


def _spread(some: np.ndarray, judged: np.ndarray, count: int) -> Spread:
    """Of one input `(n, *grid)`."""
    rows, others = some.reshape(len(some), -1), judged.reshape(len(judged), -1)
    if np.all(np.ptp(rows, axis=1) <= ROUNDING * np.abs(rows).max(axis=1)):
        every = np.concatenate([rows[:, 0], others[:, 0]])
        lower, upper = float(every.min()), float(every.max())
        return NumberSpread(lower, upper, (upper - lower) / max(1, count - 1))
    mean = rows.mean(axis=0)
    _, sizes, directions = np.linalg.svd(rows - mean, full_matrices=False)
    if sizes[0] <= ROUNDING * np.linalg.norm(rows):
        # All functions are the same one, up to rounding.
        sizes = np.zeros_like(sizes)
    held = np.cumsum(sizes**2) / (np.sum(sizes**2) or 1.0)
    most = min(MOST, max(1, len(rows) // SHARE), int(np.sum(sizes > ROUNDING * sizes[0])))
    r = max(1, min(int(np.searchsorted(held, VARIANCE)) + 1, most))
    deviations = sizes[:r] / math.sqrt(max(1, len(rows) - 1))
    bare = FunctionSpread(mean, directions[:r], deviations, 1.0, 0.0)
    inside, outside = bare.parts(others)
    return FunctionSpread(mean, directions[:r], deviations, float(inside.max()), float(outside.max()))


def _read(prefix: str, tensors: Mapping[str, Tensor]) -> Spread:
    held = {name.removeprefix(prefix): v.numpy() for name, v in tensors.items() if name.startswith(prefix)}
    if "range" in held:
        return NumberSpread(*map(float, held["range"]))
    if set(held) != {"mean", "directions", "deviations", "limits"}:
        raise ValueError("the distribution of an input is missing or incomplete; train again")
    return FunctionSpread(held["mean"], held["directions"], held["deviations"], *map(float, held["limits"]))
