"""Declared symmetries, checked."""

from __future__ import annotations

import pytest
import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, laplacian, parameter, unknown_function
from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.jet import Jet
from pinnlab.forms.open_jets import OpenJets
from pinnlab.forms.point_symmetry import PointSymmetry, require_kept_conditions
from pinnlab.forms.prolongation import VectorField

t, x, y = sp.symbols("t x y", real=True)
u, v = (sp.Function(name)(t, x) for name in "uv")
nu, c = parameter("nu", sp.Rational(1, 10)), parameter("c", 5)


def ring(*equations, unknowns=(u,)):
    from pinnlab import initial

    box = Box({t: (0, 1), x: (0, 1)}, periodic=[x])
    orders = [initial(w, 0) for w in unknowns]
    return Problem("ring", equations, unknowns, box, orders, t)


BURGERS = ring(D(u, t) + D(u**2 / 2, x) - nu * D(u, x, 2))
KDV = ring(D(u, t) + u * D(u, x) + D(u, x, 3))
KS = ring(D(u, t) + c * u * D(u, x) + D(u, x, 2) + D(u, x, 4))


@pytest.mark.parametrize(
    ("problem", "generator"),
    [
        (BURGERS, {x: t, u: 1}),
        (BURGERS, {t: 2 * t, x: x, u: -u}),
        (BURGERS, {t: t**2, x: t * x, u: x - t * u}),
        (KDV, {x: t, u: 1}),
        (KDV, {t: 3 * t, x: x, u: -2 * u}),
        (KS, {x: c * t, u: 1}),
        (KS, {x: 5 * t, u: 1}),
        (KS, {t: 1}),
    ],
)
def test_the_symmetries_of_the_textbooks_are_symmetries(problem, generator):
    symmetry = PointSymmetry(generator)
    assert symmetry.remainders(problem) == (0,)
    symmetry.require_symmetry_of(problem)


def test_what_is_left_is_told():
    # The boost of the potential form, w_t + w_x²/2 = nu w_xx with u = w_x, is none of Burgers' equation itself.
    assert PointSymmetry({x: t, u: x}).remainders(BURGERS)[0] != 0
    assert PointSymmetry({x: 2 * t, u: 1}).remainders(KDV) == (-sp.Derivative(u, x),)
    with pytest.raises(
        ValueError, match=r"\(2\*t\) d/dx \+ \(1\) d/du is not seen .* leaves -Derivative\(u\(t, x\), x\)"
    ):
        PointSymmetry({x: 2 * t, u: 1}).require_symmetry_of(KDV)


def test_parameters_have_their_values_unless_any_is_asked_for():
    PointSymmetry({x: 5 * t, u: 1}).require_symmetry_of(KS)
    PointSymmetry({x: c * t, u: 1}).require_symmetry_of(KS, numbers=["c"])
    with pytest.raises(ValueError, match="is not seen to be a symmetry"):
        PointSymmetry({x: 5 * t, u: 1}).require_symmetry_of(KS, numbers=["c"])
    with pytest.raises(ValueError, match="has no parameter 'd'"):
        PointSymmetry({x: t}).require_symmetry_of(KS, numbers=["d"])


def test_systems_and_equations_that_are_not_polynomial():
    schroedinger = ring(
        D(u, t) + D(v, x, 2) + v * (u**2 + v**2), D(v, t) - D(u, x, 2) - u * (u**2 + v**2), unknowns=(u, v)
    )
    assert PointSymmetry({u: v, v: -u}).remainders(schroedinger) == (0, 0)
    assert PointSymmetry({x: t, u: x * v / 2, v: -x * u / 2}).remainders(schroedinger) != (0, 0)
    assert PointSymmetry({x: -t, u: x * v / 2, v: -x * u / 2}).remainders(schroedinger) == (0, 0)
    from pinnlab import initial, initial_rate

    box = Box({t: (0, 1), x: (0, 1)}, periodic=[x])
    gordon = Problem("sg", [D(u, t, 2) - D(u, x, 2) + sp.sin(u)], [u], box, [initial(u, 0), initial_rate(u, 0)], t)
    assert PointSymmetry({t: x, x: t}).remainders(gordon) == (0,)
    assert PointSymmetry({u: 1}).remainders(gordon) == (sp.cos(u),)


