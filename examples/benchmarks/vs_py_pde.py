"""pinnlab, py-pde and scikit-sundae's CVODE side by side at equal error, each solution in a fresh process.

Every method is timed twice in its process: from the declaration to the answer at the end, which includes what it
compiles, and once more with everything that can be kept.  Imports come before and are listed apart.  Seconds are those
of the processor, so that other work on the machine does not count; seconds by the clock are beside them.  py-pde
discretises by differences of second order; on its grid it runs with every solver and backend below, and the fastest
one whose error is within 1.3 times the smallest is compared.  CVODE gets the same differences, written with numpy.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

END = 1.0
# The second time is the mean of so many.
REPEATS = 5
PERIODIC = {
    # name: interval, cells per axis, py-pde's right-hand sides, initial data
    "burgers_periodic": ((0, 2 * np.pi), (256,), {"u": "0.05*laplace(u) - u*d_dx(u)"}, {"u": "sin(x)"}),
    "allen_cahn_smooth": ((-1, 1), (512,), {"u": "1e-4*laplace(u) - 5*u**3 + 5*u"}, {"u": "0.5*cos(pi*x)"}),
    "reaction_diffusion_periodic": (
        (-1, 1),
        (64, 64),
        {"u": "1e-3*laplace(u) + u - u**3 - 5e-3 - v", "v": "5e-3*laplace(v) + u - v"},
        {"u": "0.5*(cos(pi*x) + cos(pi*y))", "v": "0.25*cos(pi*x)*cos(pi*y)"},
    ),
}
PY_PDE = {
    "Euler, numba": {"solver": "explicit", "backend": "numba"},
    "adaptive Runge-Kutta, numba": {
        "solver": "runge-kutta", "adaptive": True, "tolerance": 1e-4, "dt": 1e-3, "backend": "numba"
    },
    "scipy RK45, numpy": {"solver": "scipy", "method": "RK45", "rtol": 1e-4, "atol": 1e-6, "backend": "numpy"},
    "scipy RK45, numba": {"solver": "scipy", "method": "RK45", "rtol": 1e-4, "atol": 1e-6, "backend": "numba"},
    "scipy LSODA, numba": {"solver": "scipy", "method": "LSODA", "rtol": 1e-4, "atol": 1e-6, "backend": "numba"},
}  # fmt: skip
# Largest steps of the explicit Euler method at which its own error stays below that of the grids.
EULER_STEP = {"burgers_periodic": 2.5e-4, "allen_cahn_smooth": 5e-4, "reaction_diffusion_periodic": 5e-4}
# Settings of pinnlab, coarse to fine: nodes per axis and steps of Etdrk4, or nodes and tolerance of MethodOfLines with
# differences of fourth order and LSODA.  The first one with an error below the rival's is compared.
LADDER = {
    "burgers_periodic": tuple(("Etdrk4", *s) for s in ((64, 10), (72, 12), (80, 12), (96, 16), (128, 24), (192, 100))),
    "allen_cahn_smooth": tuple(
        ("MethodOfLines", *s) for s in ((320, 1e-3), (352, 1e-3), (384, 1e-3), (384, 1e-4), (512, 1e-5))
    ),
    "reaction_diffusion_periodic": tuple(
        ("Etdrk4", *s) for s in ((16, 5), (20, 5), (24, 5), (28, 6), (32, 8), (48, 16), (64, 32))
    ),
}
# Nodes and steps of the reference.
REFERENCE = {"burgers_periodic": (192, 200), "allen_cahn_smooth": (1152, 200), "reaction_diffusion_periodic": (64, 200)}


def centres(name: str) -> np.ndarray:
    """The centres of py-pde's cells, `(n, space)`."""
    (a, b), shape, _, _ = PERIODIC[name]
    axes = [a + (b - a) * (np.arange(n) + 0.5) / n for n in shape]
    return np.stack([m.ravel() for m in np.meshgrid(*axes, indexing="ij")], axis=1)


# -- the three workers, each in a process of its own -------------------------------------------------------------


