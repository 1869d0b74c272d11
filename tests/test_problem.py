from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pinnlab import (
    Box,
    Condition,
    D,
    Problem,
    TimeInterval,
    dirichlet,
    flux,
    initial,
    initial_rate,
    laplacian,
    neumann,
    normal,
    parameter,
    robin,
)
from pinnlab.symbols import with_values

t, x, y = sp.symbols("t x y", real=True)
u, v = sp.Function("u")(t, x), sp.Function("v")(t, x)
w = sp.Function("w")(t, x, y)
nu = parameter("nu", sp.Rational(1, 2))


def heat(**changes):
    settings = {
        "name": "heat",
        "equations": [D(u, t) - nu * D(u, x, 2)],
        "unknowns": [u],
        "domain": Box({x: (0, 1), t: (0, 2)}),
        "conditions": [initial(u, sp.sin(sp.pi * x)), dirichlet(u, 0)],
        "time": t,
    }
    return Problem(**(settings | changes))


def test_time_comes_first_whatever_the_order_of_the_box():
    problem = heat()
    assert problem.coordinates == (t, x)
    assert problem.space == (x,)
    assert problem.interval == TimeInterval(t, 0, 2)
    assert problem.region == Box({x: (0, 1)})
    assert problem.spacetime.pieces == ("initial", "left", "right")
    points = problem.spacetime.sample(200, np.random.default_rng(0))
    assert points[:, 0].max() > 1.5
    assert points[:, 1].max() <= 1.0


def test_a_box_and_an_evolution_declare_the_same_mathematics():
    other = heat(domain=TimeInterval(t, 0, 2) * Box({x: (0, 1)}))
    assert other.coordinates == heat().coordinates
    assert other.region == heat().region


def test_an_ordinary_differential_equation_has_no_space():
    q = sp.Function("q")(t)
    problem = Problem("decay", [D(q, t) + q], [q], Box({t: (0, 1)}), [initial(q, 1)], time=t)
    assert problem.coordinates == (t,)
    assert problem.space == ()
    assert problem.spacetime.pieces == ("initial",)


def test_a_steady_problem_has_no_interval():
    f = sp.Function("f")(x, y)
    problem = Problem("laplace", laplacian(f, (x, y)), f, Box({x: (0, 1), y: (0, 1)}), [dirichlet(f, 0)])
    assert problem.interval is None
    assert problem.equations == (laplacian(f, (x, y)),)
    assert problem.pieces_of(problem.conditions[0]) == ("left", "right", "bottom", "top")


def test_equations_keep_their_tree():
    flux_form = D(u, t) + D(u**2 / 2, x) - nu * D(u, x, 2)
    assert heat(equations=flux_form).equations == (flux_form,)
    assert heat(equations=[sp.Eq(D(u, t), nu * D(u, x, 2))]).equations == (D(u, t) - nu * D(u, x, 2),)


def test_parameters_are_found_in_equations_conditions_and_densities():
    a, b = parameter("a", 0), parameter("b", unknown=True, guess=1.0)
    problem = heat(conditions=[initial(u, a), dirichlet(u, 0)], conserved={"scaled": b * u})
    assert [p.name for p in problem.parameters] == ["a", "b", "nu"]


def test_other_parameter_values_reach_every_part():
    problem = heat(conserved={"heat": nu * u})
    changed = problem.with_parameters(nu=0.25)
    assert with_values(changed.equations[0]) == D(u, t) - sp.Float(0.25) * D(u, x, 2)
    assert with_values(changed.conserved["heat"]) == sp.Float(0.25) * u
    assert problem.parameters[0].value == sp.Rational(1, 2)
    assert changed.sha256 != problem.sha256


def test_an_exact_solution_follows_the_parameters_that_it_is_written_in():
    mode = sp.sin(sp.pi * x)
    changed = heat(reference=sp.exp(-(sp.pi**2) * nu * t) * mode).with_parameters(nu=3)
    assert changed.exact_expressions == (sp.exp(-3 * sp.pi**2 * t) * mode,)
    assert [p.value for p in changed.parameters] == [3]


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        (sp.exp(-(sp.pi**2) * t / 2) * sp.sin(sp.pi * x), 3),
        (lambda points: points[:, :1], 3),
        (sp.exp(-(sp.pi**2) * nu * t) * sp.sin(sp.pi * x), 1 + x**2),
    ],
    ids=["numbers", "callable", "variable"],
)
def test_an_exact_solution_that_may_be_that_of_the_old_values_is_dropped(reference, value):
    assert heat(reference=reference).with_parameters(nu=value).reference is None


def test_a_wrong_parameter_name_or_value_is_refused():
    with pytest.raises(ValueError, match=r"no parameter 'mu' \(did you mean 'nu'\?\); it has nu"):
        heat().with_parameters(mu=1)
    with pytest.raises(ValueError, match="parameter 'nu'"):
        heat().with_parameters(nu="__import__('os')")


