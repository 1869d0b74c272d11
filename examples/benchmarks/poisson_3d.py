"""Poisson on the unit cube with linear tetrahedra: seconds and memory against the number of unknowns.

Every size runs in a process of its own, so that its peak memory is its own:

    python poisson_3d.py [CELLS]        one size and a line of JSON, or all sizes and results/poisson_3d.txt
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time

import numpy as np
import sympy as sp
from _report import Report
from rich.table import Table

from pinnlab import Box, ExactField, FiniteElement, Problem, Status, dirichlet, laplacian
from pinnlab.reference import error_against

# Longest edges along a side of the cube: about 10, 25, 50, 100, 200 and 400 thousand vertices.
SIZES = (12, 16, 21, 26, 33, 42)


def poisson() -> Problem:
    """-∇²u = f with u = sin(pi x) sin(pi y) sin(pi z) + x y z, data not zero."""
    x, y, z = sp.symbols("x y z", real=True)
    u = sp.Function("u")(x, y, z)
    wave = sp.sin(sp.pi * x) * sp.sin(sp.pi * y) * sp.sin(sp.pi * z)
    return Problem(
        name="poisson_cube",
        equations=[-laplacian(u, (x, y, z)) - 3 * sp.pi**2 * wave],
        unknowns=[u],
        domain=Box({x: (0, 1), y: (0, 1), z: (0, 1)}),
        conditions=[dirichlet(u, wave + x * y * z)],
        reference=wave + x * y * z,
    )


def peak() -> float:
    """The largest memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one_size(cells: int) -> dict[str, float]:
    """Mesh, assemble, solve, compare: seconds, and memory above that of the loaded program."""
    problem = poisson()
    FiniteElement(degree=1, cells=4).compile(problem)
    idle = peak()
    start = time.perf_counter()
    method = FiniteElement(degree=1, cells=cells).compile(problem)
    state = method.init(0)
    meshed = time.perf_counter()
    # The matrix and the right-hand side are kept, so that the steps below do not assemble them again.
    method.system.jacobian(0.0, method.system.full(0.0, state.values))
    method.system.residual(0.0, method.system.full(0.0, state.values))
    assembled = time.perf_counter()
    while method.status(state) is Status.RUNNING:
        state, _ = method.step(state)
    field = method.field(state)
    solved = time.perf_counter()
    memory = peak()
    error = error_against(field, ExactField.of(problem), 30_000)["relative_l2"]
    return {
        "cells": cells,
        "unknowns": len(field.spaces[0].nodes),
        "mesh": meshed - start,
        "assembly": assembled - meshed,
        "solution": solved - assembled,
        "together": solved - start,
        "memory": memory - idle,
        "peak": memory,
        "error": error,
    }


def exponent(unknowns: np.ndarray, values: np.ndarray) -> float:
    """Of the power law fitted by least squares in logarithms."""
    return float(np.polyfit(np.log(unknowns), np.log(values), 1)[0])


def main() -> None:
    """Every size, then the fit."""
    report = Report("poisson_3d")
    rows = []
    for cells in SIZES:
        done = subprocess.run([sys.executable, __file__, str(cells)], check=True, capture_output=True, text=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
    table = Table(
        "unknowns",
        "mesh, s",
        "assembly, s",
        "solution, s",
        "together, s",
        "memory of the run, MiB",
        "peak of the process, MiB",
        "relative L2 error",
        title="Poisson on the unit cube, P1 tetrahedra, relative residual 1e-9, float64, cpu",
    )
    for row in rows:
        seconds = [f"{row[key]:.2f}" for key in ("mesh", "assembly", "solution", "together")]
        table.add_row(
            f"{row['unknowns']:,}", *seconds, f"{row['memory']:.0f}", f"{row['peak']:.0f}", f"{row['error']:.2e}"
        )
    report.print(table)
    n = np.array([row["unknowns"] for row in rows])
    fits = {key: exponent(n, np.array([row[key] for row in rows])) for key in ("together", "memory", "error")}
    report.print(
        f"fitted exponents over all sizes (required <= 1.3): seconds {fits['together']:.2f}, memory of the run "
        f"{fits['memory']:.2f}; error {fits['error']:.2f} (second order is -0.67)"
    )
    row = next(r for r in rows if r["unknowns"] >= 200_000)
    report.print(f"{row['unknowns']:,} unknowns assembled and solved in {row['together']:.1f} s (required 20)")
    report.save()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.stdout.write(json.dumps(one_size(int(sys.argv[1]))) + "\n")
    else:
        main()
