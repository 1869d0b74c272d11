"""DeepXDE beside `Pinn`: the same problem, layers and number of points, one thread each, two runs at a time.

DeepXDE trains as its own example of the Burgers equation does (Adam, then L-BFGS, conditions in the loss); `Pinn` has the
settings of pinn_digits.py.  `Pinn` starts on a problem when DeepXDE is done with it, and stops at DeepXDE's time or at
--pinn-seconds, whichever comes first.  Seconds hold the translation of the problem and the training, not imports, nor
the evaluation of errors.  The exact solution is used for reporting only.

What DeepXDE has no counterpart of it goes without: the frequencies that a `Siren` starts with (weights are drawn as in
DeepXDE's examples, and such problems are run with the network of its Burgers example too), the features that a
`WidenedPinn` adds behind the trained layers, and the points that join for them.

"Times shorter" is DeepXDE's whole time over Pinn's; when DeepXDE first was within 10 % of its last error stands beside.
Pinn's error "at DeepXDE's final time" is the last one recorded by then, so a run cut short counts with what it had.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import sys
import time

import numpy as np
from pinn_digits import cases, first_below, outcome, run, trained_numbers, truth

PROBLEMS = ("burgers", "helmholtz_2d", "wave", "kovasznay")
MARKS = (5, 10, 20, 30, 60, 90, 120, 180, 240, 300)
FASTER, SMALLER = 20, 1000
# DeepXDE's names of our activations.
ACTIVATIONS = {"Tanh": "tanh", "Swish": "swish", "Sine": "sin"}
# Where conditions hold by construction there are no points to copy: those of DeepXDE's examples, of the Burgers equation
# for problems in time and of the Kovasznay flow for steady ones.
IN_TIME = {"boundary_points": 80, "initial_points": 160}
STEADY = {"boundary_points": 400}
# Which network DeepXDE is given: Pinn's layers, or those of DeepXDE's example of the Burgers equation.
SAME, EXAMPLE = "the same layers", "its example's layers"
# The factor by which an error may exceed the last one and count as that.
NEARLY = 1.1
# Iterations of DeepXDE between two looks at the clock.  It evaluates its loss a few times more for each.
CHUNK = 200


def network_of(solver):
    """The settings of Pinn that hold the network which is trained."""
    from pinnlab import WidenedPinn

    return solver.pinn if isinstance(solver, WidenedPinn) else solver


def peer(solver, problem, order: dict):
    """DeepXDE with as many points as `solver`, and its layers or that of DeepXDE's own example."""
    from pinnlab import DeepxdePinn, Mlp, Siren

    pinn = network_of(solver)
    open_rows = len(pinn.constraints.ansatz(problem).open_rows)
    points = {"domain_points": pinn.sampler.points, **(IN_TIME if problem.interval else STEADY)}
    if open_rows:
        points["boundary_points"] = max(points["boundary_points"], pinn.condition_points * open_rows)
    shared = {"dtype": order["dtype"], "chunk": CHUNK, **points}
    if order["network"] == EXAMPLE:
        return DeepxdePinn(**shared)
    network = pinn.network
    if isinstance(network, Siren):
        activation = "sin"
    elif isinstance(network, Mlp):
        activation = ACTIVATIONS[type(network.activation).__name__]
    else:
        raise SystemExit(f"DeepxdePinn has no counterpart of {network}; give that row of cases() an Mlp or a Siren")
    return DeepxdePinn(width=network.width, depth=network.depth, activation=activation, **shared)


def networks(name: str) -> list[str]:
    """What DeepXDE is run with: Pinn's layers, and where they are made for Pinn's training DeepXDE's own too."""
    from pinnlab import Siren

    made_for_ours = isinstance(network_of(cases()[name].solver).network, Siren)
    return [SAME, EXAMPLE] if made_for_ours else [SAME]


