"""Cubics between two times that make no new extremum beside a passing front."""

from __future__ import annotations

import numpy as np

# A monotone cubic has slopes of at most three times the mean slope; a parabola with its vertex inside needs up to four.
_STEEPEST = 4.0


Ends = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def limited_cubic(ends: Ends, share: np.ndarray | float, order: int = 0, deciding: Ends | None = None) -> np.ndarray:
    """The cubic with given values and slopes at s = 0 and s = 1, its slopes limited, or a derivative of it.

    A slope is kept if it is no steeper than four times the larger of the difference of the values and, where the two
    slopes have opposite signs, of the other slope; it is cut to that otherwise.  Slopes that both point away from the
    other value become zero.  Smooth data that the interval resolves are not limited, and the error is of fourth order.

    Args:
        ends: Values at s = 0 and at s = 1, slopes d/ds at s = 0 and at s = 1; any shape.
        share: s in [0, 1], to broadcast with the values.
        order: Of the derivative with respect to s.
        deciding: Values and slopes that decide about the limits.  Where `ends` are derivatives of these by a
            parameter, the result is the derivative of their cubic.  None takes `ends`.
    """
    before, after, rise, fall = ends
    decide = ends if deciding is None else deciding
    change = after - before
    a = _limited(decide[2], decide[3], decide[1] - decide[0], (rise, fall, change))
    b = _limited(decide[3], decide[2], decide[1] - decide[0], (fall, rise, change))
    # before + a s + (3 change - 2 a - b) s² + (a + b - 2 change) s³
    coefficients = [before, a, 3 * change - 2 * a - b, a + b - 2 * change]
    for _ in range(order):
        coefficients = [n * c for n, c in enumerate(coefficients)][1:]
    out = np.zeros_like(before)
    for c in reversed(coefficients):
        out = out * share + c
    return out


def _limited(slope: np.ndarray, other: np.ndarray, change: np.ndarray, of: tuple[np.ndarray, ...]) -> np.ndarray:
    """The limited slope, as the combination of (slope, other, change) that it is, of the arrays `of`."""
    turning = slope * other < 0
    by_other = turning & (np.abs(other) > np.abs(change))
    largest = _STEEPEST * np.where(by_other, np.abs(other), np.abs(change))
    # The bound with the sign of the slope: ±4 times the other slope or the change, whose own sign is undone.
    sign = np.sign(slope) * np.sign(np.where(by_other, other, change))
    bound = _STEEPEST * sign * np.where(by_other, of[1], of[2])
    cut = np.where(np.abs(slope) > largest, bound, of[0])
    return np.where(~turning & (slope * change < 0), 0.0, cut)
