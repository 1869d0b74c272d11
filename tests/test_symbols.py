from __future__ import annotations

import copy
import pickle

import pytest
import sympy as sp

from pinnlab import D, div, grad, laplacian, normal, parameter
from pinnlab.symbols import (
    NormalDerivative,
    UnknownSlope,
    applied_functions,
    field_name,
    parameters_of,
    unknown_function,
    unknown_functions_of,
    with_values,
)

t, x, y = sp.symbols("t x y", real=True)
u, v = sp.Function("u")(t, x), sp.Function("v")(t, x)
w = sp.Function("w")(x, y)


def test_a_flux_stays_as_written_and_differs_from_its_expansion():
    flux = D(u**2 / 2, x)
    assert isinstance(flux, sp.Derivative)
    assert flux.expr == u**2 / 2
    assert flux != u * D(u, x)
    assert sp.expand(flux.doit() - u * D(u, x)) == 0


def test_a_derivative_of_order_n_is_one_node():
    assert D(u, x, 4).variable_count == ((x, 4),)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((u, x, 0), "positive integer"),
        ((u, x, 1.5), "positive integer"),
        ((u, y), "does not depend on y"),
        ((u, "x"), "coordinate"),
        ((3, x), "does not depend"),
        ((u, parameter("k", 1)), "coordinate"),
    ],
)
def test_a_meaningless_derivative_is_refused_with_its_reason(arguments, word):
    with pytest.raises(ValueError, match=word):
        D(*arguments)


def test_vector_operators_are_sums_of_derivatives():
    assert grad(w, (x, y)) == (D(w, x), D(w, y))
    assert div((w**2, x * w), (x, y)) == D(w**2, x) + D(x * w, y)
    assert laplacian(w, (x, y)) == D(w, x, 2) + D(w, y, 2)
    with pytest.raises(ValueError, match="2 components over 1"):
        div((w, w), (x,))


def test_a_parameter_keeps_its_exact_value():
    nu = parameter("nu", 0.01 / sp.pi)
    assert nu.value == 0.01 / sp.pi
    assert not nu.is_unknown
    assert with_values(nu * D(u, x, 2)) == 0.01 / sp.pi * D(u, x, 2)
    assert parameters_of(nu * u) == {nu}


def test_parameters_of_equal_name_and_different_value_differ():
    assert parameter("c", 1) != parameter("c", 2)
    assert parameter("c", 1) == parameter("c", 1)
    assert parameter("c", 1) != sp.Symbol("c", real=True)
    assert hash(parameter("c", 1)) == hash(parameter("c", 1))


def test_equal_parameters_made_twice_can_be_sorted_together():
    first, second = (parameter("c", 2, unknown=False) for _ in range(2))
    assert first is not second
    assert first.compare(second) == 0
    assert first * u + second * u == 2 * first * u
    unknown = parameter("c", unknown=True, guess=1.0, bounds=(0, 2))
    others = [unknown, parameter("c", unknown=True, guess=1.0), parameter("c", 1 + x), parameter("c", 3.0)]
    for a in others:
        for b in others:
            assert (a.compare(b) == 0) == (a is b)
            assert a.compare(b) == -b.compare(a)
            assert (a == b) == (a is b)


def test_an_unknown_parameter_stays_a_symbol():
    k = parameter("k", unknown=True, guess=0.5, bounds=(0, 1))
    assert k.is_unknown
    assert with_values(k * u) == k * u


@pytest.mark.parametrize(
    "arguments",
    [
        {"value": float("nan")},
        {"value": sp.oo},
        {"value": "1"},
        {"value": 2 * sp.I},
        {"value": parameter("b", 2) + 1},
        {},
        {"value": 1.0, "guess": 2.0},
        {"value": 1.0, "unknown": True, "guess": 1.0},
        {"unknown": True},
        {"unknown": True, "guess": float("nan")},
        {"unknown": True, "guess": 3.0, "bounds": (0, 1)},
    ],
    ids=str,
)
def test_a_contradictory_parameter_is_refused_by_name(arguments):
    with pytest.raises(ValueError, match="parameter 'k'"):
        parameter("k", **arguments)


def test_a_coefficient_of_the_coordinates_is_differentiated():
    k = parameter("k", 1 + x**2)
    assert sp.expand(with_values(D(k * D(u, x), x)).doit() - (2 * x * D(u, x) + (1 + x**2) * D(u, x, 2))) == 0


def test_special_symbols_survive_copy_and_pickle():
    for s in (parameter("nu", sp.pi), parameter("k", unknown=True, guess=0.5), normal(x)):
        assert copy.deepcopy(s) == s
        again = pickle.loads(pickle.dumps(s))
        assert again == s
        assert type(again) is type(s)
    assert normal(x) != normal(y)
    assert normal(x).coordinate == x


def test_names_and_functions_are_found():
    assert field_name(u) == "u"
    assert applied_functions(D(u, x) * v + x) == {u, v}


def test_latex_of_a_normal_derivative_names_the_unknown():
    assert sp.latex(NormalDerivative(u)) == r"\partial_n u"


def test_an_unknown_function_is_printed_as_it_was_written():
    f = unknown_function("f", u, D(u, x), bounds=[(-2, 2), (0, 5)])
    assert str(f) == "f(u(t, x), Derivative(u(t, x), x))"
    assert sp.latex(f**2).startswith(r"\left(f\left(")
    assert (f.name, f.bounds, f.arguments) == ("f", ((-2.0, 2.0), (0.0, 5.0)), (u, D(u, x)))
    assert f.is_real
    assert unknown_functions_of(1 + x * f) == {f}
    assert applied_functions(f) == {u}
    assert unknown_function("f", u) != unknown_function("g", u)
    assert f.free_symbols == {t, x}


def test_an_unknown_function_obeys_the_chain_rule_with_unknown_slopes():
    f = unknown_function("f", u, x)
    slope, second = UnknownSlope(f, sp.Integer(0)), UnknownSlope(f, sp.Integer(1))
    assert sp.diff(f, x) == slope * sp.diff(u, x) + second
    assert sp.diff(f, t) == slope * sp.diff(u, t)
    assert sp.diff(slope, t) == UnknownSlope(f, sp.Integer(0), sp.Integer(0)) * sp.diff(u, t)
    assert slope.is_real


@pytest.mark.parametrize(
    ("arguments", "bounds", "message"),
    [
        (("f",), None, "name what it depends on"),
        (("", u), None, "give it a name"),
        (("f", u), [(0, 1), (0, 1)], "must be one finite interval"),
        (("f", u), [(1, 0)], "must be one finite interval"),
        (("f", u), [(0, sp.oo)], "must be one finite interval"),
        (("f", unknown_function("g", u)), None, "holds another unknown function"),
    ],
)
def test_bad_unknown_functions_are_refused(arguments, bounds, message):
    with pytest.raises(ValueError, match=message):
        unknown_function(*arguments, bounds=bounds)
