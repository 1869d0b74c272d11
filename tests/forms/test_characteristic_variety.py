"""The zeros of det P, by hand for the operators that are shipped, and what is refused."""

from __future__ import annotations

import pytest
import sympy as sp

from pinnlab import Box, D, Problem, UnsupportedProblem, dirichlet, initial, initial_rate, laplacian, parameter
from pinnlab.forms.characteristic_variety import CharacteristicVariety

t, x, y, z = sp.symbols("t x y z", real=True)
u, v = sp.Function("u")(t, x), sp.Function("v")(t, x)
BOX = Box({t: (0, 1), x: (0, 1)})


def evolution(residual, order=1):
    given = [initial(u, 0)] + [initial_rate(u, 0)] * (order - 1)
    return Problem("line", [residual], [u], BOX, [*given, dirichlet(u, 0)], t)


def components(variety, *symbols):
    """Each factor up to a constant, in plain symbols, with its multiplicity."""
    return {
        (sp.factor(c.polynomial.as_expr().subs(dict(zip(c.polynomial.gens, symbols, strict=True)))), c.multiplicity)
        for c in variety.components
    }


def same(found, expected):
    """Whether two sets of factors agree up to constants."""
    left = {(sp.expand(q / sp.Poly(q).LC()), n) for q, n in found}
    return left == {(sp.expand(q / sp.Poly(q).LC()), n) for q, n in expected}


def test_heat_is_a_parabola():
    variety = CharacteristicVariety.of(evolution(D(u, t) - 3 * D(u, x, 2)))
    assert same(components(variety, t, x), {(t - 3 * x**2, 1)})
    assert variety.terms == {(0, 2): ((-3.0,),), (1, 0): ((1.0,),)}
    assert variety.components[0].degree(0) == 1
    assert variety.components[0].degree(1) == 2


def test_waves_of_speed_two_are_two_lines():
    variety = CharacteristicVariety.of(evolution(D(u, t, 2) - 4 * D(u, x, 2), order=2))
    assert same(components(variety, t, x), {(t - 2 * x, 1), (t + 2 * x, 1)})


def elastic(lam, mu):
    a, b = (sp.Function(n)(x, y) for n in "ab")
    grow = D(a, x) + D(b, y)
    rows = [mu * laplacian(f, (x, y)) + (lam + mu) * D(grow, c) for f, c in ((a, x), (b, y))]
    return Problem("plate", rows, [a, b], Box({x: (0, 1), y: (0, 1)}), [dirichlet(a, 0), dirichlet(b, 0)])


def test_steady_elasticity_has_a_double_root():
    variety = CharacteristicVariety.of(elastic(sp.Rational(3, 2), 1))
    assert same(components(variety, x, y), {(x**2 + y**2, 2)})


def test_rounded_moduli_cancel_as_exact_ones_do():
    assert same(components(CharacteristicVariety.of(elastic(0.1, 0.2)), x, y), {(x**2 + y**2, 2)})
    assert same(components(CharacteristicVariety.of(elastic(parameter("l", 0.7), 1 / 3)), x, y), {(x**2 + y**2, 2)})


def test_dynamic_elasticity_has_two_speeds():
    a, b = (sp.Function(n)(t, x, y) for n in "ab")
    grow = D(a, x) + D(b, y)
    rows = [D(f, t, 2) - laplacian(f, (x, y)) - 3 * D(grow, c) for f, c in ((a, x), (b, y))]
    given = [f(w, 0) for w in (a, b) for f in (initial, initial_rate, dirichlet)]
    problem = Problem("plate", rows, [a, b], Box({t: (0, 1), x: (0, 1), y: (0, 1)}), given, t)
    variety = CharacteristicVariety.of(problem)
    assert same(components(variety, t, x, y), {(t**2 - 4 * x**2 - 4 * y**2, 1), (t**2 - x**2 - y**2, 1)})


def test_the_divergence_keeps_static_fields_out_of_maxwells_equations(shipped):
    problem = shipped["maxwell"]
    light = (t**2 - x**2 - y**2 - z**2, 2)
    alone = CharacteristicVariety.of(problem)
    assert same(components(alone, t, x, y, z), {light, (t, 2)})
    fields = problem.unknowns[:3], problem.unknowns[3:]
    free = [sum(D(f, c) for f, c in zip(field, problem.space, strict=True)) for field in fields]
    whole = CharacteristicVariety.of(problem, free)
    assert len(whole.matrix) == 8
    assert same(components(whole, t, x, y, z), {light})


def test_what_is_nonlinear_varies_or_has_a_source_is_refused_with_the_term():
    with pytest.raises(UnsupportedProblem, match=r"line.*nonlinear"):
        CharacteristicVariety.of(evolution(D(u, t) - D(u, x, 2) + u**3))
    with pytest.raises(UnsupportedProblem, match=r"coefficient .*x.* not constant"):
        CharacteristicVariety.of(evolution(D(u, t) - (1 + x) * D(u, x, 2)))
    with pytest.raises(UnsupportedProblem, match=r"source .*sin\(x\).* particular solution"):
        CharacteristicVariety.of(evolution(D(u, t) - D(u, x, 2) - sp.sin(x)))


def test_systems_that_leave_a_function_free_or_nothing_at_all_are_refused():
    a, b = (sp.Function(n)(x, y) for n in "ab")
    box = Box({x: (0, 1), y: (0, 1)})
    rows = [D(a, x) + D(b, y), D(D(a, x) + D(b, y), x)]
    free = Problem("free", rows, [a, b], box, [dirichlet(a, 0, on=["left", "right"]), dirichlet(b, 0)])
    with pytest.raises(UnsupportedProblem, match=r"free.*leave one of 2 unknowns free"):
        CharacteristicVariety.of(free)
    with pytest.raises(UnsupportedProblem, match="leave nothing"):
        CharacteristicVariety.of(evolution(D(u, t) - D(u, x, 2)), [D(u, t)])


def test_a_constraint_on_a_foreign_function_is_refused():
    with pytest.raises(UnsupportedProblem, match="none of the unknowns u"):
        CharacteristicVariety.of(evolution(D(u, t) - D(u, x, 2)), [v])
