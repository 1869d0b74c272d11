"""Exponential solutions of declared equations: every one of them solves its system, to rounding."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import torch

from pinnlab import Box, D, Problem, dirichlet, initial, initial_rate, laplacian, neumann
from pinnlab.forms.pointwise import Pointwise
from pinnlab.gps.exponential_family import ExponentialFamily
from pinnlab.symbols import with_values

CPU = torch.device("cpu")
t, x, y, z = sp.symbols("t x y z", real=True)
PLATE = Box({x: (0, 1), y: (-1, 2)})


def frequencies(family, count=5):
    generator = torch.Generator().manual_seed(0)
    return [3 * torch.randn(count, family.free, dtype=torch.float64, generator=generator) for _ in family.charts]


def worst_residual(problem, constraints=()):
    """The largest residual of any of some functions, relative to the largest term in it."""
    family = ExponentialFamily.of(problem, CPU, constraints)
    basis = family.solutions(frequencies(family))
    points = torch.as_tensor(problem.spacetime.sample(20, np.random.default_rng(0)))
    worst = 0.0
    for row in Pointwise.of(problem).partials:
        terms = [
            float(with_values(c)) * basis.row(points, j.orders, problem.names.index(j.field)) for j, c in row.items()
        ]
        worst = max(worst, float(sum(terms).abs().max() / max(term.abs().max() for term in terms)))
    return worst, basis.count


def heat():
    u = sp.Function("u")(t, x)
    return Problem(
        "heat", [D(u, t) - D(u, x, 2)], [u], Box({t: (0, 1), x: (0, 2)}), [initial(u, 0), dirichlet(u, 0)], t
    )


def membrane():
    u = sp.Function("u")(t, x, y)
    equation = D(u, t, 2) - 4 * laplacian(u, (x, y)) + u
    box = Box({t: (0, 1), x: (0, 1), y: (0, 1)})
    return Problem("membrane", [equation], [u], box, [initial(u, 0), initial_rate(u, 0), dirichlet(u, 0)], t)


def laplace():
    u = sp.Function("u")(x, y)
    return Problem("laplace", [laplacian(u, (x, y))], [u], PLATE, [dirichlet(u, 0)])


def biharmonic():
    u = sp.Function("u")(x, y)
    equation = laplacian(laplacian(u, (x, y)), (x, y))
    return Problem("plate", [equation], [u], PLATE, [dirichlet(u, 0), neumann(u, 0)])


def elastic():
    a, b = (sp.Function(n)(x, y) for n in "ab")
    grow = D(a, x) + D(b, y)
    rows = [0.7 * laplacian(f, (x, y)) + 2 * D(grow, c) for f, c in ((a, x), (b, y))]
    return Problem("elastic", rows, [a, b], PLATE, [dirichlet(a, 0), dirichlet(b, 0)])


def shaken():
    a, b = (sp.Function(n)(t, x, y) for n in "ab")
    grow = D(a, x) + D(b, y)
    rows = [D(f, t, 2) - 0.7 * laplacian(f, (x, y)) - 2 * D(grow, c) for f, c in ((a, x), (b, y))]
    given = [f(w, 0) for w in (a, b) for f in (initial, initial_rate, dirichlet)]
    return Problem("shaken", rows, [a, b], Box({t: (0, 1), x: (0, 1), y: (0, 1)}), given, t)


@pytest.mark.parametrize(
    ("problem", "functions"),
    [
        (heat(), 2),  # one root, real and imaginary part
        (membrane(), 4),  # two roots
        (laplace(), 8),  # two roots along each of two coordinates
        (biharmonic(), 16),  # the same, twice each
        (elastic(), 16),
        (shaken(), 8),  # two roots of two speeds
    ],
    ids=lambda p: getattr(p, "name", ""),
)
def test_every_function_solves_the_equations_to_rounding(problem, functions):
    residual, count = worst_residual(problem)
    assert residual < 1e-12
    assert count == 5 * functions


def test_maxwells_equations_with_constraints_keep_light_alone(shipped):
    problem = shipped["maxwell"]
    fields = problem.unknowns[:3], problem.unknowns[3:]
    free = [sum(D(f, c) for f, c in zip(field, problem.space, strict=True)) for field in fields]
    residual, count = worst_residual(problem, free)
    assert residual < 1e-12
    assert count == 5 * 8  # two roots, two polarisations
    assert worst_residual(problem)[1] == 5 * 12  # and two static fields


def test_frequencies_are_in_radians_across_the_box():
    family = ExponentialFamily.of(heat(), CPU)
    basis = family.solutions([torch.tensor([[6.0]], dtype=torch.float64)])
    torch.testing.assert_close(basis.exponents, torch.tensor([[-9.0, 3j]], dtype=torch.complex128))


def test_the_variance_of_a_frequency_is_shared_by_its_functions():
    family = ExponentialFamily.of(membrane(), CPU)
    found = family.deviations([torch.tensor([1.0, 3.0], dtype=torch.float64)])
    # Two roots each: 1 / sqrt(2) and 3 / sqrt(2), real parts first.
    expected = torch.tensor([1.0, 1.0, 3.0, 3.0] * 2, dtype=torch.float64) / 2**0.5
    torch.testing.assert_close(found, expected)


def test_an_ordinary_equation_has_no_free_frequency():
    u = sp.Function("u")(t)
    problem = Problem("spring", [D(u, t, 2) + 4 * u], [u], Box({t: (0, 1)}), [initial(u, 1), initial_rate(u, 0)], t)
    family = ExponentialFamily.of(problem, CPU)
    basis = family.solutions([torch.zeros(1, 0, dtype=torch.float64)] * len(family.charts))
    assert family.free == 0
    assert sorted(basis.exponents[:, 0].imag.tolist()) == pytest.approx([-2, 2])
