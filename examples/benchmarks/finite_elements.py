"""FiniteElement: observed orders, true errors against measured bounds, and published numbers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import sympy as sp
from _cylinder import coefficients, fine_cylinder, pressure_drop
from _report import Report, shipped
from rich.table import Table

from pinnlab import (
    Bdf2,
    Box,
    Difference,
    Disk,
    ExactField,
    Field,
    FiniteElement,
    MeshDomain,
    Polygon,
    Problem,
    Theta,
    dirichlet,
    flux,
    laplacian,
    neumann,
    refine,
    robin,
    solve,
)
from pinnlab.meshing.mesh import Mesh
from pinnlab.metrics import comparison_nodes, sample
from pinnlab.reference import error_against

x, y, z = sp.symbols("x y z", real=True)
BUDGET = 20_000


def answer(problem: Problem, solver: FiniteElement) -> Field:
    return solve(problem, solver, device="cpu").checked().field


# -- problems with known answers ---------------------------------------------------------------------------


def square_with_a_hole() -> Problem:
    """Poisson on a pentagon without a disc: a value, a flux and a mixture on curved and straight pieces."""
    u = sp.Function("u")(x, y)
    exact = sp.exp(x) * sp.sin(2 * y) + x**2 * y
    corners = [(0, 0), (1, 0), (sp.Rational(5, 4), sp.Rational(1, 2)), (1, 1), (0, 1)]
    hole = Disk({x: sp.Rational(1, 2), y: sp.Rational(1, 2)}, radius=sp.Rational(1, 5), name="hole")
    region = Difference(Polygon((x, y), corners, names=["low", "right", "right", "high", "left"]), hole)
    plain = Problem(
        name="poisson_pentagon",
        equations=[-laplacian(u, (x, y)) + u],
        unknowns=[u],
        domain=region,
        conditions=[
            dirichlet(u, 0, on=["low", "hole"]),
            neumann(u, 0, on="right"),
            robin(u, 1, 1, 0, on=["high", "left"]),
        ],
    )
    return plain.manufactured(exact)


def skew_quadrilaterals() -> Problem:
    """The shipped mixed problem on a mesh of quadrilaterals that are no parallelograms."""
    problem = shipped("poisson_2d")
    n = 4
    side = np.linspace(0, 1, n + 1)
    points = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    bump = np.sin(np.pi * points[:, 0]) * np.sin(np.pi * points[:, 1])
    points = points + 0.08 * bump[:, None] * np.stack([np.cos(5 * points[:, 1]), np.sin(4 * points[:, 0])], axis=1)
    node = np.arange((n + 1) ** 2).reshape(n + 1, n + 1)
    cells = np.stack([node[:-1, :-1], node[1:, :-1], node[1:, 1:], node[:-1, 1:]], axis=-1).reshape(-1, 4)
    sides = {"left": node[0], "right": node[-1], "bottom": node[:, 0], "top": node[:, -1]}
    mesh = Mesh(points, cells, "quad", {k: np.stack([v[:-1], v[1:]], axis=1) for k, v in sides.items()})
    return replace(problem, name="poisson_2d_quads", domain=MeshDomain.from_mesh(mesh, problem.space))


def cube() -> Problem:
    """Poisson on the unit cube with a value, a flux and a mixture."""
    u = sp.Function("u")(x, y, z)
    plain = Problem(
        name="poisson_3d_mixed",
        equations=[-laplacian(u, (x, y, z))],
        unknowns=[u],
        domain=Box({x: (0, 1), y: (0, 1), z: (0, 1)}),
        conditions=[
            dirichlet(u, 0, on=["left", "bottom", "back"]),
            neumann(u, 0, on=["right", "front"]),
            robin(u, 1, 1, 0, on="top"),
        ],
    )
    return plain.manufactured(sp.exp(x) * sp.sin(2 * y) * sp.cos(z))


def smooth_flow() -> Problem:
    """The cavity's equations with nu = 1, and sources and data for a smooth flow without divergence."""
    cavity = shipped("lid_driven_cavity").with_parameters(nu=1)
    a, b = cavity.space
    u, v, p = cavity.unknowns
    return cavity.manufactured(
        {u: sp.sin(2 * a) * sp.cos(2 * b), v: -sp.cos(2 * a) * sp.sin(2 * b), p: sp.exp(a) * sp.sin(b)}
    )


