"""Answers on patches, window by window of time."""

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Problem, initial
from pinnlab.numerics.partition_of_unity import Partition, WindowAxis
from pinnlab.numerics.patch_space import PatchSpace
from pinnlab.numerics.random_basis import RandomBasis
from pinnlab.patch_field import PatchField

t = sp.Symbol("t", real=True)
u = sp.Function("u")(t)
PROBLEM = Problem("decay", [D(u, t) + u], [u], Box({t: (0, 2)}), [initial(u, 1)], t)


def field(windows):
    """tanh(1) · (1 + local time) in each of two windows of length 1, where only some are begun."""
    one = torch.ones(1, 1, dtype=torch.float64)
    basis = RandomBasis(one, 0 * one[0], one)
    spaces = tuple(PatchSpace(Partition.full([WindowAxis(float(w), w + 1.0, 1)]), basis) for w in range(windows))
    return PatchField(PROBLEM, spaces, tuple((w + 1) * one[None] for w in range(windows)), (0.0, 1.0, 2.0), (0,))


def test_each_time_is_answered_by_its_window():
    # Local coordinates run from -1 to 1: 2 tanh(2 (t - 1.5)) in the second window.
    found = field(2)
    points = np.array([[0.75], [1.75], [2.0]])
    np.testing.assert_allclose(found(points)[:, 0], [np.tanh(0.5), 2 * np.tanh(0.5), 2 * np.tanh(1)])
    slopes = found.derivative((1,))(points)[:, 0]
    np.testing.assert_allclose(slopes, [2 / np.cosh(0.5) ** 2, 4 / np.cosh(0.5) ** 2, 4 / np.cosh(1) ** 2])
    assert found.reached is None


def test_the_last_time_is_repeated_beyond_the_windows_begun():
    found = field(1)
    assert found.reached == 1.0
    np.testing.assert_allclose(found(np.array([[1.0], [1.6]]))[:, 0], np.tanh(1))


def test_no_points_give_no_values():
    assert field(1)(np.zeros((0, 1))).shape == (0, 1)


@pytest.mark.parametrize("n", [1, 20_001])
def test_values_do_not_depend_on_the_chunks(n):
    points = np.linspace(0, 2, n)[:, None]
    found = field(2)
    np.testing.assert_array_equal(found(points)[-1], found(points[-1:])[0])
