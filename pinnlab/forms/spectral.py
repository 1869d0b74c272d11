"""Evolution equations on periodic boxes as v_t = L v + N(v): constant-coefficient symbol and pointwise rest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.balance_law import BalanceLaw
from pinnlab.forms.incompressible import Incompressible
from pinnlab.forms.jet import Jet, JetSymbol, jet_symbols, to_jets
from pinnlab.forms.linear_split import split
from pinnlab.forms.pointwise import Pointwise
from pinnlab.forms.rates import Rates
from pinnlab.known import Known
from pinnlab.problem import Problem
from pinnlab.symbols import Expr

# A number known through its value alone, as one that differs between problems solved together, stays an expression.
Coefficients = dict[Jet, complex | Expr]


@dataclass(frozen=True)
class Term:
    """A contribution `factor * ∂^orders(expression)` to the rate of a state, the derivative taken in Fourier space.

    Attributes:
        state: Which state's rate it belongs to.
        orders: Order of differentiation per coordinate of space.
        factor: A constant.
        expression: In coordinates and jets.
    """

    state: int
    orders: tuple[int, ...]
    factor: float
    expression: Expr


@dataclass(frozen=True)
class Projection:
    """The states are kept free of divergence by a pressure: v_t = P (L v + N), c Δp = div (L v + N).

    The projection P, which takes away gradients, stands for -c ∇p and the continuity equation together, since the
    pressure enters linearly: L and N are those of the declaration without it.

    Attributes:
        components: Which states are the components of the velocity, ordered like the coordinates of space.
        pressure: The name of p.
        factor: c in the rate v_t = -c ∇p + … of every component.
    """

    components: tuple[int, ...]
    pressure: str
    factor: float


@dataclass(frozen=True)
class SpectralForm:
    """v_t = L v + N(v, x, t) for the states v, with slaved unknowns from linear constant-coefficient constraints.

    Incompressible flow has its velocity among the states; its pressure and its continuity equation are in the
    projection, and neither among the slaved unknowns nor among the constraints.

    Attributes:
        states: The evolving states, as in `Rates`.
        linear: For each state its constant coefficients: jet of a state → number.
        nonlinear: Everything else: variable coefficients, forcing, terms with slaved unknowns.
        slaved: Names of the slaved unknowns.
        constraints: For each the constant coefficients of its constraint, jets of states and slaved unknowns.
        sources: For each constraint the part without unknowns.
        projection: Of incompressible flow, else None.
    """

    states: tuple[Jet, ...]
    linear: tuple[Coefficients, ...]
    nonlinear: tuple[Term, ...]
    slaved: tuple[str, ...]
    constraints: tuple[Coefficients, ...]
    sources: tuple[Expr, ...]
    projection: Projection | None = None

    @classmethod
    def of(cls, problem: Problem) -> SpectralForm:
        """The view of a problem.

        Raises:
            UnsupportedProblem: If the rates cannot be solved for, a constraint on a slaved unknown is not linear
                with constant coefficients, or the divergence of a velocity is prescribed and not zero.
        """
        rates, projection = _without_pressure(problem, Rates.of(problem))
        linear: tuple[Coefficients, ...] = tuple({} for _ in rates.states)
        terms: list[Term] = []
        for i, row in enumerate(linear):
            for orders, factor, declared in _contributions(problem, rates, i):
                expression = declared if projection is None else _without(declared, projection.pressure)
                # Each part gives its own share of L: in the sum of all, a constant coefficient of one part may be
                # hidden by a variable one of another, or be left over where two variable ones cancel.
                constant, rest = _parted(expression, rates.slaved, problem.name)
                for jet, c in constant.items():
                    moved = Jet(jet.field, (jet.orders[0], *map(sum, zip(jet.orders[1:], orders, strict=True))))
                    row[moved] = row.get(moved, 0) + factor * _constant(c)
                if rest != 0:
                    terms.append(Term(i, orders, factor, rest))
        linear = tuple({jet: c for jet, c in row.items() if c != 0} for row in linear)
        constraints, sources = _constraints(rates, problem.name)
        return cls(rates.states, linear, tuple(terms), rates.slaved, constraints, sources, projection)

    @property
    def symbols(self) -> tuple[JetSymbol, ...]:
        """The jets that the nonlinear terms need in physical space."""
        return jet_symbols(*(t.expression for t in self.nonlinear))

    @cached_property
    def products(self) -> tuple[Expr, ...]:
        """The different expressions of the nonlinear terms, up to numerical factors."""
        return tuple(dict.fromkeys(t.expression.as_coeff_Mul()[1] for t in self.nonlinear))

    @cached_property
    def rate_symbols(self) -> tuple[sp.Symbol, ...]:
        """One symbol for the time derivative of each of `symbols`."""
        return tuple(sp.Dummy(f"{s}_rate") for s in self.symbols)

    def product_rates(self, time: sp.Symbol) -> tuple[Expr, ...]:
        """The time derivatives of the products along a solution, in `symbols` and `rate_symbols`."""
        pairs = list(zip(self.symbols, self.rate_symbols, strict=True))
        return tuple(sp.Add(sp.diff(e, time), *(sp.diff(e, s) * rate for s, rate in pairs)) for e in self.products)


def _without_pressure(problem: Problem, rates: Rates) -> tuple[Rates, Projection | None]:
    """The rates with the pressure and the continuity equation of an incompressible flow taken out, if it is one.

    Raises:
        UnsupportedProblem: If it is a flow whose velocity has a prescribed divergence, or whose pressure enters more
            than the rates of the velocity; if a slaved unknown is in no constraint and not a pressure either.
    """
    who = f"SpectralForm of {problem.name!r}"
    constrained = {s.jet.field for s in jet_symbols(*rates.constraints)}
    free = [name for name in rates.slaved if name not in constrained]
    if not free:
        return rates, None
    try:
        flow = Incompressible.of(problem)
    except UnsupportedProblem as reason:
        raise UnsupportedProblem(
            f"{who}: no equation without a time derivative determines {free[0]}, and it is not the pressure of an "
            f"incompressible flow either ({reason})"
        ) from None
    if flow.source != 0:
        raise UnsupportedProblem(
            f"{who}: the divergence of ({', '.join(flow.velocity)}) is {flow.source}, and the projection makes it "
            "zero; subtract a velocity with that divergence from the unknowns"
        )
    fields = [s.field for s in rates.states]
    components = tuple(fields.index(name) for name in flow.velocity)
    for i, rate in enumerate(rates.rates):
        if i not in components and any(s.jet.field == flow.pressure for s in jet_symbols(rate)):
            raise UnsupportedProblem(f"{who}: the pressure {flow.pressure} enters the rate of {rates.states[i].symbol}")
    continuity = Pointwise.of(problem).residuals[flow.continuity]
    left = Rates(
        rates.states,
        rates.rates,
        tuple(n for n in rates.slaved if n != flow.pressure),
        tuple(c for c in rates.constraints if c != continuity),
    )
    return left, Projection(components, flow.pressure, float(flow.gradient[0] / flow.mass[0]))


def _without(expression: Expr, name: str) -> Expr:
    """The expression with the jets of one unknown, in which it is linear, put to zero."""
    return expression.subs({s: 0 for s in jet_symbols(expression) if s.jet.field == name})


def _constraints(rates: Rates, name: str) -> tuple[tuple[Coefficients, ...], tuple[Expr, ...]]:
    """Coefficients and sources of the constraints.

    Raises:
        UnsupportedProblem: If one is not linear with constant coefficients.
    """
    constraints, sources = [], []
    for c in rates.constraints:
        coefficients, nonlinear, source = split(c, name)
        constant = {j: _constant(k) for j, k in coefficients.items() if not k.free_symbols}
        if nonlinear != 0 or len(constant) < len(coefficients):
            raise UnsupportedProblem(
                f"the constraint {c} = 0 of {name!r} is not linear with constant coefficients, so it "
                "cannot be solved mode by mode"
            )
        constraints.append(constant)
        sources.append(source)
    return tuple(constraints), tuple(sources)


def _contributions(problem: Problem, rates: Rates, i: int) -> list[tuple[tuple[int, ...], float, Expr]]:
    """The rate of one state as (orders, factor, expression): in divergence form where the declaration has it.

    Differentiating the flux itself needs fewer transforms and keeps the mean exactly.
    """
    none = (0,) * len(problem.space)
    plain = [(none, 1.0, rates.rates[i])]
    state = rates.states[i]
    if state.order or len([s for s in rates.states if s.field == state.field]) > 1:
        return plain
    try:
        law = BalanceLaw.of(problem)
    except UnsupportedProblem:
        return plain
    unknown = problem.unknowns[problem.names.index(state.field)]
    rows = [k for k, mass in enumerate(law.mass) if unknown in mass]
    if len(rows) != 1 or len(law.mass[rows[0]]) != 1 or not law.mass[rows[0]][unknown].is_number:
        return plain
    row, mass = rows[0], float(law.mass[rows[0]][unknown])
    parts = [(none, -1.0 / mass, to_jets(law.source[row], problem.coordinates))]
    for axis, flux in enumerate(law.flux[row]):
        orders = tuple(int(k == axis) for k in range(len(none)))
        parts.append((orders, -1.0 / mass, to_jets(flux, problem.coordinates)))
    return parts


def _constant(c: Expr) -> complex | Expr:
    return c if c.has(Known) else complex(c)


def _parted(expression: Expr, slaved: tuple[str, ...], name: str) -> tuple[dict[Jet, Expr], Expr]:
    """The part that is linear in the states with constant coefficients, jet by jet, and the rest."""
    linear, _, _ = split(expression, name)
    constant = {j: c for j, c in linear.items() if not c.free_symbols and j.field not in slaved}
    return constant, sp.expand(expression - sp.Add(*(c * j.symbol for j, c in constant.items())))
