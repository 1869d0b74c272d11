"""The command line: `pinnlab list | show | solve | compare | info | export`."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import inspect
import math
import os
import re
from collections.abc import Iterator
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
    from pinnlab.problem import Problem
    from pinnlab.progress import Display
    from pinnlab.reference import CrossCheck
    from pinnlab.solution import Solution
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
    str,
    typer.Argument(
        metavar="PROBLEM", help="A shipped problem (burgers), or a file: mine.py, mine.py:wave, mine.json."
    ),
]
SolverText = Annotated[
    str | None,
    typer.Option(
        "--solver",
        help="NAME[:key=value,…], as in etdrk4:points=128. Without it: a reference with an error bound.",
    ),
]
SolverTexts = Annotated[
    list[str], typer.Option("--solver", help="NAME[:key=value,…]; say it once for each solver.")
]
Out = Annotated[
    Path | None, typer.Option("--out", help="HDF5 file for the answer, by custom with the suffix .hdf.")
]
OutFolder = Annotated[
    Path | None, typer.Option("--out", help="Folder for one .hdf per solver, comparison.json and panel.png.")
]
Seed = Annotated[
    int | None, typer.Option("--seed", min=0, max=2**63 - 1, help="Of every random draw; 0 if not said.")
]
Device = Annotated[str | None, typer.Option("--device", help="auto (the default), cpu, cuda, cuda:1, …")]
MaxSeconds = Annotated[
    float | None, typer.Option("--max-seconds", min=0, help="Budget of the solver's own time.")
]
MaxSteps = Annotated[
    int | None, typer.Option("--max-steps", min=0, help="Budget in steps, those before --resume included.")
]
Checkpoint = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint", help="File that keeps the state of the run, so that it can be killed and resumed."
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint if it is there.")]
Rtol = Annotated[
    float | None,
    typer.Option(
        "--rtol",
        help=f"Refine a classical solver until its error bound is within this; {DEFAULT_RTOL:g} if not said.",
    ),
]
Verify = Annotated[
    bool, typer.Option("--verify", help="Solve again by a second classical method, and compare the two.")
]
Shape = Annotated[
    str | None,
    typer.Option("--shape", help="Nodes of the written grid in file order, t then z, y, x: 101,401."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout; no progress.")]
ResultFile = Annotated[Path, typer.Argument(metavar="F.hdf", help="A file that pinnlab wrote.")]


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", is_eager=True)
    ] = False,
) -> None:
    if version:
        from pinnlab.solution import version as installed

        say(f"pinnlab {installed()}")
        raise typer.Exit


@app.command("list")
def list_command(
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Add every reason, and ask the slow solvers too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Shipped problems, solvers, and which solves which."""
    from rich.table import Table

    from pinnlab.catalog import load, shipped
    from pinnlab.support import shipped_solvers, support

    solvers = shipped_solvers()
    asked = {name: kind for name, kind in solvers.items() if verbose or name not in SLOW_TO_ASK}
    waiting = (
        contextlib.nullcontext()
        if as_json
        else standard_error().status("asking every solver about every problem")
    )
    with waiting, stdout_kept_clean():
        problems = {name: load(name) for name in shipped()}
        answers = {name: dict(support(problem, asked)) for name, problem in problems.items()}
    if as_json:
        say_json(
            {
                "problems": answers,
                "solvers": list(solvers),
                "not_asked": [s for s in solvers if s not in asked],
            }
        )
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
    from pinnlab.inspection import describe_problem
    from pinnlab.support import support
    from pinnlab.text import problem_lines

    declared = _problem(problem)
    with stdout_kept_clean():
        data = describe_problem(declared) | {"support": dict(support(declared))}
    if as_json:
        say_json(data)
        return
    for line in problem_lines(declared, data):
        say(line)


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
    """Solve a problem: by a solver, or, without --solver or with --rtol or --verify, with a measured error bound."""
    declared = _problem(problem)
    settings = None if solver is None else _solver(solver)
    sizes = _sizes(shape, declared)
    _require_finite("--max-seconds", max_seconds)
    _require_writable(out)
    _require_fresh(checkpoint, resume)
    with _display(as_json) as display:
        if settings is None or rtol is not None or verify:
            given = {"--seed": seed, "--device": device, "--max-steps": max_steps, "--checkpoint": checkpoint}
            _refuse_beside_bounds(given)
            refinement = _Refinement(declared, DEFAULT_RTOL if rtol is None else rtol, max_seconds, display)
            solution, check = refinement.verified(settings) if verify else (refinement.run(settings), None)
        else:
            run = _Run(declared, settings, seed or 0, device or "auto", max_seconds, display)
            solution, check = run.solved(max_steps, checkpoint, resume).checked(), None
    if out is not None:
        solution.to_hdf5(out, sizes)
    _report(solution, out, check, as_json)


