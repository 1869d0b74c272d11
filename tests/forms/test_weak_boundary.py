"""Conditions read as values, outward fluxes and normal derivatives."""

import pytest
import sympy as sp

from pinnlab import Box, Condition, D, Problem, UnsupportedProblem, dirichlet, flux, laplacian, neumann, normal, robin
from pinnlab.forms.jet import Jet
from pinnlab.forms.weak_boundary import GivenFlux, GivenSlope, GivenValue, prescribed
from pinnlab.symbols import OutwardFlux

x, y = sp.symbols("x y", real=True)
u = sp.Function("u")(x, y)
U = Jet("u", (0, 0)).symbol
SIDES = ["bottom", "top", "left"]


def read(condition):
    problem = Problem(
        "square",
        [-laplacian(u, (x, y))],
        [u],
        Box({x: (0, 1), y: (0, 1)}),
        [condition, dirichlet(u, 0, on=SIDES)],
    )
    return prescribed(problem)[0]


@pytest.mark.parametrize(
    ("condition", "kind", "value"),
    [
        (dirichlet(u, y * (1 - y), on="right"), GivenValue, y * (1 - y)),
        (Condition(3 * u - 6 * y, on="right"), GivenValue, 2 * y),
        (flux(u, y**2, on="right"), GivenFlux, y**2),
        (Condition(2 * OutwardFlux(u) - 4 * (u**4 - 1), on="right"), GivenFlux, 2 * (U**4 - 1)),
        (neumann(u, 5, on="right"), GivenSlope, 5),
        (robin(u, 2, 4, y, on="right"), GivenSlope, (y - 2 * U) / 4),
    ],
)
def test_a_condition_is_solved_for_what_it_gives(condition, kind, value):
    found = read(condition)
    assert type(found) is kind
    assert (found.unknown, found.piece) == ("u", "right")
    assert sp.simplify(found.value - value) == 0


def test_a_derivative_across_the_side_of_a_box_is_its_slope_with_the_sign_of_the_normal():
    right = read(Condition(D(u, x) - 3 * u, on="right"))
    assert isinstance(right, GivenSlope)
    assert sp.simplify(right.value - 3 * U) == 0
    both = Problem("sides", [-laplacian(u, (x, y))], [u], Box({x: (0, 1), y: (0, 1)}),
                   [Condition(D(u, x) - 3 * u, on="left"), dirichlet(u, 0, on=["right", "bottom", "top"])])  # fmt: skip
    assert sp.simplify(prescribed(both)[0].value + 3 * U) == 0


def test_a_normal_derivative_written_out_is_recognised():
    found = read(Condition(normal(x) * D(u, x) + normal(y) * D(u, y) - u, on="right"))
    assert isinstance(found, GivenSlope)
    assert sp.simplify(found.value - U) == 0


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (Condition(u**2 - 1, on="right"), "nonlinear or coupled"),
        (Condition(D(u, y) - 1, on="right"), "not n·∇u"),
        (Condition(u - normal(x), on="right"), "normal"),
        (Condition(OutwardFlux(u) ** 2 - u, on="right"), "not linear"),
    ],
)
def test_other_conditions_are_refused_in_words(condition, words):
    with pytest.raises(UnsupportedProblem, match=words):
        read(condition)