def test_exact_expressions_hold_numbers_only():
    exact = sp.exp(-(sp.pi**2) * nu * t) * sp.sin(sp.pi * x)
    (found,) = heat(reference=exact).exact_expressions
    assert found == sp.exp(-(sp.pi**2) * t / 2) * sp.sin(sp.pi * x)
    assert heat(reference={u: exact}).exact_expressions == (found,)
    assert heat().exact_expressions is None
    assert heat(reference=lambda points: points[:, :1]).exact_expressions is None


def test_an_incomplete_exact_solution_is_refused():
    problem = heat(
        equations=[D(u, t) - D(u, x, 2) + v, D(v, t) - D(v, x, 2)],
        unknowns=[u, v],
        conditions=[initial(u, 0), initial(v, 0), dirichlet(u, 0), dirichlet(v, 0)],
    )
    with pytest.raises(ValueError, match=r"lacks v\(t, x\)"):
        problem.manufactured({u: x})
    with pytest.raises(ValueError, match="must name each of"):
        problem.manufactured(x)
    assert problem.manufactured({u: t, v: x}).exact_expressions == (t, x)


def residual_at(expression, table):
    """A condition or equation on the exact solution, with the boundary operators written out."""
    from pinnlab.symbols import NormalDerivative, Rate

    for node in expression.atoms(NormalDerivative):
        value = sum(normal(c) * sp.diff(table[node.args[0]], c) for c in (x, y))
        expression = expression.xreplace({node: value})
    for node in expression.atoms(Rate):
        expression = expression.xreplace({node: sp.diff(table[node.args[0]], t)})
    return sp.simplify(with_values(expression).xreplace(table).doit())


def test_a_manufactured_solution_satisfies_every_equation_and_condition():
    k = parameter("k", 1 + x**2)
    problem = Problem(
        "varied",
        [D(w, t, 2) + D(w**2 / 2, x) - D(k * D(w, x), x) - nu * D(w, y, 2) + sp.sin(w)],
        [w],
        Box({t: (0, 1), x: (0, 1), y: (0, 1)}),
        [
            *(initial(w, 0), initial_rate(w, 0), dirichlet(w, 0, ["left", "bottom"])),
            *(neumann(w, 0, "right"), robin(w, 1, 2, 0, "top")),
        ],
        time=t,
    )
    exact = sp.exp(-t) * (x**2 + x * y)
    made = problem.manufactured(exact)
    assert made.name == "varied_manufactured"
    assert made.exact_expressions == (exact,)
    for e in (*made.equations, *(c.residual for c in made.conditions)):
        assert residual_at(e, {w: exact}) == 0
    left_as_written = made.equations[0].atoms(sp.Derivative)
    assert D(w**2 / 2, x) in left_as_written


def test_a_flux_condition_cannot_be_manufactured_silently():
    problem = heat(conditions=[initial(u, 0), flux(u, 0)])
    with pytest.raises(ValueError, match="write the flux condition"):
        problem.manufactured(x * t)


def test_equal_declarations_are_equal_and_hash_alike():
    assert heat() == heat()
    assert len({heat(), heat(), heat(conditions=[initial(u, 0), dirichlet(u, 0)])}) == 2


def test_the_hash_ignores_name_reference_and_citation():
    plain = heat()
    other = heat(name="other", reference=x, citation="somebody")
    assert other.sha256 == plain.sha256
    assert len(plain.sha256) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"equations": [D(u, t) - 2 * nu * D(u, x, 2)]},
        {"domain": Box({x: (0, 1), t: (0, 3)})},
        {"conditions": [initial(u, sp.sin(2 * sp.pi * x)), dirichlet(u, 0)]},
        {"conditions": [initial(u, sp.sin(sp.pi * x)), neumann(u, 0)]},
        {"equations": [D(u, t) - parameter("nu", 1) * D(u, x, 2)]},
    ],
)
def test_the_hash_sees_every_change_of_the_mathematics(change):
    assert heat(**change).sha256 != heat().sha256


def test_the_hash_does_not_depend_on_the_order_of_terms():
    other = sp.Add(-nu * D(u, x, 2), D(u, t), evaluate=False)
    assert heat(equations=[other]).sha256 == heat().sha256


def test_latex_and_html_show_equations_conditions_and_parameters():
    problem = heat()
    latex = problem._repr_latex_()
    assert r"\frac{\partial^{2}}{\partial x^{2}}" in latex
    assert r"\text{on initial}" in latex
    html = problem._repr_html_()
    for part in ("<h4>heat</h4>", "left, right", "<td>nu</td><td>1/2</td>"):
        assert part in html


def test_html_of_hostile_names_runs_nothing():
    html = heat(name="<script>alert(1)</script>")._repr_html_()
    assert "<script>" not in html


def test_general_conditions_are_kept():
    general = Condition(D(u, x) ** 2 + u, ["left", "right"])
    assert heat(conditions=[initial(u, 0), general]).conditions[1] == general
