"""Operator preconditioning: condition numbers by hand, and an optimiser that gains from it."""

from __future__ import annotations

import math

import pytest
import torch

from pinnlab.training.adam import Adam
from pinnlab.training.lbfgs import Lbfgs
from pinnlab.training.objective import LeastSquares
from pinnlab.training.pointwise import Group, Kind
from pinnlab.training.preconditioning import (
    ColumnScaling,
    GramInverseRoot,
    Preconditioned,
    Preconditioner,
    condition_number,
    condition_weight,
)
from pinnlab.training.row_jacobian import PerPoint

DOUBLE = torch.float64


class Linear(LeastSquares):
    """Residuals M theta - b, the first rows one term, the rest another."""

    count = 0
    terms = 2

    def __init__(self, matrix, data):
        self.matrix, self.data = matrix, data
        self.count = len(data)

    def residuals(self, theta):
        return self.matrix @ theta - self.data

    def jacobian(self, theta):
        return self.residuals(theta), self.matrix

    def term_and_gradient(self, term, theta):
        half = len(self.data) // 2
        rows = slice(0, half) if term == 0 else slice(half, None)
        r = self.residuals(theta)[rows]
        return r @ r, 2 * self.matrix[rows].T @ r


def fourier(modes=8):
    """The Laplacian of sin(kx), k = 1 to modes, at even points of a period: A_kk = k^4 / 2."""
    x = torch.arange(64, dtype=DOUBLE) * (2 * math.pi / 64)
    k = torch.arange(1, modes + 1, dtype=DOUBLE)
    matrix = -(k**2) * torch.sin(x[:, None] * k) / 8
    return Linear(matrix, matrix @ (1 / k))


def skewed():
    matrix = torch.tensor([[3.0, 1.0], [0.0, 2.0], [1.0, 1.0]], dtype=DOUBLE)
    return Linear(matrix, torch.tensor([1.0, -1.0, 2.0], dtype=DOUBLE))


def zeros(objective):
    return torch.zeros(objective.matrix.shape[1], dtype=DOUBLE)


def test_the_condition_number_by_hand():
    assert condition_number(fourier(), zeros(fourier())) == pytest.approx(8**4)
    # A = [[10, 4], [4, 6]] has the eigenvalues 8 +- sqrt 20.
    expected = (8 + 20**0.5) / (8 - 20**0.5)
    assert condition_number(skewed(), zeros(skewed())) == pytest.approx(expected)


def test_a_singular_matrix_has_no_condition_number():
    flat = Linear(torch.tensor([[1.0, 0.0]], dtype=DOUBLE), torch.ones(1, dtype=DOUBLE))
    assert condition_number(flat, zeros(flat)) == math.inf


def test_column_scaling_is_the_inverse_symbol_on_fourier_features():
    _, _, gram = fourier().normal_equations(zeros(fourier()))
    k = torch.arange(1, 9, dtype=DOUBLE)
    torch.testing.assert_close(ColumnScaling().matrix(gram), math.sqrt(2) / k**2)


def test_a_column_that_is_zero_gets_the_scale_of_the_floor():
    gram = torch.diag(torch.tensor([4.0, 0.0], dtype=DOUBLE))
    torch.testing.assert_close(ColumnScaling(floor=1e-6).matrix(gram), torch.tensor([0.5, 500.0], dtype=DOUBLE))


def test_the_inverse_root_makes_the_gram_matrix_the_identity():
    _, _, gram = skewed().normal_equations(zeros(skewed()))
    p = GramInverseRoot(ridge=1e-14).matrix(gram)
    torch.testing.assert_close(p @ gram @ p, torch.eye(2, dtype=DOUBLE))


@pytest.mark.parametrize("preconditioner", [ColumnScaling(), GramInverseRoot(1e-12)])
def test_the_first_step_reports_both_condition_numbers(preconditioner):
    optimizer = Preconditioned(Lbfgs(4, per_step=2), preconditioner)
    objective = fourier()
    theta, state, scalars = optimizer.step(objective, zeros(objective), optimizer.start(zeros(objective)))
    assert scalars["condition_before"] == pytest.approx(4096)
    assert scalars["condition_after"] == pytest.approx(1)
    _, _, later = optimizer.step(objective, theta, state)
    assert "condition_after" not in later


def test_even_curvature_takes_fewer_iterations():
    objective, exact = fourier(), 1 / torch.arange(1, 9, dtype=DOUBLE)
    errors = []
    for optimizer in (Lbfgs(4, per_step=4), Preconditioned(Lbfgs(4, per_step=4))):
        theta, _, _ = optimizer.step(objective, zeros(objective), optimizer.start(zeros(objective)))
        errors.append(float((theta - exact).norm()))
    assert errors[1] < 1e-12
    assert errors[0] > 1e-2


def rows_group(kind, *rows):
    """Points that are the rows of the Jacobian themselves."""
    points = torch.tensor(rows, dtype=DOUBLE)
    scale = torch.full((len(rows), 1), len(rows) ** -0.5, dtype=DOUBLE)
    return Group(lambda theta, points, extras: (points @ theta)[:, None], points, points[:, :0], scale, kind=kind)


