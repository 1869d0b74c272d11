"""Processes on tensor grids: against closed forms and the weight space, conditions, refusals."""

import math

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Disk, Observations, Problem, dirichlet, initial, initial_rate, neumann, parameter, robin
from pinnlab.errors import IncompatibleData, SolveFailed, UnsupportedProblem
from pinnlab.field import ExactField, intervals
from pinnlab.gps.kronecker import Kronecker
from pinnlab.gps.placement import NodeGrid, Scattered
from pinnlab.gps.prior import Prior
from pinnlab.gps.system import Measurements, clouds_of
from pinnlab.gps.weight_space import WeightSpace
from pinnlab.numerics.kernels import Matern, SquaredExponential
from pinnlab.numerics.line_spectrum import LineSpectrum

t, x, y = sp.symbols("t x y", real=True)
u, v, line = sp.Function("u")(x, y), sp.Function("u")(t, x), sp.Function("u")(x)
CPU = torch.device("cpu")
SQUARE, STRIP = Box({x: (0, 1), y: (0, 1)}), Box({t: (0, 1), x: (0, 1)})


def laplace(w):
    return sp.diff(w, x, 2) + sp.diff(w, y, 2)


def manufactured(operator, exact, unknown, domain, conditions, time=None):
    return Problem(
        name="made", equations=[operator(unknown) - operator(exact)], unknowns=[unknown], domain=domain,
        conditions=conditions, time=time, reference=exact,
    )  # fmt: skip


def lines(problem, tops):
    periodic = {c.name for c in problem.region.periodic}
    rows = zip(intervals(problem).items(), tops, strict=True)
    return tuple(LineSpectrum.harmonics(a, b - a, top, name in periodic) for (name, (a, b)), top in rows)


def system(problem, counts=60, tops=(40.0, 40.0), kernels=None, algebra=Kronecker(), placement=None, **more):  # noqa: B008
    placement = placement or NodeGrid(counts)
    prior = Prior(kernels or lines(problem, tops), (1.0,) * len(problem.unknowns))
    told = Measurements(problem, prior, clouds_of(problem, placement, 0, CPU), more.pop("nugget", 1e-12), **more)
    return algebra.system(told, placement, CPU)


def solved(problem, steps=1, **settings):
    of = system(problem, **settings)
    coefficients = of.start()
    for _ in range(steps):
        coefficients = of.linearized(coefficients)
    return of.field(coefficients)


def error(field):
    axes = [np.linspace(a, b, 41) for a, b in intervals(field.problem).values()]
    found, exact = field.on_axes(axes).values["u"], ExactField.of(field.problem).on_axes(axes).values["u"]
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)


WAVY = sp.exp(sp.sin(3 * x + 2 * y))
SLOPES = {
    "left": -sp.diff(WAVY, x).subs(x, 0),
    "right": sp.diff(WAVY, x).subs(x, 1),
    "bottom": -sp.diff(WAVY, y).subs(y, 0),
    "top": sp.diff(WAVY, y).subs(y, 1),
}


def test_fast_waves_off_the_grid_of_lines_are_found_to_ten_digits():
    wave = sp.sin(30.37 * x) * sp.sin(30.37 * y)
    problem = manufactured(laplace, wave, u, Box({x: (0, 6), y: (0, 6)}), [dirichlet(u, wave)])
    assert error(solved(problem, counts=130, tops=(40.0, 40.0))) < 1e-10


@pytest.mark.parametrize(
    ("operator", "conditions"),
    [
        (laplace, [dirichlet(u, WAVY)]),
        (lambda w: laplace(w) - w, [neumann(u, g, on=s) for s, g in SLOPES.items()]),
        (
            laplace,
            [
                dirichlet(u, WAVY, on=["left", "top"]),
                neumann(u, SLOPES["right"], on="right"),
                robin(u, 2, 3, 2 * WAVY.subs(y, 0) + 3 * SLOPES["bottom"], on="bottom"),
            ],
        ),
        (lambda w: laplace(w) + 30 * w, [dirichlet(u, WAVY)]),
        (lambda w: laplace(w) + sp.diff(w, x, y), [dirichlet(u, WAVY)]),
        (lambda w: sp.diff((1 + x * y) * sp.diff(w, x), x) + (2 + x) * sp.diff(w, y, 2) + w, [dirichlet(u, WAVY)]),
    ],
    ids=["values", "slopes", "mixed", "helmholtz", "three terms", "variable"],
)
def test_linear_equations_on_a_square_are_solved(operator, conditions):
    assert error(solved(manufactured(operator, WAVY, u, SQUARE, conditions), tops=(60.0, 60.0))) < 1e-6


HEAT = sp.exp(-t) * sp.cos(sp.pi * x)
STRING = sp.sin(3 * x) * sp.cos(6 * t)


