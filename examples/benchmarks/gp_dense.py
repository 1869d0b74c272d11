"""Dense Gaussian processes: cost against the number of measurements, and two problems of Chen et al. (2021)."""

from __future__ import annotations

import math
import time

import numpy as np
import sympy as sp
import torch
from _report import Report
from rich.table import Table

from pinnlab import Box, D, Dense, Problem, Scattered, SpectralGp, SquaredExponential, dirichlet, initial, solve
from pinnlab.gps.function_system import gram
from pinnlab.gps.prior import Prior
from pinnlab.gps.representers import Representers
from pinnlab.gps.system import Measurements, clouds_of

CPU = torch.device("cpu")
SIZES = (500, 1000, 2000, 4000, 8000)
x, y, t = sp.symbols("x y t", real=True)


def square(equation):
    u = sp.Function("u")(x, y)
    return Problem("square", [equation(u)], [u], Box({x: (0, 1), y: (0, 1)}), [dirichlet(u, 0)])


def elliptic():
    problem = square(lambda u: -D(u, x, 2) - D(u, y, 2) + u**3)
    first = sp.sin(sp.pi * x) * sp.sin(sp.pi * y)
    return problem.manufactured(first + 2 * sp.sin(4 * sp.pi * x) * sp.sin(4 * sp.pi * y))


def burgers():
    u = sp.Function("u")(t, x)
    conditions = [initial(u, -sp.sin(sp.pi * x)), dirichlet(u, 0, on=["left", "right"])]
    equation = D(u, t) + u * D(u, x) - D(u, x, 2) / 50
    return Problem("burgers", [equation], [u], Box({t: (0, 1), x: (-1, 1)}), conditions, t)


def cole_hopf(points, nu=0.02, nodes=80):
    """Chen et al.'s truth: the Cole-Hopf solution by Gauss-Hermite quadrature."""
    s, weights = np.polynomial.hermite.hermgauss(nodes)
    place = points[:, 1, None] - np.sqrt(4 * nu * points[:, 0])[:, None] * s
    density = weights * np.exp(-np.cos(np.pi * place) / (2 * np.pi * nu) - 1 / (2 * np.pi * nu))
    return -(np.sin(np.pi * place) * density).sum(axis=1) / density.sum(axis=1)


def manufactured(points):
    first = np.sin(np.pi * points).prod(axis=1)
    return first + 2 * np.sin(4 * np.pi * points).prod(axis=1)


def timed(function):
    start = time.perf_counter()
    found = function()
    return found, time.perf_counter() - start


def cost(count):
    """Seconds of the matrix, of its factor, and of a linear problem as a whole with 1,000 values and deviations."""
    problem = square(lambda u: D(u, x, 2) + D(u, y, 2) + 1)
    sides = round(0.1 * count / 4)
    placement = Scattered(count - 4 * sides, sides)
    prior = Prior((SquaredExponential(0.2),) * 2, (1.0,))
    told = Measurements(problem, prior, clouds_of(problem, placement, 0, CPU), 1e-5)
    space = Representers.of(told, CPU)
    linear = space.linearised(space.start())
    matrix, of_matrix = timed(lambda: gram(space.kernel, linear))
    matrix.diagonal().add_(1e-10)
    _, of_factor = timed(lambda: torch.linalg.cholesky(matrix))
    points = np.random.default_rng(0).random((1000, 2))

    def whole():
        system = Dense().system(told, placement, CPU)
        field = system.field(system.linearized(system.start()))
        return field(points), field.deviation(points)

    return of_matrix, of_factor, timed(whole)[1]


def exponent(seconds):
    return np.polyfit(np.log(SIZES), np.log(seconds), 1)[0]


def costs(report):
    table = Table(title="Dense, seconds against the number of measurements, a Poisson problem on a square")
    for name in ("measurements", "matrix", "Cholesky", "whole", "whole, in GB"):
        table.add_column(name, justify="right")
    rows = [cost(n) for n in SIZES]
    for n, row in zip(SIZES, rows, strict=True):
        table.add_row(f"{n}", *(f"{v:.3f}" for v in row), f"{16 * n * n / 1e9:.2f}")
    last = [math.log2(b / a) for a, b in zip(rows[-2], rows[-1], strict=True)]
    table.add_row("exponent, all", *(f"{exponent(c):.2f}" for c in zip(*rows, strict=True)), "2")
    table.add_row("exponent, last two", *(f"{v:.2f}" for v in last), "2")
    report.print(table)


def accuracy(report):
    table = Table(title="Problems of Chen et al., J. Comput. Phys. 447 (2021) 110668, their kernels, our points")
    for name in (
        "problem",
        "points",
        "nugget",
        "L2 error",
        "largest",
        "mean 1 sigma",
        "inside 2 sigma",
        "seconds",
        "theirs",
    ):
        table.add_column(name, justify="right")
    wide = (SquaredExponential(1 / (3 * math.sqrt(2))), SquaredExponential(1 / (20 * math.sqrt(2))))
    cases = [
        ("elliptic", elliptic(), SquaredExponential(0.1588), Scattered(900, 31), 1e-5, manufactured, [(0, 1), (0, 1)], "1.65e-4"),
        ("elliptic", elliptic(), SquaredExponential(0.1588), Scattered(900, 31), None, manufactured, [(0, 1), (0, 1)], ""),
        ("burgers", burgers(), wide, Scattered(1000, 67), None, cole_hopf, [(0.01, 1), (-1, 1)], "4.0e-3"),
    ]  # fmt: skip
    for name, problem, kernel, placement, nugget, truth, box, theirs in cases:
        solver = SpectralGp(kernel=kernel, algebra=Dense(), placement=placement, nugget=nugget)
        solution, seconds = timed(lambda p=problem, s=solver: solve(p, s, device="cpu").checked())
        points = np.stack(np.meshgrid(*(np.linspace(a, b, 60) for a, b in box)), axis=-1).reshape(-1, 2)
        error = abs(solution.field(points)[:, 0] - truth(points))
        sigma = solution.field.deviation(points)[:, 0]
        table.add_row(
            name, f"{placement.count + len(problem.spacetime.pieces) * placement.on_pieces}", f"{solution.history['nugget'][-1]:g}",
            f"{np.sqrt(np.mean(error**2)):.2e}", f"{error.max():.1e}", f"{sigma.mean():.1e}",
            f"{np.mean(error < 2 * sigma):.0%}", f"{seconds:.1f}", theirs,
        )  # fmt: skip
    report.print(table)


if __name__ == "__main__":
    report = Report("gp_dense")
    costs(report)
    accuracy(report)
    report.save()