def work(order: dict) -> None:
    """One run in a process of its own; prints a JSON line."""
    import torch

    from pinnlab import solve
    from pinnlab.compare import ErrorMonitor
    from pinnlab.solvers.deepxde_pinn import _deepxde

    torch.set_num_threads(1)
    case, theirs = cases()[order["name"]], bool(order["dtype"])
    problem, exact, _ = truth(case)
    solver = case.solver
    if theirs:
        _deepxde()  # Importing it takes seconds, which are not the method's.
        solver = peer(case.solver, problem, order)
    start = time.perf_counter()
    method = solver.compile(problem)
    translation = time.perf_counter() - start
    budget = max(order["seconds"] - translation, 1.0)
    found = solve(problem, solver, seed=order["seed"], device="cpu", max_seconds=budget, monitors=[ErrorMonitor(exact)])
    result = outcome(found, exact)
    result["times"] = [translation + t for t in (*result["times"], result["spent"])]
    result["errors"].append(result["final"])
    result["spent"] += translation
    state = method.init(0)
    about = {
        "parameters": sum(w.numel() for w in state.parameters.values()) if theirs else trained_numbers(solver, problem),
        "translation": translation,
        "description": description(solver, problem),
        "ending": ending(solver, found) if theirs else "",
    }
    print(json.dumps(order | about | result))


def ending(solver, found) -> str:
    """How a run of DeepXDE ended, and in which phase."""
    done = int(found.history["iterations"][-1]) if "iterations" in found.history else 0
    phase = "Adam" if done <= solver.adam_steps else "L-BFGS"
    how = {"DONE": "ended", "RUNNING": "stopped by the budget", "DIVERGED": "diverged"}[found.status.name]
    return f"{how} in {phase}, {done} iterations"


def description(solver, problem) -> dict[str, str]:
    """Network, points, conditions and training of a solver."""
    from pinnlab import DeepxdePinn

    if isinstance(solver, DeepxdePinn):
        points = f"{solver.domain_points} inside, {solver.boundary_points} on the boundary"
        points += f", {solver.initial_points} at the start" if problem.interval else ""
        return {
            "network": f"width={solver.width}, depth={solver.depth}, {solver.activation}",
            "points": f"{points}; Hammersley, fixed",
            "conditions": "in the loss",
            "training": f"Adam {solver.adam_steps} at {solver.learning_rate:g}, then L-BFGS {solver.lbfgs_steps}",
        }
    pinn = network_of(solver)
    open_rows = len(pinn.constraints.ansatz(problem).open_rows)
    points = f" and {pinn.condition_points} on each of {open_rows} open conditions" if open_rows else ""
    then = "" if pinn is solver else f", then {solver.features} features and LastLayer in {solver.rounds} rounds"
    return {
        "network": str(pinn.network),
        "points": f"{pinn.sampler}{points}",
        "conditions": str(pinn.constraints),
        "training": ", then ".join(type(o).__name__ for o in pinn.phases) + then,
    }


# -- the runs ----------------------------------------------------------------------------------------------------------


def deepxde_run(name: str, dtype: str, network: str, args: argparse.Namespace) -> dict:
    about = {"label": f"{name}, DeepXDE {dtype}, {network}", "dtype": dtype, "network": network}
    return run({"name": name, "seed": 0, "seconds": args.seconds, **about}, __file__)


def pinn_run(name: str, seed: int, theirs: list, most: float) -> dict:
    """Waits for DeepXDE, since its time is the budget; those runs were handed out before, so they are on their way."""
    seconds = min(most, max(future.result()["spent"] for future in theirs))
    return run({"name": name, "seed": seed, "seconds": seconds, "label": f"{name}, Pinn", "dtype": ""}, __file__)


