"""After how many queries an operator has earned what its training took."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pinnlab.admissible import is_number, is_whole, require_not_negative, require_positive


@dataclass(frozen=True)
class Timing:
    """How long one query takes in some way, and how well it is answered.

    Args:
        name: Of the way.
        seconds: Per query, positive.
        error: Mean relative L2 error of the answers, 0 or more.

    Raises:
        ValueError: If a number is out of its range.
    """

    name: str
    seconds: float
    error: float

    def __post_init__(self) -> None:
        require_positive(self, seconds=self.seconds)
        require_not_negative(self, error=self.error)


@dataclass(frozen=True)
class Payoff:
    """An operator against the cheapest classical solver of equal error.

    Attributes:
        operator: The operator.
        classical: The fastest of those whose error is not larger than the operator's; None if there is none.
        spent: Seconds before the first query: of training, and of making the data.
    """

    operator: Timing
    classical: Timing | None
    spent: float

    @property
    def queries(self) -> float:
        """The least whole n with spent + n t_operator <= n t_classical, or infinity; NaN without a classical one."""
        if self.classical is None:
            return math.nan
        gain = self.classical.seconds - self.operator.seconds
        return math.ceil(self.spent / gain) if gain > 0 else math.inf

    def __str__(self) -> str:
        """In words."""
        if self.classical is None:
            return "not known: no classical solver tried is as accurate"
        if math.isinf(self.queries):
            return f"never: {self.classical.name} is as fast"
        return f"after {self.queries:,.0f} queries"


def payoff(operator: Timing, classical: Sequence[Timing], spent: float) -> Payoff:
    """Compare an operator with the fastest classical solver that is at least as accurate.

    Times must be of the same machine, of single queries on both sides or of batches on both, and errors of the same
    members.  The answer is as good as the choice of solvers: give several resolutions of each.

    Args:
        operator: The trained operator.
        classical: What solves the same members without training.
        spent: Seconds of training and of making the data, 0 or more.

    Raises:
        ValueError: If `spent` is negative or not finite.
    """
    if not (is_number(spent) and 0 <= spent < math.inf):
        raise ValueError(f"payoff: spent = {spent!r}; give the seconds of training and of making the data, 0 or more")
    equal = [one for one in classical if one.error <= operator.error]
    return Payoff(operator, min(equal, key=lambda one: one.seconds, default=None), float(spent))


def timed(name: str, answer: Callable[[int], np.ndarray], truths: Sequence[np.ndarray], *, repeats: int = 3) -> Timing:
    """Time answers one by one, and measure their error.

    Args:
        name: Of the way to answer.
        answer: From the number of a query to the answer, in the shape of the truth.
        truths: One for each query.
        repeats: How often each is asked; the median time over all counts.  One call before the first is not timed.

    Returns:
        The timing, with the mean over the queries of |answer - truth| / |truth|.

    Raises:
        ValueError: If there are no queries or no repeats, an answer has another shape than its truth, or a truth is
            0 everywhere.
    """
    if not is_whole(repeats) or repeats < 1:
        raise ValueError(f"timed: repeats = {repeats!r}; give a positive whole number")
    if not len(truths):
        raise ValueError(f"timed: there are no queries for {name}; give one truth or more")
    answer(0)
    seconds, errors = [], []
    for number, truth in enumerate(truths):
        for _ in range(repeats):
            begin = time.perf_counter()
            found = answer(number)
            seconds.append(time.perf_counter() - begin)
        if found.shape != truth.shape:
            raise ValueError(f"timed: {name} answers query {number} in the shape {found.shape}, not {truth.shape}")
        size = float(np.linalg.norm(truth))
        if not size:
            raise ValueError(f"timed: the truth of query {number} is 0 everywhere and has no relative error")
        errors.append(float(np.linalg.norm(found - truth)) / size)
    return Timing(name, statistics.median(seconds), statistics.fmean(errors))
