"""Data for operators: 1,000 Burgers trajectories stepped together, and 1,000 Darcy problems solved by processes.

Without arguments 1,000 of each are made; `python operator_data.py 64` makes 64 and extrapolates.  Then half of the former
and an eighth of the latter are made in a file, by a process that is killed on the way, and by its successor: no sample may
be lost, doubled, or another than that of the first run, which was not interrupted.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
import sympy as sp
import torch
from _report import Report
from rich.table import Table

from pinnlab import Box, D, Family, Problem, TimeInterval, dirichlet, initial, parameter
from pinnlab.datasets.data import OperatorData
from pinnlab.operators.generate import generate
from pinnlab.random_functions import NeumannField, PeriodicField, TwoPhase
from pinnlab.solvers.etdrk4 import Etdrk4
from pinnlab.solvers.finite_element import FiniteElement

t, x, y = sp.symbols("t x y", real=True)
WANTED = 1000


def burgers() -> Family:
    u, u0 = sp.Function("u")(t, x), parameter("u0", sp.sin(2 * sp.pi * x))
    law = D(u, t) + D(u**2 / 2, x) - sp.Rational(1, 10) * D(u, x, 2)
    domain = TimeInterval(t, 0, 1) * Box({x: (0, 1)}, periodic=[x])
    problem = Problem("burgers", [law], [u], domain, [initial(u, u0)], time=t)
    return Family(problem, {u0: PeriodicField({x: (0, 1)}, alpha=2, tau=5, sigma=25, modes=512)})


def darcy() -> Family:
    u, a = sp.Function("u")(x, y), parameter("a", 3)
    balance = -D(a * D(u, x), x) - D(a * D(u, y), y) - 1
    problem = Problem("darcy", [balance], [u], Box({x: (0, 1), y: (0, 1)}), [dirichlet(u, 0)])
    return Family(problem, {a: TwoPhase(NeumannField({x: (0, 1), y: (0, 1)}, alpha=2, tau=3, modes=64))})


CASES = {
    "Burgers, nu = 0.1, s = 1,024": (burgers, Etdrk4(points=1024, steps=100), 1024, 60),
    "Darcy, 85 x 85": (darcy, FiniteElement(degree=1, cells=84), 85, 300),
}


def made(name: str, n: int, device: str, **options) -> OperatorData:
    family, solver, nodes, _ = CASES[name]
    return generate(family(), n, solver, nodes=nodes, device=device, **options)


def killed(name: str, n: int, out: Path) -> int:
    """Make samples in a process that is killed when a third of them is done; how many the file holds then."""
    order = json.dumps({"name": name, "n": n, "out": str(out)})
    child = subprocess.Popen([sys.executable, __file__, order], stdout=subprocess.PIPE, text=True)
    for line in child.stdout:
        if int(line) >= n / 3:
            break
    child.send_signal(signal.SIGKILL)
    child.wait()
    if not Path(f"{out}.part").exists():
        raise SystemExit(f"{name}: {n} samples were done before the process could be killed; ask for more")
    with h5py.File(f"{out}.part") as file:
        return int(file["pinnlab/done"][:].sum())


def work(order: dict) -> None:
    torch.set_num_threads(1)
    made(order["name"], order["n"], "cpu", out=order["out"], progress=lambda done, n: print(done, flush=True))


def resumed(report: Report, whole: dict[str, OperatorData]) -> None:
    table = Table("family", "samples", "in the file after kill -9", "solved afterwards", "lost", "doubled",
                  "largest difference to the run that was not killed", title="Killed and resumed")  # fmt: skip
    for name, first in whole.items():
        # Of those that are stepped together more, so that some are missing when the process is killed.
        n = len(first) // (8 if name.startswith("Darcy") else 2)
        with tempfile.TemporaryDirectory() as folder:
            out, again = Path(folder) / "d.hdf", []
            kept = killed(name, n, out)
            data = made(name, n, "cpu", out=out, progress=lambda done, n, again=again: again.append(done)).loaded()
        lost = int((~np.isfinite(data.bounds)).sum())
        doubled = n - len(np.unique(data.inputs.reshape(n, -1), axis=0))
        apart = max(np.abs(a - b[:n]).max() for a, b in ((data.inputs, first.inputs), (data.outputs, first.outputs)))
        table.add_row(name, str(n), str(kept), str(n - kept if again else 0), str(lost), str(doubled), f"{apart:.1e}")
    report.print(table)


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else WANTED
    torch.set_num_threads(1)
    report, whole = Report("operator_data"), {}
    table = Table("family", "solver", "device", "samples", "seconds", "core seconds", f"seconds for {WANTED}", "required", "median bound", "largest",
                  title="Samples of operators, each with the bound of its relative L2 error")  # fmt: skip
    rows = [(name, "cpu", case[3]) for name, case in CASES.items()]
    if torch.cuda.is_available():
        rows.insert(1, (rows[0][0], "cuda", 6))
        made(rows[0][0], 8, "cuda")
    for name, device, required in rows:
        begin, worked = time.perf_counter(), sum(os.times()[:4])
        data = made(name, n, device)
        seconds, worked = time.perf_counter() - begin, sum(os.times()[:4]) - worked
        whole.setdefault(name, data)
        numbers = (
            str(n),
            f"{seconds:.1f}",
            f"{worked:.1f}",
            f"{seconds * WANTED / n:.0f}",
            str(required),
            f"{np.median(data.bounds):.1e}",
            f"{data.bounds.max():.1e}",
        )
        table.add_row(name, repr(CASES[name][1]).split(", time")[0], device, *numbers)
    report.print(table)
    resumed(report, whole)
    report.save()


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1].startswith("{"):
        work(json.loads(sys.argv[1]))
    else:
        main()
