"""How far to go along a direction of descent."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from pinnlab.admissible import require_counts, require_numbers

ROUNDING = 1e-15
"""A rise of the loss by this share of itself is rounding."""


@dataclass(frozen=True, eq=False)
class Trial:
    """A point on the line: its distance in units of the direction, the loss, its slope and its gradient (P,)."""

    length: float
    loss: float
    slope: float
    gradient: Tensor

    @property
    def finite(self) -> bool:
        """Whether loss and slope are numbers."""
        return math.isfinite(self.loss) and math.isfinite(self.slope)


@dataclass(frozen=True)
class StrongWolfe:
    """A length t with both strong Wolfe conditions, by bracketing and zooming [1].

        loss(t) <= loss(0) + decrease t slope(0),   |slope(t)| <= curvature |slope(0)|

    Lengths are cubic interpolants, kept off the ends of their bracket.  A loss that is no number counts as
    infinite: the length is divided by four.  Near a minimum the first condition is lost in rounding; a rise by
    1e-15 of the loss is therefore let through, and the slopes decide.

    Args:
        decrease: In (0, 1/2).
        curvature: In (decrease, 1): 0.9 for quasi-Newton directions.
        evaluations: Most losses and gradients evaluated.

    [1] J. Nocedal, S. J. Wright, Numerical Optimization, 2nd ed. (2006), Algorithms 3.5 and 3.6, Eq. 3.59.
    """

    decrease: float = 1e-4
    curvature: float = 0.9
    evaluations: int = 25

    def __post_init__(self) -> None:
        require_counts(self, evaluations=self.evaluations)
        require_numbers(self, decrease=self.decrease, curvature=self.curvature)
        if not 0 < self.decrease < self.curvature < 1 or self.decrease >= 0.5:
            raise ValueError(
                f"StrongWolfe: decrease = {self.decrease}, curvature = {self.curvature}; "
                "give 0 < decrease < 1/2 and decrease < curvature < 1"
            )

    def search(self, evaluate: Callable[[float], Trial], start: Trial, first: float) -> tuple[Trial | None, int]:
        """The trial chosen and the number of evaluations; `start` has length 0 and a negative slope.

        When the evaluations run out, the best trial with the first condition is returned, or None if no loss fell.
        """
        best, length = start, first
        for used in range(1, self.evaluations + 1):
            trial = evaluate(length)
            if self._too_far(trial, start) or (used > 1 and trial.loss >= best.loss):
                return self._zoom(evaluate, start, best, trial, used)
            if self._flat(trial, start):
                return trial, used
            if trial.slope > 0:
                return self._zoom(evaluate, start, trial, best, used)
            # At least doubled: constant steps from a small first length would use up the evaluations.
            length = min(max(_cubic_minimum(best, trial), 2 * length), 10 * length)
            best = trial
        return (best if best.loss < start.loss else None), self.evaluations

    def _zoom(
        self, evaluate: Callable[[float], Trial], start: Trial, low: Trial, high: Trial, used: int
    ) -> tuple[Trial | None, int]:
        """Search between `low`, the best so far with the first condition, and `high`."""
        while used < self.evaluations and abs(high.length - low.length) > 1e-14 * max(high.length, low.length):
            width = high.length - low.length
            if high.finite:
                ends = sorted((low.length + 0.1 * width, high.length - 0.1 * width))
                length = min(max(_cubic_minimum(low, high), ends[0]), ends[1])
            else:
                length = low.length + width / 4
            trial, used = evaluate(length), used + 1
            if self._too_far(trial, start) or trial.loss > low.loss:
                high = trial
                continue
            if self._flat(trial, start):
                return trial, used
            if trial.slope * (high.length - low.length) >= 0:
                high = low
            low = trial
        return (low if low.loss < start.loss else None), used

    def _too_far(self, trial: Trial, start: Trial) -> bool:
        allowed = start.loss + self.decrease * trial.length * start.slope + ROUNDING * abs(start.loss)
        return not (trial.finite and trial.loss <= allowed)

    def _flat(self, trial: Trial, start: Trial) -> bool:
        return abs(trial.slope) <= -self.curvature * start.slope


def _cubic_minimum(a: Trial, b: Trial) -> float:
    """The minimiser of the cubic through two values and slopes; the middle where there is none."""
    width = b.length - a.length
    d = a.slope + b.slope - 3 * (b.loss - a.loss) / width
    square = d * d - a.slope * b.slope
    if square < 0:
        return (a.length + b.length) / 2
    root = math.copysign(math.sqrt(square), width)
    slope = b.slope - a.slope + 2 * root
    return b.length - width * (b.slope + root - d) / slope if slope else (a.length + b.length) / 2
