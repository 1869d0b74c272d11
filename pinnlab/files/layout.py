"""Where each part of `Contents` lies in an HDF5 file."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from pinnlab.files.contents import COMPONENT, MESH, NODE, ROW, Contents

SCHEMA = 1
LARGEST_CHUNK = 2**30
ROWS = 1024
SMALL = 16
FILTERS: dict[str, Any] = {"compression": "gzip", "shuffle": True, "fletcher32": True}


def chunk_shape(shape: tuple[int, ...], time: bool, itemsize: int) -> tuple[int, ...]:
    """One time step, or the whole of a steady field, halved along its longest axis until it is at most 1 GiB.

    Where a step has 16 values or fewer, 1024 steps: a chunk of one number would cost a hundred times its
    size.
    """
    if time and is_small(shape[1:]):
        return (min(max(shape[0], 1), ROWS), *shape[1:])
    chunk = [1, *shape[1:]] if time else list(shape)
    while math.prod(chunk) * itemsize > LARGEST_CHUNK:
        longest = int(np.argmax(chunk))
        chunk[longest] = -(-chunk[longest] // 2)
    return tuple(chunk)


def is_small(step: tuple[int, ...]) -> bool:
    """Whether a time step of this shape has 16 values or fewer."""
    return math.prod(step) <= SMALL


def create(file: h5py.File, contents: Contents, steps: int) -> None:
    """Lay out a finished file of `steps` time steps: all of `contents` but time and fields."""
    _describe(file, contents)
    for name, values in contents.axes.items():
        shape = (steps,) if name == contents.time else values.shape
        _scale(file, contents, name, shape, None if name == contents.time else values)
    _put_mesh(file, contents)
    for name, values in contents.arrays.items():
        shape = (steps, *values.shape[1:]) if contents.time is not None else values.shape
        chunks = chunk_shape(shape, contents.time is not None, values.dtype.itemsize)
        dataset = file.create_dataset(name, shape, values.dtype, chunks=chunks, **FILTERS)
        _label_field(file, contents, name, dataset)
    for name, values in contents.bounds.items():
        bound = file.create_dataset(name, data=values)
        _label(bound, contents, name)
        if values.ndim:
            bound.dims[0].attach_scale(file[contents.time])


def create_growing(file: h5py.File, contents: Contents) -> None:
    """Lay out a file whose time grows; chunks of many steps, often rewritten, stay unfiltered."""
    _describe(file, contents)
    for name, values in contents.axes.items():
        if name == contents.time:
            file.create_dataset(name, (0,), np.float64, maxshape=(None,), chunks=(ROWS,))
            file[name].make_scale(name)
            _label_axis(file[name], contents, name)
        else:
            _scale(file, contents, name, values.shape, values)
    _put_mesh(file, contents)
    for name, values in contents.fields.items():
        step = values.shape[1:]
        chunks = chunk_shape((ROWS, *step), True, values.dtype.itemsize)
        filters = {} if is_small(step) else FILTERS
        dataset = file.create_dataset(name, (0, *step), values.dtype, maxshape=(None, *step), chunks=chunks, **filters)
        _label_field(file, contents, name, dataset)
    for name, values in contents.bounds.items():
        _label(file.create_dataset(name, data=values), contents, name)


def fill(file: h5py.File, time: str | None, sources: Mapping[str, Any]) -> None:
    """Copy time and fields into a file laid out by `create`, large ones step by step."""
    for name, source in sources.items():
        target = file[name]
        if time is None:
            target[...] = source[...]
        elif target.chunks[0] > 1:
            target[...] = source[: len(target)]
        else:
            for n in range(len(target)):
                target[n] = source[n]


def _describe(file: h5py.File, contents: Contents) -> None:
    file.attrs["Conventions"] = "CF-1.11"
    file.attrs["title"] = contents.title
    file.attrs["pinnlab_schema"] = SCHEMA
    file.attrs["problem_sha256"] = contents.problem_sha256
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    file.attrs["created"] = contents.provenance.get("created", now)
    file.attrs["software"] = contents.provenance.get("software", "pinnlab")
    names = {
        "axes": list(contents.axes), "time": contents.time, "fields": list(contents.fields),
        "bounds": list(contents.bounds),
    }  # fmt: skip
    if contents.deviations:
        names["deviations"] = list(contents.deviations)
    if contents.mesh is not None:
        names["coordinates"] = list(contents.mesh.coordinates)
    file.attrs["pinnlab_names"] = json.dumps(names)
    if contents.components is not None:
        file[COMPONENT] = np.arange(contents.components)
        file[COMPONENT].make_scale(COMPONENT)
    problem = file.create_group("problem")
    _put_text(problem, "json", contents.problem_json)
    _put_text(problem, "latex", contents.problem_latex)
    problem.create_group("parameters").attrs.update(contents.parameters)
    _put_text(file.create_group("solver"), "json", contents.solver_json)
    file.create_group("metrics").attrs.update(contents.metrics)
    provenance = file.create_group("provenance")
    for name, text in contents.provenance.items():
        _put_text(provenance, name, text)
    put_history(file.create_group("history"), contents.history)


def put_history(group: h5py.Group, history: Mapping[str, np.ndarray]) -> None:
    """Write the columns of a history along one dimension, so that xarray opens the group as a table."""
    if not history:
        return
    group[ROW] = np.arange(len(next(iter(history.values()))))
    group[ROW].make_scale(ROW)
    for name, column in history.items():
        group[name] = column
        group[name].dims[0].attach_scale(group[ROW])


def _put_mesh(file: h5py.File, contents: Contents) -> None:
    """Places of the nodes at the root, beside their axis, and the cells in the group `/mesh`."""
    mesh = contents.mesh
    if mesh is None:
        return
    for name, values in contents.places.items():
        file.create_dataset(name, data=values, chunks=values.shape, **FILTERS)
        file[name].dims[0].attach_scale(file[NODE])
        _label(file[name], contents, name)
    group = file.create_group(MESH)
    group.attrs["kind"] = mesh.kind
    group.create_dataset("connectivity", data=mesh.connectivity, chunks=mesh.connectivity.shape, **FILTERS)
    pieces = group.create_group("pieces")
    for name, facets in mesh.pieces.items():
        # Of a data set without values nothing could be compressed.
        filters = {"chunks": facets.shape, **FILTERS} if facets.size else {}
        pieces.create_dataset(name, data=facets, **filters)


def _put_text(group: h5py.Group, name: str, text: str) -> None:
    # A data set and not an attribute: attributes end at 64 KiB.
    group.create_dataset(name, data=text, dtype=h5py.string_dtype())


def _scale(file: h5py.File, contents: Contents, name: str, shape: tuple[int, ...], values: np.ndarray | None) -> None:
    dtype = np.int64 if name == NODE and contents.mesh is not None else np.float64
    file.create_dataset(name, shape, dtype, data=values, chunks=shape, fletcher32=True)
    file[name].make_scale(name)
    _label_axis(file[name], contents, name)


def _label_axis(dataset: h5py.Dataset, contents: Contents, name: str) -> None:
    _label(dataset, contents, name)
    letters = dict(zip(reversed(contents.space), "XYZ", strict=False)) if contents.mesh is None else {}
    letters |= {contents.time: "T"} if contents.time is not None else {}
    if name in letters:
        dataset.attrs["axis"] = letters[name]


def _label(dataset: h5py.Dataset, contents: Contents, name: str) -> None:
    dataset.attrs["units"] = contents.unit(name)
    dataset.attrs["long_name"] = contents.long_name(name)


def _label_field(file: h5py.File, contents: Contents, name: str, dataset: h5py.Dataset) -> None:
    _label(dataset, contents, name)
    if contents.ancillary(name):
        dataset.attrs["ancillary_variables"] = contents.ancillary(name)
    if contents.mesh is not None:
        dataset.attrs["coordinates"] = " ".join(contents.places)
    for dimension, axis in zip(dataset.dims, [*contents.axes, COMPONENT], strict=False):
        dimension.attach_scale(file[axis])
