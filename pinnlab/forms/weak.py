"""Weak form: every equation times a test function, integrated by parts, with the boundary conditions built in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import sympy as sp

from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.balance_law import BalanceLaw
from pinnlab.forms.incompressible import Incompressible
from pinnlab.forms.jet import Jet, JetSymbol, jet_symbols, to_jets
from pinnlab.forms.weak_boundary import GivenFlux, GivenSlope, GivenValue, Prescribed, prescribed
from pinnlab.problem import Problem
from pinnlab.symbols import Expr, normal

# A row of partial derivatives: (component of the test function, component of the unknown) → coefficient, component
# 0 being the value and 1, 2, … the derivatives in space.
Partials = dict[tuple[int, int], Expr]


@dataclass(frozen=True)
class Essential:
    """The unknown equals `value` on a piece; test functions vanish there."""

    unknown: str
    piece: str
    value: Expr


@dataclass(frozen=True)
class Natural:
    """The outward flux F·n in the equation tested by `unknown` on a piece, in values of unknowns and normals."""

    unknown: str
    piece: str
    outflow: Expr


@dataclass(frozen=True)
class WeakForm:
    """∫ (m·u_t + S) v - F·∇v + ∮ (F·n) v = 0 for all test functions v, from the balance law m u_t + div F + S = 0.

    Row i is the equation that is tested by the i-th unknown.  The continuity equation of an incompressible flow is
    tested by the pressure, and is not integrated by parts.

    Attributes:
        problem: What it is the form of.
        rows: For each unknown the index of its equation.
        mass: For each row the coefficients m: name of an unknown → expression.
        source: S in coordinates and jets up to the first order in space.
        flux: F, one expression per coordinate of space, likewise.
        essential: Values that are prescribed on the boundary.
        natural: Outward fluxes on the boundary.
        start: Name → initial value, of the unknowns that have a rate.
        flow: The velocity and the pressure, if the problem is an incompressible flow.

    [1] A. Ern and J.-L. Guermond, Theory and Practice of Finite Elements, Springer (2004).
    """

    problem: Problem
    rows: tuple[int, ...]
    mass: tuple[dict[str, Expr], ...]
    source: tuple[Expr, ...]
    flux: tuple[tuple[Expr, ...], ...]
    essential: tuple[Essential, ...]
    natural: tuple[Natural, ...]
    start: dict[str, Expr]
    flow: Incompressible | None

    @classmethod
    def of(cls, problem: Problem) -> WeakForm:
        """The view of a problem.

        Raises:
            UnsupportedProblem: If a source holds a second derivative or a flux more than first ones, if a row has
                transport and no diffusion, or if a condition gives neither a value nor an outward flux.
        """
        law, flow = BalanceLaw.of(problem), _flow(problem)
        rows = _rows(law, problem, flow)
        source, flux = [], []
        for i, row in enumerate(rows):
            s, f = to_jets(law.source[row], problem.coordinates), [to_jets(f, problem.coordinates)
                                                                   for f in law.flux[row]]  # fmt: skip
            _require_first_order(problem, law, row, s, f)
            if flow is not None and row == flow.continuity:
                s += sp.Add(*(to_jets(sp.Derivative(f, c), problem.coordinates)
                              for f, c in zip(law.flux[row], problem.space, strict=True)))  # fmt: skip
                f = [sp.S.Zero] * len(f)
            else:
                _require_diffusion(problem, problem.names[i], s, f)
            source.append(s)
            flux.append(tuple(f))
        mass = tuple({u.func.__name__: m for u, m in law.mass[row].items()} for row in rows)
        given = prescribed(problem)
        essential, natural = _boundary(problem, given, tuple(flux), flow)
        start = {p.unknown: p.value for p in given if p.piece == "initial" and isinstance(p, GivenValue)}
        form = cls(problem, rows, mass, tuple(source), tuple(flux), essential, natural, start, flow)
        form._require_start()
        return form

    @property
    def names(self) -> tuple[str, ...]:
        """The unknowns, each the test function of one row."""
        return self.problem.names

    def jets(self, name: str) -> tuple[JetSymbol, ...]:
        """The value of an unknown and its first derivatives in space, as symbols."""
        dim = len(self.problem.coordinates)
        value = Jet(name, (0,) * dim)
        slopes = (value.shifted(axis, 1) for axis in range(dim - len(self.problem.space), dim))
        return (value.symbol, *(s.symbol for s in slopes))

    def integrand(self, i: int) -> tuple[Expr, ...]:
        """(S, -F_1, -F_2, …): what row i multiplies with the value and the derivatives of its test function."""
        return (self.source[i], *(-f for f in self.flux[i]))

    @cached_property
    def partials(self) -> tuple[tuple[Partials, ...], ...]:
        """For row i and unknown j the partial derivatives of the integrand by the value and derivatives of j."""
        return tuple(tuple(self._partials(self.integrand(i), name) for name in self.names)
                     for i in range(len(self.names)))  # fmt: skip

    @cached_property
    def is_linear(self) -> bool:
        """Whether every integral is affine in the unknowns."""
        volume = (c for row in self.partials for block in row for c in block.values())
        boundary = (sp.diff(n.outflow, s) for n in self.natural for s in jet_symbols(n.outflow))
        return not jet_symbols(*volume, *boundary)

    @property
    def undetermined(self) -> tuple[str, ...]:
        """Unknowns that a constant may be added to: only their derivatives occur, and no value is prescribed."""
        held = {s.jet.field for row in range(len(self.names)) for e in self.integrand(row)
                for s in jet_symbols(e) if not s.jet.order}  # fmt: skip
        held |= {name for m in self.mass for name in m} | {e.unknown for e in self.essential}
        held |= {s.jet.field for n in self.natural for s in jet_symbols(n.outflow)}
        return tuple(n for n in self.names if n not in held)

    def linearised(self) -> WeakForm:
        """The form with all integrals linearised where the unknowns and their derivatives vanish.

        Raises:
            UnsupportedProblem: If they are singular there, as for log(u) or 1/u.
        """
        symbols = [s for name in self.names for s in self.jets(name)]
        rows = [[_tangent(e, symbols) for e in self.integrand(i)] for i in range(len(self.names))]
        natural = tuple(replace(n, outflow=_tangent(n.outflow, symbols)) for n in self.natural)
        found = [*(e for row in rows for e in row), *(n.outflow for n in natural)]
        if any(e.has(sp.zoo, sp.nan, sp.oo, -sp.oo) for e in found):
            raise UnsupportedProblem(f"WeakForm of {self.problem.name!r} is singular at u = 0")
        flux = tuple(tuple(-f for f in row[1:]) for row in rows)
        return replace(self, source=tuple(row[0] for row in rows), flux=flux, natural=natural)

    def screened(self) -> WeakForm:
        """Finite elements' way to extend boundary values smoothly: -∇²u + u / length² = 0 for each unknown."""
        length = float(np.ptp(self.problem.region.sample(64, np.random.default_rng(0)), axis=0).min())
        jets = [self.jets(name) for name in self.names]
        source, flux = tuple(j[0] / length**2 for j in jets), tuple(tuple(-s for s in j[1:]) for j in jets)
        return replace(self, source=source, flux=flux, natural=(), flow=None)

    def expand(self) -> tuple[Expr, ...]:
        """Back to the pointwise residuals, in the order of the equations."""
        return BalanceLaw.of(self.problem).expand()

    def _partials(self, integrand: tuple[Expr, ...], name: str) -> Partials:
        found = {
            (a, b): sp.diff(e, s) for a, e in enumerate(integrand) for b, s in enumerate(self.jets(name)) if e.has(s)
        }
        return {key: c for key, c in found.items() if c != 0}

    def _require_start(self) -> None:
        for name in {n for m in self.mass for n in m}:
            if name not in self.start:
                raise UnsupportedProblem(
                    f"WeakForm of {self.problem.name!r}: the initial condition of {name} is not of the form u = g"
                )


