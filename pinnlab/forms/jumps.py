"""Fluxes that jump where the coordinates do not: their derivatives hold a delta that no pointwise residual sees."""

from __future__ import annotations

import numpy as np
import sympy as sp

from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.evaluate import Program
from pinnlab.problem import Problem
from pinnlab.symbols import Expr, applied_functions, with_values

# Functions that may jump.
_BREAKS = (sp.Piecewise, sp.Heaviside, sp.sign, sp.floor, sp.ceiling)
# Lines along which a flux is looked at, places on each, and halvings of the interval with the largest change.
_LINES, _PLACES, _HALVINGS = 64, 65, 45
# A change of this share of the flux's size over an interval of rounding length is a jump.
_JUMP = 1e-6


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
    if variable not in problem.coordinates or not any(b.has(variable) for b in flux.atoms(*_BREAKS)):
        return None
    fields = sorted({*applied_functions(flux), *flux.atoms(sp.Derivative)}, key=lambda e: -sp.count_ops(e))
    held = {e: sp.Dummy(real=True) for e in fields}
    plain = flux
    for e, symbol in held.items():
        plain = plain.subs(e, symbol)
    rng = np.random.default_rng(0)
    points = problem.spacetime.sample(_LINES, rng)
    axis = problem.coordinates.index(variable)
    program = Program([plain], [*problem.coordinates, *held.values()])
    numbers = rng.uniform(0.5, 1.5, (len(held), _LINES, 1))

    def values(along: np.ndarray) -> np.ndarray:
        """The flux `(lines, places)` at values of the coordinate of that shape."""
        columns = [points[:, i : i + 1] for i in range(points.shape[1])]
        columns[axis] = along
        with np.errstate(all="ignore"):
            (found,) = program(*(np.broadcast_to(c, along.shape) for c in (*columns, *numbers)))
        return np.broadcast_to(np.asarray(found, float), along.shape)

    spread = np.linspace(points[:, axis].min(), points[:, axis].max(), _PLACES)
    along = np.broadcast_to(spread, (_LINES, _PLACES))
    found = values(along)
    size = np.nanmax(np.abs(found), initial=0.0)
    change = np.nan_to_num(np.abs(np.diff(found, axis=1)))
    k = change.argmax(axis=1)
    low, high = spread[k], spread[k + 1]
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        f = values(np.stack([low, middle, high], axis=1))
        left = np.abs(f[:, 1] - f[:, 0]) > np.abs(f[:, 2] - f[:, 1])
        low, high = np.where(left, low, middle), np.where(left, middle, high)
    f = values(np.stack([low, high], axis=1))
    jumps = np.nan_to_num(np.abs(f[:, 1] - f[:, 0])) > _JUMP * size
    return float(low[jumps][0]) if jumps.any() else None
