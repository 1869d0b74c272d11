"""Weak forms: rows, integrands, boundary fluxes, and what they refuse."""

import numpy as np
import pytest
import sympy as sp

from pinnlab import (
    Box,
    D,
    Problem,
    UnsupportedProblem,
    dirichlet,
    div,
    flux,
    initial,
    laplacian,
    neumann,
    normal,
    parameter,
    robin,
)
from pinnlab.forms.jet import Jet
from pinnlab.forms.weak import Essential, Natural, WeakForm

t, x, y = sp.symbols("t x y", real=True)
SQUARE = Box({x: (0, 1), y: (0, 1)})
nu = parameter("nu", 2)


def unknowns(names, *coordinates):
    return tuple(sp.Function(n)(*coordinates) for n in names)


def jets(name, dim):
    zero = (0,) * dim
    return [Jet(name, zero).symbol, *(Jet(name, tuple(int(i == k) for i in range(dim))).symbol for k in range(dim))]


def test_the_flux_is_what_stands_under_an_outer_derivative():
    (u,) = unknowns("u", x, y)
    form = WeakForm.of(Problem("p", [-div([(1 + u**2) * D(u, x), nu * D(u, y)], (x, y)) + sp.sin(x) * u], [u], SQUARE,
                               [dirichlet(u, 0)]))  # fmt: skip
    v, v_x, v_y = jets("u", 2)
    assert form.integrand(0) == (sp.sin(x) * v, (1 + v**2) * v_x, 2 * v_y)
    assert form.partials[0][0] == {(0, 0): sp.sin(x), (1, 0): 2 * v * v_x, (1, 1): 1 + v**2, (2, 2): 2}
    assert not form.is_linear


def test_fluxes_on_the_boundary_follow_from_slopes_values_and_fluxes():
    (u,) = unknowns("u", x, y)
    problem = Problem("p", [-div([(1 + x) * D(u, x), (1 + x) * D(u, y)], (x, y)) + D(3 * u, x)], [u], SQUARE,
                      [dirichlet(u, y, on="left"), robin(u, 2, 4, 5, on="right"), flux(u, 7, on="top"),
                       neumann(u, 6, on="bottom")])  # fmt: skip
    form = WeakForm.of(problem)
    v = jets("u", 2)[0]
    assert form.essential == (Essential("u", "left", y),)
    outflow = {n.piece: n.outflow for n in form.natural}
    assert sp.simplify(outflow["right"] - (3 * v * normal(x) - (1 + x) * (5 - 2 * v) / 4)) == 0
    assert outflow["top"] == 7
    assert sp.simplify(outflow["bottom"] - (3 * v * normal(x) - 6 * (1 + x))) == 0


def test_rows_follow_rates_then_positions():
    c, m = unknowns(["c", "m"], t, x)
    problem = Problem("cahn_hilliard", [m - c**3 + c + D(c, x, 2), D(c, t) - D(m, x, 2)], [c, m],
                      Box({t: (0, 1), x: (0, 1)}), [initial(c, x), neumann(c, 0), neumann(m, 0)], t)  # fmt: skip
    form = WeakForm.of(problem)
    assert form.rows == (1, 0)
    assert form.mass == ({"c": 1}, {})
    assert form.start == {"c": x}


def stokes(conditions, equations=None):
    u, v, p = unknowns("uvp", x, y)
    equations = equations or [D(u, x) + D(v, y), -nu * laplacian(u, (x, y)) + D(p, x), -laplacian(v, (x, y)) + D(p, y)]
    return Problem("stokes", equations, [u, v, p], SQUARE, conditions(u, v, p))


def test_continuity_is_tested_by_the_pressure_and_not_integrated_by_parts():
    form = WeakForm.of(stokes(lambda u, v, p: [dirichlet(u, 0), dirichlet(v, 0)]))
    assert form.rows == (1, 2, 0)
    u, v, p = (jets(n, 2) for n in "uvp")
    assert form.integrand(2) == (u[1] + v[2], 0, 0)
    assert form.integrand(0) == (0, 2 * u[1] - p[0], 2 * u[2])
    assert form.natural == ()


def test_a_prescribed_pressure_enters_through_the_momentum_where_slopes_are_given():
    form = WeakForm.of(stokes(lambda u, v, p: [
        dirichlet(u, 0, on=["left", "top", "bottom"]), dirichlet(v, 0), neumann(u, 3, on="right"),
        dirichlet(p, y, on="right")]))  # fmt: skip
    assert form.natural == (Natural("u", "right", normal(x) * y - 6),)
    assert all(e.unknown != "p" for e in form.essential)


def test_an_outlet_without_pressure_is_refused_with_the_way_out():
    with pytest.raises(UnsupportedProblem, match=r"holds the pressure p.*flux\(u, g"):
        WeakForm.of(stokes(lambda u, v, p: [
            dirichlet(u, 0, on=["left", "top", "bottom"]), dirichlet(v, 0), neumann(u, 0, on="right")]))  # fmt: skip