def _tangent(e: Expr, symbols: list[JetSymbol]) -> Expr:
    zero = dict.fromkeys(symbols, sp.S.Zero)
    slopes = (sp.diff(e, s).subs(zero) * s for s in symbols if e.has(s))
    return sp.Add(e.subs(zero), *slopes)


def _flow(problem: Problem) -> Incompressible | None:
    try:
        return Incompressible.of(problem)
    except UnsupportedProblem:
        return None


def _rows(law: BalanceLaw, problem: Problem, flow: Incompressible | None) -> tuple[int, ...]:
    """Which equation each unknown tests: that of its rate, else the one in its position, else one that is left."""
    chosen: dict[str, int] = {}
    if flow is not None:
        chosen = dict(zip(flow.velocity, flow.momentum, strict=True)) | {flow.pressure: flow.continuity}
    for k, mass in enumerate(law.mass):
        free = [u.func.__name__ for u in mass if u.func.__name__ not in chosen]
        if free and k not in chosen.values():
            chosen[problem.names[k] if problem.names[k] in free else free[0]] = k
    for k, name in enumerate(problem.names):
        if name not in chosen and k not in chosen.values():
            chosen[name] = k
    left = (k for k in range(len(problem.names)) if k not in chosen.values())
    return tuple(chosen[name] if name in chosen else next(left) for name in problem.names)


