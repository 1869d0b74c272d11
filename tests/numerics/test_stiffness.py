"""Eigenvalues that make a problem stiff."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csc_array, diags_array

from pinnlab.errors import SolveFailed
from pinnlab.numerics.stiffness import Stiffness


def test_the_fastest_damped_mode_counts():
    assert Stiffness.measured(csc_array(np.diag([-3.0, -700.0, 5000.0])), 1.0) == Stiffness(700.0, False)


def test_a_mode_that_hardly_decays_in_the_time_considered_does_not_count():
    slow = csc_array(np.diag([-3.0, -20.0]))
    assert Stiffness.measured(slow, 0.4).speed == 0.0
    assert Stiffness.measured(slow, 0.6).speed == 20.0


def test_oscillations_without_damping_do_not_count_and_damped_ones_are_told_apart():
    turn = np.array([[0.0, 1e4], [-1e4, 0.0]])
    assert Stiffness.measured(csc_array(turn), 10.0).speed == 0.0
    damped = Stiffness.measured(csc_array(turn - 100 * np.eye(2)), 10.0)
    assert damped.speed == pytest.approx(np.hypot(1e4, 100))
    assert damped.oscillates


def test_large_systems_are_enclosed_by_discs():
    n = 400
    heat = diags_array([np.ones(n - 1), -2 * np.ones(n), np.ones(n - 1)], offsets=[-1, 0, 1]) * 1e4
    assert Stiffness.measured(csc_array(heat), 1.0) == Stiffness(4e4, False)
    transport = diags_array([np.ones(n - 1), -np.ones(n - 1)], offsets=[-1, 1]) * 1e4
    assert Stiffness.measured(csc_array(transport), 1.0).speed == 0.0


def test_the_measure_is_step_times_speed():
    assert Stiffness(50.0, False).of_step(0.1) == 5.0


def test_a_jacobian_that_is_not_finite_is_reported():
    with pytest.raises(SolveFailed, match="Jacobian is not finite"):
        Stiffness.measured(csc_array([[np.nan]]), 1.0)
