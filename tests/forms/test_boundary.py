from __future__ import annotations

import pytest
import sympy as sp

from pinnlab import (
    Box,
    Condition,
    D,
    Problem,
    UnsupportedProblem,
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
from pinnlab.forms.boundary import Dirichlet, General, Robin, classify
from pinnlab.forms.jet import Jet

t, x, y = sp.symbols("t x y", real=True)
u, v = sp.Function("u")(t, x), sp.Function("v")(t, x)
w = sp.Function("w")(t, x, y)
nu = parameter("nu", 2)
U, Ux = Jet("u", (0, 0)), Jet("u", (0, 1))


def line(*conditions, equation=None):
    equation = D(u, t) + D(u**2 / 2, x) - nu * D(u, x, 2) if equation is None else equation
    problem = Problem("p", [equation], [u], Box({t: (0, 1), x: (0, 1)}), [initial(u, 0), *conditions], time=t)
    return classify(problem)[1:]


def square(condition):
    box = Box({t: (0, 1), x: (0, 1), y: (0, 1)}, periodic=[x])
    equation = D(w, t) - 3 * laplacian(w, (x, y))
    problem = Problem("p", [equation], [w], box, [initial(w, 0), condition], time=t)
    return classify(problem)[1]


def test_a_value_is_dirichlet_on_each_of_its_pieces():
    left, right = line(dirichlet(u, nu * t))
    assert isinstance(left, Dirichlet)
    assert (left.piece, right.piece) == ("left", "right")
    assert (left.unknown, left.value, left.time_order) == ("u", 2 * t, 0)
    assert left.linear == {U: 1}
    assert left.data == 2 * t


def test_a_scaled_value_is_divided_by_its_factor():
    (row, _) = line(Condition(4 * u - 8 * sp.sin(t)))
    assert isinstance(row, Dirichlet)
    assert row.value == 2 * sp.sin(t)


def test_initial_value_and_rate_are_told_apart_by_their_order_in_time():
    wave = D(u, t, 2) - D(u, x, 2)
    conditions = [initial(u, x), initial_rate(u, 3), dirichlet(u, 0, "left"), neumann(u, 0, "right")]
    box = Box({t: (0, 1), x: (0, 1)})
    value, rate, *_ = classify(Problem("p", [wave], [u], box, conditions, time=t))
    assert (value.piece, value.value, value.time_order) == ("initial", x, 0)
    assert (rate.piece, rate.value, rate.time_order) == ("initial", 3, 1)


def test_a_normal_derivative_is_robin_without_value():
    (row, _) = line(neumann(u, 5))
    assert isinstance(row, Robin)
    assert (row.a, row.b, row.g) == (0, 1, 5)


def test_robin_keeps_its_three_numbers():
    (row, _) = line(robin(u, 2, nu, t))
    assert isinstance(row, Robin)
    assert (row.a, row.b, row.g) == (2, 2, t)


def test_a_diffusive_flux_condition_is_robin():
    (row, _) = line(flux(u, 7), equation=D(u, t) + D(3 * u - nu * D(u, x), x))
    assert isinstance(row, Robin)
    assert (row.a, row.b, row.g) == (3 * normal(x), -2, 7)


def test_a_nonlinear_flux_condition_is_general():
    (row, _) = line(flux(u, 0))
    assert isinstance(row, General)
    expected = normal(x) * (U.symbol**2 / 2 - 2 * Ux.symbol)
    assert sp.expand(row.residual - expected) == 0
    with pytest.raises(UnsupportedProblem, match="on 'left' is nonlinear"):
        _ = row.linear


def test_normal_derivatives_in_two_dimensions():
    row = square(neumann(w, 1))
    assert isinstance(row, Robin)
    assert (row.a, row.b, row.g) == (0, 1, 1)
    assert square(flux(w, 1)).b == -3


def test_one_component_of_the_gradient_is_not_the_normal_derivative():
    assert isinstance(square(Condition(normal(x) * D(w, x) - 1)), General)
    assert isinstance(square(Condition(D(w, y) - 1)), General)
    skew = normal(x) * D(w, x) + 2 * normal(y) * D(w, y)
    assert isinstance(square(Condition(skew)), General)


def test_higher_derivatives_and_rates_on_a_side_are_general():
    fourth = D(u, t) + D(u, x, 4)
    rows = line(dirichlet(u, 0), Condition(D(u, x, 2)), equation=fourth)
    assert [type(r) for r in rows] == [Dirichlet, Dirichlet, General, General]
    (row, _) = line(Condition(D(u, t) + u))
    assert isinstance(row, General)


def test_coupled_conditions_are_general_without_an_unknown():
    box = Box({t: (0, 1), x: (0, 1)})
    conditions = [initial(u, 0), initial(v, 0), Condition(u - v, "left"), Condition(u + v, "right")]
    problem = Problem("p", [D(u, t) + D(v, x), D(v, t) + D(u, x)], [u, v], box, conditions, time=t)
    row = classify(problem)[2]
    assert isinstance(row, General)
    assert row.unknown is None
    assert row.linear == {U: 1, Jet("v", (0, 0)): -1}


def test_the_flux_of_a_system_is_that_of_the_equation_with_the_rate():
    box = Box({t: (0, 1), x: (0, 1)})
    conditions = [initial(u, 0), initial(v, 0), flux(u, 1), dirichlet(v, 0)]
    equations = [D(v, t) - 5 * D(v, x, 2), D(u, t) - 9 * D(u, x, 2)]
    row = classify(Problem("p", equations, [u, v], box, conditions, time=t))[2]
    assert (row.a, row.b, row.g) == (0, -9, 1)


COUPLED = {"cooks_membrane", "elasticity_plate", "navier_stokes_cylinder", "stokes_cylinder"}


def test_shipped_problems_have_the_kinds_they_declare(shipped):
    kinds = {row.piece: type(row) for row in classify(shipped["poisson_2d"])}
    assert kinds == {"left": Dirichlet, "bottom": Dirichlet, "right": Robin, "top": Robin}
    other = {p.name for p in shipped.values() for r in classify(p) if type(r) not in (Dirichlet, Robin)}
    # Tractions couple the unknowns.
    assert other == COUPLED
