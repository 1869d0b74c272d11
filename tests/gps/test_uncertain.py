"""Conditions that are not taken at their word."""

import math

import pytest
import sympy as sp

from pinnlab import Box, D, Problem, dirichlet
from pinnlab.gps.uncertain import Uncertain, deviation_on, require_pieces

x = sp.Symbol("x", real=True)
u = sp.Function("u")(x)
LINE = Problem(name="line", equations=[D(u, x, 2)], unknowns=[u], domain=Box({x: (0, 1)}), conditions=[dirichlet(u, 0)])


def test_what_is_not_named_is_exact_and_no_deviation_leaves_a_piece_out():
    some = (Uncertain("left", 0.1), Uncertain("right"))
    assert [deviation_on(some, p) for p in ("left", "right", "top")] == [0.1, math.inf, 0.0]


def test_pieces_are_checked():
    require_pieces((Uncertain("left"),), True, LINE)
    require_pieces((Uncertain("left", 0.1),), False, LINE)
    with pytest.raises(ValueError, match=r"no condition on 'lef'.*left"):
        require_pieces((Uncertain("lef"),), True, LINE)
    with pytest.raises(ValueError, match="named twice"):
        require_pieces((Uncertain("left"), Uncertain("left", 2.0)), True, LINE)
    with pytest.raises(ValueError, match="no observations to find them from"):
        require_pieces((Uncertain("left"),), False, LINE)


@pytest.mark.parametrize("deviation", [0.0, -1.0, math.nan])
def test_deviations_are_positive(deviation):
    with pytest.raises(ValueError, match="give a positive number"):
        Uncertain("left", deviation)