@pytest.mark.parametrize(
    ("operator", "exact", "conditions"),
    [
        (
            lambda w: sp.diff(w, t) - sp.diff(w, x, 2),
            HEAT,
            [initial(v, HEAT.subs(t, 0)), dirichlet(v, HEAT.subs(x, 0), on="left"), neumann(v, 0, on="right")],
        ),
        (
            lambda w: sp.diff(w, t, 2) - 4 * sp.diff(w, x, 2),
            STRING,
            [initial(v, STRING.subs(t, 0)), initial_rate(v, 0), dirichlet(v, STRING)],
        ),
        (
            lambda w: sp.diff(w, t) + 20 * sp.diff(w, x),
            sp.sin(x - 20 * t),
            [initial(v, sp.sin(x)), dirichlet(v, sp.sin(-20 * t), on="left")],
        ),
    ],
    ids=["heat", "wave", "advection"],
)
def test_evolutions_are_solved_at_all_times_at_once(operator, exact, conditions):
    problem = manufactured(operator, exact, v, STRIP, conditions, time=t)
    assert error(solved(problem, counts=80, tops=(60.0, 60.0))) < 1e-6


def test_periodic_coordinates_close():
    around = sp.exp(sp.sin(2 * sp.pi * x)) * sp.exp(y)
    problem = manufactured(
        laplace, around, u, Box({x: (0, 1), y: (0, 1)}, periodic=[x]), [dirichlet(u, around, on=["bottom", "top"])]
    )
    field = solved(problem, tops=(90.0, 50.0))
    assert error(field) < 1e-6
    ends = np.column_stack([np.repeat([0.0, 1.0], 5), np.tile(np.linspace(0, 1, 5), 2)])
    assert np.allclose(field(ends)[:5], field(ends)[5:], atol=1e-12)


def test_one_coordinate_is_solved_with_a_boundary_layer_of_sines():
    exact = x * sp.sin(60 * x)
    problem = manufactured(lambda w: sp.diff(w, x, 2), exact, line, Box({x: (0, 2)}), [dirichlet(line, exact)])
    assert error(solved(problem, counts=130, tops=(80.0,))) < 1e-10


def test_nonlinear_equations_converge_quadratically():
    exact = sp.sin(9 * x) * sp.cos(7 * y)
    problem = manufactured(lambda w: laplace(w) + w**3, exact, u, SQUARE, [dirichlet(u, exact)])
    of = system(problem, counts=90, tops=(90.0, 90.0))
    coefficients, sizes = of.start(), []
    for _ in range(5):
        coefficients = of.linearized(coefficients)
        sizes.append(of.merit(coefficients))
    assert sizes[1] < 1e-2 * sizes[0]
    assert sizes[-1] < 1e-6 * sizes[0]
    assert error(of.field(coefficients)) < 1e-8


def test_the_mean_is_that_of_the_weight_space():
    exact = sp.sin(2 * x + y)
    problem = manufactured(laplace, exact, u, SQUARE, [dirichlet(u, exact)])
    points = np.random.default_rng(0).random((50, 2))
    ours = solved(problem, counts=45, tops=(50.0, 50.0), nugget=1e-10)
    theirs = solved(problem, counts=45, tops=(50.0, 50.0), nugget=1e-10, algebra=WeightSpace())
    assert np.abs(ours(points) - theirs(points)).max() < 1e-5


def test_smooth_kernels_are_turned_into_lines():
    exact = sp.sin(2 * x + y)
    problem = manufactured(laplace, exact, u, SQUARE, [dirichlet(u, exact)])
    kernels = (SquaredExponential(0.3), SquaredExponential(0.3))
    assert error(solved(problem, counts=60, kernels=kernels)) < 1e-5


def test_another_system_starts_from_what_one_has_found():
    problem = manufactured(laplace, WAVY, u, SQUARE, [dirichlet(u, WAVY)])
    coarse, fine = system(problem, counts=40), system(problem, counts=70, tops=(60.0, 60.0))
    found = coarse.linearized(coarse.start())
    carried = fine.carried(coarse, found)
    points = np.random.default_rng(0).random((30, 2))
    assert np.allclose(fine.field(carried)(points), coarse.field(found)(points), atol=1e-7)


def test_contradictions_at_corners_are_among_the_scalars():
    with pytest.warns(IncompatibleData):
        problem = Problem(
            name="corner", equations=[laplace(u)], unknowns=[u], domain=SQUARE,
            conditions=[dirichlet(u, 1, on="left"), dirichlet(u, 0, on=["right", "bottom", "top"])],
        )  # fmt: skip
    of = system(problem)
    coefficients = of.linearized(of.start())
    assert of.scalars(coefficients)["corners"] == pytest.approx(0.5, rel=1e-6)
    assert np.isfinite(of.field(coefficients)(np.random.default_rng(0).random((9, 2)))).all()


