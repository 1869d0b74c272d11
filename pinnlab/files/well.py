"""Samples of operators in The Well's layout of HDF5 files."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pinnlab.datasets.data import OperatorData
from pinnlab.datasets.origin import Origin
from pinnlab.datasets.samples import Channel, StoredSamples, blocks
from pinnlab.files.atomic import replacing

# What The Well's layout has no place for is kept in this group.
OWN = "pinnlab"
# Attribute of that group: what `generate` made the samples from.
IDENTITY = "generated_from"
# Data set of that group: which samples `generate` has put.
DONE = "done"
# Attribute and data set of that group: the family, and seed and number of each member.
FAMILY, MEMBERS = "family", "members"
# Numbers in one chunk, about; a chunk holds whole samples or a part of one.
CHUNK = 2**17


@dataclass(frozen=True, eq=False)
class Layout:
    """What a file holds of each sample.

    Attributes:
        axes: As in `OperatorData`, like all that follows.
        times: Of the frames; empty for steady problems.
        input_names: Of the input channels.
        output_names: Of the output channels.
        coordinates: Of space.
        periodic: For each coordinate.
        dtype: Of the numbers.
    """

    axes: tuple[np.ndarray, ...]
    times: np.ndarray
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    coordinates: tuple[str, ...]
    periodic: tuple[bool, ...]
    dtype: np.dtype[Any]

    @staticmethod
    def of(data: OperatorData) -> Layout:
        """That of some samples."""
        names = data.input_names, data.output_names, data.coordinates
        return Layout(data.axes, data.times, *names, data.periodic, np.dtype(data.outputs.dtype))

    def differences(self, other: Layout) -> list[str]:
        """The attributes in which two layouts differ."""
        found = [
            a
            for a in ("input_names", "output_names", "coordinates", "periodic", "dtype")
            if getattr(self, a) != getattr(other, a)
        ]
        same = len(self.axes) == len(other.axes) and all(map(np.array_equal, self.axes, other.axes))
        return [*found, *["axes"] * (not same), *["times"] * (not np.array_equal(self.times, other.times))]


def write(path: str | os.PathLike[str], data: OperatorData, *, name: str = "operator", problem: str = "") -> None:
    """Write samples to a file; it appears whole or not at all.

    Fields of the answer are `t0_fields/<name>` `(n, frames, *grid)`, as in [1]; inputs `(n, *grid)`, bounds `(n,)` and
    the problem's JSON, for which the layout has no place, are in the group `pinnlab` beside.  Numbers keep their
    precision, float64 included.

    Args:
        path: The file.
        data: The samples; those in another file are copied block by block.
        name: Of the data set.
        problem: The declaration, from `Problem.to_json()`.

    Raises:
        ValueError: If a sample holds NaN or infinity.
        OSError: If the folder does not exist or the disk refuses.

    [1] R. Ohana et al., The Well, NeurIPS 2024 Datasets and Benchmarks, arXiv 2412.00568; its docs/data_format.md.
    """
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        create(file, Layout.of(data), len(data), name, problem, data.origin)
        _fill(file, 0, data)


def append(path: str | os.PathLike[str], data: OperatorData) -> None:
    """Add samples behind those of a file that `write` or `generate` made; it changes whole or not at all.

    The file is copied first, so that the disk must have room for both.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the samples are on another grid, at other times or of other names, or the file is damaged or
            unfinished.
        OSError: If the disk refuses.
    """
    with opened(path) as file:
        _require_finished(file, path)
        held, count, origin = layout_of(file, path), _count(file), origin_in(file)
    other = held.differences(Layout.of(data))
    if other:
        raise ValueError(
            f"{path}: its samples and those to be added differ in {', '.join(other)}; one file holds one grid, so "
            "write these to another file"
        )
    with replacing(path) as temporary:
        shutil.copyfile(path, temporary)
        with h5py.File(temporary, "r+") as file:
            lengthen(file, count + len(data))
            # The file is no longer the sample that one call of `generate` would make.
            file[OWN].attrs.pop(IDENTITY, None)
            file[OWN].pop(DONE, None)
            tell_origin(file, None if origin is None else origin.joined(data.origin))
            _fill(file, count, data)


def open(path: str | os.PathLike[str]) -> OperatorData:
    """The samples of a file in The Well's layout, which are read when they are asked for.

    Of a file that another program wrote the inputs are the fields of the first frame, and no bounds are known; vectors
    and tensors give one channel for each component.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is cut off, no HDF5, unfinished or laid out otherwise.
    """
    file = opened(path)
    try:
        _require_finished(file, path)
    except ValueError:
        file.close()
        raise
    held = layout_of(file, path)
    outputs = StoredSamples.stacked(_outputs(file), 2)
    if OWN not in file:
        inputs = StoredSamples.stacked((Channel(c.source, (0, *c.at[1:])) for c in _outputs(file)), 1)
        bounds = np.full(len(inputs), np.nan)
    else:
        inputs = StoredSamples.stacked((Channel.of(file[f"{OWN}/inputs/{n}"]) for n in held.input_names), 1)
        bounds = file[f"{OWN}/bounds"][:]
    names = held.input_names, held.output_names, held.coordinates
    return OperatorData(inputs, outputs, held.axes, held.times, bounds, *names, held.periodic, origin_in(file))


def opened(path: str | os.PathLike[str]) -> h5py.File:
    """An HDF5 file open for reading.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is cut off or no HDF5.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        if not h5py.is_hdf5(path):
            raise ValueError(
                f"{path}: this is not an HDF5 file; give one in The Well's or PDEBench's layout"
            ) from error
        reason = " ".join(str(error).split())
        cut = "cut off" if "truncated" in reason else "damaged, or another process is writing it"
        raise ValueError(f"{path}: the file is {cut} ({reason}); copy or generate it again") from error


