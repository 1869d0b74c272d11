"""Points that determine the parameters best: pivotal sampling by leverage scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pinnlab.admissible import require_counts, require_positive
from pinnlab.errors import SolveFailed
from pinnlab.training.refusals import require_memory
from pinnlab.training.samplers import Region, Residual, Sampler, require_settings

# Levels of the tree of cells along each axis, which decides who competes with whom.
TREE_BITS = 16


@dataclass(frozen=True)
class LeverageScore(Sampler):
    """Points with probability proportional to their leverage on the linearised least-squares problem, spread in space.

    The leverage of a candidate is the sum over its rows j of the residual's Jacobian J by the parameters of

        tau = j (J'J + ridge I)^{-1} j',

    which is large where few other points tell about the same parameters.  `points` of the candidates are drawn with
    inclusion probabilities proportional to it, capped at 1, by pivotal sampling [1]: neighbours compete, so that two
    of them are seldom both taken.  The residual's size plays no part; where it is what matters take
    `ResidualAdaptive`.  The loss does not divide by the probabilities, as unbiased regression would: it counts
    points of high leverage more than their volume.

    Costs one Jacobian of the candidates, which is held in memory (candidates * equations * parameters numbers, three
    times).

    Args:
        points: Points drawn.
        candidates: Uniform points among which they are chosen, at least `points`.
        every: Optimiser steps between redraws.
        ridge: In units of the largest diagonal entry of J'J.
        memory: Bytes that a draw may take; what would take more is refused before the Jacobian is made.

    [1] A. Shimizu, X. Cheng, C. Musco, J. Weare, ICLR 2024, arXiv:2310.04966, Algorithms 1 and 2.
    """

    points: int = 2000
    candidates: int = 10000
    every: int = 20
    ridge: float = 1e-10
    memory: float = 8e9

    def __post_init__(self) -> None:
        require_settings(self)
        require_counts(self, candidates=self.candidates)
        require_positive(self, ridge=self.ridge, memory=self.memory)
        if self.candidates < self.points:
            raise ValueError(f"LeverageScore: candidates = {self.candidates} < points = {self.points}; draw more")

    def draw(
        self, rng: np.random.Generator, region: Region, residual: Residual, previous: np.ndarray | None = None
    ) -> np.ndarray:
        """The chosen candidates.

        Raises:
            SolveFailed: If the Jacobian is not finite at a candidate, or the ridge too small for its rounding.
            ValueError: If fewer than `points` candidates have a leverage, or a draw takes more than `memory`.
        """
        candidates = region.sample(self.candidates, rng)
        self._require_memory(*residual.jacobian(candidates[:1]).shape[1:])
        rows = residual.jacobian(candidates)
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=(1, 2)))
        if len(bad):
            raise SolveFailed(
                f"LeverageScore: the residual's derivative by the parameters is not finite at "
                f"{candidates[bad[0]].tolist()}; training has diverged or the equation is singular there"
            )
        chance = inclusion_probabilities(leverage_scores(rows, self.ridge), self.points)
        return candidates[pivotal_sample(candidates, chance, rng)]

    def _require_memory(self, rows: int, parameters: int) -> None:
        # The Jacobian, the parts it is joined from or its whitened copy, and what the triangular solve copies; J'J and
        # its factor.
        numbers = 3.0 * self.candidates * rows * parameters + 2.0 * parameters**2
        what = f"the Jacobian of {self.candidates:,} candidates by {parameters:,} parameters"
        require_memory(self, what, numbers, self.memory, "give fewer candidates or a smaller network, or raise memory")


def leverage_scores(rows: np.ndarray, ridge: float) -> np.ndarray:
    """The leverage (n,) of n points with rows (n, k, P), summed over k; `ridge` as in `LeverageScore`.

    Raises:
        SolveFailed: If J'J + ridge I is not positive definite in rounding.
    """
    import scipy.linalg

    flat = rows.reshape(-1, rows.shape[2])
    gram = flat.T @ flat
    largest = gram.diagonal().max()
    if largest == 0:
        return np.zeros(len(rows))
    gram[np.diag_indices(len(gram))] += ridge * largest
    try:
        factor = np.linalg.cholesky(gram)
    except np.linalg.LinAlgError:
        raise SolveFailed(
            f"LeverageScore: J'J of {len(gram)} parameters is singular to rounding with ridge = {ridge}; give a larger "
            "ridge, such as 1e-8"
        ) from None
    whitened = scipy.linalg.solve_triangular(factor, flat.T, lower=True)
    return np.asarray(np.square(whitened).sum(0).reshape(rows.shape[:2]).sum(1))


def inclusion_probabilities(scores: np.ndarray, count: int) -> np.ndarray:
    """min(1, a * score) with the a for which they sum to `count`.

    Raises:
        ValueError: If fewer than `count` scores are positive.
    """
    positive = np.count_nonzero(scores > 0)
    if positive < count:
        raise ValueError(
            f"only {positive} candidates have a leverage and {count} points are wanted; give fewer points or a "
            "larger network"
        )
    certain = np.zeros(len(scores), dtype=bool)
    while True:
        rest = scores[~certain].sum()
        left = count - np.count_nonzero(certain)
        chance = np.where(certain, 1.0, scores * (left / rest if rest > 0 else 0.0))
        beyond = (chance >= 1) & ~certain
        if not beyond.any():
            return chance
        certain |= beyond


def pivotal_sample(points: np.ndarray, chance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Indices of a sample of fixed size in which i is included with probability chance[i]; neighbours compete.

    In each fight of two points their probabilities are moved from one to the other, until one is 0 or 1 and drops
    out; the other goes on.  The fights are those of a tournament on the tree of cells that halve the axes in turn.

    Args:
        points: (n, dim).
        chance: (n,) in [0, 1], of whole sum.
        rng: Decides the fights.
    """
    chance = chance.copy()
    alive = _tree_order(points)
    while len(alive) > 1:
        pairs = len(alive) // 2
        a, b = alive[0 : 2 * pairs : 2], alive[1 : 2 * pairs : 2]
        chance[a], chance[b] = _fight(chance[a], chance[b], rng.random(pairs))
        decided = (chance[a] <= 0) | (chance[a] >= 1)
        alive = np.concatenate([np.where(decided, b, a), alive[2 * pairs :]])
    # All are decided but the last, which is so up to rounding.
    return np.flatnonzero(chance > 0.5)


def _fight(p: np.ndarray, q: np.ndarray, luck: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """New probabilities, the same on average and in sum, one of each pair 0 or 1."""
    total = p + q
    few = total < 1
    with np.errstate(divide="ignore", invalid="ignore"):
        first_wins = luck < np.where(few, p / total, (1 - q) / (2 - total))
    winner = np.where(few, total, 1.0)
    loser = np.where(few, 0.0, total - 1)
    new_p, new_q = np.where(first_wins, winner, loser), np.where(first_wins, loser, winner)
    settled = (total == 0) | (total == 2) | (p == 0) & (q == 1) | (p == 1) & (q == 0)
    return np.where(settled, p, new_p), np.where(settled, q, new_q)


def _tree_order(points: np.ndarray) -> np.ndarray:
    """The points sorted along the tree that halves the axes in turn, by rank: neighbours in it are close."""
    n, dim = points.shape
    bits = min(TREE_BITS, 62 // dim) if dim < 62 else 1
    key = np.zeros(n, dtype=np.int64)
    ranks = [np.argsort(np.argsort(points[:, d], kind="stable"), kind="stable") for d in range(dim)]
    cells = [rank * (1 << bits) // n for rank in ranks]
    for level in reversed(range(bits)):
        for cell in cells[:62]:
            key = (key << 1) | ((cell >> level) & 1)
    return np.argsort(key, kind="stable")
