"""Causality with and without the patented weights: the same budget for each, several seeds, and the certificate.

First, convection-diffusion for c = 0 ... 70 by a plain network, causal weights, marching and characteristics; second, the
same on a nonlinear problem, with the other ways; third, the causal certificate beside the true error of the runs.
One thread a run.  The networks, points and optimisers are the same as far as a method has them; settings are printed.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import sys

import numpy as np

SPEEDS = (0, 10, 30, 50, 70)
DEEP = (1e-2, 1.0, 1e2, 1e4, 1e6)


def solvers() -> dict[str, object]:
    """The same network, number of points and optimiser for all that have such parts."""
    from pinnlab import (
        Adam,
        CausalGate,
        CausalPinn,
        EqualWindows,
        LagrangianPinn,
        LatinHypercube,
        LevenbergMarquardt,
        Mlp,
        NeuralGalerkin,
        Pinn,
        ResidualAdaptive,
        RetainResampleRelease,
    )

    network, sampler = Mlp(20, 2), ResidualAdaptive(1500, 6000)
    # Windows are short, and what is carried along is smooth: both need less.
    few = ResidualAdaptive(800, 3200)
    even, adam = LatinHypercube(1500, every=20), Adam(steps=10**6)
    return {
        "Pinn, Adam": Pinn(network, sampler=sampler, optimizer=adam),
        "Pinn": Pinn(network, sampler=sampler),
        "CausalPinn, Adam": CausalPinn(network, sampler=even, optimizer=adam),
        "CausalPinn": CausalPinn(network, sampler=even, epsilons=DEEP),
        "Pinn, causal gate, R3": Pinn(network, sampler=RetainResampleRelease(1500), weighting=CausalGate()),
        "Pinn, 10 windows": Pinn(
            Mlp(12, 2), sampler=few, optimizer=LevenbergMarquardt(steps=20), windows=EqualWindows(10)
        ),
        "LagrangianPinn": LagrangianPinn(Mlp(10, 2), Mlp(10, 2), sampler=few, optimizer=LevenbergMarquardt(steps=40)),
        "NeuralGalerkin": NeuralGalerkin(),
    }


SWEPT = ("Pinn, Adam", "Pinn", "CausalPinn", "Pinn, 10 windows", "LagrangianPinn")


def work(order: dict) -> None:
    """One run in a process of its own; prints a JSON line."""
    import torch
    from _report import shipped

    from pinnlab import ExactField, solve
    from pinnlab.compare import ErrorMonitor
    from pinnlab.reference import error_against

    torch.set_num_threads(1)
    problem = shipped(order["problem"])
    if order["parameters"]:
        problem = problem.with_parameters(**order["parameters"])
    exact = ExactField.of(problem)
    solver = solvers()[order["solver"]]
    monitors = [ErrorMonitor(exact)] if order["solver"].startswith("CausalPinn") else []
    found = solve(problem, solver, seed=order["seed"], device="cpu", max_seconds=order["seconds"], monitors=monitors)
    columns = ("seconds", "causal_epsilon", "causal_weight_min", "relative_l2")
    history = {c: found.history[c].tolist() for c in columns if c in found.history} if monitors else {}
    told = {
        "error": error_against(found.field, exact)["relative_l2"],
        "spent": found.seconds,
        "status": found.status.name,
        "history": history,
    }
    print(json.dumps(order | told))


def run(order: dict) -> dict:
    """One run in a process of its own."""
    from _report import in_own_process

    result = in_own_process(__file__, order)
    what = f"{order['problem']} {order['parameters']}, {order['solver']}, seed {order['seed']}"
    print(f"{what}: {result['error']:.1e} after {result['spent']:.0f} s, {result['status']}", flush=True)
    return result


def spread(errors: list[float]) -> str:
    ordered = sorted(errors)
    return f"{np.median(ordered):.1e} ({ordered[0]:.0e} to {ordered[-1]:.0e})"


def sweep_table(results: list[dict], seconds: float):
    from rich.table import Table

    table = Table("c", *SWEPT, title=f"convection_diffusion, nu = 0.01, T = 1: relative L2 error after {seconds:g} s")
    for c in SPEEDS:
        cells = [spread([r["error"] for r in results if r["solver"] == s and r["parameters"]["c"] == c]) for s in SWEPT]
        table.add_row(str(c), *cells)
    return table


def sweep_picture(results: list[dict]) -> None:
    import matplotlib.pyplot as plt
    from _report import RESULTS

    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for s in SWEPT:
        errors = [[r["error"] for r in results if r["solver"] == s and r["parameters"]["c"] == c] for c in SPEEDS]
        axes.semilogy(SPEEDS, [np.median(e) for e in errors], "o-", label=s)
        axes.fill_between(SPEEDS, [min(e) for e in errors], [max(e) for e in errors], alpha=0.2)
    axes.set(xlabel="speed c", ylabel="relative L2 error, median and range of seeds", title="convection-diffusion")
    axes.legend()
    figure.savefig(RESULTS / "convection_sweep.png", dpi=120)


def certificate_table(results: list[dict]):
    """Of each causal run, the error when min w first passed the threshold at each epsilon."""
    from rich.table import Table

    table = Table("problem", "solver", "seed", *(f"{e:g}" for e in DEEP), "at the end", title=(
        "true error when the history first shows an epsilon beyond the one named, whose certificate was reached"
    ))  # fmt: skip
    for r in results:
        h = r["history"]
        if not h:
            continue
        epsilon, error = np.array(h["causal_epsilon"]), np.array(h["relative_l2"])
        cells = []
        for level in DEEP:
            hits = np.flatnonzero((epsilon > level * 1.001) & ~np.isnan(error))
            cells.append(f"{error[hits[0]]:.1e}" if len(hits) else "-")
        last = f"min w {h['causal_weight_min'][-1]:.3f}, epsilon {epsilon[-1]:g}, error {r['error']:.1e}, {r['status']}"
        name = f"{r['problem']} {r['parameters'] or ''}".strip()
        table.add_row(name, r["solver"], str(r["seed"]), *cells, last)
    return table


def certificate_picture(results: list[dict]) -> None:
    import matplotlib.pyplot as plt
    from _report import RESULTS

    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for r in results:
        h = r["history"]
        if h and r["seed"] == 0:
            known = ~np.isnan(np.array(h["relative_l2"]))
            # epsilon times the sum of losses, which the weight hides in an exponential.
            total = -np.log(np.maximum(np.array(h["causal_weight_min"]), 1e-300)) / np.array(h["causal_epsilon"])
            label = f"{r['problem']}, {r['solver']} {r['parameters'] or ''}"
            axes.loglog(total[known], np.array(h["relative_l2"])[known], ".", label=label)
    axes.set(xlabel="-log(min w) / epsilon: the sum of the losses of the bins", ylabel="true relative L2 error")
    axes.legend(fontsize=6)
    figure.savefig(RESULTS / "certificate.png", dpi=120)


def orders_of(problem: str, parameters: dict, names: object, seeds: int, seconds: float) -> list[dict]:
    return [
        {"problem": problem, "parameters": parameters, "solver": name, "seed": seed, "seconds": seconds}
        for name in names  # type: ignore[attr-defined]
        for seed in range(seeds)
    ]


def main() -> None:
    from _report import Report
    from rich.table import Table

    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--lanes", type=int, default=2, help="runs at a time")
    parser.add_argument("--seconds", type=float, default=15, help="budget of a run of the sweep")
    parser.add_argument("--more-seconds", type=float, default=30, help="budget of a run of the other table")
    args = parser.parse_args()
    report = Report("causality")
    sweep = [o for c in SPEEDS for o in orders_of("convection_diffusion", {"c": c}, SWEPT, args.seeds, args.seconds)]
    other = orders_of("burgers_periodic", {}, solvers(), args.seeds, args.more_seconds)
    with concurrent.futures.ThreadPoolExecutor(args.lanes) as pool:
        results = list(pool.map(run, [*sweep, *other]))
    swept, rest = results[: len(sweep)], results[len(sweep) :]
    report.print(sweep_table(swept, args.seconds))
    table = Table("solver", "median error (range)", "seconds", "status", title=(
        f"burgers_periodic, nu = 0.05, T = 1: relative L2 error after at most {args.more_seconds:g} s"
    ))  # fmt: skip
    for name in solvers():
        mine = [r for r in rest if r["solver"] == name]
        status = ", ".join(sorted({r["status"] for r in mine}))
        spent = f"{np.median([r['spent'] for r in mine]):.0f}"
        table.add_row(name, spread([r["error"] for r in mine]), spent, status)
    report.print(table)
    report.print(certificate_table(results))
    for name, solver in solvers().items():
        report.print(f"{name}: {solver}")
    report.save()
    sweep_picture(swept)
    certificate_picture(results)


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1].startswith("{"):
        work(json.loads(sys.argv[1]))
    else:
        main()
