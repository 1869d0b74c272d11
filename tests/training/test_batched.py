"""Sums of squares of several members: each has the numbers of its own objective."""

from __future__ import annotations

import pytest
import torch

from pinnlab.networks.inputs import Inputs
from pinnlab.networks.mlp import Mlp
from pinnlab.numerics.taylor import TaylorMode
from pinnlab.training.batched import BatchedLeastSquares, layout
from pinnlab.training.parameters import Parameters
from pinnlab.training.pointwise import Group, PointwiseLeastSquares
from pinnlab.training.row_jacobian import LayerOuterProducts, PerPoint, RowJacobian

NETWORK = Mlp(width=5, depth=2).build(Inputs((0.0, 0.0), (1.0, 1.0), (False, False)), 1, torch.Generator())
PARAMETERS = Parameters(NETWORK)
PLAN = TaylorMode().plan([(0, 0), (1, 0), (0, 2)], NETWORK, torch.zeros(2, 2, dtype=torch.float64))
MEMBERS = 3


def equation(theta, points, extras):
    """u_t - extra u_xx, and u u_xx: two rows that see theta through layers alone."""
    u, u_t, u_xx = (d[:, 0] for d in PLAN.evaluate(PARAMETERS.bind(theta), points).values())
    return torch.stack([u_t - extras[:, 0] * u_xx, u * u_xx], dim=1)


def with_coefficient(theta, points, extras):
    """The same, with an unknown coefficient behind the network's parameters."""
    return equation(theta, points, extras) * theta[PARAMETERS.size]


def random(*shape, seed):
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def objectives(rows=equation, differentiation=None, sizes=(7, 4)):
    """Different points, extras and scales for each member, in two groups."""
    rule = differentiation or LayerOuterProducts(chunk=3)
    found = []
    for k in range(MEMBERS):
        parts = (
            Group(rows, random(n, 2, seed=10 * k + i), random(n, 1, seed=100 + k), random(n, 2, seed=200 + k), f"g{i}")
            for i, n in enumerate(sizes)
        )
        found.append(PointwiseLeastSquares(tuple(parts), rule))
    return found


def parameters_of(members=MEMBERS):
    return random(members, PARAMETERS.size + 1, seed=1) - 0.3


CASES = {
    "layers": (equation, LayerOuterProducts(chunk=3)),
    "layers in one chunk": (equation, LayerOuterProducts()),
    "layers point by point": (equation, PerPoint(chunk=3)),
    "a coefficient": (with_coefficient, LayerOuterProducts(chunk=3)),
    "a coefficient point by point": (with_coefficient, PerPoint()),
}


@pytest.mark.parametrize(("rows", "rule"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("sizes", [(7, 4), (8,)], ids=["two groups", "one group"])
def test_residuals_jacobians_and_gradients_are_those_of_each_member_alone(rows, rule, sizes):
    alone, thetas = objectives(rows, rule, sizes), parameters_of()
    batched = BatchedLeastSquares.of(alone, thetas[0])
    residuals, jacobians = batched.jacobians(thetas)
    losses, gradients = batched.values_and_gradients(thetas)
    assert (batched.members, batched.count) == (MEMBERS, alone[0].count)
    for k, (objective, theta) in enumerate(zip(alone, thetas, strict=True)):
        expected, matrix = objective.jacobian(theta)
        torch.testing.assert_close(residuals[k], expected, rtol=1e-13, atol=1e-14)
        torch.testing.assert_close(batched.residuals(thetas)[k].detach(), expected, rtol=1e-13, atol=1e-14)
        torch.testing.assert_close(jacobians[k], matrix, rtol=1e-12, atol=1e-13)
        loss, gradient = objective.value_and_gradient(theta)
        torch.testing.assert_close(losses[k], loss, rtol=1e-13, atol=1e-14)
        torch.testing.assert_close(gradients[k], gradient, rtol=1e-12, atol=1e-13)
    assert not residuals.requires_grad
    assert not jacobians.requires_grad
    assert not gradients.requires_grad


def test_residuals_without_gradients_are_the_same():
    alone, thetas = objectives(), parameters_of()
    batched = BatchedLeastSquares.of(alone, thetas[0])
    with torch.no_grad():
        torch.testing.assert_close(batched.residuals(thetas)[1], alone[1].residuals(thetas[1]), rtol=1e-13, atol=1e-14)


def test_a_selection_and_a_single_member_keep_their_own_numbers():
    alone, thetas = objectives(), parameters_of()
    batched = BatchedLeastSquares.of(alone, thetas[0])
    chosen = batched.select([2, 0])
    expected = torch.stack([alone[2].residuals(thetas[2]), alone[0].residuals(thetas[0])])
    torch.testing.assert_close(chosen.residuals(thetas[[2, 0]]), expected)
    assert batched.select([0, 1, 2]) is batched
    assert torch.equal(batched.member(1).residuals(thetas[1]), alone[1].residuals(thetas[1]))
    assert batched.member(1).describe(15).startswith("g1 2 at [")


def test_members_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match="2 layouts"):
        BatchedLeastSquares.of([*objectives(), *objectives(sizes=(7, 5))], parameters_of()[0])
    assert layout(objectives()[0]) == ((7, 1, 2), (4, 1, 2))


def test_a_rule_of_differentiation_of_ones_own_is_refused():
    class Own(RowJacobian):
        chunk = 5

        def write(self, rows, theta, points, extras, matrix):
            raise NotImplementedError

    with pytest.raises(ValueError, match="Own differentiates one member at a time"):
        BatchedLeastSquares.of(objectives(differentiation=Own()), parameters_of()[0])
