"""Maps that exchange equations and conditions."""

from __future__ import annotations

import pytest
import sympy as sp

from pinnlab import Box, D, Problem, dirichlet
from pinnlab.forms.discrete_symmetry import Exchange
from pinnlab.forms.jet import Jet
from pinnlab.forms.open_jets import OpenJets

x = sp.Symbol("x", real=True)
u, v = (sp.Function(name)(x) for name in "uv")
SWAP = {"u": "v", "v": "u"}
TURNED = Exchange("the exchange", {}, lambda j: (1, Jet(SWAP[j.field], j.orders)), {}, {})
MIRRORED = Exchange("the mirror", {x: 1 - x}, lambda j: ((-1) ** j.order, j), {}, {"left": "right", "right": "left"})


def pair(first, second, *conditions):
    conditions = conditions or (dirichlet(u, 0), dirichlet(v, 0))
    return OpenJets.of(Problem("pair", [first, second], [u, v], Box({x: (0, 1)}), conditions))


def test_a_map_is_applied_to_coordinates_jets_and_numbers():
    c, p, q = sp.Symbol("c", real=True), Jet("u", (0,)).symbol, Jet("u", (1,)).symbol
    mirror = Exchange("", {x: 1 - x}, lambda j: ((-1) ** j.order, j), {"c": -c}, {})
    assert mirror.applied(x * p + c * q) == (1 - x) * p + c * q


def test_equations_may_change_places_and_signs():
    TURNED.require_symmetry_of(pair(D(u, x, 2) - v, D(v, x, 2) - u))
    TURNED.require_symmetry_of(pair(D(u, x, 2) - v, u - D(v, x, 2)))
    with pytest.raises(ValueError, match="the exchange is not seen to be a symmetry of 'pair': it makes"):
        TURNED.require_symmetry_of(pair(D(u, x, 2) - v, D(v, x, 2) - 2 * u))


def test_conditions_go_where_their_pieces_go():
    equations = D(u, x, 2) - x * (1 - x), D(v, x, 2)
    on = lambda w, left, right: [dirichlet(w, left, on="left"), dirichlet(w, right, on="right")]  # noqa: E731
    MIRRORED.require_symmetry_of(pair(*equations, *on(u, 2, 2), *on(v, 0, 0)))
    with pytest.raises(ValueError, match="which is no condition there"):
        MIRRORED.require_symmetry_of(pair(*equations, *on(u, 2, 3), *on(v, 0, 0)))
    with pytest.raises(ValueError, match="which is none of its equations"):
        MIRRORED.require_symmetry_of(pair(equations[0] + x, equations[1]))


def test_functions_that_are_the_same_in_other_words_are_recognised():
    wave = sp.sin(sp.pi * x)
    MIRRORED.require_symmetry_of(pair(D(u, x, 2) - wave * u, D(v, x, 2) - sp.exp(-x) - sp.exp(x - 1)))
    with pytest.raises(ValueError, match="which is none of its equations"):
        MIRRORED.require_symmetry_of(pair(D(u, x, 2) - sp.cos(sp.pi * x) * u, D(v, x, 2)))