# -- orders ------------------------------------------------------------------------------------------------


def orders_in_space(report: Report) -> None:
    """Halved meshes: P1 with order 2 and P2 with order 3 in L2."""
    table = Table(
        "cells of",
        "problem",
        "degree",
        "cells",
        "relative L2 errors",
        "observed orders",
        "required",
        title="Order in space (required 2 ± 0.1 and 3 ± 0.1), float64, cpu",
    )
    cases: list[tuple[str, Problem, dict[int, Sequence[int]]]] = [
        ("lines", shipped("poisson_1d"), {1: (64, 128, 256), 2: (32, 64, 128)}),
        ("triangles", shipped("poisson_2d"), {1: (16, 32, 64), 2: (8, 16, 32)}),
        ("triangles", square_with_a_hole(), {1: (32, 64, 128), 2: (32, 64, 128)}),
        ("triangles", shipped("poisson_quasilinear"), {1: (16, 32, 64), 2: (8, 16, 32)}),
        ("quadrilaterals", skew_quadrilaterals(), {1: (16, 32, 64), 2: (8, 16, 32)}),
        ("tetrahedra", cube(), {1: (8, 16, 32), 2: (4, 8, 16)}),
    ]
    for kind, problem, degrees in cases:
        truth = ExactField.of(problem)
        for degree, sizes in degrees.items():
            fields = [answer(problem, FiniteElement(degree=degree, cells=n)) for n in sizes]
            labels = [kind, short(problem), str(degree), cell_counts(fields)]
            errors = [error_of(f, truth) for f in fields]
            add_orders(table, labels, [cell_size(f) for f in fields], errors, degree + 1)
    report.print(table)


def short(problem: Problem) -> str:
    return problem.name.removesuffix("_manufactured")


def error_of(field: Field, truth: Field) -> float:
    return error_against(field, truth, BUDGET)["relative_l2"]


def add_orders(
    table: Table, labels: Sequence[str], sizes: Sequence[float], errors: Sequence[float], required: int
) -> None:
    """One row: the errors and the order between neighbours; size `h` gives an error like h^order."""
    pairs = zip(errors, errors[1:], sizes, sizes[1:], strict=False)
    rates = [np.log(a / b) / np.log(g / h) for a, b, g, h in pairs]
    table.add_row(*labels, " ".join(f"{e:.2e}" for e in errors), " ".join(f"{r:.2f}" for r in rates), f"{required}")


def cell_size(field: Field) -> float:
    """The size of a cell of mean volume, up to a factor: meshes of shapes are not exactly twice as fine."""
    mesh = field.spaces[0].mesh
    return len(mesh.cells) ** (-1 / mesh.dim)


def cell_counts(fields: Sequence[Field]) -> str:
    return " ".join(f"{len(f.spaces[0].mesh.cells):,}" for f in fields)


def orders_of_a_flow(report: Report) -> None:
    """Taylor-Hood elements: velocity with order 3, pressure with order 2."""
    problem, sizes = smooth_flow(), (8, 16, 32)
    truth, nodes = ExactField.of(problem), comparison_nodes(problem, BUDGET)
    exact = sample(truth, nodes).values
    fields = [answer(problem, FiniteElement(degree=2, cells=n)) for n in sizes]
    found = [sample(f, nodes).values for f in fields]
    table = Table(
        "unknown",
        "cells",
        "relative L2 errors",
        "observed orders",
        "required",
        title=f"Taylor-Hood P2/P1 on {short(problem)}, steady Navier-Stokes, nu = 1, float64, cpu",
    )
    for i, name in enumerate(problem.names):
        errors = [float(np.linalg.norm(f[i] - exact[i]) / np.linalg.norm(exact[i])) for f in found]
        labels, h = [name, cell_counts(fields)], [cell_size(f) for f in fields]
        add_orders(table, labels, h, errors, 2 if name == "p" else 3)
    report.print(table)