def problem_of(name: str):
    """The declaration for pinnlab."""
    import sympy as sp
    from _report import shipped

    from pinnlab import Box, initial

    if name == "burgers_periodic":
        return shipped(name)
    if name == "allen_cahn_smooth":
        problem = shipped("allen_cahn")
        (u,), (x,) = problem.unknowns, problem.space
        return replace(problem, name=name, conditions=(initial(u, sp.cos(sp.pi * x) / 2),))
    problem = shipped("reaction_diffusion")
    (u, v), (x, y) = problem.unknowns, problem.space
    conditions = (
        initial(u, (sp.cos(sp.pi * x) + sp.cos(sp.pi * y)) / 2),
        initial(v, sp.cos(sp.pi * x) * sp.cos(sp.pi * y) / 4),
    )
    box = Box({problem.time: (0, END), x: (-1, 1), y: (-1, 1)}, periodic=[x, y])
    return replace(problem, name=name, domain=box, conditions=conditions)


def by_pinnlab(name: str, kind: str, points: int, accuracy: float):
    from pinnlab import Etdrk4, FiniteDifferences, Lsoda, MethodOfLines
    from pinnlab.solver import Status

    if kind == "Etdrk4":
        solver = Etdrk4(points, int(accuracy), snapshots=1)
    else:
        solver = MethodOfLines(FiniteDifferences(points), Lsoda(accuracy, accuracy / 10), snapshots=1)
    method = solver.compile(problem_of(name))
    where = np.column_stack([np.full(len(centres(name)), END), centres(name)])

    def run():
        state = method.init(0)
        while method.status(state) is Status.RUNNING:
            state, _ = method.step(state)
        field = method.field(state)
        return lambda: field(where).T

    return run


def by_py_pde(name: str, solver: str):
    import pde

    interval, shape, rhs, start = PERIODIC[name]
    grid = pde.CartesianGrid([interval] * len(shape), shape, periodic=True)
    fields = [pde.ScalarField.from_expression(grid, e) for e in start.values()]
    state = fields[0] if len(fields) == 1 else pde.FieldCollection(fields)
    settings = dict(PY_PDE[solver])
    if settings["solver"] == "explicit":
        settings["dt"] = EULER_STEP[name]
    equation = pde.PDE(rhs)

    def run():
        result = equation.solve(state, t_range=END, tracker=None, **settings)
        return lambda: result.data.reshape(len(rhs), -1)

    return run


def by_cvode(name: str, linear_solver: str):
    from sksundae.cvode import CVODE

    (a, b), shape, rhs, _ = PERIODIC[name]
    h = [(b - a) / n for n in shape]
    where = centres(name)

    def laplace(u):
        return sum((np.roll(u, 1, i) - 2 * u + np.roll(u, -1, i)) / h[i] ** 2 for i in range(u.ndim))

    def burgers(u):
        return 0.05 * laplace(u) - u * (np.roll(u, -1) - np.roll(u, 1)) / (2 * h[0])

    def reaction_diffusion(w):
        u, v = w
        return np.stack([1e-3 * laplace(u) + u - u**3 - 5e-3 - v, 5e-3 * laplace(v) + u - v])

    kinds = {
        "burgers_periodic": (burgers, lambda x: np.sin(x)),
        "allen_cahn_smooth": (lambda u: 1e-4 * laplace(u) - 5 * u**3 + 5 * u, lambda x: 0.5 * np.cos(np.pi * x)),
        "reaction_diffusion_periodic": (
            reaction_diffusion,
            lambda x, y: np.stack(
                [(np.cos(np.pi * x) + np.cos(np.pi * y)) / 2, np.cos(np.pi * x) * np.cos(np.pi * y) / 4]
            ),
        ),
    }
    rate, start = kinds[name]
    form = shape if len(rhs) == 1 else (len(rhs), *shape)

    def into(t, y, out):
        out[:] = rate(y.reshape(form)).ravel()

    def run():
        solver = CVODE(into, method="BDF", linsolver=linear_solver, rtol=1e-5, atol=1e-7, max_num_steps=100_000)
        result = solver.solve(np.array([0.0, END]), start(*where.T).ravel())
        return lambda: result.y[-1].reshape(len(rhs), -1)

    return run


WORKERS = {"pinnlab": by_pinnlab, "py-pde": by_py_pde, "CVODE": by_cvode}
MODULES = {"pinnlab": "pinnlab.solvers", "py-pde": "pde", "CVODE": "sksundae.cvode"}


