from __future__ import annotations

import pytest
import sympy as sp

from pinnlab import Condition, D, dirichlet, flux, initial, initial_rate, neumann, robin
from pinnlab.symbols import NormalDerivative, OutwardFlux, Rate

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)


def test_shorthands_are_residuals():
    assert initial(u, x) == Condition(u - x, "initial")
    assert initial_rate(u, 0) == Condition(Rate(u), "initial")
    assert dirichlet(u, 2, on="left") == Condition(u - 2, "left")
    assert neumann(u, t, on="right") == Condition(NormalDerivative(u) - t, "right")
    assert flux(u, 1) == Condition(OutwardFlux(u) - 1)
    assert robin(u, 2, 3, 4) == Condition(2 * u + 3 * NormalDerivative(u) - 4)


def test_an_equality_becomes_a_residual():
    assert Condition(sp.Eq(D(u, x), t), "left") == Condition(D(u, x) - t, "left")


def test_pieces_are_a_name_a_list_or_everything():
    assert dirichlet(u, 0, on="left").on == ("left",)
    assert dirichlet(u, 0, on=["left", "right"]).on == ("left", "right")
    assert dirichlet(u, 0).on is None


def test_an_empty_list_of_pieces_is_refused():
    with pytest.raises(ValueError, match="names no piece"):
        dirichlet(u, 0, on=[])


def test_a_condition_prints_as_an_equation_on_its_pieces():
    assert str(dirichlet(u, 1, on=["left", "right"])) == "u(t, x) - 1 = 0 on left, right"
    assert str(dirichlet(u, 1)).endswith("on the whole boundary")


def test_conditions_hash():
    assert len({dirichlet(u, 0), dirichlet(u, 0), neumann(u, 0)}) == 2
