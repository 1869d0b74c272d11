from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial
from pinnlab.discretization.cells import Cells
from pinnlab.fields.cell import CellField
from pinnlab.forms.evaluate import Program

# What is stepped is made up state by state: data that disagree at the start are of no matter.
pytestmark = pytest.mark.filterwarnings("ignore::pinnlab.errors.IncompatibleData")
t, x, y = sp.symbols("t x y", real=True)
u = sp.Function("u")(t, x)
w = sp.Function("w")(t, x, y)


def field_of(problem, shape, times, exact):
    """A field whose averages and rates are those of given functions."""
    cells = Cells(problem, shape)
    values, rates = (Program(e, problem.coordinates) for e in (exact, [sp.diff(f, t) for f in exact]))
    averages = [[cells.averaged_smoothly(p, float(s)) for s in times] for p in (values, rates)]
    return CellField(problem, cells, np.asarray(times), *map(np.stack, averages))


EXACT_LINE = sp.sin(2 * sp.pi * x - 3 * t)
EXACT_PLANE = sp.cos(2 * sp.pi * (x + y) - t) + sp.sin(2 * sp.pi * y)


def line(n, steps=40):
    box = Box({t: (0, 1), x: (0, 1)}, periodic=[x])
    problem = Problem("line", D(u, t) + D(u, x), [u], box, [initial(u, 0)], t)
    return field_of(problem, (n,), np.linspace(0, 1, steps + 1), [EXACT_LINE])


def plane(n, steps=20):
    box = Box({t: (0, 1), x: (0, 1), y: (0, 1)}, periodic=[x, y])
    problem = Problem("plane", D(w, t) + D(w**2, x) + D(w, y), [w], box, [initial(w, 0)], t)
    return field_of(problem, (n, n + 4), np.linspace(0, 1, steps + 1), [EXACT_PLANE])


def error(field, exact, orders=None):
    points = field.problem.spacetime.sample(3000, np.random.default_rng(0))
    coordinates = field.problem.coordinates
    expression = exact.diff(*zip(coordinates, orders, strict=True)) if orders else exact
    truth = sp.lambdify(coordinates, expression)(*points.T)
    found = field.derivative(orders) if orders else field
    return np.abs(found(points)[:, 0] - truth).max()


@pytest.mark.parametrize(("make", "exact"), [(line, EXACT_LINE), (plane, EXACT_PLANE)])
def test_fifth_order_in_space_at_any_point(make, exact):
    coarse, fine = error(make(16, 60), exact), error(make(32, 60), exact)
    assert np.log2(coarse / fine) > 4.5


def test_fourth_order_in_time_at_any_point():
    assert np.log2(error(line(80, 6), EXACT_LINE) / error(line(80, 12), EXACT_LINE)) == pytest.approx(4, abs=0.5)


@pytest.mark.parametrize(("make", "exact", "orders"), [
    (line, EXACT_LINE, (0, 1)), (line, EXACT_LINE, (0, 2)), (line, EXACT_LINE, (1, 0)), (line, EXACT_LINE, (1, 1)),
    (plane, EXACT_PLANE, (0, 1, 0)), (plane, EXACT_PLANE, (0, 0, 1)),
])  # fmt: skip
def test_derivatives_converge(make, exact, orders):
    coarse, fine = error(make(16, 80), exact, orders), error(make(32, 160), exact, orders)
    assert np.log2(coarse / fine) > 2.5


@pytest.mark.parametrize("make", [line, plane])
def test_a_tensor_grid_gives_the_values_at_its_points(make):
    field = make(12, 5)
    axes = [np.linspace(0, 1, n) for n in (4, 7, 5)][: len(field.problem.coordinates)]
    mesh = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    scattered = field(mesh.reshape(-1, len(axes))).reshape(mesh.shape[:-1])
    (values,) = field.on_axes(axes).values.values()
    np.testing.assert_allclose(np.transpose(values, (0, *range(values.ndim - 1, 0, -1))), scattered, atol=1e-13)
    derived = field.derivative([1, *[0] * (len(axes) - 2), 1])
    (slopes,) = derived.on_axes(axes).values.values()
    scattered = derived(mesh.reshape(-1, len(axes))).reshape(mesh.shape[:-1])
    np.testing.assert_allclose(np.transpose(slopes, (0, *range(slopes.ndim - 1, 0, -1))), scattered, atol=1e-10)


def shocked():
    """A step between sides with values, and an open side, at one time."""
    box = Box({t: (0, 1), x: (0, 1), y: (0, 1)})
    conditions = [initial(w, 0), dirichlet(w, 0, on=["right", "top"])]
    problem = Problem("step", D(w, t) + D(w**2, x) + D(w**2, y), [w], box, conditions, t)
    averages = np.where(np.add.outer(np.arange(12), np.arange(10)) < 8, 1.0, 0.0)[None, None]
    return CellField(problem, Cells(problem, (12, 10)), np.zeros(1), averages, np.zeros_like(averages))


def test_a_step_makes_no_overshoot_and_keeps_its_averages():
    field = shocked()
    s = np.linspace(0, 1, 97)
    (values,) = field.on_axes([np.zeros(1), s, s]).values.values()
    assert values.min() > -1e-2
    assert values.max() < 1 + 1e-2
    # Gauss points in every cell give back its average.
    nodes, weights = np.polynomial.legendre.leggauss(5)
    xs = (np.arange(12)[:, None] + 0.5 + nodes / 2).ravel() / 12
    ys = (np.arange(10)[:, None] + 0.5 + nodes / 2).ravel() / 10
    (fine,) = field.on_axes([np.zeros(1), xs, ys]).values.values()
    means = np.einsum("jbia,a,b->ij", fine[0].reshape(10, 5, 12, 5), weights / 2, weights / 2)
    np.testing.assert_allclose(means, field.averages[0, 0], atol=1e-12)


def test_beyond_the_last_snapshot_the_state_is_held():
    field = line(16, 4)
    points = np.column_stack([np.full(9, 1.0), np.linspace(0, 1, 9)])
    later = points + np.array([0.5, 0.0])
    np.testing.assert_array_equal(field(later), field(points))
    single = CellField(field.problem, field.cells, field.times[:1], field.averages[:1], field.rates[:1])
    np.testing.assert_allclose(single(later), single(points * [0, 1]), atol=1e-14)


def test_no_points_give_no_values():
    assert line(16, 2)(np.empty((0, 2))).shape == (0, 1)
