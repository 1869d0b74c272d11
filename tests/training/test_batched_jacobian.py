"""Jacobians of many members: what can be stacked, and what cannot."""

from __future__ import annotations

import pytest
import torch

from pinnlab.networks.inputs import Inputs
from pinnlab.networks.mlp import Mlp
from pinnlab.numerics.taylor import TaylorMode
from pinnlab.training.batched import BatchedLeastSquares
from pinnlab.training.batched_jacobian import acts_in_layers
from pinnlab.training.parameters import Parameters
from pinnlab.training.pointwise import Group, PointwiseLeastSquares
from pinnlab.training.row_jacobian import LayerOuterProducts, RowJacobian

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


def test_only_layers_are_seen_as_layers():
    points, extras = random(5, 2, seed=0), random(5, 1, seed=1)
    theta = parameters_of()[0]
    assert acts_in_layers(equation, theta, points, extras)
    assert not acts_in_layers(with_coefficient, theta, points, extras)

    def by_torch_func(theta, points, extras):
        return torch.func.vmap(lambda p: PARAMETERS.bind(theta)(p[None])[0])(points)

    def doubled(theta, points, extras):
        return PARAMETERS.bind(2 * theta)(points)

    assert not acts_in_layers(by_torch_func, theta, points, extras)
    assert not acts_in_layers(doubled, theta, points, extras)
    assert acts_in_layers(lambda theta, points, extras: points, theta, points, extras)


def test_a_rule_of_differentiation_of_ones_own_is_refused():
    class Own(RowJacobian):
        chunk = 5

        def write(self, rows, theta, points, extras, matrix):
            raise NotImplementedError

    with pytest.raises(ValueError, match="Own differentiates one member at a time"):
        BatchedLeastSquares.of(objectives(differentiation=Own()), parameters_of()[0])
