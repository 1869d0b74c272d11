"""The lid-driven cavity against published tables, and three COMSOL answers against ours.

    python cavity.py [--pinnacle FOLDER]

FOLDER holds `lid_driven_a4.dat`, `ns2d.dat` and `burgers1d.dat` of the PINNacle benchmark (Hao et al. 2024); without
it these rows are left out.  Nothing is read but those files, and nothing is chosen by what they say.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import sympy as sp
from _report import Report, shipped
from rich.table import Table
from scipy.interpolate import CubicSpline

from pinnlab import (
    Box,
    D,
    Difference,
    Disk,
    ExactField,
    Field,
    FiniteElement,
    IncompatibleData,
    MeshDomain,
    Problem,
    dirichlet,
    div,
    flux,
    laplacian,
    reference,
    refine,
    solve,
)
from pinnlab.metrics import free_up_to_a_constant

# U. Ghia, K. N. Ghia, C. T. Shin, J. Comput. Phys. 48 (1982) 387-411, Tables I and II at Re = 100: 129 x 129 nodes,
# second order.  (y, u at x = 0.5) and (x, v at y = 0.5).
GHIA_U = (
    (1.0000, 1.00000),
    (0.9766, 0.84123),
    (0.9688, 0.78871),
    (0.9609, 0.73722),
    (0.9531, 0.68717),
    (0.8516, 0.23151),
    (0.7344, 0.00332),
    (0.6172, -0.13641),
    (0.5000, -0.20581),
    (0.4531, -0.21090),
    (0.2813, -0.15662),
    (0.1719, -0.10150),
    (0.1016, -0.06434),
    (0.0703, -0.04775),
    (0.0625, -0.04192),
    (0.0547, -0.03717),
    (0.0000, 0.00000),
)
GHIA_V = (
    (1.0000, 0.00000),
    (0.9688, -0.05906),
    (0.9609, -0.07391),
    (0.9531, -0.08864),
    (0.9453, -0.10313),
    (0.9063, -0.16914),
    (0.8594, -0.22445),
    (0.8047, -0.24533),
    (0.5000, 0.05454),
    (0.2344, 0.17527),
    (0.2266, 0.17507),
    (0.1563, 0.16077),
    (0.0938, 0.12317),
    (0.0781, 0.10890),
    (0.0703, 0.10091),
    (0.0625, 0.09233),
    (0.0000, 0.00000),
)
# C. H. Marchi, R. Suero, L. K. Araki, J. Braz. Soc. Mech. Sci. Eng. 31 (2009) 186-198, Table 6 at Re = 100: 1024 x 1024
# volumes, extrapolated, with uncertainties below 1.2e-7 in Table 7.  Stations are multiples of 1/16.
MARCHI_U = (
    *(-4.1974991e-2, -7.7125399e-2, -1.09816214e-1, -1.41930064e-1, -1.72712391e-1, -1.98470859e-1),
    *(-2.12962392e-1, -2.091491418e-1, -1.82080595e-1, -1.31256301e-1, -6.0245594e-2, 2.7874448e-2),
    *(1.40425325e-1, 3.1055709e-1, 5.97466694e-1),
)
MARCHI_V = (
    *(9.4807616e-2, 1.4924300e-1, 1.74342933e-1, 1.79243328e-1, 1.69132064e-1, 1.45730201e-1),
    *(1.087758646e-1, 5.7536559e-2, -7.748504e-3, -8.4066715e-2, -1.63010143e-1, -2.27827313e-1),
    *(-2.53768577e-1, -2.18690812e-1, -1.23318170e-1),
)
# Cells along the box: the coarser answer gives the bound of the finer one, which is compared.
CLASSICAL_CELLS = (34, 68)
CELLS = (24, 48)
FLOW_CELLS = (24, 48)


def classical_cavity(cells: int) -> Problem:
    """The shipped cavity under a lid with u = 1 up to the corners, on a mesh that is finest there.

    The data jump at the upper corners, so that the answer would converge with the first power of the cells there, and
    no faster elsewhere.  Cells there have 3 % of the mean size, those in the middle twice the mean size.
    """
    smooth = shipped("lid_driven_cavity")
    u, v, _ = smooth.unknowns
    even = smooth.region.mesh(np.sqrt(2) / cells)
    graded = replace(even, points=even.points - 0.97 * np.sin(2 * np.pi * even.points) / (2 * np.pi))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IncompatibleData)
        return replace(
            smooth,
            name="lid_driven_cavity_classical",
            domain=MeshDomain.from_mesh(graded, smooth.space),
            conditions=(
                dirichlet(u, 1, on="top"),
                dirichlet(u, 0, on=["left", "right", "bottom"]),
                dirichlet(v, 0),
            ),
        )


def answer(problem: Problem, cells: int) -> Field:
    """By P2/P1 elements."""
    return solve(problem, FiniteElement(degree=2, cells=cells), device="cpu").checked().field


def centre_lines(field: Field, stations: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """u along x = 0.5, then v along y = 0.5."""
    y, x = stations
    u = field(np.column_stack([np.full_like(y, 0.5), y]))[:, 0]
    v = field(np.column_stack([x, np.full_like(x, 0.5)]))[:, 1]
    return np.concatenate([u, v])


def classical_tables(report: Report) -> None:
    """Both published tables against both meshes."""
    start = time.perf_counter()
    # The mesh of a file or of arrays is refined no further where a single cell along the region is asked for.
    coarse, fine = (answer(classical_cavity(n), 1) for n in CLASSICAL_CELLS)
    seconds = time.perf_counter() - start
    ghia_u, ghia_v = np.array(GHIA_U), np.array(GHIA_V)
    sixteenths = np.arange(1, 16) / 16
    stations = {"Ghia": (ghia_u[:, 0], ghia_v[:, 0]), "Marchi": (sixteenths, sixteenths)}
    published = {"Ghia": np.concatenate([ghia_u[:, 1], ghia_v[:, 1]]), "Marchi": np.concatenate([MARCHI_U, MARCHI_V])}
    ours = {name: centre_lines(fine, s) for name, s in stations.items()}
    bound = {name: 2 * np.abs(ours[name] - centre_lines(coarse, s)).max() for name, s in stations.items()}
    table = Table(
        "published",
        "points",
        "largest deviation",
        "root mean square",
        "points within 0.5 %",
        "our bound",
        title=(
            f"Lid u = 1, Re = 100, P2/P1 on {CLASSICAL_CELLS[1]} x {CLASSICAL_CELLS[1]} x 2 triangles, float64, cpu, "
            f"{seconds:.0f} s with the coarser mesh; deviations in % of the lid's speed (required 0.5)"
        ),
    )
    for name in stations:
        gap = np.abs(ours[name] - published[name])
        table.add_row(
            name,
            str(len(gap)),
            f"{100 * gap.max():.5f}",
            f"{100 * np.sqrt((gap**2).mean()):.5f}",
            f"{int((gap <= 5e-3).sum())} of {len(gap)}",
            f"{100 * bound[name]:.5f}",
        )
    report.print(table)
    points(report, ours["Ghia"], published["Ghia"])


def points(report: Report, ours: np.ndarray, published: np.ndarray) -> None:
    """Where Ghia's table and ours differ most, and what a cubic spline through Marchi's says there."""
    places = [f"u(0.5, {y:.4f})" for y, _ in GHIA_U] + [f"v({x:.4f}, 0.5)" for x, _ in GHIA_V]
    stations = np.arange(17) / 16
    u = CubicSpline(stations, [0.0, *MARCHI_U, 1.0])([y for y, _ in GHIA_U])
    v = CubicSpline(stations, [0.0, *MARCHI_V, 0.0])([x for x, _ in GHIA_V])
    marchi = np.concatenate([u, v])
    table = Table(
        "place",
        "Ghia",
        "Marchi, interpolated",
        "ours",
        "ours - Ghia, % of the lid",
        "ours - Marchi",
        title="Ghia's ten farthest points",
    )
    gap = ours - published
    for i in np.argsort(-np.abs(gap))[:10]:
        row = [f"{w[i]:.5f}" for w in (published, marchi, ours)]
        table.add_row(places[i], *row, f"{100 * gap[i]:+.3f}", f"{100 * (ours - marchi)[i]:+.3f}")
    report.print(table)
    between = np.abs(marchi - published)
    report.print(
        f"The two published tables differ by up to {100 * between.max():.2f} % of the lid's speed, and by more than 0.5 % at "
        f"{int((between > 5e-3).sum())} of Ghia's {len(between)} points; ours from Ghia's by more than 0.5 % at "
        f"{int((np.abs(gap) > 5e-3).sum())}."
    )


def read(path: Path) -> np.ndarray:
    return np.loadtxt(path, comments="%")


def relative(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def add_flow(table: Table, label: str, problem: Problem, data: np.ndarray, cells: Sequence[int], limit: str) -> None:
    """One row: (u, v) and p of a file against ours at the file's nodes, each with our own bound there."""
    start = time.perf_counter()
    coarse, fine = (answer(problem, n) for n in cells)
    seconds = time.perf_counter() - start
    places, given = data[:, :2], data[:, 2:]
    a, b = coarse(places), fine(places)
    # Where p is determined up to a constant, both lose their mean.
    free = "p" in free_up_to_a_constant(problem)
    pressures = [p - p.mean() if free else p for p in (a[:, 2], b[:, 2], given[:, 2])]
    table.add_row(
        label,
        f"{relative(b[:, :2], given[:, :2]):.2e}",
        f"{2 * relative(a[:, :2], b[:, :2]):.2e}",
        limit,
        f"{np.abs(b[:, :2] - given[:, :2]).max():.2e}",
        f"{relative(pressures[1], pressures[2]):.2e}",
        f"{2 * relative(pressures[0], pressures[1]):.2e}",
        f"{seconds:.0f}",
    )


