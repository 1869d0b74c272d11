"""What the command line tells of problems, solutions and files, as lines for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp
from rich.table import Table

from pinnlab.commands.sample_files import sample_lines
from pinnlab.problem import Problem

ENDINGS = {"done": "done", "running": "stopped by its budget", "diverged": "diverged"}


def problem_lines(problem: Problem, data: Mapping[str, Any]) -> list[str]:
    """A problem, from `describe_problem` with the answers of the solvers as `support`."""
    lines = [f"{problem.name}   {problem.citation}".rstrip(), f"sha256 {problem.sha256}", ""]
    for equation in problem.equations:
        lines += [*sp.pretty(sp.Eq(equation, 0, evaluate=False), wrap_line=False).splitlines(), ""]
    lines.append(f"domain: {data['domain']}")
    lines += [f"on {', '.join(c['on'])}: {c['residual']} = 0" for c in data["conditions"]]
    lines += [f"parameter {name} = {value}" for name, value in data["parameters"].items()]
    lines += [f"conserved {name}: the integral of {density}" for name, density in data["conserved"].items()]
    lines += [f"exact solution: {_plain(data['exact_solution'])}", "", "forms"]
    for name, form in data["forms"].items():
        if isinstance(form, str):
            lines.append(f"  {name}: {form}")
            continue
        lines += [f"  {name}", *(f"    {key}: {_plain(value)}" for key, value in form.items())]
    return [*lines, "", "solvers", *(f"  {name}: {answer}" for name, answer in data["support"].items())]


def support_table(problems: Mapping[str, Problem], answers: Mapping[str, Mapping[str, str]]) -> Table:
    """Problems with their coordinates and the solvers that take them."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("problem", no_wrap=True)
    table.add_column("axes", no_wrap=True)
    table.add_column("solved by")
    for name, problem in problems.items():
        able = ", ".join(solver for solver, answer in answers[name].items() if answer == "yes")
        table.add_row(name, _axes(problem), able or "none that was asked")
    return table


def _axes(problem: Problem) -> str:
    """The names of the coordinates, the middle ones left out where there are many."""
    names = [c.name for c in problem.coordinates]
    return ", ".join(names) if len(names) <= 4 else f"{names[0]} to {names[-1]}"


def solution_lines(data: Mapping[str, Any]) -> list[str]:
    """A solution, from `describe_solution` with `out` and `verify` added."""
    steps = f"{data['steps']} step{'s' * (data['steps'] != 1)}"
    lines = [
        f"{data['problem']} by {call(data['solver'])}",
        f"{ENDINGS[data['status']]} after {data['seconds']:.2f} s and {steps}, {data['device']}, {data['dtype']}",
    ]
    if data["note"]:
        lines.append(f"note: {data['note']}")
    if data["last"]:
        lines.append("last step: " + ", ".join(f"{k} {v:.4g}" for k, v in data["last"].items() if v is not None))
    lines += learned_lines(data["learned"])
    if data["bound"] is not None:
        bound = data["bound"]
        shares = f"space {bound['space']:.1e}, time {bound['time']:.1e}"
        metrics = ", ".join(f"{k} ≤ {v:.1e}" for k, v in bound["metrics"].items())
        lines.append(f"error bound: {metrics} (of relative_l2 {shares}; asked for {bound['requested']:.1e})")
    if data["errors"] is not None:
        metrics = ", ".join(f"{k} {v:.2e}" for k, v in data["errors"].items())
        lines.append(f"error against the exact solution: {metrics}")
    if data["calibration"]:
        scores = (f"{k} {v if isinstance(v, str) else f'{v:.3g}'}" for k, v in data["calibration"].items())
        lines.append(f"standard deviation: {', '.join(scores)}")
    if data["verify"] is not None:
        check = data["verify"]
        bounds = f"bounds {check['first_bound']:.1e} and {check['second_bound']:.1e}"
        lines.append(f"checked by {call(check['solver'])}: {bounds}, difference {check['difference']:.1e}")
    if data["out"] is not None:
        lines.append(f"written to {data['out']}")
    return lines


def file_lines(data: Mapping[str, Any]) -> list[str]:
    """A result file or one of samples, from `describe_file`."""
    if "samples" in data:
        return sample_lines(data)
    lines = [
        f"{data['file']}: {data['title']} ({data['bytes']:,} bytes, schema {data['schema']})",
        f"problem: {data['problem']}, sha256 {data['problem_sha256']}",
        *(f"parameter {name} = {value:.6g}" for name, value in data["parameters"].items()),
        *learned_lines(data["learned"]),
        f"solver: {call(data['solver'])}",
        *(f"axis {n}: {a['nodes']} nodes from {a['from']:.6g} to {a['to']:.6g}" for n, a in data["axes"].items()),
        *([] if data["mesh"] is None else mesh_lines(data["mesh"])),
        *(f"field {n}: {' × '.join(map(str, f['shape']))}, {f['dtype']}" for n, f in data["fields"].items()),
        *(f"deviation {n}: {' × '.join(map(str, f['shape']))}, {f['dtype']}" for n, f in data["deviations"].items()),
        *(f"{name}: at most {value:.2e}" for name, value in data["bounds"].items()),
        *(f"{name}: {value:.2e}" for name, value in data["metrics"].items()),
    ]
    last = ", ".join(f"{k} {v:.4g}" for k, v in data["history"]["last"].items() if v is not None)
    lines.append(f"history: {data['history']['rows']} rows" + (f", last {last}" if last else ""))
    return [*lines, "provenance: " + ", ".join(f"{k} {v}" for k, v in data["provenance"].items())]


def learned_lines(learned: Mapping[str, Mapping[str, float]]) -> list[str]:
    """What was inferred about unknown parameters."""
    return [
        f"learned {name} = {e['value']:.6g} ± {e['standard_error']:.2g} "
        f"(95 % between {e['lower']:.6g} and {e['upper']:.6g})"
        for name, e in learned.items()
    ]


def mesh_lines(mesh: Mapping[str, Any]) -> list[str]:
    """The cells of a result file on a mesh."""
    ends = ", ".join(f"{name} from {c['from']:.6g} to {c['to']:.6g}" for name, c in mesh["coordinates"].items())
    pieces = ", ".join(f"{name} ({facets} facets)" for name, facets in mesh["pieces"].items()) or "none"
    return [f"mesh: {mesh['cells']:,} {mesh['kind']} cells, {ends}", f"pieces of its boundary: {pieces}"]


def call(settings: Any) -> str:
    """Settings as one would write them in Python."""
    if isinstance(settings, Mapping) and "type" in settings:
        fields = ", ".join(f"{k}={call(v)}" for k, v in settings.items() if k != "type")
        return f"{settings['type']}({fields})"
    if isinstance(settings, list):
        return f"({', '.join(map(call, settings))}{',' * (len(settings) == 1)})"
    return repr(settings)


def _plain(value: Any) -> str:
    """Nested lists and dictionaries without the quotes of Python."""
    if isinstance(value, Mapping):
        return ", ".join(f"{k}: {_plain(v)}" for k, v in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(f"({_plain(v)})" if isinstance(v, list) else _plain(v) for v in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