def layout_of(file: h5py.File, path: str | os.PathLike[str]) -> Layout:
    """What an open file holds of each sample.

    Raises:
        ValueError: If it is not in The Well's layout, or on no tensor grid.
    """
    missing = [g for g in ("dimensions", "t0_fields") if g not in file]
    if missing:
        raise ValueError(
            f"{path}: it has no group {' and '.join(missing)}, so it is not in The Well's layout; it holds "
            f"{', '.join(sorted(file)[:20]) or 'nothing'}"
        )
    if str(file.attrs.get("grid_type", "cartesian")) != "cartesian":
        raise ValueError(f"{path}: its grid is {file.attrs['grid_type']}; only tensor grids can be read")
    dimensions = file["dimensions"]
    coordinates = tuple(map(str, dimensions.attrs.get("spatial_dims", sorted(set(dimensions) - {"time"}))))
    axes = tuple(np.asarray(dimensions[c], float) for c in coordinates)
    if any(a.ndim != 1 for a in axes) or dimensions["time"].ndim != 1:
        raise ValueError(f"{path}: its grid or its times vary from sample to sample; split it into files of one grid")
    own = file.get(OWN)
    steady = own is not None and bool(own.attrs["steady"])
    outputs = _outputs(file)
    names = tuple(n for g in _groups(file) for n in _names(g, len(coordinates)))
    inputs = names if own is None else tuple(map(str, own["inputs"].attrs["field_names"]))
    times = np.zeros(0) if steady else np.asarray(dimensions["time"], float)
    grid = tuple(len(a) for a in axes)
    mixed = [c.source.name for c in outputs if c.shape != (max(1, len(times)), *grid)]
    if mixed:
        raise ValueError(f"{path}: {', '.join(mixed)} is not on the grid {grid} of the file at its {len(times)} times")
    return Layout(axes, times, inputs, names, coordinates, _periodic(file, coordinates), outputs[0].source.dtype)


def create(file: h5py.File, layout: Layout, n: int, name: str, problem: str, origin: Origin | None = None) -> None:
    """Make the groups and data sets of a file for n samples, with their room on the disk set aside.

    Writing samples then changes no structure of the file, so that a process killed in between leaves it sound.
    """
    file.attrs.update(dataset_name=name, grid_type="cartesian", n_spatial_dims=len(layout.axes), n_trajectories=n)
    file.attrs["simulation_parameters"] = h5py.Empty("f8")
    dimensions = file.create_group("dimensions")
    dimensions.attrs["spatial_dims"] = list(layout.coordinates)
    nodes = dict(zip(layout.coordinates, layout.axes, strict=True))
    for key, values in {"time": layout.times if len(layout.times) else np.zeros(1), **nodes}.items():
        dimensions[key] = values
        dimensions[key].attrs.update(sample_varying=False, time_varying=False)
    _create_boundaries(file, layout)
    file.create_group("scalars").attrs["field_names"] = h5py.Empty("f8")
    grid, frames = tuple(len(a) for a in layout.axes), max(1, len(layout.times))
    own = file.create_group(OWN)
    own.attrs.update(steady=not len(layout.times), problem=problem)
    inputs = own.create_group("inputs")
    inputs.attrs["field_names"] = list(layout.input_names)
    for key in layout.input_names:
        reserve(inputs, key, (n, *grid), layout.dtype)
    for order in range(3):
        group = file.create_group(f"t{order}_fields")
        group.attrs["field_names"] = list(layout.output_names) if order == 0 else h5py.Empty("f8")
    for key in layout.output_names:
        stored = reserve(file["t0_fields"], key, (n, frames, *grid), layout.dtype)
        stored.attrs.update(dim_varying=[True] * len(grid), sample_varying=True, time_varying=True)
    reserve(own, "bounds", (n,), np.dtype(float))
    tell_origin(file, origin)


def lengthen(file: h5py.File, n: int) -> None:
    """Set aside room for samples behind those of an open file, n in all."""
    names = [f"{OWN}/inputs/{key}" for key in file[f"{OWN}/inputs"].attrs["field_names"]]
    names += [f"t0_fields/{key}" for key in file["t0_fields"].attrs["field_names"]]
    for name in (*names, f"{OWN}/bounds"):
        file[name].resize(n, axis=0)
    file.attrs["n_trajectories"] = n


