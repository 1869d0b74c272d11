"""Whether the standard deviation of an answer tells how far it is from the truth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pinnlab.field import Field
from pinnlab.metrics import comparison_nodes, free_up_to_a_constant

COVERAGE, CRPS, DEVIATION = "coverage_90", "crps", "relative_deviation"
SCORES = (COVERAGE, CRPS, DEVIATION)
# 90 % of a normal distribution lie within so many standard deviations of its mean.
WITHIN_90 = 1.6448536269514722
NODES = 10_000
# Relative to the largest value: errors and deviations below it are rounding.
ROUNDING = 1e-12
# The reference may leave so much of the coverage open, and no more.
OPEN = 0.05


@dataclass(frozen=True)
class Score:
    """One number about a standard deviation.

    Attributes:
        value: None where there is none.
        bound: By how much the reference's own error may have changed it.
        reason: Why there is no value.
    """

    value: float | None
    bound: float = 0.0
    reason: str = ""


def calibration(u: Field, truth: Field, bounds: Mapping[str, float]) -> dict[str, Score]:
    """Scores of the standard deviation of a field at nodes of its domain; none where it has no deviation.

    `coverage_90` is the share of nodes at which the truth lies within mean ± 1.6449 deviations, 0.9 for a calibrated
    answer in the mean over many problems; values at neighbouring nodes go together, so that of a single problem it may
    well be 0.7 or 1.  Nodes whose value is known to rounding, as on a boundary where it is given, do not count.
    `crps` is the mean of the continuous ranked probability score over all nodes, relative to the root mean square of
    the truth, so that it has no unit and does not depend on that of the unknowns, unless the truth is zero throughout;
    for a deviation of zero it is the mean error.  `relative_deviation` is the root mean square of the
    deviation relative to that of the truth, to be held against the relative L2 error.  Unknowns that are free up to a
    constant are left out.

    Args:
        u: The answer.
        truth: What it is measured against.
        bounds: The reference's bounds by the names of metrics; empty if the truth is exact.
    """
    spread, problem = u.deviation, u.problem
    if spread is None:
        return {}
    free = free_up_to_a_constant(problem)
    kept = [i for i, name in enumerate(problem.names) if name not in free]
    if not kept:
        return dict.fromkeys(SCORES, Score(None, reason="all unknowns are free up to a constant"))
    nodes = comparison_nodes(problem, NODES)
    mean, deviation, exact = (nodes.values(f)[kept] for f in (u, spread, truth))
    if not all(np.isfinite(values).all() for values in (mean, deviation, exact)):
        return dict.fromkeys(SCORES, Score(None, reason="the answer, its deviation or the truth is not finite"))
    size = _rms(exact) or 1.0
    # A reference that tells no bound of its largest error may be anywhere.
    off = bounds.get("max_error", math.inf if bounds else 0.0)
    ranked = off / size if free else bounds.get("relative_l2", off / size)
    return {
        COVERAGE: coverage(exact - mean, deviation, off, ROUNDING * float(np.abs(exact).max())),
        CRPS: Score(float(crps(exact - mean, deviation).mean()) / size, ranked),
        DEVIATION: Score(_rms(deviation) / size),
    }


def coverage(error: np.ndarray, deviation: np.ndarray, off: float = 0.0, rounding: float = 0.0) -> Score:
    """The share of errors within 1.6449 standard deviations; none where the truth's own error leaves it open.

    Args:
        error: Of any shape.
        deviation: In the same shape.
        off: How far the truth may be from where the errors were measured.
        rounding: Errors and deviations that are both below it are not counted.
    """
    doubtful = (deviation > rounding) | (np.abs(error) > rounding + off)
    if not doubtful.any():
        return Score(None, reason="every value is known to rounding, or within the reference's own bound")
    distance, reach = np.abs(error[doubtful]), WITHIN_90 * deviation[doubtful]
    # The truth may be anywhere within its bound, in favour of the answer or against it.
    least, value, most = (float((distance + shift <= reach).mean()) for shift in (off + rounding, 0.0, -off - rounding))
    if most - least > OPEN:
        return Score(
            None, reason=f"the reference's own bound {off:.1e} leaves it open between {least:.2f} and {most:.2f}"
        )
    return Score(value, max(value - least, most - value))


def crps(error: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """The continuous ranked probability score of normal distributions, in the unit of the errors; smaller is better.

    With z = error / deviation and the distribution Φ and density φ of a standard normal number it is
    deviation (z (2 Φ(z) - 1) + 2 φ(z) - 1/√π), for a deviation of zero |error| (T. Gneiting, A. E. Raftery, Strictly
    Proper Scoring Rules, Prediction, and Estimation, J. Amer. Statist. Assoc. 102, 2007, section 4.2, there with the
    opposite sign).

    Args:
        error: Truth less mean, of any shape.
        deviation: Standard deviations in the same shape, zero or more.
    """
    from scipy.special import ndtr

    certain = deviation <= 0
    with np.errstate(over="ignore"):
        z = error / np.where(certain, 1.0, deviation)
        density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    score = error * (2 * ndtr(z) - 1) + deviation * (2 * density - 1 / math.sqrt(math.pi))
    return np.where(certain, np.abs(error), score)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
