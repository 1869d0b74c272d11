"""Balance laws m u_t + div F + S = 0, read off the declared tree."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import sympy as sp

from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.jet import to_jets
from pinnlab.problem import Problem
from pinnlab.symbols import Expr, applied_functions, with_values


@dataclass(frozen=True)
class BalanceLaw:
    """m u_t + div F + S = 0, one row per equation; F and S keep their inner derivatives as declared.

    A term c * D(A, x) gives the flux c A where c holds neither an unknown nor x; D(u, x, 2) gives D(u, x).
    Nothing is integrated or guessed: what is not an outer derivative as written is a source: `u*D(u, x)`.

    Attributes:
        time: The time coordinate, or None.
        space: The coordinates of the flux's components.
        mass: Coefficients m of the time derivatives: unknown → expression.
        flux: For each equation one expression per coordinate of space.
        source: For each equation the rest.
    """

    coordinates: tuple[sp.Symbol, ...]
    time: sp.Symbol | None
    space: tuple[sp.Symbol, ...]
    mass: tuple[dict[Expr, Expr], ...]
    flux: tuple[tuple[Expr, ...], ...]
    source: tuple[Expr, ...]

    @classmethod
    def of(cls, problem: Problem) -> BalanceLaw:
        """The view of a problem.

        Raises:
            UnsupportedProblem: If a flux holds a time derivative (as in Benjamin-Bona-Mahony), or the
                equation is of second order in time.
        """
        rows = [_Row.of(with_values(e), problem) for e in problem.equations]
        return cls(
            problem.coordinates,
            problem.time,
            problem.space,
            tuple(r.mass for r in rows),
            tuple(tuple(r.flux) for r in rows),
            tuple(r.source for r in rows),
        )

    def expand(self) -> tuple[Expr, ...]:
        """Back to the pointwise residuals."""
        out = []
        for mass, flux, source in zip(self.mass, self.flux, self.source, strict=True):
            rate = sp.Add(*(m * sp.Derivative(u, self.time) for u, m in mass.items()))
            divergence = sp.Add(*(sp.Derivative(f, c) for f, c in zip(flux, self.space, strict=True)))
            out.append(to_jets(rate + divergence + source, self.coordinates))
        return tuple(out)


@dataclass
class _Row:
    mass: dict[Expr, Expr]
    flux: list[Expr]
    source: Expr

    @classmethod
    def of(cls, equation: Expr, problem: Problem) -> _Row:
        row = cls({}, [sp.S.Zero] * len(problem.space), sp.S.Zero)
        for term in _terms(equation):
            row._add(term, problem)
        for f in row.flux:
            if problem.time is not None and any(
                d.has(problem.time) and problem.time in d.variables for d in f.atoms(sp.Derivative)
            ):
                raise UnsupportedProblem(
                    f"BalanceLaw of {problem.name!r}: the flux {f} holds a time derivative, which no flux may"
                )
        return row

    def _add(self, term: Expr, problem: Problem) -> None:
        coefficient, derivative = term.as_independent(sp.Derivative, as_Add=False)
        if not isinstance(derivative, sp.Derivative) or applied_functions(coefficient):
            self._add_source(term, problem)
            return
        # Sympy keeps D(D(D(u, x), y), x) as three variables, x twice.
        counts: Counter[sp.Symbol] = Counter(derivative.variables)
        if set(counts) == {problem.time} and derivative.expr in problem.unknowns:
            if counts[problem.time] > 1:
                raise UnsupportedProblem(
                    f"BalanceLaw of {problem.name!r}: {derivative} is of second order in time; "
                    "declare the rate as an unknown of its own"
                )
            u = derivative.expr
            self.mass[u] = self.mass.get(u, sp.S.Zero) + coefficient
            return
        for i, c in enumerate(problem.space):
            if c in counts and not coefficient.has(c):
                rest = [(s, n - (s == c)) for s, n in counts.items() if n > (s == c)]
                self.flux[i] += coefficient * (sp.Derivative(derivative.expr, *rest) if rest else derivative.expr)
                return
        self._add_source(term, problem)

    def _add_source(self, term: Expr, problem: Problem) -> None:
        if any(problem.time in d.variables for d in term.atoms(sp.Derivative)) if problem.time else False:
            raise UnsupportedProblem(
                f"BalanceLaw of {problem.name!r}: the term {term} holds a time derivative that is not m * u_t"
            )
        self.source += term


def _terms(expression: Expr) -> list[Expr]:
    """The summands, with products c * (A + B) of a plain coefficient distributed."""
    out = []
    for term in sp.Add.make_args(expression):
        sums = [a for a in sp.Mul.make_args(term) if isinstance(a, sp.Add) and a.has(sp.Derivative)]
        if len(sums) == 1:
            rest = sp.Mul(*(a for a in sp.Mul.make_args(term) if a is not sums[0]))
            if not applied_functions(rest):
                out += [t for a in sums[0].args for t in _terms(rest * a)]
                continue
        out.append(term)
    return out
