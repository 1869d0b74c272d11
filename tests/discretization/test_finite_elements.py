"""The system of equations for nodal values: its Jacobian, its free values, its checks."""

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, Condition, D, Problem, UnsupportedProblem, dirichlet, div, flux, initial, laplacian, neumann
from pinnlab.discretization.finite_elements import FiniteElements
from pinnlab.forms.weak import WeakForm
from pinnlab.symbols import OutwardFlux

t, x, y = sp.symbols("t x y", real=True)
SQUARE = Box({x: (0, 1), y: (0, 1)})
u, v, p = (sp.Function(n)(x, y) for n in "uvp")


def system(problem, degrees, size=0.6):
    return FiniteElements(WeakForm.of(problem), problem.region.mesh(size), degrees)


def coupled():
    """Everything at once: nonlinear diffusion, transport, coupling, radiation, a slope."""
    equations = [
        -div([(1 + u**2) * D(u, x) - x * v, (1 + v) * D(u, y)], (x, y)) + u * v * D(v, y),
        -laplacian(v, (x, y)) + D(v, x) * D(u, y) + sp.exp(u) * x,
    ]
    conditions = [
        dirichlet(u, 0, on=["left", "bottom"]),
        Condition(OutwardFlux(u) - u**4 - v, on=["right", "top"]),
        dirichlet(v, y, on="left"),
        neumann(v, u**2, on=["right", "bottom", "top"]),
    ]
    return Problem("coupled", equations, [u, v], SQUARE, conditions)


@pytest.mark.parametrize("degrees", [(1, 1), (2, 1)])
def test_the_jacobian_is_the_derivative_of_the_residual(degrees):
    s = system(coupled(), degrees)
    rng = np.random.default_rng(0)
    y0, d = rng.random(len(s.free)), rng.standard_normal(len(s.free))
    h = 1e-6
    ahead, behind = (s.residual(0.0, s.full(0.0, y0 + c * d)) for c in (h, -h))
    np.testing.assert_allclose(s.jacobian(0.0, s.full(0.0, y0)) @ d, (ahead - behind) / (2 * h), rtol=1e-6, atol=1e-7)


def test_a_linear_system_is_assembled_once_and_gives_the_same_residual():
    problem = Problem("p", [-div([x * D(u, x), D(u, y)], (x, y)) + y * u - sp.sin(x)], [u], SQUARE,
                      [dirichlet(u, x * y, on="left"), flux(u, 2 * u + y, on=["right", "top", "bottom"])])  # fmt: skip
    s = system(problem, [2])
    values = s.full(0.0, np.random.default_rng(0).random(len(s.free)))
    assert s.is_constant
    np.testing.assert_allclose(s.residual(0.0, values), s._vector(0.0, values)[s.free], atol=1e-13)


def test_prescribed_values_and_rates_follow_time():
    w = sp.Function("w")(t, x)
    problem = Problem("p", [D(w, t) - D(w, x, 2)], [w], Box({t: (0, 1), x: (0, 1)}),
                      [initial(w, 1 + x), dirichlet(w, 1 + t**2, on="left"), neumann(w, 1, on="right")], t)  # fmt: skip
    s = system(problem, [1], 0.5)
    assert s.full(0.5, np.array([7.0, 8.0])).tolist() == [1.25, 7.0, 8.0]
    assert s.full(0.5, np.array([7.0, 8.0]), rate=True).tolist() == [1.0, 7.0, 8.0]
    assert s.initial(0.0).tolist() == [1.5, 2.0]
    # Hat functions of width 1/2: ∫ φ_i φ_j.
    np.testing.assert_allclose(s.mass(0.0).toarray(), np.array([[4, 1], [1, 2]]) / 12, atol=1e-15)
    np.testing.assert_allclose(s.inertia(0.0, np.array([6.0, 0, 0])), [0.5, 0], atol=1e-15)


def stokes(*conditions):
    equations = [-laplacian(u, (x, y)) + D(p, x), -laplacian(v, (x, y)) + D(p, y), D(u, x) + D(v, y)]
    return Problem("stokes", equations, [u, v, p], SQUARE, conditions)


def test_a_pressure_is_free_up_to_a_constant_unless_fluid_may_leave():
    closed = system(stokes(dirichlet(u, 0), dirichlet(v, 0)), (2, 2, 1))
    slip = system(stokes(dirichlet(u, 0, on=["left", "right"]), flux(u, 0, on=["bottom", "top"]),
                         dirichlet(v, 0)), (2, 2, 1))  # fmt: skip
    outlet = system(stokes(dirichlet(u, 0, on=["left", "bottom", "top"]), flux(u, 0, on="right"),
                           dirichlet(v, 0)), (2, 2, 1))  # fmt: skip
    assert closed.pressure == closed.part("p") == slip.pressure
    assert outlet.pressure is None
    found = closed.nodal(closed.full(0.0, np.ones(len(closed.free))))[2]
    assert closed._volumes @ found == pytest.approx(0, abs=1e-14)
    assert closed._volumes.sum() == pytest.approx(1)


def test_an_undetermined_constant_is_refused_in_one_sentence():
    problem = Problem("free", [-laplacian(u, (x, y)) + 1], [u], SQUARE, [neumann(u, 0)])
    with pytest.raises(UnsupportedProblem, match=r"only derivatives of u occur.*Dirichlet"):
        system(problem, [1])


def test_a_closed_flow_whose_data_let_fluid_in_is_refused():
    walls = ["right", "bottom", "top"]
    filled = stokes(dirichlet(u, y * (1 - y), on="left"), dirichlet(u, 0, on=walls), dirichlet(v, 0))
    with pytest.raises(UnsupportedProblem, match=r"0\.16.*nowhere to go"):
        system(filled, (2, 2, 1))
