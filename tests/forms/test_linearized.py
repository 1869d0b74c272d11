"""A residual with its partial derivatives."""

import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Problem, UnsupportedProblem, dirichlet
from pinnlab.forms.jet import Jet
from pinnlab.forms.linearized import CARRIED, Linearized
from pinnlab.forms.pointwise import Pointwise
from pinnlab.symbols import normal

x = sp.Symbol("x", real=True)
u = sp.Function("u")(x)


def linearized(equation):
    problem = Problem("one", [equation], [u], Box({x: (0, 1)}), [dirichlet(u, 0)])
    return Linearized(Pointwise.of(problem).residuals[0], (x,), (x,))


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_values_and_partials_worked_by_hand():
    # r = u u'' - x at u = 3, u'' = 2, x = 1/2 is 11/2, with the partials 2 and 3.
    found = linearized(u * D(u, x, 2) - x)
    assert found.jets == (Jet("u", (0,)), Jet("u", (2,)))
    zero = tensor(0.0)
    value, partials = found.values_and_partials([tensor(3.0), tensor(2.0)], tensor(0.5)[:, None], zero[:, None], zero)
    assert (float(value), *map(float, partials)) == (5.5, 2.0, 3.0)
    assert not found.is_linear
    assert float(found.values([tensor(3.0), tensor(2.0)], tensor(0.5)[:, None], zero[:, None], zero)) == 5.5


def test_constant_partials_are_spread_over_the_points():
    found = linearized(D(u, x, 2) - 1)
    assert found.is_linear
    points = torch.zeros(3, 1, dtype=torch.float64)
    value, (partial,) = found.values_and_partials([tensor(1.0, 2.0, 3.0)], points, points, points[:, 0])
    assert value.tolist() == [0, 1, 2]
    assert partial.tolist() == [1, 1, 1]


def test_normals_and_carried_values_enter():
    slope = Jet("u", (1,)).symbol
    found = Linearized(normal(x) * slope - CARRIED, (x,), (x,))
    value = found.values([tensor(2.0)], tensor(0.0)[:, None], tensor(-1.0)[:, None], tensor(5.0))
    assert float(value) == -7


def test_integrals_are_refused():
    symbol = Jet("u", (0,)).symbol
    found = Linearized(symbol - sp.Integral(sp.sin(x) / x, (x, 0, x)), (x,), (x,))
    with pytest.raises(UnsupportedProblem, match="Integral"):
        found.program  # noqa: B018


def test_a_coordinate_of_the_same_name_is_not_what_is_carried():
    assert sp.Symbol("carried", real=True) != CARRIED
