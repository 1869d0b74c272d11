from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from pinnlab.numerics.rosenbrock import ros2

GAMMA = 1 - 1 / np.sqrt(2)


def test_one_step_by_hand():
    # u' = z u, h = 1: k1 = z u / (1 - γ z), k2 = (z (u + k1) - 2 k1) / (1 - γ z), u + 3/2 k1 + 1/2 k2.
    z = -3.0
    d = 1 - GAMMA * z
    k1 = z / d
    k2 = (z * (1 + k1) - 2 * k1) / d
    found = ros2(lambda t, u: z * u, csr_array([[z]]), 0.0, np.array([1.0]), 1.0)[0]
    assert found == pytest.approx(1 + 1.5 * k1 + 0.5 * k2, rel=1e-14)


def test_stiff_modes_are_damped():
    for z in (-1e4, -1e8):
        assert abs(ros2(lambda t, u, z=z: z * u, csr_array([[z]]), 0.0, np.array([1.0]), 1.0)[0]) < 1e-3


@pytest.mark.parametrize("matrix", [-2.0, 0.0, -7.0])
def test_second_order_whatever_the_matrix(matrix):
    def error(n):
        u, h = np.array([1.0, 2.0]), 1.0 / n
        for k in range(n):
            u = ros2(lambda t, v: -(v**2), csr_array(matrix * np.eye(2)), k * h, u, h)
        return np.abs(u - np.array([1 / 2, 2 / 3])).max()

    assert np.log2(error(80) / error(160)) == pytest.approx(2, abs=0.15)


def test_totals_that_rate_and_matrix_keep_are_kept():
    matrix = csr_array(np.array([[-1.0, 2.0], [1.0, -2.0]]))
    u = ros2(lambda t, v: matrix @ v, matrix, 0.0, np.array([5.0, 1.0]), 10.0)
    assert u.sum() == pytest.approx(6.0, rel=1e-14)