def orders_in_time(report: Report) -> None:
    """Fixed steps on the heat equation, against its exact solution at the end."""
    problem = shipped("heat")
    end = ExactField.of(problem)
    points = np.column_stack([np.ones(401), np.linspace(0, 1, 401)])
    table = Table(
        "method",
        "steps",
        "errors at the end, relative L2",
        "observed orders",
        "required",
        title="Order in time, heat, alpha = 0.1, T = 1, P2 on 128 lines, float64, cpu",
    )
    sizes = (20, 40, 80, 160)
    methods: dict[str, Callable[[int], object]] = {
        "BDF2": lambda n: Bdf2(step=1 / n),
        "theta = 1/2": lambda n: Theta(theta=0.5, step=1 / n),
    }
    for name, method in methods.items():
        fields = [answer(problem, FiniteElement(degree=2, cells=128, time=method(n), snapshots=10)) for n in sizes]
        errors = [float(np.linalg.norm(f(points) - end(points)) / np.linalg.norm(end(points))) for f in fields]
        add_orders(table, [name, " ".join(map(str, sizes))], [1 / n for n in sizes], errors, 2)
    report.print(table)


# -- bounds ------------------------------------------------------------------------------------------------


def bounds(report: Report) -> None:
    """True error against measured bound wherever the answer is known."""
    table = Table(
        "problem",
        "degree",
        "rtol",
        "true error",
        "bound",
        "bound / error",
        "cells asked for",
        "seconds",
        title="refine(problem, FiniteElement(degree), rtol): relative L2 of all unknowns, float64, cpu",
    )
    cases = [
        (shipped("poisson_1d"), 1, 1e-3),
        (shipped("poisson_1d"), 2, 1e-5),
        (shipped("poisson_2d"), 1, 1e-3),
        (shipped("poisson_2d"), 2, 1e-5),
        (square_with_a_hole(), 2, 1e-5),
        (shipped("poisson_quasilinear"), 2, 1e-5),
        (skew_quadrilaterals(), 2, 1e-5),
        (cube(), 1, 1e-2),
        (cube(), 2, 1e-4),
        (smooth_flow(), 2, 1e-3),
        (shipped("heat"), 2, 1e-4),
        (shipped("poisson_l_shape"), 1, 3e-3),
        (shipped("poisson_l_shape"), 2, 3e-3),
    ]
    for problem, degree, rtol in cases:
        solution = refine(problem, FiniteElement(degree=degree, cells=8), rtol)
        error = error_of(solution.field, ExactField.of(problem))
        table.add_row(
            short(problem),
            str(degree),
            f"{rtol:g}" + ("" if solution.bound.reached else " (not reached)"),
            f"{error:.2e}",
            f"{solution.error_bound:.2e}",
            f"{solution.error_bound / error:.1f}",
            str(solution.settings["cells"]),
            f"{solution.seconds:.1f}",
        )
    report.print(table)


def shipped_problems(report: Report) -> None:
    """Problems without an exact solution: the bound and what it costs."""
    table = Table(
        "problem",
        "rtol",
        "bound",
        "in space",
        "in time",
        "cells asked for",
        "seconds",
        title="Problems on regions and meshes, degree 2, float64, cpu",
    )
    start = FiniteElement(degree=2, cells=16)
    # The part's own mesh comes first; its steps need not be finer than its cells.
    part = FiniteElement(degree=2, cells=1, time=Bdf2(rtol=1e-3, atol=1e-5), snapshots=20)
    # Around the cylinder the mesh has 16 edges at least, and more only from here on: coarser answers differ little.
    channel = FiniteElement(degree=2, cells=64)
    cases = {
        "poisson_plate": (start, 1e-3),
        "cooks_membrane": (start, 3e-3),
        "heat_part": (part, 1e-2),
        "stokes_cylinder": (channel, 2e-2),
        "navier_stokes_cylinder": (channel, 2e-2),
        "lid_driven_cavity": (start, 1e-2),
    }
    for name, (solver, rtol) in cases.items():
        solution = refine(shipped(name), solver, rtol)
        table.add_row(
            name,
            f"{rtol:g}" + ("" if solution.bound.reached else " (not reached)"),
            f"{solution.error_bound:.2e}",
            f"{solution.bound.space:.1e}",
            f"{solution.bound.time:.1e}",
            str(solution.settings["cells"]),
            f"{solution.seconds:.1f}",
        )
    report.print(table)


