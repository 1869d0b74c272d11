"""Incompressible periodic flow: errors against exact decay, energy balance and steps per second in three dimensions."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import sympy as sp
from _report import Report, shipped
from rich.table import Table
from scipy.interpolate import make_interp_spline

from pinnlab import Box, Etdrk4, ExactField, Problem, initial, solve
from pinnlab.metrics import comparison_nodes, relative_l2, sample
from pinnlab.reference import refine


def carried_along(problem: Problem) -> Problem:
    """Taylor-Green vortices in a mean flow (1, 1/2): at rest their nonlinear terms are a gradient and cancel."""
    (t, x, y), (u, v, p) = problem.coordinates, problem.unknowns
    moved = {x: x - t, y: y - t / 2}
    exact = {
        f: e.subs(moved, simultaneous=True) for f, e in zip(problem.unknowns, problem.exact_expressions, strict=True)
    }
    exact[u], exact[v] = exact[u] + 1, exact[v] + sp.Rational(1, 2)
    return Problem(
        name="taylor_green_2d in a mean flow",
        equations=problem.equations,
        unknowns=(u, v, p),
        domain=Box({t: (0, 1), x: (0, 2 * sp.pi), y: (0, 2 * sp.pi)}, periodic=(x, y)),
        conditions=[initial(f, exact[f].subs(t, 0)) for f in (u, v)],
        time=t,
        reference=exact,
    )


def exact_decay(report: Report) -> None:
    still = shipped("taylor_green_2d")
    table = Table(
        *("problem", "points", "steps", "u", "v", "p", "all", "seconds"),
        title="Taylor-Green 2-D, nu = 0.1, T = 1: relative L2 error over space-time (required 1e-8)",
    )
    for problem, counts in ((still, (50,)), (carried_along(still), (50, 100, 200))):
        nodes = comparison_nodes(problem)
        truth = sample(ExactField.of(problem), nodes)
        for steps in counts:
            solution = solve(problem, Etdrk4(points=32, steps=steps, snapshots=50), device="cpu").checked()
            found = sample(solution.field, nodes)
            pairs = zip(found.values, truth.values, strict=True)
            each = [f"{np.linalg.norm(a - b) / np.linalg.norm(b):.2e}" for a, b in pairs]
            error = f"{relative_l2(found, truth):.2e}"
            table.add_row(problem.name, "32 x 32", str(steps), *each, error, f"{solution.seconds:.2f}")
    report.print(table)


def own_bounds(report: Report) -> None:
    still = shipped("taylor_green_2d")
    table = Table(
        *("problem", "tolerance", "error bound", "space", "time", "true error", "resolution", "seconds"),
        title="refined until the measured bound is within the tolerance",
    )
    cases = (
        (still, Etdrk4(points=16, steps=20, snapshots=20), 1e-9),
        (carried_along(still), Etdrk4(points=16, steps=20, snapshots=20), 1e-9),
        (shipped("kolmogorov_flow"), Etdrk4(points=96, steps=200, snapshots=50), 1e-6),
    )
    for problem, start, rtol in cases:
        solution = refine(problem, start, rtol)
        nodes, exact = comparison_nodes(problem), ExactField.of(problem)
        true = "unknown" if exact is None else f"{relative_l2(sample(solution.field, nodes), sample(exact, nodes)):.2e}"
        bound, solver = solution.bound, solution.solver
        resolution = f"{solver.points} points, {solver.steps} steps"
        parts = (f"{bound.space:.1e}", f"{bound.time:.1e}")
        table.add_row(
            problem.name,
            f"{rtol:.0e}",
            f"{solution.error_bound:.2e}",
            *parts,
            true,
            resolution,
            f"{solution.seconds:.1f}",
        )
    report.print(table)


def snapshots_of(solution) -> tuple[np.ndarray, np.ndarray]:
    """The stored times and velocities `(nt, 3, n, n, n)` of a solution on (0, 2 pi)³."""
    field, n = solution.field, solution.solver.points
    nodes = 2 * np.pi / n * np.arange(n)
    times = field.axes[0].times
    grid = field.on_axes([times, nodes, nodes, nodes])
    # From (t, z, y, x) to the order of the coordinates.
    return times, np.stack([grid.values[k].transpose(0, 3, 2, 1) for k in "uvw"], axis=1)


def balance(velocity: np.ndarray) -> tuple[float, float, float]:
    """Mean kinetic energy, mean squared vorticity and largest divergence of one snapshot `(3, n, n, n)`."""
    n = velocity.shape[-1]
    k = np.meshgrid(*(np.fft.fftfreq(n, 1 / n),) * 2, np.fft.rfftfreq(n, 1 / n), indexing="ij")
    modes = np.fft.rfftn(velocity, axes=(1, 2, 3))
    derivative = [[np.fft.irfftn(1j * k[j] * modes[i], (n,) * 3) for j in range(3)] for i in range(3)]
    curl = [
        derivative[2][1] - derivative[1][2],
        derivative[0][2] - derivative[2][0],
        derivative[1][0] - derivative[0][1],
    ]
    divergence = sum(derivative[i][i] for i in range(3))
    return (
        float((velocity**2).sum(axis=0).mean() / 2),
        float(sum((c**2).mean() for c in curl)),
        float(abs(divergence).max()),
    )


def until(problem: Problem, end: float) -> Problem:
    """A problem on a box over a longer time."""
    bounds = {c: problem.region.bounds[c] for c in problem.space}
    return replace(problem, domain=Box({problem.time: (0, end)} | bounds, periodic=problem.space))


def energy(report: Report) -> None:
    problem = until(shipped("taylor_green_3d"), 5)
    viscosity = float(problem.parameters[0].value)
    table = Table(
        *("points", "steps", "energy at the end", "peak dissipation", "balance, worst", "divergence", "steps/s"),
        title="Taylor-Green 3-D, Re = 100, T = 5: E(t) - E(0) + integral of nu |curl v|² over E(0) (required 1e-6)",
    )
    for points, steps in ((48, 125), (64, 125)):
        solution = solve(problem, Etdrk4(points=points, steps=steps, snapshots=50), device="cpu").checked()
        times, velocities = snapshots_of(solution)
        energies, vorticities, divergences = np.array([balance(v) for v in velocities]).T
        dissipation = make_interp_spline(times, viscosity * vorticities, k=5)
        spent = np.array([dissipation.integrate(times[0], t) for t in times])
        gap = np.abs(energies - energies[0] + spent).max() / energies[0]
        table.add_row(
            *(f"{points}^3", str(steps), f"{energies[-1]:.10f}", f"{viscosity * vorticities.max():.10f}"),
            *(f"{gap:.2e}", f"{divergences.max():.1e}", f"{steps / solution.seconds:.2f}"),
        )
    report.print(table)


def speed(report: Report) -> None:
    method = Etdrk4(points=64, steps=250, snapshots=1).compile(shipped("taylor_green_3d"))
    v = method.init(0).modes[-1][None]
    advance = lambda v: method._scheme.advance(v, 0.0, method._nonlinear)  # noqa: E731
    v = advance(advance(v))
    rates = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(8):
            v = advance(v)
        rates.append(8 / (time.perf_counter() - start))
    report.print(
        f"Navier-Stokes 64^3, velocity and pressure, float64, cpu: {np.median(rates):.2f} steps/s "
        f"(median of 5 x 8 steps, {min(rates):.2f} to {max(rates):.2f}), {len(method.form.symbols)} + "
        f"{len(method.form.products)} transforms in each of the four stages"
    )


if __name__ == "__main__":
    report = Report("incompressible")
    exact_decay(report)
    own_bounds(report)
    energy(report)
    speed(report)
    report.save()
