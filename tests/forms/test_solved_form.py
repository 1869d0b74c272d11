"""Expressions on solutions."""

from __future__ import annotations

import pytest
import sympy as sp

from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.jet import Jet
from pinnlab.forms.solved_form import SolvedForm

t, x, y = sp.symbols("t x y", real=True)


def jet(name, *orders):
    return Jet(name, orders).symbol


u, u_t, u_x, u_xx = jet("u", 0, 0), jet("u", 1, 0), jet("u", 0, 1), jet("u", 0, 2)


def solved(*residuals, coordinates=(t, x), timed=True, constant=None):
    return SolvedForm.of(residuals, coordinates, timed=timed, constant=constant or {})


def test_rates_and_their_derivatives_are_replaced_by_what_the_equation_makes_of_them():
    form = solved(u_t + u * u_x - u_xx)
    assert form.leading == {u_t.jet: u_xx - u * u_x}
    assert form.reduced(u_t * x) == sp.expand(x * (u_xx - u * u_x))
    assert form.reduced(jet("u", 1, 1)) == sp.expand(jet("u", 0, 3) - u_x**2 - u * u_xx)
    # Of u_t = u_xx the second rate is the fourth derivative.
    assert solved(u_t - u_xx).reduced(jet("u", 2, 0)) == jet("u", 0, 4)


def test_time_comes_before_order_in_space_and_without_time_the_highest_order():
    assert list(solved(u_t - jet("u", 0, 4)).leading) == [u_t.jet]
    assert list(solved(u_t - jet("u", 0, 4), timed=False).leading) == [Jet("u", (0, 4))]


def test_equations_are_solved_one_after_the_other():
    v_t, v_x = jet("v", 1, 0), jet("v", 0, 1)
    form = solved(u_t + v_t - u_x, u_t - v_t - v_x)
    assert form.reduced(u_t) == u_x / 2 + v_x / 2
    assert form.reduced(v_t) == u_x / 2 - v_x / 2
    assert form.reduced(u_t + v_t - u_x) == 0


def test_given_functions_do_not_depend_on_some_coordinates():
    k, k_t, k_x = jet("k", 0, 0), jet("k", 1, 0), jet("k", 0, 1)
    form = solved(u_t - k * u_xx, constant={"k": frozenset([0])})
    assert form.reduced(k_t + k_x) == k_x
    assert form.reduced(jet("u", 2, 0)).has(k_x)


def test_at_single_points_derivatives_of_equations_need_not_hold():
    form = solved(u - x)
    assert form.at_points(u + u_x) == x + u_x
    assert form.reduced(u + u_x) == x + 1


def test_what_cannot_be_solved_is_refused():
    with pytest.raises(UnsupportedProblem, match="it is not linear in u_01, its highest derivative"):
        solved(u_x**2 - 1)
    with pytest.raises(UnsupportedProblem, match="it does not hold an unknown"):
        solved(u_t - u_x, u_t - u_x - 1)
    assert list(solved(u_t - u_x, 2 * u_t - 2 * u_x).leading) == [u_t.jet]
