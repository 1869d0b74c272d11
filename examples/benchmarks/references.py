"""References: the true error against the measured bound on every shipped problem with an exact solution."""

from __future__ import annotations

import time

from _report import Report, shipped
from rich.table import Table

from pinnlab import ExactField, FiniteDifferences, MethodOfLines, Radau, UnsupportedProblem, reference
from pinnlab.catalog import shipped as names
from pinnlab.reference import error_against, refine

# Two unknowns in two dimensions without periodicity: 1e-6 takes five minutes here.
RTOL = {"reaction_diffusion": 1e-4}


def table_of_references(report: Report, default: float) -> None:
    table = Table(
        "problem",
        "solver",
        "rtol",
        "true error",
        "bound",
        "bound / error",
        "space share",
        "time share",
        "seconds",
        title="reference(problem, rtol), relative L2 over space-time, float64, cpu",
    )
    for name in names():
        problem, rtol = shipped(name), RTOL.get(name, default)
        start = time.perf_counter()
        try:
            solution = reference(problem, rtol)
        except UnsupportedProblem as refusal:
            table.add_row(name, f"n/a: {refusal}")
            continue
        seconds = time.perf_counter() - start
        exact = ExactField.of(problem)
        error = None if exact is None else error_against(solution.field, exact)["relative_l2"]
        told = ["not known", ""] if error is None else [f"{error:.2e}", f"{solution.error_bound / error:.1f}"]
        reached = "" if solution.bound.reached else " (rtol not reached)"
        table.add_row(
            name,
            solution.settings["type"] + reached,
            f"{rtol:g}",
            told[0],
            f"{solution.error_bound:.2e}",
            told[1],
            f"{solution.bound.space:.1e}",
            f"{solution.bound.time:.1e}",
            f"{seconds:.1f}",
        )
    report.print(table)


def burgers(report: Report) -> None:
    problem = shipped("burgers")
    start = time.perf_counter()
    solution = refine(problem, MethodOfLines(FiniteDifferences(1024), Radau(1e-7, 1e-9), snapshots=50), 1e-6)
    seconds = time.perf_counter() - start
    error = error_against(solution.field, ExactField.of(problem))["relative_l2"]
    report.print(
        f"MethodOfLines on burgers (nu = 0.01/pi, T = 1, float64, cpu): true relative L2 error {error:.2e} "
        f"(required 1e-6), its own bound {solution.error_bound:.2e}, with the bound's refinement runs {seconds:.1f} s "
        f"(required 20); {solution.settings['space']}"
    )


if __name__ == "__main__":
    report = Report("references")
    burgers(report)
    table_of_references(report, 1e-6)
    report.save()
