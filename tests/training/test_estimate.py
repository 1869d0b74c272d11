"""Estimates of a few numbers from a linear model: hand-worked regressions."""

from __future__ import annotations

import math

import pytest
import torch

from pinnlab.errors import SolveFailed
from pinnlab.training.bounded import Bounded
from pinnlab.training.estimate import (
    Estimate,
    Profile,
    estimates,
    estimates_of,
    interval,
    numbers_of,
    triangular_factor,
)
from pinnlab.training.pointwise import Group, PointwiseLeastSquares

FREE = Bounded.of([1.0], [None])


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def line(theta, points, extras):
    """Intercept, which plays the network, plus slope times x, less y."""
    return theta[0] + theta[-1] * points - extras


def objective(x, y, rows=line):
    x, y = tensor(x)[:, None], tensor(y)[:, None]
    return PointwiseLeastSquares((Group(rows, x, y, torch.ones_like(x)),))


def test_the_slope_of_a_line_through_three_points():
    # Least squares of (0, 0), (1, 1), (2, 1): slope 1/2, residual sum 1/6, one degree of freedom, Sxx = 2.
    found = objective([0.0, 1.0, 2.0], [0.0, 1.0, 1.0])
    profile = Profile.of(found, found, tensor([1 / 6, 1 / 2]), 1)
    assert float(profile.information[0, 0]) == pytest.approx(2.0)
    assert profile.misfit == pytest.approx(1 / 6)
    assert profile.freedom == pytest.approx(1.0)
    # Free number e behind the slope p = 1 + e.
    (slope,) = estimates(profile, FREE, tensor([-1 / 2]))
    assert slope.value == pytest.approx(1 / 2)
    assert slope.standard_error == pytest.approx(math.sqrt(1 / 12))
    # Student's t of one degree: tan(0.475 pi) = 12.7062.
    half = 12.7062 * math.sqrt(1 / 12)
    assert slope.interval == pytest.approx((0.5 - half, 0.5 + half), rel=1e-5)
    assert slope.remaining == pytest.approx(0.0, abs=1e-12)


def test_what_training_left_undone_is_told():
    found = objective([0.0, 1.0, 2.0], [0.0, 1.0, 1.0])
    profile = Profile.of(found, found, tensor([0.4, 0.2]), 1)
    assert float(profile.remaining[0]) == pytest.approx(0.3)


def test_directions_that_change_nothing_cost_no_freedom():
    def twice(theta, points, extras):
        return theta[0] + theta[1] + theta[-1] * points - extras

    found = objective([0.0, 1.0, 2.0], [0.0, 1.0, 1.0], twice)
    profile = Profile.of(found, found, tensor([1 / 12, 1 / 12, 1 / 2]), 1)
    assert profile.freedom == pytest.approx(1.0)
    assert float(profile.information[0, 0]) == pytest.approx(2.0)


def test_rows_without_noise_restrict_the_network_and_are_no_data():
    # A rule intercept = 0, so stiff that the slope is sum x y / sum x^2 with two degrees of freedom left.
    def rule(theta, points, extras):
        return 1e4 * theta[:1] + 0 * points

    data = objective([0.0, 1.0, 2.0], [0.0, 1.0, 1.0])
    stiff = Group(rule, torch.zeros(1, 1).double(), torch.zeros(1, 0).double(), torch.ones(1, 1).double())
    both = PointwiseLeastSquares((*data.groups, stiff))
    profile = Profile.of(both, data, tensor([0.0, 0.6]), 1)
    assert float(profile.information[0, 0]) == pytest.approx(5.0, rel=1e-6)
    assert profile.freedom == pytest.approx(2.0, rel=1e-6)
    (slope,) = estimates(profile, FREE, tensor([-0.4]))
    # Residuals 0, -0.4, 0.2.
    assert slope.standard_error == pytest.approx(math.sqrt(0.2 / 2 / 5), rel=1e-6)


def test_a_number_that_the_data_do_not_see_has_no_error_bar():
    found = objective([1.0, 1.0, 1.0], [0.0, 1.0, 1.0])
    profile = Profile.of(found, found, tensor([0.5, 0.0]), 1)
    (slope,) = estimates(profile, Bounded.of([1.0], [(0.0, 4.0)]), tensor([0.0]))
    assert slope.standard_error == math.inf
    assert slope.interval == (0.0, 4.0)


