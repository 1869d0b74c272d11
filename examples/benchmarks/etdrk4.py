"""Etdrk4: accuracy against Cole-Hopf, observed orders, and steps per second of 256 x 256 vorticity Navier-Stokes."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import sympy as sp
from _report import Report, shipped
from rich.table import Table

from pinnlab import Etdrk4, ExactField, initial, solve
from pinnlab.metrics import comparison_axes, relative_l2, sample


def error_at_end(problem, solver, truth) -> float:
    field = solve(problem, solver, device="cpu").checked().field
    axes = comparison_axes(problem, 40_000)
    axes[0] = axes[0][-1:]
    return relative_l2(sample(field, axes), sample(truth, axes))


def accuracy(report: Report) -> None:
    problem = shipped("burgers_periodic")
    table = Table(
        "points",
        "steps",
        "relative L2, space-time",
        "seconds (compile + solve)",
        title="Burgers periodic, nu = 0.05, T = 1, float64, cpu, against Cole-Hopf",
    )
    truth = ExactField.of(problem)
    axes = comparison_axes(problem)
    for steps in (100, 200, 400, 800):
        start = time.perf_counter()
        solution = solve(problem, Etdrk4(points=256, steps=steps), device="cpu")
        seconds = time.perf_counter() - start
        error = relative_l2(sample(solution.field, axes), sample(truth, axes))
        table.add_row("256", str(steps), f"{error:.2e}", f"{seconds:.2f}")
    report.print(table)


def smooth_allen_cahn():
    """The shipped Allen-Cahn equation from data without the kink, so that time is what is measured."""
    problem = shipped("allen_cahn")
    (u,) = problem.unknowns
    x = problem.space[0]
    return replace(problem, name="allen_cahn_smooth", conditions=(initial(u, sp.cos(sp.pi * x) / 2),))


def orders(report: Report) -> None:
    table = Table(
        "problem",
        "points",
        "steps",
        "error at the end",
        "observed order",
        "against",
        title="Order in time (required 4 +- 0.2)",
    )
    burgers, kdv, allen_cahn = shipped("burgers_periodic"), shipped("kdv_soliton"), smooth_allen_cahn()
    cases = [
        (burgers, 256, (50, 100, 200), ExactField.of(burgers), "Cole-Hopf"),
        (kdv, 512, (700, 1400, 2800), ExactField.of(kdv), "exact soliton"),
        (allen_cahn, 512, (100, 200, 400), None, "its own run with 3200 steps"),
    ]
    for problem, points, counts, truth, name in cases:
        if truth is None:
            truth = solve(problem, Etdrk4(points=points, steps=3200), device="cpu").field
        errors = [error_at_end(problem, Etdrk4(points=points, steps=n), truth) for n in counts]
        for i, (n, e) in enumerate(zip(counts, errors, strict=True)):
            order = f"{np.log2(errors[i - 1] / e):.3f}" if i else ""
            table.add_row(problem.name if not i else "", str(points), str(n), f"{e:.2e}", order, name)
    report.print(table)


def navier_stokes(report: Report) -> None:
    method = Etdrk4(points=256, steps=400, snapshots=4).compile(shipped("navier_stokes_vorticity"))
    v = method.init(0).modes[-1][None]
    advance = lambda v: method._scheme.advance(v, 0.0, method.system.nonlinear)  # noqa: E731
    v = advance(advance(v))
    rates = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(20):
            v = advance(v)
        rates.append(20 / (time.perf_counter() - start))
    report.print(
        f"vorticity Navier-Stokes 256 x 256, float64, cpu: {np.median(rates):.1f} steps/s "
        f"(median of 5 x 20 steps, {min(rates):.1f} to {max(rates):.1f}; required 20)"
    )


if __name__ == "__main__":
    report = Report("etdrk4")
    accuracy(report)
    orders(report)
    navier_stokes(report)
    report.save()
