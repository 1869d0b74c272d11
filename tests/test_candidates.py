"""Candidates: the solvers that take a problem, and what makes one preferred."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sympy as sp

from pinnlab import (
    Automatic,
    Chebyshev,
    Collocation,
    Dop853,
    Etdrk4,
    FiniteDifferences,
    FiniteElement,
    FiniteVolume,
    MethodOfLines,
    Ode,
    Radau,
    UnsupportedProblem,
)
from pinnlab.candidates import candidates, independent, is_rough, may_form_shocks

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)


@pytest.mark.parametrize(
    ("name", "first", "others"),
    [
        ("burgers", MethodOfLines, {MethodOfLines, FiniteVolume, FiniteElement}),
        ("poisson_1d", Collocation, {Collocation, FiniteElement}),
        ("poisson_l_shape", FiniteElement, {FiniteElement}),
        ("sod", FiniteVolume, {FiniteVolume, MethodOfLines}),
        ("lorenz", Ode, {Ode}),
        ("lid_driven_cavity", FiniteElement, {FiniteElement}),
    ],
)
def test_candidates_are_those_that_take_the_problem(shipped, name, first, others):
    kinds = [type(s) for s in candidates(shipped[name])]
    assert kinds[0] is first
    assert set(kinds) == others


def test_only_first_order_equations_with_nonlinear_fluxes_may_form_shocks(shipped):
    steepening = {name for name, problem in shipped.items() if may_form_shocks(problem)}
    assert steepening >= {"sod", "inviscid_burgers", "buckley_leverett", "dam_break", "dam_break_2d", "shu_osher"}
    assert not steepening & {"burgers", "advection", "wave", "heat", "lorenz", "taylor_green_2d", "porous_medium"}


def test_case_distinctions_and_steepening_make_a_solution_rough(shipped):
    rough = {name for name, problem in shipped.items() if is_rough(problem)}
    assert rough >= {"sod", "dam_break", "euler_riemann_2d", "shu_osher", "inviscid_burgers"}
    assert not rough & {"burgers", "heat", "lorenz", "taylor_green_2d", "poisson_1d"}


def test_the_second_method_is_another_one(shipped):
    heat = shipped["heat"]
    assert type(independent(heat, MethodOfLines(FiniteDifferences(64), Radau())).space) is Chebyshev
    assert isinstance(independent(shipped["advection"], Etdrk4(64)), MethodOfLines)
    assert type(independent(shipped["lorenz"], Ode(Automatic())).time) is Dop853
    assert isinstance(independent(shipped["burgers"].with_parameters(nu=1), FiniteVolume()), MethodOfLines)
    only = replace(shipped["navier_stokes_vorticity"])
    with pytest.raises(UnsupportedProblem, match="no second classical solver takes 'navier_stokes_vorticity'"):
        independent(only, Etdrk4(64))
