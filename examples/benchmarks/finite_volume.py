"""FiniteVolume: observed orders, Sod's shock tube, and problems with shocks against their exact solutions."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import sympy as sp
from _report import Report, shipped
from rich.table import Table

from pinnlab import Box, D, ExactField, Problem, initial, solve
from pinnlab.numerics.riemann import Hll, Hllem, LaxFriedrichs
from pinnlab.numerics.weno import Muscl, Weno5
from pinnlab.solvers.finite_volume import ExplicitDiffusion, FiniteVolume, ImplicitDiffusion

t, x, y = sp.symbols("t x y", real=True)
PERIOD = 2 * sp.pi


def points_at(problem, when, n=20_000):
    points = problem.spacetime.sample(n, np.random.default_rng(0))
    points[:, 0] = when
    return points


def run(problem, solver):
    return solve(problem, solver, device="cpu").checked()


def errors(problem, solver):
    """L1 and largest error of the field at random points at the last time."""
    points = points_at(problem, problem.interval.end)
    gap = np.abs(run(problem, solver).field(points) - ExactField.of(problem)(points))
    return gap.mean(), gap.max()


def smooth_problems():
    u, w = sp.Function("u")(t, x), sp.Function("w")(t, x, y)
    line = Box({t: (0, 1), x: (0, PERIOD)}, periodic=[x])
    plane = Box({t: (0, sp.Rational(1, 5)), x: (0, 1), y: (0, 1)}, periodic=[x, y])
    advection = Problem("advection", D(u, t) + D(u, x), [u], line, [initial(u, sp.sin(x))], t, reference=sp.sin(x - t))
    burgers = shipped("inviscid_burgers")
    (c,) = burgers.space
    before = replace(burgers, name="burgers, t = 0.3", domain=Box({burgers.time: (0, 0.3), c: (-1, 1)}, periodic=[c]))
    law = D(w, t) + D(w**2 / 2, x) + D(w**2 / 4, y)
    made = Problem("burgers 2-D", law, [w], plane, [initial(w, 0)], t)
    return advection, before, made.manufactured(1 + sp.sin(2 * sp.pi * (x + y - t)) / 4)


def orders(report: Report) -> None:
    table = Table("problem", "scheme", "cells", "L1", "order", "largest", "order",
                  title="Smooth solutions, error of the field at random points at the end")  # fmt: skip
    advection, burgers, plane = smooth_problems()

    def fifth(n):
        # The step falls like h^(5/3), so that the third order in time does not hide the fifth in space.
        return FiniteVolume(n, cfl=0.4 * (20 / n) ** (2 / 3), snapshots=1)

    cases = [
        (advection, "Weno5, step ~ h^(5/3)", fifth, (20, 40, 80, 160), 4.7),
        (burgers, "Weno5, step ~ h^(5/3)", fifth, (40, 80, 160, 320), 4.7),
        (burgers, "Weno5, cfl 0.6", lambda n: FiniteVolume(n, snapshots=1), (40, 80, 160, 320), 0),
        (burgers, "Muscl, cfl 0.6", lambda n: FiniteVolume(n, Muscl(), snapshots=1), (40, 80, 160, 320), 0),
        (plane, "Weno5, cfl 0.6", lambda n: FiniteVolume(n, snapshots=1), (16, 32, 64), 1.9),
        (plane, "Muscl, cfl 0.6", lambda n: FiniteVolume(n, Muscl(), snapshots=1), (16, 32, 64), 1.9),
    ]
    for problem, name, make, sizes, required in cases:
        previous = None
        for n in sizes:
            found = errors(problem, make(n))
            rates = (
                [""] * 2
                if previous is None
                else [f"{np.log2(a / b):.2f}" for a, b in zip(previous, found, strict=True)]
            )
            first = n == sizes[0]
            label = f"{problem.name}{f' (required {required})' if required else ''}" if first else ""
            table.add_row(
                label, name if first else "", str(n), f"{found[0]:.2e}", rates[0], f"{found[1]:.2e}", rates[1]
            )
            previous = found
    report.print(table)


def sod(report: Report) -> None:
    problem = shipped("sod")
    table = Table("scheme", "cells", "L1 density, field", "L1 density, averages", "drift mass", "drift energy",
                  "drift momentum", "steps", "seconds", "CPU s",
                  title="Sod at t = 0.2 against the exact solution (required: 2e-3 in 2 s and 1e-12 at 400 cells); "
                  "median of 3, one snapshot")  # fmt: skip
    cases = [(Weno5(), Hll(), n) for n in (100, 200, 400, 800)]
    cases += [(Weno5(), LaxFriedrichs(), 400), (Weno5(), Hllem(), 400), (Muscl(), Hll(), 400), (Muscl(), Hllem(), 400)]
    for reconstruction, riemann, n in cases:
        solver = FiniteVolume(n, reconstruction, riemann, snapshots=1)
        seconds, cpu = [], []
        for _ in range(3):
            start, busy = time.perf_counter(), time.process_time()
            solution = run(problem, solver)
            seconds.append(time.perf_counter() - start)
            cpu.append(time.process_time() - busy)
        places = (np.arange(20 * n) + 0.5) / (20 * n)
        points = np.column_stack([np.full(20 * n, 0.2), places])
        exact = problem.reference(points)[:, 0]
        pointwise = np.abs(solution.field(points)[:, 0] - exact).mean()
        averages = solution.field.averages
        mean = np.abs(averages[-1, 0] - exact.reshape(n, 20).mean(axis=1)).mean()
        totals = averages.sum(axis=-1) / n
        # Walls keep mass and energy; the momentum grows by the force on the ends, (1 - 0.1) t.
        drift = np.abs(totals[-1] - totals[0] - [0, 0.9 * 0.2, 0])
        name = f"{type(reconstruction).__name__}, {type(riemann).__name__}"
        table.add_row(name, str(n), f"{pointwise:.2e}", f"{mean:.2e}", *(f"{d:.0e}" for d in drift[[0, 2, 1]]),
                      str(int(solution.history["steps"][-1])), f"{np.median(seconds):.2f}",
                      f"{np.median(cpu):.2f}")  # fmt: skip
    report.print(table)


def shocks(report: Report) -> None:
    table = Table("problem", "cells", "relative L1 at the end, field", "order", "steps", "CPU s",
                  title="Shocks and fronts against exact solutions, all unknowns together, Weno5 and Hll")  # fmt: skip
    implicit, explicit = ImplicitDiffusion(), ExplicitDiffusion()
    cases = [("inviscid_burgers", implicit), ("buckley_leverett", implicit), ("dam_break", implicit)]
    cases += [("porous_medium", implicit), ("porous_medium", explicit)]
    for name, diffusion in cases:
        problem, previous = shipped(name), None
        points = points_at(problem, problem.interval.end)
        exact = ExactField.of(problem)(points)
        for n in (100, 200):
            start = time.process_time()
            solution = run(problem, FiniteVolume(n, diffusion=diffusion, snapshots=20))
            cpu = time.process_time() - start
            error = np.abs(solution.field(points) - exact).mean() / np.abs(exact).mean()
            rate = "" if previous is None else f"{np.log2(previous / error):.2f}"
            kind = f", {type(diffusion).__name__}" if name == "porous_medium" else ""
            table.add_row(name + kind if previous is None else "", str(n), f"{error:.2e}", rate,
                          str(int(solution.history["steps"][-1])), f"{cpu:.2f}")  # fmt: skip
            previous = error
    report.print(table)


def shu_osher(report: Report) -> None:
    problem = shipped("shu_osher")
    points = points_at(problem, problem.interval.end)
    fine = run(problem, FiniteVolume(1600, snapshots=1)).field(points)[:, 0]
    table = Table("scheme", "cells", "L1 density", title="Shu-Osher at t = 1.8 against its own run with 1600 cells")
    for name, solver in (("Weno5", Weno5()), ("Muscl", Muscl())):
        for n in (200, 400):
            found = run(problem, FiniteVolume(n, solver, snapshots=1)).field(points)[:, 0]
            table.add_row(name, str(n), f"{np.abs(found - fine).mean():.2e}")
    report.print(table)


def planes(report: Report) -> None:
    table = Table("problem", "cells", "asymmetry under x <-> y", "least density", "steps", "CPU s",
                  title="Two dimensions, Weno5 and Hll")  # fmt: skip
    for name in ("dam_break_2d", "euler_riemann_2d"):
        problem = shipped(name)
        start = time.process_time()
        solution = run(problem, FiniteVolume(64, snapshots=1))
        cpu = time.process_time() - start
        density = solution.field.averages[-1, 0]
        table.add_row(name, "64 x 64", f"{np.abs(density - density.T).max():.0e}", f"{density.min():.3f}",
                      str(int(solution.history["steps"][-1])), f"{cpu:.1f}")  # fmt: skip
    report.print(table)


if __name__ == "__main__":
    report = Report("finite_volume")
    orders(report)
    sod(report)
    shocks(report)
    shu_osher(report)
    planes(report)
    report.save()
