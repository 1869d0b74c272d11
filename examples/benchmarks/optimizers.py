"""Every optimiser at its defaults on one problem, network and sampler: Burgers, nu = 0.01/pi, T = 1.

Prints the relative L2 error after wall time (evaluations of the error excluded), and draws the histories.  The exact
solution is used for reporting only.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
from _report import RESULTS, Report, shipped
from rich.table import Table

from pinnlab import ExactField, Mlp, Pinn, ResidualAdaptive, WidenedPinn, solve
from pinnlab.compare import ErrorMonitor
from pinnlab.reference import error_against
from pinnlab.training.adam import Adam
from pinnlab.training.broyden_family import Bfgs, SelfScaledBfgs
from pinnlab.training.energy_natural_gradient import EnergyNaturalGradient
from pinnlab.training.lbfgs import Lbfgs
from pinnlab.training.levenberg_marquardt import LevenbergMarquardt
from pinnlab.training.nys_newton_cg import NysNewtonCg
from pinnlab.training.sketching import Sketched
from pinnlab.training.soap import Soap
from pinnlab.training.ssbroyden import SelfScaledBroyden

# One name each, in the order of the table.  NysNewtonCg is made for the end of a run, after a method that comes far
# from the start: 600 iterations of Lbfgs.  The sketch is smaller than its default, which would be no sketch here.
OPTIMIZERS = {
    "Adam": Adam(),
    "Soap": Soap(),
    "Lbfgs": Lbfgs(),
    "Lbfgs, NysNewtonCg": (Lbfgs(600), NysNewtonCg()),
    "Bfgs": SelfScaledBroyden(update=Bfgs()),
    "SelfScaledBfgs": SelfScaledBroyden(update=SelfScaledBfgs()),
    "SelfScaledBroyden": SelfScaledBroyden(),
    "EnergyNaturalGradient": EnergyNaturalGradient(),
    "LevenbergMarquardt": LevenbergMarquardt(),
    "LM, Sketched(1600, 600)": LevenbergMarquardt(model=Sketched(1600, 600)),
}
COMMON = Pinn(network=Mlp(width=20, depth=3), sampler=ResidualAdaptive(points=5000))
SOLVERS = {name: replace(COMMON, optimizer=optimizer) for name, optimizer in OPTIMIZERS.items()}
# It widens after 150 steps, which takes a minute of one core: a shorter budget ends before.
SOLVERS["LevenbergMarquardt, widened"] = WidenedPinn(replace(COMMON, optimizer=LevenbergMarquardt(steps=150)), rounds=2)


def marks(seconds: float) -> list[float]:
    """Times at which the table shows the error."""
    return [seconds * share for share in (0.1, 0.25, 0.5, 0.75, 1.0)]


def curve(solution) -> tuple[np.ndarray, np.ndarray]:
    """(seconds, error) where the error was recorded."""
    known = ~np.isnan(solution.history["relative_l2"])
    return solution.history["seconds"][known], solution.history["relative_l2"][known]


def latest(times: np.ndarray, errors: np.ndarray, at: float) -> str:
    """The error recorded last before a time; none where nothing was recorded yet or the run had ended long before."""
    before = np.flatnonzero(times <= at * 1.001)
    return f"{errors[before[-1]]:.1e}" if len(before) and times[-1] >= 0.85 * at else ""


def draw(curves: dict[str, list[tuple[np.ndarray, np.ndarray]]], path) -> None:
    """Error against time, the median seed of each optimiser by its final error."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for i, (name, runs) in enumerate(curves.items()):
        times, errors = sorted(runs, key=lambda run: run[1][-1])[len(runs) // 2]
        axes.semilogy(times, errors, label=name, linestyle="-" if i < 5 else "--", color=f"C{i}")
    axes.set_xlabel("wall time in s")
    axes.set_ylabel("relative L2 error")
    axes.set_title("Burgers, nu = 0.01/pi, T = 1, 3 x 20 tanh, 5,000 points, float64")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=120, help="budget of each run")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=list(SOLVERS), choices=list(SOLVERS))
    args = parser.parse_args()

    report = Report("optimizers")
    problem = shipped("burgers")
    exact = ExactField.of(problem)
    table = Table(
        "optimiser",
        "seed",
        *(f"{m:.0f} s" for m in marks(args.seconds)),
        "final error",
        "loss",
        "steps a second",
        "ended",
        title="Burgers, nu = 0.01/pi, T = 1, 3 x 20 tanh, 5,000 points: relative L2 error after wall time, cpu, float64",
    )
    curves: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for name in args.only:
        for seed in range(args.seeds):
            monitors = [ErrorMonitor(exact)]
            solution = solve(
                problem, SOLVERS[name], seed=seed, device="cpu", max_seconds=args.seconds, monitors=monitors
            )
            times, errors = curve(solution)
            final = error_against(solution.field, exact)["relative_l2"]
            curves.setdefault(name, []).append((np.append(times, solution.seconds), np.append(errors, final)))
            steps = solution.history["step"][-1] / solution.seconds
            row = [latest(times, errors, m) for m in marks(args.seconds)]
            loss = solution.history["loss"][-1]
            ended = solution.failure or ("budget" if solution.status.value == "running" else solution.status.value)
            table.add_row(name, str(seed), *row, f"{final:.1e}", f"{loss:.1e}", f"{steps:.2f}", ended)
            report.console.print(f"{name}, seed {seed}: {final:.2e} after {solution.seconds:.0f} s")
    report.print(table)
    report.print(
        "A step is one iteration of the Gauss-Newton methods and of Newton's, 20 of Adam, Soap and Lbfgs, 50 of the others."
    )
    RESULTS.mkdir(exist_ok=True)
    draw(curves, RESULTS / "optimizers.png")
    report.save()


if __name__ == "__main__":
    main()
