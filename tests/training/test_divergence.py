"""What is said when training leaves the finite numbers."""

from __future__ import annotations

import pytest
import torch

from pinnlab.errors import SolveFailed
from pinnlab.training.divergence import require_finite_step
from pinnlab.training.pointwise import Group, PointwiseLeastSquares

DOUBLE = torch.float64
NAN = float("nan")


def roots(theta, points, extras):
    """sqrt(x - a) and 3 a x."""
    return torch.cat([torch.sqrt(points - theta[0]), 3 * theta[0] * points], 1)


POINTS = torch.tensor([[1.0], [2.0], [3.0]], dtype=DOUBLE)
GROUP = Group(roots, POINTS, POINTS[:, :0], torch.ones(3, 2, dtype=DOUBLE), "equation")
OBJECTIVE = PointwiseLeastSquares((GROUP,))


def at(value):
    return torch.tensor([value], dtype=DOUBLE)


def test_a_finite_step_passes():
    require_finite_step(OBJECTIVE, at(0.0), at(0.5), {"loss": 1.0})


def test_the_first_residual_that_is_no_number_is_named_with_its_place():
    with pytest.raises(SolveFailed, match=r"the loss became nan: the residual of equation 1 at \[1.0\] is nan after"):
        require_finite_step(OBJECTIVE, at(0.0), at(1.5), {"loss": NAN})
    with pytest.raises(SolveFailed, match=r"the residual of equation 1 at \[1.0\] is nan before the step"):
        require_finite_step(OBJECTIVE, at(1.5), at(0.0), {"loss": NAN})


def test_parameters_that_are_no_numbers_accuse_the_largest_residual_before():
    with pytest.raises(SolveFailed, match=r"parameters became non-finite: the largest .* is -9, of equation 2 at \[3"):
        require_finite_step(OBJECTIVE, at(-1.0), at(NAN), {"loss": 1.0})


def test_a_loss_that_overflows_names_the_largest_residual():
    with pytest.raises(SolveFailed, match=r"the loss became inf: the largest residual .* -3e\+200, of equation 2"):
        require_finite_step(OBJECTIVE, at(-1e200 / 3), at(0.0), {"loss": float("inf")})
