"""Conflict-free directions: the two-gradient case by hand, and what they promise for any number."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pinnlab.training.combination import ConFig, Sum, conflict_free
from pinnlab.training.objective import LeastSquares

DOUBLE = torch.float64


def tensor(*rows):
    return torch.tensor(rows, dtype=DOUBLE)


class Two(LeastSquares):
    """Terms x^2 and (x + y - 3)^2."""

    count = 2
    terms = 2

    def residuals(self, theta):
        return torch.stack([theta[0], theta.sum() - 3])

    def jacobian(self, theta):
        return self.residuals(theta), tensor([1.0, 0.0], [1.0, 1.0])

    def term_and_gradient(self, term, theta):
        r, jacobian = self.jacobian(theta)
        return r[term] ** 2, 2 * r[term] * jacobian[term]


def test_two_gradients_by_hand():
    # U(g) = (1, 0) and (-3, 4) / 5: x = (1, 2) has product 1 with both, u = (1, 2) / sqrt 5, g_i . u = 2 / sqrt 5
    # and 5 / sqrt 5, so g = 7 / 5 (1, 2).
    torch.testing.assert_close(conflict_free(tensor([2.0, 0.0], [-3.0, 4.0])), tensor(1.4, 2.8))


def test_one_gradient_is_itself():
    g = tensor([3.0, -4.0, 0.5])
    torch.testing.assert_close(conflict_free(g), g[0], rtol=1e-14, atol=0)


@given(st.integers(1, 6), st.integers(0, 10_000), st.floats(-6, 6))
def test_every_term_falls_along_the_direction_at_one_angle(m, seed, exponent):
    gradients = torch.randn(m, 12, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))
    gradients[0] *= 10**exponent
    products = gradients @ conflict_free(gradients)
    assert (products > 0).all()
    cosines = products / torch.linalg.vector_norm(gradients, dim=1)
    torch.testing.assert_close(cosines, cosines[0].expand(m), rtol=1e-6, atol=0)


def test_the_scale_of_one_gradient_does_not_turn_the_direction():
    gradients = tensor([2.0, 0.0, 1.0], [-3.0, 4.0, 0.0])
    a, b = conflict_free(gradients), conflict_free(gradients * tensor([1e4], [1.0]))
    torch.testing.assert_close(b / b.norm(), a / a.norm())


@pytest.mark.parametrize("tilt", [0.0, 1e-15, 1e-9, 1e-4])
def test_nearly_parallel_gradients_give_their_common_direction(tilt):
    gradients = tensor([1.0, 0.0, 0.0], [5.0, 5 * tilt, 0.0])
    torch.testing.assert_close(conflict_free(gradients), tensor(6.0, 0.0, 0.0), rtol=1e-6, atol=1e-3)


def test_nearly_opposite_gradients_give_a_short_step_that_lowers_both():
    gradients = tensor([1.0, 0.0], [-1.0, 1e-3])
    found = conflict_free(gradients)
    assert (gradients @ found > 0).all()
    assert float(found.norm()) < 2e-3


def test_opposite_gradients_give_no_step():
    assert conflict_free(tensor([1.0, 2.0], [-3.0, -6.0])).tolist() == [0, 0]


def test_a_gradient_that_is_zero_asks_for_nothing():
    torch.testing.assert_close(conflict_free(tensor([0.0, 0.0], [3.0, 4.0])), tensor(3.0, 4.0))
    assert conflict_free(torch.zeros(2, 3, dtype=DOUBLE)).tolist() == [0, 0, 0]


def test_combinations_of_an_objective():
    # At (1, 1): terms 1 and 1 with gradients (2, 0) and (-2, -2).
    theta = tensor(1.0, 1.0)
    loss, gradient = Sum()(Two(), theta)
    assert (float(loss), gradient.tolist()) == (2, [0, -2])
    loss, gradient = ConFig()(Two(), theta)
    # x = (1, -1 - sqrt 2), u = x / |x|, length (2 + 2 sqrt 2) / |x|.
    x = tensor(1.0, -1 - math.sqrt(2))
    assert float(loss) == 2
    torch.testing.assert_close(gradient, (2 + 2 * math.sqrt(2)) * x / (x @ x))
