import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, Collocation, D, FiniteElement, MethodOfLines, Problem, dirichlet, initial, reference
from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.jumps import require_continuous_fluxes

t, x, y = sp.symbols("t x y", real=True)


def steady(coefficient, *, flux=True):
    g = sp.Function("g")(x)
    equation = -D(coefficient * D(g, x), x) if flux else -coefficient * D(g, x, 2)
    sides = [dirichlet(g, 0, on="left"), dirichlet(g, 1, on="right")]
    return Problem(name="layers", equations=[equation], unknowns=[g], domain=Box({x: (0, 1)}), conditions=sides)


TWO_LAYERS = sp.Piecewise((1, x < sp.Rational(2, 5)), (10, True))


def test_two_layers_get_the_exact_solution_from_the_solver_that_keeps_fluxes_whole():
    # The flux is one number q: g(0.4) = 0.4 q, 1 - g(0.4) = 0.06 q, so g(0.4) = 0.4/0.46.
    solution = reference(steady(TWO_LAYERS), rtol=1e-3)
    assert isinstance(solution.solver, FiniteElement)
    np.testing.assert_allclose(solution.field(np.array([[0.4]])), 0.4 / 0.46, rtol=2e-3)


@pytest.mark.parametrize("coefficient", [TWO_LAYERS, 2 + sp.Heaviside(x - sp.Rational(1, 3)), 3 + sp.sign(x - 0.7)])
def test_collocation_refuses_a_coefficient_that_jumps_within_a_flux_and_says_where(coefficient):
    with pytest.raises(UnsupportedProblem, match=r"jumps at x = 0\.[347].*FiniteElement"):
        Collocation().compile(steady(coefficient))


def test_what_is_continuous_or_outside_of_the_derivative_passes():
    kink = sp.Piecewise((1, x < sp.Rational(2, 5)), (1 + x - sp.Rational(2, 5), True))
    require_continuous_fluxes("test", steady(kink))
    require_continuous_fluxes("test", steady(1 + sp.tanh(1e3 * (x - sp.Rational(1, 2)))))
    require_continuous_fluxes("test", steady(TWO_LAYERS, flux=False))


def test_only_jumps_along_the_derivative_count():
    u = sp.Function("u")(t, x)
    box, start = Box({t: (0, 1), x: (0, 1)}), initial(u, 0)
    late = sp.Piecewise((1, t < sp.Rational(1, 2)), (2, True))
    sides = dirichlet(u, 0)
    require_continuous_fluxes(
        "test", Problem("switch", D(u, t) - D(late * D(u, x), x) - 1, [u], box, [start, sides], t)
    )
    layered = Problem("layered", D(u, t) - D(TWO_LAYERS * D(u, x), x) - 1, [u], box, [start, sides], t)
    with pytest.raises(UnsupportedProblem, match="jumps at x"):
        MethodOfLines().compile(layered)


HALF, THIRD = sp.Rational(1, 2), sp.Rational(1, 3)


@pytest.mark.parametrize(
    "coefficient",
    [
        # Steeper elsewhere than at the jump, and small beside the flux elsewhere.
        (1 + 99 * x**4) * sp.Piecewise((1, x < 0.1), (2, True)),
        sp.exp(20 * x) * sp.Piecewise((1, x < 0.1), (2, True)),
        # Two jumps that undo each other between two places.
        sp.Piecewise((1e-3, (x > 0.503) & (x < 0.507)), (1, True)),
        11 + 9 * sp.Abs(x - HALF) / (x - HALF),
        1 + 3 * x - sp.floor(3 * x),
    ],
)
def test_jumps_are_found_beside_steeper_slopes_close_to_one_another_and_in_quotients(coefficient):
    with pytest.raises(UnsupportedProblem, match="jumps at x"):
        require_continuous_fluxes("test", steady(coefficient))


@pytest.mark.parametrize(
    "coefficient",
    [
        1 + sp.tanh(500 * (x - THIRD)) / 2 + sp.Abs(x),
        1 + sp.Abs(x - HALF),
        sp.Abs(x - HALF),
        sp.sqrt(sp.Abs(x - HALF)),
        1 + sp.Piecewise((x, x < HALF), (1 - x, True)),
        sp.Piecewise((0, x < THIRD), ((x - THIRD) ** 2, True)),
    ],
)
def test_fronts_kinks_and_roots_pass_also_where_they_vanish(coefficient):
    require_continuous_fluxes("test", steady(coefficient))


def test_a_switch_that_moves_in_time_is_found_where_it_is_thin():
    u = sp.Function("u")(t, x)
    box, sides = Box({t: (0, 1), x: (0, 1)}), [initial(u, 0), dirichlet(u, 0)]
    thin = sp.Piecewise((5, (x > t / 2) & (x < t / 2 + sp.Rational(1, 500))), (1, True))
    ramp = sp.Piecewise((1, x < t), (1 + x - t, True))
    with pytest.raises(UnsupportedProblem, match="jumps at x"):
        require_continuous_fluxes("test", Problem("thin", D(u, t) - D(thin * D(u, x), x), [u], box, sides, t))
    require_continuous_fluxes("test", Problem("ramp", D(u, t) - D(ramp * D(u, x), x), [u], box, sides, t))
