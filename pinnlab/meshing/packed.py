"""Meshes as JSON: arrays as base64 text of little-endian numbers."""

from __future__ import annotations

import base64
import binascii
import math
from typing import Any

import numpy as np

from pinnlab.meshing.mesh import KINDS, Mesh

TYPES: dict[str, np.dtype[Any]] = {"<f8": np.dtype("<f8"), "<i4": np.dtype("<i4"), "<i8": np.dtype("<i8")}
MAX_PIECES = 10_000


def pack(mesh: Mesh) -> dict[str, Any]:
    """A mesh as JSON; equal meshes give equal text on every machine, which compression would not promise."""
    return {
        "kind": mesh.kind,
        "points": _pack(mesh.points.astype("<f8")),
        "cells": _pack(_integers(mesh.cells)),
        "pieces": [[name, _pack(_integers(facets))] for name, facets in mesh.pieces.items()],
    }


def unpack(node: Any) -> Mesh:
    """The mesh that `pack` stored.

    Raises:
        ValueError: If the text is not what `pack` writes, or its numbers are no mesh.
    """
    if not isinstance(node, dict) or set(node) != {"kind", "points", "cells", "pieces"}:
        raise ValueError("mesh JSON: expected an object with kind, points, cells and pieces")
    if not isinstance(node["kind"], str) or node["kind"] not in KINDS:
        raise ValueError(f"mesh JSON: the kind {str(node['kind'])[:40]!r} is not one of {', '.join(KINDS)}")
    pieces = node["pieces"]
    if not isinstance(pieces, list) or len(pieces) > MAX_PIECES:
        raise ValueError(f"mesh JSON: pieces must be a list of at most {MAX_PIECES} pairs of name and facets")
    facets: dict[str, np.ndarray] = {}
    for pair in pieces:
        if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) and pair[0] not in facets):
            raise ValueError("mesh JSON: every piece is a pair of a name of its own and its facets")
        facets[pair[0]] = _unpack(pair[1], "i")
    return Mesh(_unpack(node["points"], "f"), _unpack(node["cells"], "i"), node["kind"], facets)


def _integers(numbers: np.ndarray) -> np.ndarray:
    """The narrowest type that holds the numbers of vertices."""
    fits = not numbers.size or numbers.max() < 2**31
    return numbers.astype("<i4" if fits else "<i8")


def _pack(values: np.ndarray) -> dict[str, Any]:
    text = base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")
    return {"type": values.dtype.str, "shape": list(values.shape), "data": text}


def _unpack(node: Any, kind: str) -> np.ndarray:
    if not isinstance(node, dict) or set(node) != {"type", "shape", "data"}:
        raise ValueError("mesh JSON: an array is an object with type, shape and data")
    dtype = TYPES.get(node["type"]) if isinstance(node["type"], str) else None
    shape, data = node["shape"], node["data"]
    if dtype is None or dtype.kind != kind:
        raise ValueError(f"mesh JSON: {str(node['type'])[:40]!r} is not the type of such an array")
    if not (isinstance(shape, list) and len(shape) == 2 and all(type(n) is int and n >= 0 for n in shape)):
        raise ValueError(f"mesh JSON: {str(shape)[:40]} is not the shape of rows and columns")
    try:
        content = base64.b64decode(data, validate=True) if isinstance(data, str) else b""
    except (binascii.Error, ValueError):
        raise ValueError("mesh JSON: the data of an array is not base64") from None
    if len(content) != math.prod(shape) * dtype.itemsize:
        raise ValueError(
            f"mesh JSON: {len(content)} bytes do not make {shape[0]}×{shape[1]} numbers of type {dtype.str}"
        )
    return np.frombuffer(content, dtype).reshape(shape).astype(np.float64 if kind == "f" else np.int64)
