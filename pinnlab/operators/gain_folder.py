"""The folder that a trained gain is kept in: its settings as JSON, its arrays as safetensors."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pinnlab.files import checkpoint as files
from pinnlab.networks.operator import OperatorArchitecture, Signature
from pinnlab.operators.architectures import architectures
from pinnlab.operators.corrections import CarriedCovariance, Direct, LowRank
from pinnlab.operators.forecasts import Forecast, identity_of
from pinnlab.operators.kept_folder import SETTINGS, WEIGHTS, Arrays, keep, kept_settings
from pinnlab.operators.layout import DTYPES
from pinnlab.operators.learned_gain import Gain, TrainedGain
from pinnlab.operators.normalisation import Scaling
from pinnlab.operators.sensors import SensorArray
from pinnlab.settings import describe, rebuild
from pinnlab.solver import Status

FORMAT = "pinnlab-gain-1"
CORRECTIONS = {kind.__name__: kind for kind in (CarriedCovariance, Direct, LowRank)}
NEEDED = (
    "architecture", "correction", "signature", "memory", "largest", "forecast", "status", "seconds", "epoch", "failure",
)  # fmt: skip


def write(trained: TrainedGain, directory: str | os.PathLike[str]) -> None:
    """Write settings.json and weights.safetensors, as `TrainedGain.save` says.

    Raises:
        FileNotFoundError: If the folder that is to hold the new one does not exist.
    """
    gain, signature = trained.gain, trained.signature
    settings = {
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
    }
    keep(directory, FORMAT, settings, _tensors(gain), {"history": dict(trained.history)})


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
    settings = kept_settings(folder, FORMAT, "a trained gain", NEEDED)
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


def _tensors(gain: Gain) -> Arrays:
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
