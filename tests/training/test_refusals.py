import pytest
import torch

from pinnlab.errors import SolveFailed
from pinnlab.training.objective import LeastSquares
from pinnlab.training.refusals import finite_norm, require_double, require_finite_loss, require_memory


class Log(LeastSquares):
    count = 3

    def residuals(self, theta):
        return torch.log(theta)

    def jacobian(self, theta):
        raise NotImplementedError


def test_double_precision_is_let_through_and_single_is_not():
    require_double(Log(), torch.zeros(1, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"Log: theta is torch\.float32.*convert the network"):
        require_double(Log(), torch.zeros(1))


def test_the_first_residual_that_is_no_number_is_named():
    theta = torch.tensor([1.0, -1.0, -2.0], dtype=torch.float64)
    require_finite_loss(Log(), Log(), theta, 1.0)
    with pytest.raises(SolveFailed, match=r"Log: the loss is nan .*\(residual 1 is nan\); start elsewhere"):
        require_finite_loss(Log(), Log(), theta, float("nan"))


def test_an_overflow_of_the_sum_is_told_from_a_residual():
    with pytest.raises(SolveFailed, match="the sum overflows"):
        require_finite_loss(Log(), Log(), torch.ones(3, dtype=torch.float64), float("inf"))


def test_memory_is_counted_in_doubles_and_compared_in_bytes():
    require_memory(Log(), "a matrix", 100, 800, "buy more")
    with pytest.raises(ValueError, match=r"Log: a matrix takes 8\.08e-07 GB, more than memory = 8e-07 GB; buy more"):
        require_memory(Log(), "a matrix", 101, 800, "buy more")


def test_a_gradient_that_is_no_number_is_named():
    assert finite_norm(Log(), torch.tensor([3.0, 4.0])) == 5
    with pytest.raises(SolveFailed, match="Log: the loss is finite but the gradient of the residuals is inf; look for"):
        finite_norm(Log(), torch.tensor([3.0, float("inf")]))
