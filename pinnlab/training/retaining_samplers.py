"""Samplers that keep points of the last draw: more points where the residual is large, or better ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pinnlab.admissible import require_counts, require_not_negative
from pinnlab.training.samplers import (
    Region,
    Residual,
    Sampler,
    adaptive_density,
    finite_sizes,
    pick,
    require_settings,
)


@dataclass(frozen=True)
class ResidualAdaptiveRefinement(Sampler):
    """Uniform points, to which more are added where the residual is large: RAR-D of [1].

    Each time `added` points are drawn from uniform candidates with probability proportional to
    |r|^k / mean(|r|^k) + c, without replacement, and all earlier ones are kept, until there are `most`.

    Args:
        points: Points of the first draw.
        added: Points that join in each later one.
        most: Largest number in all; when it is reached the points stay as they are.
        candidates: Uniform points that the residual is evaluated at, at least `added`.
        every: Optimiser steps between refinements.
        k: Exponent, >= 0.  c: Floor, >= 0.

    [1] C. Wu, M. Zhu, Q. Tan, Y. Kartha, L. Lu, CMAME 403 (2023) 115671, Algorithm 3.
    """

    points: int = 2000
    added: int = 200
    most: int = 10000
    candidates: int = 20000
    every: int = 50
    k: float = 2.0
    c: float = 0.0

    def __post_init__(self) -> None:
        require_settings(self)
        require_counts(self, added=self.added, most=self.most, candidates=self.candidates)
        if self.candidates < self.added:
            raise ValueError(
                f"ResidualAdaptiveRefinement: candidates = {self.candidates} < added = {self.added}; draw more"
            )
        if self.most < self.points:
            raise ValueError(f"ResidualAdaptiveRefinement: most = {self.most} < points = {self.points}; allow more")
        require_not_negative(self, k=self.k, c=self.c)

    def draw(
        self, rng: np.random.Generator, region: Region, residual: Residual, previous: np.ndarray | None = None
    ) -> np.ndarray:
        """The previous points and those that join them.

        Raises:
            SolveFailed: If the residual is not finite at a candidate.
            ValueError: If too few candidates have a residual.
        """
        if previous is None:
            return region.sample(self.points, rng)
        missing = min(self.added, self.most - len(previous))
        if missing <= 0:
            return previous
        candidates = region.sample(self.candidates, rng)
        chance = adaptive_density(finite_sizes(self, residual, candidates), self.k, self.c)
        return np.concatenate([previous, pick(self, rng, candidates, chance, missing)])


@dataclass(frozen=True)
class RetainResampleRelease(Sampler):
    """A constant population of points of which those with a large residual stay: R3 of [1].

    Each time the points whose |r| is above the mean over the population are retained, the others are released,
    and as many uniform points take their place.  Points gather where the residual is large, and are released
    again once it has fallen there.  With `weighting=CausalGate()` it is Causal R3.

    Args:
        points: Size of the population.
        every: Optimiser steps between redraws; 1 in [1], where a step is an iteration of `Adam`.

    [1] A. Daw, J. Bu, S. Wang, P. Perdikaris, A. Karpatne, ICML 2023, arXiv:2207.02338, Algorithm 1.
    """

    points: int = 5000
    every: int = 1

    def __post_init__(self) -> None:
        require_settings(self)

    def draw(
        self, rng: np.random.Generator, region: Region, residual: Residual, previous: np.ndarray | None = None
    ) -> np.ndarray:
        """The retained points in their order, then the new ones.

        Raises:
            SolveFailed: If the residual is not finite at a point.
        """
        if previous is None:
            return region.sample(self.points, rng)
        size = finite_sizes(self, residual, previous)
        retained = previous[size > size.mean()]
        return np.concatenate([retained, region.sample(self.points - len(retained), rng)])
