"""Conservation laws u_t + div (f(u) + g(u, ∇u)) + s(u) = 0 with their transport and their diffusion apart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.balance_law import BalanceLaw
from pinnlab.forms.eigenstructure import Eigenstructure
from pinnlab.forms.jet import Jet, JetSymbol, jet_symbols, to_jets
from pinnlab.problem import Problem
from pinnlab.symbols import Expr, applied_functions, with_values


@dataclass(frozen=True)
class Hyperbolic:
    """u_t + div f(t, x, u) + div g(t, x, u, ∇u) + s(t, x, u) = 0, one row per unknown, in jets.

    Attributes:
        coordinates: Time first, then space.
        states: The unknowns as jets, in the order of the problem.
        mass: The constant coefficient of each time derivative; everything else was divided by it.
        flux: f, for each axis of space one expression per unknown, free of derivatives.
        diffusion: g, likewise, of first derivatives; zero where ∇u = 0.
        source: s, one expression per unknown, free of derivatives.
        bounded_below: Which unknowns are declared positive or nonnegative.
    """

    coordinates: tuple[sp.Symbol, ...]
    states: tuple[JetSymbol, ...]
    mass: tuple[Expr, ...]
    flux: tuple[tuple[Expr, ...], ...]
    diffusion: tuple[tuple[Expr, ...], ...]
    source: tuple[Expr, ...]
    bounded_below: tuple[bool, ...]

    @classmethod
    def of(cls, problem: Problem) -> Hyperbolic:
        """The view of a problem.

        Raises:
            UnsupportedProblem: If the problem is steady; if an equation does not hold exactly one time derivative,
                of first order and with a constant coefficient; if a derivative is outside of a flux, as in u*u_x, or
                a flux holds derivatives of second or higher order.
        """
        if problem.time is None:
            raise UnsupportedProblem(f"Hyperbolic of {problem.name!r}: a steady problem has no waves; declare time=")
        law = BalanceLaw.of(problem)
        rows = [_governing(law, u, problem) for u in problem.unknowns]
        mass = [law.mass[row][u] for row, u in zip(rows, problem.unknowns, strict=True)]
        parts = [[_parted(law.flux[r][a], problem) for r in rows] for a in range(len(problem.space))]
        source = [_source(law.source[r], problem) for r in rows]
        dim = len(problem.coordinates)
        return cls(
            problem.coordinates,
            tuple(Jet(name, (0,) * dim).symbol for name in problem.names),
            tuple(mass),
            tuple(tuple(p[0] / m for p, m in zip(axis, mass, strict=True)) for axis in parts),
            tuple(tuple(p[1] / m for p, m in zip(axis, mass, strict=True)) for axis in parts),
            tuple(s / m for s, m in zip(source, mass, strict=True)),
            tuple(bool(u.is_positive or u.is_nonnegative) for u in problem.unknowns),
        )

    def expand(self) -> tuple[Expr, ...]:
        """Back to the pointwise residuals, in the order of the unknowns."""
        functions = {s: sp.Function(s.jet.field)(*self.coordinates) for s in self.states}
        table: dict[Expr, Expr] = dict(functions)
        for s in self.gradients:
            counts = [(c, n) for c, n in zip(self.coordinates, s.jet.orders, strict=True) if n]
            table[s] = sp.Derivative(sp.Function(s.jet.field)(*self.coordinates), *counts)
        time, *space = self.coordinates
        out = []
        for i, (state, m) in enumerate(zip(self.states, self.mass, strict=True)):
            total = sp.Derivative(functions[state], time) + self.source[i].xreplace(table)
            for axis, c in enumerate(space):
                inner = (self.flux[axis][i] + self.diffusion[axis][i]).xreplace(table)
                total += sp.Derivative(inner, c) if inner.has(c) else 0
            out.append(to_jets(m * total, self.coordinates))
        return tuple(out)

    @property
    def gradients(self) -> tuple[JetSymbol, ...]:
        """The first derivatives in space of every state: all along the first axis, then along the next."""
        dim = len(self.coordinates)
        return tuple(Jet(s.jet.field, (0,) * dim).shifted(a, 1).symbol for a in range(1, dim) for s in self.states)

    @property
    def is_diffusive(self) -> bool:
        """Whether there is any flux of first derivatives."""
        return any(g != 0 for axis in self.diffusion for g in axis)

    def diffuses(self, axis: int) -> tuple[bool, ...]:
        """For each unknown whether its flux along an axis holds first derivatives."""
        return tuple(g != 0 for g in self.diffusion[axis])

    @property
    def is_transporting(self) -> bool:
        """Whether there is any flux but that of derivatives."""
        return any(f.free_symbols for axis in self.flux for f in axis)

    @property
    def has_sources(self) -> bool:
        """Whether anything is produced inside of cells."""
        return any(s != 0 for s in self.source)

    @cached_property
    def waves(self) -> tuple[Eigenstructure, ...]:
        """The eigenstructure of the flux along each axis."""
        return tuple(Eigenstructure.of(f, self.states) for f in self.flux)


def _governing(law: BalanceLaw, unknown: Expr, problem: Problem) -> int:
    """The equation with the rate of an unknown and no other rate."""
    who = f"Hyperbolic of {problem.name!r}"
    rows = [i for i, m in enumerate(law.mass) if unknown in m]
    if len(rows) != 1 or len(law.mass[rows[0]]) != 1:
        raise UnsupportedProblem(
            f"{who}: {unknown} needs one equation of its own that holds its time derivative and no other; "
            f"it has {len(rows)} with it"
        )
    m = law.mass[rows[0]][unknown]
    if not (m.is_number and m != 0):
        raise UnsupportedProblem(
            f"{who}: the coefficient {m} of the rate of {unknown} must be a constant number; divide the equation by it "
            "or make the product the unknown"
        )
    return rows[0]


def _parted(flux: Expr, problem: Problem) -> tuple[Expr, Expr]:
    """A flux as its part without derivatives and the rest, which vanishes with the gradient."""
    jets = to_jets(flux, problem.coordinates)
    derivatives = [s for s in jet_symbols(jets) if s.jet.order]
    for s in derivatives:
        if s.jet.order > 1:
            raise UnsupportedProblem(
                f"Hyperbolic of {problem.name!r}: the flux {flux} holds {s}, a derivative of order {s.jet.order}; "
                "finite volumes take fluxes of the unknowns and their first derivatives"
            )
    plain = jets.subs(dict.fromkeys(derivatives, 0))
    if plain.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
        raise UnsupportedProblem(f"Hyperbolic of {problem.name!r}: the flux {flux} is singular where ∇u = 0")
    return plain, sp.expand(jets - plain) if derivatives else sp.S.Zero


def _source(source: Expr, problem: Problem) -> Expr:
    jets = to_jets(source, problem.coordinates)
    if not any(s.jet.order for s in jet_symbols(jets)):
        return jets
    inner = (
        t for t in sp.Add.make_args(source) if any(s.jet.order for s in jet_symbols(to_jets(t, problem.coordinates)))
    )
    term = next(inner, source)
    raise UnsupportedProblem(
        f"Hyperbolic of {problem.name!r}: the term {_plain(term, problem)} is not the divergence of a flux as written, "
        f"so it does not say how fast shocks travel; write it as {_rewritten(term, problem)}"
    )


def _rewritten(term: Expr, problem: Problem) -> str:
    """How to write a term a(x, u) u_x as a flux, where that can be told by integrating a polynomial."""
    general = "the derivative of a flux, as D(u**2/2, x) for u*D(u, x)"
    derivatives = [d for d in term.atoms(sp.Derivative) if d.expr in problem.unknowns]
    if len(derivatives) != 1 or len(derivatives[0].variables) != 1 or derivatives[0].variables[0] not in problem.space:
        return general
    (derivative,) = derivatives
    u, (c,), value = derivative.expr, derivative.variables, sp.Dummy("u", real=True)
    factor = with_values(term / derivative).xreplace({u: value})
    if applied_functions(factor) or factor.has(sp.Derivative) or not factor.is_polynomial(value):
        return general
    potential = sp.integrate(sp.expand(factor), value)
    flux = sp.Derivative(sp.factor_terms(potential).xreplace({value: u}), c)
    return _plain(flux - sp.diff(potential, c).xreplace({value: u}), problem)


def _plain(expression: Expr, problem: Problem) -> str:
    """An expression as a user would type it: u for u(t, x), D for Derivative."""
    text = str(expression).replace("Derivative(", "D(")
    for u in problem.unknowns:
        text = text.replace(str(u), u.func.__name__)
    return text