@dataclasses.dataclass(frozen=True)
class _Refinement:
    """A classical solution with an error bound, watched by a display."""

    problem: Problem
    rtol: float
    max_seconds: float | None
    display: Display

    def run(self, solver: Solver | None) -> Solution:
        """By the given solver, or by the preferred one."""
        from pinnlab.progress import Budget
        from pinnlab.reference import reference, refine
        from pinnlab.solver import Refinable, solver_name

        monitors = [self.display.monitor("reference", Budget.of(self.problem))]
        if solver is None:
            return reference(self.problem, self.rtol, max_seconds=self.max_seconds, monitors=monitors)
        if not isinstance(solver, Refinable):
            raise ValueError(
                f"{solver_name(solver)} has no resolution that could be refined to an error bound; drop --rtol and --verify, or "
                "name a classical solver"
            )
        return refine(self.problem, solver, self.rtol, max_seconds=self.max_seconds, monitors=monitors)

    def verified(self, solver: Solver | None) -> tuple[Solution, CrossCheck]:
        """Solved twice by different methods."""
        from pinnlab.progress import Budget
        from pinnlab.reference import candidates, cross_check, independent

        # Refused before the first solution has taken its time.
        independent(self.problem, next(iter(candidates(self.problem)), None) if solver is None else solver)
        first = self.run(solver)
        monitors = [self.display.monitor("second method", Budget.of(self.problem))]
        return first, cross_check(first, self.rtol, max_seconds=self.max_seconds, monitors=monitors)


@dataclasses.dataclass(frozen=True)
class _Run:
    """One run of one solver, watched by a display."""

    problem: Problem
    solver: Solver
    seed: int
    device: str
    max_seconds: float | None
    display: Display

    def solved(self, max_steps: int | None, checkpoint: Path | None, resume: bool) -> Solution:
        """The solution; an interruption tells how to go on."""
        from pinnlab.compare import ErrorMonitor
        from pinnlab.field import ExactField
        from pinnlab.progress import Budget
        from pinnlab.solve import solve
        from pinnlab.solver import solver_name

        exact = ExactField.of(self.problem)
        budget = Budget.of(self.problem, self.solver, max_steps, self.max_seconds)
        monitors = [] if exact is None else [ErrorMonitor(exact)]
        try:
            with stdout_kept_clean():
                return solve(
                    self.problem,
                    self.solver,
                    seed=self.seed,
                    device=self.device,
                    max_steps=max_steps,
                    max_seconds=self.max_seconds,
                    checkpoint=checkpoint,
                    resume=resume,
                    monitors=[*monitors, self.display.monitor(solver_name(self.solver), budget)],
                )
        except KeyboardInterrupt:
            kept = checkpoint is not None and checkpoint.exists()
            way_on = (
                f"say the same with --resume to go on from {checkpoint}"
                if kept
                else "nothing was kept; --checkpoint FILE would"
            )
            complain(f"interrupted; {way_on}")
            raise typer.Exit(INTERRUPTED) from None


