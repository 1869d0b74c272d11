"""Digits: `Pinn` on the problems of the literature, error against the processor's seconds, several seeds.

Two runs at a time, one thread each.  Settings follow from the problem's statement (its largest wave number, its dimension,
whether it is linear) and from losses and timings; errors were printed beside them.  One choice did not: the cavity was
widened like the others in a trial run, came out wrong by 0.59 against the reference, and is trained alone for that
reason.  That points are drawn anew between rounds was likewise decided when, on fixed points, the error of burgers rose
while its loss fell.  The clock stops while errors are evaluated.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import sys
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Case:
    """A row: which problem, how it is solved, and what is asked of it."""

    problem: str
    parameters: dict
    solver: object
    required: float
    goal: float
    seconds: float


def cases() -> dict[str, Case]:
    from pinnlab import (
        Harmonics,
        LastLayer,
        LevenbergMarquardt,
        Mlp,
        Pinn,
        ResidualAdaptive,
        Siren,
        Sobol,
        Soft,
        WidenedPinn,
    )

    def sines(wave_number: float, width: int) -> Pinn:
        """Linear and smooth with a largest wave number that the data tell, on coordinates in [-1, 1]."""
        network = Siren(width, depth=1, first_frequency=2 * 1.4 * wave_number)
        return Pinn(network=network, sampler=Sobol(6 * width), optimizer=LastLayer())

    def widened(steps: int, features: int, rounds: int = 2, **settings: object) -> WidenedPinn:
        return WidenedPinn(Pinn(optimizer=LevenbergMarquardt(steps=steps), **settings), features, rounds=rounds)

    # The data are a sum of functions of one coordinate, which Hard() would interpolate exactly before any training.
    cube = {"network": Mlp(30, 2), "constraints": Soft(), "sampler": ResidualAdaptive(2000, 8000)}
    # 8 pi in t and 16 pi in x and y on [0, 1], halved by the scaling to [-1, 1]; 4 pi in y on [-1, 1].
    wave, multiscale, helmholtz = 4 * np.pi, 8 * np.pi, 4 * np.pi
    # Not widened, after a trial whose error was large; the pressure is not smooth at the corners under the lid.
    cavity = Pinn(network=Mlp(25, 3), sampler=ResidualAdaptive(3000, 12000), optimizer=LevenbergMarquardt(steps=250))
    # Waves that travel in a periodic box; the network sees cos and sin of the first harmonics.
    solitons = {"network": Harmonics(Mlp(30, 3), 6), "sampler": ResidualAdaptive(4000, 16000)}
    return {
        "kdv": Case("kdv", {}, widened(200, 1500, **solitons), 1e-3, 1e-5, 600),
        "burgers": Case("burgers", {}, widened(250, 1500), 1e-5, 1e-7, 600),
        "burgers, nu = 0.01": Case("burgers", {"nu": 0.01}, widened(150, 1500), 1e-7, 1e-10, 600),
        "lid_driven_cavity": Case("lid_driven_cavity", {}, cavity, 1e-2, 1e-3, 600),
        "poisson_5d": Case("poisson_5d", {}, widened(150, 1500, 1, condition_points=100, **cube), 1e-5, 1e-9, 600),
        "kovasznay": Case("kovasznay", {}, widened(80, 400), 1e-5, 1e-8, 600),
        "klein_gordon": Case("klein_gordon", {}, widened(80, 800), 1e-5, 1e-8, 600),
        "wave": Case("wave", {}, sines(wave, 800), 1e-6, 1e-10, 600),
        "poisson_2d_multiscale": Case("poisson_2d_multiscale", {}, sines(multiscale, 1600), 1e-4, 1e-8, 600),
        "helmholtz_2d": Case("helmholtz_2d", {}, sines(helmholtz, 600), 1e-5, 1e-8, 600),
    }


def truth(case: Case):
    """The exact solution, or our own reference with its bound."""
    from _report import shipped

    from pinnlab import ExactField, reference

    problem = shipped(case.problem)
    if case.parameters:
        problem = problem.with_parameters(**case.parameters)
    if problem.reference is not None:
        return problem, ExactField.of(problem), 0.0
    solution = reference(problem, 1e-5, max_seconds=120)
    return problem, solution.field, solution.error_bound


def work(order: dict) -> None:
    """One run in a process of its own; prints a JSON line."""
    import torch

    from pinnlab import solve
    from pinnlab.compare import ErrorMonitor

    torch.set_num_threads(1)
    case = cases()[order["name"]]
    problem, exact, bound = truth(case)
    monitor = ErrorMonitor(exact)
    found = solve(
        problem, case.solver, seed=order["seed"], device="cpu", max_seconds=order["seconds"], monitors=[monitor]
    )
    about = {"bound": bound, "parameters": trained_numbers(case.solver, problem)}
    print(json.dumps(order | about | outcome(found, exact)))


def outcome(found, exact) -> dict:
    """What is told of a run: its errors over time, the last of them on more points, and how it ended."""
    from pinnlab.reference import error_against

    rows = zip(found.history.get("seconds", ()), found.history.get("relative_l2", ()), strict=False)
    curve = [(float(t), float(e)) for t, e in rows if not np.isnan(e)]
    return {
        "times": [t for t, _ in curve],
        "errors": [e for _, e in curve],
        "final": error_against(found.field, exact)["relative_l2"],
        "status": found.status.name,
        "spent": found.seconds,
    }


def trained_numbers(solver, problem) -> int:
    """How many numbers a network has, the last layer of features included; 0 for other solvers."""
    from pinnlab import Pinn, WidenedPinn

    if isinstance(solver, WidenedPinn):
        solver = solver.widened
    return len(solver.compile(problem).init(0).theta) if isinstance(solver, Pinn) else 0


def run(order: dict, script: str = __file__) -> dict:
    """One run in a process of its own: `script` is handed the order as JSON and prints the result as JSON."""
    from _report import in_own_process

    result = in_own_process(script, order)
    what = f"{order.get('label', order['name'])}, seed {order['seed']}"
    print(f"{what}: {result['final']:.1e} after {result['spent']:.0f} s", flush=True)
    return result


def first_below(result: dict, level: float) -> float:
    """The first recorded time with an error of at most a level; inf if there is none."""
    hits = [t for t, e in zip(result["times"], result["errors"], strict=True) if e <= level]
    return hits[0] if hits else float("inf")


def told(seconds: float) -> str:
    return "no" if seconds == float("inf") else f"{seconds:.0f}"


def main() -> None:
    from _report import Report
    from rich.table import Table

    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", help="rows; all of them if none is named")
    parser.add_argument("--most-seconds", type=float, default=600, help="upper limit for the budget of a run")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    report = Report("pinn_digits")
    rows = cases()
    names = args.names or list(rows)
    orders = [
        {"name": n, "seed": s, "seconds": min(args.most_seconds, rows[n].seconds)}
        for n in names
        for s in range(args.seeds)
    ]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, orders))
    table = Table(
        "problem", "P", "required", "goal", "median error", "best to worst", "to required, s", "to goal, s",
        "budget, s", title="float64, cpu, one thread a run, two runs at a time; relative L2 over space-time, median over seeds",
    )  # fmt: skip
    for name in names:
        mine, case = [r for r in results if r["name"] == name], rows[name]
        errors = sorted(r["final"] for r in mine)
        times = [float(np.median([first_below(r, level) for r in mine])) for level in (case.required, case.goal)]
        table.add_row(
            name,
            str(mine[0]["parameters"]),
            f"{case.required:.0e}",
            f"{case.goal:.0e}",
            f"{np.median(errors):.1e}" + (f" (bound {mine[0]['bound']:.0e})" if mine[0]["bound"] else ""),
            f"{errors[0]:.1e} to {errors[-1]:.1e}",
            told(times[0]),
            told(times[1]),
            f"{mine[0]['seconds']:.0f}",
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
