"""Jacobians of many members: what can be stacked, and what cannot."""

from __future__ import annotations

import torch

from pinnlab.networks.inputs import Inputs
from pinnlab.networks.mlp import Mlp
from pinnlab.numerics.taylor import TaylorMode
from pinnlab.training.batched_jacobian import acts_in_layers
from pinnlab.training.parameters import Parameters

NETWORK = Mlp(width=5, depth=2).build(Inputs((0.0, 0.0), (1.0, 1.0), (False, False)), 1, torch.Generator())
PARAMETERS = Parameters(NETWORK)
PLAN = TaylorMode().plan([(0, 0), (1, 0), (0, 2)], NETWORK, torch.zeros(2, 2, dtype=torch.float64))


def equation(theta, points, extras):
    """u_t - extra u_xx, and u u_xx: two rows that see theta through layers alone."""
    u, u_t, u_xx = (d[:, 0] for d in PLAN.evaluate(PARAMETERS.bind(theta), points).values())
    return torch.stack([u_t - extras[:, 0] * u_xx, u * u_xx], dim=1)


def with_coefficient(theta, points, extras):
    """The same, with an unknown coefficient behind the network's parameters."""
    return equation(theta, points, extras) * theta[PARAMETERS.size]


def random(*shape, seed):
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_only_layers_are_seen_as_layers():
    points, extras = random(5, 2, seed=0), random(5, 1, seed=1)
    theta = random(PARAMETERS.size + 1, seed=1) - 0.3
    assert acts_in_layers(equation, theta, points, extras)
    assert not acts_in_layers(with_coefficient, theta, points, extras)

    def by_torch_func(theta, points, extras):
        return torch.func.vmap(lambda p: PARAMETERS.bind(theta)(p[None])[0])(points)

    def doubled(theta, points, extras):
        return PARAMETERS.bind(2 * theta)(points)

    assert not acts_in_layers(by_torch_func, theta, points, extras)
    assert not acts_in_layers(doubled, theta, points, extras)
    assert acts_in_layers(lambda theta, points, extras: points, theta, points, extras)
