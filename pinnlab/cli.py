"""The command line: `pinnlab list | show | solve | compare | info | plot | export | data | train | evaluate`."""

from __future__ import annotations

import contextlib
import enum
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pinnlab.commands.arguments import (
    DEFAULT_RTOL,
    Checkpoint,
    Declared,
    Device,
    Json,
    MaxSeconds,
    MaxSteps,
    Out,
    OutFolder,
    ResultFile,
    Resume,
    Rtol,
    Seed,
    Shape,
    SolverText,
    SolverTexts,
    Verify,
    problem_of_text,
    refuse_beside_bounds,
    require_fresh,
    require_writable,
    sizes_of_text,
    solver_of_text,
)
from pinnlab.commands.operators import data, evaluate, train
from pinnlab.commands.terminal import (
    FAILED,
    MISSED,
    USAGE,
    Sentences,
    complain,
    is_first,
    say,
    say_json,
    standard_error,
    standard_output,
    stdout_kept_clean,
)

# What a command needs is imported when it runs, so that --help answers at once.
if TYPE_CHECKING:
    from pinnlab.commands.running import Refinement
    from pinnlab.compare import Comparison
    from pinnlab.problem import Problem
    from pinnlab.reference import CrossCheck
    from pinnlab.solution import Solution

# Compiling for these imports a large package, so `list` asks them only on request.
SLOW_TO_ASK = ("deepxde-pinn",)
EXACT = "exact"

