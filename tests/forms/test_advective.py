from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab import Box, D, Problem, UnsupportedProblem, dirichlet, initial, parameter
from pinnlab.forms.advective import Advective
from pinnlab.forms.jet import Jet, jet_symbols
from pinnlab.forms.pointwise import Pointwise

t, x, y = sp.symbols("t x y", real=True)
u, v = sp.Function("u")(t, x), sp.Function("v")(t, x)
U, Uxx = Jet("u", (0, 0)).symbol, Jet("u", (0, 2)).symbol
BOX = Box({t: (0, 1), x: (0, 1)}, periodic=[x])


def view(*equations, unknowns=(u,)):
    return Advective.of(Problem("sample", equations, unknowns, BOX, [initial(f, 0) for f in unknowns], time=t))


def test_burgers_is_carried_by_itself():
    nu = parameter("nu", sp.Rational(1, 7))
    for transport in (D(u**2 / 2, x), u * D(u, x)):
        form = view(D(u, t) + transport - nu * D(u, x, 2))
        assert form.velocity == ((U,),)
        assert form.rest == (-Uxx / 7,)


def test_the_mass_is_divided_out():
    form = view((2 + x) * D(u, t) + 4 * D(u, x) + u)
    assert form.mass == (2 + x,)
    assert sp.simplify(form.velocity[0][0] - 4 / (2 + x)) == 0
    assert sp.simplify(form.rest[0] - U / (2 + x)) == 0


def test_rows_are_sorted_by_the_unknown_whose_rate_they_hold():
    form = view(D(v, t) + 3 * D(v, x), D(u, t) + v * D(u, x), unknowns=(u, v))
    assert form.unknowns == ("u", "v")
    assert form.velocity == ((Jet("v", (0, 0)).symbol,), (3,))


def test_two_dimensions():
    w = sp.Function("w")(t, x, y)
    box = Box({t: (0, 1), x: (0, 1), y: (0, 1)}, periodic=[x, y])
    form = Advective.of(Problem("p", [D(w, t) + D(y * w, x) - x * D(w, y)], [w], box, [initial(w, 0)], time=t))
    assert form.velocity == ((y, -x),)
    assert form.rest == (0,)


@pytest.mark.parametrize(
    ("equation", "word"),
    [
        (D(u, t) + D(u, x) ** 2, r"velocity 2\*u_01 depends on derivatives"),
        (D(u, t) + D(u, x) * D(u, x, 2), "velocity u_02 depends on derivatives"),
        (u * D(u, t) + D(u, x), "the factor u of u_10 depends on the unknowns"),
        (D(u, t) + D(D(u, x), t), "exactly one time derivative, of first order"),
    ],
)
def test_what_is_no_transport_is_refused_with_its_term(equation, word):
    with pytest.raises(UnsupportedProblem, match=word):
        view(equation)


def test_one_rate_for_each_unknown():
    with pytest.raises(UnsupportedProblem, match="one equation of its own rate"):
        Advective.of(Problem("p", [D(u, t) + D(v, x), 2 * D(u, t) + v], [u, v], BOX, [initial(u, 0)], time=t))


def test_a_steady_problem_is_refused():
    f = sp.Function("f")(x)
    steady = Problem("p", [D(f, x, 2)], [f], Box({x: (0, 1)}), [dirichlet(f, 0)])
    with pytest.raises(UnsupportedProblem, match="no characteristics in time"):
        Advective.of(steady)


TRANSPORT = {
    *(
        "advection",
        "allen_cahn",
        "burgers",
        "burgers_periodic",
        "heat",
        "heat_2d",
        "kdv",
        "advection_fast",
        "burgers_smooth",
        "heat_line",
        "maxwell",
        "maxwell_2d",
        "kdv_soliton",
        "kuramoto_sivashinsky",
    ),
    *("convection_diffusion", "burgers_transport", "rotating_cone", "kuramoto_sivashinsky_chaotic"),
    *("schroedinger", "schroedinger_linear"),
    *("lorenz", "reaction_diffusion", "brusselator", "lotka_volterra", "robertson", "heat_part"),
    *("buckley_leverett", "inviscid_burgers", "dam_break", "dam_break_2d", "euler_riemann_2d", "sod", "shu_osher"),
}


def test_shipped_problems_expand_to_their_residual_or_are_refused(shipped_problem, largest_difference):
    if shipped_problem.name not in TRANSPORT:
        with pytest.raises(UnsupportedProblem, match="Advective of"):
            Advective.of(shipped_problem)
        return
    expanded = Advective.of(shipped_problem).expand()
    assert largest_difference(expanded, Pointwise.of(shipped_problem).expand()) < 1e-13


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_random_problems_expand_to_their_residual_or_are_refused(random_problems, largest_difference, data):
    problem = data.draw(random_problems)
    gradients = {Jet(n, (0, *row)) for n in problem.names for row in np.eye(len(problem.space), dtype=int).tolist()}
    own = {n: {j for j in gradients if j.field == n} for n in problem.names}
    slopes = [r[j] for n, r in zip(problem.names, Pointwise.of(problem).partials, strict=True) for j in own[n] & set(r)]
    if any(s.jet.order for s in jet_symbols(*slopes)):
        with pytest.raises(UnsupportedProblem, match="depends on derivatives"):
            Advective.of(problem)
        return
    form = Advective.of(problem)
    assert largest_difference(form.expand(), Pointwise.of(problem).expand()) < 1e-12
