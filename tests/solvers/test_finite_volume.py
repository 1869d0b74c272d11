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


@pytest.mark.parametrize("diffusion", [ExplicitDiffusion(), ImplicitDiffusion()])
def test_a_flux_prescribed_for_diffusion_alone_enters(diffusion):
    conditions = [initial(u, 0), dirichlet(u, 0, on="left"), flux(u, -3, on="right")]
    problem = Problem("heated", D(u, t) - 2 * D(u, x, 2), [u], Box({t: (0, 0.5), x: (0, 2)}), conditions, t)
    field = run(problem, FiniteVolume(40, diffusion=diffusion, snapshots=10)).field
    # 3/2 x less the series of its modes sin(k x) with k = (n + 1/2) pi/2, here averaged over cells.
    k = (np.arange(200)[:, None] + 0.5) * np.pi / 2
    (centres,) = field.cells.centres
    modes = 1.5 * np.where(np.arange(200) % 2, -1.0, 1.0)[:, None] / k**2 * np.exp(-(k**2)) * np.sin(k * centres)
    exact = 1.5 * centres - modes.sum(axis=0)
    np.testing.assert_allclose(field.averages[-1, 0], exact, atol=2e-3)


@pytest.mark.parametrize("diffusion", [ExplicitDiffusion(), ImplicitDiffusion(10.0)])
def test_second_order_where_transport_and_diffusion_share_a_prescribed_flux(diffusion):
    exact = 2 + sp.sin(x + t)
    law = 2 * D(u, t) + D(u**2 / 2, x) - D((1 + x**2) * D(u, x), x)
    through = exact**2 / 2 - (1 + x**2) * sp.diff(exact, x)
    sides = [flux(u, -through.subs(x, -1), on="left"), flux(u, through.subs(x, 2), on="right")]
    box = Box({t: (0, sp.Rational(1, 8)), x: (-1, 2)})
    forcing = law.subs(u, exact).doit()
    problem = Problem("shared", law - forcing, [u], box, [initial(u, exact.subs(t, 0)), *sides], t, reference=exact)

    def error(n):
        field = run(problem, FiniteVolume(n, diffusion=diffusion, snapshots=2)).field
        (centres,), (h,) = field.cells.centres, field.cells.widths
        return np.abs(field.averages[-1, 0] - 2 - np.sin(centres + 0.125) * np.sinc(h / (2 * np.pi))).max()

    sizes = (40, 80)
    assert np.log2(error(sizes[0]) / error(sizes[1])) > 1.8


@pytest.mark.parametrize("riemann", [LaxFriedrichs(), Hll()])
def test_a_jump_at_rest_between_states_without_speed_breaks_up(riemann):
    start = sp.Piecewise((1, x < 0), (0, True))
    law = D(u, t) + D(sp.sin(2 * sp.pi * u) ** 2, x)
    problem = Problem("hump", law, [u], Box({t: (0, sp.Rational(1, 20)), x: (-1, 1)}), [initial(u, start)], t)
    ends = [run(problem, FiniteVolume(n, riemann=riemann, snapshots=1)).field.averages[-1, 0] for n in (100, 200)]
    for values in ends:
        # The concave hull of f from 0 to 1 has slope up to f(u)/u at its tangent: waves run both ways.
        middle = len(values) // 2
        # Halfway, where f is one, the fan from 3/4 to 1/4 stands still.
        assert values[middle - 2] == pytest.approx(0.75, abs=0.03)
        assert values[middle + 1] == pytest.approx(0.25, abs=0.03)
        assert len(np.unique(values.round(2))) > 6
        assert values.min() > -0.05
        assert values.max() < 1.05
    assert np.abs(ends[1].reshape(-1, 2).mean(axis=1) - ends[0]).mean() < 0.02


@pytest.mark.filterwarnings("ignore::pinnlab.errors.IncompatibleData")
@pytest.mark.parametrize("snapshots", [1, 5, 20])
@pytest.mark.parametrize("speed", [10, 200 * t])
def test_an_inflow_that_is_faster_than_all_inside_keeps_its_bounds(speed, snapshots):
    conditions = [initial(u, 0), dirichlet(u, speed, on="left")]
    box = Box({t: (0, sp.Rational(1, 20)), x: (0, 1)})
    problem = Problem("gust", D(u, t) + D(u**2 / 2, x), [u], box, conditions, t)
    averages = run(problem, FiniteVolume(100, snapshots=snapshots)).field.averages[-1, 0]
    assert averages.max() < 10.5
    assert averages.min() > -1e-9
    # What entered is the integral of half the square.
    assert averages.mean() == pytest.approx(2.5 if speed == 10 else 2.5 / 3, rel=0.02)