app = typer.Typer(
    cls=Sentences,
    help="Declare a PDE once; solve it with neural networks and classical methods; know how far to trust each.",
    epilog="Exit codes: 0 ok, 2 usage or unsupported, 3 no usable answer, 4 a tolerance was missed.",
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
    """Shipped problems and families, solvers, and which solves which."""
    from pinnlab.catalog import load, load_family, shipped, shipped_families
    from pinnlab.commands.text import support_table
    from pinnlab.support import shipped_solvers, support

    solvers = shipped_solvers()
    asked = {name: kind for name, kind in solvers.items() if verbose or name not in SLOW_TO_ASK}
    waiting = (
        contextlib.nullcontext() if as_json else standard_error().status("asking every solver about every problem")
    )
    with waiting, stdout_kept_clean():
        problems = {name: load(name) for name in shipped()}
        answers = {name: dict(support(problem, asked)) for name, problem in problems.items()}
        families = {name: list(load_family(name).things) for name in shipped_families()}
    if as_json:
        say_json(
            {
                "problems": answers,
                "families": families,
                "solvers": list(solvers),
                "not_asked": [s for s in solvers if s not in asked],
            }
        )
        return
    standard_output().print(support_table(problems, answers))
    for name, things in families.items():
        say(f"family {name}: random {', '.join(things)}")
    if len(asked) < len(solvers):
        left = ", ".join(s for s in solvers if s not in asked)
        say(f"not asked, since that takes seconds: {left}; --verbose asks, and tells the reason of every no")
    for name, row in answers.items() if verbose else ():
        for solver, answer in row.items():
            if answer != "yes":
                say(f"{name}, {solver}: {answer}")


@app.command()
def show(problem: Declared, as_json: Json = False) -> None:
    """Equations, conditions and parameters of a problem, its forms, and the solvers that take it."""
    from pinnlab.commands.inspection import describe_problem
    from pinnlab.commands.text import problem_lines
    from pinnlab.support import support

    declared = problem_of_text(problem)
    with stdout_kept_clean():
        data = describe_problem(declared) | {"support": dict(support(declared))}
    if as_json:
        say_json(data)
        return
    say("\n".join(problem_lines(declared, data)))


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
    """Solve a problem by a solver; without --solver, or with --rtol or --verify, with a measured error bound."""
    from pinnlab.commands.running import Refinement, Run, display

    declared = problem_of_text(problem)
    settings = None if solver is None else solver_of_text(solver)
    sizes = sizes_of_text(shape, declared)
    out = out if is_first() else None
    require_writable(out)
    if is_first():
        require_fresh(checkpoint, resume)
    with display(as_json or not is_first()) as screen:
        if settings is None or rtol is not None or verify:
            refuse_beside_bounds(seed=seed, device=device, max_steps=max_steps, checkpoint=checkpoint)
            refinement = Refinement(declared, DEFAULT_RTOL if rtol is None else rtol, max_seconds, screen)
            solution, check = refinement.verified(settings) if verify else (refinement.run(settings), None)
        else:
            run = Run(declared, settings, seed or 0, device or "auto", max_seconds, screen, out, sizes)
            solution, check = run.solved(max_steps, checkpoint, resume), None
    if out is not None:
        solution.to_hdf5(out, sizes)
    _report(solution, out, check, as_json)


def _report(solution: Solution, out: Path | None, check: CrossCheck | None, as_json: bool) -> None:
    """Say what came out; leave with code 4 if a bound misses the tolerance, 3 if two solutions disagree."""
    from pinnlab.commands.inspection import describe_check, describe_solution
    from pinnlab.commands.text import solution_lines

    data = describe_solution(solution) | {
        "out": None if out is None else os.fspath(out),
        "verify": None if check is None else describe_check(check),
    }
    if as_json:
        say_json(data)
    else:
        say("\n".join(solution_lines(data)))
    if check is not None and not check.agrees:
        complain(
            f"the two solutions differ by {check.difference:.1e}, more than their bounds together allow "
            f"({check.allowed:.1e}); trust neither, and ask for a smaller --rtol"
        )
        raise typer.Exit(FAILED)
    _require_reached(solution)


def _require_reached(solution: Solution) -> None:
    bound = solution.bound
    if bound is not None and not bound.reached:
        complain(
            f"the error bound {solution.error_bound:.1e} misses the tolerance {bound.requested:.1e}; rounding, memory "
            "or --max-seconds ended the refinement"
        )
        raise typer.Exit(MISSED)


@app.command()
def compare(
    problem: Declared,
    solver: SolverTexts,
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference",
            help="exact, or a classical solver to refine; if not said, the exact solution where there is one, else "
            "the preferred classical solver.",
        ),
    ] = None,
    rtol: Rtol = None,
    seed: Seed = None,
    device: Device = None,
    max_seconds: MaxSeconds = None,
    out: OutFolder = None,
    as_json: Json = False,
) -> None:
    """Run several solvers and measure all of them against one reference with an error bound."""
    from pinnlab.commands.progress import Budget
    from pinnlab.commands.running import Refinement, display
    from pinnlab.compare import compare as compared

    declared = problem_of_text(problem)
    solvers = {text: solver_of_text(text) for text in solver}
    if out is not None:
        require_writable(out / "comparison.json", made_here=out)
    with display(as_json) as screen:
        truth = _truth(declared, reference, Refinement(declared, DEFAULT_RTOL if rtol is None else rtol, None, screen))
        monitors = {
            text: [screen.monitor(text, Budget.of(declared, settings, None, max_seconds))]
            for text, settings in solvers.items()
        }
        with stdout_kept_clean():
            found = compared(
                declared,
                solvers,
                reference=truth,
                seed=seed or 0,
                device=device or "auto",
                max_seconds=max_seconds,
                monitors=monitors,
            )
    if out is not None:
        _write_comparison(found, out)
    if as_json:
        say(found.to_json())
    else:
        standard_output().print(*found.tables())
    _require_usable(found)
    if rtol is not None and truth is not None:
        _require_reached(truth)


def _truth(problem: Problem, named: str | None, refinement: Refinement) -> Solution | None:
    """What to measure against; None for the exact solution."""
    if named == EXACT or (named is None and problem.reference is not None):
        if problem.reference is None:
            raise ValueError(f"{problem.name!r} declares no exact solution; leave --reference out, or name a solver")
        return None
    return refinement.run(None if named is None else solver_of_text(named))


def _require_usable(found: Comparison) -> None:
    """Leave with an error where no solver gave an answer."""
    if all(s.failure for s in found.solutions.values()):
        reasons = dict.fromkeys(r.reason for r in found.rows)
        complain(f"no solver gave an answer: {'; '.join(reasons)}")
        raise typer.Exit(FAILED if found.solutions else USAGE)


