"""One declaration, a classical method with an error bar and a neural network, compared, drawn and exported.

Writes demo/table.txt, demo/burgers.png and two .hdf files.  Run time: about a minute and a half on two cores.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import sympy as sp
from rich.console import Console

from pinnlab import Box, D, Pinn, Problem, compare, cross_check, dirichlet, initial, parameter, reference, solve
from pinnlab.compare import ErrorMonitor
from pinnlab.plots import panel

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)
nu = parameter("nu", 0.05)

problem = Problem(
    name="burgers_demo",
    equations=[D(u, t) + D(u**2 / 2, x) - nu * D(u, x, 2)],
    unknowns=[u],
    domain=Box({t: (0, 1), x: (-1, 1)}),
    conditions=[initial(u, -sp.sin(sp.pi * x)), dirichlet(u, 0, on=["left", "right"])],
    time=t,
)


def main() -> None:
    out = Path("demo")
    out.mkdir(exist_ok=True)
    console = Console(record=True, width=110)
    console.print(f"[bold]{problem.name}[/]: {problem.equations[0]} = 0 on {problem.domain}, nu = 0.05")

    classical = reference(problem, rtol=1e-6)
    console.print(
        f"classical: {classical.settings['type']}, relative L2 bound {classical.error_bound:.1e}, {classical.seconds:.1f} s"
    )
    check = cross_check(classical, rtol=1e-6)
    console.print(
        f"second classical method ({check.second.settings['space']['type']}): they differ by {check.difference:.1e}, "
        f"their bounds allow {check.allowed:.1e}: {'agree' if check.agrees else 'DISAGREE'}"
    )
    console.print("training the network for 40 seconds …")
    network = solve(problem, Pinn(), max_seconds=40, monitors=[ErrorMonitor(classical.field)])

    comparison = compare(problem, {"pinn": network}, reference=classical)
    console.print(comparison.table())
    console.print(comparison.times_table())

    shape = (101, 401)
    figure = panel(problem, classical.on_grid(shape), {"pinn": network.on_grid(shape)})
    figure.savefig(out / "burgers.png", dpi=120)
    classical.to_hdf5(out / "reference.hdf", shape)
    network.to_hdf5(out / "pinn.hdf", shape)
    (out / "table.txt").write_text(console.export_text())
    console.print("written: demo/burgers.png, demo/reference.hdf, demo/pinn.hdf (h5py, xarray and ParaView open them)")


if __name__ == "__main__":
    main()
