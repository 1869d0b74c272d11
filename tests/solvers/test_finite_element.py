"""Finite elements: the contract of every solver, orders of accuracy, systems, flows, and refusals."""

import re

import numpy as np
import pytest
import sympy as sp

from pinnlab import (
    Box,
    Condition,
    D,
    Problem,
    UnsupportedProblem,
    dirichlet,
    div,
    flux,
    initial,
    laplacian,
    neumann,
    normal,
    robin,
)
from pinnlab.domain.combination import Difference
from pinnlab.domain.mesh_domain import MeshDomain
from pinnlab.domain.shapes import Disk
from pinnlab.field import ExactField
from pinnlab.meshing.mesh import Mesh
from pinnlab.metrics import free_up_to_a_constant
from pinnlab.numerics.implicit import Bdf2, Theta
from pinnlab.solve import solve
from pinnlab.solver import Status
from pinnlab.solvers.finite_element import FiniteElement
from pinnlab.symbols import OutwardFlux
from pinnlab.testing import SolverContract

t, x, y, z = sp.symbols("t x y z", real=True)
u, v, p = (sp.Function(n)(x, y) for n in "uvp")
SQUARE = Box({x: (0, 1), y: (0, 1)})
EXACT = sp.sin(2 * x + y) * sp.exp(y)


def solved(problem, solver):
    """The size of the mesh, and the root of the mean square of the error of each unknown at the end of time."""
    solution = solve(problem, solver, device="cpu")
    assert not solution.failure
    assert solution.status is Status.DONE
    points = problem.spacetime.sample(3000, np.random.default_rng(0))
    if problem.time is not None:
        points[:, 0] = problem.interval.end
    gap = solution.field(points) - ExactField.of(problem)(points)
    for i, name in enumerate(problem.names):
        if name in free_up_to_a_constant(problem):
            gap[:, i] -= gap[:, i].mean()
    return solution.field.spaces[0].mesh.size, np.sqrt((gap**2).mean(axis=0))


def errors(problem, solver):
    return solved(problem, solver)[1]


def orders(problem, coarse, fine):
    """Observed orders in the size of the mesh."""
    (size, error), (smaller, less) = solved(problem, coarse), solved(problem, fine)
    return np.log(error / less) / np.log(size / smaller)


def poisson(space, domain):
    w = sp.Function("w")(*space)
    return Problem("poisson", [-laplacian(w, space) + w], [w], domain, [dirichlet(w, 0)])


class Inside(SolverContract):
    """Derivatives jump from cell to cell: differences are taken near the middles of cells."""

    def points(self, problem):
        region = problem.region
        mesh = region.mesh(1 / 8)
        middles = mesh.points[mesh.cells].mean(axis=1)
        # The contract squeezes the last axis into the middle eight tenths of its range; undo that.
        low, high = middles[:, -1].min(), middles[:, -1].max()
        inner = (middles[:, -1] > low + 0.15 * (high - low)) & (middles[:, -1] < high - 0.15 * (high - low))
        rows = middles[inner][:254]
        ends = np.repeat(middles[:1], 2, axis=0)
        ends[:, -1] = low, high
        rows = np.resize(rows, (254, rows.shape[1]))
        rows[:, -1] = low + (high - low) * ((rows[:, -1] - low) / (high - low) - 0.1) / 0.8
        rows = np.concatenate([rows, ends])
        if problem.time is None:
            return rows
        return np.column_stack([np.linspace(problem.interval.start, problem.interval.end, len(rows)), rows])


class TestSteady(Inside):
    tolerance = 1e-4

    def case(self):
        problem = Problem("quasilinear", [-div([(1 + u**2) * D(u, x), (1 + u**2) * D(u, y)], (x, y)) + u], [u],
                          SQUARE, [dirichlet(u, 0)]).manufactured(EXACT)  # fmt: skip
        return problem, FiniteElement(2, 8)

    def refused(self):
        return Problem("not_in_divergence_form", [x * D(u, x, 2) + D(u, y, 2)], [u], SQUARE, [dirichlet(u, 0)])


