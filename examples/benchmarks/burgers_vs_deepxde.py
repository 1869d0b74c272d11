"""Burgers (nu = 0.01/pi): pinnlab's Pinn and DeepXDE's own example side by side in one process.

Prints the relative L2 error against wall time for both (evaluations of the error excluded), and the ratio of the
times to DeepXDE's final error.  The exact solution is used for reporting only.
"""

from __future__ import annotations

import argparse

import numpy as np
from _report import Report, shipped
from rich.table import Table

from pinnlab import DeepxdePinn, ExactField, Pinn, solve
from pinnlab.compare import ErrorMonitor
from pinnlab.reference import error_against

MARKS = (10, 20, 30, 60, 90, 120, 180, 240)


def history(solution, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """(seconds, error) where the error was recorded."""
    known = ~np.isnan(solution.history["relative_l2"])
    return solution.history["seconds"][known], solution.history["relative_l2"][known]


def latest(times: np.ndarray, errors: np.ndarray, at: float) -> str:
    """The error recorded last before a time."""
    before = np.flatnonzero(times <= at)
    return f"{errors[before[-1]]:.1e}" if len(before) and times[-1] >= 0.9 * at else ""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=185, help="budget of each pinnlab run")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--deepxde-seeds", type=int, default=1)
    args = parser.parse_args()

    report = Report("burgers_vs_deepxde")
    problem = shipped("burgers")
    exact = ExactField.of(problem)
    runs = [("pinnlab Pinn()", Pinn(), seed, args.seconds) for seed in range(args.seeds)]
    runs += [("DeepXDE example", DeepxdePinn(), seed, None) for seed in range(args.deepxde_seeds)]
    table = Table(
        "solver",
        "seed",
        "dtype",
        *(f"{m} s" for m in MARKS),
        "end",
        "final error",
        title="Burgers, nu = 0.01/pi, T = 1: relative L2 error after wall time, cpu",
    )
    curves: dict[str, list[tuple[np.ndarray, np.ndarray, float]]] = {}
    for name, solver, seed, budget in runs:
        solution = solve(problem, solver, seed=seed, device="cpu", max_seconds=budget, monitors=[ErrorMonitor(exact)])
        times, errors = history(solution, solution.seconds)
        final = error_against(solution.field, exact)["relative_l2"]
        curves.setdefault(name, []).append((times, errors, final))
        row = [latest(times, errors, m) for m in MARKS]
        table.add_row(name, str(seed), solution.dtype, *row, f"{solution.seconds:.0f} s", f"{final:.2e}")
        report.console.print(f"{name}, seed {seed}: {final:.2e} after {solution.seconds:.0f} s")
    report.print(table)

    ours, theirs = curves["pinnlab Pinn()"], curves["DeepXDE example"]
    for level, within in ((1e-3, 60), (2e-4, 180)):
        reached = [first_below(t, e, level) for t, e, _ in ours]
        told = ", ".join(f"{s:.0f} s" for s in reached)
        report.print(f"error <= {level:g} (required within {within} s): reached after {told}")
    for times, _, final in theirs:
        reached = [first_below(t, e, final) for t, e, _ in ours]
        ratios = [times[-1] / s for s in reached]
        report.print(
            f"DeepXDE ended at {final:.2e} after {times[-1]:.0f} s; pinnlab was there after "
            f"{', '.join(f'{s:.1f}' for s in reached)} s: ratio of times {np.median(ratios):.0f} "
            f"(median; {min(ratios):.0f} to {max(ratios):.0f}; goal 20)"
        )
    report.save()


def first_below(times: np.ndarray, errors: np.ndarray, level: float) -> float:
    """The first recorded time at which the error was at most a level; inf if it never was."""
    hits = np.flatnonzero(errors <= level)
    return float(times[hits[0]]) if len(hits) else float("inf")


if __name__ == "__main__":
    main()
