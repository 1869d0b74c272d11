"""From settings to systems: first choices, what suits, warnings of coarse grids."""

import warnings

import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Problem, dirichlet
from pinnlab.errors import UnsupportedProblem
from pinnlab.gps.assembly import Assembly, Choice
from pinnlab.gps.gram import Dense
from pinnlab.gps.placement import NodeGrid
from pinnlab.gps.spectrum import FoundSpectrum
from pinnlab.gps.weight_space import WeightSpace
from pinnlab.numerics.kernels import Matern, SquaredExponential

x = sp.Symbol("x", real=True)
u = sp.Function("u")(x)


def line(k=30, nonlinear=0, order=2):
    equation = D(u, x, order) + nonlinear * u**3 - sp.sin(k * x)
    conditions = [dirichlet(u, 0), *([dirichlet(u, 0)] if order == 0 else [])]
    return Problem(name="line", equations=[equation], unknowns=[u], domain=Box({x: (0, 1)}), conditions=conditions)


def assembly(problem, kernel=None, placement=None, algebra=None):
    rule = FoundSpectrum() if kernel is None else kernel
    return Assembly(problem, rule, placement or NodeGrid(), algebra, None, (), (), torch.device("cpu"))


def test_the_first_choice_is_the_range_of_the_data_with_a_margin():
    found = assembly(line(30)).first
    assert 30 * 1.15 < found.top[0] < 100
    assert found.amplitudes == (1.0,)
    assert assembly(line(), (SquaredExponential(0.2),)).first.top == ()


def test_smooth_kernels_are_solved_in_the_space_of_weights_and_rough_ones_densely():
    assert assembly(line()).chosen == WeightSpace()
    assert isinstance(assembly(line(), (Matern(0.2, smoothness=2.5),)).chosen, Dense)


def test_choices_are_compared_by_content():
    one = Choice((3.0,), [torch.ones(2)], (1.0,))
    assert one.same(Choice((3.0,), [torch.ones(2)], (1.0,)))
    assert not one.same(Choice((3.0,), [torch.tensor([1.0, 2.0])], (1.0,)))
    assert not one.same(Choice((3.0,), [torch.ones(2)], (2.0,)))


def test_linear_problems_are_known_as_such():
    assert assembly(line()).is_linear
    assert not assembly(line(nonlinear=1)).is_linear


def test_a_grid_too_coarse_for_the_data_is_warned_of():
    with pytest.warns(UserWarning, match=r"12 nodes along x resolve angular frequencies up to 24.*data hold"):
        assembly(line(30), placement=NodeGrid(12)).warn_if_coarse()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assembly(line(30), placement=NodeGrid(60)).warn_if_coarse()
        assembly(line(30)).warn_if_coarse()


def test_more_derivatives_than_the_kernel_has_are_refused_with_a_smoother_one():
    made = assembly(line(order=2), (Matern(0.2, smoothness=1.5),))
    with pytest.raises(UnsupportedProblem, match=r"u_2 asks for 2 derivatives by x.*smoother kernel"):
        made.system(0, made.first)
