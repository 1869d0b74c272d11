from __future__ import annotations

import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab import Box, D, Problem, initial, parameter
from pinnlab.forms.jet import Jet
from pinnlab.forms.pointwise import Pointwise

t, x = sp.symbols("t x", real=True)
u, v = sp.Function("u")(t, x), sp.Function("v")(t, x)
U, Ut, Ux, Uxx = (Jet("u", o) for o in ((0, 0), (1, 0), (0, 1), (0, 2)))


def problem(*equations, unknowns=(u,)):
    box = Box({t: (0, 1), x: (0, 1)}, periodic=[x])
    return Problem("sample", equations, unknowns, box, [initial(f, 0) for f in unknowns], time=t)


def test_burgers_by_hand():
    form = Pointwise.of(problem(D(u, t) + D(u**2 / 2, x) - parameter("nu", 3) * D(u, x, 2)))
    (residual,) = form.residuals
    assert sp.expand(residual - (Ut.symbol + U.symbol * Ux.symbol - 3 * Uxx.symbol)) == 0
    assert form.jets == (U, Ux, Uxx, Ut)
    assert form.partials == ({U: Ux.symbol, Ux: U.symbol, Uxx: -3, Ut: 1},)
    assert not form.is_linear
    assert form.parameters == ()


def test_a_variable_coefficient_is_differentiated_also_inside_a_parameter():
    for k in (1 + x**2, parameter("k", 1 + x**2)):
        (residual,) = Pointwise.of(problem(D(u, t) - D(k * D(u, x), x))).residuals
        assert sp.expand(residual - (Ut.symbol - 2 * x * Ux.symbol - (1 + x**2) * Uxx.symbol)) == 0


def test_unknown_parameters_stay():
    k = parameter("k", unknown=True, guess=1.0)
    form = Pointwise.of(problem(D(u, t) - k * D(u, x, 2)))
    assert form.parameters == (k,)
    assert form.partials[0][Uxx] == -k
    assert form.is_linear


def test_a_system_has_one_row_of_partials_for_each_equation():
    form = Pointwise.of(problem(D(u, t) + v * u, D(v, t) - D(u, x), unknowns=(u, v)))
    V, Vt = Jet("v", (0, 0)), Jet("v", (1, 0))
    assert form.partials == ({Ut: 1, U: V.symbol, V: U.symbol}, {Vt: 1, Ux: -1})


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_partials_are_the_directional_derivative(random_problems, largest_difference, data):
    form = Pointwise.of(data.draw(random_problems))
    h = sp.Symbol("h")
    for residual, row in zip(form.residuals, form.partials, strict=True):
        direction = {s: sp.Symbol(f"d_{s.name}", real=True) for s in form.symbols}
        along = sp.diff(residual.xreplace({s: s + h * d for s, d in direction.items()}), h).subs(h, 0)
        frechet = sp.Add(*(c * direction[jet.symbol] for jet, c in row.items()))
        assert largest_difference([along], [frechet]) < 1e-12
