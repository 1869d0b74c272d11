"""Where the residual is asked for: the contract; uniform and even points, and those where it is large."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pinnlab.admissible import require_counts, require_not_negative, require_whole
from pinnlab.errors import SolveFailed

# Points of the box around a domain that are tried for each point of the domain.
MOST_TRIES = 10_000


class Residual(Protocol):
    """The residual of the equations as it is now."""

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Its size (n,) at points (n, dim); for a system, its norm."""
        ...

    def jacobian(self, points: np.ndarray) -> np.ndarray:
        """Its derivative by the parameters (n, k, P) at points (n, dim), for k equations."""
        ...


@dataclass(frozen=True)
class Region:
    """What a sampler may know of a domain.

    Args:
        dim: The number of coordinates.
        sample: (n, generator) to n independent uniform points (n, dim).
        from_unit: A map of the unit cube (n, dim) onto the domain that preserves volume fractions, as a box
            has; None where there is none.
        bounds: Lower and upper corner (dim,) of a box around the domain; None where it is not known.
        contains: Points (n, dim) to whether they lie in the domain (n,); None where it is not known.
    """

    dim: int
    sample: Callable[[int, np.random.Generator], np.ndarray]
    from_unit: Callable[[np.ndarray], np.ndarray] | None = None
    bounds: tuple[np.ndarray, np.ndarray] | None = None
    contains: Callable[[np.ndarray], np.ndarray] | None = None

    def inside(self, unit: np.ndarray) -> np.ndarray:
        """Points (n, dim) of the unit cube, put into the domain or else into the box around it and cut to it.

        Raises:
            ValueError: If neither is known.
        """
        if self.from_unit is not None:
            return self.from_unit(unit)
        if self.bounds is None or self.contains is None:
            raise ValueError(
                "this domain is no image of the unit cube, and no box around it is known; "
                "use Uniform or ResidualAdaptive"
            )
        lower, upper = self.bounds
        points = lower + (upper - lower) * unit
        return points[self.contains(points)]

    def fill(self, n: int, unit: Callable[[int], np.ndarray]) -> np.ndarray:
        """The first n points inside, from as many points (m, dim) of `unit(m)` as that takes.

        Raises:
            ValueError: If neither a map nor a box is known, or the domain fills next to nothing of its box.
        """
        m = n
        while m < MOST_TRIES * n:
            points = self.inside(unit(m))
            if len(points) >= n:
                return points[:n]
            m = max(2 * m, math.ceil(1.1 * m * n / max(len(points), 1)) if len(points) > 100 else 0)
        raise ValueError("this domain fills next to nothing of the box around it; use Uniform or ResidualAdaptive")


class Sampler(abc.ABC):
    """A frozen dataclass of settings: how many points, where, and how often anew."""

    points: int
    """The number of points drawn."""

    every: int
    """Optimiser steps between redraws; 0 keeps the first draw."""

    @abc.abstractmethod
    def draw(
        self, rng: np.random.Generator, region: Region, residual: Residual, previous: np.ndarray | None = None
    ) -> np.ndarray:
        """Points (points, dim) of `region`.

        Args:
            rng: Of every random draw.
            region: Where.
            residual: Evaluated only by samplers that adapt.
            previous: The last draw, which samplers that keep points go on from; None before the first.
        """


@dataclass(frozen=True)
class Uniform(Sampler):
    """Independent uniform points."""

    points: int = 5000
    every: int = 0

    def __post_init__(self) -> None:
        require_settings(self)

    def draw(  # noqa: D102
        self, rng: np.random.Generator, region: Region, residual: Residual, previous: np.ndarray | None = None
    ) -> np.ndarray:
        return region.sample(self.points, rng)


@dataclass(frozen=True)
class UniformGrid(Sampler):
    """The midpoints of equal cells, as many along each axis as fit: at most `points` of them.

    Best for smooth integrands in one or two dimensions; in more, most of its points repeat each other's
    coordinates.  Redrawing gives the same points.  On a domain that is no box the grid is laid over the box
    around it.
    """

    points: int = 4096
    every: int = 0

    def __post_init__(self) -> None:
        require_settings(self)

    def draw(
        self, rng: np.random.Generator, region: Region, residual: Residual, previous: np.ndarray | None = None
    ) -> np.ndarray:
        """The finest grid with at most `points` points inside.

        Raises:
            ValueError: If the region has no map from the unit cube and no box around it.
        """
        cells, found = 0, np.zeros((0, region.dim))
        while cells == 0 or len(found) <= self.points:
            best = found
            cells += 1
            midpoints = (np.arange(cells) + 0.5) / cells
            axes = np.meshgrid(*[midpoints] * region.dim, indexing="ij")
            found = region.inside(np.stack([a.ravel() for a in axes], axis=1))
        return best


