import copy
import itertools
import math

import pytest
import torch

from pinnlab.training.adam import Adam
from pinnlab.training.objective import LeastSquares
from pinnlab.training.soap import Layout, Soap

DOUBLE = torch.float64


class Fit(LeastSquares):
    """A W B - C for a matrix W (m, n), and a vector b - 1 after it."""

    count = 0
    shapes = ()

    def __init__(self, m=3, n=4, vector=2, seed=0, turn=None):
        g = torch.Generator().manual_seed(seed)
        self.shapes = ((m, n), (vector,))
        self.left, self.right, self.target = (
            torch.randn(*s, generator=g, dtype=DOUBLE) for s in ((m, m), (n, n), (m, n))
        )
        if turn is not None:
            self.left, self.right = self.left @ turn[0].T, turn[1] @ self.right

    def residuals(self, theta):
        m, n = self.shapes[0]
        w = theta[: m * n].view(m, n)
        return torch.cat([(self.left @ w @ self.right - self.target).flatten(), theta[m * n :] - 1])

    def jacobian(self, theta):
        raise NotImplementedError


def run(optimizer, objective, theta, calls):
    state = optimizer.start(theta)
    for _ in range(calls):
        theta, state, scalars = optimizer.step(objective, theta, state)
    return theta, state, scalars


def zeros(n=14):
    return torch.zeros(n, dtype=DOUBLE)


def test_two_iterations_by_hand():
    # W = (w1, w2)' of shape (2, 1), r = (w1 - 3, w2 - 4): the gradient at 0 is (-6, -8) = -10 (0.6, 0.8).  The first
    # iteration only sets the basis, whose first vector is (0.6, 0.8): turned, the gradient is (-10, 0), and Adam's
    # first step is the learning rate along it: theta = 0.1 (0.6, 0.8), where Adam itself would go to (0.1, 0.1).
    class Line(Fit):
        def residuals(self, theta):
            return theta - torch.tensor([3.0, 4.0], dtype=DOUBLE)

    objective = Line(2, 1, 0)
    objective.shapes = ((2, 1),)
    theta, state, scalars = run(Soap(learning_rate=0.1, per_step=1), objective, zeros(2), 2)
    torch.testing.assert_close(theta, torch.tensor([0.06, 0.08], dtype=DOUBLE), rtol=1e-7, atol=1e-9)
    assert scalars["loss"] == 25
    assert state.taken == 2
    # The factor is the running mean of gg' of both: 0.001 (0.999 + 1) gg'.
    g = torch.tensor([6.0, 8.0], dtype=DOUBLE)
    torch.testing.assert_close(state.factors[0], 1e-3 * 1.999 * torch.outer(g, g))


def test_the_first_step_of_a_matrix_is_the_learning_rate_times_its_orthogonal_factor():
    # r = W - C with C = U diag(4, 3) V', U = (0.6 -0.8; 0.8 0.6), V = (0 1; 1 0).  The gradient at 0 is -2 C, so both
    # bases are U and V; turned it is -2 diag(4, 3), of which Adam's first step keeps the signs: W = 0.1 U V'.  Adam
    # itself would go to 0.1 sign(C).
    class Matrix(Fit):
        def residuals(self, theta):
            return theta - torch.tensor([-2.4, 2.4, 1.8, 3.2], dtype=DOUBLE)

    objective = Matrix(2, 2, 0)
    objective.shapes = ((2, 2),)
    theta, state, scalars = run(Soap(learning_rate=0.1, per_step=1), objective, zeros(4), 2)
    torch.testing.assert_close(theta, torch.tensor([-0.08, 0.06, 0.06, 0.08], dtype=DOUBLE), rtol=0, atol=1e-7)
    assert scalars["loss"] == pytest.approx(25)
    # GG' = 4 C C' and G'G = 4 C'C, each seen twice: 0.001 (0.999 + 1) of it.
    left, right = (torch.tensor(m, dtype=DOUBLE) for m in ([[11.52, 3.36], [3.36, 13.48]], [[9.0, 0.0], [0.0, 16.0]]))
    torch.testing.assert_close(state.factors, [4e-3 * 1.999 * left, 4e-3 * 1.999 * right], rtol=1e-12, atol=1e-12)


def test_vectors_follow_adam_one_iteration_later():
    objective = Fit()
    adam = Adam(100, per_step=5, learning_rate=0.01)
    soap = Soap(100, per_step=6, learning_rate=0.01, memory=0.9, memory_square=0.999)
    a, _, _ = run(adam, objective, zeros(), 1)
    b, _, _ = run(soap, objective, zeros(), 1)
    torch.testing.assert_close(a[12:], b[12:], rtol=1e-6, atol=1e-9)
    assert not torch.allclose(a[:12], b[:12], rtol=1e-2)


def test_steps_do_not_depend_on_the_basis_of_the_weights():
    # W -> U W V with orthogonal U, V turns all steps alike, but for entries of the turned gradient that are rounding;
    # Adam's would change.
    g = torch.Generator().manual_seed(3)
    u, v = (torch.linalg.qr(torch.randn(k, k, generator=g, dtype=DOUBLE)).Q for k in (3, 4))
    start = torch.randn(14, generator=g, dtype=DOUBLE)
    turned = torch.cat([(u @ start[:12].view(3, 4) @ v.T).flatten(), start[12:]])
    differences = []
    for optimizer in (Soap(learning_rate=0.01, per_step=10), Adam(learning_rate=0.01, per_step=10)):
        a, _, _ = run(optimizer, Fit(), start, 1)
        b, _, _ = run(optimizer, Fit(turn=(u, v)), turned, 1)
        differences.append(float((u @ a[:12].view(3, 4) @ v.T - b[:12].view(3, 4)).norm() / (a - start)[:12].norm()))
    assert differences[0] < 1e-3
    assert differences[1] > 0.1


