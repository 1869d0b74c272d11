"""Kinks in data that an ansatz would keep although the solution does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import sympy as sp

from pinnlab.domain.box import Box
from pinnlab.domain.shape import Shape
from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.evaluate import on_points
from pinnlab.forms.pointwise import Pointwise
from pinnlab.problem import Problem
from pinnlab.symbols import Expr

# What makes a function that is continuous, or nearly, and not smooth.
BROKEN = (sp.Abs, sp.Max, sp.Min, sp.Piecewise, sp.Heaviside, sp.sign, sp.floor, sp.ceiling)
# Lines that are looked at, and places on each.
LINES, PLACES = 8, 201
# Halvings of the interval in which a function changes most: if it still does, it jumps.
HALVINGS = 30
# A jump below this share of the largest value is rounding, or what is left of a steep slope.
SMALLEST = 1e-4

Function = Callable[[np.ndarray], np.ndarray]


def kinks(problem: Problem, name: str, data: Sequence[Expr], lift: Expr) -> Iterator[str]:
    """Where a lift or its slope jumps along an axis, a sentence each: across a periodic boundary, or inside.

    The function u0 = x² cos(pi x) on [-1, 1) is continuous on the circle, and its slope is -2 at one end and 2 at the
    other.  Only axes along which the equations differentiate the unknown are looked at: along others a solution keeps
    its kinks.  Inside, only data with case distinctions are looked at, on a few random lines.

    Args:
        problem: What is to be solved.
        name: The unknown.
        data: What is prescribed to it.
        lift: The function that has these data.
    """
    region = problem.region
    if not isinstance(region, Shape) or not lift.free_symbols <= set(problem.coordinates):
        return
    broken = any(e.has(*BROKEN) for e in data)
    periodic = region.periodic if isinstance(region, Box) else frozenset()
    points = problem.spacetime.sample(LINES, np.random.default_rng(0))
    first = len(problem.coordinates) - len(problem.space)
    jets = Pointwise.of(problem).jets if broken or periodic else ()
    for k, c in enumerate(problem.space):
        smooth = any(j.field == name and j.orders[first + k] for j in jets)
        if not smooth or not (broken or c in periodic):
            continue
        low, high = float(region.lower[k]), float(region.upper[k])
        for what, function in _looked_at(lift, c, problem):
            found = _across(function, points, first + k, (low, high)) if c in periodic else None
            if found is None and broken:
                found = _inside(function, points, first + k, (low, high), problem)
            if found is not None:
                at, jump = found
                yield (
                    f"the {what} of the data of {name} jumps by {jump:.2g} at {c} = {at:.6g}, which the ansatz keeps "
                    "and the solution does not"
                )
                break


def _looked_at(lift: Expr, c: sp.Symbol, problem: Problem) -> Iterator[tuple[str, Function]]:
    """The lift and its slope, as far as they can be evaluated."""
    for what, expression in (("value", lift), ("slope", sp.diff(lift, c))):
        try:
            yield what, _quietly(on_points([expression], problem.coordinates))
        except UnsupportedProblem:
            continue


def _quietly(function: Function) -> Function:
    """Without warnings where there is no value: such places tell nothing."""

    def evaluate(points: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return function(points)

    return evaluate


def _across(function: Function, points: np.ndarray, axis: int, ends: tuple[float, float]) -> tuple[float, float] | None:
    """(upper end, jump) across a periodic boundary, on lines through the points."""
    low, high = points.copy(), points.copy()
    low[:, axis], high[:, axis] = ends
    a, b, inside = (function(p)[:, 0] for p in (low, high, points))
    jump, size = float(np.abs(a - b).max()), float(np.abs(np.concatenate([a, b, inside])).max())
    # Not a number compares as no jump.
    return (ends[1], jump) if jump > SMALLEST * size else None


def _inside(
    function: Function, points: np.ndarray, axis: int, ends: tuple[float, float], problem: Problem
) -> tuple[float, float] | None:
    """(place, jump) where a function jumps on a line along an axis through one of the points."""
    for point in points:
        # Not at round numbers, where functions that jump have a value of their own.
        places = ends[0] + (ends[1] - ends[0]) * (np.arange(PLACES) + 0.382) / PLACES
        line = np.tile(point, (PLACES, 1))
        line[:, axis] = places
        values = np.where(problem.spacetime.contains(line), function(line)[:, 0], np.nan)
        steps = np.abs(np.diff(values))
        if not np.isfinite(steps).any():
            continue
        k = int(np.nanargmax(steps))
        at, jump = _narrowed(function, line[[k, k + 1]], axis)
        if jump > SMALLEST * float(np.nanmax(np.abs(values))):
            return at, jump
    return None


def _narrowed(function: Function, ends: np.ndarray, axis: int) -> tuple[float, float]:
    """The place and the size of what is left of a step between two points after halving its interval many times."""
    for _ in range(HALVINGS):
        three = np.stack([ends[0], ends.mean(axis=0), ends[1]])
        values = function(three)[:, 0]
        left = abs(values[1] - values[0]) >= abs(values[2] - values[1])
        ends = three[:2] if left else three[1:]
    values = function(ends)[:, 0]
    return float(ends[:, axis].mean()), abs(float(values[1] - values[0]))