# -- settings and refusals -----------------------------------------------------------------------------------


def test_refinement_doubles_cells_or_halves_steps():
    problem = wave()
    assert FiniteVolume(20).finer_in_space(problem) == FiniteVolume((40,))
    assert FiniteVolume(20, cfl=0.5).finer_in_time(problem) == FiniteVolume(20, cfl=0.25, snapshots=200)
    assert FiniteVolume(20).coarser(problem) == FiniteVolume((10,))
    assert FiniteVolume(10).coarser(problem) is None
    assert FiniteVolume(400_000).finer_in_space(problem) is None
    assert FiniteVolume(400_000).finer_in_time(problem) is None


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"cells": 4}, "at least 8, got 4"),
        ({"cells": (20, 7)}, "at least 8"),
        ({"cfl": 1.5}, r"cfl must be in \(0, 1\], got 1.5; waves may cross one cell per step"),
        ({"cfl": 0.0}, "cfl"),
        ({"cells": 10.5}, "cells must be whole numbers of at least 8, got 10.5"),
        ({"cells": True}, "cells must be whole numbers"),
        ({"cells": "many"}, "cells must be whole numbers"),
        ({"cells": (20, 20.0)}, "cells must be whole numbers"),
        ({"snapshots": 0}, "snapshots = .*; give a positive whole number"),
        ({"snapshots": 2.5}, "snapshots = 2.5; give a positive whole number"),
        ({"snapshots": float("nan")}, "snapshots = nan; give a positive whole number"),
        ({"riemann": Weno5()}, "riemann must be a RiemannSolver"),
        ({"reconstruction": "weno"}, "reconstruction must be a Reconstruction, got 'weno'"),
    ],
)
def test_settings_without_meaning_are_refused(settings, word):
    with pytest.raises(ValueError, match=word):
        FiniteVolume(**settings)
    with pytest.raises(ValueError, match=r"stretch = .*; give a positive number"):
        ImplicitDiffusion(0.0)


def test_whole_numbers_of_any_kind_become_plain_ones():
    assert FiniteVolume([20, np.int64(30)], snapshots=np.int32(5)) == FiniteVolume((20, 30), snapshots=5)
    assert type(FiniteVolume(np.int64(40)).cells) is int
    assert {type(n) for n in FiniteVolume(np.array([20, 30])).cells} == {int}


def test_initial_data_below_zero_are_refused_where_the_unknown_is_declared_positive():
    h = sp.Function("h", positive=True)(t, x)
    box = Box({t: (0, 1), x: (0, 1)}, periodic=[x])
    problem = Problem("sunken", D(h, t) + D(h, x), [h], box, [initial(h, sp.sin(2 * sp.pi * x))], t)
    with pytest.raises(
        SolveFailed, match=r"h is declared .* initial value is -0.974 at x = 0.78125.*; change the data"
    ):
        solve(problem, FiniteVolume(16), device="cpu")


def test_diffusion_that_runs_backwards_is_refused_with_its_place():
    box = Box({t: (0, 1), x: (0, 1)}, periodic=[x])
    law = D(u, t) - D((u**2 - 1) * D(u, x), x)
    problem = Problem("backward", law, [u], box, [initial(u, sp.Rational(3, 2) - sp.sin(sp.pi * x) ** 2)], t)
    with pytest.raises(SolveFailed, match=r"along x runs backwards at x = 0\.\d+, t = 0, .*ill-posed there"):
        solve(problem, FiniteVolume(20), device="cpu")


def test_a_slope_that_a_prescribed_flux_does_not_tell_is_refused():
    v = sp.Function("v")(t, x)
    equations = [D(u, t) - D(u, x, 2) - D(v, x, 2), D(v, t) - D(v, x, 2)]
    conditions = [initial(u, 0), initial(v, 0), flux(u, 0), flux(v, 0)]
    problem = Problem("crossed", equations, [u, v], Box({t: (0, 1), x: (0, 1)}), conditions, t)
    with pytest.raises(UnsupportedProblem, match="the derivative of v by x"):
        FiniteVolume().compile(problem)


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