@dataclass(frozen=True)
class Sobol(Sampler):
    """Scrambled Sobol points: more even than independent ones, best at powers of two.

    On a domain that is no box they are drawn in the box around it, and those inside are taken.
    """

    points: int = 4096
    every: int = 0

    def __post_init__(self) -> None:
        require_settings(self)

    def draw(
        self, rng: np.random.Generator, region: Region, residual: Residual, previous: np.ndarray | None = None
    ) -> np.ndarray:
        """Points of the sequence's next power of two, cut to `points`, scrambled by `rng`.

        Raises:
            ValueError: If the region has no map from the unit cube and no box around it.
        """
        from scipy.stats import qmc

        def unit(n: int) -> np.ndarray:
            engine = qmc.Sobol(region.dim, scramble=True, rng=rng)
            return np.asarray(engine.random_base2(math.ceil(math.log2(n)))[:n])

        return region.fill(self.points, unit)


@dataclass(frozen=True)
class LatinHypercube(Sampler):
    """One point in each of n slices of every axis [1]: even in each coordinate alone, random in their pairing.

    On a domain that is no box they are drawn in the box around it, and those inside are taken.

    [1] M. D. McKay, R. J. Beckman, W. J. Conover, Technometrics 21 (1979) 239-245.
    """

    points: int = 4096
    every: int = 0

    def __post_init__(self) -> None:
        require_settings(self)

    def draw(
        self, rng: np.random.Generator, region: Region, residual: Residual, previous: np.ndarray | None = None
    ) -> np.ndarray:
        """Points in random order.

        Raises:
            ValueError: If the region has no map from the unit cube and no box around it.
        """
        from scipy.stats import qmc

        return region.fill(self.points, lambda n: np.asarray(qmc.LatinHypercube(region.dim, rng=rng).random(n)))


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
        require_settings(self)
        require_counts(self, candidates=self.candidates)
        if self.candidates < self.points:
            raise ValueError(f"ResidualAdaptive: candidates = {self.candidates} < points = {self.points}; draw more")
        require_not_negative(self, k=self.k, c=self.c)

    def draw(
        self, rng: np.random.Generator, region: Region, residual: Residual, previous: np.ndarray | None = None
    ) -> np.ndarray:
        """Adapted points.

        Raises:
            SolveFailed: If the residual is not finite at a candidate.
        """
        candidates = region.sample(self.candidates, rng)
        chance = adaptive_density(finite_sizes(self, residual, candidates), self.k, self.c)
        return pick(self, rng, candidates, chance, self.points)


def pick(owner: Sampler, rng: np.random.Generator, candidates: np.ndarray, chance: np.ndarray, n: int) -> np.ndarray:
    """Draw n of the candidates without replacement, with probabilities `chance` for the first.

    Raises:
        ValueError: If fewer than n have a chance.
    """
    if np.count_nonzero(chance) < n:
        raise ValueError(
            f"{type(owner).__name__}: only {np.count_nonzero(chance)} candidates have a residual, "
            f"and {n} are wanted; give c > 0"
        )
    return candidates[rng.choice(len(candidates), n, replace=False, p=chance)]


def finite_sizes(owner: Sampler, residual: Residual, points: np.ndarray) -> np.ndarray:
    """|residual| at points.

    Raises:
        SolveFailed: If it is not finite at one of them.
    """
    size = np.abs(residual(points))
    bad = np.flatnonzero(~np.isfinite(size))
    if len(bad):
        raise SolveFailed(
            f"{type(owner).__name__}: the residual is {size[bad[0]]} at {points[bad[0]].tolist()}; "
            "training has diverged or the equation is singular there"
        )
    return size


def adaptive_density(size: np.ndarray, k: float, c: float) -> np.ndarray:
    """Probabilities (n,) proportional to size^k / mean(size^k) + c; uniform where every size is zero."""
    largest = size.max()
    power = (size / largest if largest > 0 else np.ones_like(size)) ** k
    density = power / power.mean() + c
    return density / density.sum()


def require_settings(sampler: Sampler) -> None:
    """Raise a ValueError unless `points` and `every` are whole, the first positive and the other not negative."""
    require_counts(sampler, points=sampler.points)
    require_whole(sampler, 0, every=sampler.every)
