"""Problems in jets, some parameters left open."""

from __future__ import annotations

import pytest
import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial, neumann, parameter
from pinnlab.forms.jet import Jet
from pinnlab.forms.open_jets import OpenJets, exact

t, x = sp.symbols("t x", real=True)
w = sp.Function("u")(t, x)
k, nu, u0 = parameter("k", 1 + x), parameter("nu", 0.1), parameter("u0", sp.sin(sp.pi * x))
PROBLEM = Problem(
    "bar",
    [D(w, t) - nu * D(k * D(w, x), x)],
    [w],
    Box({t: (0, 1), x: (0, 1)}),
    [initial(w, u0), dirichlet(w, 0, on="left"), neumann(w, x, on="right")],
    t,
)
u, u_t, u_x, u_xx = (Jet("u", o).symbol for o in ((0, 0), (1, 0), (0, 1), (0, 2)))
OPEN = OpenJets.of(PROBLEM, ["k", "u0"], ["nu"])


def test_open_functions_are_jets_and_open_numbers_symbols():
    (residual,) = OPEN.residuals
    s, c, c_x = sp.Symbol("nu", real=True), Jet("k", (0, 0)).symbol, Jet("k", (0, 1)).symbol
    assert sp.expand(residual - (u_t - s * (c_x * u_x + c * u_xx))) == 0
    assert OPEN.constant == {"k": frozenset([0]), "u0": frozenset([0])}


def test_what_is_not_opened_has_its_value_and_decimals_are_exact():
    (residual,) = OpenJets.of(PROBLEM).residuals
    assert sp.expand(residual - (u_t - (u_x + (1 + x) * u_xx) / 10)) == 0
    assert exact(sp.Float(0.1) + sp.Float(1e-4) * x) == sp.Rational(1, 10) + x / 10000


def test_conditions_are_at_their_places():
    first, left, right = OPEN.conditions
    assert (first.piece, first.axis, first.at, first.residual) == ("initial", 0, 0, u - Jet("u0", (0, 0)).symbol)
    assert (left.piece, left.axis, left.at, left.residual) == ("left", 1, 0, u)
    assert (right.axis, right.at, right.residual) == (1, 1, u_x - 1)


def test_expressions_are_put_in_the_same_symbols():
    assert OPEN.lowered(nu * t + k * w) == sp.Symbol("nu", real=True) * t + Jet("k", (0, 0)).symbol * u
    assert OpenJets.of(PROBLEM).lowered(nu * t) == t / 10


def test_open_functions_of_time_have_rates():
    forced = Problem(
        "forced",
        [D(w, t) - D(w, x, 2) - D(t * k, t)],
        [w],
        Box({t: (0, 1), x: (0, 1)}),
        [initial(w, u0), dirichlet(w, 0)],
        t,
    )
    f, f_t = (Jet("k", o).symbol for o in ((0, 0), (1, 0)))
    still, moving = (OpenJets.of(forced, ["k", "u0"], evolving=e) for e in ((), ("k",)))
    assert sp.expand(still.residuals[0] - (u_t - u_xx - f)) == 0
    assert sp.expand(moving.residuals[0] - (u_t - u_xx - f - t * f_t)) == 0
    assert moving.constant == {"k": frozenset(), "u0": frozenset([0])}


def test_parameters_that_are_none_are_refused():
    with pytest.raises(ValueError, match="'bar' has no parameter 'kk'; it has k, nu, u0"):
        OpenJets.of(PROBLEM, ["kk"])
