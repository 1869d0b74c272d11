"""Problems with parameters left open."""

import pytest
import sympy as sp

from pinnlab import Box, D, Problem, UnsupportedProblem, dirichlet, initial, neumann, parameter, robin
from pinnlab.catalog import load
from pinnlab.forms.jet import Jet
from pinnlab.forms.operator_form import OperatorForm

t, x, y = sp.symbols("t x y", real=True)
u = sp.Function("u")(t, x)
a, f, nu = parameter("a", 1 + x / 2), parameter("f", sp.sin(x)), parameter("nu", 0.1)
BOX = Box({t: (0, 1), x: (0, 2)})


def reacting(**changes):
    fields = {
        "name": "reacting",
        "equations": [D(u, t) - nu * D(u, x, 2) - 5 * u * (1 - u) - f],
        "unknowns": [u],
        "domain": BOX,
        "conditions": [initial(u, f), dirichlet(u, 3 * f, on="left"), neumann(u, 1, on="right")],
        "time": t,
    }
    return Problem(**(fields | changes))


def test_constant_coefficients_stay_and_the_rest_is_what_is_left():
    form = OperatorForm.of(reacting(), {"f"}, set())
    (exact,), (rest,) = form.exact, form.rest
    assert {j: float(c) for j, c in exact.items()} == {
        Jet("u", (1, 0)): 1,
        Jet("u", (0, 2)): -0.1,
        Jet("u", (0, 0)): -5,
    }
    (symbol,) = form.slopes
    state = Jet("u", (0, 0)).symbol
    assert sp.expand(rest - 5 * state**2 + symbol) == 0
    assert form.slopes[symbol] == Jet("f", (0, 0))


def test_a_random_number_is_a_symbol_and_its_term_is_not_exact():
    form = OperatorForm.of(reacting(), {"f"}, {"nu"})
    assert Jet("u", (0, 2)) not in form.exact[0]
    assert sp.diff(form.rest[0], Jet("u", (0, 2)).symbol) == -form.numbers["nu"]


def test_a_random_coefficient_is_differentiated_as_the_function_it_is():
    w = sp.Function("w")(x)
    problem = Problem("darcy", [D(a * D(w, x), x)], [w], Box({x: (0, 2)}), [dirichlet(w, 0)])
    form = OperatorForm.of(problem, {"a"}, set())
    assert set(form.slopes.values()) == {Jet("a", (0,)), Jet("a", (1,))}
    slope = next(s for s, j in form.slopes.items() if j.orders == (1,))
    assert sp.diff(form.rest[0], Jet("w", (1,)).symbol) == slope


def test_coefficients_that_vary_along_periodic_axes_are_not_exact():
    equation = D(u, t) + (2 + sp.sin(x)) * D(u, x) + t * u
    periodic = Box({t: (0, 1), x: (0, 2 * sp.pi)}, periodic=[x])
    form = OperatorForm.of(Problem("p", [equation], [u], periodic, [initial(u, f)], t), {"f"}, set())
    assert set(form.exact[0]) == {Jet("u", (1, 0)), Jet("u", (0, 0))}
    assert form.periodic == (False, True)


def test_conditions_become_functionals_with_the_outward_normal_carried_out():
    form = OperatorForm.of(
        reacting(conditions=[initial(u, f), robin(u, 2, 3, f, on="left"), dirichlet(u, f, on="right")]), {"f"}, set()
    )
    start, left, right = form.conditions
    assert (start.axis, start.functional.x, start.functional.coefficients) == (0, 0.0, (1.0,))
    assert start.data == form.functions["f"]
    # 2 u + 3 n·∇u = f on the left, where n = -1.
    assert (left.axis, left.functional.x, left.functional.coefficients) == (1, 0.0, (2.0, -3.0))
    assert form.along(0, 1) == (left, right)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"conditions": [initial(u, f), dirichlet(u**2, f)]}, "nonlinear"),
        ({"conditions": [initial(u, f), dirichlet((1 + t) * u, f)]}, "constant coefficients"),
        ({"conditions": [initial(u, f), dirichlet(D(u, t), 0)]}, "across the piece"),
        ({"equations": [D(u, t) - D(u, x, 2) - sp.log(u)]}, "singular at u = 0"),
        (
            {"equations": [D(u, t) - D(u, x, 2) - parameter("k", unknown=True, guess=1.0) * u - f]},
            "parameter k is unknown",
        ),
    ],
)
def test_what_is_not_covered_is_refused_in_words(changes, words):
    with pytest.raises(UnsupportedProblem, match=words):
        OperatorForm.of(reacting(**changes), {"f"}, set())


def test_a_region_that_is_no_box_is_refused():
    with pytest.raises(UnsupportedProblem, match="needs a box"):
        OperatorForm.of(load("poisson_l_shape"), set(), set())
