"""Reading an HDF5 file that nobody vouches for: every object is looked at before its bytes are used."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pinnlab.files.contents import GROUPS, MESH, NODE, ROW, Contents
from pinnlab.files.layout import SCHEMA
from pinnlab.meshing.cells import Cells

# Deflate shrinks by 1032 to 1 at most: what claims to be larger than this was not written here.
LARGEST_RATIO = 1100
RESTORE = "restore it from a copy"


class UnreadableFile(ValueError):
    """A file is damaged, is not of the expected format, or was not written by pinnlab."""


@dataclass(frozen=True)
class Names:
    """What the root data sets of a file are; `coordinates` are those of the nodes of a mesh, none of a grid."""

    axes: tuple[str, ...]
    time: str | None
    fields: tuple[str, ...]
    bounds: tuple[str, ...]
    coordinates: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()

    @property
    def arrays(self) -> tuple[str, ...]:
        """The data sets with a value at every point and time: fields and their standard deviations."""
        return (*self.fields, *self.deviations)

    @property
    def places(self) -> tuple[str, ...]:
        """The data sets that say where the nodes of a mesh are."""
        return tuple(f"{NODE}_{name}" for name in self.coordinates)


@contextmanager
def opened(path: str | os.PathLike[str], swmr: bool = False) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading and turn whatever its damage provokes into one sentence.

    Args:
        path: The file.
        swmr: Read beside a writer, or after a writer that was killed.

    Raises:
        FileNotFoundError: If there is no such file.
        UnreadableFile: If it is not HDF5 or cannot be read.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    if not h5py.is_hdf5(path):
        with open(path, "rb") as stream:
            head = stream.read(8)
        raise UnreadableFile(
            f"{path}: this is not an HDF5 file (it begins with {head!r}); give a file that pinnlab wrote, or {RESTORE}"
        )
    try:
        with h5py.File(path, "r", swmr=swmr) as file:
            yield file
    except UnreadableFile as error:
        raise UnreadableFile(f"{path}: {error}") from error
    except BlockingIOError as error:
        raise UnreadableFile(
            f"{path}: another process is writing it; wait, or look at it with recover(path)"
        ) from error
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError, RecursionError) as error:
        if "already open for" in str(error):
            raise UnreadableFile(
                f"{path}: the process that streamed into it was stopped; recover(path) reads what it left"
            ) from error
        reason = " ".join(str(error).split())
        raise UnreadableFile(f"{path}: the file is damaged or cut off ({reason}); {RESTORE}") from error


def names(file: h5py.File) -> Names:
    """The list of data sets that the file says it holds, checked to be a list of names."""
    if "pinnlab_schema" not in file.attrs:
        if "t0_fields" in file and "dimensions" in file:
            raise UnreadableFile(
                "the file holds samples of an operator and no solution; `pinnlab info` and `pinnlab plot` read it, and "
                "well.open(FILE) in Python"
            )
        found = ", ".join(sorted(file)[:20]) or "(none)"
        raise UnreadableFile(
            f"the file holds no pinnlab_schema attribute; it was not written by pinnlab; keys found: "
            f"{found}; "
            "read it with h5py or xarray"
        )
    schema = file.attrs["pinnlab_schema"]
    if not isinstance(schema, np.integer) or schema < 1:
        raise UnreadableFile(f"the attribute pinnlab_schema is {schema!r:.80} and should be {SCHEMA}; {RESTORE}")
    if schema > SCHEMA:
        raise UnreadableFile(f"the file has schema {schema} and this pinnlab reads up to {SCHEMA}; upgrade pinnlab")
    listed = json.loads(_label(file, "pinnlab_names"))
    keys = ("axes", "fields", "bounds", "coordinates", "deviations")
    if isinstance(listed, dict):
        # Files on grids name no coordinates, and those of answers without a distribution no deviations.
        for key in keys[3:]:
            listed.setdefault(key, [])
    sound = isinstance(listed, dict) and all(isinstance(listed.get(key), list) for key in keys)
    if not sound or not all(isinstance(name, str) for key in keys for name in listed[key]):
        raise UnreadableFile(f"the attribute pinnlab_names is no list of names; {RESTORE}")
    time = listed.get("time")
    if time is not None and time not in listed["axes"]:
        raise UnreadableFile(f"the attribute pinnlab_names has the time {time!r:.80}, which is no axis; {RESTORE}")
    axes, fields, bounds, coordinates, deviations = (tuple(listed[key]) for key in keys)
    return Names(axes, time, fields, bounds, coordinates, deviations)


def dataset(group: h5py.Group, name: str) -> h5py.Dataset:
    """The data set `name` of this very file, whose values are real numbers or texts stored in it.

    Links to other places and data kept outside the file are refused: reading a result must not read other
    files.
    """
    where = f"{group.name.rstrip('/')}/{name}"
    if name not in group:
        raise UnreadableFile(f"{where} is missing; {RESTORE}")
    found = group[name] if isinstance(group.get(name, getlink=True), h5py.HardLink) else None
    if not isinstance(found, h5py.Dataset) or found.is_virtual or found.external:
        raise UnreadableFile(f"{where} is not a data set stored in this file; {RESTORE}")
    if found.dtype.kind not in "fiu" and h5py.check_string_dtype(found.dtype) is None:
        raise UnreadableFile(f"{where} has the type {found.dtype}, neither real numbers nor text; {RESTORE}")
    return found


def numbers(group: h5py.Group, name: str, ndim: int | None = None) -> h5py.Dataset:
    """The data set `name` of real numbers, all of them stored; with `ndim` axes if given."""
    found = dataset(group, name)
    if found.dtype.kind not in "fiu":
        raise UnreadableFile(f"{found.name} holds text and not numbers; {RESTORE}")
    if ndim is not None and found.ndim != ndim:
        axes = "axis" if ndim == 1 else "axes"
        raise UnreadableFile(f"{found.name} has the shape {found.shape} and should have {ndim} {axes}; {RESTORE}")
    if found.id.get_storage_size() * LARGEST_RATIO < found.nbytes:
        raise UnreadableFile(
            f"{found.name} claims {found.nbytes} bytes of which {found.id.get_storage_size()} are stored: "
            f"some of its values were never written; {RESTORE}"
        )
    return found


def values(source: h5py.Dataset, steps: int | None = None) -> np.ndarray:
    """All values of a data set, or those of its first `steps` steps; verifies its checksums."""
    try:
        return np.asarray(source[...] if steps is None else source[:steps])
    except OSError as error:
        raise UnreadableFile(f"{source.name} cannot be read ({error}); {RESTORE}") from error


def text(group: h5py.Group, name: str) -> str:
    """The text of a scalar data set."""
    found = dataset(group, name)
    if found.shape != () or h5py.check_string_dtype(found.dtype) is None:
        raise UnreadableFile(f"{found.name} should be one text; {RESTORE}")
    return str(found.asstr()[()])


def contents(file: h5py.File, steps: int | None = None) -> Contents:
    """All of a file, or its first `steps` time steps."""
    known = names(file)
    for group in GROUPS:
        subgroup(file, group)
    axes = {
        name: values(numbers(file, name, 1), steps if name == known.time else None).astype(np.float64)
        for name in known.axes
    }
    cut = steps if known.time is not None else None
    history = subgroup(file, "history")
    bounds = {name: numbers(file, name) for name in known.bounds}
    labelled = {name: dataset(file, name) for name in (*known.axes, *known.fields, *known.places)}
    labels = {name: (_label(owner, "units"), _label(owner, "long_name")) for name, owner in labelled.items()}
    plain = dict(zip(known.places, known.coordinates, strict=True))
    return Contents(
        axes=axes,
        time=known.time,
        fields={name: values(numbers(file, name), cut) for name in known.fields},
        bounds={name: values(bound, cut if bound.ndim else None) for name, bound in bounds.items()},
        title=_label(file, "title"),
        problem_json=text(file["problem"], "json"),
        problem_sha256=_label(file, "problem_sha256"),
        problem_latex=text(file["problem"], "latex"),
        parameters=_scalars(subgroup(file["problem"], "parameters")),
        solver_json=text(file["solver"], "json"),
        history={name: values(numbers(history, name, 1)) for name in history if name != ROW},
        metrics=_scalars(file["metrics"]),
        provenance={name: text(file["provenance"], name) for name in file["provenance"]},
        units={name: unit for name, (unit, _) in labels.items() if unit != "1"},
        long_names={name: long for name, (_, long) in labels.items() if long != plain.get(name, name)},
        mesh=mesh(file, known),
        deviations={name: values(numbers(file, name), cut) for name in known.deviations},
    )


def mesh(file: h5py.File, known: Names) -> Cells | None:
    """Places and cells of the nodes, or None if the file has a tensor grid."""
    if not known.coordinates:
        return None
    columns = [values(numbers(file, name, 1)) for name in known.places]
    if len({len(column) for column in columns}) > 1:
        raise UnreadableFile(f"{', '.join(known.places)} differ in length; {RESTORE}")
    group = subgroup(file, MESH)
    pieces = subgroup(group, "pieces")
    return Cells(
        np.stack(columns, axis=1),
        values(numbers(group, "connectivity", 2)),
        _label(group, "kind"),
        {name: values(numbers(pieces, name, 2)) for name in pieces},
        known.coordinates,
    )


def subgroup(group: h5py.Group, name: str) -> h5py.Group:
    """The group `name`, which must lie in this file."""
    where = f"{group.name.rstrip('/')}/{name}"
    if name not in group:
        raise UnreadableFile(f"the group {where} is missing; {RESTORE}")
    found = group[name] if isinstance(group.get(name, getlink=True), h5py.HardLink) else None
    if not isinstance(found, h5py.Group):
        raise UnreadableFile(f"{where} is not a group stored in this file; {RESTORE}")
    return found


def _label(owner: h5py.Group | h5py.Dataset, name: str) -> str:
    found: Any = owner.attrs.get(name)
    if not isinstance(found, str):
        raise UnreadableFile(f"the attribute {name} of {owner.name} is {found!r:.80} and should be a text; {RESTORE}")
    return found


def _scalars(group: h5py.Group) -> dict[str, float]:
    found = dict(group.attrs)
    for name, value in found.items():
        if not isinstance(value, (np.floating, np.integer)):
            raise UnreadableFile(f"the attribute {name} of {group.name} is no number; {RESTORE}")
    return {name: float(value) for name, value in found.items()}
