"""Windows that sum to one."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab.numerics.partition_of_unity import Partition, WindowAxis, smooth_step

DOUBLE = torch.float64


def line(*values):
    return torch.tensor(values, dtype=DOUBLE)


def test_the_step_is_hermites_interpolation_of_zero_and_one():
    assert smooth_step(0) == [0, 1]
    assert smooth_step(1) == [0, 0, 3, -2]
    assert smooth_step(2) == [0, 0, 0, 10, -15, 6]


@pytest.mark.parametrize("k", [3, 6, 8])
def test_the_step_is_flat_at_both_ends(k):
    step = np.polynomial.Polynomial([float(c) for c in smooth_step(k)])
    assert step(1.0) == pytest.approx(1)
    for m in range(1, k + 1):
        assert step.deriv(m)(0.0) == 0
        assert abs(step.deriv(m)(1.0)) < 1e-9 * abs(step.deriv(m).coef).max()
    assert step.deriv(k + 1)(0.0) != 0


def test_two_windows_worked_by_hand():
    # [0, 2] in two: the blend goes from 0.75 to 1.25, and 3 s² - 2 s³ at s = 1/4 is 5/32, its slope 6 s - 6 s² is 9/8.
    axis = WindowAxis(0.0, 2.0, 2, overlap=0.5, smoothness=1)
    x = line(0.5, 0.875, 1.0, 1.5)
    torch.testing.assert_close(axis.window(x, 1, 0), line(0, 5 / 32, 0.5, 1))
    torch.testing.assert_close(axis.window(x, 0, 0), line(1, 27 / 32, 0.5, 0))
    torch.testing.assert_close(axis.window(x, 1, 1), line(0, 9 / 8 / 0.5, 1.5 / 0.5, 0))
    torch.testing.assert_close(axis.window(x, 0, 1), line(0, -9 / 8 / 0.5, -1.5 / 0.5, 0))
    assert axis.support(0) == (0, 1.25)
    torch.testing.assert_close(axis.local(line(0, 0.625, 1.25), 0), line(-1, 0, 1))
    assert axis.covers(line(0.7, 0.8, 1.2, 1.3), 0).tolist() == [True, True, True, False]


axes = st.builds(
    WindowAxis,
    lower=st.floats(-3, 0),
    upper=st.floats(0.5, 4),
    count=st.integers(2, 5),
    periodic=st.booleans(),
    overlap=st.floats(0.05, 0.95),
    smoothness=st.integers(2, 7),
)


@settings(max_examples=40, deadline=None)
@given(axes, st.integers(0, 2))
def test_windows_sum_to_one_and_their_derivatives_to_zero(axis, order):
    x = torch.linspace(axis.lower, axis.upper, 301, dtype=DOUBLE)
    parts = torch.stack([axis.window(x, p, order) for p in range(axis.count)])
    total = parts.sum(0)
    scale = max(1.0, float(parts.abs().max()))
    torch.testing.assert_close(total, torch.full_like(x, float(order == 0)), atol=1e-12 * scale, rtol=0)


@settings(max_examples=40, deadline=None)
@given(axes)
def test_a_window_vanishes_where_it_does_not_cover_and_at_most_two_meet(axis):
    x = torch.linspace(axis.lower, axis.upper, 257, dtype=DOUBLE)
    covers = torch.stack([axis.covers(x, p) for p in range(axis.count)])
    assert int(covers.sum(0).max()) <= 2
    for p in range(axis.count):
        assert float(axis.window(x[~covers[p]], p, 0).abs().sum()) < 1e-30
        assert float(axis.local(x[covers[p]], p).abs().max()) <= 1 + 1e-9


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_derivatives_are_those_of_the_window(order):
    axis = WindowAxis(0.0, 3.0, 3, overlap=0.6, smoothness=6)
    x, h = torch.linspace(0.1, 2.9, 57, dtype=DOUBLE), 1e-6
    differences = (axis.window(x + h, 1, order - 1) - axis.window(x - h, 1, order - 1)) / (2 * h)
    exact = axis.window(x, 1, order)
    torch.testing.assert_close(exact, differences, atol=1e-7 * float(exact.abs().max()), rtol=1e-6)


def test_the_first_and_the_last_patch_of_a_periodic_axis_are_neighbours():
    axis = WindowAxis(0.0, 1.0, 4, periodic=True, overlap=0.5)
    x = torch.linspace(-0.1, 0.1, 11, dtype=DOUBLE)
    for p, order in itertools.product((0, 3), (0, 1, 2)):
        torch.testing.assert_close(axis.window(x, p, order), axis.window(x + 1, p, order), atol=1e-9, rtol=1e-9)
    assert float(axis.window(line(0.0), 3, 0)) == pytest.approx(0.5)


def test_a_partition_keeps_the_patches_that_points_touch():
    square = [WindowAxis(0.0, 1.0, 2, overlap=0.2), WindowAxis(0.0, 3.0, 3, overlap=0.2)]
    full = Partition.full(square)
    assert len(full.patches) == 6
    few = full.touched(torch.tensor([[0.1, 0.1], [0.5, 2.5]], dtype=DOUBLE))
    assert few.patches == ((0, 0), (0, 2), (1, 2))
    assert few.scales(0) == pytest.approx([2 / 0.55, 2 / 1.1])
    torch.testing.assert_close(
        few.local(torch.tensor([[0.275, 0.55]], dtype=DOUBLE), 0), torch.zeros(1, 2, dtype=DOUBLE)
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"count": 0}, "count = 0"),
        ({"count": 1, "periodic": True}, "at least 2 along a periodic axis"),
        ({"overlap": 1.0}, "overlap = 1.0"),
        ({"smoothness": -1}, "smoothness = -1"),
        ({"upper": 0.0}, "lower < upper"),
    ],
)
def test_bad_settings_are_refused_by_name(change, words):
    with pytest.raises(ValueError, match=words):
        WindowAxis(**({"lower": 0.0, "upper": 1.0, "count": 3} | change))
