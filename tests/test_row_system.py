"""Rows of residuals at points, and the Gauss-Newton steps that they give."""

import math

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab.errors import SolveFailed
from pinnlab.forms.jet import Jet
from pinnlab.forms.linearized import CARRIED, Linearized
from pinnlab.numerics.partition_of_unity import Partition, WindowAxis
from pinnlab.numerics.patch_space import PatchSpace
from pinnlab.numerics.random_basis import RandomBasis
from pinnlab.row_system import Cloud, RowSystem, chain_layers

x = sp.Symbol("x", real=True)
u, u_x, v = Jet("u", (0,)).symbol, Jet("u", (1,)).symbol, Jet("v", (0,)).symbol


def space(patches=3):
    basis = RandomBasis.draw(60, 1, 1.0, 40, 1e-12, torch.Generator().manual_seed(0))
    return PatchSpace(Partition.full([WindowAxis(0.0, 1.0, patches)]), basis)


def cloud(expressions, points, carried=0.0):
    at = torch.as_tensor(points, dtype=torch.float64)[:, None]
    rows = tuple(Linearized(e, (x,), (x,)) for e in expressions)
    return Cloud("equation", rows, at, torch.zeros_like(at), torch.full((len(at),), carried, dtype=torch.float64))


def start(system):
    return torch.zeros(len(system.names), system.space.patches, system.space.basis.size, dtype=torch.float64)


def test_a_linear_problem_is_solved_in_one_step():
    # u' = u with u(0) given as 2 point by point: 2 e^x.
    inside = cloud([u_x - u], np.linspace(0, 1, 200))
    system = RowSystem.of(("u",), space(), [inside, cloud([u - CARRIED], [0.0], 2.0)])
    step = system.gauss_newton(start(system), 2.0**-10)
    values = system.space.evaluate(inside.points, step.coefficients, (0,))
    torch.testing.assert_close(values, 2 * torch.exp(inside.points), rtol=1e-9, atol=0)
    assert step.length == 1
    assert step.after == pytest.approx(step.promised, rel=1e-3, abs=1e-10)
    assert step.relative < 1e-9
    assert 0 < step.tail < 1e-6


def test_steps_of_a_nonlinear_system_converge_quadratically():
    # u' = -u² with u(0) = 1 is 1 / (1 + x), and v = u².
    inside = cloud([u_x + u**2, v - u**2], np.linspace(0, 1, 200))
    system = RowSystem.of(("u", "v"), space(), [inside, cloud([u - 1], [0.0])])
    c = start(system)
    before = []
    for i in range(9):
        step = system.gauss_newton(c, 2.0**-10, 1.0 if i else math.inf)
        c = step.coefficients
        before.append(step.before)
    values = system.space.evaluate(inside.points, c, (0,))
    exact = 1 / (1 + inside.points)
    torch.testing.assert_close(values, torch.cat([exact, exact**2], dim=1), rtol=1e-8, atol=1e-8)
    assert before[-1] < 1e-8 * before[0]
    assert before[3] < 0.1 * before[2]


def test_a_step_uphill_is_taken_only_where_growth_is_allowed():
    # From u = 0 the linear model of u' = -u² gives u = 1, whose residuals are larger than those of u = 0.
    inside = cloud([u_x + u**2], np.linspace(0, 1, 200))
    system = RowSystem.of(("u",), space(), [inside, cloud([u - 1], [0.0])])
    careful, bold = (system.gauss_newton(start(system), 2.0**-10, g) for g in (1.0, math.inf))
    assert careful.length < 1
    assert careful.after < careful.before
    assert bold.length == 1
    assert bold.after > bold.before


def test_the_chain_orders_patches_along_the_longest_open_axis():
    axes = [WindowAxis(0.0, 1.0, 5, periodic=True), WindowAxis(0.0, 1.0, 3), WindowAxis(0.0, 1.0, 2)]
    full = Partition.full(axes)
    assert chain_layers(full) == [p[1] for p in full.patches]
    holed = Partition(full.axes, tuple(p for p in full.patches if p[1] != 1))
    assert set(chain_layers(holed)) == {0, 1}
    assert set(chain_layers(Partition.full(axes[:1]))) == {0}


def test_fewer_rows_than_coefficients_are_refused():
    found = space()
    with pytest.raises(ValueError, match=r"5 residuals for \d+ coefficients; raise points"):
        RowSystem.of(("u",), found, [cloud([u - 1], np.linspace(0, 1, 5))])


def test_data_that_are_no_numbers_are_named_with_their_place():
    inside = cloud([u_x - 1 / x], np.linspace(0, 1, 200))
    system = RowSystem.of(("u",), space(), [inside])
    with pytest.raises(SolveFailed, match=r"equation .* is -inf at x = 0"):
        system.gauss_newton(start(system), 2.0**-10)


def test_a_first_guess_that_the_equation_does_not_take_is_named_and_not_the_data():
    # The slope of the root at 0 is infinite.
    system = RowSystem.of(("u",), space(), [cloud([u_x + sp.sqrt(u)], np.linspace(0, 1, 200))])
    with pytest.raises(SolveFailed, match=r"at the first guess u = 0 the equation .* is inf at x = 0; shift the unkn"):
        system.gauss_newton(start(system), 2.0**-10)
