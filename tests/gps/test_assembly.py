"""From settings to systems: first choices, what suits, warnings of coarse grids."""

import warnings

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, Condition, D, Observations, Problem, dirichlet
from pinnlab.errors import UnsupportedProblem
from pinnlab.gps.assembly import Assembly, Choice
from pinnlab.gps.gram import DenseSystem
from pinnlab.gps.kronecker import KroneckerSystem
from pinnlab.gps.placement import NodeGrid
from pinnlab.gps.spectrum import FoundSpectrum
from pinnlab.gps.weight_space import WeightSpace
from pinnlab.gps.weight_system import WeightSystem
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


def solved(made):
    return type(made.system(0, made.first))


def test_few_weights_are_solved_in_their_space_and_rough_kernels_densely():
    assert solved(assembly(line())) is WeightSystem
    assert solved(assembly(line(), (Matern(0.2, smoothness=2.5),), NodeGrid(20))) is DenseSystem


def square(conditions):
    y = sp.Symbol("y", real=True)
    v = sp.Function("v")(x, y)
    return Problem(
        name="square", equations=[D(v, x, 2) + D(v, y, 2) - sp.sin(40 * x) * sp.sin(40 * y)], unknowns=[v],
        domain=Box({x: (0, 1), y: (0, 1)}), conditions=conditions(v),
    )  # fmt: skip


def test_many_weights_on_a_grid_are_solved_along_its_axes_if_the_conditions_allow_it():
    assert solved(assembly(square(lambda v: [dirichlet(v, 0)]))) is KroneckerSystem
    radiating = square(
        lambda v: [dirichlet(v, 0, on=["left", "right", "top"]), Condition(D(v, v.args[1]) - v**4, on="bottom")]
    )
    assert solved(assembly(radiating)) is WeightSystem


def test_with_observations_the_nugget_is_what_they_cannot_tell():
    made = assembly(line())
    assert made.system(0, made.first).measurements.nugget == WeightSpace().nugget
    data = Observations(np.array([[0.5]]), np.array([2.0]), 0.02)
    told = Assembly(line(), FoundSpectrum(), NodeGrid(), None, None, (data,), (), torch.device("cpu"))
    assert told.system(0, told.first).measurements.nugget == pytest.approx(1e-4 * 0.01)


def test_given_nodes_determine_the_range():
    for n in (12, 100):
        made = assembly(line(30), placement=NodeGrid(n))
        assert made.first.top == pytest.approx((2.0 * n,))
        assert not made.may_widen
    assert assembly(line()).may_widen


def test_shapes_share_the_range_and_differ_in_width():
    made = assembly(line(200))
    shapes = made.shapes(made.first)
    assert len(shapes) == len(FoundSpectrum().widths)
    assert {s.top for s in shapes} == {made.first.top}
    lengths = [len(s.variances[0]) for s in shapes]
    assert lengths == sorted(lengths)
    assert lengths[0] < lengths[-1]


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


def test_what_no_range_makes_possible_is_refused_before_data_are_looked_at(monkeypatch):
    names = sp.symbols("a b c", real=True)
    v = sp.Function("v")(*names)
    cube = Problem(name="cube", equations=[sum(D(v, z, 2) for z in names) - 1], unknowns=[v],
                   domain=Box(dict.fromkeys(names, (0, 1))), conditions=[dirichlet(v, 0)])  # fmt: skip
    looked = []
    monkeypatch.setattr("pinnlab.gps.assembly.range_of_data", lambda *given: looked.append(given))
    with pytest.raises(UnsupportedProblem, match=r"weights, more than 3000; raise most"):
        assembly(cube).first  # noqa: B018
    assert not looked
