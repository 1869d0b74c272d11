"""What is wrong with a result file, in sentences."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence

import h5py
import numpy as np

from pinnlab.files import reading, vtk
from pinnlab.files.contents import COMPONENT, GROUPS


def check(path: str | os.PathLike[str], problem_sha256: Callable[[str], str] | None = None) -> list[str]:
    """Say what is wrong with a result file: one sentence for each fault, none if it is sound.

    Every stored value is read, so that its checksum is verified; one time step is in memory at a time.

    Args:
        path: The file.
        problem_sha256: Computes the identity of a problem from its JSON text; None leaves the identity
        unchecked.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    try:
        with reading.opened(path) as file:
            return list(_faults(file, problem_sha256))
    except reading.UnreadableFile as error:
        return [str(error)]


def _faults(file: h5py.File, problem_sha256: Callable[[str], str] | None) -> Iterator[str]:
    names = reading.names(file)
    whole = True
    for group in GROUPS:
        for fault in _refusal(reading.subgroup, file, group):
            whole = False
            yield fault
    for name in (*names.axes, *names.places):
        for fault in _refusal(reading.numbers, file, name, 1):
            whole = False
            yield fault
    if not whole:
        return
    for name in (*names.axes, *names.places, *names.arrays, *names.bounds):
        for fault in _value_faults(file, names, name):
            whole = False
            yield fault
    if whole:
        try:
            contents = reading.contents(file, None if names.time is None else 0)
        except ValueError as error:
            yield str(error)
        else:
            yield from vtk.faults(file, contents)
    if problem_sha256 is not None:
        yield from _identity_faults(file, problem_sha256)


def _refusal(reader: Callable[..., object], *arguments: object) -> list[str]:
    try:
        reader(*arguments)
    except ValueError as error:
        return [str(error)]
    return []


def _value_faults(file: h5py.File, names: reading.Names, name: str) -> Iterator[str]:
    refusal = _refusal(reading.numbers, file, name)
    if refusal:
        yield from refusal
        return
    stored = file[name]
    grid = tuple(len(file[axis]) for axis in names.axes)
    if name in names.arrays:
        if stored.shape[: len(grid)] != grid or stored.ndim > len(grid) + 1:
            yield f"/{name} has the shape {stored.shape} and the axes {', '.join(names.axes)} ask for {grid}"
            return
        yield from _attachment_faults(file, names, name)
    elif name in names.bounds and stored.shape not in {(), grid[:1]}:
        yield f"/{name} has the shape {stored.shape} and should have one value, or one for each time step"
        return
    evolves = name in names.arrays and names.time is not None and stored.ndim > 1
    yield from _content_faults(file, names, name, evolves)


def _content_faults(file: h5py.File, names: reading.Names, name: str, evolves: bool) -> Iterator[str]:
    stored, bad, unread, negative = file[name], 0, 0, 0
    first: tuple[int, ...] | None = None
    refusal = ""
    for n in range(len(stored)) if evolves else [None]:
        try:
            part = np.asarray(stored[...] if n is None else stored[n])
        except OSError as error:
            unread += 1
            refusal = refusal or (f"{error}" if n is None else f"time step {n}: {error}")
            continue
        wrong = ~np.isfinite(part)
        if wrong.any() and first is None:
            inner = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), part.shape))
            first = inner if n is None else (n, *inner)
        bad += int(wrong.sum())
        negative += int((part < 0).sum()) if name in names.deviations else 0
    if refusal:
        where = f" in {unread} of {len(stored)} time steps" if evolves else ""
        yield f"/{name} cannot be read{where}, its checksum is wrong ({refusal}); {reading.RESTORE}"
    if first is not None:
        yield (
            f"/{name} holds {bad} of {math.prod(stored.shape)} values that are not finite, "
            f"the first at {_place(file, names, name, first)}"
        )
    if negative:
        yield f"/{name} holds {negative} negative values and is a standard deviation"


def _place(file: h5py.File, names: reading.Names, name: str, index: Sequence[int]) -> str:
    if name in (*names.axes, *names.places) or not index:
        return f"{name}[{', '.join(map(str, index))}]"
    axes = [*names.axes, COMPONENT]
    return ", ".join(
        f"{axis}[{i}]" + (f" = {file[axis][i]:g}" if axis in names.axes else "")
        for axis, i in zip(axes, index, strict=False)
    )


def _attachment_faults(file: h5py.File, names: reading.Names, name: str) -> Iterator[str]:
    for dimension, axis in zip(file[name].dims, names.axes, strict=False):
        if len(dimension) == 0 or dimension[0] != file[axis]:
            yield f"/{name} is not attached to its axis /{axis}, which xarray needs; write the file again"


def _identity_faults(file: h5py.File, problem_sha256: Callable[[str], str]) -> Iterator[str]:
    try:
        computed = problem_sha256(reading.text(file["problem"], "json"))
    except ValueError as error:
        yield f"the problem in /problem/json cannot be read: {error}"
        return
    stored = file.attrs.get("problem_sha256")
    if computed != stored:
        yield f"problem_sha256 is {stored!r:.80} but /problem/json gives {computed!r}; one was changed"
