"""The command line: `pinnlab list | show | solve | compare | info | export`."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import inspect
import io
import json
import math
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pinnlab.terminal import (
    FAILED,
    INTERRUPTED,
    MISSED,
    USAGE,
    Sentences,
    complain,
    say,
    say_json,
    standard_error,
    standard_output,
    stdout_kept_clean,
)

# What a command needs is imported when it runs, so that --help answers at once.
if TYPE_CHECKING:
    from pinnlab.compare import Comparison
    from pinnlab.field import Grid
    from pinnlab.problem import Problem
    from pinnlab.solution import Solution
    from pinnlab.solve import Monitor
    from pinnlab.solver import Solver

# Compiling for these imports a large package, so `list` asks them only on request.
SLOW_TO_ASK = ("deepxde-pinn",)
DEFAULT_RTOL = 1e-6
EXACT = "exact"

app = typer.Typer(
    cls=Sentences,
    help="Declare a PDE once; solve it with neural networks and classical methods; know how far each can be trusted.",
    epilog="Exit codes: 0 ok, 2 usage or unsupported, 3 no usable answer, 4 a requested tolerance was missed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)


class Format(enum.StrEnum):
    """Formats of other programs; the value is what `--to` takes."""

    VTU = "vtu"
    XDMF = "xdmf"
    NETCDF = "netcdf"
    CSV = "csv"


SUFFIXES = {Format.VTU: ".vtu", Format.XDMF: ".xdmf", Format.NETCDF: ".nc", Format.CSV: ".csv"}

Declared = Annotated[
    str, typer.Argument(metavar="PROBLEM", help="A shipped problem (burgers), or a file: mine.py, mine.py:wave, mine.json.")
]
SolverText = Annotated[
    str | None,
    typer.Option("--solver", help="NAME[:key=value,…], as in etdrk4:points=128. Without it: a reference with an error bound."),
]
SolverTexts = Annotated[list[str], typer.Option("--solver", help="NAME[:key=value,…]; say it once for each solver.")]
Out = Annotated[Path | None, typer.Option("--out", help="HDF5 file for the answer, by custom with the suffix .hdf.")]
OutFolder = Annotated[
    Path | None, typer.Option("--out", help="Folder for one .hdf per solver, comparison.json and panel.png.")
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, max=2**63 - 1, help="Of every random draw; 0 if not said.")]
Device = Annotated[str | None, typer.Option("--device", help="auto (the default), cpu, cuda, cuda:1, …")]
MaxSeconds = Annotated[float | None, typer.Option("--max-seconds", min=0, help="Budget of the solver's own time.")]
MaxSteps = Annotated[int | None, typer.Option("--max-steps", min=0, help="Budget in steps, those before --resume included.")]
Checkpoint = Annotated[
    Path | None, typer.Option("--checkpoint", help="File that keeps the state of the run, so that it can be killed and resumed.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint if it is there.")]
Rtol = Annotated[
    float | None,
    typer.Option("--rtol", help=f"Refine a classical solver until its error bound is within this; {DEFAULT_RTOL:g} if not said."),
]
Verify = Annotated[bool, typer.Option("--verify", help="Solve again by a second classical method, and compare the two.")]
Shape = Annotated[
    str | None, typer.Option("--shape", help="Nodes of the written grid in file order, t then z, y, x: 101,401.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout; no progress.")]
ResultFile = Annotated[Path, typer.Argument(metavar="F.hdf", help="A file that pinnlab wrote.")]


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.", is_eager=True)] = False,
) -> None:
    if version:
        from pinnlab.solution import version as installed

        say(f"pinnlab {installed()}")
        raise typer.Exit


@app.command("list")
def list_command(
    verbose: Annotated[bool, typer.Option("--verbose", help="Add every reason, and ask the slow solvers too.")] = False,
    as_json: Json = False,
) -> None:
    """Shipped problems, solvers, and which solves which."""
    from rich.table import Table

    from pinnlab.catalog import load, shipped
    from pinnlab.support import shipped_solvers, support

    solvers = shipped_solvers()
    asked = {name: kind for name, kind in solvers.items() if verbose or name not in SLOW_TO_ASK}
    waiting = contextlib.nullcontext() if as_json else standard_error().status("asking every solver about every problem")
    with waiting, stdout_kept_clean():
        problems = {name: load(name) for name in shipped()}
        answers = {name: dict(support(problem, asked)) for name, problem in problems.items()}
    if as_json:
        say_json({"problems": answers, "solvers": list(solvers), "not_asked": [s for s in solvers if s not in asked]})
        return
    table = Table("problem", "coordinates", "exact", *solvers)
    for name, problem in problems.items():
        cells = [_short_answer(answers[name].get(solver)) for solver in solvers]
        known = "" if problem.reference is None else "yes"
        table.add_row(name, ", ".join(c.name for c in problem.coordinates), known, *cells)
    standard_output().print(table)
    if len(asked) < len(solvers):
        left = ", ".join(s for s in solvers if s not in asked)
        say(f"?: not asked, since that takes seconds for {left}; --verbose asks, and tells every reason")
    for name, row in answers.items() if verbose else ():
        for solver, answer in row.items():
            if answer != "yes":
                say(f"{name}, {solver}: {answer}")


def _short_answer(answer: str | None) -> str:
    return "?" if answer is None else answer.partition(":")[0]


@app.command()
def show(problem: Declared, as_json: Json = False) -> None:
    """Equations, conditions and parameters of a problem, its forms, and the solvers that take it."""
    import sympy as sp

    from pinnlab.inspection import describe_problem
    from pinnlab.support import support

    declared = _problem(problem)
    with stdout_kept_clean():
        data = describe_problem(declared) | {"support": dict(support(declared))}
    if as_json:
        say_json(data)
        return
    say(f"{declared.name}   {declared.citation}\nsha256 {declared.sha256}\n")
    for equation in declared.equations:
        say(sp.pretty(sp.Eq(equation, 0, evaluate=False), wrap_line=False) + "\n")
    say(f"domain: {declared.domain}")
    for condition in data["conditions"]:
        say(f"on {', '.join(condition['on'])}: {condition['residual']} = 0")
    for name, value in data["parameters"].items():
        say(f"parameter {name} = {value}")
    for name, density in data["conserved"].items():
        say(f"conserved {name}: ∫ {density}")
    exact = data["exact_solution"]
    say(f"exact solution: {exact if isinstance(exact, str) else ', '.join(exact)}\n\nforms")
    for name, form in data["forms"].items():
        say(f"  {name}: {form if isinstance(form, str) else ''}".rstrip())
        for key, value in form.items() if isinstance(form, Mapping) else ():
            say(f"    {key}: {_plain(value)}")
    say("\nsolvers")
    for name, answer in data["support"].items():
        say(f"  {name}: {answer}")


def _plain(value: Any) -> str:
    """Nested lists and dictionaries without the quotes of Python."""
    if isinstance(value, Mapping):
        return ", ".join(f"{k}: {_plain(v)}" for k, v in value.items()) or "none"
    if isinstance(value, list):
        inner = ", ".join(f"({_plain(v)})" if isinstance(v, list) else _plain(v) for v in value)
        return inner or "none"
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


@app.command()
def solve(
    problem: Declared,
    solver: SolverText = None,
    out: Out = None,
    seed: Seed = None,
    device: Device = None,
    max_seconds: MaxSeconds = None,
    max_steps: MaxSteps = None,
    checkpoint: Checkpoint = None,
    resume: Resume = False,
    rtol: Rtol = None,
    verify: Verify = False,
    shape: Shape = None,
    as_json: Json = False,
) -> None:
    """Solve a problem: by a solver, or, without --solver or with --rtol, with a measured error bound."""
    declared = _problem(problem)
    settings = None if solver is None else _solver(solver)
    sizes = _sizes(shape, declared)
    _require_writable(out)
    _require_finite("--max-seconds", max_seconds)
    run = _Run(declared, solver or "reference", as_json, max_seconds)
    if settings is None or rtol is not None or verify:
        _refuse_beside_bounds(
            {"--seed": seed, "--device": device, "--max-steps": max_steps, "--checkpoint": checkpoint, "--resume": resume or None}
        )
        solution, check = run.refined(settings, DEFAULT_RTOL if rtol is None else rtol, verify)
    else:
        _require_fresh(checkpoint, resume)
        solution = run.solved(settings, seed or 0, device or "auto", max_steps, checkpoint, resume).checked()
        check = {}
    if out is not None:
        solution.to_hdf5(out, sizes)
    _report(solution, out, check, as_json)


def _report(solution: Solution, out: Path | None, check: Mapping[str, Any], as_json: bool) -> None:
    """Say what came out, and leave with code 4 if a bound is above the tolerance, 3 if two solutions disagree."""
    data = _summary(solution) | {"out": None if out is None else os.fspath(out), "verify": dict(check) or None}
    if as_json:
        say_json(data)
    else:
        _say_summary(data)
    bound = solution.bound
    if check and not check["agrees"]:
        complain(
            f"the two solutions differ by {check['difference']:.1e}, more than their bounds together allow "
            f"({check['allowed']:.1e}); trust neither, and ask for a smaller --rtol"
        )
        raise typer.Exit(FAILED)
    if bound is not None and not bound.reached:
        complain(
            f"the error bound {solution.error_bound:.1e} misses the tolerance {bound.requested:.1e}; rounding, memory or "
            "--max-seconds ended the refinement"
        )
        raise typer.Exit(MISSED)


def _summary(solution: Solution) -> dict[str, Any]:
    from pinnlab.field import ExactField
    from pinnlab.reference import error_against

    problem, bound = solution.problem, solution.bound
    exact = ExactField.of(problem)
    steps = solution.history.get("step", ())
    last = {name: float(column[-1]) for name, column in solution.history.items() if len(column)}
    return {
        "problem": problem.name,
        "problem_sha256": problem.sha256,
        "parameters": {p.name: str(p.value) for p in problem.parameters},
        "solver": solution.settings,
        "status": solution.status.value,
        "seconds": solution.seconds,
        "steps": int(steps[-1]) if len(steps) else 0,
        "seed": solution.seed,
        "device": solution.device,
        "dtype": solution.dtype,
        "last": {name: value for name, value in last.items() if name not in ("step", "seconds", "relative_l2")},
        "bound": None if bound is None else {
            "metrics": dict(bound.metrics), "space": bound.space, "time": bound.time,
            "requested": bound.requested, "reached": bound.reached,
        },
        "errors": None if exact is None else error_against(solution.field, exact),
    }  # fmt: skip


def _say_summary(data: Mapping[str, Any]) -> None:
    ended = {"done": "done", "running": "stopped by its budget", "diverged": "diverged"}[data["status"]]
    steps = f"{data['steps']} step{'s' * (data['steps'] != 1)}"
    say(f"{data['problem']} by {_call(data['solver'])}")
    say(f"{ended} after {data['seconds']:.2f} s and {steps} on {data['device']} in {data['dtype']}")
    if data["last"]:
        say("last step: " + ", ".join(f"{name} {value:.4g}" for name, value in data["last"].items()))
    if data["bound"] is not None:
        bound = data["bound"]
        parts = f"space {bound['space']:.1e}, time {bound['time']:.1e}"
        say(f"error bound: {_errors(bound['metrics'], '≤')} ({parts}; asked for {bound['requested']:.1e})")
    if data["errors"] is not None:
        say(f"error against the exact solution: {_errors(data['errors'], '')}")
    if data["verify"] is not None:
        check = data["verify"]
        say(
            f"checked by {_call(check['solver'])}: bounds {check['first_bound']:.1e} and {check['second_bound']:.1e}, "
            f"difference {check['difference']:.1e}"
        )
    if data["out"] is not None:
        say(f"written to {data['out']}")


def _errors(metrics: Mapping[str, float], sign: str) -> str:
    return ", ".join(" ".join(filter(None, (name, sign, f"{value:.2e}"))) for name, value in metrics.items())


def _call(settings: Any) -> str:
    """Settings as one would write them in Python."""
    if isinstance(settings, Mapping) and "type" in settings:
        fields = ", ".join(f"{k}={_call(v)}" for k, v in settings.items() if k != "type")
        return f"{settings['type']}({fields})"
    if isinstance(settings, list):
        return f"({', '.join(map(_call, settings))})"
    return repr(settings)
