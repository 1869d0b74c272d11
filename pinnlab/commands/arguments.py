"""What the user typed, as problems, settings and files; whatever cannot be used is refused before anything runs."""

from __future__ import annotations

import dataclasses
import inspect
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pinnlab.commands.terminal import stdout_kept_clean

if TYPE_CHECKING:
    from pinnlab.problem import Problem
    from pinnlab.solver import Solver

DEFAULT_RTOL = 1e-6

Declared = Annotated[
    str,
    typer.Argument(metavar="PROBLEM", help="A shipped problem (burgers), or a file: mine.py, mine.py:wave, mine.json."),
]
SolverText = Annotated[
    str | None,
    typer.Option(
        "--solver",
        help="NAME[:key=value,…], as in etdrk4:points=128. Without it: a reference with an error bound.",
    ),
]
SolverTexts = Annotated[list[str], typer.Option("--solver", help="NAME[:key=value,…]; say it once for each solver.")]
Out = Annotated[Path | None, typer.Option("--out", help="HDF5 file for the answer, by custom with the suffix .hdf.")]
OutFolder = Annotated[
    Path | None, typer.Option("--out", help="Folder for one .hdf per solver, comparison.json and panel.png.")
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, max=2**63 - 1, help="Of every random draw; 0 if not said.")]
Device = Annotated[str | None, typer.Option("--device", help="auto (the default), cpu, cuda, cuda:1, …")]
MaxSeconds = Annotated[float | None, typer.Option("--max-seconds", min=0, help="Budget of the solver's own time.")]
MaxSteps = Annotated[
    int | None, typer.Option("--max-steps", min=0, help="Budget in steps, those before --resume included.")
]
Checkpoint = Annotated[
    Path | None,
    typer.Option("--checkpoint", help="File that keeps the state of the run, so that it can be killed and resumed."),
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
    typer.Option(
        "--shape",
        help="Nodes of the written grid in file order, t then z, y, x: 101,401. Of a problem on a box.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout; no progress.")]
ResultFile = Annotated[Path, typer.Argument(metavar="F.hdf", help="A file that pinnlab wrote.")]


def problem_of_text(text: str) -> Problem:
    """The problem that was named; what its file prints goes to stderr."""
    from pinnlab.catalog import load

    with stdout_kept_clean():
        return load(text)


def solver_of_text(text: str) -> Solver:
    """Settings from text: a shipped solver by name, and within it every settings class that pinnlab exports."""
    import pinnlab
    from pinnlab.lint import did_you_mean
    from pinnlab.settings import parse
    from pinnlab.support import shipped_solvers

    solvers, name = shipped_solvers(), text.partition(":")[0].strip()
    if name not in solvers:
        raise ValueError(
            f"there is no solver {name!r}{did_you_mean(name, solvers)}; the solvers are {', '.join(solvers)}"
        )
    exported = (getattr(pinnlab, name) for name in dir(pinnlab))
    kinds = {kind.__name__: kind for kind in exported if inspect.isclass(kind) and _is_settings(kind)}
    found: Solver = parse(text, kinds | solvers)
    return found


def _is_settings(kind: type) -> bool:
    """Settings are dataclasses with a default for everything, windows or kernels; what holds data is none."""
    from pinnlab.numerics.kernels import Kernel
    from pinnlab.windows import Windows

    none = dataclasses.MISSING
    return dataclasses.is_dataclass(kind) and (
        issubclass(kind, Windows | Kernel)
        or all(f.default is not none or f.default_factory is not none for f in dataclasses.fields(kind) if f.init)
    )


def sizes_of_text(text: str | None, problem: Problem) -> tuple[int, ...] | None:
    """Nodes per axis from `101,401`, one for each axis of the problem's files."""
    from pinnlab.domain.box import Box
    from pinnlab.field import file_order

    if text is None:
        return None
    if not isinstance(problem.region, Box):
        raise ValueError(
            f"--shape {text}: {problem.name!r} does not lie on a box, so its file has the nodes of a mesh; drop --shape"
        )
    axes, parts = file_order(problem), text.split(",")
    if not all(p.strip().isdecimal() and int(p) >= 2 for p in parts) or len(parts) != len(axes):
        raise ValueError(
            f"--shape {text}: give a whole number of at least 2 for each of {', '.join(axes)}, as in 101,401"
        )
    return tuple(map(int, parts))


def require_writable(target: Path | None, made_here: Path | None = None) -> None:
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


def require_fresh(checkpoint: Path | None, resume: bool) -> None:
    """Refuse to lose the state of an earlier run, or any other file."""
    if resume and checkpoint is None:
        raise ValueError("--resume needs --checkpoint FILE, the file to go on from")
    if checkpoint is not None and checkpoint.exists() and not resume:
        raise ValueError(
            f"{checkpoint}: this file exists; add --resume to go on from it, or delete it, or name another"
        )
    require_writable(checkpoint)


def refuse_beside_bounds(**given: object) -> None:
    """Refuse options of a single run where several are made until an error bound is met."""
    for name, value in given.items():
        if value is not None:
            option = "--" + name.replace("_", "-")
            raise ValueError(
                f"{option} is for one run of a --solver, and an error bound takes several; drop it, or name a --solver "
                "without --rtol and --verify"
            )
