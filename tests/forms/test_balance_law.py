from __future__ import annotations

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab import (
    Box,
    D,
    Problem,
    UnsupportedProblem,
    dirichlet,
    initial,
    initial_rate,
    laplacian,
    parameter,
)
from pinnlab.forms.balance_law import BalanceLaw
from pinnlab.forms.pointwise import Pointwise

t, x, y = sp.symbols("t x y", real=True)
u = sp.Function("u")(t, x)
w = sp.Function("w")(t, x, y)


def view(equation):
    box = Box({t: (0, 1), x: (0, 1)}, periodic=[x])
    return BalanceLaw.of(Problem("sample", [equation], [u], box, [initial(u, 0)], time=t))


def plane(equation):
    box = Box({t: (0, 1), x: (0, 1), y: (0, 1)}, periodic=[x, y])
    return BalanceLaw.of(Problem("sample", [equation], [w], box, [initial(w, 0)], time=t))


def test_a_declared_flux_is_a_flux():
    law = view(D(u, t) + D(u**2 / 2, x) - 3 * D(u, x, 2) + u)
    assert law.mass == ({u: 1},)
    assert law.flux == ((u**2 / 2 - 3 * D(u, x),),)
    assert law.source == (u,)


def test_the_same_term_multiplied_out_is_a_source():
    law = view(D(u, t) + u * D(u, x))
    assert law.flux == ((0,),)
    assert law.source == (u * D(u, x),)


def test_a_square_of_a_derivative_is_a_source():
    law = view(D(u, t) + D(u, x) ** 2)
    assert law.flux == ((0,),)
    assert law.source == (D(u, x) ** 2,)


def test_a_constant_factor_is_distributed_over_a_sum_of_fluxes():
    c = parameter("c", 4)
    law = view(D(u, t) + sp.Mul(c, D(u**2, x) + D(sp.sin(u), x), evaluate=False))
    assert sp.expand(law.flux[0][0] - 4 * u**2 - 4 * sp.sin(u)) == 0
    assert law.source == (0,)


def test_a_factor_that_varies_along_the_flux_keeps_it_a_source():
    law = view(D(u, t) + x * D(u**2, x))
    assert law.flux == ((0,),)
    assert law.source == (x * D(u**2, x),)
    assert view(D(u, t) + t * D(u**2, x)).flux == ((t * u**2,),)


def test_a_variable_conductivity_stays_inside_the_divergence():
    k = parameter("k", 1 + x**2)
    ((found,),) = view(D(u, t) - D(k * D(u, x), x)).flux
    assert sp.expand(found + (1 + x**2) * D(u, x)) == 0


def test_a_variable_mass_is_kept():
    law = view((2 + x) * D(u, t) + D(u, x))
    assert law.mass == ({u: 2 + x},)


def test_two_dimensions_have_one_flux_per_axis():
    law = plane(D(w, t) + D(w**2, x) + D(sp.cos(y) * w, y) - laplacian(w, (x, y)))
    assert law.flux == ((w**2 - D(w, x), sp.cos(y) * w - D(w, y)),)
    assert law.source == (0,)


def test_a_mixed_derivative_is_one_flux():
    law = plane(D(w, t) + D(D(w, x), y))
    assert law.source == (0,)
    assert sum(f != 0 for f in law.flux[0]) == 1


def test_an_axis_that_returns_in_a_mixed_derivative_is_peeled_once():
    law = plane(D(w, t) + D(D(D(w, x), y), x))
    assert [sp.simplify(f - D(D(w, x), y)) for f in law.flux[0]] == [0, -D(D(w, x), y)]
    assert law.source == (0,)


def test_a_steady_equation_has_no_mass():
    f = sp.Function("f")(x, y)
    problem = Problem("p", [laplacian(f, (x, y)) - 1], [f], Box({x: (0, 1), y: (0, 1)}), [dirichlet(f, 0)])
    law = BalanceLaw.of(problem)
    assert law.mass == ({},)
    assert law.flux == ((D(f, x), D(f, y)),)
    assert law.source == (-1,)


@pytest.mark.parametrize(
    ("equation", "word"),
    [
        (D(u, t) + D(u, x) - D(D(u, x, 2), t), "holds a time derivative, which no flux may"),
        (u * D(u, t) + D(u, x), "that is not m \\* u_t"),
        (D(u**2, t) + D(u, x), "that is not m \\* u_t"),
        (D(u, t) ** 2 + D(u, x), "that is not m \\* u_t"),
    ],
)
def test_time_derivatives_elsewhere_are_refused_with_their_term(equation, word):
    with pytest.raises(UnsupportedProblem, match=word):
        view(equation)


def test_second_order_in_time_is_refused_with_a_way_out():
    box = Box({t: (0, 1), x: (0, 1)}, periodic=[x])
    wave = Problem("w", [D(u, t, 2) - D(u, x, 2)], [u], box, [initial(u, 0), initial_rate(u, 0)], time=t)
    with pytest.raises(UnsupportedProblem, match="declare the rate as an unknown"):
        BalanceLaw.of(wave)


def test_every_shipped_problem_of_first_order_expands_to_its_residual(shipped_problem, largest_difference):
    if shipped_problem.name in ("wave", "wave_2d", "three_body", "van_der_pol", "klein_gordon", "sine_gordon"):
        with pytest.raises(UnsupportedProblem, match=r"second order in time|holds a time derivative"):
            BalanceLaw.of(shipped_problem)
        return
    expanded = BalanceLaw.of(shipped_problem).expand()
    assert largest_difference(expanded, Pointwise.of(shipped_problem).expand()) < 1e-13


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_random_problems_expand_to_their_residual(random_problems, largest_difference, data):
    problem = data.draw(random_problems)
    law = BalanceLaw.of(problem)
    assert largest_difference(law.expand(), Pointwise.of(problem).expand()) < 1e-12
