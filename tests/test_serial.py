from __future__ import annotations

import contextlib
import json
import time
import warnings

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab import Box, D, Problem, TimeInterval, dirichlet, flux, initial, neumann, normal, parameter
from pinnlab.forms.evaluate import on_points
from pinnlab.known import known
from pinnlab.random_functions import NeumannField, PeriodicField, TwoPhase
from pinnlab.serial import MAX_DEPTH, Decoder, decode_domain, encode, encode_domain
from pinnlab.symbols import unknown_function

t, x, y = sp.symbols("t x y", real=True)
p = sp.Symbol("p", positive=True)
u = sp.Function("u")(t, x)
k = parameter("k", sp.Rational(1, 3))

LEAVES = st.one_of(
    st.sampled_from([x, t, p, k, sp.pi, sp.E, u, D(u, x), D(u, t, 2), normal(x), sp.S.Half, sp.S.Zero, sp.S.One]),
    st.integers(-5, 10**30).map(sp.Integer),
    st.fractions(-3, 3).map(sp.Rational),
    st.floats(-1e6, 1e6).map(sp.Float),
)


def grown(inner):
    two = st.tuples(inner, inner)
    return st.one_of(
        st.lists(inner, min_size=2, max_size=4).map(lambda a: sp.Add(*a)),
        st.lists(inner, min_size=2, max_size=4).map(lambda a: sp.Mul(*a)),
        inner.map(lambda a: sp.Add(a, x * t, evaluate=False)),
        st.tuples(inner, st.sampled_from([2, 3, -1, sp.S.Half])).map(lambda a: sp.Pow(*a, evaluate=False)),
        inner.map(sp.sin),
        inner.map(lambda a: sp.tanh(a) + sp.Abs(a)),
        two.map(lambda a: sp.Piecewise((a[0], x < t), (a[1], True))),
        inner.map(lambda a: sp.Derivative(a * u, x)),
        inner.map(lambda a: sp.Heaviside(a * x)),
        two.map(lambda a: sp.Max(a[0] * x, a[1] * t, evaluate=False)),
    )


def again(e, **parameters):
    return Decoder({"k": k} | parameters)(json.loads(json.dumps(encode(e))))


@settings(max_examples=80, deadline=None)
@given(st.recursive(LEAVES, grown, max_leaves=12).filter(lambda e: not e.has(sp.nan, sp.zoo, sp.oo)))
def test_expressions_survive_the_round_trip_as_trees(e):
    assert again(e) == e
    assert encode(again(e)) == encode(e)


def test_every_shipped_problem_survives_the_round_trip(shipped_problem):
    copy = Problem.from_json(shipped_problem.to_json())
    assert copy == shipped_problem
    assert copy.sha256 == shipped_problem.sha256
    assert copy.exact_expressions == shipped_problem.exact_expressions
    assert copy.citation == shipped_problem.citation
    assert copy.to_json() == shipped_problem.to_json()


@pytest.mark.parametrize("name", [r"\nu", "u_{x}", "k'", "α_0", "a b", "lambda", "x" * 200])
def test_names_that_are_no_identifiers_survive_the_round_trip(name):
    c, s, f = parameter(name, 2), sp.Symbol(name + "1"[: 200 - len(name)], real=True), sp.Function(name[:-1] + "2")
    w = f(t, s)
    problem = Problem(
        "odd", [D(w, t) - c * D(w, s, 2)], [w], Box({t: (0, 1), s: (0, 1)}), [initial(w, 0), dirichlet(w, 0)], time=t
    )
    copy = Problem.from_json(problem.to_json())
    assert copy == problem
    assert copy.sha256 == problem.sha256
    assert [q.name for q in copy.parameters] == [name]


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_random_problems_survive_the_round_trip(random_problems, data):
    problem = data.draw(random_problems)
    copy = Problem.from_json(problem.to_json())
    assert copy == problem
    assert copy.sha256 == problem.sha256


@pytest.mark.parametrize(
    "symbol",
    [
        sp.Symbol("s"),
        sp.Symbol("s", real=True),
        sp.Symbol("s", positive=True),
        sp.Symbol("s", nonnegative=True),
        sp.Symbol("n", integer=True),
        sp.Function("r", real=True)(x),
    ],
    ids=str,
)
def test_assumptions_survive(symbol):
    assert again(symbol) == symbol


def test_what_cannot_be_stored_is_refused_when_it_is_written():
    with pytest.raises(ValueError, match="symbol _d cannot be stored"):
        encode(sp.Dummy("d"))
    with pytest.raises(ValueError, match="Integral is not a node type"):
        encode(sp.Integral(u, x))
    with pytest.raises(ValueError, match="cannot be stored"):
        encode(sp.Function("q", commutative=False)(x))


