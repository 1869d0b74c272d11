from dataclasses import replace

import pytest
import torch

from pinnlab.training.pointwise import Group, Kind, PointwiseLeastSquares
from pinnlab.training.row_jacobian import LayerOuterProducts, PerPoint

DOUBLE = torch.float64


def tensor(*rows):
    return torch.tensor(rows, dtype=DOUBLE)


def line(theta, points, extras):
    """a x + b - y."""
    return theta[0] * points + theta[1] - extras


def square(theta, points, extras):
    """(a^2, a b) x, two rows a point and no extras."""
    return torch.cat([theta[0] ** 2 * points, theta[0] * theta[1] * points], 1)


def objective(chunk=1000, rule=PerPoint):
    first = Group(line, tensor([1.0], [2.0], [3.0]), tensor([1.0], [1.0], [2.0]), tensor([1.0], [2.0], [1.0]))
    second = Group(square, tensor([1.0], [4.0]), torch.zeros(2, 0, dtype=DOUBLE), tensor([1.0, 0.5], [1.0, 0.5]))
    return PointwiseLeastSquares((first, second), rule(chunk=chunk))


THETA = torch.tensor([2.0, 3.0], dtype=DOUBLE)
RESIDUALS = [4.0, 12.0, 7.0, 4.0, 3.0, 16.0, 12.0]
JACOBIAN = [[1.0, 1.0], [4.0, 2.0], [3.0, 1.0], [4.0, 0.0], [1.5, 1.0], [16.0, 0.0], [6.0, 4.0]]


@pytest.mark.parametrize("chunk", [1000, 2, 1])
@pytest.mark.parametrize("rule", [PerPoint, LayerOuterProducts])
def test_residuals_and_jacobian_by_hand_group_by_group_point_by_point(chunk, rule):
    r, jacobian = objective(chunk, rule).jacobian(THETA)
    assert r.tolist() == RESIDUALS
    assert jacobian.tolist() == JACOBIAN
    assert objective(chunk).residuals(THETA).tolist() == RESIDUALS
    assert objective().count == 7


@pytest.mark.parametrize("chunk", [1000, 2])
def test_everything_derived_from_the_jacobian_agrees_with_it(chunk):
    r, jacobian = tensor(*RESIDUALS), tensor(*JACOBIAN)
    loss, gradient = objective(chunk).value_and_gradient(THETA)
    torch.testing.assert_close(loss, r @ r)
    torch.testing.assert_close(gradient, 2 * jacobian.T @ r)
    found_r, found_g, gram = objective(chunk).normal_equations(THETA)
    torch.testing.assert_close(found_r, r)
    torch.testing.assert_close(found_g, jacobian.T @ r)
    torch.testing.assert_close(gram, jacobian.T @ jacobian)
    vector = torch.arange(7.0, dtype=DOUBLE)
    torch.testing.assert_close(objective(chunk).pullback(THETA, vector), jacobian.T @ vector)


def test_nothing_found_is_attached_to_a_graph():
    theta = THETA.clone().requires_grad_(True)
    found = [
        *objective().jacobian(theta),
        *objective().normal_equations(theta),
        *objective().value_and_gradient(theta),
    ]
    assert not any(f.requires_grad for f in found)


def test_residuals_stay_differentiable():
    torch.testing.assert_close(torch.func.jacrev(objective(2).residuals)(THETA), tensor(*JACOBIAN))


def test_shapes_that_do_not_fit_are_refused():
    x = torch.zeros(3, 1)
    for bad in ((x[:, 0], x, x), (x, x[:2], x), (x, x, x[:1]), (x, x, torch.ones(()))):
        with pytest.raises(ValueError, match="Group: points, extras and scale"):
            Group(line, *bad)
    with pytest.raises(ValueError, match="no groups"):
        PointwiseLeastSquares(())


@pytest.mark.parametrize("chunk", [1000, 2, 1])
def test_every_row_kind_of_every_group_is_a_term(chunk):
    # Sums of squares: 16 + 144 + 49, 16 + 256, 9 + 144; gradients are 2 J'r over the same rows.
    found, jacobian = objective(chunk), tensor(*JACOBIAN)
    members = [[0, 1, 2], [3, 5], [4, 6]]
    losses, gradients = found.losses_and_gradients(THETA)
    assert found.terms == 3
    assert losses.tolist() == [209.0, 272.0, 153.0]
    for term, rows in enumerate(members):
        expected = 2 * jacobian[rows].T @ tensor(*RESIDUALS)[rows]
        torch.testing.assert_close(gradients[term], expected)
        one, slope = found.term_and_gradient(term, THETA)
        assert (float(one), slope.tolist()) == (float(losses[term]), gradients[term].tolist())
    assert not losses.requires_grad
    assert not gradients.requires_grad


def test_a_term_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="there is no term 3; the loss has 3"):
        objective().term_and_gradient(3, THETA)


def test_weights_make_a_mean_of_multiplied_squares():
    # Rows 4, 6, 7 at three points with factors 1, 2, 3: (16 + 72 + 147) / 3.
    group = objective().groups[0].weighted(tensor([1.0], [2.0], [3.0]))
    assert float((group.residuals(THETA) ** 2).sum()) == pytest.approx(235 / 3)
    assert (group.name, group.kind) == ("", Kind.EQUATION)


def test_a_residual_is_described_by_its_group_row_and_point():
    a, b = objective().groups
    found = PointwiseLeastSquares((replace(a, name="condition on 'left'"), replace(b, name="equation")))
    assert found.describe(1) == "condition on 'left' at [2.0]"
    assert found.describe(6) == "equation 2 at [4.0]"
    assert objective().describe(0) == "group 0 at [1.0]"


@pytest.mark.parametrize("chunk", [1000, 2, 1])
def test_blocks_are_the_jacobian_in_runs(chunk):
    found = [(r.clone(), block.clone()) for r, block in objective(chunk).blocks(THETA)]
    assert torch.cat([r for r, _ in found]).tolist() == RESIDUALS
    assert torch.cat([block for _, block in found]).tolist() == JACOBIAN
    assert max(len(r) for r, _ in found) <= 2 * chunk


def test_residuals_are_described_by_group_row_and_point():
    first, second = objective().groups
    found = PointwiseLeastSquares((first, replace(second, name="wall")))
    assert found.describe(2) == "group 0 at [3.0]"
    assert found.describe(6) == "wall 2 at [4.0]"
    with pytest.raises(IndexError):
        found.describe(7)


def test_a_group_without_points_adds_nothing():
    def rows(theta, points, extras):
        return theta[0] * points

    def group(n):
        x = torch.arange(1.0, n + 1, dtype=torch.float64)[:, None]
        return Group(rows, x, x[:, :0], torch.ones_like(x))

    theta = torch.tensor([2.0], dtype=torch.float64)
    objective = PointwiseLeastSquares((group(0), group(2)))
    assert objective.residuals(theta).tolist() == [2, 4]
    assert [v.tolist() for v in objective.value_and_gradient(theta)] == [20, [20]]
    assert [v.tolist() for v in objective.losses_and_gradients(theta)] == [[0, 20], [[0], [20]]]
    residuals, slope, gram, pullback = objective.linearized(theta)
    assert (slope.tolist(), gram.tolist(), pullback(residuals).tolist()) == ([10], [[5]], [10])
