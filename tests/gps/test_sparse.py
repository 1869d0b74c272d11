"""Sparse Cholesky factors in Gauss-Newton: against the dense posterior, on problems of several kinds, and refusals."""

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Observations, Problem, dirichlet, laplacian, neumann, parameter
from pinnlab.errors import SolveFailed, UnsupportedProblem
from pinnlab.field import ExactField
from pinnlab.gps.placement import GivenPoints, Scattered
from pinnlab.gps.prior import Prior
from pinnlab.gps.sparse import SparseCholesky
from pinnlab.gps.system import Measurements, clouds_of
from pinnlab.numerics.kernels import Matern

x, y = sp.symbols("x y", real=True)
u, v = (sp.Function(n)(x, y) for n in "uv")
w = sp.Function("w")(x)
SQUARE = Box({x: (0, 1), y: (0, 1)})
CPU = torch.device("cpu")
exact = sp.sin(sp.pi * x) * sp.cos(2 * y)


def system(of, placement, algebra=SparseCholesky(30), nugget=1e-8, observations=(), length=0.5):  # noqa: B008
    prior = Prior((Matern(length, 4.5),) * len(of.coordinates), (1.0,) * len(of.unknowns))
    clouds = clouds_of(of, placement, 0, CPU)
    return algebra.system(Measurements(of, prior, clouds, nugget, tuple(observations)), placement, CPU)


def solved(found, steps=5):
    c = found.start()
    for _ in range(steps):
        c = found.linearized(c)
    return c


def relative_error(found, coefficients):
    problem = found.measurements.problem
    points = problem.spacetime.sample(300, np.random.default_rng(5))
    truth = ExactField.of(problem)(points)
    return np.linalg.norm(found.field(coefficients)(points) - truth) / np.linalg.norm(truth)


def elliptic():
    source = -laplacian(exact, (x, y)).doit() + exact**3
    return Problem(
        name="elliptic",
        equations=[-laplacian(u, (x, y)) + u**3 - source],
        unknowns=[u],
        domain=SQUARE,
        conditions=[dirichlet(u, exact)],
        reference=exact,
    )


@pytest.fixture(scope="module")
def nonlinear():
    found = system(elliptic(), Scattered(500))
    return found, solved(found)


def test_a_nonlinear_equation_is_solved(nonlinear):
    found, coefficients = nonlinear
    assert relative_error(found, coefficients) < 2e-5
    assert float(found.residual(coefficients).norm()) < 1e-6 * float(found.residual(found.start()).norm())


def test_more_neighbours_change_the_answer_by_no_more_than_its_error(nonlinear):
    found, coefficients = nonlinear
    other = system(elliptic(), Scattered(500), SparseCholesky(45))
    points = np.random.default_rng(0).random((100, 2))
    difference = found.field(coefficients)(points) - other.field(solved(other))(points)
    assert np.abs(difference).max() < 1e-4


def test_two_solutions_agree_bit_for_bit(nonlinear):
    """A factor made at the prior mean depends on no history, so that a run may be cut anywhere."""
    found, coefficients = nonlinear
    again = system(elliptic(), Scattered(500))
    assert torch.equal(again.linearized(coefficients), found.linearized(coefficients))


@pytest.mark.parametrize("noise", [None, 0.05])
def test_the_posterior_is_the_dense_one_where_all_points_are_neighbours(noise):
    """w'' + w = 0 at x = 0.45, w(0) = 0, w(1) = 1, perhaps w(0.4) = 0.9 with noise: dense formulas.

    With more derivatives the two would differ, as they are taken to be independent given the values.
    """
    of = Problem(
        name="line",
        equations=[D(w, x, 2) + w],
        unknowns=[w],
        domain=Box({x: (0, 1)}),
        conditions=[dirichlet(w, 0, on="left"), dirichlet(w, 1, on="right")],
    )
    inner, kernel = torch.tensor([0.45]).double(), Matern(0.5, 4.5)
    seen = [] if noise is None else [Observations(np.array([[0.4]]), np.array([0.9]), noise)]
    found = system(of, GivenPoints(inner.numpy()[:, None]), SparseCholesky(12, draws=400), observations=seen)
    told = [(inner, (2, 0)), (torch.tensor([0.0, 1.0] + [0.4] * len(seen)).double(), (0,))]

    def cross(p, a):
        blocks = [sum(kernel.covariance(p[:, None] - q, a + b) * (-1) ** b for b in orders) for q, orders in told]
        return torch.cat(blocks, dim=1)

    gram = torch.cat([sum(cross(p, a) for a in orders) for p, orders in told])
    values = torch.tensor([0.0, 0.0, 1.0] + [0.9] * len(seen)).double()
    if seen:
        gram[-1, -1] += noise**2
    at = torch.tensor([0.45] + [0.4] * len(seen)).double()
    mean = cross(at, 0) @ torch.linalg.solve(gram, values)
    size = 1.0 if seen else (values @ torch.linalg.solve(gram, values) / 3).sqrt()
    variance = 1 - (cross(at, 0) * torch.linalg.solve(gram, cross(at, 0).T).T).sum(dim=1)
    field = found.field(found.linearized(found.start()))
    np.testing.assert_allclose(field(at.numpy()[:, None])[:, 0], mean, atol=1e-6)
    np.testing.assert_allclose(field.deviation(at.numpy()[:, None])[:, 0], size * variance.sqrt(), rtol=0.15)