def test_the_amplitude_is_the_size_of_the_data_in_deviations_of_the_prior():
    problem = Problem(
        name="line", equations=[D(line, x, 2) - 8 * sp.sin(x)], unknowns=[line], domain=Box({x: (0, 1)}),
        conditions=[dirichlet(line, 2, on="left"), dirichlet(line, 3, on="right")],
    )  # fmt: skip
    of = system(problem, tops=(40.0,), counts=50, nugget=1e-2)
    lines = of.fit.bases[0].spectrum.frequencies.numpy()
    # var u = number of lines, var u'' = sum of their fourth powers.
    inside = 8 * np.sin(of.fit.bases[0].nodes.numpy()) / np.sqrt((lines**4).sum())
    expected = np.sqrt(((inside**2).sum() + (4 + 9) / len(lines)) / 52)
    assert of.scalars(of.linearized(of.start()))["amplitude"] == pytest.approx(expected, rel=1e-2)


def refused(problem, kind, text, **settings):
    with pytest.raises(kind, match=text):
        system(problem, **settings)


POISSON = manufactured(laplace, WAVY, u, SQUARE, [dirichlet(u, WAVY)])


def test_what_has_no_tensor_grid_is_refused():
    disk = Problem(
        name="disk", equations=[laplace(u)], unknowns=[u], domain=Disk({x: 0, y: 0}, 1), conditions=[dirichlet(u, 0)]
    )
    kernels = (SquaredExponential(0.5), SquaredExponential(0.5))
    refused(disk, UnsupportedProblem, "is no box", kernels=kernels)
    refused(POISSON, UnsupportedProblem, r"is no grid; say placement=NodeGrid", placement=Scattered(50))
    seen = Observations(np.array([[0.5, 0.5]]), np.array([1.0]), 0.1)
    refused(POISSON, UnsupportedProblem, "observed values", observations=(seen,))
    k = parameter("k", unknown=True, guess=1.0)
    unknown = Problem(
        name="k", equations=[laplace(u) + k * u], unknowns=[u], domain=SQUARE, conditions=[dirichlet(u, 1)]
    )
    refused(unknown, UnsupportedProblem, "unknown parameters")


def test_several_unknowns_and_three_coordinates_are_refused():
    w = sp.Function("w")(x, y)
    two = Problem(
        name="two", equations=[laplace(u) - w, laplace(w)], unknowns=[u, w], domain=SQUARE,
        conditions=[dirichlet(u, 0), dirichlet(w, 0)],
    )  # fmt: skip
    refused(two, UnsupportedProblem, "2 unknowns; take algebra=WeightSpace")
    z = sp.Symbol("z", real=True)
    deep = sp.Function("u")(x, y, z)
    cube = Problem(
        name="cube", equations=[laplace(deep) + D(deep, z, 2)], unknowns=[deep],
        domain=Box({x: (0, 1), y: (0, 1), z: (0, 1)}), conditions=[dirichlet(deep, 0)],
    )  # fmt: skip
    refused(cube, UnsupportedProblem, "3 coordinates", tops=(9.0, 9.0, 9.0), counts=12)


def test_rough_kernels_and_lines_that_do_not_close_are_refused():
    refused(POISSON, UnsupportedProblem, "falls too slowly", kernels=(Matern(0.3, 2.5), Matern(0.3, 2.5)))
    circle = manufactured(
        laplace,
        sp.sin(2 * sp.pi * x),
        u,
        Box({x: (0, 1), y: (0, 1)}, periodic=[x]),
        [dirichlet(u, 0, on=["bottom", "top"])],
    )
    open_lines = (LineSpectrum.harmonics(0.0, 1.0, 20.0), LineSpectrum.harmonics(0.0, 1.0, 20.0))
    refused(circle, UnsupportedProblem, "does not repeat after 1", kernels=open_lines)


def test_grids_too_coarse_or_too_large_are_refused_with_numbers():
    refused(POISSON, ValueError, "14 nodes resolve angular frequencies up to 28.56.* give .* nodes or more", counts=14)
    refused(POISSON, ValueError, "60 x 60 nodes takes .* more than memory", algebra=Kronecker(memory=1e5))


def test_lines_that_the_nodes_do_not_resolve_are_left_out():
    assert system(POISSON, counts=18).fit.bases[0].spectrum.frequencies.max() <= 1.02 * 2 * 18
    assert system(POISSON, counts=40).fit.bases[0].spectrum.frequencies.max() >= 40


def test_what_the_conditions_leave_open_and_what_is_not_finite_fails_in_words():
    open_ = manufactured(laplace, WAVY, u, SQUARE, [neumann(u, g, on=s) for s, g in SLOPES.items()])
    of = system(open_)
    with pytest.raises(SolveFailed, match="leave the solution open"):
        of.linearized(of.start())
    singular = Problem(
        name="log", equations=[laplace(u) + 1 / u], unknowns=[u], domain=SQUARE, conditions=[dirichlet(u, 1)]
    )
    of = system(singular)
    with pytest.raises(SolveFailed, match="not finite at a node"):
        of.linearized(of.start())


def test_settings_are_checked():
    with pytest.raises(ValueError, match="draws = 0"):
        Kronecker(draws=0)
    with pytest.raises(ValueError, match="memory"):
        Kronecker(memory=-1.0)
    assert math.isclose(Kronecker().nugget, 1e-12)
