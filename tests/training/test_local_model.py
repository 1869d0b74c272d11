import pytest
import torch

from pinnlab.training.local_model import Exact, Kernel, NormalEquations
from pinnlab.training.objective import LeastSquares

DOUBLE = torch.float64


class Given(LeastSquares):
    """Residuals from a function of theta."""

    count = 0

    def __init__(self, function, count):
        self.function, self.count = function, count

    def residuals(self, theta):
        return self.function(theta)

    def jacobian(self, theta):
        return self.function(theta), torch.func.jacrev(self.function)(theta)


def vector(*entries):
    return torch.tensor(entries, dtype=DOUBLE)


LINEAR = Given(lambda p: torch.stack([2 * p[0] - 2, p[0] + p[1]]), 2)


def test_predicted_decrease_by_hand():
    # At 0: r = (-2, 0), J = [[2, 0], [1, 1]], J'r = (-4, 0), J'J + I = [[6, 1], [1, 2]], d = (8, -4) / 11 and
    # |d|^2 - d . J'r = 80/121 + 32/11 = 432/121 = 4 - 52/121.
    model = NormalEquations.at(LINEAR, vector(0, 0))
    assert model.predicted_decrease(vector(8, -4) / 11, 1.0) == pytest.approx(432 / 121)


def test_both_gram_matrices_give_the_same_steps():
    def bent(p):
        return torch.stack([p[0] * p[1] - 1, torch.sin(p[2]) + p[0], p[1] ** 2 - p[2]])

    theta = vector(0.3, 0.7, -0.2)
    a, b = NormalEquations.at(Given(bent, 3), theta), Kernel.at(Given(bent, 3), theta)
    other = vector(1, 2, 3)
    for v, w in ((a.residuals, b.residuals), (other, other)):
        torch.testing.assert_close(
            a.damped_inverse(a.factor(0.1), v), b.damped_inverse(b.factor(0.1), w), rtol=1e-11, atol=1e-13
        )


def test_the_smaller_gram_matrix_is_chosen():
    def wide(p):
        return torch.stack([p[0] * p[1] + p[2]])

    theta = vector(1, 2, 3)
    assert isinstance(Exact().at(Given(wide, 1), theta, 0), Kernel)
    assert isinstance(Exact().at(Given(lambda p: p, 3), theta, 0), NormalEquations)


@pytest.mark.parametrize("memory", [1e9, 8.0 * 16])
def test_the_jacobian_is_kept_where_it_fits(memory):
    # Four matrices of 2 x 2 take 128 bytes, J another 32.
    class Watched(Given):
        pulled = 0

        def pullback(self, theta, vector):
            self.pulled += 1
            return super().pullback(theta, vector)

    objective = Watched(LINEAR.function, 2)
    model = Exact(memory=memory).at(objective, vector(0, 0), 0)
    found = model.damped_inverse(model.factor(1.0), vector(1, 3))
    # J'(1, 3) = (5, 3) and [[6, 1], [1, 2]] x = (5, 3).
    torch.testing.assert_close(found, vector(7, 13) / 11)
    assert objective.pulled == (memory < 160)


def test_an_indefinite_matrix_has_no_factor():
    model = NormalEquations.at(LINEAR, vector(0, 0))
    assert model.factor(1.0) is not None
    assert NormalEquations(model.residuals, model.gradient, -model.gram, model.pullback).factor(1.0) is None


@pytest.mark.parametrize(("n", "numbers"), [(1000, 4 * 500**2), (100, 4 * 100**2 + 100 * 500)])
def test_memory_is_estimated_for_the_smaller_matrix(n, numbers):
    objective = Given(lambda p: p[0] * torch.ones(n, dtype=DOUBLE), n)
    theta = torch.zeros(500, dtype=DOUBLE)
    with pytest.raises(ValueError, match=f"500 parameters and {n:,} residuals takes {8e-9 * numbers:.3g} GB, more"):
        Exact(memory=8 * numbers - 1).at(objective, theta, 0)
    Exact(memory=8 * numbers).at(objective, theta, 0)


def test_unusable_memory_is_refused():
    with pytest.raises(ValueError, match="Exact: memory"):
        Exact(memory=0)