def work(order: dict) -> None:
    """Import, solve twice, and leave times and answer in a file."""
    import importlib

    start = time.process_time()
    importlib.import_module(MODULES[order["who"]])
    imported = time.process_time() - start
    clock, processor = time.perf_counter(), time.process_time()
    run = WORKERS[order["who"]](order["problem"], *order["settings"])
    run()
    times = [(time.process_time() - processor, time.perf_counter() - clock)]
    clock, processor = time.perf_counter(), time.process_time()
    for _ in range(REPEATS):
        answer = run()
    times.append(((time.process_time() - processor) / REPEATS, (time.perf_counter() - clock) / REPEATS))
    np.savez(order["file"], answer=answer(), times=times, imported=imported)


# -- the comparison ------------------------------------------------------------------------------------------------


class Run:
    """One method on one problem: its answer's error, and its times."""

    def __init__(self, who: str, problem: str, settings: tuple, truth: np.ndarray) -> None:
        with tempfile.TemporaryDirectory() as folder:
            order = {"who": who, "problem": problem, "settings": settings, "file": str(Path(folder) / "run.npz")}
            done = subprocess.run([sys.executable, __file__, json.dumps(order)], capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(f"{order}\n{done.stderr}")
            with np.load(order["file"]) as data:
                answer, times, self.imported = data["answer"], data["times"], float(data["imported"])
        self.who, self.settings = who, settings
        (self.first, self.first_clock), (self.second, self.second_clock) = times
        self.error = float(np.linalg.norm(answer - truth) / np.linalg.norm(truth))

    def row(self, ratios: tuple[str, str] = ("", "")) -> list[str]:
        return [
            f"{self.who}: {', '.join(map(str, self.settings))}",
            f"{self.error:.1e}",
            f"{self.first:.3f} ({self.first_clock:.3f})",
            f"{self.second:.3f} ({self.second_clock:.3f})",
            *ratios,
            f"{self.imported:.1f}",
        ]


def compare_on(report, name: str) -> None:
    from rich.table import Table

    from pinnlab import Etdrk4
    from pinnlab.reference import refine

    problem = problem_of(name)
    reference = refine(problem, Etdrk4(*REFERENCE[name], snapshots=20), 1e-7)
    where = centres(name)
    truth = reference.field(np.column_stack([np.full(len(where), END), where])).T
    shape = " x ".join(map(str, PERIODIC[name][1]))
    table = Table(
        "method", "error at t = 1", "first: processor (clock), s", "second, s", "first / pinnlab", "second / pinnlab",
        "import, s", title=f"{name}, py-pde and CVODE on {shape}; reference {reference.solver} with bound {reference.error_bound:.1e}",
    )  # fmt: skip
    # LSODA factorises a full Jacobian: in two dimensions, with 8,192 unknowns, that takes longer than all others.
    plane = len(PERIODIC[name][1]) > 1
    rivals = [Run("py-pde", name, (s,), truth) for s in PY_PDE if not (plane and "LSODA" in s)]
    least = min(r.error for r in rivals)
    fair = [r for r in rivals if r.error <= 1.3 * least]
    linear = "gmres" if plane else "dense"
    cvode = Run("CVODE", name, (linear,), truth)
    target = min(r.error for r in fair)
    for resolution in LADDER[name]:
        ours = Run("pinnlab", name, resolution, truth)
        if ours.error <= target:
            break
    for r in (*rivals, cvode):
        table.add_row(*r.row((f"{r.first / ours.first:.1f}", f"{r.second / ours.second:.1f}")))
    table.add_row(*ours.row())
    report.print(table)
    first, second = min(fair, key=lambda r: r.first), min(fair, key=lambda r: r.second)
    report.print(
        f"{name}: error {ours.error:.1e} <= {target:.1e}; against py-pde's fastest at that error, pinnlab is "
        f"{first.first / ours.first:.1f} times faster with compilation ({first.settings[0]}; required 10) and "
        f"{second.second / ours.second:.1f} times without ({second.settings[0]}; required 3)"
    )


def main() -> None:
    from _report import Report

    report = Report("vs_py_pde")
    for name in sys.argv[1:] or PERIODIC:
        compare_on(report, name)
    report.save()


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1].startswith("{"):
        work(json.loads(sys.argv[1]))
    else:
        main()
