"""Incompressible flow is recognised however it is spelled, and what only looks like it is not."""

from __future__ import annotations

import itertools

import pytest
import sympy as sp

from pinnlab.condition import initial
from pinnlab.domain.box import Box
from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.incompressible import Incompressible
from pinnlab.problem import Problem
from pinnlab.symbols import D, div, laplacian, parameter

t, x, y, z = sp.symbols("t x y z", real=True)
nu, rho = parameter("nu", sp.Rational(1, 7)), parameter("rho", 2)
u, v, p, T = (sp.Function(n)(t, x, y) for n in ("u", "v", "p", "T"))
us, vs, ps = (sp.Function(n)(x, y) for n in ("u", "v", "p"))
U, V, W, P = (sp.Function(n)(t, x, y, z) for n in ("U", "V", "W", "P"))


def flow(equations, unknowns=(u, v, p), evolving=(u, v)):
    box = Box({t: (0, 1), x: (0, 1), y: (0, 1)}, periodic=[x, y])
    return Problem("flow", equations, unknowns, box, [initial(f, 0) for f in evolving], t)


def steady(equations, unknowns=(us, vs, ps)):
    return Problem("steady_flow", equations, unknowns, Box({x: (0, 1), y: (0, 1)}, periodic=[x, y]))


ADVECTIVE = (
    D(u, t) + u * D(u, x) + v * D(u, y) + D(p, x) - nu * laplacian(u, (x, y)),
    D(v, t) + u * D(v, x) + v * D(v, y) + D(p, y) - nu * laplacian(v, (x, y)),
    D(u, x) + D(v, y),
)
CONSERVATIVE = (
    D(u, t) + D(u * u + p - nu * D(u, x), x) + D(u * v - nu * D(u, y), y),
    D(v, t) + D(u * v - nu * D(v, x), x) + D(v * v + p - nu * D(v, y), y),
    div((u, v), (x, y)),
)
SYMMETRIC_STRESS = (
    rho * (D(u, t) + u * D(u, x) + v * D(u, y)) + D(p, x) - D(2 * nu * D(u, x), x) - D(nu * (D(u, y) + D(v, x)), y),
    rho * (D(v, t) + u * D(v, x) + v * D(v, y)) + D(p, y) - D(nu * (D(u, y) + D(v, x)), x) - D(2 * nu * D(v, y), y),
    D(u, x) + D(v, y),
)
SPELLINGS = {"advective": ADVECTIVE, "conservative": CONSERVATIVE, "symmetric stress": SYMMETRIC_STRESS}


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_is_recognised(name):
    view = Incompressible.of(flow(SPELLINGS[name]))
    assert (view.velocity, view.pressure) == (("u", "v"), "p")
    assert (view.momentum, view.continuity) == ((0, 1), 2)
    assert view.gradient == (1, 1)
    assert view.mass == ((2, 2) if name == "symmetric stress" else (1, 1))
    assert (view.divergence, view.source, view.others) == (1, 0, ())


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_order_of_equations_and_unknowns_does_not_matter(order):
    equations = [CONSERVATIVE[k] for k in order]
    for unknowns in itertools.permutations((u, v, p)):
        view = Incompressible.of(flow(equations, unknowns))
        assert (view.velocity, view.pressure) == (("u", "v"), "p")
        assert view.momentum == (order.index(0), order.index(1))
        assert view.continuity == order.index(2)


def test_signs_and_constant_factors_are_kept_apart_from_the_structure():
    equations = (-3 * ADVECTIVE[0], sp.Rational(1, 2) * ADVECTIVE[1], -rho * (D(u, x) + D(v, y)))
    view = Incompressible.of(flow(equations))
    assert view.gradient == (-3, sp.Rational(1, 2))
    assert view.mass == (-3, sp.Rational(1, 2))
    assert view.divergence == -2


def test_a_source_of_volume_is_read_as_the_divergence_of_the_velocity():
    view = Incompressible.of(flow((*ADVECTIVE[:2], 2 * D(u, x) + 2 * D(v, y) - 6 * sp.sin(x) * t)))
    assert view.divergence == 2
    assert sp.expand(view.source - 3 * sp.sin(x) * t) == 0


def test_steady_flow_with_any_names_in_any_order_is_recognised():
    stokes = (D(vs, y) + D(us, x), D(ps, y) - nu * laplacian(vs, (x, y)), nu * laplacian(us, (x, y)) - D(ps, x))
    view = Incompressible.of(steady(stokes))
    assert (view.velocity, view.pressure) == (("u", "v"), "p")
    assert (view.momentum, view.continuity) == ((2, 1), 0)
    assert (view.gradient, view.mass) == ((-1, 1), (0, 0))


def test_velocity_is_ordered_like_space_not_like_the_alphabet():
    # v is the component along x here.
    view = Incompressible.of(
        flow(
            (
                D(v, t) + D(p, x) - laplacian(v, (x, y)),
                D(u, t) + D(p, y) - laplacian(u, (x, y)),
                D(v, x) + D(u, y),
            )
        )
    )
    assert view.velocity == ("v", "u")
    assert view.momentum == (0, 1)


