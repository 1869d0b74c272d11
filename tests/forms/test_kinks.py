"""Kinks that an ansatz would keep are found, and smooth data are left in peace."""

from __future__ import annotations

import warnings

import pytest
import sympy as sp

from pinnlab import Box, D, Disk, Problem, TimeInterval, dirichlet, initial, laplacian
from pinnlab.forms.kinks import kinks

t, x, y = sp.symbols("t x y", real=True)
u = sp.Function("u")(t, x)


def found(data, *, box=None, equation=None):
    box = box or Box({t: (0, 1), x: (-1, 1)}, periodic=[x])
    conditions = [initial(u, data)] if not box.without(t).pieces else [initial(u, data), dirichlet(u, data)]
    problem = Problem("p", [equation or D(u, t) - D(u, x, 2)], [u], box, conditions, time=t)
    return list(kinks(problem, "u", [data], data))


def test_a_slope_that_jumps_across_a_periodic_boundary_is_found_with_its_size():
    # The derivative of x² cos(pi x) is -2 at 1 and 2 at -1.
    (told,) = found(x**2 * sp.cos(sp.pi * x))
    assert "the slope of the data of u jumps by 4 at x = 1," in told


@pytest.mark.filterwarnings("ignore::pinnlab.errors.IncompatibleData")
def test_a_value_that_jumps_there_is_found_too():
    (told,) = found(sp.exp(x))
    assert "the value of the data of u jumps by 2.4 at x = 1," in told


@pytest.mark.parametrize("data", [sp.cos(sp.pi * x), sp.exp(sp.sin(sp.pi * x)), sp.S(3), sp.sin(20 * sp.pi * x)])
def test_smooth_periodic_data_have_none(data):
    assert found(data) == []


BOUNDED = Box({t: (0, 1), x: (-1, 1)})


@pytest.mark.parametrize(
    ("data", "place", "jump"),
    [
        (sp.Abs(x - sp.Rational(1, 3)), 1 / 3, 2),
        (sp.Max(0, x), 0, 1),
        (sp.Piecewise((x**2, x < sp.Rational(1, 2)), (2 * x - sp.Rational(3, 4), True)), 0.5, 1),
        (sp.Piecewise((1, x < sp.Rational(1, 7)), (0, True)), 1 / 7, 1),
    ],
)
def test_kinks_and_jumps_inside_are_found_where_they_are(data, place, jump):
    (told,) = found(data, box=BOUNDED)
    assert f"jumps by {jump} at x = " in told
    assert float(told.split("x = ")[1].split(",")[0]) == pytest.approx(place, abs=1e-5)


@pytest.mark.parametrize(
    "data", [sp.Abs(x) ** 3, sp.Max(0, x) ** 3, sp.tanh(100 * x), sp.Piecewise((x, x < 5), (0, True))]
)
def test_case_distinctions_that_are_smooth_or_elsewhere_have_none(data):
    assert found(data, box=BOUNDED) == []


def test_axes_along_which_nothing_is_differentiated_may_keep_their_kinks():
    box = Box({t: (0, 1), x: (-1, 1)})
    for term, conditions, count in ((u, [], 0), (D(u, x), [dirichlet(u, 1, on="left")], 1)):
        problem = Problem("p", [D(u, t) + term], [u], box, [initial(u, sp.Abs(x)), *conditions], time=t)
        assert len(list(kinks(problem, "u", [sp.Abs(x)], sp.Abs(x)))) == count


def test_kinks_inside_a_shape_are_found():
    v = sp.Function("v")(t, x, y)
    region = TimeInterval(t, 0, 1) * Disk({x: 0, y: 0}, radius=1)
    problem = Problem(
        "p", [D(v, t) - laplacian(v, (x, y))], [v], region, [initial(v, sp.Abs(y)), dirichlet(v, sp.Abs(y))], t
    )
    (told,) = kinks(problem, "v", [sp.Abs(y)], sp.Abs(y))
    assert "the slope of the data of v jumps by 2 at y = " in told
    assert abs(float(told.split("y = ")[1].split(",")[0])) < 1e-5


def test_what_is_to_be_inferred_is_not_looked_at():
    a = sp.Symbol("a", real=True)
    box = Box({t: (0, 1), x: (-1, 1)}, periodic=[x])
    problem = Problem("p", [D(u, t) - D(u, x, 2)], [u], box, [initial(u, 0)], time=t)
    assert list(kinks(problem, "u", [a * x], a * x)) == []


def test_data_without_a_value_somewhere_make_no_warning_of_numpy():
    data = sp.Max(0, 1 - x**2 / sp.Integer(2)) ** sp.Rational(1, 2) + sp.sqrt(sp.Abs(x))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found(data, box=BOUNDED)
