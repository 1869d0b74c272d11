"""Settings as text and as data."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass, field

import pytest

from pinnlab import Adam, Chebyshev, Etdrk4, Hard, LevenbergMarquardt, MethodOfLines, Mlp, Pinn, Radau, Tanh
from pinnlab.settings import describe, parse, rebuild
from pinnlab.support import shipped_solvers
from pinnlab.training.combination import Sum

KNOWN = {
    "etdrk4": Etdrk4,
    "method-of-lines": MethodOfLines,
    "pinn": Pinn,
    **{c.__name__: c for c in (Chebyshev, Radau, Mlp, Tanh, Adam, LevenbergMarquardt, Hard)},
}


class Colour(enum.Enum):
    RED = "red"


@dataclass(frozen=True)
class Everything:
    number: float = 0.5
    names: tuple[str, ...] = ("a", "b")
    nested: Mlp = field(default_factory=Mlp)
    table: dict[int, float] = field(default_factory=lambda: {1: 2.0})
    colour: Colour = Colour.RED
    nothing: None = None
    on: bool = True
    hidden: object = field(default=None, repr=False)


def test_settings_become_plain_data_with_the_names_of_their_types():
    found = describe(Everything())
    assert found == {
        "type": "Everything",
        "number": 0.5,
        "names": ["a", "b"],
        "nested": {"type": "Mlp", "width": 20, "depth": 3, "activation": {"type": "Tanh"}},
        "table": {"1": 2.0},
        "colour": "red",
        "nothing": None,
        "on": True,
    }
    assert json.loads(json.dumps(found)) == found


def test_what_is_no_plain_data_is_told_by_its_text():
    assert describe([1 + 2j]) == ["(1+2j)"]


@pytest.mark.parametrize("name", sorted(shipped_solvers()))
def test_every_shipped_solver_describes_itself_as_json(name):
    kind = shipped_solvers()[name]
    assert json.loads(json.dumps(describe(kind())))["type"] == type(kind()).__name__


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("etdrk4", Etdrk4()),
        (" etdrk4 :", Etdrk4()),
        ("etdrk4:points=128,steps=400", Etdrk4(points=128, steps=400)),
        ("etdrk4: points = (64, 32)", Etdrk4(points=(64, 32))),
        ("etdrk4:points=[64,32]", Etdrk4(points=(64, 32))),
        ("pinn:network=Mlp(width=40,depth=2)", Pinn(network=Mlp(width=40, depth=2))),
        ("pinn:network=Mlp(activation=Tanh)", Pinn(network=Mlp(activation=Tanh()))),
        (
            "pinn:optimizer=(Adam(steps=10,learning_rate=1e-2),LevenbergMarquardt)",
            Pinn(optimizer=(Adam(steps=10, learning_rate=1e-2), LevenbergMarquardt())),
        ),
        (
            "method-of-lines:space=Chebyshev(points=20),time=Radau(rtol=1e-5,atol=1e-7)",
            MethodOfLines(Chebyshev(20), Radau(1e-5, 1e-7)),
        ),
    ],
)
def test_one_line_says_settings(text, expected):
    assert parse(text, KNOWN) == expected


def small_pinn(width: int = 5, depth: int = 2) -> Pinn:
    return Pinn(network=Mlp(width, depth))


def test_a_function_that_composes_settings_is_named_as_a_class_is():
    known = {**KNOWN, "small-pinn": small_pinn}
    assert parse("small-pinn:depth=3", known) == Pinn(network=Mlp(5, 3))
    with pytest.raises(ValueError, match=r"small_pinn has no field 'widht' \(did you mean 'width'\?\); it has w"):
        parse("small-pinn:widht=3", known)
    with pytest.raises(ValueError, match=r"width of small_pinn must be a whole number, got 3.0"):
        parse("small-pinn:width=3.0", known)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("etdrk", r"there is no 'etdrk' \(did you mean 'etdrk4'\?\); known are "),
        ("etdrk4:point=3", r"Etdrk4 has no field 'point' \(did you mean 'points'\?\); it has points, steps, snapshots"),
        ("etdrk4:128", "name every field of Etdrk4, as in points="),
        ("etdrk4:points=", "expected NAME:field=value"),
        ("etdrk4:points=7", "even"),
        ("etdrk4:points=64.0", "points"),
        ("etdrk4:steps=2.5", "steps"),
        ("etdrk4:points='64'", "points"),
        ("pinn:network=Mpl(width=3)", r"there is no 'Mpl' \(did you mean 'Mlp'\?\)"),
        ("pinn:network=wide", "wide is neither a number"),
        ("pinn:network=Mlp(40, width=20)", "width of Mlp is given twice"),
        ("pinn:network=Mlp(*[40])", "neither a number"),
        ("pinn:network=Mlp(40, 3, Tanh(), 5)", "Mlp has 3 fields, and 4 values are given"),
        ("pinn:network=Mlp.build()", "neither a number"),
        ("etdrk4:points=2**6", r"2 \*\* 6 is neither a number"),
        ("etdrk4:points=64,points=32", "points"),
        ("etdrk4:points=64)(steps=10", "expected NAME:field=value"),
        ("etdrk4:points=64) or f(", "expected NAME:field=value"),
        ("etdrk4:**{'points': 64}", "no field"),
        ("etdrk4:*[64]", "name every field"),
        ("etdrk4:points=" + "(" * 500 + ")" * 500, "etdrk4"),
        ("", "there is no ''"),
    ],
)
def test_a_line_that_says_nothing_sensible_is_refused_in_one_sentence(text, message):
    with pytest.raises(ValueError, match=message) as refusal:
        parse(text, KNOWN)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "text", ["pinn:network=__import__('os').getcwd()", "pinn:network=open('x')", "pinn:network=(lambda: 1)()"]
)
def test_nothing_but_known_constructors_is_called(text):
    with pytest.raises(ValueError, match=r"pinn|there is no"):
        parse(text, KNOWN)


def test_described_settings_are_rebuilt_also_after_json():
    known = {"Adam": Adam, "Sum": Sum}
    adam = Adam(steps=7, decay=0.5)
    assert rebuild(describe(adam), known) == rebuild(json.loads(json.dumps(describe(adam))), known) == adam
    assert rebuild([1, ["a", None]], {}) == (1, ("a", None))


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ({"type": "Popen"}, "there is no 'Popen'"),
        ({"steps": 3}, "do not say their type"),
        ({"type": "Adam", "paces": 3}, "Adam rejects these settings"),
        ({"type": "Adam", "steps": 0}, "steps = 0"),
    ],
)
def test_settings_that_cannot_be_rebuilt_are_refused(described, message):
    with pytest.raises(ValueError, match=message):
        rebuild(described, {"Adam": Adam})