def test_floats_keep_every_bit():
    for value in (0.1, 1e-300, -1.7976931348623157e308, 5e-324, 0.01 / 3):
        assert float(again(sp.Float(value))) == value
    assert again(sp.Float("0.1", 40)) == sp.Float("0.1", 40)


def test_domains_survive():
    for domain in (
        Box({x: (0, 2 * sp.pi), y: (-1, 1)}, periodic=[y]),
        TimeInterval(t, 0, 1) * Box({x: (0, 1)}),
    ):
        assert decode_domain(json.loads(json.dumps(encode_domain(domain))), Decoder()) == domain


def test_conditions_parameters_and_densities_survive():
    a = parameter("a", unknown=True, guess=0.5, bounds=(0, 2))
    b = parameter("b", 1 + x**2)
    problem = Problem(
        "inverse",
        [D(u, t) - D(b * D(u, x), x) + a * u],
        [u],
        TimeInterval(t, 0, 1) * Box({x: (0, 1)}),
        [initial(u, 0), flux(u, 0, "left"), neumann(u, normal(x), "right")],
        time=t,
        conserved={"energy": u**2},
    )
    copy = Problem.from_json(problem.to_json())
    assert copy == problem
    assert [(q.name, q.value, q.guess, q.bounds) for q in copy.parameters] == [
        ("a", None, 0.5, (0.0, 2.0)),
        ("b", 1 + x**2, None, None),
    ]


def test_the_hash_is_stable_across_versions_of_the_program():
    problem = Problem(
        "any",
        [D(u, t) - k * D(u, x, 2)],
        [u],
        Box({t: (0, 1), x: (0, 1)}),
        [initial(u, 0), dirichlet(u, 0)],
        time=t,
    )
    assert problem.sha256 == "5e476cb0808a794ec5754bde221e7d5b1ed0f41b5335eab27f85bd0f0f3cc849"


# -- hostile texts -------------------------------------------------------------------------------------------


def base() -> dict:
    problem = Problem(
        "any",
        [D(u, t) - k * D(u, x, 2)],
        [u],
        Box({t: (0, 1), x: (0, 1)}),
        [initial(u, 0), dirichlet(u, 0)],
        time=t,
    )
    return json.loads(problem.to_json())


def refused(text: str) -> str:
    start = time.process_time()
    with pytest.raises(ValueError, match=r"\S") as caught:
        Problem.from_json(text)
    assert time.process_time() - start < 5.0, "a hostile text must not keep the machine busy"
    message = str(caught.value)
    assert len(message) < 500
    assert "\n" not in message
    return message


def with_equation(node) -> str:
    return json.dumps(base() | {"equations": [["Add", ["Function", "u", [], *coordinates()], node]]})


def coordinates():
    return [["Symbol", "t", "real"], ["Symbol", "x", "real"]]


@pytest.mark.parametrize(
    "node",
    [
        ["__import__", "os"],
        ["__class__"],
        ["eval", "1"],
        ["Lambda", ["Symbol", "x"]],
        ["Function", "__import__('os').system('true')", [], ["Integer", "1"]],
        ["Function", "os.system", [], ["Integer", "1"]],
        ["Symbol", "x; import os"],
        ["Symbol", "x", "commutative"],
        ["Symbol"],
        ["Symbol", 3],
        ["Integer", 3],
        ["Integer", "__import__('os')"],
        ["Integer", "9" * 5000],
        ["Rational", "1", "0"],
        ["Rational", "1"],
        ["Float", 0, "1", 10**9, 53],
        ["Float", 0, "1", 1, 10**9],
        ["Float", "0", "1", 1, 53],
        ["Float", 0],
        ["Constant", "oo"],
        ["Constant", ["pi"]],
        ["Parameter", "missing"],
        ["Parameter", ["k"]],
        ["Pow", ["Integer", "2"]],
        ["Pow", ["Integer", "9"], ["Pow", ["Integer", "9"], ["Integer", "9"]]],
        ["Pow", ["Symbol", "x", "real"], ["Integer", "1000000000"]],
        ["Pow", ["Pow", ["Rational", "11", "10"], ["Integer", "900"]], ["Integer", "900"]],
        ["exp", ["exp", ["exp", ["Integer", "99"]]]],
        ["gamma", ["Integer", "1000000000"]],
        ["sin"],
        ["sin", ["Integer", "1"], ["Integer", "2"]],
        ["Derivative", ["Symbol", "x", "real"], [["Symbol", "x", "real"], 10**6]],
        ["Derivative", ["Symbol", "x", "real"], [["Symbol", "x", "real"], True]],
        ["Derivative", ["Symbol", "x", "real"], ["x"]],
        ["Piecewise", ["Integer"]],
        ["Normal", ["Integer", "1"]],
        [],
        {},
        None,
        "x",
        3,
        [["Symbol", "x"]],
    ],
    ids=lambda node: json.dumps(node)[:40],
)
def test_a_hostile_node_is_refused_in_one_sentence(node):
    refused(with_equation(node))


