"""Linear systems and differential-algebraic equations of finite elements."""

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, div, flux, initial, laplacian, neumann
from pinnlab.discretization.finite_elements import FiniteElements
from pinnlab.discretization.galerkin_steps import Evolution, near_kernel, prepared
from pinnlab.forms.weak import WeakForm
from pinnlab.numerics.linear_solve import Direct, Multigrid

t, x, y, z = sp.symbols("t x y z", real=True)
u, v = (sp.Function(n)(x, y) for n in "uv")
SQUARE = Box({x: (0, 1), y: (0, 1)})


def system(problem, degrees, size):
    return FiniteElements(WeakForm.of(problem), problem.region.mesh(size), degrees)


def test_large_symmetric_systems_get_multigrid_and_others_are_factorised():
    cases = [
        (-laplacian(u, (x, y)), 0.2, Direct),
        (-laplacian(u, (x, y)), 0.009, Multigrid),
        (-laplacian(u, (x, y)) + D(u, x), 0.009, Direct),
    ]
    for equation, size, kind in cases:
        s = system(Problem("p", [equation - 1], [u], SQUARE, [dirichlet(u, 0)]), [1], size)
        matrix = s.jacobian(0.0, s.full(0.0, np.zeros(len(s.free))))
        assert (len(s.free) > 20_000) == (size < 0.1)
        assert isinstance(prepared(s, matrix), kind)


def test_rigid_motions_are_in_the_kernel_of_elasticity():
    stress = [[3 * D(u, x) + D(v, y), D(u, y) + D(v, x)], [D(u, y) + D(v, x), 3 * D(v, y) + D(u, x)]]
    sides = ["left"]
    problem = Problem("elastic", [div(row, (x, y)) for row in stress], [u, v], SQUARE,
                      [dirichlet(u, 0, on=sides), dirichlet(v, 0, on=sides)]
                      + [flux(f, 0, on=["right", "top", "bottom"]) for f in (u, v)])  # fmt: skip
    s = system(problem, [2, 2], 0.6)
    motions = near_kernel(s)
    assert motions.shape == (len(s.free), 3)
    matrix = s.jacobian(0.0, s.full(0.0, np.zeros(len(s.free))))
    # Away from the clamped side they cost nothing.
    nodes = s._all_nodes[s.free]
    away = nodes[:, 0] > 0.6
    assert np.abs(matrix @ motions)[away].max() < 1e-12
    assert np.abs(matrix @ motions).max() > 0.1


def test_the_matrix_of_a_step_is_that_of_the_residual():
    w = sp.Function("w")(t, x)
    problem = Problem("p", [(1 + x) * D(w, t) - D((1 + w**2) * D(w, x), x)], [w], Box({t: (0, 1), x: (0, 1)}),
                      [initial(w, 1 + x), dirichlet(w, 1, on="left"), neumann(w, 1, on="right")], t)  # fmt: skip
    e = Evolution(system(problem, [2], 0.3))
    rng = np.random.default_rng(0)
    n = len(e.algebraic)
    values, d, shift, h = rng.random(n), rng.standard_normal(n), 3.0, 1e-6
    ahead, behind = (e.residual(0.5, values + c * d, shift * (values + c * d)) for c in (h, -h))
    np.testing.assert_allclose(e.solver(0.5, values, shift).solve((ahead - behind) / (2 * h)), d, rtol=1e-5, atol=1e-6)
    assert not e.algebraic.any()
    assert not e.is_linear
    np.testing.assert_array_equal(e.magnitudes(values), np.full(n, values.max()))


def test_a_solver_is_remembered_only_where_it_depends_on_the_shift_alone():
    w = sp.Function("w")(t, x)
    for coefficient, same in ((2, True), (1 + t, False), (1 + w**2, False)):
        problem = Problem("p", [D(w, t) - D(coefficient * D(w, x), x)], [w], Box({t: (0, 1), x: (0, 1)}),
                          [initial(w, 0), dirichlet(w, 0)], t)  # fmt: skip
        e = Evolution(system(problem, [1], 0.3))
        values = np.zeros(len(e.algebraic))
        assert (e.solver(0.0, values, 2.0) is e.solver(0.5, values, 2.0)) == same


@pytest.mark.parametrize("sign", [1, -1])
def test_multigrid_and_factorisation_agree_on_either_sign_of_the_equation(sign):
    w = sp.Function("w")(x, y, z)
    problem = Problem("p", [sign * (laplacian(w, (x, y, z)) + 1)], [w], Box({x: (0, 1), y: (0, 1), z: (0, 1)}),
                      [dirichlet(w, 0)])  # fmt: skip
    s = system(problem, [1], 0.25)
    matrix = s.jacobian(0.0, s.full(0.0, np.zeros(len(s.free))))
    rhs = np.random.default_rng(0).random(len(s.free))
    direct, iterated = Direct(matrix).solve(rhs), Multigrid(matrix, near_kernel(s)).solve(rhs)
    np.testing.assert_allclose(iterated, direct, atol=1e-9 * np.abs(direct).max())


def test_one_correction_is_enough_only_if_the_matrices_do_not_change_in_time():
    w = sp.Function("w")(t, x)
    for coefficient, expected in ((2, True), (1 + t, False), (1 + w**2, False)):
        problem = Problem("p", [D(w, t) - D(coefficient * D(w, x), x)], [w], Box({t: (0, 1), x: (0, 1)}),
                          [initial(w, 0), dirichlet(w, 0)], t)  # fmt: skip
        assert Evolution(system(problem, [1], 0.3)).is_linear == expected
