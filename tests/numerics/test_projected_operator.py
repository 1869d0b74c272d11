"""Operators on products of bases: constant and variable coefficients agree, solves, what is not determined."""

import pytest
import torch

from pinnlab.errors import SolveFailed
from pinnlab.numerics.axis_basis import AxisBasis, EndFunctional, Segment
from pinnlab.numerics.line_spectrum import LineSpectrum
from pinnlab.numerics.projected_operator import ProjectedOperator

LAPLACE = [(2, 0), (0, 2)]


def axis(functionals, periodic=False, n=40):
    segment = Segment(0.0, 1.0, periodic)
    spectrum = LineSpectrum.harmonics(0.0, 1.0, 25.0, periodic)
    return AxisBasis.of(spectrum, segment, segment.nodes(n), functionals)


def fixed():
    return axis([EndFunctional(0.0, (1.0,)), EndFunctional(1.0, (1.0,))])


def operator(bases, orders, iterations=100):
    derivatives = [[b.functions(b.nodes, p) for p in range(3)] for b in bases]
    return ProjectedOperator(tuple(bases), derivatives, orders, iterations)


def ones(bases):
    return torch.ones([len(b.nodes) for b in bases], dtype=torch.float64)


def coefficients(bases, seed=0):
    shape = [b.count for b in bases]
    c = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    inner = torch.zeros_like(c)
    where = tuple(slice(b.lifts, b.lifts + 8) for b in bases)
    inner[where] = c[where]
    return inner


def test_constant_coefficients_take_a_short_way_to_the_same_numbers():
    bases = [fixed(), fixed()]
    of, one, c = operator(bases, LAPLACE), ones(bases), coefficients(bases)
    nearly = one.clone()
    nearly[0, 0] += 1e-15
    assert torch.allclose(of.apply([one, one], c), of.apply([nearly, one], c), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("orders", [LAPLACE, [(1, 0), (0, 2)], [(2, 0), (1, 1), (0, 2)]], ids=["2", "heat", "3"])
def test_a_function_is_found_again_from_what_the_operator_makes_of_it(orders):
    start = axis([EndFunctional(0.0, (1.0,))])
    bases = [start if orders[0] == (1, 0) else fixed(), fixed()]
    of, factors = (
        operator(bases, orders),
        [(1 - 2 * (k == (0, 2) and orders[0] == (1, 0))) * ones(bases) for k in orders],
    )
    c = coefficients(bases)
    derived = [[b.functions(b.nodes, p) for p in range(3)] for b in bases]
    values = sum(f * (derived[0][i] @ c @ derived[1][j].T) for f, (i, j) in zip(factors, orders, strict=True))
    found = of.solve(factors, values, torch.zeros_like(c))
    inner = c[tuple(slice(b.lifts, None) for b in bases)]
    assert float((found - inner).abs().max()) < 1e-6


def test_coefficients_that_vary_are_preconditioned_by_their_means():
    bases = [fixed(), fixed()]
    x, y = bases[0].nodes[:, None], bases[1].nodes[None, :]
    factors, c = [1 + 0.5 * x * y, 2 + torch.sin(5 * x + y)], coefficients(bases)
    derived = [[b.functions(b.nodes, p) for p in range(3)] for b in bases]
    values = sum(f * (derived[0][i] @ c @ derived[1][j].T) for f, (i, j) in zip(factors, LAPLACE, strict=True))
    found = operator(bases, LAPLACE).solve(factors, values, torch.zeros_like(c))
    assert float((found - c[2:, 2:]).abs().max()) < 1e-7


def test_one_coordinate_is_a_plain_system():
    bases, c = [fixed()], coefficients([fixed()])
    of = operator(bases, [(2,)])
    values = bases[0].functions(bases[0].nodes, 2) @ c
    assert torch.allclose(of.solve([ones(bases)], values, torch.zeros_like(c)), c[2:], atol=1e-9)


def test_an_equation_that_leaves_constants_open_is_refused():
    circle = axis([], periodic=True)
    bases = [circle, circle]
    with pytest.raises(SolveFailed, match=r"leave the solution open.*a constant"):
        operator(bases, LAPLACE).solve([ones(bases)] * 2, ones(bases), torch.zeros(circle.count, circle.count).double())


def test_terms_that_vary_too_much_for_the_iterations_are_told():
    bases = [fixed(), fixed()]
    x = bases[0].nodes[:, None] + 0 * bases[1].nodes
    of = operator(bases, LAPLACE, iterations=2)
    with pytest.raises(SolveFailed, match=r"after 2 iterations.*raise iterations"):
        of.solve(
            [torch.exp(12 * x), torch.exp(-12 * x)], ones(bases), torch.zeros(bases[0].count, bases[1].count).double()
        )
