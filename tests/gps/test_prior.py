"""Priors: smoothness and the largest frequencies."""

import math

import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Problem, dirichlet
from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.jet import Jet
from pinnlab.gps.prior import Prior
from pinnlab.numerics.kernels import Matern, SquaredExponential
from pinnlab.numerics.line_spectrum import LineSpectrum

x, y = sp.symbols("x y", real=True)
u = sp.Function("u")(x, y)
PROBLEM = Problem(
    name="plate", equations=[D(u, x, 4) + D(u, y, 2)], unknowns=[u], domain=Box({x: (0, 1), y: (0, 1)}),
    conditions=[dirichlet(u, 0), dirichlet(u, 0, on=["left", "right"])],
)  # fmt: skip


def test_each_coordinate_asks_its_own_kernel():
    prior = Prior((SquaredExponential(0.1), Matern(0.1, smoothness=2.5)), (1.0,))
    prior.require_derivatives(PROBLEM, [Jet("u", (4, 0)), Jet("u", (0, 2))])
    with pytest.raises(UnsupportedProblem, match="3 derivatives by y"):
        prior.require_derivatives(PROBLEM, [Jet("u", (0, 3))])


def test_the_largest_frequencies_are_those_of_lines():
    prior = Prior((LineSpectrum.harmonics(0.0, 2 * math.pi, 4.0, periodic=True), Matern(0.1)), (1.0,))
    assert prior.top == (4.0, 0.0)
    assert not prior.is_smooth
    assert Prior((SquaredExponential(1.0),) * 2, (1.0,)).is_smooth
    assert torch.equal(prior.kernels[0].frequencies, torch.arange(5, dtype=torch.float64))
