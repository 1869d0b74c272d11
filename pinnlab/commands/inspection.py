"""Problems, solutions and result files as plain data: what `pinnlab show`, `solve` and `info` tell."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp
from safetensors import SafetensorError, safe_open

from pinnlab.calibration import Score, calibration
from pinnlab.commands.sample_files import describe_samples, holds_samples
from pinnlab.errors import UnsupportedProblem
from pinnlab.field import ExactField
from pinnlab.files import checkpoint, reading
from pinnlab.files.contents import Contents
from pinnlab.forms.advective import Advective
from pinnlab.forms.balance_law import BalanceLaw
from pinnlab.forms.jet import jet_symbols
from pinnlab.forms.linear_split import LinearSplit
from pinnlab.forms.pointwise import Pointwise
from pinnlab.meshing.cells import Cells
from pinnlab.problem import Problem
from pinnlab.reference import CrossCheck, error_against
from pinnlab.solution import ErrorBound, Solution
from pinnlab.symbols import Expr
from pinnlab.training.estimate import Estimate, estimates_of

Form = dict[str, Any]


def describe_problem(problem: Problem) -> dict[str, Any]:
    """Everything that a problem declares, and its forms, as JSON-able data."""
    exact = problem.exact_expressions
    kind = "none" if problem.reference is None else "a function" if exact is None else "an expression"
    return {
        "name": problem.name,
        "citation": problem.citation,
        "sha256": problem.sha256,
        "equations": [f"{e} = 0" for e in problem.equations],
        "unknowns": [str(u) for u in problem.unknowns],
        "coordinates": [c.name for c in problem.coordinates],
        "time": None if problem.time is None else problem.time.name,
        "domain": str(problem.domain),
        "conditions": [{"on": list(problem.pieces_of(c)), "residual": str(c.residual)} for c in problem.conditions],
        "parameters": {p.name: "unknown" if p.is_unknown else str(p.value) for p in problem.parameters},
        "conserved": {name: str(density) for name, density in problem.conserved.items()},
        "exact_solution": kind if exact is None else [str(e) for e in exact],
        "forms": describe_forms(problem),
    }


def describe_forms(problem: Problem) -> dict[str, Form | str]:
    """View → what it reads off the equations, or "no: reason"; derivatives are written u_xx."""
    views: dict[str, Callable[[Problem], Form]] = {
        "Pointwise": _pointwise,
        "LinearSplit": _linear_split,
        "BalanceLaw": _balance_law,
        "Advective": _advective,
    }
    found: dict[str, Form | str] = {}
    for name, describe in views.items():
        try:
            found[name] = describe(problem)
        except UnsupportedProblem as refusal:
            found[name] = f"no: {refusal}"
    return found


def subscripted(expression: Expr, problem: Problem) -> Expr:
    """An expression of jets with each written by its coordinates, u_xx for the jet of orders (0, 2)."""
    names = [c.name for c in problem.coordinates]
    table = {}
    for symbol in jet_symbols(expression):
        jet = symbol.jet
        below = "".join(n * k for n, k in zip(names, jet.orders, strict=True))
        table[symbol] = sp.Symbol(f"{jet.field}_{below}" if below else jet.field)
    return expression.xreplace(table)


def _pointwise(problem: Problem) -> Form:
    form = Pointwise.of(problem)
    return {
        "residuals": [_told(r, problem) for r in form.residuals],
        "derivatives": [_told(s, problem) for s in form.symbols],
        "linear": form.is_linear,
    }


def _linear_split(problem: Problem) -> Form:
    form = LinearSplit.of(problem)
    operators = [sp.Add(*(c * j.symbol for j, c in row.items())) for row in form.linear]
    return {
        "linear": [_told(e, problem) for e in operators],
        "nonlinear": [_told(e, problem) for e in form.nonlinear],
        "forcing": [_told(e, problem) for e in form.forcing],
    }


def _balance_law(problem: Problem) -> Form:
    form = BalanceLaw.of(problem)
    return {
        "mass": [{str(u): str(m) for u, m in row.items()} for row in form.mass],
        "flux": [[str(f) for f in row] for row in form.flux],
        "source": [str(s) for s in form.source],
    }


def _advective(problem: Problem) -> Form:
    form = Advective.of(problem)
    return {
        "velocity": {u: [_told(v, problem) for v in row] for u, row in zip(form.unknowns, form.velocity, strict=True)},
        "rest": {u: _told(r, problem) for u, r in zip(form.unknowns, form.rest, strict=True)},
    }


def _told(expression: Expr, problem: Problem) -> str:
    return str(subscripted(expression, problem))


def describe_solution(solution: Solution) -> dict[str, Any]:
    """How an answer was obtained, its bound, and its errors where the exact solution is known."""
    problem, bound, exact = solution.problem, solution.bound, ExactField.of(solution.problem)
    last = _history(solution.history)["last"]
    return {
        "problem": problem.name,
        "problem_sha256": problem.sha256,
        "parameters": {p.name: str(p.value) for p in problem.parameters},
        "solver": solution.settings,
        "status": solution.status.value,
        "seconds": solution.seconds,
        "steps": int(last.get("step") or 0),
        "seed": solution.seed,
        "device": solution.device,
        "dtype": solution.dtype,
        "note": solution.note,
        "last": {name: value for name, value in last.items() if name not in ("step", "seconds", "relative_l2")},
        "learned": _learned(solution.field.parameters),
        "bound": None if bound is None else _bound(bound),
        "errors": None if exact is None else error_against(solution.field, exact),
        "calibration": {} if exact is None else _calibration(calibration(solution.field, exact, {})),
    }


def _calibration(scores: Mapping[str, Score]) -> dict[str, float | str]:
    """Scores of the standard deviation; the reason where there is none."""
    return {name: f"n/a: {score.reason}" if score.value is None else score.value for name, score in scores.items()}


def _bound(bound: ErrorBound) -> dict[str, Any]:
    return {
        "metrics": dict(bound.metrics),
        "space": bound.space,
        "time": bound.time,
        "requested": bound.requested,
        "reached": bound.reached,
    }


def describe_check(check: CrossCheck) -> dict[str, Any]:
    """Two independent solutions, their bounds and their distance."""
    return {
        "solver": check.second.settings,
        "first_bound": check.first.error_bound,
        "second_bound": check.second.error_bound,
        "difference": check.difference,
        "allowed": check.allowed,
        "agrees": check.agrees,
    }


def require_result(path: str | os.PathLike[str]) -> None:
    """Refuse a checkpoint where a result is wanted.

    Raises:
        ValueError: If the file is a checkpoint; the text says what it is for.
    """
    if _is_checkpoint(path):
        raise ValueError(
            f"{os.fspath(path)}: this is the checkpoint of a run and no result; go on from it with the same "
            "`pinnlab solve` and --resume, and add --out FILE.hdf"
        )


def describe_file(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What is in a result file, without reading the values of an evolution, or in a file of samples.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is neither, or is damaged; a checkpoint is told as such.
    """
    require_result(path)
    if holds_samples(path):
        return describe_samples(path)
    with reading.opened(path) as file:
        names = reading.names(file)
        contents = reading.contents(file, None if names.time is None else 0)
        axes = {name: reading.values(reading.numbers(file, name, 1)) for name in names.axes}
        shapes = {name: file[name].shape for name in names.arrays}
        bounds = {name: reading.values(reading.numbers(file, name)) for name in names.bounds}
        schema = int(file.attrs["pinnlab_schema"])
    return {
        "file": os.fspath(path),
        "bytes": Path(path).stat().st_size,
        "schema": schema,
        "title": contents.title,
        "problem": _problem_name(contents),
        "problem_sha256": contents.problem_sha256,
        "parameters": dict(contents.parameters),
        "solver": json.loads(contents.solver_json),
        "axes": {n: {"nodes": len(a), "from": float(a[0]), "to": float(a[-1])} for n, a in axes.items() if len(a)},
        "mesh": None if contents.mesh is None else _mesh(contents.mesh),
        "fields": {n: {"shape": list(shapes[n]), "dtype": str(v.dtype)} for n, v in contents.fields.items()},
        "deviations": {n: {"shape": list(shapes[n]), "dtype": str(v.dtype)} for n, v in contents.deviations.items()},
        "bounds": {name: float(np.max(b)) for name, b in bounds.items() if b.size},
        "learned": _learned(estimates_of(contents.metrics)),
        "metrics": dict(contents.metrics),
        "history": _history(contents.history),
        "provenance": dict(contents.provenance),
    }