def _write_comparison(found: Comparison, folder: Path) -> None:
    from pinnlab.commands.pictures import draw_panel
    from pinnlab.files.atomic import replacing

    folder.mkdir(exist_ok=True)
    usable = {text: solution for text, solution in found.solutions.items() if not solution.failure}
    names: list[str] = []
    for text, solution in usable.items():
        plain = re.sub(r"[^A-Za-z0-9=.,_()-]+", "_", text)[:100]
        names.append(f"{plain}-{len(names)}" if plain in names else plain)
        solution.to_hdf5(folder / f"{names[-1]}.hdf")
    with replacing(folder / "comparison.json") as temporary:
        temporary.write_text(found.to_json(), encoding="utf-8")
    if usable:
        draw_panel(found.truth, {text: solution.field for text, solution in usable.items()}, folder / "panel.png")


@app.command()
def info(
    file: ResultFile,
    check: Annotated[bool, typer.Option("--check", help="Verify every checksum, link and identity in it.")] = False,
    as_json: Json = False,
) -> None:
    """What is in a result file, and whether it is sound, or in a file of samples."""
    from pinnlab.commands.inspection import describe_file, require_result
    from pinnlab.commands.sample_files import holds_samples
    from pinnlab.commands.text import file_lines
    from pinnlab.files import hdf5
    from pinnlab.problem import Problem

    require_result(file)
    if check and holds_samples(file):
        raise ValueError(f"{file}: files of samples hold no checksums to verify; leave --check away")
    faults = hdf5.check(file, lambda text: Problem.from_json(text).sha256) if check else []
    # A file with faults may be too broken to describe.
    data = {"file": os.fspath(file)} if faults else describe_file(file)
    if as_json:
        say_json(data | ({"faults": faults} if check else {}))
    for fault in faults:
        complain(fault)
    if faults:
        raise typer.Exit(USAGE)
    if not as_json:
        lines = [*file_lines(data), *(["sound: every checksum, link and identity is right"] if check else [])]
        say("\n".join(lines))


@app.command()
def plot(
    file: ResultFile,
    out: Annotated[
        Path | None, typer.Option("--out", help="PNG, PDF or SVG by its suffix; if not said, F with the suffix .png.")
    ] = None,
    at: Annotated[float | None, typer.Option("--at", help="The one time to show; the stored one next to it.")] = None,
    sample: Annotated[int, typer.Option("--sample", min=0, help="Which one, of a file of samples.")] = 0,
) -> None:
    """Draw a result file: lines or maps of its fields; of a file of samples one, its inputs and outputs."""
    from pinnlab.commands.inspection import require_result
    from pinnlab.commands.pictures import draw

    require_result(file)
    target = file.with_suffix(".png") if out is None else out
    draw(file, target, at, sample)
    say(f"written {target}")


@app.command()
def export(
    file: ResultFile,
    to: Annotated[Format, typer.Option("--to", help="well and pdebench are not in this version yet.")],
    out: Annotated[Path | None, typer.Option("--out", help="If not said, F with the suffix of the format.")] = None,
) -> None:
    """Write a result file in the format of another program."""
    from pinnlab.commands.inspection import require_result
    from pinnlab.files import export as formats

    require_result(file)
    writers = {
        Format.VTU: formats.to_vtu,
        Format.XDMF: formats.to_xdmf,
        Format.NETCDF: formats.to_netcdf,
        Format.CSV: formats.to_csv,
    }
    target = file.with_suffix(SUFFIXES[to]) if out is None else out
    if target.exists() and target.samefile(file):
        raise ValueError(f"{target}: the export would replace the file it reads; name another with --out")
    require_writable(target)
    written = writers[to](file, target)
    many = f" and {len(written) - 1} files that it lists" if len(written) > 1 else ""
    say(f"written {written[-1]}{many}")


for command in (data, train, evaluate):
    app.command()(command)


def main() -> None:
    """The command `pinnlab`."""
    app()
