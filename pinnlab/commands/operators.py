"""The commands for families and operators: make data, train, evaluate."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pinnlab.commands.arguments import (
    Checkpoint,
    Device,
    Json,
    MaxSeconds,
    Resume,
    Seed,
    SolverText,
    require_fresh,
    require_writable,
    solver_of_text,
)
from pinnlab.commands.terminal import say, say_json, stdout_kept_clean

if TYPE_CHECKING:
    from pinnlab.family import Family
    from pinnlab.networks.operator import OperatorArchitecture
    from pinnlab.solver import Solver

Declared = Annotated[
    str, typer.Argument(metavar="FAMILY", help="A shipped family (burgers), or a file: mine.py, mine.py:waves.")
]
Samples = Annotated[Path, typer.Option("--data", help="A file of samples, such as `pinnlab data` writes.")]
Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A folder that `pinnlab train` wrote.")]


def data(
    family: Declared,
    out: Annotated[
        Path, typer.Option("--out", help="HDF5 file for the samples; an unfinished or shorter one is gone on with.")
    ],
    n: Annotated[int, typer.Option("--n", min=1, help="How many samples.")] = 1000,
    nodes: Annotated[str, typer.Option("--nodes", help="Along each coordinate of space: 256, or 64,64.")] = "64",
    times: Annotated[str | None, typer.Option("--times", help="Of the frames: 0,0.5,1; the last if not said.")] = None,
    solver: SolverText = None,
    seed: Seed = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Solve n members of a family by a classical solver; the same command goes on where it was stopped."""
    import numpy as np

    from pinnlab.catalog import load_family
    from pinnlab.operators.generate import POOR, generate

    require_writable(out)
    with stdout_kept_clean():
        declared = load_family(family)
        chosen = _classical(declared) if solver is None else solver_of_text(solver)
        counts = _numbers("--nodes", nodes, int)
        made = generate(
            declared,
            n,
            chosen,
            nodes=counts[0] if len(counts) == 1 else counts,
            times=None if times is None else _numbers("--times", times, float),
            seed=seed or 0,
            out=out,
            device=device or "auto",
        )
    known = made.bounds[np.isfinite(made.bounds)]
    told = {
        "out": os.fspath(out),
        "samples": len(made),
        "solver": repr(chosen),
        "inputs": list(made.input_names),
        "outputs": list(made.output_names),
        "nodes": list(made.grid),
        "frames": made.frames,
        "median_bound": float(np.median(known)) if len(known) else None,
        "largest_bound": float(known.max()) if len(known) else None,
        "bounds_above_10_percent": int(np.count_nonzero(known > POOR)) if len(known) else None,
    }
    _tell(told, as_json)


def train(
    family: Declared,
    data: Samples,
    out: Annotated[Path, typer.Option("--out", help="Folder for the trained operator.")],
    network: Annotated[str, typer.Option("--network", help="NAME[:key=value,…], as in fno:modes=16,width=64.")] = "fno",
    epochs: Annotated[int, typer.Option("--epochs", min=1)] = 100,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Samples per step.")] = 20,
    learning_rate: Annotated[float | None, typer.Option("--learning-rate", help="Of AdamW, at its largest.")] = None,
    seed: Seed = None,
    device: Device = None,
    max_seconds: MaxSeconds = None,
    checkpoint: Checkpoint = None,
    resume: Resume = False,
    as_json: Json = False,
) -> None:
    """Train an operator on samples of a family; a tenth of them chooses the epoch."""
    import numpy as np

    from pinnlab.catalog import load_family
    from pinnlab.files import well
    from pinnlab.operators.learning import OperatorLearning
    from pinnlab.operators.learning import train as trained
    from pinnlab.training.adam_w import AdamW

    require_writable(out / "settings.json", made_here=out)
    require_fresh(checkpoint, resume)
    with stdout_kept_clean():
        declared, samples = load_family(family), well.open(data).loaded()
        missing = sorted({*declared.things} - {*samples.input_names})
        if missing:
            raise ValueError(
                f"{data}: its inputs are {', '.join(samples.input_names)}, and {missing[0]} of {family} is not among "
                "them; give samples of this family"
            )
        optimizer = AdamW() if learning_rate is None else AdamW(learning_rate)
        learning = OperatorLearning(network_of_text(network), optimizer=optimizer, epochs=epochs, batch=batch)
        found = trained(
            samples,
            learning,
            family=declared,
            seed=seed or 0,
            device=device or "auto",
            max_seconds=max_seconds,
            checkpoint=checkpoint,
            resume=resume,
        ).checked()
        found.save(out)
    errors = found.history.get("validation")
    told = {
        "out": os.fspath(out),
        "network": repr(found.architecture),
        "epoch": found.epoch,
        "seconds": found.seconds,
        "validation_relative_l2": None if errors is None or not len(errors) else float(np.nanmin(errors)),
    }
    _tell(told, as_json)


def evaluate(
    model: Model,
    data: Samples,
    figure: Annotated[
        Path | None,
        typer.Option("--figure", help="Picture of the sample with the median error: input, truth, prediction, error."),
    ] = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Relative L2 errors of a trained operator on samples: take another --seed for these than for training."""
    from pinnlab.commands.pictures import draw_prediction, require_picture
    from pinnlab.files import well
    from pinnlab.operators.trained import TrainedOperator
    from pinnlab.solve import resolve_device

    if figure is not None:
        require_picture(figure)
    with stdout_kept_clean():
        operator = TrainedOperator.load(model).to(resolve_device(device or "auto"))
        samples = well.open(data).loaded()
        told = {"model": os.fspath(model), "data": os.fspath(data), "samples": len(samples)}
        told |= operator.evaluate(samples)
        told["seconds_per_query"] = operator.seconds_per_query(samples)
        if figure is not None:
            told["figure"] = os.fspath(figure)
            draw_prediction(operator, samples, figure)
    _tell(told, as_json)


def network_of_text(text: str) -> OperatorArchitecture:
    """The settings of an operator network, from its name in lower case and its fields."""
    from pinnlab.lint import did_you_mean
    from pinnlab.networks.operator import OperatorArchitecture
    from pinnlab.operators.architectures import MODULES, architectures
    from pinnlab.settings import parse

    kinds = {name: architectures({"type": name})[name] for name in MODULES}
    networks = {name.lower(): kind for name, kind in kinds.items() if issubclass(kind, OperatorArchitecture)}
    name = text.partition(":")[0].strip()
    if name not in networks:
        raise ValueError(
            f"there is no operator network {name!r}{did_you_mean(name, networks)}; they are {', '.join(networks)}"
        )
    found: OperatorArchitecture = parse(text, kinds | networks)
    return found


def _classical(family: Family) -> Solver:
    from pinnlab.candidates import candidates

    found = candidates(family.problem)
    if not found:
        raise ValueError(f"no classical solver takes {family.problem.name!r}; name one with --solver")
    return found[0]


def _numbers(option: str, text: str, kind: type[int] | type[float]) -> list[Any]:
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{option} {text}: give numbers with commas between them, as in 64,64") from None


def _tell(told: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        say_json(dict(told))
        return
    for name, value in told.items():
        if value is not None:
            shown = ", ".join(map(str, value)) if isinstance(value, list) else value
            say(f"{name.replace('_', ' ')}: {f'{shown:.3g}' if isinstance(shown, float) else shown}")