class TestEvolution(Inside):
    tolerance = 1e-3

    def case(self):
        w = sp.Function("w")(t, x, y)
        problem = Problem("heat", [D(w, t) - laplacian(w, (x, y)) / 5], [w],
                          Box({t: (0, 1), x: (0, 1), y: (0, 1)}),
                          [initial(w, 0), dirichlet(w, 0, on=["left", "top"]), neumann(w, 0, on=["right", "bottom"])],
                          t).manufactured(sp.sin(2 * x + y + t))  # fmt: skip
        return problem, FiniteElement(2, 8, Bdf2(rtol=1e-5), snapshots=8)

    def refused(self):
        w = sp.Function("w")(t, x)
        return Problem("periodic_heat", [D(w, t) - D(w, x, 2)], [w], Box({t: (0, 1), x: (0, 1)}, periodic=[x]),
                       [initial(w, sp.sin(2 * sp.pi * x))], t)  # fmt: skip


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("shape", ["line", "triangles", "tetrahedra", "hole"])
def test_the_order_is_one_more_than_the_degree(degree, shape):
    cube = Box({x: (0, 1), y: (0, 1), z: (0, 1)})
    space, domain, cells, exact = {
        "line": ((x,), Box({x: (0, 2)}), (16, 32), sp.sin(3 * x)),
        "triangles": ((x, y), SQUARE, (16, 32), EXACT),
        "tetrahedra": ((x, y, z), cube, (4, 8), sp.sin(x + 2 * y) * sp.exp(z)),
        "hole": ((x, y), Difference(SQUARE, Disk({x: 0.5, y: 0.5}, radius=0.2, name="hole")), (24, 48), EXACT),
    }[shape]
    problem = poisson(space, domain).manufactured(exact)
    # Meshes around a hole are no refinements of each other, so that the ratio of their sizes wobbles.
    margin = 0.25 if shape == "hole" else 0.1
    found = orders(problem, *(FiniteElement(degree, c) for c in cells))
    assert found == pytest.approx(degree + 1, abs=margin)


def oblique_quads(n):
    points = np.stack(np.meshgrid(np.linspace(0, 1, n + 1), np.linspace(0, 1, n + 1), indexing="ij"), axis=-1)
    wave = 0.05 * np.sin(2 * np.pi * points[..., :1]) * np.sin(2 * np.pi * points[..., 1:])
    index = np.arange((n + 1) ** 2).reshape(n + 1, n + 1)
    corners = [index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]]
    sides = {"left": index[0], "right": index[-1], "bottom": index[:, 0], "top": index[:, -1]}
    pieces = {name: np.stack([s[:-1], s[1:]], axis=1) for name, s in sides.items()}
    cells = np.stack(corners, axis=-1).reshape(-1, 4)
    return MeshDomain.from_mesh(Mesh((points + wave).reshape(-1, 2), cells, "quad", pieces), (x, y))


@pytest.mark.parametrize("degree", [1, 2])
def test_the_order_on_oblique_quads(degree):
    gaps = []
    for n in (8, 16):
        problem = poisson((x, y), oblique_quads(n)).manufactured(EXACT)
        gaps.append(errors(problem, FiniteElement(degree, 1 if n == 8 else 2)))
    assert np.log2(gaps[0] / gaps[1]) == pytest.approx(degree + 1, abs=0.2)


def test_robin_neumann_and_transport_in_one_problem():
    problem = Problem("mixed", [-div([(2 + x) * D(u, x), (2 + x) * D(u, y)], (x, y)) + D(u * (1 + y), x)], [u], SQUARE,
                      [dirichlet(u, 0, on="left"), robin(u, 2, 3, 0, on="top"), neumann(u, 0, on="right"),
                       robin(u, 1 + x, 1, 0, on="bottom")]).manufactured(EXACT)  # fmt: skip
    assert orders(problem, FiniteElement(2, 12), FiniteElement(2, 24)) == pytest.approx(3, abs=0.2)


def test_radiation_from_the_boundary():
    exact = 1 + x * y + sp.cos(x)
    outflow = -(normal(x) * exact.diff(x) + normal(y) * exact.diff(y))
    problem = Problem("radiation", [-laplacian(u, (x, y)) + exact.diff(x, 2)], [u], SQUARE,
                      [dirichlet(u, exact, on="left"),
                       Condition(OutwardFlux(u) - (u**4 - exact**4) - outflow, on=["right", "top", "bottom"])],
                      reference=exact)  # fmt: skip
    assert orders(problem, FiniteElement(2, 8), FiniteElement(2, 16)) == pytest.approx(3, abs=0.2)


