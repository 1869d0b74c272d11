"""The folder that a trained operator is kept in: its settings as JSON, its arrays as safetensors."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor

from pinnlab.datasets.origin import Origin
from pinnlab.files import checkpoint as files
from pinnlab.networks.operator import OperatorArchitecture
from pinnlab.operators.architectures import architectures
from pinnlab.operators.kept_folder import WEIGHTS, Arrays, keep, kept_settings
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
NEEDED = ("architecture", "pairs", "layout", "status", "seconds", "seed", "epoch", "failure")
PAIRS = {kind.__name__: kind for kind in (AllToAll, Bundled, OneStep, Pushforward, Rollout, SolutionMap, SpaceTime)}


def write(operator: TrainedOperator, directory: str | os.PathLike[str]) -> None:
    """Write settings.json and weights.safetensors, as `TrainedOperator.save` says.

    Raises:
        FileNotFoundError: If the folder that is to hold the new one does not exist.
    """
    seen = operator.origin
    settings = {
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
    }
    extra = {"history": dict(operator.history), "members": None if seen is None else seen.members}
    keep(directory, FORMAT, settings, _tensors(operator), extra)


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
    settings = kept_settings(folder, FORMAT, "a trained operator", NEEDED)
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


def _tensors(operator: TrainedOperator) -> Arrays:
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
