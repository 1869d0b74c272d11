from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from pinnlab import Box, TimeInterval

t, x, y = sp.symbols("t x y", real=True)
domain = TimeInterval(t, 1, 3) * Box({x: (0, 1), y: (-1, 0)})


def test_time_comes_first_and_the_initial_state_is_a_piece():
    assert domain.coordinates == (t, x, y)
    assert domain.pieces == ("initial", "left", "right", "bottom", "top")
    assert domain.interval.length == 2.0


def test_samples_lie_inside_and_cover_the_time():
    points = domain.sample(5000, np.random.default_rng(0))
    assert domain.contains(points).all()
    assert points[:, 0].mean() == pytest.approx(2.0, abs=0.05)


def test_contains_looks_at_time_and_space():
    points = np.array([[1.0, 0.0, 0.0], [0.99, 0.5, -0.5], [2.0, 1.1, -0.5], [3.0, 1.0, -1.0]])
    assert domain.contains(points).tolist() == [True, False, False, True]


def test_initial_points_are_at_the_start_with_the_normal_backwards_in_time():
    points, normals = domain.sample_piece("initial", 20, np.random.default_rng(0))
    assert (points[:, 0] == 1.0).all()
    assert domain.contains(points).all()
    assert (normals == [-1.0, 0.0, 0.0]).all()


def test_lateral_points_have_spatial_normals_and_all_times():
    points, normals = domain.sample_piece("top", 500, np.random.default_rng(0))
    assert (points[:, 2] == 0.0).all()
    assert (normals == [0.0, 0.0, 1.0]).all()
    assert points[:, 0].min() < 1.1
    assert points[:, 0].max() > 2.9


def test_an_ordinary_differential_equation_has_an_empty_region():
    ode = TimeInterval(t, 0, 2) * Box({})
    assert ode.coordinates == (t,)
    assert ode.pieces == ("initial",)
    points = ode.sample(10, np.random.default_rng(0))
    assert points.shape == (10, 1)
    assert ode.contains(points).all()


@pytest.mark.parametrize("bounds", [(1, 1), (2, 1)])
def test_an_empty_interval_is_refused(bounds):
    with pytest.raises(ValueError, match="give start < end"):
        TimeInterval(t, *bounds)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), "1", None, True, [1.0]])
def test_ends_that_are_no_finite_numbers_are_refused_by_name(value):
    with pytest.raises(ValueError, match="TimeInterval: start must be a finite number, got"):
        TimeInterval(t, value, 2.0)
    with pytest.raises(ValueError, match="TimeInterval: end must be a finite number, got"):
        TimeInterval(t, 0.0, value)


def test_an_unknown_piece_is_refused():
    with pytest.raises(ValueError, match="no side 'front'"):
        domain.sample_piece("front", 1, np.random.default_rng(0))