def test_the_best_weight_of_conditions_by_hand():
    # diag(8, 0) + w diag(0, 2) is a multiple of the identity for w = 4.
    groups = [rows_group(Kind.EQUATION, [4.0, 0.0], [0.0, 0.0]), rows_group(Kind.CONDITION, [0.0, 2.0], [0.0, 0.0])]
    theta = torch.zeros(2, dtype=DOUBLE)
    assert condition_weight(groups, theta, PerPoint()) == pytest.approx(4, rel=0.03)
    # diag(9, 1, 0) / 2 + w diag(0, 0, 1): 9 for all w from 1/2 to 9/2, and more elsewhere.
    groups = [
        rows_group(Kind.EQUATION, [3.0, 0.0, 0.0], [0.0, 1.0, 0.0]),
        rows_group(Kind.CONDITION, [0.0, 0.0, 1.0]),
    ]
    assert 0.49 < condition_weight(groups, torch.zeros(3, dtype=DOUBLE), PerPoint()) < 4.6


def test_a_matrix_that_no_weight_makes_regular_is_reported():
    theta = torch.zeros(2, dtype=DOUBLE)
    flat = [rows_group(kind, [1.0, 1.0]) for kind in Kind]
    with pytest.raises(ValueError, match="singular for every weight"):
        condition_weight(flat, theta, PerPoint())
    with pytest.raises(ValueError, match="nothing to weigh"):
        condition_weight(flat[:1], theta, PerPoint())


class Swap(Preconditioner):
    """Changes the two parameters for one another, the second doubled: not symmetric where it matters."""

    def matrix(self, gram):
        return torch.tensor([[2.0, 1.0], [1.0, 3.0]], dtype=DOUBLE)


@pytest.mark.parametrize("preconditioner", [Swap(), ColumnScaling()])
def test_everything_the_inner_optimiser_sees_is_the_objective_in_other_coordinates(preconditioner):
    seen = {}

    class Spy(Adam):
        def step(self, objective, theta, state):
            seen["objective"] = objective
            return super().step(objective, theta, state)

    original, z = skewed(), torch.tensor([0.3, -0.7], dtype=DOUBLE)
    optimizer = Preconditioned(Spy(), preconditioner)
    origin = torch.tensor([1.0, 2.0], dtype=DOUBLE)
    _, state, _ = optimizer.step(original, origin, optimizer.start(origin))
    matrix = state.matrix if state.matrix.ndim == 2 else torch.diag(state.matrix)
    plain = Linear(original.matrix @ matrix, original.data - original.matrix @ origin)
    found, close = seen["objective"], torch.testing.assert_close
    vector = torch.arange(3.0, dtype=DOUBLE)
    close(found.residuals(z), plain.residuals(z))
    close(found.pullback(z, vector), plain.pullback(z, vector))
    for a, b in (
        (found.jacobian(z), plain.jacobian(z)),
        (next(found.blocks(z)), plain.jacobian(z)),
        (found.normal_equations(z), plain.normal_equations(z)),
        (found.value_and_gradient(z), plain.value_and_gradient(z)),
        (found.term_and_gradient(1, z), plain.term_and_gradient(1, z)),
        (found.losses_and_gradients(z), plain.losses_and_gradients(z)),
    ):
        close(a, b)
    assert (found.count, found.terms, found.describe(2)) == (3, 2, "residual 2")


def test_theta_and_state_are_not_changed_and_the_budget_is_the_inner_one():
    optimizer, objective = Preconditioned(Adam(5, per_step=5)), skewed()
    theta = zeros(objective)
    state = optimizer.start(theta)
    moved, after, _ = optimizer.step(objective, theta, state)
    assert (theta == 0).all()
    assert (state.z == 0).all()
    assert not state.matrix.numel()
    assert not (moved == 0).any()
    assert optimizer.finished(after)
    assert optimizer.steps == 5


@pytest.mark.parametrize(
    "make",
    [
        lambda: ColumnScaling(floor=0.0),
        lambda: GramInverseRoot(ridge=-1.0),
        lambda: Preconditioned(3),
        lambda: Preconditioned(Adam(), "jacobi"),
    ],
)
def test_unusable_settings_are_refused(make):
    with pytest.raises(ValueError, match=r"ColumnScaling: floor|GramInverseRoot: ridge|Preconditioned: (opt|prec)"):
        make()


def test_a_gram_matrix_beyond_memory_is_refused_before_it_is_made():
    # 4 * 8 * 100^2 bytes.
    theta = torch.zeros(100, dtype=DOUBLE)
    Preconditioned(memory=320_000).start(theta)
    with pytest.raises(ValueError, match=r"Preconditioned: the Gram matrix of 100 parameters takes .*raise memory"):
        Preconditioned(memory=319_000).start(theta)


def test_the_inner_verdict_is_handed_on():
    class Stalled(Adam):
        def verdict(self, state):
            return f"stuck after {state.taken}"

    optimizer = Preconditioned(Stalled())
    assert optimizer.verdict(optimizer.start(zeros(skewed()))) == "stuck after 0"


@pytest.mark.parametrize("preconditioner", [ColumnScaling(), GramInverseRoot()])
def test_parameters_that_the_state_does_not_stand_for_are_refused(preconditioner):
    optimizer, objective = Preconditioned(Adam(5, per_step=1), preconditioner), skewed()
    theta = torch.tensor([1.0, 2.0], dtype=DOUBLE)
    with pytest.raises(ValueError, match="start the optimiser from the parameters that it steps from"):
        optimizer.step(objective, theta + 1e-3, optimizer.start(theta))
    theta, state, _ = optimizer.step(objective, theta, optimizer.start(theta))
    optimizer.step(objective, theta, state)
    with pytest.raises(ValueError, match="start the optimiser from the parameters that it steps from"):
        optimizer.step(objective, theta + 1e-3, state)
