"""The operator networks whose settings are read back from files."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from pinnlab.lint import did_you_mean

# Only what is named here is ever made from a file.
MODULES = {
    "Coordinates": "pinnlab.networks.position_channels",
    "Fno": "pinnlab.networks.fno",
    "LatentSpectral": "pinnlab.networks.latent_spectral",
    "NoPositions": "pinnlab.networks.position_channels",
    "Tfno": "pinnlab.networks.tfno",
    "UNet": "pinnlab.networks.unet",
}


def architectures(described: Any) -> dict[str, type]:
    """The classes that described settings name, for `rebuild`.

    Raises:
        ValueError: If one is not among pinnlab's own.
    """
    found = {}
    for name in _names(described):
        if name not in MODULES:
            raise ValueError(
                f"there is no operator network {name!r} in pinnlab{did_you_mean(name, MODULES)}; build yours and give "
                "it as network="
            )
        found[name] = getattr(import_module(MODULES[name]), name)
    return found


def _names(described: Any) -> Iterator[str]:
    if isinstance(described, dict):
        yield str(described.get("type"))
        for value in described.values():
            yield from _names(value)
    elif isinstance(described, list):
        for value in described:
            yield from _names(value)
