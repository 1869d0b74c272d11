"""Evolution equations solved for their rates: a first-order system in time, slaved unknowns kept apart."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.jet import Jet, jet_symbols
from pinnlab.forms.pointwise import Pointwise
from pinnlab.problem import Problem
from pinnlab.symbols import Expr


@dataclass(frozen=True)
class Rates:
    """s_t = R(x, s, ∇s, …) for the states s: the unknowns, and u_t where u has second order in time.

    Attributes:
        states: Each state as the jet of an unknown differentiated in time only: u is (0, 0), u_t is (1, 0).
        rates: For each state its time derivative, in jets of the states and of the slaved unknowns.
        slaved: Names of unknowns without time derivative, such as a stream function.
        constraints: The equations without time derivative, as many as there are slaved unknowns.
    """

    states: tuple[Jet, ...]
    rates: tuple[Expr, ...]
    slaved: tuple[str, ...]
    constraints: tuple[Expr, ...]

    @classmethod
    def of(cls, problem: Problem) -> Rates:
        """The view of a problem.

        Raises:
            UnsupportedProblem: If the problem is steady, if the highest time derivatives enter nonlinearly or
                differentiated in space, or if they cannot be solved for.
        """
        if problem.time is None:
            raise UnsupportedProblem(f"Rates of {problem.name!r}: a steady problem has no rates; declare time=")
        form = Pointwise.of(problem)
        order = {n: max((j.orders[0] for j in form.jets if j.field == n), default=0) for n in problem.names}
        space = (0,) * len(problem.space)
        top = [Jet(n, (order[n], *space)) for n in problem.names if order[n]]
        evolving = [r for r in form.residuals if any(s.jet.orders[0] for s in jet_symbols(r))]
        constraints = tuple(r for r in form.residuals if r not in evolving)
        highest = _solve(evolving, top, order, problem.name)
        states, rates = [], []
        for jet, expression in zip(top, highest, strict=True):
            for k in range(jet.orders[0]):
                states.append(Jet(jet.field, (k, *space)))
                last = k + 1 == jet.orders[0]
                rates.append(expression if last else states[-1].shifted(0, 1).symbol)
        slaved = tuple(n for n in problem.names if not order[n])
        return cls(tuple(states), tuple(rates), slaved, constraints)


def _solve(residuals: list[Expr], top: list[Jet], order: dict[str, int], name: str) -> list[Expr]:
    """The highest time derivatives from the residuals, which must hold them linearly."""
    who = f"Rates of {name!r}"
    if len(residuals) != len(top):
        raise UnsupportedProblem(
            f"{who}: {len(residuals)} equations hold a time derivative, but {len(top)} unknowns evolve; "
            "write one evolution equation for each of them"
        )
    symbols = [j.symbol for j in top]
    for r in residuals:
        for s in jet_symbols(r):
            if s.jet.orders[0] == order[s.jet.field] > 0 and s not in symbols:
                raise UnsupportedProblem(f"{who}: {s} mixes the highest time derivative with space, so {r} has no rate")
    mass = sp.Matrix([[sp.diff(r, s) for s in symbols] for r in residuals])
    if jet_symbols(*mass):
        raise UnsupportedProblem(
            f"{who}: the time derivatives enter nonlinearly, with the coefficients {mass.tolist()}"
        )
    rest = sp.Matrix([r.subs(dict.fromkeys(symbols, 0)) for r in residuals])
    if mass.is_diagonal() and 0 not in mass.diagonal():
        return [-sp.Add(*(a / mass[i, i] for a in sp.Add.make_args(rest[i]))) for i in range(len(symbols))]
    if mass.det() == 0:
        raise UnsupportedProblem(f"{who}: the matrix of the time derivatives {mass.tolist()} is singular")
    return list(-(mass.inv() * rest))
