from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Problem, UnsupportedProblem, dirichlet, flux, initial, neumann
from pinnlab.discretization.cells import Cells
from pinnlab.discretization.diffusion import CellDiffusion
from pinnlab.forms.hyperbolic import Hyperbolic

# What is stepped is made up state by state: data that disagree at the start are of no matter.
pytestmark = pytest.mark.filterwarnings("ignore::pinnlab.errors.IncompatibleData")
t, x, y = sp.symbols("t x y", real=True)
u, v = sp.Function("u")(t, x), sp.Function("v")(t, x)
w = sp.Function("w")(t, x, y)
LINE = Box({t: (0, 1), x: (0, 1)})
CIRCLE = Box({t: (0, 1), x: (0, 1)}, periodic=[x])


def diffusion(equations, unknowns, box, conditions, shape):
    problem = Problem("sample", equations, unknowns, box, [*(initial(f, 0) for f in unknowns), *conditions], t)
    return CellDiffusion(Cells(problem, shape), Hyperbolic.of(problem))


def test_a_power_is_differenced_as_declared():
    # (u³)_xx at averages 0 … 0 1 2 0 …: the second difference of 0, 1, 8, 0 over h².
    found = diffusion([D(u, t) - D(u**3, x, 2)], [u], CIRCLE, [], (10,))
    values = np.array([[0, 0, 0, 1.0, 2, 0, 0, 0, 0, 0]])
    np.testing.assert_allclose(found.rate(0.0, values)[0] * 0.01, [0, 0, 1, 6, -15, 8, 0, 0, 0, 0], atol=1e-13)


SIDES = {
    "values": [dirichlet(u, 2, on="left"), dirichlet(u, x, on="right")],
    "slopes": [neumann(u, 2, on="left"), neumann(u, 1, on="right")],
    "fluxes": [flux(u, 2, on="left"), flux(u, 1, on="right")],
}


@pytest.mark.parametrize("sides", [*SIDES, "periodic"])
@pytest.mark.parametrize("law", ["linear", "nonlinear"])
def test_the_matrix_is_the_derivative_of_the_rate_with_frozen_diffusivity(sides, law):
    k = (2 + sp.sin(2 * sp.pi * x)) if law == "linear" else (1 + u**2)
    box = CIRCLE if sides == "periodic" else LINE
    found = diffusion([D(u, t) - D(k * D(u, x), x)], [u], box, SIDES.get(sides, []), (8,))
    values = np.random.default_rng(0).uniform(1, 2, (1, 8))
    matrix = found.matrix(0.0, values).toarray()
    if law == "linear":
        columns = [found.rate(0.0, values + e[None]) - found.rate(0.0, values) for e in np.eye(8)]
        np.testing.assert_allclose(matrix.T, np.array(columns)[:, 0], atol=1e-10)
    inner = matrix.sum(axis=0)[1:-1]
    np.testing.assert_allclose(inner, 0, atol=1e-10)


def test_coupled_unknowns_have_a_coupled_matrix():
    equations = [D(u, t) - D(u, x, 2) - 3 * D(v, x, 2), D(v, t) - 5 * D(v, x, 2)]
    found = diffusion(equations, [u, v], CIRCLE, [], (8,))
    matrix = found.matrix(0.0, np.ones((2, 8))).toarray() / 64
    second = -2 * np.eye(8) + np.roll(np.eye(8), 1, 0) + np.roll(np.eye(8), -1, 0)
    np.testing.assert_allclose(matrix, np.block([[second, 3 * second], [0 * second, 5 * second]]), atol=1e-13)


def test_a_prescribed_flux_leaves_through_its_side_less_what_transport_takes():
    found = diffusion([2 * D(u, t) - D(u, x, 2)], [u], LINE, [flux(u, 3, on="right"), flux(u, 1, on="left")], (10,))
    values = np.ones((1, 10))
    # The mass is 2 and h = 1/10.
    np.testing.assert_allclose(found.rate(0.0, values)[0], [-5, *[0] * 8, -15], atol=1e-11)
    # Transport takes 1/4 from the left to the right through both sides.
    leaving = (np.full((2, 1), 0.25),)
    np.testing.assert_allclose(found.rate(0.0, values, leaving)[0], [-7.5, *[0] * 8, -12.5], atol=1e-11)


def test_the_sign_of_diffusivities_is_known_by_cell():
    found = diffusion([D(u, t) - D((x - sp.Rational(1, 2)) * D(u, x), x)], [u], LINE, [dirichlet(u, 1)], (10,))
    # At the lower faces; from the middle on nothing runs backwards.
    np.testing.assert_allclose(found.lowest(0.0, np.ones((1, 10)), 0), np.arange(10) / 10 - 0.5, atol=1e-12)
    # Eigenvalues 3 and -1.
    equations = [D(u, t) - D(u, x, 2) - 2 * D(v, x, 2), D(v, t) - 2 * D(u, x, 2) - D(v, x, 2)]
    found = diffusion(equations, [u, v], CIRCLE, [], (8,))
    np.testing.assert_allclose(found.lowest(0.0, np.ones((2, 8)), 0), -1)


def test_slopes_that_a_prescribed_flux_leaves_unknown_are_refused():
    equations = [D(u, t) - D(u, x, 2) - 3 * D(v, x, 2), D(v, t) - 5 * D(v, x, 2)]
    with pytest.raises(UnsupportedProblem, match=r"along x holds the derivative of v by x, which flux\(v, …\)"):
        diffusion(equations, [u, v], LINE, [dirichlet(u, 0), flux(v, 1)], (8,)).require_known_slopes()
    diffusion(equations, [u, v], LINE, [flux(u, 1), neumann(v, 1)], (8,)).require_known_slopes()
    box = Box({t: (0, 1), x: (0, 1), y: (0, 1)})
    mixed = D(w, t) - D(D(w, x) + D(w, y) / 2, x) - D(D(w, y) + D(w, x) / 2, y)
    with pytest.raises(UnsupportedProblem, match="derivative of w by y"):
        diffusion([mixed], [w], box, [flux(w, 0)], (8, 8)).require_known_slopes()
    diffusion([D(w, t) - D(w, x, 2) - D(w, y, 2)], [w], box, [flux(w, 0)], (8, 8)).require_known_slopes()


def test_the_limit_is_that_of_eulers_method():
    found = diffusion([D(u, t) - 3 * D(u, x, 2)], [u], CIRCLE, [], (10,))
    assert found.limit(0.0, np.ones((1, 10))) == pytest.approx(600)


def test_mixed_derivatives_in_two_dimensions_converge():
    box = Box({t: (0, 1), x: (0, 1), y: (0, 1)}, periodic=[x, y])
    equation = D(w, t) - D(D(w, x) + D(w, y) / 2, x) - D(2 * D(w, y) + D(w, x) / 2, y)

    def error(n):
        found = diffusion([equation], [w], box, [], (n, n))
        xs, ys = np.meshgrid(*found.cells.centres, indexing="ij")
        shrink = np.sinc(1 / n) ** 2
        values = np.sin(2 * np.pi * (xs + ys))[None] * shrink
        # w_xx + w_xy + 2 w_yy = -4 (2 pi)² sin.
        return np.abs(found.rate(0.0, values) + 4 * (2 * np.pi) ** 2 * values).max()

    assert np.log2(error(16) / error(32)) == pytest.approx(2, abs=0.1)
