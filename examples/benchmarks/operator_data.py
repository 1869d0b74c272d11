"""Data for operators: 1,000 Burgers trajectories stepped together, and 1,000 Darcy problems of which each is solved alone.

Without arguments 1,000 of each are made; `python operator_data.py 64` makes 64 and extrapolates.
"""

from __future__ import annotations

import os
import sys
import time

import numpy as np
import sympy as sp
import torch
from _report import Report
from rich.table import Table

from pinnlab import Box, D, Family, Problem, TimeInterval, dirichlet, initial, parameter
from pinnlab.operators.generate import generate
from pinnlab.random_functions import NeumannField, PeriodicField, TwoPhase
from pinnlab.solvers.etdrk4 import Etdrk4
from pinnlab.solvers.finite_element import FiniteElement

t, x, y = sp.symbols("t x y", real=True)
WANTED = 1000


def burgers() -> Family:
    u, u0 = sp.Function("u")(t, x), parameter("u0", sp.sin(2 * sp.pi * x))
    law = D(u, t) + D(u**2 / 2, x) - sp.Rational(1, 10) * D(u, x, 2)
    domain = TimeInterval(t, 0, 1) * Box({x: (0, 1)}, periodic=[x])
    problem = Problem("burgers", [law], [u], domain, [initial(u, u0)], time=t)
    return Family(problem, {u0: PeriodicField({x: (0, 1)}, alpha=2, tau=5, sigma=25, modes=512)})


def darcy() -> Family:
    u, a = sp.Function("u")(x, y), parameter("a", 3)
    balance = -D(a * D(u, x), x) - D(a * D(u, y), y) - 1
    problem = Problem("darcy", [balance], [u], Box({x: (0, 1), y: (0, 1)}), [dirichlet(u, 0)])
    return Family(problem, {a: TwoPhase(NeumannField({x: (0, 1), y: (0, 1)}, alpha=2, tau=3, modes=64))})


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else WANTED
    report = Report("operator_data")
    table = Table("family", "solver", "device", "samples", "seconds", "core seconds", f"seconds for {WANTED}", "required", "median bound", "largest",
                  title="Samples of operators, each with the bound of its relative L2 error")  # fmt: skip
    rows = [
        ("Burgers, nu = 0.1, s = 1,024", burgers(), Etdrk4(points=1024, steps=100), 1024, "cpu", 60),
        ("Darcy, 85 x 85", darcy(), FiniteElement(degree=1, cells=84), 85, "cpu", 300),
    ]
    if torch.cuda.is_available():
        rows.insert(1, (*rows[0][:4], "cuda", 6))
        generate(rows[0][1], 8, rows[0][2], nodes=1024, device="cuda")
    for name, family, solver, nodes, device, required in rows:
        begin, worked = time.perf_counter(), sum(os.times()[:4])
        data = generate(family, n, solver, nodes=nodes, device=device)
        seconds, worked = time.perf_counter() - begin, sum(os.times()[:4]) - worked
        largest = f"{data.bounds.max():.1e}"
        numbers = (
            str(n),
            f"{seconds:.1f}",
            f"{worked:.1f}",
            f"{seconds * WANTED / n:.0f}",
            str(required),
            f"{np.median(data.bounds):.1e}",
        )
        table.add_row(name, repr(solver).split(", time")[0], device, *numbers, largest)
    report.print(table)
    report.save()


if __name__ == "__main__":
    main()
