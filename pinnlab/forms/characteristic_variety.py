"""Where linear operators with constant coefficients let exponentials through: det P(z) = 0, by components."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import sympy as sp
from sympy.polys.matrices import DomainMatrix

from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.jet import Jet, to_jets
from pinnlab.forms.linear_split import split
from pinnlab.forms.pointwise import Pointwise
from pinnlab.problem import Problem
from pinnlab.symbols import Expr, with_values

# Determinants of an overdetermined system that are taken before it is refused.
MOST_MINORS = 500
# A floating-point coefficient is read as the simplest fraction this near to it, in units of its size, so that what
# cancels between coefficients such as lambda + 2 mu and lambda + mu cancels here too.
ROUNDING = 1e-15
MOST_DENOMINATOR = 10**9

Terms = Mapping[tuple[int, ...], tuple[tuple[float, ...], ...]]
"""A matrix of polynomials: the powers of z, and the matrix of their coefficients."""


@dataclass(frozen=True)
class Component:
    """The zeros of one irreducible factor of det P.

    Attributes:
        polynomial: q, in z.
        multiplicity: How often it divides det P; polynomials of lower degree may multiply the exponentials.
    """

    polynomial: sp.Poly
    multiplicity: int

    @property
    def terms(self) -> Terms:
        """The polynomial q as a matrix of one row and one column."""
        return {powers: ((float(c),),) for powers, c in self.polynomial.terms()}

    def degree(self, axis: int) -> int:
        """The degree in one coordinate of z."""
        return int(self.polynomial.degree(self.polynomial.gens[axis]))


@dataclass(frozen=True)
class CharacteristicVariety:
    """The system P(D) u = 0 with constant coefficients, and the zeros of det P.

    e^(z.x) p(x) v with a vector v solves the system only where P(z) is not of full rank, and its solutions are limits
    of sums of such functions (L. Ehrenpreis, Fourier Analysis in Several Complex Variables, 1970; V. P. Palamodov,
    Linear Differential Operators with Constant Coefficients, 1970; as a prior: M. Harkonen, M. Lange-Hegermann,
    B. Raita, Gaussian Process Priors for Systems of Linear Partial Differential Equations with Constant Coefficients,
    ICML 2023, arXiv:2212.14319).  Of a system with more equations than unknowns the greatest common divisor of all
    minors takes the place of det P: what it does not show, solutions of lower dimension such as static fields beside
    waves, is left out.

    Attributes:
        problem: The name of the problem.
        matrix: P(z), equations by unknowns.
        components: The irreducible factors of det P.
    """

    problem: str
    matrix: tuple[tuple[sp.Poly, ...], ...]
    components: tuple[Component, ...]

    @classmethod
    def of(cls, problem: Problem, constraints: Sequence[Expr] = ()) -> CharacteristicVariety:
        """The variety of a problem.

        Args:
            problem: Its equations count.
            constraints: Further expressions of its unknowns that are zero, such as a divergence.

        Raises:
            UnsupportedProblem: If the equations are nonlinear, have coefficients that vary, or a source; if they leave
                a function free, or allow nothing but zero.
        """
        who = f"the characteristic variety of {problem.name!r}"
        z = tuple(sp.Dummy(f"z_{c}") for c in problem.coordinates)
        matrix = tuple(
            tuple(sp.Poly(_entry(row, name, z, who), *z, domain="QQ") for name in problem.names)
            for row in _linear_rows(problem, constraints, who)
        )
        divisor = _divisor(matrix, z, who)
        _, factors = divisor.factor_list()
        if not factors:
            raise UnsupportedProblem(
                f"{who}: the equations leave nothing that spreads along a hypersurface of exponents, as where u = 0 "
                "is the only solution; drop equations, or use RandomFeatures"
            )
        return cls(problem.name, matrix, tuple(Component(q, n) for q, n in factors))

    @cached_property
    def terms(self) -> Terms:
        """P(z) by powers of z."""
        powers = sorted({a for row in self.matrix for p in row for a in p.monoms()})
        return {a: tuple(tuple(float(p.coeff_monomial(a)) for p in row) for row in self.matrix) for a in powers}


def _linear_rows(problem: Problem, constraints: Sequence[Expr], who: str) -> list[dict[Jet, Expr]]:
    """The coefficient of each jet in each equation."""
    residuals = Pointwise.of(problem).residuals
    residuals += tuple(to_jets(with_values(c), problem.coordinates) for c in constraints)
    parts = [split(r, problem.name) for r in residuals]
    for linear, rest, source in parts:
        if rest != 0:
            raise UnsupportedProblem(
                f"{who}: the term {rest} is nonlinear, and sums of solutions are none; use SpectralGp or RandomFeatures"
            )
        if sp.expand(source) != 0:
            raise UnsupportedProblem(
                f"{who}: the source {source} is not zero; subtract a particular solution, so that the equation of the "
                "rest is homogeneous, or use RandomFeatures"
            )
        for jet, c in linear.items():
            if not c.is_number:
                raise UnsupportedProblem(
                    f"{who}: the coefficient {c} of {jet.symbol} is not constant; use SpectralGp or RandomFeatures"
                )
            if not (c.is_real and c.is_finite):
                raise UnsupportedProblem(f"{who}: the coefficient {c} of {jet.symbol} is no finite real number")
            if jet.field not in problem.names:
                raise UnsupportedProblem(f"{who}: {jet.symbol} is of none of the unknowns {', '.join(problem.names)}")
    return [linear for linear, _, _ in parts]


def _entry(row: Mapping[Jet, Expr], name: str, z: tuple[sp.Dummy, ...], who: str) -> Expr:
    """The polynomial by which one unknown enters one equation."""
    mine = [(jet, c) for jet, c in row.items() if jet.field == name]
    return sp.Add(*(_rational(c) * sp.Mul(*(s**n for s, n in zip(z, j.orders, strict=True))) for j, c in mine))


def _rational(c: Expr) -> sp.Rational:
    """A coefficient as a fraction, equal to it up to rounding."""
    if isinstance(c, sp.Rational):
        return c
    value = Fraction(float(c))
    simple = value.limit_denominator(MOST_DENOMINATOR)
    chosen = simple if abs(simple - value) <= ROUNDING * abs(value) else value
    return sp.Rational(chosen.numerator, chosen.denominator)


def _divisor(matrix: tuple[tuple[sp.Poly, ...], ...], z: tuple[sp.Dummy, ...], who: str) -> sp.Poly:
    """The greatest common divisor of all minors of the order of the number of unknowns."""
    rows, columns = len(matrix), len(matrix[0])
    if math.comb(rows, columns) > MOST_MINORS:
        raise UnsupportedProblem(
            f"{who}: {rows} equations for {columns} unknowns have {math.comb(rows, columns):,} minors, and at most "
            f"{MOST_MINORS} are taken; drop equations that follow from others"
        )
    ring = sp.QQ[z]
    whole = DomainMatrix.from_Matrix(sp.Matrix([[p.as_expr() for p in row] for row in matrix])).convert_to(ring)
    divisor = sp.Poly(0, *z, domain="QQ")
    for chosen in itertools.combinations(range(rows), columns):
        minor = whole.extract(list(chosen), list(range(columns))).charpoly()[-1]
        divisor = divisor.gcd(sp.Poly(ring.to_sympy(minor), *z, domain="QQ"))
        if divisor.is_ground and not divisor.is_zero:
            break
    if divisor.is_zero:
        raise UnsupportedProblem(
            f"{who}: {rows} equations leave one of {columns} unknowns free, as a potential without a gauge; add the "
            "equations that fix it"
        )
    return divisor
