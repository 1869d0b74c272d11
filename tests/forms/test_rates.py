from __future__ import annotations

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab import Box, D, Problem, UnsupportedProblem, dirichlet, initial, initial_rate
from pinnlab.forms.jet import Jet
from pinnlab.forms.pointwise import Pointwise
from pinnlab.forms.rates import Rates

t, x = sp.symbols("t x", real=True)
u, v = sp.Function("u")(t, x), sp.Function("v")(t, x)
BOX = Box({t: (0, 1), x: (0, 1)}, periodic=[x])


def j(field, *orders):
    return Jet(field, orders)


def rates(*equations, unknowns=(u,), conditions=None):
    conditions = [initial(f, 0) for f in unknowns] if conditions is None else conditions
    return Rates.of(Problem("sample", equations, unknowns, BOX, conditions, time=t))


def test_first_order_by_hand():
    view = rates(2 * D(u, t) + u * D(u, x) - 6 * D(u, x, 2))
    assert view.states == (j("u", 0, 0),)
    expected = -j("u", 0, 0).symbol * j("u", 0, 1).symbol / 2 + 3 * j("u", 0, 2).symbol
    assert sp.expand(view.rates[0] - expected) == 0
    assert view.slaved == view.constraints == ()


def test_second_order_in_time_becomes_two_states():
    view = rates(D(u, t, 2) - 4 * D(u, x, 2) + D(u, t), conditions=[initial(u, 0), initial_rate(u, 0)])
    assert view.states == (j("u", 0, 0), j("u", 1, 0))
    assert view.rates[0] == j("u", 1, 0).symbol
    assert sp.expand(view.rates[1] - 4 * j("u", 0, 2).symbol + j("u", 1, 0).symbol) == 0


def test_damping_in_space_of_the_rate_is_allowed():
    view = rates(D(u, t, 2) - D(D(u, x, 2), t), conditions=[initial(u, 0), initial_rate(u, 0)])
    assert view.rates[1] == j("u", 1, 2).symbol


def test_coupled_rates_are_solved_for():
    view = rates(D(u, t) + D(v, t) - u, D(u, t) - D(v, t) - 3 * v, unknowns=(u, v))
    U, V = j("u", 0, 0).symbol, j("v", 0, 0).symbol
    assert sp.expand(view.rates[0] - (U + 3 * V) / 2) == 0
    assert sp.expand(view.rates[1] - (U - 3 * V) / 2) == 0


def test_equations_in_another_order_than_the_unknowns():
    view = rates(D(v, t) - u, D(u, t) - 2 * v, unknowns=(u, v))
    assert view.states == (j("u", 0, 0), j("v", 0, 0))
    assert view.rates == (2 * j("v", 0, 0).symbol, j("u", 0, 0).symbol)


def test_an_unknown_without_rate_is_slaved(shipped):
    view = Rates.of(shipped["navier_stokes_vorticity"])
    assert view.states == (j("w", 0, 0, 0),)
    assert view.slaved == ("psi",)
    laplacian = j("psi", 0, 2, 0).symbol + j("psi", 0, 0, 2).symbol
    assert view.constraints == (laplacian + j("w", 0, 0, 0).symbol,)


@pytest.mark.parametrize(
    ("equations", "word"),
    [
        ([D(u, t) ** 2 + D(u, x)], "enter nonlinearly"),
        ([u * D(u, t) + D(u, x)], "enter nonlinearly"),
        ([D(u, t) - D(D(u, x, 2), t) + D(u, x)], "u_12 mixes the highest time derivative with space"),
    ],
)
def test_rates_that_cannot_be_read_off_are_refused(equations, word):
    with pytest.raises(UnsupportedProblem, match=word):
        rates(*equations)


def test_dependent_rates_are_refused():
    with pytest.raises(UnsupportedProblem, match="is singular"):
        rates(D(u, t) + D(v, t) - u, 2 * D(u, t) + 2 * D(v, t) - v, unknowns=(u, v))
    with pytest.raises(UnsupportedProblem, match="2 equations hold a time derivative, but 1 unknowns evolve"):
        rates(D(u, t) + v, D(u, t) - D(v, x), unknowns=(u, v), conditions=[initial(u, 0)])


def test_a_steady_problem_is_refused():
    f = sp.Function("f")(x)
    with pytest.raises(UnsupportedProblem, match="no rates"):
        Rates.of(Problem("p", [D(f, x, 2)], [f], Box({x: (0, 1)}), [dirichlet(f, 0)]))


def check(problem, largest_difference):
    view = Rates.of(problem)
    top = {}
    for state, rate in zip(view.states, view.rates, strict=True):
        top[state.shifted(0, 1).symbol] = rate
    evolving = [r for r in Pointwise.of(problem).residuals if r not in view.constraints]
    on_shell = [r.xreplace({s: e for s, e in top.items() if s in r.free_symbols}) for r in evolving]
    assert largest_difference([1 + r for r in on_shell], [sp.S.One] * len(on_shell)) < 1e-12


def test_rates_satisfy_every_shipped_evolution(shipped_problem, largest_difference):
    if shipped_problem.time is None:
        with pytest.raises(UnsupportedProblem, match="no rates"):
            Rates.of(shipped_problem)
        return
    check(shipped_problem, largest_difference)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_rates_satisfy_random_evolutions(random_problems, largest_difference, data):
    check(data.draw(random_problems), largest_difference)