def test_bases_stay_orthogonal_and_come_to_diagonalise_the_factors():
    objective, optimizer = Fit(), Soap(learning_rate=1e-9, per_step=100)
    _, state, _ = run(
        optimizer, objective, torch.randn(14, dtype=DOUBLE, generator=torch.Generator().manual_seed(1)), 1
    )
    for factor, basis in zip(state.factors, state.bases, strict=True):
        torch.testing.assert_close(basis.T @ basis, torch.eye(len(basis), dtype=DOUBLE))
        turned = basis.T @ factor @ basis
        off = turned - torch.diag(turned.diagonal())
        assert float(off.norm()) < 1e-6 * float(turned.norm())


def test_bases_turn_only_every_few_iterations():
    objective, optimizer = Fit(), Soap(learning_rate=0.1, per_step=1, turn_every=3)
    theta, state = zeros(), optimizer.start(zeros())
    found = []
    for _ in range(5):
        theta, state, _ = optimizer.step(objective, theta, state)
        found.append(state.bases[0])
    assert [torch.equal(a, b) for a, b in itertools.pairwise(found)] == [True, True, False, True]


def test_sides_that_are_too_long_or_of_length_one_are_not_turned():
    layout = Layout.of(((3, 8), (1, 5), (7,), (2, 2, 2)), 50, largest=6)
    assert [(m.first, m.rows, m.columns) for m in layout.matrices] == [(0, True, False), (24, False, True)]
    assert [tuple(f.shape) for f in layout.outer_products(zeros(50))] == [(3, 3), (5, 5)]


def test_turning_back_undoes_turning():
    layout = Layout.of(((3, 4), (2,)), 14, largest=10)
    g = torch.Generator().manual_seed(0)
    bases = [torch.linalg.qr(torch.randn(k, k, generator=g, dtype=DOUBLE)).Q for k in (3, 4)]
    vector = torch.randn(14, generator=g, dtype=DOUBLE)
    turned = layout.turn(vector, bases)
    assert torch.equal(turned[12:], vector[12:])
    torch.testing.assert_close(turned[:12].view(3, 4), bases[0].T @ vector[:12].view(3, 4) @ bases[1])
    torch.testing.assert_close(layout.turn_back(turned, bases), vector)


def test_the_fit_is_solved_faster_than_by_adam():
    def loss(optimizer):
        return run(optimizer, Fit(), zeros(), 1)[2]["loss"]

    assert loss(Soap(300, 300, 0.05, 1e-2)) < 0.3 * loss(Adam(300, 300, 0.05, 1e-2))


def test_grouping_iterations_into_calls_changes_nothing():
    whole, a, _ = run(Soap(12, per_step=12, decay=0.1), Fit(), zeros(), 1)
    parts, b, _ = run(Soap(12, per_step=3, decay=0.1), Fit(), zeros(), 4)
    assert torch.equal(whole, parts)
    assert torch.equal(a.mean_square, b.mean_square)
    assert all(torch.equal(p, q) for p, q in zip(a.bases, b.bases, strict=True))


def test_the_learning_rate_falls_to_decay_and_the_budget_ends_the_run():
    optimizer = Soap(5, per_step=3, learning_rate=0.1, decay=1e-5)
    _, state, scalars = run(optimizer, Fit(), zeros(), 1)
    assert scalars["learning_rate"] == pytest.approx(0.1 * 1e-2)
    assert not optimizer.finished(state)
    assert optimizer.finished(run(optimizer, Fit(), zeros(), 2)[1])


def test_theta_and_state_are_not_changed():
    optimizer = Soap()
    theta, state, _ = run(optimizer, Fit(), zeros(), 1)
    kept = copy.deepcopy((theta, state))
    optimizer.step(Fit(), theta, state)
    assert torch.equal(theta, kept[0])
    assert torch.equal(state.mean, kept[1].mean)
    assert all(torch.equal(p, q) for p, q in zip(state.factors, kept[1].factors, strict=True))


def test_objectives_that_do_not_know_their_matrices_are_refused():
    objective = Fit()
    objective.shapes = ()
    with pytest.raises(ValueError, match="use Adam"):
        Soap().step(objective, zeros(), Soap().start(zeros()))
    with pytest.raises(ValueError, match="hold 14 parameters, theta 13"):
        Layout.of(Fit().shapes, 13, 100)


@pytest.mark.parametrize(
    "settings", [{"steps": 0}, {"learning_rate": 0}, {"decay": 2}, {"memory": 1.0}, {"turn_every": 0}, {"largest": 0}]
)
def test_unusable_settings_are_refused(settings):
    with pytest.raises(ValueError, match="Soap"):
        Soap(**settings)


def test_the_first_iteration_moves_nothing():
    theta, state, _ = run(Soap(per_step=1), Fit(), zeros(), 1)
    assert torch.equal(theta, zeros())
    assert state.taken == 1
    assert all(math.isfinite(float(f.norm())) for f in state.factors)