def test_conditions_on_slopes_and_two_unknowns():
    """u_xx + u_yy = v and v_xx + v_yy = -4 v: v = cos 2x, u = -cos(2x) / 4 + x."""
    truth = (x - sp.cos(2 * x) / 4, sp.cos(2 * x))
    of = Problem(
        name="pair",
        equations=[laplacian(u, (x, y)) - v, laplacian(v, (x, y)) + 4 * v],
        unknowns=[u, v],
        domain=SQUARE,
        conditions=[
            dirichlet(u, truth[0], on=["left", "bottom", "top"]),
            neumann(u, truth[0].diff(x), on="right"),
            dirichlet(v, truth[1]),
        ],
        reference=truth,
    )
    found = system(of, Scattered(250), length=1.0)
    assert relative_error(found, solved(found, 1)) < 1e-4


def test_points_that_serve_twice_count_once():
    """The corner belongs to two sides."""
    found = system(elliptic(), GivenPoints(np.random.default_rng(0).random((40, 2)), on_pieces=6))
    clouds = found.measurements.clouds
    assert len(found.values.points) == sum(len(c.points) for c in clouds) == 64


def test_says_how_much_memory_it_would_take():
    with pytest.raises(ValueError, match=r"'elliptic' with 592 points takes 0\.0\d+ GB, more than memory = 1e-05 GB"):
        system(elliptic(), Scattered(500), SparseCholesky(memory=1e4))


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"neighbours": 5}, "give 12 to 100"),
        ({"neighbours": 0}, "neighbours"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"draws": 0}, "draws"),
        ({"iterations": 0}, "iterations"),
        ({"memory": -1.0}, "memory"),
    ],
)
def test_settings_are_checked(settings, text):
    with pytest.raises(ValueError, match=text):
        SparseCholesky(**settings)


def test_refuses_what_it_cannot_do():
    closed = Problem(
        name="closed",
        equations=[laplacian(u, (x, y)) - u],
        unknowns=[u],
        domain=Box({x: (0, 1), y: (0, 1)}, periodic=[x]),
        conditions=[dirichlet(u, 1)],
    )
    with pytest.raises(UnsupportedProblem, match="'closed': x is periodic"):
        system(closed, Scattered(20))
    k = parameter("k", unknown=True, guess=1.0)
    inverse = Problem(
        name="inverse",
        equations=[laplacian(u, (x, y)) - k * u],
        unknowns=[u],
        domain=SQUARE,
        conditions=[dirichlet(u, 1)],
    )
    with pytest.raises(UnsupportedProblem, match="unknown parameters"):
        system(inverse, Scattered(20))
    rough = Measurements(
        elliptic(), Prior((Matern(0.5, 1.5),) * 2, (1.0,)), clouds_of(elliptic(), Scattered(9), 0, CPU), 0.1
    )
    with pytest.raises(UnsupportedProblem, match="2 derivatives"):
        SparseCholesky().system(rough, Scattered(9), CPU)


def test_a_residual_that_is_not_finite_is_named_with_its_place():
    of = Problem(
        name="root", equations=[laplacian(u, (x, y)) + 1 / u], unknowns=[u], domain=SQUARE, conditions=[dirichlet(u, 1)]
    )
    found = system(of, Scattered(30))
    with pytest.raises(SolveFailed, match="at x = "):
        found.linearized(found.start())


def test_says_so_when_iterations_do_not_suffice():
    found = system(elliptic(), Scattered(100), SparseCholesky(30, iterations=1))
    with pytest.raises(SolveFailed, match="1 iterations"):
        found.linearized(found.start())
