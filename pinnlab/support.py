"""Which solver takes which problem, and why the others do not."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping

from pinnlab import solvers
from pinnlab.errors import KeptKink, SolveFailed
from pinnlab.problem import Problem
from pinnlab.solver import Solver, solver_name


def shipped_solvers() -> dict[str, Callable[..., Solver]]:
    """Every solver that pinnlab exports, class or function that composes one, by its name on the command line."""
    found: list[Callable[..., Solver]] = [f for _, f in inspect.getmembers(solvers, inspect.isfunction)]
    found += [c for _, c in inspect.getmembers(solvers, inspect.isclass) if issubclass(c, Solver)]
    return {solver_name(f): f for f in sorted(found, key=lambda f: f.__name__)}


def support(problem: Problem, solvers: Mapping[str, Callable[..., Solver]] | None = None) -> Mapping[str, str]:
    """Solver name → "yes", or "no: reason" with the reason that `compile` gave for its default settings.

    Settings that do not fit this problem (`ValueError`, of which `UnsupportedProblem` is one) and work that ends
    without an answer (`SolveFailed`) are reasons alike; other errors are faults of the program, and are not caught.

    Args:
        problem: What is to be solved.
        solvers: Name → class or function; by default every solver that pinnlab exports.
    """
    table = {}
    for name, kind in (shipped_solvers() if solvers is None else solvers).items():
        try:
            with warnings.catch_warnings():
                # What default settings do to the accuracy is no matter of taking the problem or not.
                warnings.simplefilter("ignore", KeptKink)
                kind().compile(problem)
            table[name] = "yes"
        except (ValueError, SolveFailed) as refusal:
            table[name] = f"no: {refusal}"
    return table
