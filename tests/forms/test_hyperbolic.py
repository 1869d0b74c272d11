from __future__ import annotations

import pytest
import sympy as sp

from pinnlab import Box, D, Problem, UnsupportedProblem, dirichlet, initial, initial_rate, parameter
from pinnlab.forms.hyperbolic import Hyperbolic
from pinnlab.forms.pointwise import Pointwise

t, x, y = sp.symbols("t x y", real=True)
u, v = sp.Function("u")(t, x), sp.Function("v")(t, x)
BOX = Box({t: (0, 1), x: (0, 1)}, periodic=[x])


def declare(equation, **changes):
    settings = {"unknowns": [u], "domain": BOX, "conditions": [initial(u, 0)], "time": t} | changes
    return Problem("sample", equation, **settings)


def refusal(equation, **changes) -> str:
    with pytest.raises(UnsupportedProblem, match="sample") as caught:
        Hyperbolic.of(declare(equation, **changes))
    return str(caught.value)


def test_transport_diffusion_and_sources_are_told_apart():
    k = parameter("k", 3)
    law = Hyperbolic.of(declare(2 * D(u, t) + D(u**2 / 2 - k * u**2 * D(u, x), x) + sp.sin(u) - x))
    (s,), (g,) = law.states, law.gradients
    assert sp.simplify(law.flux[0][0] - s**2 / 4) == 0
    assert sp.simplify(law.diffusion[0][0] + sp.Rational(3, 2) * s**2 * g) == 0
    assert sp.simplify(law.source[0] - (sp.sin(s) - x) / 2) == 0
    assert law.mass == (2,)
    assert law.is_diffusive
    assert law.is_transporting


def test_the_second_derivative_of_a_function_is_a_diffusive_flux():
    law = Hyperbolic.of(declare(D(u, t) - D(u**3, x, 2)))
    (s,), (g,) = law.states, law.gradients
    assert law.flux == ((0,),)
    assert sp.expand(law.diffusion[0][0] + 3 * s**2 * g) == 0
    assert not law.is_transporting


def test_equations_are_put_in_the_order_of_the_unknowns():
    law = Hyperbolic.of(
        declare([D(v, t) + D(u, x), D(u, t) + D(4 * v, x)], unknowns=[u, v], conditions=[initial(u, 0), initial(v, 0)])
    )
    su, sv = law.states
    assert law.flux == ((4 * sv, su),)


def test_assumptions_of_an_unknown_say_what_stays_positive():
    h, w = sp.Function("h", positive=True)(t, x), sp.Function("w", nonnegative=True)(t, x)
    equations = [D(h, t) + D(v, x), D(v, t) + D(h, x), D(w, t) + D(w, x)]
    law = Hyperbolic.of(declare(equations, unknowns=[h, v, w], conditions=[initial(f, 1) for f in (h, v, w)]))
    assert law.bounded_below == (True, False, True)


@pytest.mark.parametrize(
    "name", ["burgers", "advection", "heat", "reaction_diffusion", "allen_cahn", "sod", "dam_break_2d"]
)
def test_expansion_gives_back_the_pointwise_residuals(name, shipped, largest_difference):
    problem = shipped[name]
    assert largest_difference(Hyperbolic.of(problem).expand(), Pointwise.of(problem).residuals) < 1e-12


def test_a_product_that_is_no_flux_is_refused_with_its_rewrite():
    text = refusal(D(u, t) + u * D(u, x))
    assert "the term u*D(u, x) is not the divergence of a flux as written" in text
    assert "write it as D(u**2/2, x)" in text


def test_a_variable_speed_outside_of_the_derivative_is_refused_with_its_rewrite():
    assert "write it as -2*x*u + D(x**2*u, x)" in refusal(D(u, t) + x**2 * D(u, x))
    assert "write it as the derivative of a flux, as D(u**2/2, x)" in refusal(D(u, t) + sp.sin(u) * D(u, x))
    assert "write it as the derivative of a flux" in refusal(D(u, t) + D(u, x) ** 2)


def test_what_finite_volumes_cannot_step_is_refused_in_words():
    assert "u_02, a derivative of order 2" in refusal(D(u, t) + D(D(u, x, 2), x))
    assert "of second order in time" in refusal(D(u, t, 2) - D(u, x, 2), conditions=[initial(u, 0), initial_rate(u, 0)])
    assert "must be a constant number" in refusal((1 + x**2) * D(u, t) + D(u, x))
    slaved = [D(u, t) + D(v, x), D(v, x, 2) - u]
    assert "v(t, x) needs one equation of its own" in refusal(slaved, unknowns=[u, v])
    assert "singular where ∇u = 0" in refusal(D(u, t) - D(D(u, x) / sp.Abs(D(u, x)), x))
    w = sp.Function("w")(x, y)
    steady = Problem("sample", D(w, x, 2) + D(w, y, 2), [w], Box({x: (0, 1), y: (0, 1)}), [dirichlet(w, 0)])
    with pytest.raises(UnsupportedProblem, match="a steady problem has no waves"):
        Hyperbolic.of(steady)