def test_three_dimensions_with_the_pressure_over_the_density():
    space, velocity = (x, y, z), (U, V, W)
    momentum = [
        D(f, t) + div([f * g for g in velocity], space) + D(P, c) / rho - nu * laplacian(f, space)
        for f, c in zip(velocity, space, strict=True)
    ]
    box = Box({t: (0, 1), x: (0, 1), y: (0, 1), z: (0, 1)}, periodic=space)
    problem = Problem(
        "flow_3d", [div(velocity, space), *momentum], [P, *velocity], box, [initial(f, 0) for f in velocity], t
    )
    view = Incompressible.of(problem)
    assert (view.velocity, view.pressure) == (("U", "V", "W"), "P")
    assert (view.momentum, view.continuity) == ((1, 2, 3), 0)
    assert view.gradient == (sp.Rational(1, 2),) * 3


def test_further_unknowns_are_listed_as_others():
    equations = (ADVECTIVE[0], ADVECTIVE[1] - T, ADVECTIVE[2], D(T, t) + D(u * T, x) + D(v * T, y))
    view = Incompressible.of(flow(equations, (T, u, v, p), (T, u, v)))
    assert view.others == ("T",)
    assert view.pressure == "p"


def test_a_potential_that_has_an_equation_of_its_own_is_not_the_pressure():
    equations = (
        ADVECTIVE[0] + D(T, x),
        ADVECTIVE[1] + D(T, y),
        ADVECTIVE[2],
        laplacian(T, (x, y)) + u,
    )
    view = Incompressible.of(flow(equations, (u, v, p, T)))
    assert (view.pressure, view.others) == ("p", ("T",))


def test_rotation_without_viscosity_is_recognised():
    view = Incompressible.of(flow((D(u, t) - 3 * v + D(p, x), D(v, t) + 3 * u + D(p, y), D(u, x) + D(v, y))))
    assert view.momentum == (0, 1)


def refusal(problem):
    with pytest.raises(UnsupportedProblem) as caught:
        Incompressible.of(problem)
    assert problem.name in str(caught.value)
    return str(caught.value)


def test_pressure_in_the_continuity_equation_is_refused():
    evolving = flow((*ADVECTIVE[:2], D(p, t) / 100 + D(u, x) + D(v, y)), evolving=(u, v, p))
    assert "equation 2 would be the divergence of u, v, but it holds p_100" in refusal(evolving)
    stokes = (D(ps, x) - laplacian(us, (x, y)), D(ps, y) - laplacian(vs, (x, y)), D(us, x) + D(vs, y) + ps / 1000)
    assert "holds p too" in refusal(steady(stokes))


def test_gradient_in_the_wrong_direction_is_refused():
    crossed = (ADVECTIVE[0] - D(p, x) + D(p, y), ADVECTIVE[1] - D(p, y) + D(p, x), ADVECTIVE[2])
    assert "must be that of v" in refusal(flow(crossed)) or "must be that of u" in refusal(flow(crossed))
    stokes = (D(ps, y) - laplacian(us, (x, y)), D(ps, x) - laplacian(vs, (x, y)), D(us, x) + D(vs, y))
    assert "not the equation of" in refusal(steady(stokes))


def test_different_coefficients_of_the_gradient_are_refused():
    assert "different coefficients" in refusal(flow((ADVECTIVE[0] + D(p, x), *ADVECTIVE[1:])))
    assert "different coefficients" in refusal(flow((ADVECTIVE[0] - 2 * D(p, x), *ADVECTIVE[1:])))


def test_a_density_that_varies_in_space_is_refused():
    momentum = [e + sp.sin(x) * D(p, c) for e, c in zip(ADVECTIVE[:2], (x, y), strict=True)]
    assert "with a constant coefficient" in refusal(flow((*momentum, ADVECTIVE[2])))


def test_a_divergence_with_unequal_coefficients_or_the_curl_is_refused():
    for constraint in (D(u, x) + 2 * D(v, y), D(u, y) - D(v, x), D(u, x) - D(v, y), D(u, x) + D(v, x)):
        assert "no equation reads div v = g" in refusal(flow((*ADVECTIVE[:2], constraint)))
    assert "it has no pressure" in refusal(flow((*ADVECTIVE[:2], D(u, y) + D(v, x))))


def test_two_pressures_are_refused():
    doubled = (ADVECTIVE[0] + D(T, x), ADVECTIVE[1] + D(T, y), ADVECTIVE[2], D(u, x) + D(v, y) - sp.sin(x))
    assert "more than one pressure" in refusal(flow(doubled, (u, v, p, T)))


def test_a_pressure_that_is_not_in_a_gradient_is_refused():
    assert "it has no pressure" in refusal(flow((ADVECTIVE[0] + p, *ADVECTIVE[1:])))
    one_sided = (ADVECTIVE[0], ADVECTIVE[1] - D(p, y), ADVECTIVE[2])
    assert "no equation holds the derivative of p along y" in refusal(flow(one_sided))


def test_shipped_problems_of_other_kinds_are_refused(shipped):
    for name in ("burgers", "navier_stokes_vorticity", "reaction_diffusion", "lorenz", "poisson_2d"):
        refusal(shipped[name])
