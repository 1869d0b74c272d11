"""Conditions built into the unknowns: they hold exactly, and the equation is still the same one."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import (
    Box,
    Condition,
    D,
    Difference,
    Disk,
    Hard,
    Polygon,
    Problem,
    Soft,
    UnsupportedProblem,
    dirichlet,
    initial,
    initial_rate,
    laplacian,
    neumann,
    normal,
    parameter,
)
from pinnlab.domain.base import Domain
from pinnlab.errors import IncompatibleData, KeptKink
from pinnlab.forms.ansatz import Ansatz, Hoisted
from pinnlab.forms.boundary import General, Robin, classify
from pinnlab.forms.evaluate import Program
from pinnlab.forms.jet import jet_symbols, to_jets
from pinnlab.symbols import with_values

t, x, y = sp.symbols("t x y", real=True)


def free_functions(ansatz: Ansatz):
    """Some smooth function for each free one, without symmetries."""
    out = {}
    for i, f in enumerate(ansatz.functions):
        phase = sum((k + 2 + i) * c for k, c in enumerate(ansatz.problem.coordinates))
        out[f] = sp.sin(phase + sp.Rational(1, 3)) + sp.Rational(1, 2) + phase / 10
    return out


def composed(ansatz: Ansatz):
    """Each unknown as a function of the coordinates."""
    table = free_functions(ansatz)
    return dict(zip(ansatz.problem.unknowns, (e.xreplace(table) for e in ansatz.expressions), strict=True))


def at(expression, problem, points):
    (value,) = Program([expression.doit()], problem.coordinates)(*points.T)
    return np.broadcast_to(np.asarray(value, float), len(points))


def jets_at(ansatz, expression, points, normals=None):
    """An expression of jets of the free functions, at points."""
    problem, table = ansatz.problem, free_functions(ansatz)
    symbols = jet_symbols(expression)
    values = []
    for s in symbols:
        f = table[ansatz.functions[ansatz.index(s)]]
        counts = [(c, n) for c, n in zip(problem.coordinates, s.jet.orders, strict=True) if n]
        values.append(at(f.diff(*counts) if counts else f, problem, points))
    components = [normal(c) for c in problem.space]
    columns = np.zeros((len(problem.space), len(points))) if normals is None else normals[:, -len(problem.space) :].T
    (value,) = Program([expression], [*problem.coordinates, *components, *symbols])(*points.T, *columns, *values)
    return np.broadcast_to(np.asarray(value, float), len(points))


def check_data_hold(problem, pieces):
    """u equals its data on each of the pieces."""
    ansatz = Hard().ansatz(problem)
    found = composed(ansatz)
    for row in classify(problem):
        if row.piece not in pieces:
            continue
        points, _ = problem.spacetime.sample_piece(row.piece, 40, np.random.default_rng(3))
        u = found[problem.unknowns[problem.names.index(row.unknown)]]
        value = u.diff(problem.time, row.time_order) if row.time_order else u
        np.testing.assert_allclose(at(value, problem, points), at(row.value, problem, points), atol=1e-12)
    return ansatz


def check_residuals(problem, constraints):
    """Residuals through the ansatz are those of the composed function."""
    ansatz = constraints.ansatz(problem)
    table = composed(ansatz)
    points = problem.spacetime.sample(30, np.random.default_rng(4))
    for through, equation in zip(ansatz.residuals, problem.equations, strict=True):
        direct = at(with_values(equation).xreplace(table), problem, points)
        np.testing.assert_allclose(jets_at(ansatz, through, points), direct, rtol=1e-9, atol=1e-9)
    return ansatz


def rod():
    """Values that change in time on both sides, and compatible initial data."""
    u = sp.Function("u")(t, x)
    k = parameter("k", sp.Rational(1, 3))
    box = Box({t: (1, 3), x: (-1, 2)})
    exact = sp.sin(x + t) + x**2
    problem = Problem("rod", [D(u, t) - k * D(u**2, x, 2)], [u], box, [initial(u, 0), dirichlet(u, 0)], t)
    return problem.manufactured(exact)


def membrane():
    """Second order in time on a rectangle, with values on all four sides."""
    u = sp.Function("u")(t, x, y)
    box = Box({t: (0, 2), x: (0, 1), y: (-1, 3)})
    conditions = [initial(u, 0), initial_rate(u, 0), dirichlet(u, 0)]
    problem = Problem("membrane", [D(u, t, 2) - laplacian(u, (x, y))], [u], box, conditions, t)
    return problem.manufactured(sp.cos(t + x) * sp.exp(y / 2) + t * x)


def plate():
    """Values on two sides that meet, normal derivatives on the others."""
    u = sp.Function("u")(x, y)
    box = Box({x: (0, 1), y: (0, 2)})
    conditions = [dirichlet(u, 0, on=["left", "bottom"]), neumann(u, 0, on=["right", "top"])]
    return Problem("plate", [laplacian(u, (x, y)) + u**3], [u], box, conditions).manufactured(sp.exp(x) * sp.sin(y))


def pair():
    """Two unknowns with conditions of different kinds on a strip."""
    u, v = (sp.Function(name)(t, x) for name in "uv")
    conditions = [initial(u, 0), initial(v, 0), dirichlet(u, 0, on="left"), neumann(u, 0, on="right"), neumann(v, 0)]
    equations = [D(u, t) - D(u, x, 2) + u * v, D(v, t) - D(v, x, 2) - D(u, x)]
    problem = Problem("pair", equations, [u, v], Box({t: (0, 1), x: (0, 1)}), conditions, t)
    return problem.manufactured({u: sp.cos(x - t), v: sp.sin(2 * x) + t})


def test_data_hold_on_both_sides_and_initially():
    ansatz = check_data_hold(rod(), ("initial", "left", "right"))
    assert ansatz.open_rows == ()
    assert ansatz.open_residuals == ()


def test_values_and_rates_hold_for_second_order_in_time_on_a_rectangle():
    ansatz = check_data_hold(membrane(), ("initial", "left", "right", "bottom", "top"))
    assert ansatz.open_rows == ()


def test_values_hold_beside_normal_derivatives_which_stay_open():
    ansatz = check_data_hold(plate(), ("left", "bottom"))
    assert [(type(r), r.piece) for r in ansatz.open_rows] == [(Robin, "right"), (Robin, "top")]


def test_each_unknown_has_its_own_conditions():
    problem = pair()
    ansatz = Hard().ansatz(problem)
    assert [(r.unknown, r.piece) for r in ansatz.open_rows] == [("u", "right"), ("v", "left"), ("v", "right")]
    for name in ("u", "v"):
        index = problem.names.index(name)
        table = composed(ansatz)
        points, _ = problem.spacetime.sample_piece("initial", 20, np.random.default_rng(0))
        exact = problem.exact_expressions[index]
        np.testing.assert_allclose(at(table[problem.unknowns[index]], problem, points), at(exact, problem, points))


def test_shipped_problems_with_values_on_their_sides_hold_them(shipped):
    for name in ("heat", "burgers", "wave", "poisson_1d", "helmholtz_2d"):
        problem = shipped[name]
        check_data_hold(problem, problem.spacetime.pieces)


def test_the_free_function_reaches_every_inner_point():
    for problem in (rod(), membrane(), plate(), pair()):
        ansatz = Hard().ansatz(problem)
        points = problem.spacetime.sample(50, np.random.default_rng(5))
        for e, f in zip(ansatz.expressions, ansatz.functions, strict=True):
            factor = sp.diff(e.xreplace({f: sp.Symbol("N")}), sp.Symbol("N"))
            assert (np.abs(at(factor, problem, points)) > 1e-9).all()


def test_data_that_disagree_at_a_corner_are_refused():
    """Blended, u0 = 1 between cold walls would become u0 = 0 everywhere, and u = 0 a solution without residual."""
    u = sp.Function("u")(t, x)
    conditions = [initial(u, 1), dirichlet(u, 0)]
    with pytest.warns(UserWarning, match="differ"):
        problem = Problem("quench", [D(u, t) - D(u, x, 2)], [u], Box({t: (0, 1), x: (0, 1)}), conditions, t)
    with pytest.raises(UnsupportedProblem, match=r"'quench'.*'initial' by 1\); use constraints=Soft"):
        Hard().ansatz(problem)
    assert len(Soft().ansatz(problem).open_rows) == 3


def test_sides_whose_values_disagree_are_refused_too():
    """Of a lid that moves over walls at rest, u = y would be left, which is harmonic."""
    u = sp.Function("u")(x, y)
    conditions = [dirichlet(u, 0, on=["left", "right", "bottom"]), dirichlet(u, 1, on="top")]
    with pytest.warns(UserWarning, match="differ"):
        problem = Problem("lid", [laplacian(u, (x, y))], [u], Box({x: (0, 1), y: (0, 1)}), conditions)
    with pytest.raises(UnsupportedProblem, match=r"'lid'.*'left' by 0\.\d+\); use"):
        Hard().ansatz(problem)


@pytest.mark.parametrize("constraints", [Hard(), Soft()])
@pytest.mark.parametrize("problem", [rod(), membrane(), plate(), pair()], ids=lambda p: p.name)
def test_residuals_through_the_ansatz_are_those_of_the_composed_function(problem, constraints):
    ansatz = check_residuals(problem, constraints)
    table = composed(ansatz)
    for row, through in zip(ansatz.open_rows, ansatz.open_residuals, strict=True):
        points, normals = problem.spacetime.sample_piece(row.piece, 20, np.random.default_rng(6))
        condition = next(
            c for c in problem.conditions if row.piece in problem.pieces_of(c)
            and any(str(u) in str(c.residual) for u in problem.unknowns if u.func.__name__ == row.unknown)
            and classify_one(c, problem, row)
        )  # fmt: skip
        direct = condition_at(condition, problem, table, points, normals)
        np.testing.assert_allclose(jets_at(ansatz, through, points, normals), direct, rtol=1e-9, atol=1e-9)


def classify_one(condition, problem, row):
    from pinnlab.forms.boundary import resolved

    return resolved(condition.residual, problem) == row.residual


def condition_at(condition, problem, table, points, normals):
    """A condition on a known function, the boundary operators written out by plain sympy."""
    from pinnlab.symbols import NormalDerivative, Rate

    e = with_values(condition.residual)
    for node in e.atoms(NormalDerivative, Rate):
        (u,) = node.args
        if isinstance(node, Rate):
            value = table[u].diff(problem.time)
        else:
            value = sp.Add(*(normal(c) * table[u].diff(c) for c in problem.space))
        e = e.xreplace({node: value})
    e = e.xreplace(table).doit()
    columns = [*points.T, *normals[:, -len(problem.space) :].T]
    (value,) = Program([e], [*problem.coordinates, *(normal(c) for c in problem.space)])(*columns)
    return np.broadcast_to(np.asarray(value, float), len(points))


def test_derivatives_of_the_unknowns_through_the_ansatz():
    problem = membrane()
    ansatz = Hard().ansatz(problem)
    (u,) = composed(ansatz).values()
    points = problem.spacetime.sample(20, np.random.default_rng(7))
    for orders in ((0, 0, 0), (1, 0, 0), (0, 2, 1)):
        counts = [(c, n) for c, n in zip(problem.coordinates, orders, strict=True) if n]
        direct = at(u.diff(*counts) if counts else u, problem, points)
        np.testing.assert_allclose(
            jets_at(ansatz, ansatz.derivatives(orders)[0], points), direct, rtol=1e-10, atol=1e-10
        )


def test_soft_leaves_every_condition_open():
    problem = pair()
    ansatz = Soft().ansatz(problem)
    assert ansatz.open_rows == classify(problem)
    assert ansatz.expressions == ansatz.functions


def test_of_two_conditions_on_a_side_the_value_is_built_in_and_the_other_stays():
    w = sp.Function("w")(x)
    conditions = [dirichlet(w, 1), neumann(w, 2)]
    problem = Problem("beam", [D(w, x, 4) - 1], [w], Box({x: (0, 1)}), conditions)
    ansatz = Hard().ansatz(problem)
    assert [(type(r), r.piece) for r in ansatz.open_rows] == [(Robin, "left"), (Robin, "right")]
    (found,) = composed(ansatz).values()
    np.testing.assert_allclose(at(found, problem, np.array([[0.0], [1.0]])), 1)


def test_data_that_hold_the_normal_stay_open():
    w = sp.Function("w")(x)
    problem = Problem("ramp", [D(w, x, 2)], [w], Box({x: (0, 1)}), [dirichlet(w, normal(x))])
    ansatz = Hard().ansatz(problem)
    assert len(ansatz.open_rows) == 2
    assert ansatz.expressions == ansatz.functions


def test_conditions_that_are_no_values_stay_open():
    w = sp.Function("w")(x)
    nonlinear = [Condition(w**2 - 1, "left"), dirichlet(w, 0, on="right")]
    problem = Problem("root", [D(w, x, 2)], [w], Box({x: (0, 1)}), nonlinear)
    ansatz = Hard().ansatz(problem)
    assert [(type(r), r.piece) for r in ansatz.open_rows] == [(General, "left")]
    (found,) = composed(ansatz).values()
    assert at(found, problem, np.array([[1.0]])) == 0
    assert at(found, problem, np.array([[0.0]])) != 0


class Blob(Domain):
    """A region that is no box."""

    coordinates = (x, y)
    pieces = ("rim",)

    def contains(self, points):
        return np.ones(len(points), bool)

    def sample(self, n, rng):
        return rng.random((n, 2))

    def sample_piece(self, piece, n, rng):
        return rng.random((n, 2)), np.ones((n, 2))


def test_hard_conditions_on_a_region_that_is_no_box_are_refused():
    u = sp.Function("u")(x, y)
    problem = Problem("blob", [laplacian(u, (x, y))], [u], Blob(), [dirichlet(u, 0)])
    with pytest.raises(UnsupportedProblem, match=r"Hard on 'blob': .*boxes and shapes only.* use constraints=Soft\(\)"):
        Hard().ansatz(problem)
    assert len(Soft().ansatz(problem).open_rows) == 1


U = sp.Function("u")(x, y)
HOISTED = [
    sp.sin(x) * D(U, x) + sp.cos(y) * D(U, x) * U + sp.exp(x) + 3,
    sp.sin(sp.exp(x * y) * U + x) ** 2 / (1 + U**2) ** (2 + x),
    sp.Max(U, x) + sp.Piecewise((U, x < sp.S.Half), (U**2 * y, True)),
    sp.Piecewise((U, x * y > U), (sp.sin(x), x > y), (2 * U, True)),
    sp.Heaviside(U - x, sp.S.Half) * normal(x) + 0 * U,
]


@pytest.mark.parametrize("expression", HOISTED, ids=str)
def test_hoisting_changes_no_value(expression):
    e = to_jets(expression, (x, y))
    hoisted = Hoisted.of([e])
    rng = np.random.default_rng(8)
    points = rng.uniform(0.1, 1, (50, 3))
    arguments = [x, y, normal(x)]
    symbols = jet_symbols(e)
    values = rng.uniform(0.1, 1, (len(symbols), 50))
    coefficients = Program(list(hoisted.coefficients.values()), arguments)(*points.T)
    spread = [np.broadcast_to(np.asarray(c, float), 50) for c in coefficients]
    (found,) = Program(hoisted.expressions, [*symbols, *hoisted.coefficients])(*values, *spread)
    (expected,) = Program([e], [*arguments, *symbols])(*points.T, *values)
    np.testing.assert_allclose(np.broadcast_to(found, 50), np.broadcast_to(expected, 50), rtol=1e-12)
    tensors = [torch.as_tensor(c.copy()) for c in (*values, *spread)]
    (in_torch,) = Program(hoisted.expressions, [*symbols, *hoisted.coefficients])(*tensors)
    np.testing.assert_allclose(in_torch.numpy(), np.broadcast_to(expected, 50), rtol=1e-12)
    assert hoisted.symbols == symbols


def test_hoisted_expressions_hold_no_coordinate_and_share_equal_coefficients():
    e = to_jets(sp.sin(x) * D(U, x) + sp.sin(x) * U**2, (x, y))
    hoisted = Hoisted.of([e, e * 2])
    assert not {x, y} & set().union(*(h.free_symbols for h in hoisted.expressions))
    assert sorted(map(str, hoisted.coefficients.values())) == ["2*sin(x)", "sin(x)"]


def test_what_is_trained_beside_the_networks_stays_in_the_expressions():
    k = parameter("k", unknown=True, guess=1.0)
    hoisted = Hoisted.of([to_jets(k * sp.sin(x) * sp.exp(y) + k**2 * U + sp.cos(x * k), (x, y))], [k])
    assert k in hoisted.expressions[0].free_symbols
    assert sorted(map(str, hoisted.coefficients.values())) == ["exp(y)*sin(x)", "x"]


def cube(dimensions: int, exact_of) -> Problem:
    space = sp.symbols(f"x1:{dimensions + 1}", real=True)
    u = sp.Function("u")(*space)
    exact = exact_of(space)
    source = sum(exact.diff(c, 2) for c in space)
    return Problem("cube", [laplacian(u, space) - source], [u], Box(dict.fromkeys(space, (0, 1))),
                   [dirichlet(u, exact)])  # fmt: skip


def test_sums_of_functions_of_one_coordinate_are_interpolated_exactly_in_many_dimensions():
    problem = cube(10, lambda space: sum(sp.cos(c) for c in space))
    ansatz = Hard().ansatz(problem)
    assert ansatz.open_rows == ()
    inside = problem.region.sample(50, np.random.default_rng(0))
    lift = ansatz.expressions[0].xreplace({ansatz.functions[0]: sp.S.Zero})
    np.testing.assert_allclose(at(lift, problem, inside), np.cos(inside).sum(axis=1), rtol=1e-13)


def test_an_interpolant_that_grows_beyond_reach_is_refused_with_the_way_out():
    with pytest.raises(UnsupportedProblem, match=r"12 sides has more than 5,000 terms.*constraints=Soft\(\)"):
        Hard().ansatz(cube(6, lambda space: sp.exp(sp.sin(sum((i + 1) * c for i, c in enumerate(space))))))


def test_the_ansatz_on_a_shape_meets_its_data_on_every_piece():
    u = sp.Function("u")(x, y)
    plate = Difference(Box({x: (0, 1), y: (0, 1)}), Disk({x: 0.4, y: 0.6}, radius=0.2, name="hole"))
    conditions = [
        dirichlet(u, 1, on="hole"),
        dirichlet(u, x + y**2, on=["left", "right"]),
        neumann(u, 0, on=["bottom", "top"]),
    ]
    problem = Problem("plate", [laplacian(u, (x, y))], [u], plate, conditions)
    ansatz = Hard().ansatz(problem)
    assert [r.piece for r in ansatz.open_rows] == ["bottom", "top"]
    for piece, value in {"hole": sp.S.One, "left": x + y**2, "right": x + y**2}.items():
        points, _ = plate.sample_piece(piece, 100, np.random.default_rng(0))
        np.testing.assert_allclose(at(composed(ansatz)[u], problem, points), at(value, problem, points), atol=1e-12)


def test_residuals_on_a_shape_are_those_of_the_composed_function():
    u = sp.Function("u")(x, y)
    corner = Polygon((x, y), [(-1, -1), (0, -1), (0, 0), (1, 0), (1, 1), (-1, 1)])
    problem = Problem("corner", [D(u**2 / 2, x) - laplacian(u, (x, y))], [u], corner, [dirichlet(u, x)])
    ansatz = Hard().ansatz(problem)
    points = corner.sample(20, np.random.default_rng(0))
    table = composed(ansatz)
    expected = at(problem.equations[0].xreplace(table), problem, points)
    np.testing.assert_allclose(jets_at(ansatz, ansatz.residuals[0], points), expected, rtol=1e-8)


def test_a_second_derivative_on_a_piece_of_a_shape_that_is_built_in_is_refused():
    u = sp.Function("u")(x, y)
    plate = laplacian(laplacian(u, (x, y)), (x, y)) - 1
    conditions = [dirichlet(u, 0), Condition(laplacian(u, (x, y)))]
    corner = Polygon((x, y), [(-1, -1), (0, -1), (0, 0), (1, 0), (1, 1), (-1, 1)])
    problem = Problem("plate", [plate], [u], corner, conditions)
    with pytest.raises(UnsupportedProblem, match=r"condition on 'polygon' holds u_.*constraints=Soft\(\)"):
        Hard().ansatz(problem)
    assert len(Soft().ansatz(problem).open_rows) == 2
    # The distance from a whole circle is a polynomial.
    disk = Problem("plate", [plate], [u], Disk({x: 0, y: 0}, 1), conditions)
    assert [r.piece for r in Hard().ansatz(disk).open_rows] == ["disk"]


def test_an_ansatz_tells_of_its_kinks_each_time(shipped):
    problem = shipped["allen_cahn"]
    for one in (problem, replace(problem), replace(problem, name="other")):
        with pytest.warns(KeptKink, match=f"Hard on '{one.name}'"):
            assert Hard().ansatz(one).problem.name == one.name


def test_a_kink_that_would_be_kept_is_told(shipped):
    with pytest.warns(
        KeptKink, match=r"Hard on 'allen_cahn': the slope of the data of u jumps by 4 at x = 1.*Soft\(\)"
    ):
        Hard().ansatz(shipped["allen_cahn"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("burgers", "kdv", "kuramoto_sivashinsky"):
            Hard().ansatz(shipped[name])
        Soft().ansatz(shipped["allen_cahn"])


def test_data_that_miss_one_another_by_the_rounding_of_their_coordinates_are_built_in():
    # sin(2 pi) is 0 in formulas and -2.4e-16 in floating point.
    u = sp.Function("u")(x)
    problem = Problem("wave", [D(u, x, 2) + u], [u], Box({x: (0, 2)}), [dirichlet(u, sp.sin(sp.pi * x))])
    assert Hard().ansatz(problem).open_rows == ()


def test_data_with_a_jump_on_the_side_that_they_are_given_on_are_refused():
    u = sp.Function("u")(x, y)
    lid = dirichlet(u, sp.Piecewise((1, y >= 1), (0, True)), on="top")
    walls = dirichlet(u, 0, on=("left", "right", "bottom"))
    with pytest.warns(IncompatibleData):
        problem = Problem("lid", [laplacian(u, (x, y))], [u], Box({x: (0, 1), y: (0, 1)}), [walls, lid])
    with pytest.raises(UnsupportedProblem, match="disagree where two sides meet"):
        Hard().ansatz(problem)


def test_data_that_disagree_are_refused_however_small_they_are():
    u = sp.Function("u")(t, x)
    conditions = [initial(u, 1e-20), dirichlet(u, 0)]
    problem = Problem("quench", [D(u, t) - D(u, x, 2)], [u], Box({t: (0, 1), x: (0, 1)}), conditions, t)
    with pytest.raises(UnsupportedProblem, match="'initial' by 1e-20"):
        Hard().ansatz(problem)
