"""The folder that a trained gain is kept in: its settings as JSON, its arrays as safetensors."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pinnlab.files import checkpoint as files
from pinnlab.files.atomic import replacing
from pinnlab.networks.operator import OperatorArchitecture, Signature
from pinnlab.operators.architectures import architectures
from pinnlab.operators.corrections import CarriedCovariance, Direct, LowRank
from pinnlab.operators.forecasts import Forecast, identity_of
from pinnlab.operators.layout import DTYPES
from pinnlab.operators.learned_gain import Gain, TrainedGain
from pinnlab.operators.normalisation import Scaling
from pinnlab.operators.sensors import SensorArray
from pinnlab.settings import describe, rebuild
from pinnlab.solver import Status

FORMAT = "pinnlab-gain-1"
SETTINGS, WEIGHTS = "settings.json", "weights.safetensors"
CORRECTIONS = {kind.__name__: kind for kind in (CarriedCovariance, Direct, LowRank)}
NEEDED = ("architecture", "correction", "signature", "memory", "largest", "forecast", "status", "weights_sha256")


def write(trained: TrainedGain, directory: str | os.PathLike[str]) -> None:
    """Write settings.json and weights.safetensors, as `TrainedGain.save` says.

    Raises:
        FileNotFoundError: If the folder that is to hold the new one does not exist.
    """
    folder, gain, signature = Path(directory), trained.gain, trained.signature
    folder.mkdir(exist_ok=True)
    files.save(folder / WEIGHTS, _tensors(gain), {"history": dict(trained.history)})
    settings = {
        "format": FORMAT,
        "architecture": describe(trained.architecture),
        "correction": describe(gain.correction),
        "signature": describe(signature) | {"dtype": str(signature.dtype).removeprefix("torch.")},
        "memory": gain.memory,
        "largest": gain.largest,
        "forecast": identity_of(trained.forecast),
        "status": trained.status.value,
        "seconds": trained.seconds,
        "epoch": trained.epoch,
        "failure": trained.failure,
        # The two files are written one after the other: a pair that does not belong together is noticed.
        "weights_sha256": _sha256(folder / WEIGHTS),
    }
    with replacing(folder / SETTINGS) as temporary:
        Path(temporary).write_text(json.dumps(settings, indent=2) + "\n")


def read(
    directory: str | os.PathLike[str], forecast: Forecast, network: OperatorArchitecture | None, device: torch.device
) -> TrainedGain:
    """What `write` wrote, as `TrainedGain.load` says.

    Args:
        directory: The folder.
        forecast: The model that the gain was trained with.
        network: The architecture, if it is not one of pinnlab's own.
        device: Where it is to compute.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is damaged, the two do not belong together, the architecture is not known, or the
            forecast is another one.
    """
    folder = Path(directory)
    settings = _settings(folder)
    if _sha256(folder / WEIGHTS) != settings["weights_sha256"]:
        raise ValueError(f"{folder}: the weights are not those that the settings were written with; train again")
    if settings["forecast"] != identity_of(forecast):
        raise ValueError(
            f"{folder}: this gain was trained with another forecast ({str(settings['forecast'])[:200]}), and is of no "
            "use with this one; give that, or train again"
        )
    try:
        signature = _signature(settings["signature"])
    except (TypeError, KeyError):
        raise ValueError(f"{folder / SETTINGS}: its signature is damaged; train again") from None
    architecture = network or rebuild(settings["architecture"], architectures(settings["architecture"]))
    correction = rebuild(settings["correction"], CORRECTIONS)
    built = architecture.build(signature, torch.Generator().manual_seed(0))
    kept, extra = files.load(folder / WEIGHTS, {"network": dict(built.state_dict()), "gain": {}})
    built.load_state_dict(kept["network"])
    numbers: dict[str, Tensor] = kept["gain"]
    sensors = SensorArray(signature.grid, *(numbers[n] for n in ("places", "noise", "size", "to_nodes")))
    scaling = Scaling(numbers["mean"], numbers["deviation"]).to(device, signature.dtype)
    positions = numbers["positions"].to(device)
    memory, largest = int(settings["memory"]), float(settings["largest"])
    gain = Gain(built.to(device).eval(), correction, sensors, scaling, positions, memory, largest)
    return TrainedGain(
        architecture,
        signature,
        gain,
        forecast,
        Status(settings["status"]),
        settings["seconds"],
        settings["epoch"],
        extra["history"],
        settings["failure"],
    )


def _tensors(gain: Gain) -> dict[str, dict[str, Tensor]]:
    numbers = {
        "places": gain.sensors.places,
        "noise": gain.sensors.deviation,
        "size": gain.sensors.size,
        "to_nodes": gain.sensors.to_nodes,
        "mean": gain.scaling.mean,
        "deviation": gain.scaling.deviation,
        "positions": gain.positions,
    }
    return {
        "network": {name: value.cpu() for name, value in gain.network.state_dict().items()},
        "gain": {name: value.cpu() for name, value in numbers.items()},
    }


def _signature(told: dict[str, Any]) -> Signature:
    numbers = told["inputs"], told["outputs"], tuple(told["grid"]), told["dimension"], tuple(told["periodic"])
    return Signature(*numbers, DTYPES[told["dtype"]])


def _settings(folder: Path) -> dict[str, Any]:
    path = folder / SETTINGS
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; give the folder that save() wrote")
    try:
        found = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path}: this is no JSON ({error}); train again") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(f"{path}: this does not describe a trained gain of this pinnlab")
    missing = [f for f in (*NEEDED, "seconds", "epoch", "failure") if f not in found]
    if missing:
        raise ValueError(f"{path}: {missing[0]} is missing; train again")
    return found


def _sha256(path: Path) -> str:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; a trained gain needs it beside its settings")
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
