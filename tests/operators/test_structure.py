"""Expressions without their numbers."""

import numpy as np
import pytest
import sympy as sp

from pinnlab.operators.structure import Structure
from pinnlab.random_functions import PeriodicField, TravellingSines, WindowedSines

t, x, y = sp.symbols("t x y", real=True)
MANY = sp.symbols("c:60", real=True)


def test_by_hand():
    structure, numbers = Structure.of(3 * sp.sin(2 * t + x * sp.pi + 5) - 7)
    assert numbers == (-7, 3, 5, 2, np.pi) or numbers == (-7, 3, 5, np.pi, 2)
    c = MANY[:5]
    expression = structure.with_symbols(c)
    assert expression in (
        c[0] + c[1] * sp.sin(c[2] + c[3] * t + c[4] * x),
        c[0] + c[1] * sp.sin(c[2] + c[3] * x + c[4] * t),
    )


@pytest.mark.parametrize(
    "distribution",
    [TravellingSines(t, {x: (0, 16)}), WindowedSines({x: (0, 1)}, rare=0.0)],
    ids=["travelling", "windowed"],
)
def test_draws_of_one_distribution_have_one_structure(distribution):
    drawn = [distribution.rvs(random_state=np.random.default_rng(i)) for i in range(8)]
    assert len({Structure.of(e)[0] for e in drawn}) == 1


@pytest.mark.parametrize(
    "expression",
    [
        TravellingSines(t, {x: (0, 16)}).rvs(random_state=np.random.default_rng(1)),
        WindowedSines({x: (0, 1)}, rare=1.0).rvs(random_state=np.random.default_rng(1)),
        x**2 * sp.sqrt(1 + 3 * y) / (2 + t),
        sp.Piecewise((2 * x, (x < sp.Rational(1, 2)) & (y > 0)), (sp.exp(-3 * y), True)),
        sp.Max(2 * x, 1 - y) + sp.atan2(y, 2),
        sp.Float(2.5),
        x,
    ],
    ids=str,
)
def test_with_its_numbers_put_back_it_is_the_expression(expression):
    structure, numbers = Structure.of(expression)
    symbols = MANY[: len(numbers)]
    back = structure.with_symbols(symbols).subs(dict(zip(symbols, numbers, strict=True)))
    for point in ((0.1, 0.3, 0.7), (0.9, 0.8, 0.2)):
        at = dict(zip((t, x, y), point, strict=True))
        assert float(back.subs(at)) == pytest.approx(float(expression.subs(at)), abs=1e-12)


def test_what_differs_in_more_than_numbers_has_another_structure():
    one, other = (PeriodicField({x: (0, 1)}, 2, 3, modes=2).rvs(random_state=np.random.default_rng(i)) for i in (0, 1))
    different = [2 * x, 2 * y, x**2, x**3, sp.sin(x), one, other, 2 * one, x + y]
    assert len({Structure.of(e)[0] for e in different}) == len(different)
