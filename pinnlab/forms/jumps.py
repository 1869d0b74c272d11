"""Fluxes that jump where the coordinates do not: their derivatives hold a delta that no pointwise residual sees."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sympy as sp

from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.evaluate import Program
from pinnlab.problem import Problem
from pinnlab.symbols import Expr, applied_functions, with_values

# Functions that may jump, or make a quotient jump.
_BREAKS = (sp.Piecewise, sp.Heaviside, sp.sign, sp.floor, sp.ceiling, sp.Abs)
# Lines along which a flux is looked at, places on each, and halvings of each interval between them.
_LINES, _PLACES, _HALVINGS = 64, 65, 45
# Halvings of the interval in which a switch changes its sign: not so many that an end is the very place, where the
# flux may be 0/0.
_SWITCH_HALVINGS = 40
# A change by this share of the flux beside it, over an interval of rounding length, is a jump if it is not rounding of
# the flux elsewhere, and if the change over a longer interval is not far larger, as it is at a root.
_JUMP, _ROUNDING, _KEPT = 1e-6, 1e-12, 0.1
# Shares of the extent that the interval of rounding length may have at most, and by which the longer one is longer.
_SHORT, _LONGER = 1e-12, 1e-9

_Values = Callable[[np.ndarray], np.ndarray]


def require_continuous_fluxes(owner: str, problem: Problem) -> None:
    """Refuse equations with a derivative ∂F/∂x of an F that jumps along x for constant unknowns.

    At the jump of a coefficient k, D(k D(u, x), x) says that k u_x is continuous.  Written out at points it becomes
    k u_xx + k_x u_x, and the delta in k_x is lost.

    Args:
        owner: Who needs the equations at points.
        problem: What is to be solved.

    Raises:
        UnsupportedProblem: If there is such a derivative.
    """
    for equation in problem.equations:
        for derivative in with_values(equation).atoms(sp.Derivative):
            for variable, _ in derivative.variable_count:
                place = _jump(derivative.expr, variable, problem)
                if place is not None:
                    raise UnsupportedProblem(
                        f"{owner} on {problem.name!r}: the flux {derivative.expr} jumps at {variable} = {place:.6g}, "
                        "and residuals at points do not see what its derivative is there; use FiniteElement, which "
                        "keeps the flux whole, or declare a smooth transition"
                    )


def _jump(flux: Expr, variable: sp.Symbol, problem: Problem) -> float | None:
    """Where a flux jumps along a coordinate while unknowns and their derivatives stay the same; None if nowhere."""
    if variable not in problem.coordinates:
        return None
    fields = sorted({*applied_functions(flux), *flux.atoms(sp.Derivative)}, key=lambda e: -sp.count_ops(e))
    held = {e: sp.Dummy(real=True) for e in fields}
    plain = flux
    for e, symbol in held.items():
        plain = plain.subs(e, symbol)
    if not any(b.has(variable) for b in plain.atoms(*_BREAKS)):
        return None
    rng = np.random.default_rng(0)
    points = problem.spacetime.sample(_LINES, rng)
    axis = problem.coordinates.index(variable)
    numbers = rng.uniform(0.5, 1.5, (len(held), _LINES, 1))

    def along_lines(expression: Expr) -> _Values:
        """An expression `(lines, places)` as a function of values of the coordinate of that shape."""
        program = Program([expression], [*problem.coordinates, *held.values()])

        def values(along: np.ndarray) -> np.ndarray:
            columns = [points[:, i : i + 1] for i in range(points.shape[1])]
            columns[axis] = along
            with np.errstate(all="ignore"):
                (found,) = program(*(np.broadcast_to(c, along.shape) for c in (*columns, *numbers)))
            return np.broadcast_to(np.asarray(found, float), along.shape)

        return values

    uniform = np.linspace(points[:, axis].min(), points[:, axis].max(), _PLACES)
    spread = np.broadcast_to(uniform, (_LINES, _PLACES))
    # Two jumps closer than the places are apart may undo each other: each switch gets places of its own.
    ends = [e for s in _switches(plain) if s.has(variable) for e in _sign_changes(along_lines(s), spread)]
    return _first_jump(along_lines(plain), np.sort(np.concatenate([spread, *ends], axis=1), axis=1))


def _switches(flux: Expr) -> list[Expr]:
    """What a flux compares with zero."""
    compared = {r.lhs - r.rhs for r in flux.atoms(sp.core.relational.Relational)}
    return sorted(compared | {f.args[0] for f in flux.atoms(sp.Heaviside, sp.sign, sp.Abs)}, key=str)


def _sign_changes(switch: _Values, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places right before and right after each change of sign; the first place where there is none."""
    low, high = spread[:, :-1], spread[:, 1:]
    before = switch(low) > 0
    changes = before != (switch(high) > 0)
    for _ in range(_SWITCH_HALVINGS):
        middle = (low + high) / 2
        left = (switch(middle) > 0) != before
        low, high = np.where(left, low, middle), np.where(left, middle, high)
    return np.where(changes, low, spread[:, :1]), np.where(changes, high, spread[:, :1])


def _first_jump(flux: _Values, along: np.ndarray) -> float | None:
    """The place of a jump in one of the intervals between `along (lines, places)`: halved towards the larger change."""
    found = flux(along)
    size = np.nanmax(np.abs(found), initial=0.0)
    low, high, at_low, at_high = along[:, :-1], along[:, 1:], found[:, :-1], found[:, 1:]
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        at = flux(middle)
        left = np.abs(at - at_low) > np.abs(at_high - at)
        # A middle without a value tells nothing: the interval stays.
        move_high, move_low = left & np.isfinite(at), ~left & np.isfinite(at)
        low, at_low = np.where(move_low, middle, low), np.where(move_low, at, at_low)
        high, at_high = np.where(move_high, middle, high), np.where(move_high, at, at_high)
    extent = along[:, -1:] - along[:, :1]
    with np.errstate(invalid="ignore"):
        longer = np.fmax(np.abs(flux(high + _LONGER * extent) - at_low), np.abs(at_high - flux(low - _LONGER * extent)))
        change, beside = np.abs(at_high - at_low), np.fmax(np.abs(at_low), np.abs(at_high))
        jumps = (change > _JUMP * beside) & (change > _ROUNDING * size) & (change > _KEPT * np.nan_to_num(longer))
    jumps &= np.isfinite(change) & (high - low <= _SHORT * extent)
    return float(low[jumps][0]) if jumps.any() else None