def _mesh(cells: Cells) -> dict[str, Any]:
    return {
        "kind": cells.kind,
        "cells": len(cells.connectivity),
        "coordinates": {
            name: {"from": float(places.min()), "to": float(places.max())}
            for name, places in zip(cells.coordinates, cells.nodes.T, strict=True)
        },
        "pieces": {name: len(facets) for name, facets in cells.pieces.items()},
    }


def _learned(found: Mapping[str, Estimate]) -> dict[str, dict[str, float]]:
    """The estimates of unknown parameters, as numbers."""
    return {
        name: {"value": e.value, "standard_error": e.standard_error, "lower": e.interval[0], "upper": e.interval[1]}
        for name, e in found.items()
    }


def _is_checkpoint(path: str | os.PathLike[str]) -> bool:
    if not Path(path).is_file():
        return False
    try:
        with safe_open(path, framework="np") as file:
            return (file.metadata() or {}).get("format") == checkpoint.FORMAT
    except (SafetensorError, OSError):
        return False


def _problem_name(contents: Contents) -> str:
    try:
        return Problem.from_json(contents.problem_json).name
    except ValueError as error:
        return f"cannot be read: {error}"


def _history(history: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Rows and the last finite value of each column."""
    last = {}
    for name, column in history.items():
        finite = column[np.isfinite(column)]
        last[name] = float(finite[-1]) if len(finite) else None
    return {"rows": max((len(c) for c in history.values()), default=0), "last": last}
