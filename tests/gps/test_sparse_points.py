"""What scattered points are told: prescribed values sorted out, rows with their variance, derivatives put back."""

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, Problem, dirichlet, laplacian, neumann
from pinnlab.errors import SolveFailed
from pinnlab.gps.placement import GivenPoints
from pinnlab.gps.prior import Prior
from pinnlab.gps.sparse_field import ScatteredValues
from pinnlab.gps.sparse_points import Station, distinct, known_values
from pinnlab.gps.system import Measurements, clouds_of
from pinnlab.numerics.kernels import Matern
from pinnlab.numerics.sparse_cholesky import ProductCovariance

x, y = sp.symbols("x y", real=True)
u = sp.Function("u")(x, y)
INNER = np.random.default_rng(0).random((30, 2))


def measurements(right=sp.S.One, given=2 * y):
    problem = Problem(
        name="p",
        equations=[laplacian(u, (x, y)) + 3 * u**2 - right],
        unknowns=[u],
        domain=Box({x: (0, 1), y: (0, 1)}),
        conditions=[dirichlet(2 * u, 2 * given, on=["left", "bottom", "top"]), neumann(u, 0, on="right")],
    )
    placement = GivenPoints(INNER, on_pieces=4)
    clouds = clouds_of(problem, placement, 0, torch.device("cpu"))
    return Measurements(problem, Prior((Matern(0.5, 4.5),) * 2, (2.0,)), clouds, 1e-3)


def station(told):
    points, places = distinct(told)
    values = ScatteredValues(torch.as_tensor(points), ProductCovariance(told.prior.kernels), 40)
    return Station.of(told.clouds[0], told.clouds[0].rows, places[0], values, ("u",), 12), points


def test_values_that_conditions_prescribe_are_sorted_out():
    told = measurements()
    points, places = distinct(told)
    known = known_values(told, places)
    unknown, at = known.which
    assert len(known.values) == 12
    assert not unknown.any()
    np.testing.assert_allclose(known.values, 2 * points[at, 1])
    assert [len(rows) for rows in known.left] == [1, 0, 0, 0, 1] or [len(r) for r in known.left].count(1) == 2


def test_a_prescribed_value_that_is_not_finite_is_named():
    told = measurements(given=1 / x)
    with pytest.raises(SolveFailed, match=r"condition on 'left'.*at x = 0"):
        known_values(told, distinct(told)[1])


def test_rows_are_those_of_the_linearised_equation():
    """u = 1 everywhere: u_xx + u_yy + 6 u = 3 + 1 = 4, in units of the amplitude 2 and of what is undetermined."""
    found, points = station(measurements())
    values, jets = np.ones((1, len(points))), np.zeros((1, 2, 30))
    partials, aim = found.linearized(values, jets)
    np.testing.assert_allclose(partials[0, 0, 0], 6)
    np.testing.assert_allclose(partials[0, 0, 1:], 1)
    np.testing.assert_allclose(aim, 4)
    np.testing.assert_allclose(found.residuals(values, jets), 2)
    nugget = found.nugget(partials, (2.0,), 1e-3)
    told = found.told(found.fine, (partials, aim), nugget, (2.0,), len(points))
    smooth = np.sin(points.sum(axis=1) / 2)
    row = told.factor[:, 0, 0] * (told.matrix @ (smooth / 2))
    missed = np.abs(row - 5.5 * np.sin(INNER.sum(axis=1) / 2))
    assert np.median(missed) < 0.1
    assert (missed < 2 * told.factor[:, 0, 0]).all()
    np.testing.assert_allclose(told.factor[:, 0, 0] * told.right, 4)


def test_the_nugget_is_a_share_of_the_prior_deviation():
    """Of 6 u: 6 times the amplitude 2 times the share."""
    found, _ = station(measurements())
    partials = np.zeros((1, 1, 3, 30))
    partials[:, :, 0] = 6
    np.testing.assert_allclose(found.nugget(partials, (2.0,), 0.1), 1.2)
    np.testing.assert_allclose(found.nugget(0 * partials, (2.0,), 0.1), 0.1)


def test_derivatives_meet_the_equations_up_to_the_nugget():
    found, points = station(measurements())
    values, jets = np.ones((1, len(points))), np.zeros((1, 2, 30))
    linear = found.linearized(values, jets)
    told = found.told(found.fine, linear, np.full((1, 30), 1e-6), (2.0,), len(points))
    guess = np.random.default_rng(1).standard_normal((1, len(points)))
    new = found.jets(guess, told, told.right - told.matrix @ (guess[0] / 2), (2.0,))
    np.testing.assert_allclose(new[0].sum(axis=0) + 6 * guess[0, found.place], 4, rtol=1e-6, atol=1e-6)