def all_runs(names: list[str], args: argparse.Namespace) -> tuple[list[dict], list[dict]]:
    """The results of DeepXDE and of `Pinn`."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        theirs = {
            n: [pool.submit(deepxde_run, n, dtype, network, args) for dtype in args.dtypes for network in networks(n)]
            for n in names
        }
        ours = [
            pool.submit(pinn_run, n, seed, theirs[n], args.pinn_seconds) for n in names for seed in range(args.seeds)
        ]
        return [f.result() for n in names for f in theirs[n]], [f.result() for f in ours]


# -- the tables --------------------------------------------------------------------------------------------------------


def error_by(result: dict, at: float) -> tuple[float, float]:
    """(seconds, error) as recorded last by a time; an infinite error before the first record."""
    curve = zip(result["times"], result["errors"], strict=True)
    return max((p for p in curve if p[0] <= at), default=(0.0, float("inf")))


def spread(values: list[float], form: str) -> str:
    """The median with the least and the largest; a ratio of 0 is that of a level which was not reached."""
    median, least, largest = (f"{v:{form}}" if v > 0 else "none" for v in (np.median(values), min(values), max(values)))
    return f"{median} ({least} to {largest})"


def median_time(values: list[float]) -> str:
    """The median time, and how many runs got there if not all of them did."""
    there, median = int(np.isfinite(values).sum()), np.median(values)
    told = f"{median:.1f}" if np.isfinite(median) else "no"
    return told if there in (0, len(values)) else f"{told} ({there} did)"


def ratios(theirs: list[dict], ours: list[dict]):
    """The table of the issue: one row for each run of DeepXDE."""
    from rich.table import Table

    table = Table(
        "problem", "DeepXDE", "its error", "after, s", "nearly\nafter, s", "how it ended", "Pinn there\nafter, s",
        f"times shorter\n(goal {FASTER})", "Pinn's error", "after, s", f"times smaller\n(goal {SMALLER})",
        title="relative L2 error; cpu, one thread a run, two runs at a time; Pinn: median (least to largest) over seeds",
    )  # fmt: skip
    for peer_run in theirs:
        mine = [r for r in ours if r["name"] == peer_run["name"]]
        end, level = peer_run["spent"], peer_run["final"]
        reached = [first_below(r, level) for r in mine]
        by = [error_by(r, end) for r in mine]
        table.add_row(
            peer_run["name"],
            f"{peer_run['dtype']}, {peer_run['network']}",
            f"{level:.1e}",
            f"{end:.0f}",
            f"{first_below(peer_run, NEARLY * level):.0f}",
            peer_run["ending"],
            median_time(reached),
            spread([end / t for t in reached], ".3g"),
            spread([e for _, e in by], ".1e"),
            f"{np.median([t for t, _ in by]):.0f}",
            spread([level / e for _, e in by], ".3g"),
        )
    return table


def settings(names: list[str], theirs: list[dict], ours: list[dict]):
    """What both were given."""
    from rich.table import Table

    table = Table()
    for heading in ("problem", "solver", "network", "numbers", "points", "conditions", "training", "translated in, s"):
        table.add_column(heading, overflow="fold")
    for name in names:
        ones = [r for r in theirs if r["name"] == name]
        for r in (*ones, next(r for r in ours if r["name"] == name)):
            table.add_row(
                name,
                "DeepXDE" if r in ones else "Pinn",
                r["description"]["network"],
                str(r["parameters"]),
                *(r["description"][key] for key in ("points", "conditions", "training")),
                f"{r['translation']:.1f}",
            )
    return table


def curves(results: list[dict]):
    """The error of every run after several times."""
    from rich.table import Table

    table = Table("run", "seed", *(f"{m} s" for m in MARKS), title="error recorded last by then")
    for r in results:
        row = [
            f"{error_by(r, m)[1]:.0e}" if r["times"] and r["times"][0] <= m <= 1.1 * r["spent"] else "" for m in MARKS
        ]
        table.add_row(r["label"], str(r["seed"]), *row)
    return table


def main() -> None:
    from _report import Report

    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", help=f"problems, rows of pinn_digits.py; without any {', '.join(PROBLEMS)}")
    parser.add_argument("--seconds", type=float, default=300, help="budget of each run of DeepXDE")
    parser.add_argument("--pinn-seconds", type=float, default=300, help="most that each run of Pinn may take")
    parser.add_argument("--seeds", type=int, default=3, help="of Pinn; DeepXDE has seed 0")
    parser.add_argument("--dtypes", nargs="+", default=["float32"], help="of DeepXDE: float32 (its default), float64")
    args = parser.parse_args()
    names = args.names or list(PROBLEMS)
    report = Report("vs_deepxde")
    theirs, ours = all_runs(names, args)
    report.print(ratios(theirs, ours))
    report.print(
        f"budgets: DeepXDE {args.seconds:g} s a run, Pinn DeepXDE's time or {args.pinn_seconds:g} s, whichever is less"
    )
    report.print(settings(names, theirs, ours))
    report.print(curves(sorted(theirs + ours, key=lambda r: names.index(r["name"]))))
    for level, within in ((1e-3, 60), (2e-4, 180)) if "burgers" in names else ():
        reached = median_time([first_below(r, level) for r in ours if r["name"] == "burgers"])
        report.print(f"burgers, seconds until Pinn's error is <= {level:g} (required: {within}), median: {reached}")
    report.save()


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1].startswith("{"):
        work(json.loads(sys.argv[1]))
    else:
        main()
