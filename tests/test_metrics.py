"""Distances between fields, by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial, laplacian, neumann
from pinnlab.domain.base import Domain
from pinnlab.domain.evolution import TimeInterval
from pinnlab.field import ExactField, Field
from pinnlab.metrics import (
    LARGEST_GRID,
    METRICS,
    CloudNodes,
    Samples,
    comparison_axes,
    comparison_nodes,
    error_against,
    free_up_to_a_constant,
    max_error,
    relative_h1,
    relative_l2,
    sample,
)

t, x, y = sp.symbols("t x y", real=True)


def samples(values, gradient):
    return Samples(np.array(values, float), np.array(gradient, float), np.zeros(0))


def test_metrics_by_hand():
    v = samples([[3.0, 4.0]], [[[0.0, 12.0]]])
    u = samples([[3.0, 4.5]], [[[1.0, 12.0]]])
    assert relative_l2(u, v) == pytest.approx(0.5 / 5)
    assert max_error(u, v) == 0.5
    assert relative_h1(u, v) == pytest.approx(math.sqrt(0.25 + 1) / 13)
    assert [m.__name__ for m in METRICS] == ["relative_l2", "max_error", "relative_h1"]


def test_metrics_are_not_symmetric_and_vanish_for_equal_fields():
    v, u = samples([[1.0, 0.0]], [[[0.0, 0.0]]]), samples([[2.0, 0.0]], [[[0.0, 0.0]]])
    assert relative_l2(u, v) == 1
    assert relative_l2(v, u) == 0.5
    assert [m(v, v) for m in METRICS] == [0, 0, 0]


def test_errors_against_zero_are_absolute():
    assert relative_l2(samples([[3.0, 4.0]], [[[0, 0]]]), samples([[0.0, 0.0]], [[[0, 0]]])) == 5


def test_a_field_that_is_not_finite_has_no_finite_error():
    v = samples([[1.0, 1.0]], [[[0.0, 0.0]]])
    assert not any(math.isfinite(m(samples([[np.nan, 1.0]], [[[0, 0]]]), v)) for m in METRICS)


def test_samples_are_in_the_order_of_coordinates_with_the_gradient_in_space(shipped):
    u = sp.Function("u")(t, x, y)
    box = Box({t: (0, 1), x: (0, 1), y: (0, 2)})
    exact = t + 10 * x + 100 * y
    problem = Problem("plane", [D(u, t) - laplacian(u, (x, y))], [u], box, [initial(u, 0), dirichlet(u, 0)], t)
    field = ExactField.of(problem.manufactured(exact))
    axes = [np.array([0.0, 1.0]), np.array([0.0, 0.5, 1.0]), np.array([0.0, 1.0, 1.5, 2.0])]
    found = sample(field, axes)
    assert found.values.shape == (1, 2, 3, 4)
    assert found.values[0, 1, 2, 3] == 1 + 10 + 200
    assert found.gradient.shape == (1, 2, 2, 3, 4)
    assert set(found.gradient[0, 0].ravel()) == {10.0}
    assert set(found.gradient[0, 1].ravel()) == {100.0}
    np.testing.assert_array_equal(found.times, axes[0])


def test_an_ode_has_no_gradient():
    q = sp.Function("q")(t)
    problem = Problem("decay", [D(q, t) + q], [q], Box({t: (0, 1)}), [initial(q, 1)], t, reference=sp.exp(-t))
    found = sample(ExactField.of(problem), comparison_axes(problem, 50))
    assert found.gradient.shape == (1, 0, 50)
    v = Samples(found.values + 1, found.gradient, found.times)
    assert relative_h1(v, found) == relative_l2(v, found)


def test_comparison_axes_cover_the_box_and_keep_the_budget(shipped):
    for problem in shipped.values():
        if not isinstance(problem.region, Box) or len(problem.coordinates) > LARGEST_GRID:
            continue
        axes = comparison_axes(problem, 20_000)
        assert 5_000 < math.prod(map(len, axes)) < 30_000, problem.name
    time, space = comparison_axes(shipped["burgers_periodic"], 20_000)
    assert len(space) == 2 * len(time)
    assert (time[0], time[-1], space[0]) == (0, 1, 0)
    assert space[-1] == pytest.approx(2 * np.pi * (1 - 1 / len(space)))
    _, open_axis = comparison_axes(shipped["burgers"], 20_000)
    assert open_axis[-1] == 1


@pytest.mark.parametrize(
    ("name", "free"),
    [("navier_stokes_vorticity", {"psi"}), ("burgers", set()), ("wave", set()), ("poisson_1d", set()),
     ("poisson_2d", set()), ("lorenz", set()), ("reaction_diffusion", set())],
)  # fmt: skip
def test_only_a_stream_function_is_free_up_to_a_constant(shipped, name, free):
    assert free_up_to_a_constant(shipped[name]) == free


def test_conditions_decide_what_is_free_up_to_a_constant():
    u = sp.Function("u")(x)
    box = Box({x: (0, 1)})
    assert free_up_to_a_constant(Problem("p", [D(u, x, 2) - 1], [u], box, [neumann(u, x)])) == {"u"}
    fixed = [neumann(u, 1, on="right"), dirichlet(u, 0, on="left")]
    assert free_up_to_a_constant(Problem("p", [D(u, x, 2) - 1], [u], box, fixed)) == frozenset()


@dataclass(frozen=True)
class Shifted(Field):
    """Another field plus a constant in one unknown."""

    problem: Problem
    inner: Field
    shift: np.ndarray

    def __call__(self, points):
        return self.inner(points) + self.shift * (1 + points[:, :1])

    def derivative(self, orders):
        return self.inner.derivative(orders)


def test_fields_that_differ_by_such_a_constant_are_equal_and_others_are_not(shipped):
    flow = shipped["navier_stokes_vorticity"]
    w, psi = flow.unknowns
    problem = flow.manufactured({w: sp.cos(x) * sp.exp(-t), psi: sp.sin(y) + sp.cos(x)})
    truth, axes = ExactField.of(problem), comparison_axes(problem, 4_000)
    wanted = sample(truth, axes)
    # The shift grows in time: the constant is one in space, at every time its own.
    free = sample(Shifted(problem, truth, np.array([0.0, 3.0])), axes)
    assert max(m(free, wanted) for m in METRICS) < 1e-14
    fixed = sample(Shifted(problem, truth, np.array([3.0, 0.0])), axes)
    assert max_error(fixed, wanted) == pytest.approx(6)


class Wedge(Domain):
    """The triangle 0 <= y <= x <= 1: the smallest region that is no box."""

    coordinates = (x, y)
    pieces = ("edge",)

    def contains(self, points):
        return (points[:, 1] >= 0) & (points[:, 1] <= points[:, 0]) & (points[:, 0] <= 1)

    def sample(self, n, rng):
        return np.sort(rng.random((n, 2)), axis=1)[:, ::-1]

    def sample_piece(self, piece, n, rng):
        return np.column_stack([rng.random(n), np.zeros(n)]), np.tile([0.0, -1.0], (n, 1))


def test_fields_on_a_region_that_is_no_box_are_compared_at_the_same_scattered_points_of_it():
    u = sp.Function("u")(t, x, y)
    problem = Problem(
        "wedge",
        [D(u, t) - laplacian(u, (x, y))],
        [u],
        TimeInterval(t, 0, 2) * Wedge(),
        [initial(u, 0), dirichlet(u, 0)],
        t,
    ).manufactured(t + 10 * x + 100 * y)
    nodes = comparison_nodes(problem, 8_000)
    assert isinstance(nodes, CloudNodes)
    assert 4_000 < len(nodes.times) * len(nodes.points) < 9_000
    assert problem.region.contains(nodes.points).all()
    np.testing.assert_array_equal(nodes.points, comparison_nodes(problem, 8_000).points)
    found = sample(ExactField.of(problem), nodes)
    assert found.values.shape == (1, len(nodes.times), len(nodes.points))
    expected = nodes.times[:, None] + 10 * nodes.points[:, 0] + 100 * nodes.points[:, 1]
    np.testing.assert_allclose(found.values[0], expected, rtol=1e-14)
    np.testing.assert_allclose(found.gradient[0, 1], 100, rtol=1e-12)
    start, px, _ = nodes.at_start()
    np.testing.assert_array_equal(start, 0)
    np.testing.assert_array_equal(px, nodes.points[:, 0])


def test_steady_fields_on_a_cloud_have_no_axis_of_time():
    u = sp.Function("u")(x, y)
    problem = Problem("still", [laplacian(u, (x, y))], [u], Wedge(), [dirichlet(u, 0)]).manufactured(x - y)
    nodes = comparison_nodes(problem, 500)
    found = sample(ExactField.of(problem), nodes)
    assert found.values.shape == (1, 500)
    assert found.times.shape == (0,)
    assert len(nodes.at_start()) == 2


@pytest.mark.parametrize("name", ["poisson_5d", "poisson_10d"])
def test_boxes_of_many_dimensions_are_compared_at_random_points(name, shipped):
    problem = shipped[name]
    nodes = comparison_nodes(problem, 4_000)
    assert isinstance(nodes, CloudNodes)
    assert nodes.points.shape == (4_000, len(problem.space))
    # A grid of so many nodes would have at most five different values along an axis.
    assert all(len(np.unique(column)) == 4_000 for column in nodes.points.T)
    exact = ExactField.of(problem)
    found = sample(exact, nodes)
    assert found.gradient.shape == (1, len(problem.space), 4_000)
    assert relative_h1(found, found) == 0


def test_a_box_of_many_dimensions_that_evolves_is_compared_at_the_same_points_at_each_time():
    space = sp.symbols("x1:6", real=True)
    u = sp.Function("u")(t, *space)
    box = Box({t: (0, 1)} | dict.fromkeys(space, (0, 1)))
    exact = sp.exp(-t) * sum(space)
    problem = Problem("p", [D(u, t) - laplacian(u, space) + u], [u], box,
                      [initial(u, sum(space)), dirichlet(u, exact)], t, reference=exact)  # fmt: skip
    nodes = comparison_nodes(problem, 3_000)
    assert len(nodes.times) == 3
    assert sample(ExactField.of(problem), nodes).values.shape == (1, 3, 1_000)


def test_errors_are_named_after_their_metrics(shipped):
    problem = shipped["heat"]
    exact = ExactField.of(problem)
    assert error_against(exact, exact) == {"relative_l2": 0.0, "max_error": 0.0, "relative_h1": 0.0}
    # The flux is another function; what counts is against what it is measured.
    other = exact.derivative((0, 1))
    assert error_against(other, exact)["relative_l2"] != error_against(exact, other)["relative_l2"]
