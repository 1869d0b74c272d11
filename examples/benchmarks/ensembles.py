"""K seeds of burgers trained as one batched network, beside K networks trained one after the other.

Steps are taken in turn so that both see the same load; each number is the median over rounds, in seconds of the
processor, or of the wall on a GPU.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from _report import Report, shipped
from rich.table import Table

from pinnlab.networks.mlp import Mlp
from pinnlab.pinn_ensemble import PinnEnsemble
from pinnlab.problem import Problem
from pinnlab.solver import Method
from pinnlab.solvers.pinn import Pinn
from pinnlab.training.adam import Adam
from pinnlab.training.levenberg_marquardt import LevenbergMarquardt
from pinnlab.training.samplers import Uniform

WIDTH, DEPTH = 20, 3
# Iterations of Adam timed together.
ITERATIONS = 5
# Points and members.
CASES = (
    (Adam(per_step=ITERATIONS), 100, (1, 4, 16)),
    (Adam(per_step=ITERATIONS), 1000, (1, 4, 16)),
    (LevenbergMarquardt(), 1000, (4,)),
)


def stepping(method: Method, seed: int, clock: Callable[[], float]) -> Callable[[], float]:
    """A function that takes a step and returns its seconds."""
    carried = [method.init(seed)]

    def step() -> float:
        start = clock()
        carried[0], _ = method.step(carried[0])
        return clock() - start

    return step


def cuda_clock() -> float:
    """Wall seconds once the device has done its work."""
    torch.cuda.synchronize()
    return time.perf_counter()


def seconds(problem: Problem, pinn: Pinn, members: int, rounds: int, device: torch.device) -> tuple[float, float]:
    """Median seconds per iteration of all members: batched, and one after the other."""
    clock = cuda_clock if device.type == "cuda" else time.process_time
    alone = pinn.compile(problem, device)
    separate = [stepping(copy.copy(alone), seed, clock) for seed in range(members)]
    together = stepping(PinnEnsemble(pinn, tuple(range(members))).compile(problem, device), 0, clock)
    both = [(together(), sum(step() for step in separate)) for _ in range(rounds + 1)][1:]
    iterations = ITERATIONS if isinstance(pinn.optimizer, Adam) else 1
    first, second = (statistics.median(times) / iterations for times in zip(*both, strict=True))
    return first, second


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    device = torch.device(args.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    report = Report("ensembles" if device.type == "cpu" else "ensembles_cuda")
    table = Table(
        *("optimiser", "points", "members", "batched, ms", "one after the other, ms", "ratio"),
        title=f"One iteration of all members, burgers, {DEPTH} x {WIDTH} tanh, {name} (median of {args.rounds})",
    )
    problem = shipped("burgers").with_parameters(nu=0.01 / np.pi)
    for optimizer, points, counts in CASES:
        pinn = Pinn(Mlp(WIDTH, DEPTH), optimizer=optimizer, sampler=Uniform(points=points))
        for members in counts:
            batched, separate = seconds(problem, pinn, members, args.rounds, device)
            times = (f"{1e3 * batched:.1f}", f"{1e3 * separate:.1f}", f"{separate / batched:.2f}")
            table.add_row(type(optimizer).__name__, f"{points:,}", str(members), *times)
    report.print(table)
    report.save()
