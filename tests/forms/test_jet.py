from __future__ import annotations

import copy
import pickle

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab import D, UnsupportedProblem
from pinnlab.forms.jet import Jet, JetSymbol, from_jets, jet_symbols, to_jets

t, x, y = sp.symbols("t x y", real=True)
u, v = sp.Function("u")(t, x), sp.Function("v")(t, x)
w = sp.Function("w")(y, t, x)


def j(*orders, field="u"):
    return Jet(field, orders).symbol


def test_hand_worked_expansions():
    c = (t, x)
    assert to_jets(u, c) == j(0, 0)
    assert to_jets(D(u, t), c) == j(1, 0)
    assert to_jets(D(u, x, 2), c) == j(0, 2)
    assert sp.expand(to_jets(D(u**2 / 2, x), c) - j(0, 0) * j(0, 1)) == 0
    assert sp.expand(to_jets(D(u * D(u, x), x), c) - j(0, 1) ** 2 - j(0, 0) * j(0, 2)) == 0
    assert sp.expand(to_jets(D(x * v, x), c) - j(0, 0, field="v") - x * j(0, 1, field="v")) == 0
    assert to_jets(D(D(u, x), t), c) == j(1, 1)


def test_an_expression_that_was_expanded_before_is_not_expanded_again():
    expression, coordinates = D(sp.sin(u) * v, x, 3), [t, x]
    assert to_jets(expression, coordinates) is to_jets(D(sp.sin(u) * v, x, 3), (t, x))
    assert to_jets(expression, (x, t)) != to_jets(expression, coordinates)


def test_orders_follow_the_coordinates_and_not_the_arguments_of_the_function():
    assert to_jets(D(D(w, y), x, 2), (t, x, y)) == j(0, 2, 1, field="w")


def test_the_derivative_of_a_modulus_is_its_sign_times_the_slope():
    assert to_jets(D(sp.Abs(u), x), (t, x)) == sp.sign(j(0, 0)) * j(0, 1)


@pytest.mark.parametrize("jumps", [sp.sign(u), sp.floor(u)])
def test_a_derivative_that_has_no_value_is_refused(jumps):
    with pytest.raises(UnsupportedProblem, match="use a smooth function"):
        to_jets(D(jumps, x), (t, x))


def test_a_jet_symbol_is_no_symbol_of_the_user():
    mine = sp.Symbol("u_01", real=True)
    assert j(0, 1).name == "u_01"
    assert j(0, 1) != mine
    assert j(0, 1) - mine != 0
    assert j(0, 1) == JetSymbol(Jet("u", (0, 1)))
    assert hash(j(0, 1)) == hash(j(0, 1))
    # Both print as u_111, yet they are different derivatives.
    assert j(11, 1) != j(1, 11)
    assert j(11, 1) - j(1, 11) != 0


def test_jet_symbols_survive_copy_and_pickle():
    for s in (j(1, 2), j(0, 0, field="v")):
        assert copy.deepcopy(s) == s
        again = pickle.loads(pickle.dumps(s))
        assert again == s
        assert again.jet == s.jet


def test_jets_are_sorted_and_shifted():
    a, b = Jet("u", (0, 1)), Jet("u", (1, 0))
    assert jet_symbols(b.symbol * a.symbol + x) == (a.symbol, b.symbol)
    assert a.shifted(1, 2) == Jet("u", (0, 3))
    assert (a.order, Jet("u", (0, 0)).order) == (1, 0)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_jets_and_derivatives_are_inverse(random_problems, data):
    problem = data.draw(random_problems)
    for equation in problem.equations:
        jets = to_jets(equation, problem.coordinates)
        back = from_jets(jets, problem.unknowns, problem.coordinates)
        assert sp.expand(to_jets(back, problem.coordinates) - jets) == 0
        assert sp.expand(back - equation.doit()) == 0