def two_discs(outlet: str) -> Problem:
    """Flow round two discs in a box, with one of four readings of "p = 0" at the outlet."""
    x, y = sp.symbols("x y", real=True)
    u, v, p = (sp.Function(name)(x, y) for name in ("u", "v", "p"))
    region = Difference(
        Box({x: (0, 8), y: (0, 8)}),
        Disk({x: 6, y: 6}, radius=1, name="disc"),
        Disk({x: 2, y: 1}, radius=sp.Rational(1, 2), name="disc"),
    )
    viscous = [-laplacian(u, (x, y)), -laplacian(v, (x, y))]
    if outlet in ("symmetric stress", "no viscous stress"):
        shear = D(u, y) + D(v, x)
        viscous = [-div((2 * D(u, x), shear), (x, y)), -div((shear, 2 * D(v, y)), (x, y))]
    at_outlet = {
        "symmetric stress": [flux(u, 0, on="right"), flux(v, 0, on="right")],
        "gradient form": [flux(u, 0, on="right"), flux(v, 0, on="right")],
        "normal flow": [flux(u, 0, on="right"), dirichlet(v, 0, on="right")],
        "no viscous stress": [flux(u, 0, on="right"), flux(v, 0, on="right"), dirichlet(p, 0, on="right")],
    }
    walls = ["bottom", "top", "disc"]
    return Problem(
        name="two_discs_" + outlet.replace(" ", "_"),
        equations=[
            u * D(u, x) + v * D(u, y) + D(p, x) + viscous[0],
            u * D(v, x) + v * D(v, y) + D(p, y) + viscous[1],
            D(u, x) + D(v, y),
        ],
        unknowns=[u, v, p],
        domain=region,
        conditions=[
            dirichlet(u, y * (8 - y) / 16, on="left"),
            dirichlet(v, 0, on="left"),
            *(dirichlet(w, 0, on=walls) for w in (u, v)),
            *at_outlet[outlet],
        ],
    )