def test_elasticity_with_tractions():
    exact = {u: sp.sin(x + 2 * y), v: x**2 * y + sp.cos(y)}
    s_xx, s_yy = 5 * D(u, x) + 3 * D(v, y), 5 * D(v, y) + 3 * D(u, x)
    s_xy = D(u, y) + D(v, x)

    def at(e):
        return e.subs(exact).doit()

    free = ["right", "top", "bottom"]
    balance = [div([s_xx, s_xy], (x, y)), div([s_xy, s_yy], (x, y))]
    problem = Problem("elastic", [e - at(e) for e in balance], [u, v], SQUARE,
                      [dirichlet(u, exact[u], on="left"), dirichlet(v, exact[v], on="left"),
                       flux(u, at(s_xx) * normal(x) + at(s_xy) * normal(y), on=free),
                       flux(v, at(s_xy) * normal(x) + at(s_yy) * normal(y), on=free)], reference=exact)  # fmt: skip
    assert orders(problem, FiniteElement(2, 8), FiniteElement(2, 16)) == pytest.approx([3, 3], abs=0.2)


FLOW = {u: sp.sin(x) * sp.sin(y), v: sp.cos(x) * sp.cos(y), p: sp.exp(x) * y}


def flow(inertia, conditions):
    momentum = [inertia * (u * D(c, x) + v * D(c, y)) - laplacian(c, (x, y)) / 5 + D(p, s) for c, s in ((u, x), (v, y))]
    return Problem("flow", [*momentum, D(u, x) + D(v, y)], [u, v, p], SQUARE, conditions).manufactured(FLOW)


def test_taylor_hood_elements_for_stokes_with_velocity_all_around():
    problem = flow(0, [dirichlet(u, 0), dirichlet(v, 0)])
    found = orders(problem, FiniteElement(2, 10), FiniteElement(2, 20))
    assert np.all(found[:2] > 2.9)
    assert found[2] == pytest.approx(2, abs=0.2)


def test_navier_stokes_with_an_outlet_where_the_pressure_is_given():
    walls = ["left", "top", "bottom"]
    problem = flow(1, [dirichlet(u, 0, on=walls), dirichlet(v, 0, on=walls), neumann(u, 0, on="right"),
                       neumann(v, 0, on="right"), dirichlet(p, 0, on="right")])  # fmt: skip
    found = orders(problem, FiniteElement(2, 8), FiniteElement(2, 16))
    assert np.all(found[:2] > 2.8)
    assert found[2] == pytest.approx(2, abs=0.25)


def test_poiseuille_flow_through_a_do_nothing_outlet_is_exact():
    profile = 4 * y * (1 - y)
    momentum = [-laplacian(c, (x, y)) + D(p, s) for c, s in ((u, x), (v, y))]
    walls = ["top", "bottom"]
    problem = Problem("channel", [*momentum, D(u, x) + D(v, y)], [u, v, p], SQUARE,
                      [dirichlet(u, profile, on="left"), dirichlet(u, 0, on=walls), dirichlet(v, 0),
                       flux(u, 0, on="right")], reference={u: profile, v: sp.S.Zero, p: 8 * (1 - x)})  # fmt: skip
    assert np.all(errors(problem, FiniteElement(2, 6)) < 1e-11)


@pytest.mark.parametrize("method", [Bdf2, Theta])
def test_the_order_in_time_is_two(method):
    w = sp.Function("w")(t, x)
    problem = Problem("heat", [D(w, t) - D((1 + w**2) * D(w, x), x)], [w], Box({t: (0, 1), x: (0, 1)}),
                      [initial(w, 0), dirichlet(w, 0, on="left"), flux(w, 0, on="right")], t)  # fmt: skip
    exact = sp.cos(2 * t) * (1 - x / 2)
    source = sp.diff(exact, t) - sp.diff((1 + exact**2) * sp.diff(exact, x), x)
    g = -((1 + exact**2) * exact.diff(x)).subs(x, 1)
    problem = Problem("heat", [problem.equations[0] - source], [w], problem.domain,
                      [initial(w, exact.subs(t, 0)), dirichlet(w, exact.subs(x, 0), on="left"),
                       flux(w, g, on="right")], t, reference=exact)  # fmt: skip
    gaps = [errors(problem, FiniteElement(2, 40, method(step=h), snapshots=4)) for h in (0.0125, 0.00625)]
    assert np.log2(gaps[0] / gaps[1]) == pytest.approx(2, abs=0.1)


