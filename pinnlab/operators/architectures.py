"""The operator networks whose settings are read back from files."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from pinnlab.lint import did_you_mean

# Only what is named here is ever made from a file.
MODULES = {
    "Affine": "pinnlab.networks.affine",
    "Coordinates": "pinnlab.networks.position_channels",
    "Corrected": "pinnlab.networks.corrected",
    "DeepOnet": "pinnlab.networks.deeponet",
    "Fno": "pinnlab.networks.fno",
    "FourierFeatures": "pinnlab.networks.embedding",
    "Harmonics": "pinnlab.networks.embedding",
    "LatentEvolution": "pinnlab.networks.latent_evolution",
    "LatentSpectral": "pinnlab.networks.latent_spectral",
    "MessagePassing": "pinnlab.networks.message_passing",
    "Mlp": "pinnlab.networks.mlp",
    "ModifiedMlp": "pinnlab.networks.modified_mlp",
    "NoPositions": "pinnlab.networks.position_channels",
    "PirateNet": "pinnlab.networks.pirate_net",
    "PodDeepOnet": "pinnlab.networks.pod_deeponet",
    "Sine": "pinnlab.networks.activations",
    "Siren": "pinnlab.networks.siren",
    "Staggered": "pinnlab.networks.staggered",
    "Swish": "pinnlab.networks.activations",
    "Symmetrised": "pinnlab.networks.symmetrised",
    "Tanh": "pinnlab.networks.activations",
    "Tfno": "pinnlab.networks.tfno",
    "Transolver": "pinnlab.networks.transolver",
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
