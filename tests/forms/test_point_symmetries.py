"""Derived symmetries."""

from __future__ import annotations

import pytest
import sympy as sp

from pinnlab import Box, D, Problem, initial, initial_rate, parameter
from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.point_symmetries import point_symmetries
from pinnlab.forms.point_symmetry import PointSymmetry

t, x = sp.symbols("t x", real=True)
u, v = (sp.Function(name)(t, x) for name in "uv")


def ring(*equations, unknowns=(u,), conditions=()):
    box = Box({t: (0, 1), x: (0, 1)}, periodic=[x])
    return Problem("ring", equations, unknowns, box, [*(initial(w, 0) for w in unknowns), *conditions], t)


BURGERS = ring(D(u, t) + u * D(u, x) - D(u, x, 2))


@pytest.mark.parametrize(
    ("equation", "degree", "dimension"),
    [
        (D(u, t) + u * D(u, x) - D(u, x, 2), 2, 5),
        (D(u, t) + u * D(u, x) + D(u, x, 3), 2, 4),
        (D(u, t) + u * D(u, x) + D(u, x, 2) + D(u, x, 4), 1, 3),
        # Six, and the polynomial solutions 1, x, x² + 2 t and x³ + 6 t x, which may be added.
        (D(u, t) - D(u, x, 2), 2, 5 + 3),
        (D(u, t) - D(u, x, 2), 3, 6 + 4),
        (D(u, t) - D(u, x, 2) - u**2 * (1 - u), 2, 2),
        (D(u, t) - x * D(u, x, 2) - u**2, 1, 2),
    ],
)
def test_as_many_are_found_as_are_known(equation, degree, dimension):
    problem = ring(equation)
    found = point_symmetries(problem, degree)
    assert len(found) == dimension
    for symmetry in found:
        symmetry.require_symmetry_of(problem)


def test_those_of_burgers_equation_are_those_of_the_textbooks():
    found = point_symmetries(BURGERS)
    assert PointSymmetry({x: t, u: 1}) in found
    assert PointSymmetry({t: t, x: x / 2, u: -u / 2}) in found
    assert PointSymmetry({t: t**2, x: t * x, u: x - t * u}) in found
    assert len(point_symmetries(BURGERS, 0)) == 2


def test_systems_and_constants_that_are_no_rational_numbers():
    k = parameter("k", sp.pi)
    wave = ring(D(u, t) - k * D(v, x), D(v, t) - k * u * D(u, x), unknowns=(u, v))
    found = point_symmetries(wave, 1)
    assert PointSymmetry({t: 1}) in found
    for symmetry in found:
        symmetry.require_symmetry_of(wave)
    # Shifts of t, x and v, scalings of (t, x) and of (x, u, v), and, since t and x as functions of u and v solve linear
    # equations, x_v = k t_u and x_u = k u t_v, the sum with their solution t = u, x = k v.
    assert PointSymmetry({t: u, x: k.value * v}) in found
    assert len(found) == 6


def test_what_is_not_polynomial_is_refused_in_words():
    gordon = ring(D(u, t, 2) - D(u, x, 2) + sp.sin(u), conditions=[initial_rate(u, 0)])
    with pytest.raises(UnsupportedProblem, match=r"is not polynomial in coordinates, unknowns .*; declare them"):
        point_symmetries(gordon)
    with pytest.raises(UnsupportedProblem, match="is not polynomial"):
        point_symmetries(ring(u * D(u, t) - D(u, x, 2)))


@pytest.mark.parametrize("degree", [-1, 1.5, "2"])
def test_the_degree_is_a_whole_number(degree):
    with pytest.raises(ValueError, match="give a whole number from 0 on"):
        point_symmetries(BURGERS, degree)
