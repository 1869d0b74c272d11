"""Samples of operators from the files of PDEBench."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from pinnlab.datasets.data import OperatorData
from pinnlab.datasets.samples import Channel, StoredSamples
from pinnlab.files.well import opened

SPACE = ("x", "y", "z")
# Data sets of the compressible-flow files, in this order.
FLOW = ("density", "pressure", "Vx", "Vy", "Vz")


@dataclass(frozen=True, eq=False)
class SeedRows:
    """`0000/data`, `0001/data`, … of one file as one array `(n, …)`.

    Attributes:
        file: The open file.
        groups: Names of the groups, in the order of samples.
    """

    file: h5py.File
    groups: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of the file."""
        return str(self.file.filename)

    @property
    def shape(self) -> tuple[int, ...]:
        """`(n, …)`."""
        return (len(self.groups), *self.file[self.groups[0]]["data"].shape)

    @property
    def dtype(self) -> Any:
        """Of the numbers."""
        return self.file[self.groups[0]]["data"].dtype

    def __getitem__(self, index: Any, /) -> np.ndarray:
        """Read a part."""
        samples, *inner = index
        names = np.array(self.groups)[samples]
        return np.stack([self.file[n]["data"][tuple(inner)] for n in names])


def open(path: str | os.PathLike[str], periodic: Sequence[bool] | None = None) -> OperatorData:
    """The samples of a PDEBench file, which are read when they are asked for.

    Both kinds are known, whatever the file is called: one array `tensor` `(n, frames, x, …)`, or `density`,
    `pressure`, `Vx`, … of the compressible flows, for all samples; and one group `0000`, `0001`, … for each with
    `data` `(frames, x, …, channels)`.  Inputs are the first frame; of Darcy flow, whose file has an array `nu`, the
    coefficient.  Nodes are as stored, the centres of cells; no bounds are known.

    Args:
        path: The file.
        periodic: For each coordinate of space, which the file does not tell; None stands for no.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is cut off, no HDF5, of another layout, or on grids that differ between samples.

    M. Takamoto, T. Praditia, R. Leiteritz, D. MacKinlay, F. Alesiani, D. Pflüger, M. Niepert, NeurIPS 2022 Datasets and
    Benchmarks, arXiv 2210.07182.
    """
    file = opened(path)
    if "tensor" in file or any(n in file for n in FLOW):
        return _whole(file, path, periodic)
    seeds = tuple(sorted(n for n in file if n.isdigit()))
    if not seeds:
        raise ValueError(
            f"{path}: neither an array tensor or {FLOW[0]} nor groups 0000, 0001, … of PDEBench; it holds "
            f"{', '.join(sorted(file)[:20]) or 'nothing'}"
        )
    return _seeded(file, seeds, path, periodic)


def _whole(file: h5py.File, path: str | os.PathLike[str], periodic: Sequence[bool] | None) -> OperatorData:
    names = ("tensor",) if "tensor" in file else tuple(n for n in FLOW if n in file)
    coordinates = tuple(c for c in SPACE if f"{c}-coordinate" in file)
    axes = tuple(np.asarray(file[f"{c}-coordinate"], float) for c in coordinates)
    grid = tuple(len(a) for a in axes)
    for name in names:
        shape = file[name].shape
        if not axes or len(shape) != 2 + len(grid) or shape[2:] != grid:
            ones = "; its leading axis of 1 must go, so copy the array without it" if shape[:1] == (1,) else ""
            raise ValueError(
                f"{path}: {name} has the shape {shape}, and {', '.join(coordinates) or 'no'}-coordinates ask for "
                f"(samples, frames, {', '.join(map(str, grid))}){ones}"
            )
    frames = file[names[0]].shape[1]
    times = (
        np.zeros(0) if "nu" in file and frames == 1 else _times(np.asarray(file["t-coordinate"], float), frames, path)
    )
    outputs = StoredSamples.stacked((Channel.of(file[n]) for n in names), 2)
    if "nu" in file and file["nu"].shape == (len(outputs), *grid):
        return _data([Channel.of(file["nu"])], outputs, axes, times, ("nu",), ("u",), coordinates, periodic)
    shown = ("u",) if names == ("tensor",) else names
    firsts = [Channel.of(file[n], 0) for n in names]
    return _data(firsts, outputs, axes, times, shown, shown, coordinates, periodic)


def _seeded(
    file: h5py.File, seeds: tuple[str, ...], path: str | os.PathLike[str], periodic: Sequence[bool] | None
) -> OperatorData:
    first = file[seeds[0]]
    if "data" not in first or "grid" not in first:
        raise ValueError(f"{path}: its group {seeds[0]} has no data and grid, so it is not in PDEBench's layout")
    coordinates = tuple(c for c in SPACE if c in first["grid"])
    other = [n for n in seeds if not _same(file[n], first, coordinates)]
    if other:
        raise ValueError(
            f"{path}: the grid or the times of {', '.join(other[:10])} differ from those of {seeds[0]}; one set of "
            "samples has one grid, so split the file"
        )
    axes = tuple(np.asarray(first["grid"][c], float) for c in coordinates)
    shape, grid = first["data"].shape, tuple(len(a) for a in axes)
    if len(shape) != 2 + len(grid) or shape[1:-1] != grid:
        raise ValueError(f"{path}: data have the shape {shape}, and the grid asks for (frames, *{grid}, channels)")
    times, whole = _times(np.asarray(first["grid"]["t"], float), shape[0], path), slice(None, None, 1)
    rows, axis = SeedRows(file, seeds), [whole] * len(grid)
    outputs = StoredSamples.stacked((Channel(rows, (whole, *axis, c)) for c in range(shape[-1])), 2)
    firsts = [Channel(rows, (0, *axis, c)) for c in range(shape[-1])]
    names = tuple(f"u{c}" for c in range(shape[-1])) if shape[-1] > 1 else ("u",)
    return _data(firsts, outputs, axes, times, names, names, coordinates, periodic)


def _same(group: h5py.Group, first: h5py.Group, coordinates: tuple[str, ...]) -> bool:
    names = [f"grid/{c}" for c in (*coordinates, "t")]
    alike = all(n in group and np.array_equal(group[n], first[n]) for n in names)
    return alike and "data" in group and group["data"].shape == first["data"].shape


def _times(stored: np.ndarray, frames: int, path: str | os.PathLike[str]) -> np.ndarray:
    """Of the frames: files with one array hold the ends of the last interval as well."""
    if len(stored) not in (frames, frames + 1):
        raise ValueError(f"{path}: it holds {len(stored)} times for {frames} frames; one more at most is usual")
    return stored[:frames]


def _data(
    inputs: list[Channel],
    outputs: StoredSamples,
    axes: tuple[np.ndarray, ...],
    times: np.ndarray,
    input_names: tuple[str, ...],
    output_names: tuple[str, ...],
    coordinates: tuple[str, ...],
    periodic: Sequence[bool] | None,
) -> OperatorData:
    wraps = (False,) * len(axes) if periodic is None else tuple(periodic)
    bounds, names = np.full(len(outputs), np.nan), (input_names, output_names, coordinates)
    return OperatorData(StoredSamples.stacked(inputs, 1), outputs, axes, times, bounds, *names, wraps)
