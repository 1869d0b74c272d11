"""Files of samples of operators as plain data, and pictures of their samples: for `pinnlab info` and `plot`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pinnlab.files import well


def holds_samples(path: str | os.PathLike[str]) -> bool:
    """Whether a file is laid out as files of samples are."""
    if not Path(path).is_file() or not h5py.is_hdf5(path):
        return False
    with well.opened(path) as file:
        return "t0_fields" in file and "dimensions" in file


def describe_samples(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What is in a file of samples, whose values are not read.

    Raises:
        ValueError: If it is damaged, or unfinished.
    """
    data = well.open(path)
    with well.opened(path) as file:
        own = file.get(well.OWN)
        told = {} if own is None else json.loads(own.attrs.get(well.IDENTITY, "{}"))
    known, origin = data.bounds[np.isfinite(data.bounds)], data.origin
    rows = zip(data.coordinates, data.axes, data.periodic, strict=True)
    return {
        "file": os.fspath(path),
        "bytes": Path(path).stat().st_size,
        "samples": len(data),
        "family": None if origin is None else {"problem": origin.problem, "sha256": origin.family},
        "seeds": [] if origin is None else np.unique(origin.members[:, 0]).tolist(),
        "solver": told.get("solver"),
        "inputs": list(data.input_names),
        "outputs": list(data.output_names),
        "dtype": str(data.outputs.dtype),
        "axes": {
            name: {"nodes": len(a), "from": float(a[0]), "to": float(a[-1]), "periodic": periodic}
            for name, a, periodic in rows
        },
        "times": data.times.tolist(),
        "bounds": {
            "known": len(known),
            "median": float(np.median(known)) if len(known) else None,
            "largest": float(known.max()) if len(known) else None,
        },
    }


def sample_lines(data: Mapping[str, Any]) -> list[str]:
    """A file of samples for people, from `describe_samples`."""
    family, bounds, times = data["family"], data["bounds"], data["times"]
    lines = [f"{data['file']}: {data['samples']} samples of an operator ({data['bytes']:,} bytes, {data['dtype']})"]
    if family is None:
        lines.append("family: the file does not say")
    else:
        lines.append(f"family: of {family['problem']}, sha256 {family['sha256']}")
        lines.append(f"seed: {', '.join(map(str, data['seeds']))}")
    lines += [f"solver: {data['solver']}"] * (data["solver"] is not None)
    lines += [f"inputs: {', '.join(data['inputs'])}", f"outputs: {', '.join(data['outputs'])}"]
    for name, axis in data["axes"].items():
        ends = f"{axis['nodes']} nodes from {axis['from']:.6g} to {axis['to']:.6g}"
        lines.append(f"axis {name}: {ends}{', periodic' * axis['periodic']}")
    if times:
        lines.append(f"times: {len(times)} from {times[0]:.6g} to {times[-1]:.6g}")
    if not bounds["known"]:
        return [*lines, "bounds: none is known"]
    median, largest = bounds["median"], bounds["largest"]
    return [*lines, f"bounds: of {bounds['known']} samples, median {median:.2e}, largest {largest:.2e}"]
