"""Conjugate gradients in function space: the same answer as the dense one, honest deviations, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Observations, Problem, SolveFailed, dirichlet
from pinnlab.gps.gram import Dense
from pinnlab.gps.iterative import Iterative
from pinnlab.gps.placement import NodeGrid
from pinnlab.gps.prior import Prior
from pinnlab.gps.system import Measurements, clouds_of
from pinnlab.numerics.kernels import Matern, SquaredExponential

x, y = sp.symbols("x y", real=True)
CPU = torch.device("cpu")
PLACES = np.random.default_rng(0).random((50, 2))


def measurements(kernel, nugget=1e-3, observations=()):
    u = sp.Function("u")(x, y)
    box = Box({x: (0, 1), y: (0, 1)})
    problem = Problem("elliptic", [-D(u, x, 2) - D(u, y, 2) + u**3], [u], box, [dirichlet(u, 0)])
    problem = problem.manufactured(sp.sin(sp.pi * x) * sp.sin(sp.pi * y))
    return Measurements(
        problem, Prior((kernel, kernel), (1.0,)), clouds_of(problem, NodeGrid(5), 0, CPU), nugget, observations
    )


def solved(told, algebra, steps=3):
    system = algebra.system(told, NodeGrid(5), CPU)
    coefficients = system.start()
    for _ in range(steps):
        coefficients = system.linearized(coefficients)
    return system.field(coefficients), system.scalars(coefficients)


@pytest.mark.parametrize("kernel", [SquaredExponential(0.4), Matern(0.8, 3.5)], ids=str)
def test_it_is_the_dense_answer_and_its_deviation_is_never_smaller(kernel):
    told = measurements(kernel)
    exact, scalars = solved(told, Dense())
    found, mine = solved(told, Iterative(rank=30, tolerance=1e-9))
    np.testing.assert_allclose(found(PLACES), exact(PLACES), atol=1e-7)
    orders = (2, 0)
    np.testing.assert_allclose(found.derivative(orders)(PLACES), exact.derivative(orders)(PLACES), atol=1e-4)
    assert mine["amplitude"] == pytest.approx(scalars["amplitude"], rel=1e-6)
    assert 0 < mine["products"] < 3 * told.count
    assert mine["missed"] <= 1e-9
    assert (found.deviation(PLACES) > exact.deviation(PLACES) * (1 - 1e-6)).all()
    assert found.deviation(PLACES).mean() > 1.01 * exact.deviation(PLACES).mean()


def test_with_the_rank_of_all_measurements_deviations_are_the_dense_ones():
    told = measurements(Matern(0.8, 3.5))
    exact, _ = solved(told, Dense())
    found, scalars = solved(told, Iterative(rank=1000))
    np.testing.assert_allclose(found.deviation(PLACES), exact.deviation(PLACES), rtol=1e-5)
    assert scalars["products"] <= 3


def test_a_preconditioner_of_higher_rank_saves_products():
    told = measurements(Matern(0.8, 3.5), 1e-2)
    products = [solved(told, Iterative(rank=r), steps=1)[1]["products"] for r in (1, 60)]
    assert products[1] < 0.7 * products[0]


def test_observations_of_very_different_noise_give_the_dense_answer():
    rng = np.random.default_rng(1)
    at, noise = rng.random((12, 2)), np.geomspace(0.01, 10, 12)
    seen = Observations(at, np.prod(np.sin(np.pi * at), axis=1) + noise * rng.standard_normal(12), noise)
    told = measurements(SquaredExponential(0.4), observations=(seen,))
    exact, scalars = solved(told, Dense())
    found, mine = solved(told, Iterative(rank=1000, tolerance=1e-9))
    assert mine["amplitude"] == pytest.approx(scalars["amplitude"], rel=1e-5)
    np.testing.assert_allclose(found(PLACES), exact(PLACES), atol=1e-6)


def test_too_few_products_are_a_failure_that_says_what_was_reached():
    with pytest.raises(SolveFailed, match=r"2 products .* leave a relative residual of .*; raise rank \(now 5\)"):
        solved(measurements(Matern(0.8, 3.5)), Iterative(rank=5, iterations=2))


def test_the_memory_is_estimated_before_anything_is_made():
    with pytest.raises(ValueError, match=r"a preconditioner of rank 50 for 53 measurements takes .* lower rank"):
        solved(measurements(SquaredExponential(1.0)), Iterative(rank=50, memory=1000))


@pytest.mark.parametrize("settings", [{"rank": 0}, {"tolerance": 0.0}, {"iterations": 1.5}, {"memory": -1.0}])
def test_bad_settings_are_refused(settings):
    with pytest.raises(ValueError, match="Iterative"):
        Iterative(**settings)
