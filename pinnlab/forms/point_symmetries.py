"""Point symmetries of polynomial equations, derived from their determining equations."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import sympy as sp
from sympy.polys.matrices import DomainMatrix

from pinnlab.admissible import is_whole
from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.jet import Jet, JetSymbol, from_jets, jet_symbols
from pinnlab.forms.open_jets import OpenJets
from pinnlab.forms.point_symmetry import PointSymmetry
from pinnlab.forms.prolongation import VectorField
from pinnlab.forms.solved_form import SolvedForm
from pinnlab.problem import Problem
from pinnlab.symbols import Expr, Parameter, UnknownFunction, field_name


def point_symmetries(problem: Problem, degree: int = 2) -> tuple[PointSymmetry, ...]:
    """A basis of all point symmetries whose generators are polynomials of at most some degree.

    The prolonged generator with unknown coefficients is applied to the equations and taken on solutions; the factors
    of different monomials in coordinates, unknowns and derivatives must vanish one by one, which are linear equations.

    Not for equations that are not polynomial, such as u_tt - u_xx + sin u = 0: declare their symmetries.  Of linear
    equations the basis holds polynomial solutions as well, which may be added to any other.

    Args:
        problem: Its equations; conditions are not looked at, which few symmetries keep.
        degree: Total degree in coordinates and unknowns, from 0 on.

    Raises:
        UnsupportedProblem: If an equation is not polynomial in coordinates and jets, or cannot be solved for its
            highest derivative with a constant factor.
        ValueError: If the degree is no whole number from 0 on.

    Source: P. J. Olver, Applications of Lie Groups to Differential Equations, 2nd ed., Springer 1993, section 2.4.
    """
    if not is_whole(degree) or degree < 0:
        raise ValueError(f"point_symmetries: degree = {degree!r}; give a whole number from 0 on")
    if any(e.has(UnknownFunction) for e in problem.equations):
        raise UnsupportedProblem(f"symmetries of {problem.name!r}: a term is to be learned; put in what was found")
    jets = OpenJets.of(problem)
    coordinates = problem.coordinates
    _require_polynomial(jets.residuals, coordinates, problem)
    solved = SolvedForm.of(jets.residuals, coordinates, timed=jets.timed, constant={})
    _require_polynomial(tuple(solved.leading.values()), coordinates, problem)
    basis = list(_basis(problem, degree))
    columns = [[solved.reduced(field.applied(r)) for r in jets.residuals] for field in basis]
    return tuple(_combined(problem, basis, weights) for weights in _null_space(columns, coordinates))


def _basis(problem: Problem, degree: int) -> Iterator[VectorField]:
    """Monomials along each coordinate and unknown, one at a time."""
    coordinates, zero = problem.coordinates, (0,) * len(problem.coordinates)
    symbols = [*coordinates, *(Jet(n, zero).symbol for n in problem.names)]
    powers = [p for p in itertools.product(range(degree + 1), repeat=len(symbols)) if sum(p) <= degree]
    monomials = [sp.Mul(*(s**n for s, n in zip(symbols, p, strict=True))) for p in sorted(powers, key=sum)]
    for i in range(len(coordinates)):
        for m in monomials:
            yield VectorField(coordinates, tuple(m if i == k else sp.S.Zero for k in range(len(coordinates))), {})
    for name in problem.names:
        for m in monomials:
            yield VectorField(coordinates, (sp.S.Zero,) * len(coordinates), {name: m})


def _null_space(columns: Sequence[Sequence[Expr]], coordinates: Sequence[sp.Symbol]) -> list[list[Expr]]:
    """The combinations of columns of polynomials that vanish."""
    rows: dict[tuple[int, tuple[int, ...]], list[Expr]] = {}
    generators = [*coordinates, *jet_symbols(*itertools.chain.from_iterable(columns))]
    for place, column in enumerate(columns):
        for number, expression in enumerate(column):
            if expression == 0:
                continue
            for monomial, factor in sp.Poly(expression, *generators).terms():
                rows.setdefault((number, monomial), [sp.S.Zero] * len(columns))[place] = factor
    matrix = sp.Matrix(list(rows.values())) if rows else sp.zeros(1, len(columns))
    found = DomainMatrix.from_Matrix(matrix).to_field().nullspace().to_Matrix()
    return [list(found.row(i)) for i in range(found.rows)]


def _combined(problem: Problem, basis: Sequence[VectorField], weights: Sequence[Expr]) -> PointSymmetry:
    """The symmetry with these weights, the first of which becomes one where its factor is a number."""
    first = next(w for w in weights if w != 0)
    parts = [(sp.cancel(w / first), b) for w, b in zip(weights, basis, strict=True) if w != 0]
    generator: dict[Expr, Expr] = {}
    for i, c in enumerate(problem.coordinates):
        generator[c] = sp.Add(*(w * b.motion[i] for w, b in parts))
    for u in problem.unknowns:
        generator[u] = sp.Add(*(w * b.change.get(field_name(u), sp.S.Zero) for w, b in parts))
    plain = {k: from_jets(v, problem.unknowns, problem.coordinates) for k, v in generator.items()}
    return PointSymmetry({k: v for k, v in plain.items() if v != 0})


def _require_polynomial(expressions: Sequence[Expr], coordinates: Sequence[sp.Symbol], problem: Problem) -> None:
    for e in expressions:
        symbols = [s for s in e.free_symbols if isinstance(s, JetSymbol) or s in coordinates]
        constants = {s for s in e.free_symbols if isinstance(s, Parameter)}
        if not e.is_polynomial(*symbols) or e.free_symbols - {*symbols} - constants:
            raise UnsupportedProblem(
                f"symmetries of {problem.name!r}: {e} is not polynomial in coordinates, unknowns and derivatives, so "
                "that they are not derived; declare them with PointSymmetry, which checks them"
            )