def _report(solution: Solution, out: Path | None, check: CrossCheck | None, as_json: bool) -> None:
    """Say what came out, and leave with code 4 if a bound is above the tolerance, 3 if two solutions disagree."""
    from pinnlab.inspection import describe_check, describe_solution
    from pinnlab.text import solution_lines

    data = describe_solution(solution) | {
        "out": None if out is None else os.fspath(out),
        "verify": None if check is None else describe_check(check),
    }
    if as_json:
        say_json(data)
    else:
        for line in solution_lines(data):
            say(line)
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
            f"the error bound {solution.error_bound:.1e} misses the tolerance {bound.requested:.1e}; rounding, memory or "
            "--max-seconds ended the refinement"
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
            help="exact, or a classical solver to refine; if not said, the exact solution where there is one, else the "
            "preferred classical solver.",
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
    from pinnlab.compare import compare as compared
    from pinnlab.progress import Budget

    declared = _problem(problem)
    solvers = {text: _solver(text) for text in solver}
    if out is not None:
        _require_writable(out / "comparison.json", made_here=out)
    _require_finite("--max-seconds", max_seconds)
    with _display(as_json) as display:
        truth = _truth(
            declared, reference, _Refinement(declared, DEFAULT_RTOL if rtol is None else rtol, None, display)
        )
        monitors = {
            text: [display.monitor(text, Budget.of(declared, settings, None, max_seconds))]
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
        standard_output().print(found.table(), found.times_table())
    _require_usable(found)
    if rtol is not None and truth is not None:
        _require_reached(truth)


def _truth(problem: Problem, named: str | None, refinement: _Refinement) -> Solution | None:
    """What to measure against; None for the exact solution."""
    if named == EXACT or (named is None and problem.reference is not None):
        if problem.reference is None:
            raise ValueError(
                f"{problem.name!r} declares no exact solution; leave --reference out, or name a classical solver"
            )
        return None
    return refinement.run(None if named is None else _solver(named))


def _require_usable(found: Comparison) -> None:
    """Leave with an error where no solver gave an answer."""
    if all(s.failure for s in found.solutions.values()):
        reasons = dict.fromkeys(r.reason for r in found.rows)
        complain(f"no solver gave an answer: {'; '.join(reasons)}")
        raise typer.Exit(FAILED if found.solutions else USAGE)


def _write_comparison(found: Comparison, folder: Path) -> None:
    from pinnlab.files.atomic import replacing
    from pinnlab.plots import panel, picture_shape

    folder.mkdir(exist_ok=True)
    names: dict[str, str] = {}
    for text in found.solutions:
        plain = re.sub(r"[^A-Za-z0-9=.,_()-]+", "_", text)[:100]
        names[text] = plain if plain not in names.values() else f"{plain}-{len(names)}"
        found.solutions[text].to_hdf5(folder / f"{names[text]}.hdf")
    with replacing(folder / "comparison.json") as temporary:
        temporary.write_text(found.to_json(), encoding="utf-8")
    drawn = {text: s for text, s in found.solutions.items() if not s.failure}
    if drawn:
        shape = picture_shape(found.problem)
        figure = panel(
            found.problem, found.truth.on_grid(shape), {text: s.on_grid(shape) for text, s in drawn.items()}
        )
        with replacing(folder / "panel.png") as temporary:
            figure.savefig(temporary, format="png")


@app.command()
def info(
    file: ResultFile,
    check: Annotated[
        bool, typer.Option("--check", help="Verify every checksum, link and identity in it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """What is in a result file, and whether it is sound."""
    from pinnlab.files import hdf5
    from pinnlab.inspection import describe_file
    from pinnlab.problem import Problem
    from pinnlab.text import file_lines

    data = describe_file(file)
    faults = hdf5.check(file, lambda text: Problem.from_json(text).sha256) if check else []
    if as_json:
        say_json(data | ({"faults": faults} if check else {}))
    else:
        for line in file_lines(data):
            say(line)
        if check and not faults:
            say("sound: every checksum, link and identity is right")
    for fault in faults:
        complain(fault)
    if faults:
        raise typer.Exit(USAGE)


@app.command()
def export(
    file: ResultFile,
    to: Annotated[Format, typer.Option("--to", help="well and pdebench are not in this version yet.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="If not said, F with the suffix of the format.")
    ] = None,
) -> None:
    """Write a result file in the format of another program."""
    from pinnlab.files import export as formats
    from pinnlab.inspection import describe_file

    describe_file(file)
    writers = {
        Format.VTU: formats.to_vtu,
        Format.XDMF: formats.to_xdmf,
        Format.NETCDF: formats.to_netcdf,
        Format.CSV: formats.to_csv,
    }
    target = file.with_suffix(SUFFIXES[to]) if out is None else out
    if target.exists() and target.samefile(file):
        raise ValueError(f"{target}: the export would replace the file it reads; name another with --out")
    _require_writable(target)
    written = writers[to](file, target)
    many = f" and {len(written) - 1} files that it lists" if len(written) > 1 else ""
    say(f"written {written[-1]}{many}")


@contextlib.contextmanager
def _display(as_json: bool) -> Iterator[Display]:
    from pinnlab.progress import Silent, shown

    with contextlib.nullcontext(Silent()) if as_json else shown(standard_error()) as display:
        yield display


def _problem(text: str) -> Problem:
    from pinnlab.catalog import load

    with stdout_kept_clean():
        return load(text)


def _solver(text: str) -> Solver:
    """Settings from text; known are the shipped solvers by name, and inside them every settings class of pinnlab."""
    import pinnlab
    from pinnlab.lint import did_you_mean
    from pinnlab.settings import parse
    from pinnlab.support import shipped_solvers

    solvers, name = shipped_solvers(), text.partition(":")[0].strip()
    if name not in solvers:
        raise ValueError(
            f"there is no solver {name!r}{did_you_mean(name, solvers)}; the solvers are {', '.join(solvers)}"
        )
    classes = (
        value
        for value in vars(pinnlab).values()
        if inspect.isclass(value) and dataclasses.is_dataclass(value)
    )
    found: Solver = parse(text, {kind.__name__: kind for kind in classes} | solvers)
    return found


def _sizes(text: str | None, problem: Problem) -> tuple[int, ...] | None:
    from pinnlab.field import file_order

    if text is None:
        return None
    axes, parts = file_order(problem), text.split(",")
    if not all(p.strip().isdecimal() and int(p) >= 2 for p in parts) or len(parts) != len(axes):
        raise ValueError(
            f"--shape {text}: give a whole number of at least 2 for each of {', '.join(axes)}, as in 101,401"
        )
    return tuple(map(int, parts))


def _require_finite(option: str, value: float | None) -> None:
    if value is not None and not math.isfinite(value):
        raise ValueError(f"{option} {value}: give a number of seconds, or leave it out")


def _require_writable(target: Path | None, made_here: Path | None = None) -> None:
    """Refuse a place that cannot be written before anything is computed."""
    if target is None:
        return
    if target.is_dir():
        raise IsADirectoryError(f"{target}: this is a folder; give the name of a file")
    if made_here is not None and made_here.exists() and not made_here.is_dir():
        raise NotADirectoryError(f"{made_here}: this is a file; give the name of a folder")
    folder = target.parent if made_here is None or made_here.exists() else made_here.parent
    if not folder.is_dir():
        raise FileNotFoundError(f"{target}: the folder {folder} does not exist; create it first")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{target}: there is no permission to write in {folder}")


def _require_fresh(checkpoint: Path | None, resume: bool) -> None:
    """Refuse to lose the state of an earlier run, or any other file."""
    if resume and checkpoint is None:
        raise ValueError("--resume needs --checkpoint FILE, the file to go on from")
    if checkpoint is not None and checkpoint.exists() and not resume:
        raise ValueError(
            f"{checkpoint}: this file exists; add --resume to go on from it, or delete it, or name another"
        )
    _require_writable(checkpoint)


def _refuse_beside_bounds(given: dict[str, Any]) -> None:
    """Refuse options of a single run where several are made until an error bound is met."""
    for option, value in given.items():
        if value is not None:
            raise ValueError(
                f"{option} is for one run of a --solver, and a solution with an error bound takes several; drop it"
            )


def main() -> None:
    """The command `pinnlab`."""
    app()
