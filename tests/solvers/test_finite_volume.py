"""Finite volumes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Problem, UnsupportedProblem, dirichlet, flux, initial, neumann
from pinnlab.errors import SolveFailed
from pinnlab.field import ExactField
from pinnlab.numerics.riemann import Hll, Hllem, LaxFriedrichs
from pinnlab.numerics.weno import Muscl, Weno5
from pinnlab.solve import solve
from pinnlab.solver import Status
from pinnlab.solvers.finite_volume import ExplicitDiffusion, FiniteVolume, ImplicitDiffusion
from pinnlab.testing import SolverContract

t, x, y = sp.symbols("t x y", real=True)
u = sp.Function("u")(t, x)
w = sp.Function("w")(t, x, y)


def wave(speed=1):
    box = Box({t: (0, 1), x: (0, 2 * sp.pi)}, periodic=[x])
    conditions, exact = [initial(u, sp.sin(x))], sp.sin(x - speed * t)
    return Problem("wave", D(u, t) + D(speed * u, x), [u], box, conditions, t, reference=exact)


def run(problem, solver):
    return solve(problem, solver, device="cpu").checked()


def error_at_end(problem, solver):
    """The mean error over random points at the last time."""
    points = problem.spacetime.sample(4000, np.random.default_rng(0))
    points[:, 0] = problem.interval.end
    found, exact = run(problem, solver).field(points), ExactField.of(problem)(points)
    return np.abs(found - exact).mean()


def order(problem, make, sizes):
    errors = [error_at_end(problem, make(n)) for n in sizes]
    return np.log2(errors[0] / errors[1]) / np.log2(sizes[1] / sizes[0])


class Case(SolverContract):
    @pytest.fixture(autouse=True)
    def _problems(self, shipped):
        self.shipped = shipped

    def refused(self):
        return self.shipped["poisson_1d"]


class TestWeno5(Case):
    tolerance = 1e-5

    def case(self):
        return wave(), FiniteVolume(48, snapshots=40)


class TestImplicitDiffusion(Case):
    tolerance = 1e-4

    def case(self):
        return self.shipped["heat"], FiniteVolume(192, snapshots=20)


# -- orders --------------------------------------------------------------------------------------------------


def test_fifth_order_in_space_before_the_shock(shipped):
    # The step falls like h^(5/3), so that the third order in time does not hide the fifth in space.
    shock = shipped["inviscid_burgers"]
    (c,) = shock.space
    smooth = replace(shock, domain=Box({shock.time: (0, 0.3), c: (-1, 1)}, periodic=[c]))
    assert order(smooth, lambda n: FiniteVolume(n, cfl=0.4 * (40 / n) ** (2 / 3), snapshots=4), (80, 160)) > 4.7


def test_third_order_in_time():
    errors = [error_at_end(wave(4), FiniteVolume(100, cfl=cfl, snapshots=1)) for cfl in (0.8, 0.4)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(3, abs=0.1)


PLANE = Box({t: (0, sp.Rational(1, 5)), x: (0, 1), y: (0, 1)}, periodic=[x, y])


@pytest.mark.parametrize("reconstruction", [Weno5(), Muscl()])
def test_second_order_in_two_dimensions(reconstruction):
    law = D(w, t) + D(w**2 / 2, x) + D(w**2 / 4, y)
    problem = Problem("plane", law, [w], PLANE, [initial(w, 0)], t)
    problem = problem.manufactured(1 + sp.sin(2 * sp.pi * (x + y - t)) / 4)
    assert order(problem, lambda n: FiniteVolume(n, reconstruction, snapshots=4), (16, 32)) > 1.9


@pytest.mark.parametrize("diffusion", [ExplicitDiffusion(), ImplicitDiffusion()])
def test_second_order_with_diffusion_an_inflow_and_a_slope(diffusion):
    law = D(u, t) + D(u**2 / 2, x) - D((1 + u**2) * D(u, x), x) / 10
    conditions = [initial(u, 0), dirichlet(u, 0, "left"), neumann(u, 0, "right")]
    problem = Problem("mixed", law, [u], Box({t: (0, 0.5), x: (-1, 2)}), conditions, t)
    problem = problem.manufactured(sp.sin(2 * x + t) + x * t / 3)
    found = order(problem, lambda n: FiniteVolume(n, diffusion=diffusion, snapshots=20), (20, 40))
    assert found == pytest.approx(2.1, abs=0.3)


# -- shocks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("riemann", [LaxFriedrichs(), Hll(), Hllem()])
@pytest.mark.parametrize("reconstruction", [Weno5(), Muscl()])
def test_the_shock_tube_converges_and_keeps_its_totals(reconstruction, riemann, shipped):
    problem = shipped["sod"]
    solution = run(problem, FiniteVolume(100, reconstruction, riemann, snapshots=10))
    places = (np.arange(2000) + 0.5) / 2000
    points = np.column_stack([np.full(2000, 0.2), places])
    error = np.abs(solution.field(points) - problem.reference(points)).mean(axis=0)
    assert error[0] < 7e-3
    history = solution.history
    for name in ("rho", "E"):
        assert np.ptp(history[f"total_{name}"]) < 1e-12
    # The momentum grows by the force on the ends, 1 - 0.1.
    np.testing.assert_allclose(history["total_m"], 0.9 * history["time"], atol=1e-12)


def test_the_shock_tube_reaches_the_required_accuracy_at_400_cells(shipped):
    problem = shipped["sod"]
    field = run(problem, FiniteVolume(400, snapshots=1)).field
    places = (np.arange(8000) + 0.5) / 8000
    points = np.column_stack([np.full(8000, 0.2), places])
    assert np.abs(field(points)[:, 0] - problem.reference(points)[:, 0]).mean() < 2e-3


@pytest.mark.parametrize(
    ("name", "cells", "bound"),
    [
        ("inviscid_burgers", 80, 6e-3),
        ("buckley_leverett", 80, 6e-3),
        ("dam_break", 80, 2e-2),
        ("porous_medium", 60, 1.5e-3),
    ],
)
def test_shocks_and_fronts_of_the_shipped_problems(name, cells, bound, shipped):
    assert error_at_end(shipped[name], FiniteVolume(cells, snapshots=20)) < bound


def test_a_smooth_flow_behind_a_strong_shock_stays_positive(shipped):
    solution = run(shipped["shu_osher"], FiniteVolume(100, snapshots=5))
    assert solution.status is Status.DONE
    assert solution.field.averages[:, 0].min() > 0.5
    assert 3.5 < solution.field.averages[-1, 0].max() < 5


def test_a_nonnegative_unknown_stays_so_on_an_almost_dry_bed():
    h, q = sp.Function("h", nonnegative=True)(t, x), sp.Function("q")(t, x)
    film = sp.Rational(1, 10**6)
    problem = Problem(
        "dry", [D(h, t) + D(q, x), D(q, t) + D(q**2 / h + h**2 / 2, x)], [h, q], Box({t: (0, 1), x: (-2, 3)}),
        [initial(h, sp.Piecewise((1, x < 0), (film, True))), initial(q, 0)], t,
    )  # fmt: skip
    for reconstruction in (Muscl(), Weno5()):
        averages = run(problem, FiniteVolume(100, reconstruction, snapshots=5)).field.averages
        assert averages[:, 0].min() > 0
        # Ritter's parabola (2 - x/t)²/9; the film holds the front itself back.
        places = (np.arange(100) + 0.5) / 20 - 2
        fan = (places > -1) & (places < 1.2)
        assert np.abs(averages[-1, 0, fan] - (2 - places[fan]) ** 2 / 9).mean() < 0.008


@pytest.mark.parametrize("name", ["dam_break_2d", "euler_riemann_2d"])
def test_two_dimensional_data_that_are_symmetric_stay_symmetric(name, shipped):
    problem = shipped[name]
    solution = run(problem, FiniteVolume(16, snapshots=1))
    values = solution.field.averages[-1]
    np.testing.assert_allclose(values[0], values[0].T, atol=1e-10)
    np.testing.assert_allclose(values[1], values[2].T, atol=1e-10)
    # Nothing has reached a side of the reservoir; in the other problem it has from the start.
    if name == "dam_break_2d":
        assert np.ptp(solution.history["total_h"]) < 2e-3 * values[0].mean() * 25


def test_a_ring_of_water_is_round(shipped):
    problem = shipped["dam_break_2d"]
    field = run(problem, FiniteVolume(40, snapshots=1)).field
    angles = np.linspace(0, np.pi / 2, 9)
    points = np.column_stack([np.full(9, 1.5), 1.2 * np.cos(angles), 1.2 * np.sin(angles)])
    depths = field(points)[:, 0]
    assert np.ptp(depths) < 0.02


@pytest.mark.parametrize("diffusion", [ExplicitDiffusion(), ImplicitDiffusion()])
def test_what_no_side_lets_through_stays(diffusion):
    law = 2 * D(u, t) + D(u**2 / 2, x) - D((1 + u**2) * D(u, x), x) / 10
    problem = Problem("closed", law, [u], Box({t: (0, 1), x: (-1, 2)}), [initial(u, sp.cos(x)), flux(u, 0)], t)
    totals = run(problem, FiniteVolume(40, diffusion=diffusion, snapshots=10)).history["total_u"]
    assert np.ptp(totals) < 1e-12
    assert totals[0] == pytest.approx(np.sin(2) + np.sin(1), rel=1e-12)


# -- settings and refusals -----------------------------------------------------------------------------------


def test_refinement_doubles_cells_or_halves_steps():
    problem = wave()
    assert FiniteVolume(20).finer_in_space(problem) == FiniteVolume((40,))
    assert FiniteVolume(20, cfl=0.5).finer_in_time(problem) == FiniteVolume(20, cfl=0.25, snapshots=200)
    assert FiniteVolume(400_000).finer_in_space(problem) is None
    assert FiniteVolume(400_000).finer_in_time(problem) is None


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"cells": 4}, "at least 8, got 4"),
        ({"cells": (20, 7)}, "at least 8"),
        ({"cfl": 1.5}, r"cfl must be in \(0, 1\], got 1.5; waves may cross one cell per step"),
        ({"cfl": 0.0}, "cfl"),
        ({"snapshots": 0}, "snapshots must be positive"),
        ({"riemann": Weno5()}, "riemann must be a RiemannSolver"),
        ({"reconstruction": "weno"}, "reconstruction must be a Reconstruction, got 'weno'"),
    ],
)
def test_settings_without_meaning_are_refused(settings, word):
    with pytest.raises(ValueError, match=word):
        FiniteVolume(**settings)
    with pytest.raises(ValueError, match="stretch must be positive"):
        ImplicitDiffusion(0.0)


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="2 sizes"):
        FiniteVolume((20, 20)).compile(wave())


def test_a_product_that_is_no_flux_is_refused_with_its_rewrite():
    problem = Problem(
        "shock", D(u, t) + u * D(u, x), [u], Box({t: (0, 1), x: (0, 1)}, periodic=[x]), [initial(u, 0)], t
    )
    with pytest.raises(UnsupportedProblem, match=r"u\*D\(u, x\) is not .* write it as D\(u\*\*2/2, x\)"):
        FiniteVolume().compile(problem)


def test_three_dimensions_and_missing_eigenvectors_are_refused(shipped):
    z = sp.Symbol("z", real=True)
    v = sp.Function("v")(t, x, y, z)
    box = Box({t: (0, 1), x: (0, 1), y: (0, 1), z: (0, 1)}, periodic=[x, y, z])
    with pytest.raises(UnsupportedProblem, match="one or two dimensions of space"):
        FiniteVolume().compile(Problem("solid", D(v, t) + D(v, x), [v], box, [initial(v, 0)], t))
    a, b = sp.Function("a")(t, x), sp.Function("b")(t, x)
    box = Box({t: (0, 1), x: (0, 1)}, periodic=[x])
    weak = Problem("weak", [D(a, t), D(b, t) + D(a, x)], [a, b], box, [initial(a, 0), initial(b, 0)], t)
    with pytest.raises(UnsupportedProblem, match="Hllem needs the eigenvectors"):
        FiniteVolume(riemann=Hllem()).compile(weak)
    FiniteVolume().compile(weak)


def test_a_density_that_becomes_negative_is_named_with_its_place():
    h = sp.Function("h", positive=True)(t, x)
    box = Box({t: (0, 1), x: (0, 1)}, periodic=[x])
    problem = Problem("drained", D(h, t) + D(h, x) + 1, [h], box, [initial(h, sp.Rational(1, 10))], t)
    solution = solve(problem, FiniteVolume(16, snapshots=10), device="cpu")
    assert solution.status is Status.DIVERGED
    assert "h, which is declared not to be negative, became -" in solution.failure
    assert "at x = 0.03125, t = 0.1" in solution.failure
    assert "use more cells or a smaller cfl" in solution.failure
    with pytest.raises(SolveFailed, match="drained"):
        solution.checked()


def test_a_solution_that_blows_up_ends_in_words():
    box = Box({t: (0, 2), x: (0, 1)}, periodic=[x])
    problem = Problem("explosion", D(u, t) + D(u**2 / 2, x) - u**3, [u], box, [initial(u, 1)], t)
    solution = solve(problem, FiniteVolume(16, snapshots=10), device="cpu")
    assert solution.status is Status.DIVERGED
    assert "waves become so fast at x = " in solution.failure
    assert len(solution.history["time"]) >= 2


def test_a_state_without_real_speeds_is_named_with_its_place():
    a, b = sp.Function("a")(t, x), sp.Function("b")(t, x)
    box = Box({t: (0, 1), x: (0, 1)}, periodic=[x])
    elliptic = Problem(
        "elliptic", [D(a, t) + D(b, x), D(b, t) - D(a, x)], [a, b], box, [initial(a, 1), initial(b, 0)], t
    )
    solution = solve(elliptic, FiniteVolume(16), device="cpu")
    assert solution.status is Status.DIVERGED
    assert "no real wave speeds at x = 0.03125, t = 0" in solution.failure