def test_steady_equations_have_symmetries_too():
    w = sp.Function("w")(x, y)
    plane = Problem("plane", [laplacian(w, (x, y)) - sp.exp(w)], [w], Box({x: (0, 1), y: (0, 1)}), [dirichlet(w, 0)])
    assert PointSymmetry({x: -y, y: x}).remainders(plane) == (0,)
    assert PointSymmetry({x: x, y: y, w: -2}).remainders(plane) == (0,)
    # Conformal maps: the real and the imaginary part of an analytic function, here z².
    assert PointSymmetry({x: x**2 - y**2, y: 2 * x * y, w: -4 * x}).remainders(plane) == (0,)
    assert PointSymmetry({x: x, y: y}).remainders(plane) == (-2 * sp.exp(w),)


def test_equations_that_need_not_be_solved_may_be_of_any_kind():
    w = sp.Function("w")(x, y)
    square = Box({x: (0, 1), y: (0, 1)})
    eikonal = Problem("eikonal", [D(w, x) ** 2 + D(w, y) ** 2 - 1], [w], square, [dirichlet(w, 0, on="left")])
    assert PointSymmetry({x: 1, w: 1}).remainders(eikonal) == (0,)
    with pytest.raises(UnsupportedProblem, match="it is not linear in"):
        PointSymmetry({x: x}).remainders(eikonal)


def test_conditions_are_carried_to_themselves_or_refused():
    w = sp.Function("w")(x, y)
    sides = [dirichlet(w, 0, on=["left", "right"]), dirichlet(w, y * 0 + 1, on=["bottom", "top"])]
    with pytest.warns(match="differ by 1"):
        plane = Problem("plane", [laplacian(w, (x, y))], [w], Box({x: (0, 1), y: (0, 1)}), sides)
    jets = OpenJets.of(plane)
    value = Jet("w", (0, 0)).symbol
    zero = (sp.S.Zero, sp.S.Zero)
    require_kept_conditions(jets, VectorField((x, y), zero, {"w": value * (value - 1)}), {}, {})
    with pytest.raises(ValueError, match="leaves 1"):
        require_kept_conditions(jets, VectorField((x, y), zero, {"w": value}), {}, {})
    with pytest.raises(ValueError, match="the flow carries w = 0 on left away, since x changes by 1 there"):
        require_kept_conditions(jets, VectorField((x, y), (sp.S.One, sp.S.Zero), {}), {}, {})
    require_kept_conditions(jets, VectorField((x, y), (x * (1 - x), sp.S.Zero), {}), {}, {})


@pytest.mark.parametrize(
    ("generator", "message"),
    [
        ({}, "give what changes"),
        ({x: 0}, "nothing changes"),
        ({nu: 1}, "nu is neither a coordinate nor an unknown"),
        ({x: D(u, x)}, "not on their derivatives"),
        ({u: u * sp.nan}, "u.* changes by nan; give what is finite"),
        ({x: -sp.oo}, "x changes by -oo; give what is finite"),
        ([x], "give what changes"),
    ],
)
def test_generators_are_checked(generator, message):
    with pytest.raises(ValueError, match=message):
        PointSymmetry(generator)


def test_generators_of_another_problem_are_refused():
    for generator in ({y: 1}, {v: 1}, {x: y}, {x: v}):
        with pytest.raises(ValueError, match="is neither a coordinate nor an unknown of 'ring', which has t, x, u"):
            PointSymmetry(generator).remainders(KDV)


def test_terms_that_are_to_be_learned_have_no_symmetries():
    with pytest.raises(UnsupportedProblem, match="holds a term that is to be learned"):
        PointSymmetry({x: 1}).remainders(ring(D(u, t) + unknown_function("f", u) * D(u, x)))
