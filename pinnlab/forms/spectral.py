"""Evolution equations on periodic boxes as v_t = L v + N(v): constant-coefficient symbol and pointwise rest."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.balance_law import BalanceLaw
from pinnlab.forms.jet import Jet, JetSymbol, jet_symbols, to_jets
from pinnlab.forms.linear_split import split
from pinnlab.forms.rates import Rates
from pinnlab.problem import Problem
from pinnlab.symbols import Expr

Coefficients = dict[Jet, complex]


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
class SpectralForm:
    """v_t = L v + N(v, x, t) for the states v, with slaved unknowns from linear constant-coefficient constraints.

    Attributes:
        states: The evolving states, as in `Rates`.
        linear: For each state its constant coefficients: jet of a state → number.
        nonlinear: Everything else: variable coefficients, forcing, terms with slaved unknowns.
        slaved: Names of the slaved unknowns.
        constraints: For each the constant coefficients of its constraint, jets of states and slaved unknowns.
        sources: For each constraint the part without unknowns.
    """

    states: tuple[Jet, ...]
    linear: tuple[Coefficients, ...]
    nonlinear: tuple[Term, ...]
    slaved: tuple[str, ...]
    constraints: tuple[Coefficients, ...]
    sources: tuple[Expr, ...]

    @classmethod
    def of(cls, problem: Problem) -> SpectralForm:
        """The view of a problem.

        Raises:
            UnsupportedProblem: If the rates cannot be solved for, or a constraint on a slaved unknown is not linear
                with constant coefficients.
        """
        rates = Rates.of(problem)
        linear: tuple[Coefficients, ...] = tuple({} for _ in rates.states)
        terms: list[Term] = []
        for i, row in enumerate(linear):
            for orders, factor, expression in _contributions(problem, rates, i):
                # Each part gives its own share of L: in the sum of all, a constant coefficient of one part may be
                # hidden by a variable one of another, or be left over where two variable ones cancel.
                constant, rest = _parted(expression, rates.slaved, problem.name)
                for jet, c in constant.items():
                    moved = Jet(jet.field, (jet.orders[0], *map(sum, zip(jet.orders[1:], orders, strict=True))))
                    row[moved] = row.get(moved, 0) + factor * complex(c)
                if rest != 0:
                    terms.append(Term(i, orders, factor, rest))
        linear = tuple({jet: c for jet, c in row.items() if c != 0} for row in linear)
        constraints, sources = [], []
        for c in rates.constraints:
            coefficients, nonlinear, source = split(c, problem.name)
            constant = {j: complex(k) for j, k in coefficients.items() if not k.free_symbols}
            if nonlinear != 0 or len(constant) < len(coefficients):
                raise UnsupportedProblem(
                    f"the constraint {c} = 0 of {problem.name!r} is not linear with constant coefficients, so it "
                    "cannot be solved mode by mode"
                )
            constraints.append(constant)
            sources.append(source)
        return cls(rates.states, linear, tuple(terms), rates.slaved, tuple(constraints), tuple(sources))

    @property
    def symbols(self) -> tuple[JetSymbol, ...]:
        """The jets that the nonlinear terms need in physical space."""
        return jet_symbols(*(t.expression for t in self.nonlinear))


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


def _parted(expression: Expr, slaved: tuple[str, ...], name: str) -> tuple[dict[Jet, Expr], Expr]:
    """The part that is linear in the states with constant coefficients, jet by jet, and the rest."""
    linear, _, _ = split(expression, name)
    constant = {j: c for j, c in linear.items() if not c.free_symbols and j.field not in slaved}
    return constant, sp.expand(expression - sp.Add(*(c * j.symbol for j, c in constant.items())))
