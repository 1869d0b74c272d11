"""The problems for finite elements: their data are those of the literature, and coarse answers have its numbers."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pinnlab import solve
from pinnlab.forms.balance_law import BalanceLaw
from pinnlab.forms.boundary import Dirichlet, classify
from pinnlab.forms.evaluate import on_points
from pinnlab.numerics.implicit import Bdf2
from pinnlab.solvers.finite_element import FiniteElement


def exact(problem):
    return on_points(problem.exact_expressions, problem.coordinates)


def data(problem, unknown: str, piece: str):
    """The value that is prescribed to an unknown on a piece, as a function of points."""
    (row,) = [r for r in classify(problem) if isinstance(r, Dirichlet) and (r.unknown, r.piece) == (unknown, piece)]
    values = on_points([row.value], problem.coordinates)
    return lambda points: values(points)[:, 0]


def answer(problem, **settings):
    return solve(problem, FiniteElement(**settings), device="cpu").checked().field


def test_the_angle_of_the_corner_runs_from_the_one_side_to_the_other(shipped):
    # sin(2 θ / 3) at r = 1 for θ = 0, pi/2, pi, 3 pi/2 and 5 pi/4.
    points = np.array([[1, 0], [0, 1], [-1, 0], [0, -1], [-np.sqrt(0.5), -np.sqrt(0.5)]])
    values = [0, np.sqrt(3) / 2, np.sqrt(3) / 2, 0, 0.5]
    found = exact(shipped["poisson_l_shape"])
    np.testing.assert_allclose(found(points)[:, 0], values, atol=1e-15)
    np.testing.assert_allclose(found(8 * points)[:, 0], np.multiply(4, values), atol=1e-14)


def test_the_l_shape_lacks_its_lower_right_quarter(shipped):
    region = shipped["poisson_l_shape"].region
    inside = region.contains(np.array([[0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5], [0.5, -0.5]]))
    assert inside.tolist() == [True, True, True, False]


def test_kirchhoffs_variable_of_the_quasilinear_equation_is_harmonic(shipped):
    problem = shipped["poisson_quasilinear"]
    points = problem.region.sample(50, np.random.default_rng(0))
    u = exact(problem)(points)[:, 0]
    np.testing.assert_allclose(u + u**3 / 3, 2 * np.exp(points[:, 0]) * np.cos(points[:, 1]), rtol=1e-14)


def test_cooks_panel_has_its_corners_and_carries_a_unit_load(shipped):
    problem = shipped["cooks_membrane"]
    mesh = problem.region.mesh(8.0)
    corners = mesh.points[mesh.cells]
    sides = corners[:, 1:] - corners[:, :1]
    assert 0.5 * np.abs(np.linalg.det(sides)).sum() == pytest.approx(48 * (44 + 16) / 2)
    length = np.linalg.norm(np.diff(mesh.points[mesh.pieces["right"]], axis=1), axis=2).sum()
    assert length / 16 == pytest.approx(1)
    assert float(problem.parameters[0].value) == 1
    assert float(problem.parameters[1].value) == pytest.approx(1 / 3)


def test_the_stress_of_cooks_panel_is_that_of_plane_stress(shipped):
    # E = 1, nu = 1/3: E / (1 - nu²) = 9/8, shear modulus E / (2 (1 + nu)) = 3/8.
    problem = shipped["cooks_membrane"]
    (a, b), (u, v) = problem.space, problem.unknowns
    table = {u: 2 * a + 3 * b, v: 5 * a + 7 * b}
    stress = [[f.xreplace(table).doit() for f in row] for row in BalanceLaw.of(problem).flux]
    assert stress[0] == [sp.Rational(9, 8) * (2 + sp.Rational(7, 3)), 3]
    assert stress[1] == [3, sp.Rational(9, 8) * (7 + sp.Rational(2, 3))]


def test_the_tip_of_cooks_panel_goes_up_as_far_as_published(shipped):
    field = answer(shipped["cooks_membrane"], degree=2, cells=16)
    assert field(np.array([[48.0, 52.0]]))[0, 1] == pytest.approx(23.96, abs=0.1)


@pytest.mark.parametrize("name", ["stokes_cylinder", "navier_stokes_cylinder"])
def test_the_channel_has_the_inflow_of_the_benchmark(name, shipped):
    problem = shipped[name]
    inflow = data(problem, "u", "left")
    y = np.array([0, 0.1025, 0.205, 0.41])
    np.testing.assert_allclose(inflow(np.column_stack([0 * y, y])), [0, 0.225, 0.3, 0], atol=1e-16)
    # Gauss's rule of two points is exact for a parabola: the mean speed is 0.2, so that Re = 0.2 * 0.1 / 0.001 = 20.
    gauss = 0.205 * (1 + np.array([-1, 1]) / np.sqrt(3))
    assert inflow(np.column_stack([0 * gauss, gauss])).mean() * 0.1 / float(problem.parameters[0].value) == (
        pytest.approx(20)
    )
    points, normals = problem.region.sample_piece("cylinder", 100, np.random.default_rng(0))
    centre = points + 0.05 * normals
    np.testing.assert_allclose(centre, np.broadcast_to([0.2, 0.2], centre.shape), atol=1e-14)
    assert problem.region.contains(np.array([[2.2, 0.41], [0.2, 0.2]])).tolist() == [True, False]


def test_the_outflow_of_the_channel_is_free_of_the_stress_of_the_gradient_form(shipped):
    problem = shipped["navier_stokes_cylinder"]
    u, v, p = problem.unknowns
    a, b = problem.space
    flux = BalanceLaw.of(problem).flux
    nu = sp.Rational(1, 1000)
    assert flux[0] == (p - nu * sp.Derivative(u, a), -nu * sp.Derivative(u, b))
    assert flux[1] == (-nu * sp.Derivative(v, a), p - nu * sp.Derivative(v, b))
    given = {str(c.residual) for c in problem.conditions if c.on == ("right",)}
    assert given == {f"OutwardFlux({u})", f"OutwardFlux({v})"}


def test_the_creeping_flow_does_not_depend_on_the_viscosity_and_its_pressure_is_proportional(shipped):
    problem = shipped["stokes_cylinder"]
    points = problem.region.sample(50, np.random.default_rng(0))
    thin = answer(problem, degree=2, cells=12)(points)
    thick = answer(problem.with_parameters(nu=1), degree=2, cells=12)(points)
    np.testing.assert_allclose(thick[:, :2], thin[:, :2], atol=1e-10)
    np.testing.assert_allclose(thick[:, 2], 1000 * thin[:, 2], rtol=1e-8, atol=1e-9)


def test_the_lid_is_at_rest_in_the_corners_and_fastest_in_the_middle(shipped):
    lid = data(shipped["lid_driven_cavity"], "u", "top")
    assert lid(np.array([[0, 1], [0.25, 1], [0.5, 1], [1, 1]])).tolist() == [0, 0.75, 1, 0]
    assert float(shipped["lid_driven_cavity"].parameters[0].value) == 0.01


def test_the_plate_is_hottest_at_its_rim_and_symmetric(shipped):
    problem = shipped["poisson_plate"]
    field = answer(problem, degree=1, cells=20)
    values = field(np.array([[0.0, 0.0], [0.5, 0.0], [0.0, 0.2], [0.2, 0.0], [0.3, 0.199]]))[:, 0]
    assert 0 < values[0] < values[2] < 1
    assert values[1] == pytest.approx(1, abs=1e-12)
    assert values[2] == pytest.approx(values[3], rel=0.02)
    assert abs(values[4]) < 0.02
    inside = problem.region.contains(np.array([[0.3, 0.3], [-0.3, 0.3], [0.3, -0.3], [-0.3, -0.3], [0.0, 0.3]]))
    assert inside.tolist() == [False, False, False, False, True]


def test_the_part_warms_up_from_its_hole_and_stays_between_air_and_fluid(shipped):
    problem = shipped["heat_part"]
    field = answer(problem, degree=1, cells=1, time=Bdf2(rtol=1e-3), snapshots=4)
    times = np.array([0.0, 0.25, 1.0])
    wall, _ = problem.region.sample_piece("heated", 20, np.random.default_rng(0))
    hole, corner, cold = (
        field.at(times, wall)[0].mean(axis=1),
        *field.at(times, np.array([[0, 0, 0.15], [0.2, 1, 0.15]]))[0].T,
    )
    assert hole[0] == corner[0] == 0
    assert 0 < corner[1] < hole[1] < 1
    assert 0 < corner[2] < hole[2] < 1
    assert hole[2] > hole[1]
    np.testing.assert_allclose(cold, 0, atol=1e-12)


def test_the_wall_of_the_hole_takes_heat_from_the_fluid_by_newtons_law(shipped):
    # At t = 0.05 the fluid is at 1 - exp(-1); with u = 0.2 at the wall n·∇u = 5 (0.6321 - 0.2) = 2.160603.
    problem = shipped["heat_part"]
    (row,) = [r for r in classify(problem) if r.piece == "heated"]
    slope = sp.lambdify(problem.time, (row.g - row.a * sp.Rational(1, 5)) / row.b)
    assert slope(0.05) == pytest.approx(2.160603, abs=1e-6)
    (surface,) = [r for r in classify(problem) if r.piece == "surface"]
    assert (surface.a / surface.b, surface.g) == (sp.Rational(1, 2), 0)
