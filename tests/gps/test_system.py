"""What processes are told."""

import sympy as sp
import torch

from pinnlab import Box, D, Problem, dirichlet, initial, parameter
from pinnlab.gps.placement import NodeGrid
from pinnlab.gps.prior import Prior
from pinnlab.gps.system import Measurements, clouds_of
from pinnlab.numerics.kernels import SquaredExponential

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)


def heat(k):
    return Problem(
        name="heat", equations=[D(u, t) - k * D(u, x, 2) + u**2], unknowns=[u], domain=Box({t: (0, 1), x: (0, 1)}),
        conditions=[initial(u, sp.sin(sp.pi * x)), dirichlet(u, 0)], time=t,
    )  # fmt: skip


def test_equations_come_first_then_each_condition_at_its_points():
    clouds = clouds_of(heat(2), NodeGrid((4, 5)), 0, torch.device("cpu"))
    assert [c.name for c in clouds] == [
        "equation",
        "condition on 'initial'",
        "condition on 'left'",
        "condition on 'right'",
    ]
    assert [c.count for c in clouds] == [20, 7, 6, 6]
    told = Measurements(heat(2), Prior((SquaredExponential(1.0),) * 2, (1.0,)), clouds, 1e-8)
    assert told.count == 39
    assert not told.is_linear


def test_unknown_parameters_are_columns_of_the_rows():
    k = parameter("k", unknown=True, guess=1.0)
    (row,) = clouds_of(heat(k), NodeGrid(3), 0, torch.device("cpu"))[0].rows
    assert row.parameters == (k,)
    assert str(row.partials[-1]) == "-u_02"
