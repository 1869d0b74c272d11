"""Time and transport: neural solvers on evolutions, error against the processor's seconds, several seeds.

One thread a run, beside other work.  Settings follow from the problem's statement, from losses, residuals and timings;
errors were printed beside them.  The references are computed once, before the runs, with bounds far below the errors
asked for.  The error is the relative L2 error over a grid in space-time of the worst unknown; of unknowns that are
determined up to a constant at each time the mean over space is taken away.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import re
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Case:
    """A row: which problem, how it is solved, what is asked of it, and the grid of the comparison in file order."""

    problem: str
    solver: object
    required: float
    goal: float
    seconds: float
    shape: tuple[int, ...]
    parameters: dict = field(default_factory=dict)
    rtol: float = 1e-7
    gauge: tuple[str, ...] = ()


def cases() -> dict[str, Case]:
    from pinnlab import (
        AdaptiveWindows,
        EqualWindows,
        GivenWindows,
        Harmonics,
        LagrangianPinn,
        LastLayer,
        LevenbergMarquardt,
        Mlp,
        NeuralGalerkin,
        Pinn,
        ResidualAdaptive,
        Siren,
        Sobol,
        Soft,
        UniformGrid,
        WidenedPinn,
    )

    def sines(width: int, frequency: object, points: int, windows: object = None) -> Pinn:
        """One wide layer of sines whose last layer is solved for, on one window after the other."""
        network = Siren(width, depth=1, first_frequency=frequency)
        return Pinn(network=network, sampler=Sobol(points), optimizer=LastLayer(), windows=windows)

    def travelling(c: float) -> Pinn:
        """Waves of slope c / 2 in time scaled to [-1, 1]: 1.4 times that for each of the three columns t, cos x, sin x."""
        return sines(1000, (1.4 * 3 * c / 2, 4.0), 6000)

    def galerkin(width: int, frequency: float, points: int, dt: float) -> NeuralGalerkin:
        """One layer of sines in space whose last layer is integrated in time."""
        network = Siren(width, depth=1, first_frequency=frequency)
        return NeuralGalerkin(network=network, dt=dt, sampler=UniformGrid(points))

    kuramoto = sines(900, 28.0, 4500, AdaptiveWindows(0.05, loss=1e-7, growth=1.2))
    chaotic = galerkin(400, 200.0, 1200, 1 / 4000)
    # The front is steepest, and characteristics approach one another fastest, from t = 1 on.  Soft conditions let the
    # network of a window smooth what the last one left rough, which compression would otherwise amplify.
    ends = (0.6, 0.85, 0.95, 1.0, 1.05, *(1.1 + 0.025 * k for k in range(17)))
    front = LagrangianPinn(
        Harmonics(Mlp(10, 2), 8),
        Harmonics(Mlp(10, 2), 8),
        constraints=Soft(),
        condition_points=300,
        sampler=ResidualAdaptive(1200, 5000),
        optimizer=LevenbergMarquardt(steps=80),
        windows=GivenWindows(ends),
    )
    along = LagrangianPinn(Mlp(10, 2), Mlp(10, 2), optimizer=LevenbergMarquardt(steps=40))
    soft = Pinn(constraints=Soft(), optimizer=LevenbergMarquardt(steps=250))
    return {
        "kuramoto_sivashinsky_chaotic": Case("kuramoto_sivashinsky_chaotic", chaotic, 2e-2, 1e-4, 1800, (101, 512)),
        "decaying_turbulence": Case(
            "decaying_turbulence", galerkin(900, 14.0, 3600, 0.01), 5e-2, 5e-3, 1800, (21, 64, 64), gauge=("psi",)
        ),
        "taylor_green_2d": Case(
            "taylor_green_2d", galerkin(300, 5.0, 1600, 0.05), 1e-3, 1e-6, 600, (21, 48, 48), gauge=("p",)
        ),
        "burgers_transport, T = 1.5": Case("burgers_transport", front, 1e-2, 1e-4, 600, (151, 512)),
        "kuramoto_sivashinsky": Case("kuramoto_sivashinsky", kuramoto, 3e-4, 1e-6, 600, (101, 256)),
        "allen_cahn": Case("allen_cahn", WidenedPinn(soft, 1200), 1e-4, 1e-6, 600, (101, 512)),
        "lorenz": Case("lorenz", sines(100, 10.0, 300, EqualWindows(80)), 1e-2, 1e-4, 600, (4001,), rtol=1e-10),
        "advection, c = 30": Case("advection", travelling(30), 1e-3, 1e-6, 600, (101, 256)),
        "advection, c = 80": Case("advection", travelling(80), 1e-3, 1e-6, 600, (101, 256), {"c": 80}),
        "advection, c = 80, along characteristics": Case("advection", along, 1e-3, 1e-6, 600, (101, 256), {"c": 80}),
    }


def problem_of(case: Case):
    """The problem with the row's parameters."""
    from _report import shipped

    problem = shipped(case.problem)
    return problem.with_parameters(**case.parameters) if case.parameters else problem