def nested(depth: int) -> str:
    return '["sin", ' * depth + '["Symbol", "x", "real"]' + "]" * depth


@pytest.mark.parametrize("depth", [MAX_DEPTH + 5, 3000, 10**6])
def test_deep_nesting_is_refused(depth):
    text = with_equation("HERE").replace('"HERE"', nested(depth))
    assert "nested" in refused(text)


def test_nesting_within_the_limit_is_read():
    data = base()
    (equation,) = data["equations"]
    data["equations"] = [["Add", equation, json.loads(nested(MAX_DEPTH // 2))]]
    assert Problem.from_json(json.dumps(data)).name == "any"


def test_a_wide_tree_is_refused():
    assert "nodes" in refused(with_equation(["Add", *[["Integer", "1"]] * 200_001]))


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '{"schema": 2}', '{"schema": 1}', '"x"', "[" * 10**6])
def test_texts_that_are_no_declaration_are_refused(text):
    assert refused(text).startswith("problem JSON: ")


@pytest.mark.parametrize(
    "key",
    sorted(
        json.loads('{"schema":0}')
        | dict.fromkeys(
            [
                "name",
                "citation",
                "reference",
                "equations",
                "unknowns",
                "domain",
                "conditions",
                "time",
                "parameters",
                "conserved",
            ]
        )
    ),
)
def test_a_missing_key_is_refused(key):
    data = base()
    del data[key]
    refused(json.dumps(data))


@pytest.mark.parametrize(
    "value", [3, "x", [3], {"a": 3}, [None], True, [[]], 1e999, int("9" * 4000)], ids=lambda v: str(v)[:12]
)
@pytest.mark.parametrize("key", ["equations", "unknowns", "domain", "conditions", "time", "parameters", "conserved"])
def test_a_wrong_type_is_refused(key, value):
    refused(json.dumps(base() | {key: value}))


@pytest.mark.parametrize(
    "change",
    [
        {"bounds": [[["Symbol", "t", "real"], 0, 10**400], [["Symbol", "x", "real"], 0, 1]]},
        {"bounds": [[["Symbol", "t", "real"], 0, float("nan")], [["Symbol", "x", "real"], 0, 1]]},
        {"bounds": [[["Symbol", "t", "real"], 0]]},
        {"periodic": ["q", 3, []]},
        {"type": "Mesh"},
        {"type": "Evolution"},
    ],
    ids=str,
)
def test_a_malformed_domain_is_refused(change):
    data = base()
    refused(json.dumps(data | {"domain": data["domain"] | change}))


@pytest.mark.parametrize(
    "change",
    [
        {"guess": "1", "value": None, "bounds": [0, "x"]},
        {"value": None},
        {"guess": 1.0},
        {"name": "a/b"},
        {"name": "a\nb"},
        {"name": "a\x00"},
        {"name": ""},
        {"name": "a" * 201},
        {"name": 3},
        {"bounds": 3},
    ],
    ids=str,
)
def test_a_malformed_parameter_is_refused(change):
    data = base()
    refused(json.dumps(data | {"parameters": [data["parameters"][0] | change]}))


NODES = st.recursive(
    st.one_of(
        st.sampled_from(
            [
                ["Symbol", "x", "real"],
                ["Integer", "0"],
                ["Integer", "-3"],
                ["Constant", "pi"],
                ["Constant", "I"],
            ]
        ),
        st.sampled_from(
            [["Constant", "true"], ["Function", "u", [], *coordinates()], ["Parameter", "k"], None, 3, "x"]
        ),
    ),
    lambda inner: st.tuples(
        st.sampled_from(
            [
                "Add",
                "Mul",
                "Pow",
                "log",
                "Max",
                "Piecewise",
                "And",
                "LessThan",
                "gamma",
                "besselj",
                "floor",
                "atan2",
                "Heaviside",
                "Derivative",
                "Rate",
                "NormalDerivative",
                "Normal",
                "Abs",
                "sech",
                "Not",
                "erf",
                "coth",
            ]
        ),
        st.lists(inner, max_size=3),
    ).map(lambda a: [a[0], *a[1]]),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(NODES, st.sampled_from(["equations", "conditions", "reference", "conserved", "unknowns"]))
def test_any_tree_is_read_or_refused_with_a_value_error(node, where):
    data = base()
    if where == "conditions":
        data[where][1]["residual"] = ["Add", data[where][1]["residual"], node]
    elif where == "conserved":
        data[where] = {"density": node}
    elif where == "equations":
        data[where] = [["Add", *data[where], node]]
    else:
        data[where] = [node]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.suppress(ValueError):
            assert Problem.from_json(json.dumps(data)).name == "any"


def test_the_base_of_the_hostile_texts_is_sound():
    assert Problem.from_json(json.dumps(base())).name == "any"


def test_unknown_functions_are_kept_with_their_bounds():
    f = unknown_function("f", u, D(u, x), bounds=[(-2, 2), (0, 5)])
    assert again(1 + x * f) == 1 + x * f
    assert again(f).bounds == f.bounds


@pytest.mark.parametrize(
    "node",
    [
        ["UnknownFunction", "f", [[0, 1]]],
        ["UnknownFunction", "f", [[1, 0]], ["Symbol", "x", "real"]],
        ["UnknownFunction", "f", [[0, 1]], ["UnknownFunction", "g", [[0, 1]], ["Symbol", "x", "real"]]],
        ["UnknownFunction", "a/b", [[0, 1]], ["Symbol", "x", "real"]],
        ["UnknownFunction", "f", "bounds", ["Symbol", "x", "real"]],
        ["UnknownFunction"],
    ],
)
def test_malformed_unknown_functions_are_refused(node):
    with pytest.raises(ValueError, match="problem JSON"):
        Decoder()(node)


def drawn(seed=0):
    """A random field of a box."""
    field = PeriodicField({x: (0, 1), y: (0, 2)}, alpha=2, tau=5, modes=3)
    return field.rvs(random_state=np.random.default_rng(seed))


def test_random_fields_are_kept_with_their_derivatives():
    expression = drawn().diff(x, 2) * drawn().subs(y, 1) + x
    at = {x: sp.Float(0.3), y: sp.Float(1.7)}
    assert float(again(expression).subs(at).evalf()) == float(expression.subs(at).evalf())
    assert encode(again(expression)) == encode(expression)


def test_phases_of_random_fields_are_kept():
    phases = TwoPhase(NeumannField({x: (0, 1), y: (0, 1)}, alpha=2, tau=3, modes=2))
    a = phases.rvs(random_state=np.random.default_rng(0))
    points = np.random.default_rng(1).random((50, 2))
    before, after = (on_points([e], (x, y))(points) for e in (a, again(a)))
    np.testing.assert_array_equal(before, after)
    assert set(before.ravel()) == {4.0, 12.0}


def test_the_same_random_field_is_one_function_after_reading():
    field = drawn()
    decode = Decoder()
    assert decode(encode(field)) - decode(encode(field)) == 0
    assert decode(encode(field)) - decode(encode(drawn(1))) != 0


def test_problems_with_random_fields_have_an_identity():
    domain = TimeInterval(t, 0, 1) * Box({x: (0, 1), y: (0, 2)}, periodic=[x, y])
    v = sp.Function("v")(t, x, y)
    ours, other = (
        Problem("p", [D(v, t) - D(v, x, 2)], [v], domain, [initial(v, drawn(seed))], time=t) for seed in (0, 1)
    )
    back = Problem.from_json(ours.to_json())
    assert back.sha256 == ours.sha256 != other.sha256


def test_other_functions_known_by_values_are_not_stored():
    class Zero:
        def derivative(self, orders):
            return lambda points: np.zeros((len(points), 1))

    with pytest.raises(ValueError, match="cannot be stored: Known is not a node type"):
        encode(known("f", Zero(), 0, x))


SERIES = ["Series", "a", [["Cosines", 0, 1]], [2], [1.0, 2.0], [0], ["Symbol", "x", "real"]]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (1, "a/b"),
        (2, [["Sines", 0, 1]]),
        (2, [["Cosines", 1, 0]]),
        (2, []),
        (2, [["Waves", 0, 1]]),
        (3, [3]),
        (3, [2, 1]),
        (4, [1.0, float("nan")]),
        (4, "no"),
        (5, [-1]),
        (5, [0, 0]),
        (5, [1000]),
        (6, ["Symbol"]),
    ],
)
def test_malformed_series_are_refused(place, value):
    assert float(Decoder()(SERIES).subs(x, 0).evalf()) == pytest.approx(1 + 2 * 2**0.5)
    node = [*SERIES]
    node[place] = value
    with pytest.raises(ValueError, match="problem JSON"):
        Decoder()(node)
