"""Wave speeds and waves of a flux: eigenvalues and eigenvectors of its Jacobian, found symbolically."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from sympy.polys.matrices import DomainMatrix

from pinnlab.forms.evaluate import Program
from pinnlab.symbols import Expr

# Larger systems are left to numerical eigenvalues: their characteristic polynomials seldom factorise.
MAX_SYMBOLIC = 5
# Identities between expressions are checked at random states, to this relative accuracy.
IDENTITY = 1e-9
DRAWS = 3

Vector = tuple[Expr, ...]


@dataclass(frozen=True)
class Eigenstructure:
    """The Jacobian A = ∂f/∂u of a flux with its eigenvalues λ_k and right eigenvectors r_k.

    Attributes:
        jacobian: A, as rows of expressions in the states.
        values: λ_k, multiple ones repeated; None where they have no formula with square roots at most.
        vectors: r_k, each as long as the state and of any scale; None where they are not known.
        degenerate: For each k whether the field is linearly degenerate, ∇λ_k·r_k = 0, as for a contact.
    """

    jacobian: tuple[Vector, ...]
    values: Vector | None
    vectors: tuple[Vector, ...] | None
    degenerate: tuple[bool, ...]

    @classmethod
    def of(cls, flux: Sequence[Expr], states: Sequence[sp.Symbol]) -> Eigenstructure:
        """The eigenstructure of a flux, one expression per state."""
        rows = tuple(tuple(sp.diff(f, s) for s in states) for f in flux)
        unknown = (False,) * len(states)
        if len(states) == 1:
            ((speed,),) = rows
            return cls(rows, (speed,), ((sp.S.One,),), (sp.diff(speed, states[0]) == 0,))
        if len(states) > MAX_SYMBOLIC:
            return cls(rows, None, None, unknown)
        # Without floating-point coefficients polynomials factorise exactly.
        matrix = sp.Matrix(rows).applyfunc(lambda e: sp.nsimplify(e, rational=True))
        roots = _roots(matrix)
        if roots is None:
            return cls(rows, None, None, unknown)
        values = tuple(v for group, n in roots for v in group for _ in range(n))
        vectors: list[Vector] = []
        for group, multiplicity in roots:
            found = _eigenvectors(matrix, group, multiplicity, states)
            if found is None:
                return cls(rows, values, None, unknown)
            vectors += found
        degenerate = tuple(_is_degenerate(v, r, states) for v, r in zip(values, vectors, strict=True))
        return cls(rows, values, tuple(vectors), degenerate)


def _roots(matrix: sp.Matrix) -> list[tuple[Vector, int]] | None:
    """Groups of conjugate eigenvalues with their multiplicity, or None where a factor has a degree over two."""
    unknown = sp.Dummy("lambda", real=True)
    polynomial = sp.together((matrix - unknown * sp.eye(matrix.rows)).det(method="berkowitz"))
    numerator, _ = sp.fraction(polynomial)
    roots: list[tuple[Vector, int]] = []
    for factor, multiplicity in sp.factor_list(sp.expand(numerator), unknown)[1]:
        coefficients = sp.Poly(factor, unknown).all_coeffs()
        if len(coefficients) > 3:
            return None
        if len(coefficients) == 2:
            roots.append(((sp.cancel(-coefficients[1] / coefficients[0]),), multiplicity))
        elif len(coefficients) == 3:
            a, b, c = coefficients
            middle = sp.cancel(-b / (2 * a))
            half = sp.sqrt(sp.factor(sp.cancel((b**2 - 4 * a * c) / (4 * a**2))))
            roots.append(((middle - half, middle + half), multiplicity))
    return roots if sum(n * len(group) for group, n in roots) == matrix.rows else None


def _eigenvectors(
    matrix: sp.Matrix, group: Vector, multiplicity: int, states: Sequence[sp.Symbol]
) -> list[Vector] | None:
    """Eigenvectors of each eigenvalue of a group, or None where the eigenspaces are too small or not found.

    Of several bases the one is taken that stays a basis at most special states, such as a gas at rest.
    """
    root = sp.Dummy("lambda", real=True)
    size = matrix.rows
    shifted = matrix - root * sp.eye(size)
    choices: list[tuple[tuple[int, int], list[Vector]]] = []
    for rows in itertools.combinations(range(size), size - multiplicity):
        # One null vector is the same up to its scale whichever component is left free.
        frees = [(size - 1,)] if multiplicity == 1 else itertools.combinations(range(size), multiplicity)
        for free in frees:
            basis = _null_space(shifted, rows, free)
            # λ stayed a symbol, so that square roots need no simplification and nothing vanishes by cancelling.
            at_roots = [tuple(e.subs(root, value) for e in v) for value in group for v in basis]
            values = [value for value in group for _ in basis]
            if not basis or not all(map(_is_eigenvector, itertools.repeat(matrix), values, at_roots)):
                continue
            cost = sum(sp.count_ops(e) for v in basis for e in v)
            choices.append(((_collapses(at_roots[:multiplicity], matrix, states), cost), at_roots))
        if choices and multiplicity > 1:
            break
    return min(choices, key=lambda c: c[0])[1] if choices else None


def _collapses(basis: list[Vector], matrix: sp.Matrix, states: Sequence[sp.Symbol]) -> int:
    """At how many states with one or two components zero the vectors are no longer independent."""
    found = 0
    for zero in itertools.chain(itertools.combinations(states, 1), itertools.combinations(states, 2)):
        special = [e.subs(dict.fromkeys(zero, 0)) for e in (*matrix, *(e for v in basis for e in v))]
        if not any(e.has(sp.zoo, sp.nan, sp.oo, -sp.oo) for e in special):
            entries = _at_random_states(special[matrix.rows**2 :])[:, 0].reshape(len(basis), -1)
            found += int(np.linalg.matrix_rank(entries) < len(basis))
    return found


def _null_space(matrix: sp.Matrix, rows: Sequence[int], free: Sequence[int]) -> list[Vector]:
    """Null vectors of some rows, one for each free component; without denominators and common factors."""
    if not rows:
        return [tuple(sp.S(int(j == k)) for j in range(matrix.cols)) for k in free]
    order = [j for j in range(matrix.cols) if j not in free] + list(free)
    null = DomainMatrix.from_Matrix(matrix.extract(list(rows), order)).to_field().nullspace()
    if null.shape[0] != len(free):
        return []
    place = [order.index(j) for j in range(matrix.cols)]
    return [_cleared([row[j] for j in place], null.domain) for row in null.to_dense().rep.to_list()]


def _cleared(vector: list[Any], domain: Any) -> Vector:
    """A multiple of a vector over a field, free of denominators and of common factors."""
    if not domain.is_FractionField:
        return tuple(domain.to_sympy(e) for e in vector)
    common = functools.reduce(lambda a, b: a.lcm(b), (e.denom for e in vector))
    cleared = [e.numer * common.exquo(e.denom) for e in vector]
    factor = functools.reduce(lambda a, b: a.gcd(b), cleared)
    return tuple((e.exquo(factor) if factor else e).as_expr() for e in cleared)


def _is_eigenvector(matrix: sp.Matrix, value: Expr, vector: Vector) -> bool:
    """Whether A r = λ r with r ≠ 0, at a few states."""
    size = len(vector)
    numbers = _at_random_states([*matrix, *vector, value])
    a, r, root = numbers[: size**2].reshape(size, size, -1), numbers[size**2 : -1], numbers[-1]
    gap = np.abs(np.einsum("ijs,js->is", a, r) - root * r).max(axis=0)
    length = np.abs(r).max(axis=0)
    return bool((gap <= IDENTITY * length * (1 + np.abs(a).max())).all() and (length > 0).all())


def _is_degenerate(value: Expr, vector: Vector, states: Sequence[sp.Symbol]) -> bool:
    terms = _at_random_states([sp.diff(value, s) * r for s, r in zip(states, vector, strict=True)])
    return bool((np.abs(terms.sum(axis=0)) <= IDENTITY * np.abs(terms).max(axis=0)).all())


def _at_random_states(expressions: Sequence[Expr]) -> np.ndarray:
    """Complex values `(len(expressions), DRAWS)`, the same draws for the same symbols; roots may be imaginary."""
    symbols = sorted(set().union(*(e.free_symbols for e in expressions)), key=str)
    draws = np.random.default_rng(0).uniform(0.3, 3.0, (len(symbols), DRAWS)).astype(complex)
    values = Program(expressions, symbols)(*draws)
    return np.stack([np.broadcast_to(np.asarray(v, complex), DRAWS) for v in values])