def truth(case: Case) -> tuple[np.ndarray, float]:
    """The exact solution or our own reference on the grid, (unknowns, …), and its bound."""
    from pinnlab import Etdrk4, ExactField, reference
    from pinnlab.reference import refine

    problem = problem_of(case)
    exact, bound = ExactField.of(problem), 0.0
    if exact is None:
        if case.problem == "allen_cahn":
            # The kink at the periodic boundary asks for more nodes than `reference` begins with.
            solution = refine(problem, Etdrk4(8192, 800, 800), 1e-7)
        else:
            solution = reference(problem, case.rtol, max_seconds=240)
        exact, bound = solution.field, solution.error_bound
    return on_grid(exact, problem, case), bound


def on_grid(answer, problem, case: Case) -> np.ndarray:
    grid = answer.on_grid(case.shape)
    values = {name: grid.values[name] for name in problem.names}
    for name in case.gauge:
        axes = tuple(range(1, values[name].ndim))
        values[name] = values[name] - values[name].mean(axis=axes, keepdims=True)
    return np.stack([values[name] for name in problem.names])


def worst(values: np.ndarray, known: np.ndarray) -> float:
    """The largest relative L2 error among the unknowns."""
    return max(float(np.linalg.norm(a - b) / np.linalg.norm(b)) for a, b in zip(values, known, strict=True))


def work(order: dict) -> None:
    """One run in a process of its own; prints a JSON line."""
    import torch

    from pinnlab import solve

    torch.set_num_threads(1)
    case = cases()[order["name"]]
    problem = problem_of(case)
    found = solve(problem, case.solver, seed=order["seed"], device="cpu", max_seconds=order["seconds"])
    values = on_grid(found.field, problem, case)
    known = np.load(order["truth"])
    if order["keep"]:
        np.save(order["keep"], values)
    told = {
        "error": worst(values, known),
        "spent": found.seconds,
        "status": found.status.name,
        "why": found.failure or found.note,
        "windows": int(found.history["window"][-1]) if "window" in found.history else 1,
    }
    print(json.dumps(order | told))


def run(order: dict) -> dict:
    """One run in a process of its own, or what is kept of it."""
    from _report import in_own_process

    if order["result"] and Path(order["result"]).exists():
        kept = json.loads(Path(order["result"]).read_text())
        if kept["solver"] == order["solver"]:
            return kept
    result = in_own_process(__file__, order)
    if order["result"]:
        Path(order["result"]).write_text(json.dumps(result))
    what = f"{order['name']}, seed {order['seed']}"
    print(
        f"{what}: {result['error']:.1e} after {result['spent']:.0f} s, {result['status']} {result['why']}", flush=True
    )
    return result


def main() -> None:
    from _report import Report
    from rich.table import Table

    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", help="rows; all of them if none is named")
    parser.add_argument("--lanes", type=int, default=2, help="runs at a time")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--keep", type=Path, help="folder for references, values of seed 0 and results; what it holds is not run again"
    )
    args = parser.parse_args()
    report, rows = Report("time_and_transport"), cases()
    names = args.names or list(rows)
    table = Table(
        "problem", "required", "goal", "bound", "median error", "best to worst", "seconds", "windows", "status",
        title="float64, cpu, one thread a run; relative L2 of the worst unknown, median over seeds",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        kept = args.keep or Path(folder)
        kept.mkdir(parents=True, exist_ok=True)
        bounds, orders = {}, []
        for name in names:
            label = re.sub(r"\W+", "_", name)
            path, note = kept / f"{label}_truth.npy", kept / f"{label}_bound.txt"
            if not note.exists():
                values, bound = truth(rows[name])
                np.save(path, values)
                note.write_text(repr(bound))
            bounds[name] = float(note.read_text())
            print(f"{name}: reference with bound {bounds[name]:.1e}", flush=True)
            orders += [
                {
                    "name": name,
                    "seed": seed,
                    "seconds": rows[name].seconds,
                    "truth": str(path),
                    "keep": "" if seed else str(kept / f"{label}_values.npy"),
                    "result": str(kept / f"{label}_{seed}.json"),
                    "solver": str(rows[name].solver),
                }
                for seed in range(args.seeds)
            ]
        with concurrent.futures.ThreadPoolExecutor(args.lanes) as pool:
            results = list(pool.map(run, orders))
    for name in names:
        mine = [r for r in results if r["name"] == name]
        errors = sorted(r["error"] for r in mine)
        table.add_row(
            name,
            f"{rows[name].required:.0e}",
            f"{rows[name].goal:.0e}",
            f"{bounds[name]:.0e}" if bounds[name] else "exact",
            f"{np.median(errors):.1e}",
            f"{errors[0]:.1e} to {errors[-1]:.1e}",
            f"{np.median([r['spent'] for r in mine]):.0f}",
            str(max(r["windows"] for r in mine)),
            ", ".join(sorted({r["status"] for r in mine})),
        )
    report.print(table)
    for name in names:
        report.print(f"{name}: {rows[name].solver}")
    report.save()


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1].startswith("{"):
        work(json.loads(sys.argv[1]))
    else:
        main()
