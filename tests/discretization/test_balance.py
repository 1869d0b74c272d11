from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Problem, UnsupportedProblem, dirichlet, flux, initial
from pinnlab.discretization.balance import CellBalance
from pinnlab.discretization.cells import Cells
from pinnlab.forms.hyperbolic import Hyperbolic
from pinnlab.numerics.riemann import Hll, Hllem, LaxFriedrichs
from pinnlab.numerics.weno import Muscl, Weno5

# What is stepped is made up state by state: data that disagree at the start are of no matter.
pytestmark = pytest.mark.filterwarnings("ignore::pinnlab.errors.IncompatibleData")
t, x, y = sp.symbols("t x y", real=True)
u = sp.Function("u")(t, x)
w = sp.Function("w")(t, x, y)
CIRCLE = Box({t: (0, 1), x: (0, 2)}, periodic=[x])


def balance(problem, shape, reconstruction=None, riemann=None):
    cells = Cells(problem, shape)
    return CellBalance(cells, Hyperbolic.of(problem), reconstruction or Weno5(), riemann or Hll())


def scalar(equation, box=CIRCLE, conditions=()):
    return Problem("sample", equation, [u], box, [initial(u, 0), *conditions], t)


def test_the_rate_of_burgers_with_a_jump_by_hand():
    # Averages 2 then 1, at rest elsewhere in space: only the cells at the two jumps change.
    found = balance(scalar(D(u, t) + D(u**2 / 2, x)), (16,), riemann=LaxFriedrichs())
    values = np.where(np.arange(16) < 8, 2.0, 1.0)[None]
    rate = found.rate(0.0, values, found.frames(0.0, values))[0]
    # Through the middle face (2 + 1/2)/2 + 2 (2 - 1)/2 = 9/4; with h = 1/8, -(9/4 - 2)/h below and (9/4 - 1/2)/h above.
    np.testing.assert_allclose(rate[[7, 8]], [-2, 14], atol=1e-6)
    assert abs(rate.sum()) < 1e-12


@pytest.mark.parametrize("riemann", [LaxFriedrichs(), Hll(), Hllem()])
@pytest.mark.parametrize("reconstruction", [Weno5(), Muscl()])
@pytest.mark.parametrize("name", ["sod", "dam_break", "dam_break_2d"])
def test_totals_change_only_through_the_sides(name, reconstruction, riemann, shipped):
    problem = shipped[name]
    found = balance(problem, (32,) if name != "dam_break_2d" else (12, 10), reconstruction, riemann)
    values = found.cells.initial_averages()
    rate = found.rate(0.0, values, found.frames(0.0, values))
    totals = rate.reshape(len(rate), -1).sum(axis=1) * found.cells.volume
    # At rest with pressures 1 and 0.1, or depths 3 and 1: only the momentum changes, by the force on the ends.
    expected = {"sod": [0, 0.9, 0], "dam_break": [0, 4], "dam_break_2d": [0, 0, 0]}[name]
    np.testing.assert_allclose(totals, expected, atol=1e-12)
    assert np.abs(rate).max() > 0.1


def test_water_at_rest_between_walls_stays_at_rest(shipped):
    found = balance(shipped["dam_break"], (24,))
    values = np.stack([np.full(24, 2.0), np.zeros(24)])
    np.testing.assert_allclose(found.rate(0.0, values, found.frames(0.0, values)), 0, atol=1e-12)


def test_the_limit_of_the_step_is_the_time_to_cross_a_cell(shipped):
    found = balance(shipped["dam_break"], (20,))
    values = np.stack([np.full(20, 4.0), np.full(20, 2.0)])
    # Speed 1/2 + √4 on cells of length 1/2.
    np.testing.assert_allclose(found.transport_limit(0.0, values), 5.0)
    stiff = balance(scalar(D(u, t) + D(3 * u, x) - 7 * u), (16,))
    np.testing.assert_allclose(stiff.transport_limit(0.0, np.ones((1, 16))), 3 / 0.125 + 7)


def test_a_speed_without_a_formula_is_found_by_numbers():
    names = sp.symbols("a b c")
    a, b, c = (sp.Function(str(n))(t, x) for n in names)
    # Eigenvalues of [[0, 1, 0], [0, 0, 1], [-1, 1, 3/2]]-like companions have no rational factor here.
    equations = [D(a, t) + D(b, x), D(b, t) + D(c, x), D(c, t) + D(-a + 3 * b, x)]
    problem = Problem("cubic", equations, [a, b, c], CIRCLE, [initial(f, 0) for f in (a, b, c)], t)
    found = balance(problem, (8,))
    assert found.law.waves[0].values is None
    roots = np.roots([1, 0, -3, 1])
    np.testing.assert_allclose(found.transport_limit(0.0, np.ones((3, 8))), np.abs(roots).max() / 0.25)
    assert np.isfinite(found.rate(0.0, np.random.default_rng(0).normal(size=(3, 8)), (None,))).all()


