"""Closed flows that do not balance are refused, those that do pass; data that are not finite are named."""

import math

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Problem, UnsupportedProblem, dirichlet, initial, laplacian
from pinnlab.discretization.galerkin_checks import refuse_values, require_balance
from pinnlab.domain.combination import Difference
from pinnlab.domain.shapes import Disk
from pinnlab.errors import SolveFailed
from pinnlab.forms.weak import WeakForm

t, x, y = sp.symbols("t x y", real=True)
u, v, p = (sp.Function(n)(x, y) for n in "uvp")
SQUARE = Box({x: (0, 1), y: (0, 1)})
PROFILE = 6 * y * (1 - y)


def checked(conditions, region=SQUARE, source=0, unknowns=(u, v, p), time=None, size=0.15):
    a, b, q = unknowns
    rates = [D(c, time) if time is not None else 0 for c in (a, b)]
    momentum = [r - laplacian(c, (x, y)) + D(q, s) for r, c, s in zip(rates, (a, b), (x, y), strict=True)]
    problem = Problem("flow", [*momentum, D(a, x) + D(b, y) - source], list(unknowns), region, conditions, time)
    require_balance(WeakForm.of(problem), problem.region.mesh(size))


def through(out):
    return [dirichlet(u, PROFILE, on="left"), dirichlet(u, out * PROFILE, on="right"),
            dirichlet(u, 0, on=["bottom", "top"]), dirichlet(v, 0)]  # fmt: skip


@pytest.mark.parametrize("out", [0.8, 0.95, 0.99])
def test_an_inflow_of_one_that_does_not_leave_is_refused_with_what_is_missing(out):
    with pytest.raises(UnsupportedProblem, match=f"{1 - out:.3g} of fluid per time nowhere to go"):
        checked(through(out))


def test_what_goes_in_and_comes_out_passes():
    checked(through(1))
    # As much as the source lets arise.
    checked(through(1 + sp.Rational(1, 4)), source=x * y)
    with pytest.raises(UnsupportedProblem, match=r"0\.25 of fluid"):
        checked(through(1), source=x * y)


@pytest.mark.filterwarnings("ignore::pinnlab.errors.IncompatibleData")
def test_a_lid_that_moves_along_itself_passes_however_the_corners_contradict():
    walls = dirichlet(u, 0, on=["left", "right", "bottom"])
    checked([walls, dirichlet(u, 1, on="top"), dirichlet(v, 0)])
    with pytest.raises(UnsupportedProblem, match=r"0\.01 of fluid"):
        checked([walls, dirichlet(u, 1, on="top"), dirichlet(v, 0, on=["left", "right", "bottom"]),
                 dirichlet(v, sp.Rational(1, 100), on="top")])  # fmt: skip


def test_curved_walls_pass_though_their_facets_enclose_less():
    ring = Difference(Disk({x: 0, y: 0}, 1, "outer"), Disk({x: 0, y: 0}, 0.5, "inner"))
    turning = [dirichlet(u, -y, on="inner"), dirichlet(v, x, on="inner"), dirichlet(u, 0, on="outer"),
               dirichlet(v, 0, on="outer")]  # fmt: skip
    checked(turning, ring)
    # Two flows through the rims that are equal on the circles and not on their polygons.
    spread = [dirichlet(c, s * w, on=name) for name, w in (("inner", 4), ("outer", 1)) for c, s in ((u, x), (v, y))]
    checked(spread, ring)
    with pytest.raises(UnsupportedProblem, match="nowhere to go"):
        checked([dirichlet(u, 4 * x, on="inner"), dirichlet(v, 4 * y, on="inner"), *turning[2:]], ring)


def test_data_that_begin_balanced_are_checked_later_too():
    a, b, q = (sp.Function(n)(t, x, y) for n in "abq")
    conditions = [initial(a, 0), initial(b, 0), dirichlet(a, t * PROFILE, on="left"),
                  dirichlet(a, 0, on=["right", "bottom", "top"]), dirichlet(b, 0)]  # fmt: skip
    box = Box({t: (0, 1), x: (0, 1), y: (0, 1)})
    with pytest.raises(UnsupportedProblem, match=r"at t = 0\.05 nowhere to go"):
        checked(conditions, box, unknowns=(a, b, q), time=t)
    conditions[3] = dirichlet(a, t * PROFILE, on="right")
    checked([*conditions, dirichlet(a, 0, on=["bottom", "top"])], box, unknowns=(a, b, q), time=t)


def test_the_first_value_that_is_not_finite_is_named_with_its_place():
    refuse_values("the source", x, np.ones(3), np.zeros((3, 2)))
    places = np.array([[0.0, 1], [0.25, 1], [0.5, 1]])
    with pytest.raises(SolveFailed, match=r"the source is not finite at \(0\.25, 1\), where log\(x\)"):
        refuse_values("the source", sp.log(x), np.array([1.0, math.nan, math.inf]), places)
