"""Equations of a family in coefficients."""

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Family, Problem, UnsupportedProblem, dirichlet, initial, laplacian, parameter
from pinnlab.forms.operator_form import OperatorForm
from pinnlab.operators.spectral_system import SpectralSystem

x, y = sp.symbols("x y", real=True)
CPU = torch.device("cpu")


def test_periodic_poisson_is_solved_by_the_inverse_of_its_linear_part(spectral):
    samples = [{"f": sp.sin(x) * sp.cos(2 * y)}, {"f": sp.cos(3 * y)}]
    system, given = spectral.system_of(spectral.poisson(), (9, 9), samples)
    found = system.to_nodes(-system.residual(given, system.zero(2)))[:, 0]
    a, b = np.meshgrid(*system.nodes, indexing="ij")
    np.testing.assert_allclose(found[0], np.sin(a) * np.cos(2 * b) / 5, atol=1e-13)
    np.testing.assert_allclose(found[1], np.cos(3 * b) / 9, atol=1e-13)


def test_the_preconditioned_residual_is_the_error_of_a_linear_problem(spectral):
    system, given = spectral.system_of(spectral.poisson(), (9, 9), [{"f": sp.sin(x)}])
    truth = -system.residual(given, system.zero(1))
    moved = torch.randn(truth.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    moved[0, 0, 0, 0] = truth[0, 0, 0, 0]
    np.testing.assert_allclose(system.residual(given, moved), moved - truth, atol=1e-13)


def test_a_mean_force_on_a_periodic_box_is_told_to_be_out_of_reach(spectral):
    system, given = spectral.system_of(spectral.poisson(), (9, 9), [{"f": sp.sin(x)}, {"f": 1 + 0 * x + sp.sin(x)}])
    first, second = system.unreached(given, system.zero(2)).tolist()
    assert first < 1e-14
    # |1|² is 1 and |sin|² is 1/2 on average.
    assert second == pytest.approx((2 / 3) ** 0.5)


def test_the_lift_has_the_data_of_all_sides(spectral):
    system, given = spectral.system_of(spectral.plate(), (8, 8), [{"g": sp.sin(sp.pi * x)}], padding=3)
    value = given.value[0, 0].numpy()
    ends = [system.axes[1].interpolation(np.array([0.0])), system.axes[1].interpolation(np.array([1.0]), 1)]
    np.testing.assert_allclose(value @ ends[0][0], np.sin(np.pi * system.nodes[0]), atol=1e-9)
    np.testing.assert_allclose(value @ ends[1][0], 0, atol=1e-9)
    for end in (0.0, 1.0):
        np.testing.assert_allclose(system.axes[0].interpolation(np.array([end])) @ value, 0, atol=1e-9)


def test_coefficients_of_any_kind_meet_the_homogeneous_conditions(spectral):
    system, _ = spectral.system_of(spectral.reaction_diffusion(), (8, 7), [{"g": sp.sin(x), "rho": 2.0}])
    z = torch.randn(2, 1, *system.free, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    at_start = system.axes[0].interpolation(np.array([0.0])) @ system.to_nodes(z)[:, 0].numpy()
    np.testing.assert_allclose(at_start, 0, atol=1e-12)
    np.testing.assert_allclose(system.to_coefficients(system.to_nodes(z)), z, atol=1e-12)


def test_the_linear_part_is_the_mean_of_the_derivative_at_the_lifts(spectral):
    # r_u = -rho (1 - 2 u) with u = 1/2 + g: its mean over x is 0 for g = sin x, and rho 2 c for g = c.
    for g, mean in ((sp.sin(x), 0.0), (sp.Float(0.25) + 0 * x, 1.0)):
        system, _ = spectral.system_of(spectral.reaction_diffusion(), (6, 5), [{"g": g, "rho": 2.0}])
        z = torch.zeros(1, 1, *system.free, dtype=torch.float64)
        z[0, 0, :, 0] = 1.0
        image = system._preconditioner.forward(z)
        rows = system.to_nodes(z, (1, 0)) + mean * system.to_nodes(z)
        np.testing.assert_allclose(image, system.tested(rows), atol=1e-11)


def test_a_residual_is_that_of_a_manufactured_answer(spectral):
    # u = 1/2 + z solves u_t = rho u (1 - u) for the logistic function of t, from 1/2.
    system, given = spectral.system_of(
        spectral.reaction_diffusion(), (16, 5), [{"g": sp.S.Zero, "rho": 3.0}], padding=2
    )
    times = torch.from_numpy(system.nodes[0])[:, None].expand(system.grid)
    logistic = 1 / (1 + torch.exp(-3 * times)) - 0.5
    z = system.to_coefficients(logistic[None, None])
    assert float(system.residual(given, z).abs().max()) < 1e-9
    assert float(system.residual(given, 1.01 * z).abs().max()) > 1e-3


def test_data_that_disagree_in_a_corner_are_refused(spectral):
    with pytest.raises(UnsupportedProblem, match="disagree"):
        spectral.system_of(spectral.plate(), (8, 8), [{"g": 1 + x}])


def test_unknowns_with_different_numbers_of_conditions_are_refused():
    t = sp.Symbol("t", real=True)
    u, p = sp.Function("u")(t, x), sp.Function("p")(t, x)
    box = Box({t: (0, 1), x: (0, 1)}, periodic=[x])
    g = parameter("g", sp.sin(2 * sp.pi * x))
    problem = Problem("slaved", [D(u, t) - p, p - D(u, x, 2)], [u, p], box, [initial(u, g)], t)
    form = OperatorForm.of(problem, {"g"}, set())
    with pytest.raises(UnsupportedProblem, match="different numbers of conditions along t"):
        SpectralSystem(form, (8, 7), 1.5, CPU)


def test_a_random_coefficient_enters_with_its_derivative(spectral):
    # (k u')' + f = 0 with k = 1 + x, u = x (1 - x): k u'' + k' u' = -2 (1 + x) + 1 - 2 x = -1 - 4 x.
    k, w = parameter("k", 1 + x), sp.Function("w")(x)
    problem = Problem("rod", [D(k * D(w, x), x) + 1 + 4 * x], [w], Box({x: (0, 1)}), [dirichlet(w, 0)])
    family = Family(problem, {k: Fixed()})
    system, given = spectral.system_of(family, (8,), [{"k": 1 + x}])
    nodes = torch.from_numpy(system.nodes[0])
    z = system.to_coefficients((nodes * (1 - nodes))[None, None])
    assert float(system.residual(given, z).abs().max()) < 1e-12


class Fixed:
    def rvs(self, *, random_state):
        return 1 + x


def test_too_large_matrices_are_refused(spectral):
    u, f = sp.Function("u")(x, y), parameter("f", sp.sin(x))
    problem = Problem("p", [laplacian(u, (x, y)) + f], [u], Box({x: (0, 1), y: (0, 1)}), [dirichlet(u, 0)])
    with pytest.raises(UnsupportedProblem, match="fewer modes"):
        spectral.system_of(Family(problem, {f: Fixed()}), (90, 90), [{"f": sp.sin(x)}], padding=1)