# -- published numbers -------------------------------------------------------------------------------------


def published(report: Report) -> None:
    """Numbers of the literature, each with twice the distance to half the cells as our own bound."""
    table = Table(
        "quantity",
        "published",
        "ours",
        "our bound",
        "difference",
        "cells",
        "seconds",
        title="Published numbers; bound = 2 x distance to a coarser mesh, degree 2, float64, cpu",
    )
    add_number(table, "Cook's membrane:", pair(shipped("cooks_membrane"), (32, 64)), {"v at (48, 52)": (tip, 23.96, 2)})
    add_number(table, "NAFEMS T4:", pair(plate_in_air(), (32, 64)), {"temperature at E": (at_e, 18.3, 1)})
    cylinder = {
        "drag": (lambda f: float(coefficients(f)[0]), 5.57953523384, 4),
        "lift": (lambda f: float(coefficients(f)[1]), 0.010618948146, 6),
        "drop of pressure": (pressure_drop, 0.11752016697, 5),
    }
    runs = [(fine_cylinder(n), FiniteElement(degree=2, cells=1)) for n in (32, 64)]
    add_number(table, "DFG 2D-1:", runs, cylinder)
    report.print(table)


Run = tuple[Problem, FiniteElement]
Quantity = tuple[Callable[[Field], float], float, int]


def pair(problem: Problem, cells: Sequence[int]) -> list[Run]:
    return [(problem, FiniteElement(degree=2, cells=n)) for n in cells]


def add_number(table: Table, label: str, runs: Sequence[Run], wanted: dict[str, Quantity]) -> None:
    """One row per quantity, from a coarse and a fine run."""
    start = time.perf_counter()
    coarse, fine = (answer(problem, solver) for problem, solver in runs)
    seconds = time.perf_counter() - start
    for name, (quantity, value, digits) in wanted.items():
        ours, rough = quantity(fine), quantity(coarse)
        table.add_row(
            f"{label} {name}",
            f"{value:.{digits}f}",
            f"{ours:.{digits + 2}f}",
            f"{2 * abs(ours - rough):.1e}",
            f"{ours - value:+.1e}",
            cell_counts([fine]),
            f"{seconds:.1f}",
        )


def tip(field: Field) -> float:
    """The vertical displacement in the middle of the loaded side."""
    return float(field(np.array([[48.0, 52.0]]))[0, 1])


def at_e(field: Field) -> float:
    """At the point (0.6, 0.2) on the cooled side."""
    return float(field(np.array([[0.6, 0.2]]))[0, 0])


def plate_in_air() -> Problem:
    """NAFEMS T4: 0.6 m x 1 m, k = 52 W/(m K), 100 °C below, insulated on the left, h = 750 W/(m² K) into 0 °C else.

    A. D. Cameron, J. A. Casey, G. B. Simpson, Benchmark Tests for Thermal Analysis, NAFEMS (1986).
    """
    u = sp.Function("u")(x, y)
    return Problem(
        name="nafems_t4",
        equations=[-52 * laplacian(u, (x, y))],
        unknowns=[u],
        domain=Box({x: (0, sp.Rational(3, 5)), y: (0, 1)}),
        conditions=[
            dirichlet(u, 100, on="bottom"),
            flux(u, 0, on="left"),
            robin(u, 750, 52, 0, on=["right", "top"]),
        ],
    )


if __name__ == "__main__":
    report = Report("finite_elements")
    for part in (orders_in_space, orders_of_a_flow, orders_in_time, bounds, shipped_problems, published):
        part(report)
    report.save()
