from __future__ import annotations

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab import Box, D, Problem, UnsupportedProblem, initial
from pinnlab.forms.jet import Jet, jet_symbols
from pinnlab.forms.linear_split import LinearSplit
from pinnlab.forms.pointwise import Pointwise

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)
U, Ut, Ux, Uxx = (Jet("u", o) for o in ((0, 0), (1, 0), (0, 1), (0, 2)))


def problem(equation):
    return Problem("sample", [equation], [u], Box({t: (0, 1), x: (0, 1)}, periodic=[x]), [initial(u, 0)], time=t)


def test_allen_cahn_by_hand():
    view = LinearSplit.of(problem(D(u, t) - 2 * D(u, x, 2) + 5 * u**3 - 5 * u - sp.cos(x)))
    assert view.linear == ({Ut: 1, Uxx: -2, U: -5},)
    assert view.nonlinear == (5 * U.symbol**3,)
    assert view.forcing == (-sp.cos(x),)
    assert not view.is_linear


def test_the_linear_part_of_a_smooth_function_is_taken_at_zero():
    view = LinearSplit.of(problem(D(u, t) + sp.sin(u) + sp.exp(u)))
    assert view.linear == ({Ut: 1, U: 2},)
    assert view.forcing == (1,)
    assert sp.expand(view.nonlinear[0] - (sp.sin(U.symbol) + sp.exp(U.symbol) - 2 * U.symbol - 1)) == 0


def test_variable_coefficients_are_linear():
    view = LinearSplit.of(problem(D(u, t) - D((1 + x**2) * D(u, x), x)))
    assert view.is_linear
    assert {j: sp.expand(c) for j, c in view.linear[0].items()} == {Ut: 1, Ux: -2 * x, Uxx: -1 - x**2}


def test_rounding_of_coefficients_leaves_a_linear_equation_linear():
    view = LinearSplit.of(problem(D(u, t) + D(0.1 * u + 0.2 * u, x) + 0.7 * D(u, x) - 1.1 * D(u, x) / 3))
    assert view.is_linear
    assert view.nonlinear == (0,)


@pytest.mark.parametrize("singular", [sp.log(u), 1 / u, D(u, x) / u, sp.sqrt(u)])
def test_an_equation_singular_at_zero_is_refused_with_a_way_out(singular):
    with pytest.raises(UnsupportedProblem, match=r"singular at u = 0.*shifted unknown"):
        LinearSplit.of(problem(D(u, t) + singular))


# Quotients by a depth, or by a distance of two bodies.
SINGULAR = {"dam_break", "dam_break_2d", "three_body"}


def test_every_shipped_problem_expands_to_its_residual(shipped_problem, largest_difference):
    if shipped_problem.name in SINGULAR:
        with pytest.raises(UnsupportedProblem, match="singular at u = 0"):
            LinearSplit.of(shipped_problem)
        return
    view, form = LinearSplit.of(shipped_problem), Pointwise.of(shipped_problem)
    assert largest_difference(view.expand(), form.expand()) < 1e-13


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_random_problems_expand_to_their_residual(random_problems, largest_difference, data):
    problem = data.draw(random_problems)
    view = LinearSplit.of(problem)
    assert largest_difference(view.expand(), Pointwise.of(problem).expand()) < 1e-12
    for row, rest, forcing in zip(view.linear, view.nonlinear, view.forcing, strict=True):
        assert not jet_symbols(forcing, *row.values())
        zero = dict.fromkeys(jet_symbols(rest), 0)
        # Nothing is left to first order, up to the rounding of floating-point coefficients.
        left = [1 + sp.sympify(rest).subs(zero), *(1 + sp.diff(rest, s).subs(zero) for s in zero)]
        assert largest_difference(left, [sp.S.One] * len(left)) < 1e-14