def _require_first_order(problem: Problem, law: BalanceLaw, row: int, source: Expr, flux: list[Expr]) -> None:
    who = f"WeakForm of {problem.name!r}"
    if any(s.jet.order > 1 for s in jet_symbols(source)):
        terms = sp.Add.make_args(law.source[row])
        term = next(a for a in terms if any(s.jet.order > 1 for s in jet_symbols(to_jets(a, problem.coordinates))))
        raise UnsupportedProblem(
            f"{who}: the term {term} holds a second derivative outside of D(flux, x), which cannot be integrated by "
            "parts as written; write a*D(u, x, 2) in divergence form, as D(a*D(u, x), x) - D(a, x)*D(u, x)"
        )
    high = next((s for f in flux for s in jet_symbols(f) if s.jet.order > 1), None)
    if high is not None:
        raise UnsupportedProblem(
            f"{who}: its flux holds {high}, and finite elements have first derivatives only; declare the second "
            "derivative as an unknown of its own"
        )


def _require_diffusion(problem: Problem, name: str, source: Expr, flux: list[Expr]) -> None:
    """Refuse transport of an unknown without diffusion: Galerkin's method oscillates there."""
    own = [s for f in flux for s in jet_symbols(f) if s.jet.field == name]
    carried = any(not s.jet.order for s in own) or any(s.jet.order for s in jet_symbols(source) if s.jet.field == name)
    if carried and not any(s.jet.order for s in own):
        raise UnsupportedProblem(
            f"WeakForm of {problem.name!r}: the equation of {name} transports it and has no diffusion, where finite "
            "elements without upwinding oscillate; use FiniteVolume, or add a diffusive term"
        )


def _boundary(
    problem: Problem, given: tuple[Prescribed, ...], flux: tuple[tuple[Expr, ...], ...], flow: Incompressible | None
) -> tuple[tuple[Essential, ...], tuple[Natural, ...]]:
    essential: list[Essential] = []
    natural: list[Natural] = []
    used: set[Prescribed] = set()
    for piece in problem.region.pieces:
        here = _Piece(problem, piece, tuple(p for p in given if p.piece == piece), flow)
        for i, name in enumerate(problem.names):
            value = here.values.get(name)
            if value is not None and not (flow and name == flow.pressure and here.is_open):
                essential.append(Essential(name, piece, value.value))
                used.add(value)
                continue
            outflow, sources = here.outflow(name, flux[i])
            used |= sources
            if outflow != 0:
                natural.append(Natural(name, piece, outflow))
    for p in given:
        if p.piece != "initial" and p not in used:
            raise UnsupportedProblem(
                f"WeakForm of {problem.name!r}: the condition {p.condition} = 0 on {p.piece!r} has no place beside the "
                "others there; is the unknown prescribed twice?"
            )
    return tuple(essential), tuple(natural)