def test_an_evolving_flow_keeps_its_order_in_time_for_velocity_and_pressure():
    a, b, q = (sp.Function(n)(t, x, y) for n in "abq")
    momentum = [D(c, t) + a * D(c, x) + b * D(c, y) - laplacian(c, (x, y)) / 5 + D(q, s) for c, s in ((a, x), (b, y))]
    # Linear in space, so that all the error is that of time.
    exact = {a: x * sp.cos(3 * t), b: -y * sp.cos(3 * t), q: (x - y) * sp.sin(3 * t)}
    box = Box({t: (0, 1), x: (0, 1), y: (0, 1)})
    conditions = [initial(a, 0), initial(b, 0), dirichlet(a, 0), dirichlet(b, 0)]
    problem = Problem("flow", [*momentum, D(a, x) + D(b, y)], [a, b, q], box, conditions, t).manufactured(exact)
    assert np.all(errors(problem, FiniteElement(2, 3, Bdf2(step=0.02), snapshots=5)) < 2e-3)


def test_a_stalled_newton_names_residual_iterations_and_a_remedy():
    # No real solution beyond the fold of Bratu's problem at 6.81.
    problem = Problem("bratu", [-laplacian(u, (x, y)) - 10 * sp.exp(u)], [u], SQUARE, [dirichlet(u, 0)])
    solution = solve(problem, FiniteElement(1, 8), device="cpu")
    assert solution.status is Status.DIVERGED
    assert "stalls at residual" in solution.failure
    assert "iterations on 'bratu'" in solution.failure
    assert np.isfinite(solution.field(np.array([[0.5, 0.5]]))).all()


def test_rigid_motions_that_nothing_holds_are_a_singular_system_in_words():
    s_xy = D(u, y) + D(v, x)
    problem = Problem("floating", [D(3 * D(u, x) + D(v, y), x) + D(s_xy, y), D(s_xy, x) + D(3 * D(v, y) + D(u, x), y)],
                      [u, v], SQUARE, [dirichlet(u, 0, on="left"), flux(u, 0, on=["right", "top", "bottom"]),
                                       flux(v, 0)])  # fmt: skip
    with pytest.raises(UnsupportedProblem, match="only derivatives of v occur"):
        FiniteElement(2, 4).compile(problem)


@pytest.mark.parametrize("degree", [1, 2])
def test_refinement_has_more_cells_and_ends(degree):
    problem = poisson((x, y), SQUARE)
    solver, sizes = FiniteElement(degree, 32), []
    while solver is not None:
        sizes.append(solver.cells)
        solver = solver.finer_in_space(problem)
    assert sizes == [32 * 2**k for k in range({1: 4, 2: 3}[degree])]
    assert FiniteElement().finer_in_time(problem) is None
    assert FiniteElement(degree, 9).coarser(problem) == FiniteElement(degree, 4)
    assert FiniteElement(degree, 1).coarser(problem) is None
    mesh = poisson((x, y), oblique_quads(8))
    assert FiniteElement(degree, 1).finer_in_space(mesh).cells >= 2


def test_refinement_in_time_tightens_the_tolerance_and_keeps_more_snapshots():
    w = sp.Function("w")(t, x)
    problem = Problem(
        "p", [D(w, t) - D(w, x, 2)], [w], Box({t: (0, 1), x: (0, 1)}), [initial(w, 0), dirichlet(w, 0)], t
    )
    finer = FiniteElement(2, 8, Bdf2(rtol=1e-4), snapshots=10).finer_in_time(problem)
    assert finer.time.rtol == pytest.approx(1.25e-5)
    assert finer.snapshots == 20


