"""Where the residual is asked for: uniform, quasi-random, or where it is large."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pinnlab.errors import SolveFailed
from pinnlab.training.optimizer import require_positive

Residual = Callable[[np.ndarray], np.ndarray]
"""Points (n, dim) to the size of the residual there (n,); for a system, its norm."""


@dataclass(frozen=True)
class Region:
    """What a sampler may know of a domain.

    Args:
        dim: The number of coordinates.
        sample: (n, generator) to n independent uniform points (n, dim).
        from_unit: A map of the unit cube (n, dim) onto the domain that preserves volume fractions, as a box
            has; None where there is none.
    """

    dim: int
    sample: Callable[[int, np.random.Generator], np.ndarray]
    from_unit: Callable[[np.ndarray], np.ndarray] | None = None


class Sampler(abc.ABC):
    """A frozen dataclass of settings: how many points, where, and how often anew."""

    points: int
    """The number of points drawn."""

    every: int
    """Optimiser steps between redraws; 0 keeps the first draw."""

    @abc.abstractmethod
    def draw(self, rng: np.random.Generator, region: Region, residual: Residual) -> np.ndarray:
        """Points (points, dim) of `region`; `residual` is called only by samplers that adapt."""


@dataclass(frozen=True)
class Uniform(Sampler):
    """Independent uniform points."""

    points: int = 5000
    every: int = 0

    def __post_init__(self) -> None:
        _check(self)

    def draw(self, rng: np.random.Generator, region: Region, residual: Residual) -> np.ndarray:  # noqa: D102
        return region.sample(self.points, rng)


@dataclass(frozen=True)
class Sobol(Sampler):
    """Scrambled Sobol points: more even than independent ones, best at powers of two; for boxes only."""

    points: int = 4096
    every: int = 0

    def __post_init__(self) -> None:
        _check(self)

    def draw(self, rng: np.random.Generator, region: Region, residual: Residual) -> np.ndarray:
        """Points of the sequence's next power of two, cut to `points`, scrambled by `rng`.

        Raises:
            ValueError: If the region has no map from the unit cube.
        """
        from scipy.stats import qmc

        if region.from_unit is None:
            raise ValueError("Sobol: this domain is no image of the unit cube; use Uniform or ResidualAdaptive")
        engine = qmc.Sobol(region.dim, scramble=True, rng=rng)
        return region.from_unit(engine.random_base2(math.ceil(math.log2(self.points)))[: self.points])


@dataclass(frozen=True)
class ResidualAdaptive(Sampler):
    """More points where the residual is large.

    They are drawn from uniform candidates with probability proportional to

        |r|^k / mean(|r|^k) + c,

    without replacement, all of them anew each time: the RAD method of [1], Eq. 2.  Large k crowds the points
    where the residual is largest, large c spreads them.  Weights do not compensate for the density: the loss
    counts large residuals more than their volume, which is the point.

    Args:
        points: Points drawn.
        candidates: Uniform points that the residual is evaluated at, at least `points`.
        every: Optimiser steps between redraws.
        k: Exponent, >= 0.  c: Floor, >= 0.

    [1] C. Wu, M. Zhu, Q. Tan, Y. Kartha, L. Lu, CMAME 403 (2023) 115671.
    """

    points: int = 5000
    candidates: int = 20000
    every: int = 10
    k: float = 1.0
    c: float = 1.0

    def __post_init__(self) -> None:
        _check(self)
        if self.candidates < self.points:
            raise ValueError(f"ResidualAdaptive: candidates = {self.candidates} < points = {self.points}; draw more")
        if not (0 <= self.k < math.inf and 0 <= self.c < math.inf):
            raise ValueError(f"ResidualAdaptive: k = {self.k}, c = {self.c}; give non-negative numbers")

    def draw(self, rng: np.random.Generator, region: Region, residual: Residual) -> np.ndarray:
        """Adapted points.

        Raises:
            SolveFailed: If the residual is not finite at a candidate.
        """
        candidates = region.sample(self.candidates, rng)
        size = np.abs(residual(candidates))
        bad = np.flatnonzero(~np.isfinite(size))
        if len(bad):
            raise SolveFailed(
                f"ResidualAdaptive: the residual is {size[bad[0]]} at {candidates[bad[0]].tolist()}; "
                "training has diverged or the equation is singular there"
            )
        chance = adaptive_density(size, self.k, self.c)
        if np.count_nonzero(chance) < self.points:
            raise ValueError(
                f"ResidualAdaptive: only {np.count_nonzero(chance)} candidates have a residual; give c > 0"
            )
        return candidates[rng.choice(self.candidates, self.points, replace=False, p=chance)]


def adaptive_density(size: np.ndarray, k: float, c: float) -> np.ndarray:
    """Probabilities (n,) proportional to size^k / mean(size^k) + c; uniform where every size is zero."""
    largest = size.max()
    power = (size / largest if largest > 0 else np.ones_like(size)) ** k
    density = power / power.mean() + c
    return density / density.sum()


def _check(sampler: Sampler) -> None:
    require_positive(sampler, points=sampler.points)
    if sampler.every < 0:
        raise ValueError(f"{type(sampler).__name__}: every = {sampler.every}; give 0 or more steps")
