"""Problems by name and by file; every mistake in a file is one sentence with the line."""

from __future__ import annotations

import sys
import textwrap

import numpy as np
import pytest

from pinnlab.catalog import load, load_family, shipped, shipped_families

DECLARATION = """
import sympy as sp
from pinnlab import Box, D, Problem, dirichlet, initial

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)
{name} = Problem(
    name="mine",
    equations=[D(u, t) - D(u, x, 2)],
    unknowns=[u],
    domain=Box({{t: (0, 1), x: (0, 1)}}),
    conditions=[initial(u, sp.sin(sp.pi * x)), dirichlet(u, 0, on={sides})],
    time=t,
)
"""


def declaration(name: str = "problem", sides: str = '["left", "right"]') -> str:
    return DECLARATION.format(name=name, sides=sides)


@pytest.fixture
def write(tmp_path):
    def write(text: str, name: str = "mine.py") -> str:
        (tmp_path / name).write_text(textwrap.dedent(text))
        return str(tmp_path / name)

    return write


def test_every_shipped_problem_is_loaded_under_its_own_name():
    assert len(shipped()) == 74
    assert all(load(name).name == name for name in shipped())


def test_a_file_gives_its_problem_and_a_colon_another_attribute(write):
    assert load(write(declaration())).name == "mine"
    assert load(write(declaration("wave")) + ":wave").name == "mine"


def test_json_is_read_back_as_the_same_problem(write):
    burgers = load("heat")
    assert load(write(burgers.to_json(), "heat.json")).sha256 == burgers.sha256


def test_a_file_may_import_its_neighbour_and_leaves_no_trace(write, tmp_path):
    write("SIDES = ['left', 'right']\n", "neighbour_of_mine.py")
    path = write("from neighbour_of_mine import SIDES\n" + declaration(sides="SIDES"))
    before = list(sys.path)
    try:
        assert load(path).name == "mine"
    finally:
        sys.modules.pop("neighbour_of_mine", None)
    assert sys.path == before
    assert not any("pinnlab_problem" in name for name in sys.modules)


def test_an_edited_file_is_never_taken_from_a_cache(write):
    assert load(write(declaration())).name == "mine"
    assert load(write(declaration().replace('"mine"', '"nine"'))).name == "nine"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = (\n", "line 1: '(' was never closed"),
        ("import sympy\nimport no_such_library\n", "line 2: ModuleNotFoundError: No module named 'no_such_library'"),
        ("a = 1\n\nb = a / 0\n", "line 3: ZeroDivisionError: division by zero"),
        ("def f():\n    raise KeyError('k')\nf()\n", "line 2: KeyError: 'k'"),
        ("raise SystemExit('bye')\n", "line 1: SystemExit: bye"),
        ("problem = 3\n", "problem is a int and no Problem; write problem = Problem(…) in it"),
        ("", "it has no 'problem'; write problem = Problem(…) in it"),
        ("x = '\0'\n", "null bytes"),
    ],
)
def test_a_mistake_in_a_file_is_told_with_its_line(write, text, told):
    path = write(text)
    with pytest.raises(ValueError, match=r".") as caught:
        load(path)
    assert str(caught.value).startswith(path)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_lint_message_keeps_its_words_and_gains_the_line_of_the_declaration(write):
    with pytest.raises(
        ValueError, match=r"mine.py, line 7: problem 'mine': condition .* \(did you mean 'left'\?\)"
    ) as caught:
        load(write(declaration(sides='["lefft", "right"]')))
    assert "ValueError" not in str(caught.value)


def test_a_misspelt_attribute_is_told_with_the_right_one(write):
    path = write(declaration("wave"))
    with pytest.raises(ValueError, match=r"no 'wavee' \(did you mean 'wave'\?\); say .*mine.py:wave"):
        load(path + ":wavee")
    with pytest.raises(ValueError, match=r"it has no 'problem'; say .*mine.py:wave"):
        load(path)


def test_an_unknown_name_is_told_with_a_close_one():
    with pytest.raises(ValueError, match=r"no problem 'burger' \(did you mean 'burgers'\?\)"):
        load("burger")


def test_a_missing_file_is_told_as_such():
    with pytest.raises(
        FileNotFoundError, match=r"no/burgers.py: there is no such file; the shipped problem is called burgers"
    ):
        load("no/burgers.py")


@pytest.mark.parametrize("text", ["[" * 1_000_000, '{"__import__": "os"}', "\x00", "3", "[]", "{}", '"é'])
def test_hostile_json_is_one_sentence_with_the_file(write, text):
    path = write(text, "hostile.json")
    with pytest.raises(ValueError, match=r"hostile\.json: problem JSON"):
        load(path)


def test_a_binary_file_is_no_declaration(tmp_path):
    (tmp_path / "b.json").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ValueError, match="this is no text"):
        load(str(tmp_path / "b.json"))


def test_what_a_file_defines_stays_usable_after_loading(write):
    exact = "SCALE = 2.0\ndef exact(points): return SCALE * points[:, :1]\n"
    path = write(exact + declaration().replace("time=t,", "time=t, reference=exact,"))
    assert load(path).reference(np.ones((3, 2))).tolist() == [[2.0], [2.0], [2.0]]


def test_every_shipped_family_is_loaded_and_can_be_sampled():
    assert {"burgers", "darcy", "heat"} <= set(shipped_families())
    for name in shipped_families():
        first, again = (load_family(name).member(0, 5) for _ in range(2))
        assert {p.name for p in first.parameters} >= set(load_family(name).things)
        assert [str(c.residual) for c in first.conditions] == [str(c.residual) for c in again.conditions]


def test_a_file_without_a_family_says_what_it_has(write):
    path = write(declaration())
    with pytest.raises(ValueError, match=r"it has no 'family'; write family = Family"):
        load_family(path)
    with pytest.raises(ValueError, match="problem is a Problem and no Family"):
        load_family(path + ":problem")
    with pytest.raises(ValueError, match=r"no family 'burger' \(did you mean 'burgers'"):
        load_family("burger")