def test_refusals_name_the_way_out():
    w = sp.Function("w")(t)
    ode = Problem("ode", [D(w, t) + w], [w], Box({t: (0, 1)}), [initial(w, 1)], t)
    stokes = flow(0, [dirichlet(u, 0), dirichlet(v, 0)])
    cases = [(FiniteElement(), ode, "dimensions"), (FiniteElement(degree=1), stokes, "degree=2"),
             (FiniteElement(cells=160), stokes, "fewer cells")]  # fmt: skip
    for solver, problem, words in cases:
        with pytest.raises(UnsupportedProblem, match=words):
            solver.compile(problem)


@pytest.mark.parametrize("bad", [{"degree": 3}, {"cells": 0}, {"snapshots": 0}, {"time": "bdf2"}, {"iterations": 0}])
def test_bad_settings_are_refused(bad):
    with pytest.raises(ValueError, match="FiniteElement"):
        FiniteElement(**bad)


def test_a_coefficient_that_changes_in_time_is_taken_at_each_step():
    w = sp.Function("w")(t, x)
    exact, k = sp.cos(3 * t) * sp.sin(sp.pi * x) + x, sp.Rational(1, 100) + 2 * t**2
    problem = Problem("growing", [D(w, t) - D(k * D(w, x), x)], [w], Box({t: (0, 1), x: (0, 1)}),
                      [initial(w, 0), dirichlet(w, 0)], t).manufactured(exact)  # fmt: skip
    # One snapshot, so that a matrix of the first step would be kept to the end.
    assert errors(problem, FiniteElement(2, 32, Bdf2(step=1 / 100), snapshots=1)) < 1e-3


def test_refinement_goes_on_until_small_circles_are_refined_too():
    well = Difference(SQUARE, Disk({x: 0.5, y: 0.5}, radius=0.02, name="well"))
    problem = poisson((x, y), well)
    coarse = FiniteElement(2, 8)
    finer = coarse.finer_in_space(problem)
    edges = [len(well.mesh(1 / s.cells).pieces["well"]) for s in (coarse, finer)]
    assert edges[0] == 16
    assert edges[1] >= 24


def test_systems_whose_kernel_couples_the_unknowns_are_refused():
    # (1, 1) solves the homogeneous equations, and no condition holds it.
    load = sp.cos(sp.pi * x)
    problem = Problem("coupled", [-laplacian(u, (x, y)) + u - v - load, -laplacian(v, (x, y)) + v - u - 2 * load],
                      [u, v], SQUARE, [neumann(u, 0), neumann(v, 0)])  # fmt: skip
    for cells in (8, 12, 24):
        solution = solve(problem, FiniteElement(2, cells), device="cpu")
        assert solution.status is Status.DIVERGED
        assert "singular" in solution.failure


@pytest.mark.filterwarnings("ignore::pinnlab.errors.IncompatibleData")
@pytest.mark.parametrize(
    ("source", "conditions", "words"),
    [
        (1, [dirichlet(u, 1 / x, on="bottom"), dirichlet(u, 0, on=["left", "right", "top"])],
         r"value of u prescribed on 'bottom' is not finite at \(0, 0\), where 1/x"),
        (sp.sqrt(x - sp.Rational(1, 2)), [dirichlet(u, 0)], r"test function of u is not finite at \(0\..*sqrt\(x"),
        (1, [flux(u, sp.log(x - 2), on="right"), dirichlet(u, 0, on=["left", "top", "bottom"])],
         r"flux of u on 'right' is not finite at \(1, .*log\(x - 2\)"),
    ],
)  # fmt: skip
def test_data_that_are_not_finite_are_named_with_their_place(source, conditions, words):
    solution = solve(Problem("p", [-laplacian(u, (x, y)) - source], [u], SQUARE, conditions),
                     FiniteElement(2, 4), device="cpu")  # fmt: skip
    assert solution.status is Status.DIVERGED
    assert re.search(words, solution.failure)
    assert "Newton" not in solution.failure


@pytest.mark.parametrize("bad", [{"cells": "8"}, {"cells": 8.5}, {"cells": True}, {"degree": 2.0}, {"degree": True}])
def test_settings_that_are_no_whole_numbers_are_refused(bad):
    with pytest.raises(ValueError, match=r"FiniteElement: .* whole number"):
        FiniteElement(**bad)
    assert type(FiniteElement(cells=np.int64(8)).cells) is int