class _Piece:
    """What is prescribed on one piece, and the outward fluxes that follow."""

    def __init__(
        self, problem: Problem, piece: str, given: tuple[Prescribed, ...], flow: Incompressible | None
    ) -> None:
        self._problem, self._piece, self._flow = problem, piece, flow
        self.values = {p.unknown: p for p in given if isinstance(p, GivenValue)}
        self._fluxes = {p.unknown: p for p in given if isinstance(p, GivenFlux)}
        self._slopes = {p.unknown: p for p in given if isinstance(p, GivenSlope)}

    @property
    def is_open(self) -> bool:
        """Whether the normal derivative of a component of velocity is given: then the pressure enters through F·n."""
        return self._flow is not None and any(v in self._slopes for v in self._flow.velocity)

    def outflow(self, name: str, flux: tuple[Expr, ...]) -> tuple[Expr, set[Prescribed]]:
        """F·n in values, and the conditions that it was made of."""
        if name in self._fluxes:
            return self._fluxes[name].value, {self._fluxes[name]}
        used: set[Prescribed] = set()
        space = self._problem.space
        gradients = sorted({s.jet.field for f in flux for s in jet_symbols(f) if s.jet.order})
        slopes = {s: sp.S.Zero for f in flux for s in jet_symbols(f) if s.jet.order}
        total = sp.Add(*(normal(c) * f.subs(slopes) for c, f in zip(space, flux, strict=True)))
        for other in gradients:
            if other not in self._slopes:
                self._refuse(name, f"the normal derivative of {other} is not known there")
            total += self._conductivity(name, other, flux) * self._slopes[other].value
            used.add(self._slopes[other])
        if self._flow is not None and name in self._flow.velocity:
            total, pressure = self._with_pressure(name, total)
            used |= pressure
        return total, used

    def _with_pressure(self, name: str, outflow: Expr) -> tuple[Expr, set[Prescribed]]:
        """The outward momentum with the prescribed pressure put in: prescribing it at nodes would lose continuity."""
        assert self._flow is not None  # the caller asked for a flow
        symbol = Jet(self._flow.pressure, (0,) * len(self._problem.coordinates)).symbol
        if not outflow.has(symbol):
            return outflow, set()
        if self._flow.pressure not in self.values:
            self._refuse(name, f"the flux holds the pressure {self._flow.pressure}, which is not given there")
        given = self.values[self._flow.pressure]
        return outflow.subs(symbol, given.value), {given}

    def _conductivity(self, name: str, other: str, flux: tuple[Expr, ...]) -> Expr:
        """K where the flux is K ∇u_other + rest."""
        value = Jet(other, (0,) * len(self._problem.coordinates))
        first = len(value.orders) - len(flux)
        symbols = [value.shifted(first + a, 1).symbol for a in range(len(flux))]
        matrix = sp.Matrix([[sp.diff(f, s) for s in symbols] for f in flux])
        k = matrix[0, 0]
        if sp.simplify(matrix - k * sp.eye(len(flux))) != sp.zeros(len(flux)) or any(
            s.jet.order for s in jet_symbols(k)
        ):
            self._refuse(name, f"its flux is no multiple of the gradient of {other}")
        return k

    def _refuse(self, name: str, why: str) -> None:
        raise UnsupportedProblem(
            f"WeakForm of {self._problem.name!r}: the outward flux of {name} on {self._piece!r} does not follow from "
            f"the conditions, since {why}; prescribe it with flux({name}, g, on={self._piece!r})"
        )
