"""Prolonged vector fields."""

from __future__ import annotations

import sympy as sp

from pinnlab.forms.jet import Jet
from pinnlab.forms.prolongation import VectorField, total_derivative

t, x = sp.symbols("t x", real=True)
u, u_t, u_x, u_tx, u_xx = (Jet("u", orders).symbol for orders in ((0, 0), (1, 0), (0, 1), (1, 1), (0, 2)))
k = Jet("k", (0, 0)).symbol


def test_total_derivatives_see_what_unknowns_depend_on():
    assert sp.expand(total_derivative(t * u + x * u_x**2, 1, (t, x)) - (t * u_x + u_x**2 + 2 * x * u_x * u_xx)) == 0
    assert total_derivative(t * u, 0, (t, x)) == u + t * u_t


def test_a_galilean_boost_changes_the_rate_by_the_slope_and_leaves_slopes():
    boost = VectorField((t, x), (sp.S.Zero, t), {"u": sp.S.One})
    assert boost.coefficient(u_t.jet) == -u_x
    assert boost.coefficient(u_x.jet) == 0
    assert boost.coefficient(u_tx.jet) == -u_xx


def test_a_rotation_of_a_plane_turns_slopes_as_it_does_curves():
    # Olver, section 2.3: v = -u d/dx + x d/du changes u_x by 1 + u_x² and u_xx by 3 u_x u_xx.
    p, q, r = (Jet("u", (n,)).symbol for n in range(3))
    rotation = VectorField((x,), (-p,), {"u": x})
    assert sp.expand(rotation.coefficient(q.jet) - (1 + q**2)) == 0
    assert sp.expand(rotation.coefficient(r.jet) - 3 * q * r) == 0
    curvature = r / (1 + q**2) ** sp.Rational(3, 2)
    assert sp.simplify(rotation.applied(curvature)) == 0


def test_the_recursion_is_the_formula():
    motion, change = (t * u, x**2), u**2 + t * x
    field = VectorField((t, x), motion, {"u": change})
    characteristic = change - motion[0] * u_t - motion[1] * u_x
    for orders in ((0, 1), (1, 1), (0, 3), (2, 1)):
        value = characteristic
        for axis, n in enumerate(orders):
            for _ in range(n):
                value = total_derivative(value, axis, (t, x))
        jet = Jet("u", orders)
        value += sum(m * jet.shifted(i, 1).symbol for i, m in enumerate(motion))
        assert sp.expand(field.coefficient(jet) - value) == 0


def test_what_is_not_named_is_carried_along():
    shift = VectorField((t, x), (sp.S.Zero, sp.S.One), {})
    assert shift.applied(x * k + u) == k
