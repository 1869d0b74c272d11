"""Gaussian processes on tensor grids: error and time with the spectrum that is found, and cost against the grid.

Every row has the default setting, `SpectralGp(algebra=Kronecker(), placement=NodeGrid(n))`, but for the number of nodes
where one is said.  The deviation is the root mean square of the standard deviation at 500 points of the domain over that
of the exact solution there, to be set beside the relative error.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import sympy as sp
from _classical import classical
from _report import Report, shipped
from rich.table import Table

from pinnlab import Box, Problem, dirichlet, laplacian, solve
from pinnlab.field import ExactField
from pinnlab.gps.kronecker import Kronecker
from pinnlab.gps.placement import NodeGrid
from pinnlab.metrics import comparison_nodes, relative_l2, sample
from pinnlab.solvers.spectral_gp import SpectralGp

# Name of the problem, changed parameters, nodes along a coordinate (None: as the spectrum asks for), required and
# wished-for relative L2 error.
CASES = (
    ("poisson_hf_2d_1", {}, 400, 1e-4, 1e-7),
    ("poisson_hf_2d_1", {}, None, 1e-4, 1e-7),
    ("poisson_hf_2d_1", {"omega": sp.Rational(10037, 100)}, None, 1e-4, 1e-6),
    ("poisson_hf_2d_2", {}, 200, 1e-4, 1e-7),
    ("allen_cahn_steady_2d", {}, 400, 1e-3, 1e-5),
    ("advection_fast", {}, 200, 1e-4, 1e-6),
)
SIZES = (50, 100, 200, 400, 800)


def run(problem: Problem, nodes: int | None):
    """Error, deviation, seconds to the solution, and seconds of the deviation."""
    start = time.perf_counter()
    solver = SpectralGp(algebra=Kronecker(), placement=NodeGrid(nodes))
    solution = solve(problem, solver, seed=0, device="cpu").checked()
    seconds = time.perf_counter() - start
    axes = comparison_nodes(problem, 40_000)
    found, exact = sample(solution.field, axes), sample(ExactField.of(problem), axes)
    points = problem.spacetime.sample(500, np.random.default_rng(0))
    start = time.perf_counter()
    deviation = solution.field.deviation(points)
    later = time.perf_counter() - start
    size = np.linalg.norm(ExactField.of(problem)(points))
    return relative_l2(found, exact), float(np.linalg.norm(deviation) / size), seconds, later


def cases() -> Table:
    heads = ("problem", "nodes", "required", "goal", "error", "deviation", "seconds", "deviation, s")
    table = Table(*heads, "classical", "s", "by", title="Kronecker with the spectrum that is found")
    for name, parameters, nodes, required, goal in CASES:
        problem = shipped(name).with_parameters(**parameters)
        error, deviation, seconds, later = run(problem, nodes)
        told = f"{name} {', '.join(f'{k} = {float(v):g}' for k, v in parameters.items())}"
        beside = classical(problem)
        grid = "as asked for" if nodes is None else f"{nodes}^2"
        numbers = f"{error:.1e}", f"{deviation:.1e}", f"{seconds:.2f}", f"{later:.2f}"
        columns = f"{beside.error:.1e}", f"{beside.seconds:.2f}", beside.solver
        table.add_row(told, grid, f"{required:g}", f"{goal:g}", *numbers, *columns)
    return table


def wave(n: int) -> Problem:
    """A wave that n nodes along each coordinate resolve."""
    x, y = sp.symbols("x y", real=True)
    u = sp.Function("u")(x, y)
    exact = sp.sin(n * x / 6) * sp.sin(n * y / 6)
    return Problem(
        name="wave",
        equations=[laplacian(u, (x, y)) - laplacian(exact, (x, y)).doit()],
        unknowns=[u],
        domain=Box({x: (0, 2 * sp.pi), y: (0, 2 * sp.pi)}),
        conditions=[dirichlet(u, exact)],
        reference=exact,
    )


def costs() -> Table:
    table = Table("nodes", "seconds", "exponent", "error", title="Cost: sin(n x / 6) sin(n y / 6) on n^2 nodes")
    before = None
    for n in SIZES:
        error, _, seconds, _ = run(wave(n), n)
        power = "" if before is None else f"{np.log(seconds / before[1]) / np.log(n**2 / before[0] ** 2):.2f}"
        table.add_row(f"{n}^2", f"{seconds:.2f}", power, f"{error:.1e}")
        before = n, seconds
    return table


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=["cases", "costs"], help="one of the tables")
    only = parser.parse_args().only
    report = Report("gp_kronecker")
    if only != "costs":
        report.print(cases())
    if only != "cases":
        report.print(costs())
    report.save()


if __name__ == "__main__":
    main()