OUTLETS = {
    "symmetric stress": "p n - (∇u + ∇uᵀ) n = 0",
    "gradient form": "p n - n·∇u = 0",
    "normal flow": "p = n·∇u, v = 0; by continuity p = 0",
    "no viscous stress": "p = 0 and (∇u + ∇uᵀ) n = 0",
}


def outlet_of_the_file(report: Report, data: np.ndarray) -> None:
    """What the file's own outlet satisfies, from its values there alone.

    On x = 8 continuity gives u_x = -v_y, a derivative along the outlet: p = 2 u_x for the symmetric stress, p = u_x
    for the gradient form, p = 0 else.
    """
    outlet = data[np.abs(data[:, 0] - 8) < 1e-9]
    outlet = outlet[np.argsort(outlet[:, 1])]
    y, v, p = outlet[:, 1], outlet[:, 3], outlet[:, 4]
    # At the ends the stress is infinite.
    inside = (y > 0.5) & (y < 7.5)
    rate = -np.gradient(v, y)
    factor = (p * rate)[inside].sum() / (rate**2)[inside].sum()
    report.print(
        f"ns2d.dat, its outlet 0.5 < y < 7.5: largest |p| {np.abs(p[inside]).max():.3f}, largest |v| "
        f"{np.abs(v[inside]).max():.3f}, p = {factor:.2f} u_x by least squares (2: symmetric stress, 1: gradient form, "
        f"0: p = 0 itself), largest |p - 2 u_x| {np.abs(p - 2 * rate)[inside].max():.3f}"
    )