def test_a_do_nothing_outlet_is_a_vanishing_flux():
    form = WeakForm.of(stokes(lambda u, v, p: [
        dirichlet(u, 0, on=["left", "top", "bottom"]), dirichlet(v, 0), flux(u, 0, on="right")]))  # fmt: skip
    assert form.natural == ()


def test_the_weak_form_of_a_smooth_function_equals_the_equation_times_the_test_function():
    # ∫ S v - F·∇v + ∮ F·n v = ∫ (div F + S) v for u = x² y and v = x + y², by symbolic integration.
    (u,) = unknowns("u", x, y)
    value, test = x**2 * y, x + y**2
    residual = -div([(1 + u) * D(u, x), y * D(u, y)], (x, y)) + u * D(u, x)
    form = WeakForm.of(Problem("p", [residual], [u], SQUARE, [dirichlet(u, 0)]))
    table = dict(zip(jets("u", 2), (value, value.diff(x), value.diff(y)), strict=True))
    s, f, g = (e.subs(table) for e in form.integrand(0))
    volume = s * test + f * test.diff(x) + g * test.diff(y)
    inside = sp.integrate(volume, (x, 0, 1), (y, 0, 1))
    edges = sp.integrate((-f * test).subs(x, 1) - (-f * test).subs(x, 0), (y, 0, 1))
    edges += sp.integrate((-g * test).subs(y, 1) - (-g * test).subs(y, 0), (x, 0, 1))
    strong = sp.integrate((residual.subs(u, value).doit() * test).expand(), (x, 0, 1), (y, 0, 1))
    assert sp.simplify(inside + edges - strong) == 0


def test_the_linearised_form_has_the_tangent_at_zero():
    (u,) = unknowns("u", x, y)
    form = WeakForm.of(Problem("p", [-div([(1 + u**2) * D(u, x), D(u, y)], (x, y)) + sp.exp(u)], [u], SQUARE,
                               [dirichlet(u, 0)])).linearised()  # fmt: skip
    v, v_x, v_y = jets("u", 2)
    assert form.integrand(0) == (1 + v, v_x, v_y)
    assert form.is_linear


def test_unknowns_that_only_occur_through_derivatives_are_undetermined():
    (u,) = unknowns("u", x, y)
    free = Problem("p", [-laplacian(u, (x, y)) + 1], [u], SQUARE, [neumann(u, x)])
    held = Problem("p", [-laplacian(u, (x, y)) + 1], [u], SQUARE, [robin(u, 1, 1, x)])
    assert WeakForm.of(free).undetermined == ("u",)
    assert WeakForm.of(held).undetermined == ()


@pytest.mark.parametrize(
    ("equation", "words"),
    [
        (lambda u: x * D(u, x, 2) + D(u, y, 2), r"x\*Derivative.*divergence form"),
        (lambda u: u * D(u, x, 2) + D(u, y, 2), "divergence form"),
        (lambda u: D(u, x, 4) + D(u, y, 4), "unknown of its own"),
    ],
)
def test_second_derivatives_that_are_no_fluxes_are_refused(equation, words):
    (u,) = unknowns("u", x, y)
    both = [dirichlet(u, 0)] if "divergence" in words else [dirichlet(u, 0), neumann(u, 0)]
    with pytest.raises(UnsupportedProblem, match=words):
        WeakForm.of(Problem("p", [equation(u)], [u], SQUARE, both))


def test_other_refusals_name_the_way_out():
    (u,) = unknowns("u", x, y)
    box = Box({t: (0, 1), x: (0, 1)})
    (w,) = unknowns("w", t, x)
    sides = ["left", "right", "bottom"]
    tensor = Problem("tensor", [-div([D(u, x), 2 * D(u, y)], (x, y))], [u], SQUARE,
                     [dirichlet(u, 0, on=sides), neumann(u, 1, on="top")])  # fmt: skip
    advected = Problem("advected", [D(w, t) + D(w, x)], [w], box, [initial(w, 0), dirichlet(w, 0, on="left")], t)
    for problem, words in ((tensor, r"no multiple of the gradient of u; prescribe it with flux\(u, g"),
                           (advected, "FiniteVolume")):  # fmt: skip
        with pytest.raises(UnsupportedProblem, match=words):
            WeakForm.of(problem)


def test_the_form_expands_to_the_equations(shipped, largest_difference):
    from pinnlab.forms.pointwise import Pointwise

    for name in ("poisson_2d", "heat", "poisson_1d"):
        problem = shipped[name]
        assert largest_difference(WeakForm.of(problem).expand(), Pointwise.of(problem).residuals) < 1e-12


def test_the_screened_form_has_the_scale_of_the_region():
    (u,) = unknowns("u", x, y)
    form = WeakForm.of(Problem("p", [-laplacian(u, (x, y))], [u], SQUARE, [dirichlet(u, 0)])).screened()
    v, v_x, v_y = jets("u", 2)
    source, *rest = form.integrand(0)
    assert rest == [v_x, v_y]
    assert 1 < float(sp.diff(source, v)) < np.sqrt(2)
