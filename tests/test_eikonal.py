from __future__ import annotations

import numpy as np
import pytest

from pinnlab.eikonal import eikonal_square

FIRST = np.array([-1, 9, -45, 0, 45, -9, 1]) / 60
SECOND = np.array([2, -27, 270, -490, 270, -27, 2]) / 180


def by_series(x, y, epsilon):
    """-ε log v with v as the sum of the sine series for data on two sides and for data on the other two."""
    n = np.arange(1, 2_000, 2)
    rate = np.sqrt(epsilon**-2 + (n * np.pi) ** 2)

    def two_sides(across, along):
        decay = (np.exp(-rate * across) + np.exp(-rate * (1 - across))) / (1 + np.exp(-rate))
        return (4 / (n * np.pi) * np.sin(n * np.pi * along) * decay).sum()

    return -epsilon * np.log(two_sides(x, y) + two_sides(y, x))


@pytest.mark.parametrize("epsilon", [1.0, 0.1, 0.03])
def test_it_agrees_with_the_sine_series_of_the_linear_equation(epsilon):
    points = np.array([[0.5, 0.5], [0.3, 0.2], [0.7, 0.9], [0.25, 0.5]])
    expected = [by_series(x, y, epsilon) for x, y in points]
    np.testing.assert_allclose(eikonal_square(points, epsilon)[:, 0], expected, rtol=0, atol=1e-13 * epsilon)


@pytest.mark.parametrize(("epsilon", "h"), [(1.0, 1e-2), (0.1, 4e-3), (0.01, 4e-4), (0.001, 4e-5)])
def test_it_satisfies_the_equation_also_where_its_exponential_is_tiny(epsilon, h):
    points = np.random.default_rng(0).uniform(0.1, 0.9, (60, 2))
    points[0] = 0.5

    def differences(axis):
        step = np.eye(2)[axis] * h
        stencil = np.array([eikonal_square(points + i * step, epsilon)[:, 0] for i in range(-3, 4)])
        return FIRST @ stencil / h, SECOND @ stencil / h**2

    (u_x, u_xx), (u_y, u_yy) = differences(0), differences(1)
    assert np.abs(u_x**2 + u_y**2 - 1 - epsilon * (u_xx + u_yy)).max() < 1e-6


def test_it_vanishes_on_the_boundary_and_tends_to_the_distance_from_it():
    boundary = np.array([[0, 0.3], [1, 1], [0.4, 1], [1, 0.9]])
    np.testing.assert_allclose(eikonal_square(boundary, 0.1), 0, atol=1e-15)
    inside = np.array([[0.1, 0.4], [0.8, 0.5], [0.5, 0.05]])
    np.testing.assert_allclose(eikonal_square(inside, 0.01)[:, 0], [0.1, 0.2, 0.05], rtol=1e-8)
    # Four sides at the same distance: v = 4 exp(-1 / (2 ε)) as ε falls.
    centre = eikonal_square(np.array([[0.5, 0.5]]), 0.002)[0, 0]
    assert centre == pytest.approx(0.5 - 0.002 * np.log(4), rel=1e-12)


def test_no_points_give_no_values():
    assert eikonal_square(np.empty((0, 2)), 0.1).shape == (0, 1)


@pytest.mark.parametrize(
    ("points", "epsilon", "told"),
    [
        (np.zeros((2, 3)), 0.1, r"points must be \(n, 2\)"),
        (np.array([[0.5, 1.1]]), 0.1, "outside the unit square"),
        (np.array([[0.5, 0.5]]), 1e-4, "epsilon must be from 0.001 to 1, got 0.0001"),
        (np.array([[0.5, 0.5]]), np.nan, "epsilon must be"),
    ],
)
def test_what_has_no_solution_is_refused(points, epsilon, told):
    with pytest.raises(ValueError, match=told):
        eikonal_square(points, epsilon)
