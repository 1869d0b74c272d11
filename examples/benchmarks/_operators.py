"""What the benchmarks of operators share: queries one by one and many at once, the table of costs, and pictures."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
from _report import RESULTS
from rich.table import Table

from pinnlab.operators.payoff import Timing, payoff, timed

ONE, MANY = "one by one", "at once"
# From inputs of some samples `(k, …)` to their answers.
Asked = Callable[[np.ndarray], np.ndarray]
# The timings of single queries, and of many.
Pair = dict[str, Timing]


def together(name: str, answers: Callable[[], np.ndarray], truths: np.ndarray, repeats: int = 3) -> Timing:
    """Time many queries that are handed over at once, by the seconds of each; the median of some repetitions."""
    answers()
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        found = answers()
        seconds.append(time.perf_counter() - begin)
    return Timing(name, statistics.median(seconds) / len(truths), relative(found, truths))


def relative_errors(found: Sequence[np.ndarray], truths: Sequence[np.ndarray]) -> np.ndarray:
    """Relative L2 errors `(k,)` of some samples."""
    return np.array([np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in zip(found, truths, strict=True)])


def relative(found: Sequence[np.ndarray], truths: Sequence[np.ndarray]) -> float:
    """Their mean."""
    return float(relative_errors(found, truths).mean())


def asked_alike(name: str, ask: Asked, inputs: np.ndarray, truths: np.ndarray, singles: int, batch: int) -> Pair:
    """A way to answer, timed by single queries and by many at once; the error is that of all."""
    one = timed(name, lambda i: ask(inputs[i : i + 1])[0], list(truths[:singles]), repeats=1)
    many = together(name, lambda: ask(inputs[:batch]), truths[:batch], repeats=1)
    error = relative(ask(inputs), truths)
    return {ONE: Timing(name, one.seconds, error), MANY: Timing(name, many.seconds, error)}


def with_nodes(values: np.ndarray, n: int) -> np.ndarray:
    """Periodic functions `(…, m)` at n nodes, by their Fourier modes below n/2 and those that they have."""
    held = values.shape[-1]
    modes = np.fft.rfft(values)
    kept = np.zeros((*values.shape[:-1], n // 2 + 1), complex)
    most = min(n, held) // 2
    kept[..., :most] = modes[..., :most]
    return np.fft.irfft(kept, n) * (n / held)


class Costs:
    """The pay-off table: an operator's time per query beside that of the cheapest classical solver of equal error."""

    def __init__(self) -> None:
        self.table = Table(
            title="Queries on one core, in medians; the most accurate classical solver where none is equal"
        )
        for name in (
            "case", "test", "queries", "error", "ms per query", "cheapest classical of equal error", "its error",
            "its ms", "training + data, s", "has paid off",
        ):  # fmt: skip
            # Names are not cut.
            self.table.add_column(name, overflow="fold")

    def add(self, case: str, test: str, queries: str, operator: Timing, rivals: Sequence[Timing], spent: float) -> None:
        """A row.

        Args:
            case: Its name.
            test: Of the samples asked for.
            queries: `ONE`, or how many at once.
            operator: Its timing.
            rivals: Classical solvers at several resolutions, asked in the same way.
            spent: Seconds of training and of making the data.
        """
        found = payoff(operator, rivals, spent)
        rival = found.classical or min(rivals, key=lambda one: one.error)
        self.table.add_row(
            case, test, queries, f"{operator.error:.2e}", f"{1e3 * operator.seconds:.2f}", rival.name,
            f"{rival.error:.2e}", f"{1e3 * rival.seconds:.2f}", f"{spent:.0f}", str(found),
        )  # fmt: skip


def keep(figure, name: str) -> None:
    """Put a picture among the results."""
    RESULTS.mkdir(exist_ok=True)
    figure.savefig(RESULTS / f"{name}.png")
