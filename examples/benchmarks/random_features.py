"""Random features: error, time and what the solver itself reports, per seed.

Burgers (nu = 0.01, T = 1) needs thin patches at its front and windows of time, which were chosen among five trials by
the residual, with the error printed beside it, which ranked them alike; the source of the multi-scale problem holds eight
waves per side and gets four patches; all others run with the defaults.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from _report import Report, shipped
from rich.table import Table

from pinnlab import solve
from pinnlab.field import ExactField
from pinnlab.metrics import comparison_nodes, relative_l2, sample
from pinnlab.solvers.random_features import RandomFeatures

FRONT = RandomFeatures(features=120, patches=(1, 60), windows=5)
SCALES = RandomFeatures(features=300, patches=(4, 4))
# Name, problem, solver, required and wished-for relative L2 error, and the seconds allowed.
CASES = (
    ("helmholtz_2d", shipped("helmholtz_2d"), RandomFeatures(), 1e-8, 1e-11, 30),
    ("poisson_2d", shipped("poisson_2d"), RandomFeatures(), 1e-8, 1e-11, 30),
    ("elasticity_plate", shipped("elasticity_plate"), RandomFeatures(), 1e-8, 1e-11, 30),
    ("wave", shipped("wave"), RandomFeatures(), 1e-6, 1e-10, 600),
    ("klein_gordon", shipped("klein_gordon"), RandomFeatures(), 1e-5, 1e-8, 600),
    ("kovasznay", shipped("kovasznay"), RandomFeatures(), 1e-5, 1e-8, 600),
    ("poisson_2d_multiscale", shipped("poisson_2d_multiscale"), SCALES, 1e-4, 1e-8, 600),
    ("burgers, nu = 0.01", shipped("burgers").with_parameters(nu=0.01), FRONT, 1e-6, 1e-6, 60),
)


def run(problem, solver, seed: int) -> tuple[float, tuple[float, float], object]:
    """Error, wall time and the processor's, and solution."""
    start, worked = time.perf_counter(), time.process_time()
    solution = solve(problem, solver, seed=seed, device="cpu").checked()
    seconds = time.perf_counter() - start, time.process_time() - worked
    nodes = comparison_nodes(problem, 5_000)
    return relative_l2(sample(solution.field, nodes), sample(ExactField.of(problem), nodes)), seconds, solution


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="part of a problem's name")
    args = parser.parse_args()
    report = Report("random_features")
    table = Table(
        *(
            "problem",
            "required",
            "goal",
            "median error",
            "all errors",
            "apart",
            "residual",
            "seconds (of a core)",
            "allowed",
        ),
        title="RandomFeatures, cpu, float64: relative L2 error; 'apart' is the difference of seeds 0 and 1",
    )
    for name, problem, solver, required, goal, allowed in CASES:
        if args.only not in name:
            continue
        runs = [run(problem, solver, seed) for seed in range(args.seeds)]
        errors = sorted(error for error, _, _ in runs)
        nodes = comparison_nodes(problem, 5_000)
        pair = [sample(solution.field, nodes) for _, _, solution in runs[:2]]
        table.add_row(
            name,
            f"{required:.0e}",
            f"{goal:.0e}",
            f"{np.median(errors):.1e}",
            ", ".join(f"{e:.1e}" for e in errors),
            f"{relative_l2(pair[0], pair[-1]):.1e}",
            ", ".join(f"{solution.history['residual'][-1]:.1e}" for _, _, solution in runs),
            ", ".join(f"{wall:.1f} ({worked:.1f})" for _, (wall, worked), _ in runs),
            str(allowed),
        )
    report.print(table)
    report.save()


if __name__ == "__main__":
    main()
