"""Any solver state in one file and back, bit for bit, without running code of the file.

A checkpoint is a safetensors file: its tensors are the arrays of the state under their paths, its metadata
holds the rest of the state as a JSON tree and a SHA-256 of both.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from pinnlab.files.atomic import replacing
from pinnlab.files.tree import Decoder, Encoder, walk

FORMAT = "pinnlab-checkpoint-1"
LARGEST_TREE = 90_000_000
S = TypeVar("S")


def save(path: str | os.PathLike[str], state: object, extra: Mapping[str, Any] | None = None) -> None:
    """Write `state` and `extra` to one file, which replaces `path` only when it is complete and on the disk.

    A state is a dataclass of int, float, str, bool, None, numpy arrays and scalars, torch tensors (both also
    complex), `numpy.random.Generator`, `torch.Generator`, nested dataclasses, and lists, tuples and
    dictionaries (keys of str or int) of these. The order of the axes in memory is kept, since results may
    depend on it in the last bit. Two fields that share memory do not share it after `load`.

    Args:
        path: The file.
        state: The state of a solver.
        extra: What belongs to the run and not to the state: names to values of the same kinds, no
            dataclasses.

    Raises:
        TypeError: If the state or `extra` holds anything else; the message names the field.
        ValueError: If what is not an array takes more than 90 MB as JSON.
    """
    if any(dataclasses.is_dataclass(value) for value in walk(extra)):
        raise TypeError(
            "extra: a dataclass in it could not be read back, its type being unknown then; give a dictionary"
        )
    encoder = Encoder()
    document = {
        "state": encoder.encode(state, "state"),
        "extra": encoder.encode(dict(extra or {}), "extra"),
    }
    tree = json.dumps(document, separators=(",", ":"), allow_nan=False)
    if len(tree) > LARGEST_TREE:
        raise ValueError(
            f"{path}: all but the arrays of this state takes {len(tree)} bytes as JSON, more than "
            f"{LARGEST_TREE}; "
            "keep long lists of numbers as arrays"
        )
    metadata = {"format": FORMAT, "tree": tree, "sha256": _digest(tree, encoder.tensors)}
    with replacing(path) as temporary:
        save_file(encoder.tensors, temporary, metadata)


def load(path: str | os.PathLike[str], into: S) -> tuple[S, dict[str, Any]]:
    """Read a checkpoint as a new state with the types, dtypes and devices of `into`, and its `extra`.

    Args:
        path: The file.
        into: A freshly initialised state of the same solver on the same problem; it is not changed. Its
            arrays fix shape and dtype, unless they are empty; None may have become anything and anything
            None; lists and tuples may have another length, dictionaries more keys.

    Returns:
        The state, of the type of `into`, and the dictionary `extra`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged or no checkpoint, or belongs to another solver or problem; the text
            names the field that does not fit.
    """
    tree, tensors = _read(path)
    try:
        document = json.loads(tree)
        decoder = Decoder(tensors, into)
        state = decoder.decode(document["state"], into, "state")
        extra = decoder.decode(document["extra"], {}, "extra")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    except (RecursionError, KeyError, TypeError, RuntimeError, OverflowError) as error:
        raise ValueError(
            f"{path}: the tree of this checkpoint is damaged ({type(error).__name__}: {error}); use an earlier one"
        ) from error
    return state, extra


def _read(path: str | os.PathLike[str]) -> tuple[str, dict[str, torch.Tensor]]:
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ValueError(
                    f"{path}: this safetensors file is not a checkpoint of this pinnlab (its format is "
                    f"{metadata.get('format')!r:.80}, not {FORMAT!r}); give the file that --checkpoint wrote"
                )
            tree = metadata.get("tree", "")
            # Clones, since the file may be replaced while the state is in use.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"{path}: this is no checkpoint, or it is damaged or cut off ({error}); use an earlier one, or start afresh"
        ) from error
    if _digest(tree, tensors) != metadata.get("sha256"):
        raise ValueError(f"{path}: the checksum of this checkpoint is wrong; use an earlier one, or start afresh")
    return tree, tensors


def _digest(tree: str, tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256(tree.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
