"""Folders of what was trained: settings as JSON beside arrays as safetensors, which are known to belong together."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from pinnlab.files import checkpoint as files
from pinnlab.files.atomic import replacing

SETTINGS, WEIGHTS = "settings.json", "weights.safetensors"
Arrays = dict[str, dict[str, Tensor]]


def keep(
    directory: str | os.PathLike[str],
    form: str,
    settings: Mapping[str, Any],
    arrays: Arrays,
    extra: Mapping[str, Any],
) -> None:
    """Write settings.json and weights.safetensors to a folder, which is made if it is not there.

    Args:
        directory: The folder.
        form: Name and version of the format.
        settings: What JSON has words for.
        arrays: Tensors by group and name.
        extra: What else belongs to the arrays, as in `pinnlab.files.checkpoint.save`.

    Raises:
        FileNotFoundError: If the folder that is to hold the new one does not exist.
    """
    folder = Path(directory)
    folder.mkdir(exist_ok=True)
    files.save(folder / WEIGHTS, arrays, extra)
    # The two files are written one after the other: a pair that does not belong together is noticed.
    told = {"format": form, **settings, "weights_sha256": _sha256(folder / WEIGHTS, form)}
    with replacing(folder / SETTINGS) as temporary:
        temporary.write_text(json.dumps(told, indent=2) + "\n")


def kept_settings(folder: Path, form: str, thing: str, needed: Sequence[str]) -> dict[str, Any]:
    """The settings of a folder, once it is known that its arrays are those that they were written with.

    Args:
        folder: The folder.
        form: As in `keep`.
        thing: What is to be in the folder, for messages: "a trained gain".
        needed: Names without which the settings are of no use.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the settings are damaged or of something else, or the arrays of another writing.
    """
    path = folder / SETTINGS
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; give the folder that {thing} was saved to")
    try:
        found = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path}: this is no JSON ({error}); train again") from None
    if not isinstance(found, dict) or found.get("format") != form:
        raise ValueError(f"{path}: this does not describe {thing} of this pinnlab")
    missing = [name for name in (*needed, "weights_sha256") if name not in found]
    if missing:
        raise ValueError(f"{path}: {missing[0]} is missing; train again")
    if _sha256(folder / WEIGHTS, thing) != found["weights_sha256"]:
        raise ValueError(f"{folder}: the weights are not those that the settings were written with; train again")
    return found


def _sha256(path: Path, thing: str) -> str:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; {thing} needs it beside its settings")
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
