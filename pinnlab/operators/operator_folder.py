"""The folder that a trained operator is kept in: its settings as JSON, its arrays as safetensors."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pinnlab.datasets.origin import Origin
from pinnlab.files import checkpoint as files
from pinnlab.files.atomic import replacing
from pinnlab.networks.operator import OperatorArchitecture
from pinnlab.operators.architectures import architectures
from pinnlab.operators.layout import Layout
from pinnlab.operators.normalisation import Scaling
from pinnlab.operators.pairs import AllToAll, Bundled, OneStep, SolutionMap
from pinnlab.operators.space_time import SpaceTime
from pinnlab.operators.trained import TrainedOperator, signature_of
from pinnlab.operators.trained_family import TrainedFamily
from pinnlab.operators.unrolled import Pushforward, Rollout
from pinnlab.settings import describe, rebuild
from pinnlab.solver import Status

FORMAT = "pinnlab-operator-1"
SETTINGS, WEIGHTS = "settings.json", "weights.safetensors"
PAIRS = {kind.__name__: kind for kind in (AllToAll, Bundled, OneStep, Pushforward, Rollout, SolutionMap, SpaceTime)}


def write(operator: TrainedOperator, directory: str | os.PathLike[str]) -> None:
    """Write settings.json and weights.safetensors, as `TrainedOperator.save` says.

    Raises:
        FileNotFoundError: If the folder that is to hold the new one does not exist.
    """
    folder = Path(directory)
    folder.mkdir(exist_ok=True)
    weights = folder / WEIGHTS
    seen = operator.origin
    files.save(
        weights,
        _tensors(operator),
        {"history": dict(operator.history), "members": None if seen is None else seen.members},
    )
    settings = {
        "format": FORMAT,
        "architecture": describe(operator.architecture),
        "pairs": describe(operator.pairs),
        "layout": describe(operator.layout),
        "status": operator.status.value,
        "seconds": operator.seconds,
        "seed": operator.seed,
        "epoch": operator.epoch,
        "failure": operator.failure,
        "family": None if operator.family is None else operator.family.described(),
        "origin": None if seen is None else {"problem": seen.problem, "family": seen.family},
        # The two files are written one after the other: a pair that does not belong together is noticed.
        "weights_sha256": _sha256(weights),
    }
    with replacing(folder / SETTINGS) as temporary:
        temporary.write_text(json.dumps(settings, indent=2))


def read(
    directory: str | os.PathLike[str], network: OperatorArchitecture | None, device: torch.device
) -> TrainedOperator:
    """What `write` wrote, as `TrainedOperator.load` says.

    Args:
        directory: The folder.
        network: The architecture, if it is not one of pinnlab's own.
        device: Where it is to compute.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is damaged, the two do not belong together, or the architecture is not known.
    """
    folder = Path(directory)
    settings = _settings(folder)
    if _sha256(folder / WEIGHTS) != settings["weights_sha256"]:
        raise ValueError(f"{folder}: the weights are not those that the settings were written with; train again")
    architecture = network or rebuild(settings["architecture"], architectures(settings["architecture"]))
    layout = rebuild(settings["layout"], {"Layout": Layout})
    pairs = rebuild(settings["pairs"], PAIRS)
    built = architecture.build(signature_of(pairs, layout), torch.Generator().manual_seed(0))
    kept, extra = files.load(folder / WEIGHTS, {"network": dict(built.state_dict()), "scalings": {}, "family": {}})
    built.load_state_dict(kept["network"])
    numbers: dict[str, Tensor] = kept["scalings"]
    told = settings.get("origin")
    inputs, outputs = (
        Scaling(numbers[f"{side}_mean"], numbers[f"{side}_deviation"]).to(device, layout.torch_dtype)
        for side in ("inputs", "outputs")
    )
    return TrainedOperator(
        architecture,
        built.to(device).eval(),
        pairs,
        layout,
        inputs,
        outputs,
        Status(settings["status"]),
        settings["seconds"],
        settings["seed"],
        settings["epoch"],
        extra["history"],
        settings["failure"],
        TrainedFamily.read(settings.get("family"), kept["family"]),
        None if told is None else Origin(told["problem"], told["family"], extra["members"]),
    )


def _tensors(operator: TrainedOperator) -> dict[str, dict[str, Tensor]]:
    scalings = {
        "inputs_mean": operator.inputs.mean,
        "inputs_deviation": operator.inputs.deviation,
        "outputs_mean": operator.outputs.mean,
        "outputs_deviation": operator.outputs.deviation,
    }
    return {
        "network": {name: value.cpu() for name, value in operator.network.state_dict().items()},
        "scalings": {name: value.cpu() for name, value in scalings.items()},
        "family": {} if operator.family is None else operator.family.tensors(),
    }


def _settings(folder: Path) -> dict[str, Any]:
    path = folder / SETTINGS
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; give the folder that save() or --out wrote")
    try:
        found = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path}: this is no JSON ({error}); train again") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(f"{path}: this does not describe a trained operator of this pinnlab")
    missing = [f for f in ("architecture", "pairs", "layout", "status", "weights_sha256") if f not in found]
    if missing:
        raise ValueError(f"{path}: {missing[0]} is missing; train again")
    return found


def _sha256(path: Path) -> str:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; a trained operator needs it beside its settings")
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