def test_as_many_parameters_as_data_leave_no_error_bar():
    found = objective([0.0, 1.0], [0.0, 1.0])
    profile = Profile.of(found, found, tensor([0.0, 1.0]), 1)
    (slope,) = estimates(profile, FREE, tensor([0.0]))
    assert slope.standard_error == math.inf
    assert slope.interval == (-math.inf, math.inf)


def test_errors_pass_through_the_map_of_bounds():
    found = objective([0.0, 1.0, 2.0], [0.0, 1.0, 1.0])
    profile = Profile.of(found, found, tensor([1 / 6, 1 / 2]), 1)
    above = Bounded.of([1.0], [(0.0, math.inf)])
    (slope,) = estimates(profile, above, tensor([math.log(3)]))
    assert slope.standard_error == pytest.approx(3 * math.sqrt(1 / 12))
    assert slope.interval[0] == 0.0


def test_intervals_widen_with_few_degrees_of_freedom():
    # Tables of Student's t: 2.228 for 10 degrees, 1.960 for many.
    assert interval(0.0, 1.0, 10, (-math.inf, math.inf))[1] == pytest.approx(2.228, abs=5e-4)
    assert interval(0.0, 1.0, 1e6, (-math.inf, math.inf))[0] == pytest.approx(-1.960, abs=5e-4)


def test_the_triangular_factor_has_the_gram_matrix_of_all_pieces():
    from pinnlab.training.row_jacobian import PerPoint

    found = PointwiseLeastSquares(objective([0.0, 1.0, 2.0, 5.0], [0.0, 1.0, 1.0, 2.0]).groups, PerPoint(chunk=3))
    theta = tensor([0.3, 0.7])
    residuals, jacobian = found.jacobian(theta)
    whole = torch.cat([jacobian, residuals[:, None]], dim=1)
    r = triangular_factor(found, theta)
    torch.testing.assert_close(r.T @ r, whole.T @ whole)


def test_rows_that_are_not_finite_have_no_profile():
    def broken(theta, points, extras):
        return theta[0] + torch.log(points - 1) * theta[-1]

    found = objective([0.0, 1.0, 2.0], [0.0, 1.0, 1.0], broken)
    with pytest.raises(SolveFailed, match="not finite at some points"):
        Profile.of(found, found, tensor([0.5, 0.5]), 1)


def test_what_was_not_worked_out_is_nan_but_for_the_value():
    first, second = estimates(Profile.unknown(2), Bounded.of([1.0, 2.0], [None, None]), tensor([0.0, 0.0]))
    assert (first.value, second.value) == (1.0, 2.0)
    assert all(math.isnan(v) for v in (first.standard_error, *first.interval, first.remaining))


def test_numbers_for_files_are_named_after_their_parameter():
    found = {"k": Estimate(1.0, 0.5, (0.0, 2.0), 0.25)}
    told = {"parameter_k": 1.0, "parameter_k_standard_error": 0.5, "parameter_k_lower": 0.0, "parameter_k_upper": 2.0}
    assert numbers_of(found) == told | {"parameter_k_remaining": 0.25}
    assert estimates_of(numbers_of(found) | {"relative_l2": 1.0, "parameter_other": 3.0}) == found
    # Files used not to hold what remains.
    assert math.isnan(estimates_of(told)["k"].remaining)


def test_a_number_that_is_not_determined_leaves_the_others_their_errors():
    # 2 / 2 times the inverse of the information, whatever the units of the second number.
    profile = Profile(tensor([[4.0, 0.0, 0.0], [0.0, 1e-20, 0.0], [0.0, 0.0, 0.0]]), tensor([0.0] * 3), 2.0, 2.0)
    assert profile.covariance.diagonal().tolist() == pytest.approx([0.25, 1e20, math.inf])


def test_numbers_that_only_their_sum_is_known_of_have_no_error_bar():
    profile = Profile(tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 4.0]]), tensor([0.0] * 3), 3.0, 3.0)
    assert profile.covariance.diagonal().tolist() == pytest.approx([math.inf, math.inf, 0.25])


def test_a_normal_posterior_lies_within_196_deviations_cut_at_the_bounds():
    # 97.5 % of a normal distribution lie below 1.959964 deviations.
    found = Estimate.of_normal(2.0, 0.5)
    assert found.interval == pytest.approx((2 - 0.979982, 2 + 0.979982), abs=1e-6)
    assert (found.value, found.standard_error, found.remaining) == (2.0, 0.5, 0.0)
    assert Estimate.of_normal(2.0, 0.5, (1.5, 9.0)).interval[0] == 1.5