def origin_in(file: h5py.File) -> Origin | None:
    """Of which family the samples of an open file are members, if it says so.

    Raises:
        ValueError: If what it says is damaged.
    """
    own = file.get(OWN)
    if own is None or MEMBERS not in own:
        return None
    try:
        told = json.loads(own.attrs[FAMILY])
        return Origin(told["problem"], told["sha256"], own[MEMBERS][:])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{file.filename}: what it says of the family of its samples is damaged ({error}); generate it again"
        ) from error


def tell_origin(file: h5py.File, origin: Origin | None) -> None:
    """Write into an open file of which family its samples are members; nothing for None."""
    own = file[OWN]
    own.pop(MEMBERS, None)
    own.attrs.pop(FAMILY, None)
    if origin is not None:
        own.attrs[FAMILY] = json.dumps({"problem": origin.problem, "sha256": origin.family})
        own[MEMBERS] = origin.members


def put(file: h5py.File, rows: slice | np.ndarray, inputs: np.ndarray, outputs: np.ndarray, bounds: np.ndarray) -> None:
    """Write samples `(k, c_in, *grid)`, `(k, frames, c_out, *grid)` and bounds `(k,)` into rows of an open file."""
    for i, key in enumerate(file[f"{OWN}/inputs"].attrs["field_names"]):
        file[f"{OWN}/inputs/{key}"][rows] = inputs[:, i]
    for i, key in enumerate(file["t0_fields"].attrs["field_names"]):
        file[f"t0_fields/{key}"][rows] = outputs[:, :, i]
    file[f"{OWN}/bounds"][rows] = bounds


def _fill(file: h5py.File, start: int, data: OperatorData) -> None:
    for block in blocks(data.outputs):
        part = data[block].loaded()
        first = start + block.start
        put(file, slice(first, first + len(part)), np.asarray(part.inputs), np.asarray(part.outputs), part.bounds)


def reserve(group: h5py.Group, key: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> h5py.Dataset:
    """A data set `(n, …)` that can grow, its room in the file set aside now."""
    size = int(np.prod(shape[1:]))
    chunk = (max(1, min(shape[0], CHUNK // max(1, size))), *shape[1:])
    if size > CHUNK and len(shape) > 2:
        chunk = (1, 1, *shape[2:])
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    return group.create_dataset(key, shape, dtype, chunks=chunk, maxshape=(None, *shape[1:]), dcpl=plan)


def _create_boundaries(file: h5py.File, layout: Layout) -> None:
    conditions = file.create_group("boundary_conditions")
    for key, nodes, periodic in zip(layout.coordinates, layout.axes, layout.periodic, strict=True):
        if periodic:
            group = conditions.create_group(f"{key}_periodic")
            group.attrs.update(bc_type="PERIODIC", associated_dims=[key], sample_varying=False, time_varying=False)
            group["mask"] = np.isin(np.arange(len(nodes)), (0, len(nodes) - 1))


def _periodic(file: h5py.File, coordinates: tuple[str, ...]) -> tuple[bool, ...]:
    found: set[str] = set()
    for group in file["boundary_conditions"].values() if "boundary_conditions" in file else ():
        if str(group.attrs.get("bc_type", "")).lower() == "periodic":
            found.update(map(str, np.atleast_1d(group.attrs.get("associated_dims", []))))
    return tuple(c in found for c in coordinates)


def _groups(file: h5py.File) -> list[h5py.Group]:
    return [file[f"t{order}_fields"] for order in range(3) if f"t{order}_fields" in file]


def _field_names(group: h5py.Group) -> list[str]:
    listed = group.attrs.get("field_names", sorted(group))
    return [] if isinstance(listed, h5py.Empty) else [str(n) for n in listed]


def _components(source: h5py.Dataset, axes: int) -> list[tuple[int, ...]]:
    return list(np.ndindex(*source.shape[2 + axes :]))


def _names(group: h5py.Group, axes: int) -> list[str]:
    return ["_".join((n, *map(str, c))) for n in _field_names(group) for c in _components(group[n], axes)]


def _outputs(file: h5py.File) -> list[Channel]:
    axes, whole = int(file.attrs["n_spatial_dims"]), slice(None, None, 1)
    sources = [group[n] for group in _groups(file) for n in _field_names(group)]
    return [Channel(s, (*[whole] * (1 + axes), *c)) for s in sources for c in _components(s, axes)]


def _count(file: h5py.File) -> int:
    if OWN not in file:
        raise ValueError(f"{file.filename}: pinnlab did not write it; read it with open and write another file")
    return int(file[f"{OWN}/bounds"].shape[0])


def _require_finished(file: h5py.File, path: str | os.PathLike[str]) -> None:
    done = file.get(f"{OWN}/{DONE}")
    missing = 0 if done is None else int(np.count_nonzero(done[:] != 1))
    if missing:
        raise ValueError(
            f"{path} is unfinished: {missing} of {len(done)} samples are missing; go on with generate(...), called as "
            "before"
        )