def test_an_inadmissible_reconstruction_falls_back_to_averages(shipped):
    # Density and energy fall so steeply that fifth-order values beside the jump have a negative pressure.
    found = balance(shipped["sod"], (16,))
    values = np.stack([np.where(np.arange(16) < 8, 1.0, 1e-3), np.zeros(16), np.where(np.arange(16) < 8, 1e3, 1e-6)])
    values[1, 8:] = 1e-3 * 0.04
    with np.errstate(all="ignore"):
        assert np.isfinite(found.rate(0.0, values, found.frames(0.0, values))).all()


def test_sources_that_hold_the_unknown_are_integrated_to_fourth_order():
    def error(n):
        found = balance(scalar(D(u, t) + u**2), (n,))
        edges = np.linspace(0, 2, n + 1)
        h = 2 / n
        mean = lambda f: np.diff(f(edges)) / h  # noqa: E731
        values = mean(lambda s: -np.cos(np.pi * s) / np.pi)[None]
        exact = -mean(lambda s: s / 2 - np.sin(2 * np.pi * s) / (4 * np.pi))
        return np.abs(found.rate(0.0, values, (None,))[0] - exact).max()

    assert np.log2(error(20) / error(40)) > 3.7


def test_a_forcing_is_averaged_over_cells():
    found = balance(scalar(D(u, t) + D(u, x) - sp.cos(sp.pi * x) * t), (8,))
    edges = np.linspace(0, 2, 9)
    expected = 3 * np.diff(np.sin(np.pi * edges)) / np.pi / 0.25
    np.testing.assert_allclose(found.rate(3.0, np.ones((1, 8)), (None,))[0], expected, atol=1e-11)


def test_a_prescribed_flux_is_what_leaves():
    box = Box({t: (0, 1), x: (0, 1)})
    problem = scalar(2 * D(u, t) + D(u**2, x), box, [flux(u, 3, on="right"), flux(u, 1, on="left")])
    found = balance(problem, (10,))
    rate = found.rate(0.0, np.zeros((1, 10)), (None,))[0]
    # 3 leave to the right, 1 to the left; the mass is 2 and h = 1/10.
    np.testing.assert_allclose(rate, [-5, *[0] * 8, -15], atol=1e-12)


def test_an_inflow_enters_with_its_own_flux():
    box = Box({t: (0, 1), x: (0, 1)})
    found = balance(scalar(D(u, t) + D(u**2 / 2, x), box, [dirichlet(u, 1, on="left")]), (10,))
    rate = found.rate(0.0, np.zeros((1, 10)), (None,))[0]
    assert rate[0] == pytest.approx(5.0)
    np.testing.assert_allclose(rate[1:], 0, atol=1e-12)


def test_a_function_without_numbers_is_refused_before_the_first_step():
    problem = scalar(D(u, t) + D(sp.gamma(u), x))
    with pytest.raises(UnsupportedProblem, match="no numerical counterpart"):
        balance(problem, (8,)).lower()


def test_speeds_of_a_flux_that_bends_both_ways_are_sought_between_the_states():
    # f' = 2 pi sin(4 pi u) is zero at 0, 1/2 and 1 alone, and 2 pi at its largest.
    found = balance(scalar(D(u, t) + D(sp.sin(2 * sp.pi * u) ** 2, x)), (16,))
    values = np.where(np.arange(16) < 8, 1.0, 0.0)[None]
    limit = found.transport_limit(0.0, values) / 8
    np.testing.assert_allclose(limit[[0, 7, 8, 15]], 2 * np.pi, rtol=0.05)
    np.testing.assert_allclose(limit[[1, 6, 9, 14]], 0, atol=1e-12)
    # The states beside the jump have no flux and no speed: it moves for what lies between.
    assert np.abs(found.rate(0.0, values, (None,))).max() > 10


def test_an_inflow_limits_the_step_at_its_time():
    box = Box({t: (0, 1), x: (0, 1)})
    found = balance(scalar(D(u, t) + D(u**2 / 2, x), box, [dirichlet(u, 10 * t, on="left")]), (10,))
    for time in (0.0, 0.5, 1.0):
        np.testing.assert_allclose(found.transport_limit(time, np.zeros((1, 10))), [100 * time, *[0] * 9])


def test_a_flux_shared_with_diffusion_is_that_of_the_state_inside():
    box = Box({t: (0, 1), x: (0, 1)})
    found = balance(scalar(D(u, t) + D(u**2, x) - D(u, x, 2), box, [flux(u, 3)]), (10,))
    values = np.full((1, 10), 2.0)
    (leaving,) = found.leaving(0.0, values, (None,))
    np.testing.assert_allclose(leaving[1], [4])
    np.testing.assert_allclose(found.rate(0.0, values, (None,)), 0, atol=1e-12)
    # With what was 5 at the start of the step, 5 - 4 leave a cell of length 1/10.
    np.testing.assert_allclose(found.rate(0.0, values, (None,), (leaving + 1,))[0, -1], -10)