def flows(report: Report, folder: Path) -> None:
    """The cavity and the two discs against COMSOL."""
    table = Table(
        "file and problem",
        "(u, v): relative L2",
        "our bound",
        "required",
        "largest |difference|",
        "p: relative L2",
        "our bound",
        "seconds",
        title="COMSOL's files against ours at the files' nodes, P2/P1, float64, cpu; bound = 2 x distance to half the cells",
    )
    data = read(folder / "lid_driven_a4.dat")
    add_flow(table, "lid_driven_a4.dat: lid 4 x (1 - x), Re = 100", shipped("lid_driven_cavity"), data, CELLS, "1e-2")
    data = read(folder / "ns2d.dat")
    for outlet, meaning in OUTLETS.items():
        limit = "2e-2" if outlet == "symmetric stress" else ""
        add_flow(table, f"ns2d.dat: {outlet}, {meaning}", two_discs(outlet), data, FLOW_CELLS, limit)
    report.print(table)
    report.print(
        "The stated setting is the outlet p = 0 of COMSOL 5.3, whose default is the pressure outlet with the symmetric "
        "stress; the limit is asked of that row."
    )
    outlet_of_the_file(report, data)


def bound_of_the_cavity(report: Report) -> None:
    """The error bar of the shipped cavity by the usual refinement, pressure counted in."""
    solution = refine(shipped("lid_driven_cavity"), FiniteElement(degree=2, cells=16), 2e-2)
    report.print(
        f"lid_driven_cavity by refinement: bound {solution.error_bound:.2e} (relative L2 of u, v, p together; asked 2e-2), "
        f"{solution.settings}, {solution.seconds:.1f} s"
    )


def burgers(report: Report, folder: Path) -> None:
    """COMSOL's Burgers solution and ours, both against Cole-Hopf."""
    problem = shipped("burgers")
    data = read(folder / "burgers1d.dat")
    x, file = data[:, 0], data[:, 1:]
    times = np.linspace(0, 1, file.shape[1])
    mesh = np.meshgrid(times, x, indexing="ij")
    places = np.column_stack([m.ravel() for m in mesh])
    exact = ExactField.of(problem)(places)[:, 0].reshape(mesh[0].shape)
    solution = reference(problem, 1e-3)
    ours = solution.field(places)[:, 0].reshape(exact.shape)
    table = Table(
        "t",
        "file: relative L2",
        "file: largest error",
        "at x",
        "ours: relative L2",
        "ours: largest error",
        title=(
            f"burgers1d.dat ({len(x)} nodes) and ours ({solution.settings['type']}, bound {solution.error_bound:.1e}) "
            "against Cole-Hopf, nu = 0.01/pi, float64, cpu"
        ),
    )
    for k, t in enumerate(times):
        gap, own = np.abs(file[:, k] - exact[k]), np.abs(ours[k] - exact[k])
        table.add_row(
            f"{t:.1f}",
            f"{relative(file[:, k], exact[k]):.2e}",
            f"{gap.max():.2e}",
            f"{x[gap.argmax()]:+.2f}",
            f"{relative(ours[k], exact[k]):.2e}",
            f"{own.max():.2e}",
        )
    report.print(table)
    middle = np.abs(x) < 1e-12
    outside = np.abs(x) > 0.05
    report.print(
        f"all times: file off by {relative(file.T, exact):.2e}, ours by {relative(ours, exact):.2e}; the two differ by "
        f"{relative(file.T, ours):.2e}. Outside the shock, |x| > 0.05: file off by "
        f"{relative(file.T[:, outside], exact[:, outside]):.2e}, by odd symmetry u(t, 0) = 0 and the file has at most "
        f"{np.abs(file[middle]).max() if middle.any() else np.nan:.1e} there"
    )


def main() -> None:
    """Write results/cavity.txt."""
    options = argparse.ArgumentParser()
    options.add_argument("--pinnacle", type=Path, help="folder with the PINNacle reference data")
    folder = options.parse_args().pinnacle
    report = Report("cavity")
    classical_tables(report)
    bound_of_the_cavity(report)
    if folder is None:
        report.print("PINNacle's files: not compared, since no folder was named (--pinnacle FOLDER)")
    else:
        flows(report, folder)
        burgers(report, folder)
    report.save()


if __name__ == "__main__":
    main()
