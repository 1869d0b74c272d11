"""Result files in HDF5: written whole, streamed step by step, read back, recovered and checked.

One file opens in h5py and xarray through its root data sets, whose dimensions carry their coordinates
(CF-1.11), and in ParaView through `/VTKHDF`, which links to the same data.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import h5py
import numpy as np

from pinnlab.files import layout, reading, vtk
from pinnlab.files.atomic import replacing
from pinnlab.files.checking import check as check
from pinnlab.files.contents import Contents
from pinnlab.files.reading import UnreadableFile as UnreadableFile

STREAM = ".stream"


def write(path: str | os.PathLike[str], contents: Contents) -> None:
    """Write a result file; it replaces what was at `path` only when it is complete and on the disk.

    Raises:
        ValueError: If the time axis is empty.
        OSError: If the folder does not exist or the disk refuses.
    """
    time = contents.time
    if time is not None and len(contents.axes[time]) == 0:
        raise ValueError(f"{path}: the axis {time!r} holds no time step; give one step or more")
    sources = contents.arrays | ({time: contents.axes[time]} if time is not None else {})
    _write(path, contents, sources)


def read(path: str | os.PathLike[str]) -> Contents:
    """Read all of a result file; checksums are verified, and no code or foreign object of the file is used.

    Raises:
        FileNotFoundError: If there is no such file.
        UnreadableFile: If it is damaged, no HDF5, or not written by pinnlab; the text says which, and the
            remedy.
    """
    with reading.opened(path) as file:
        return reading.contents(file)


def recover(path: str | os.PathLike[str]) -> Contents:
    """Read the complete time steps of a stream that was killed, or is still running.

    Args:
        path: The name that was given to `Stream`, or the file `<name>.stream` itself.

    Raises:
        FileNotFoundError: If neither exists.
        UnreadableFile: As `read`.
    """
    stream = _stream_of(path)
    with reading.opened(stream if stream.is_file() else path, swmr=True) as file:
        names = reading.names(file)
        evolving = [names.time, *names.arrays] if names.time is not None else []
        lengths = [len(reading.dataset(file, name)) for name in evolving]
        return reading.contents(file, min(lengths) if lengths else None)


class Stream:
    """A result file that grows by one time step at a time and outlives the death of its process.

    The steps go to `<path>.stream` in HDF5's single-writer multiple-reader mode: other processes may watch
    with `recover(path)`, and after `kill -9` it returns every step that `append` had finished. (A power cut
    may take what the system had not yet put on the disk.) `close` writes the finished file to `path`. Used as
    a context manager it closes; if the block raised, it leaves the stream for `recover`.

    Args:
        path: The finished file.
        contents: Everything but the steps: the time axis is empty, fields have the shape (0, ...); or with
            the first steps. Bounds are not streamed, except numbers that hold for all times, and no deviations.

    Raises:
        ValueError: If the contents are steady, or have deviations, or bounds for each step.
        FileExistsError: If an earlier stream to the same path was not finished.
    """

    def __init__(self, path: str | os.PathLike[str], contents: Contents) -> None:
        if contents.time is None:
            raise ValueError(f"{path}: a steady problem has no steps to stream; use write(path, contents)")
        if contents.deviations:
            raise ValueError(
                f"{path}: {', '.join(contents.deviations)} cannot be streamed; stream the fields alone, or write the "
                "whole with write(path, contents)"
            )
        wrong = [name for name, bound in contents.bounds.items() if bound.ndim]
        if wrong:
            raise ValueError(f"{path}: the bounds {wrong} are given for each step and cannot be streamed; drop them")
        self._path = path
        self._time = contents.time
        self._contents = contents
        self._stream = _stream_of(path)
        if self._stream.exists():
            raise FileExistsError(
                f"{self._stream}: an earlier run left this stream unfinished; save what "
                f"recover({str(path)!r}) returns, "
                "then delete it"
            )
        self._file = h5py.File(self._stream, "x", libver="latest")
        layout.create_growing(self._file, contents)
        self._file.flush()
        self._file.swmr_mode = True
        for n, time in enumerate(contents.axes[self._time]):
            self.append(float(time), {name: values[n] for name, values in contents.fields.items()})

    def __len__(self) -> int:
        """The number of time steps that are safe."""
        return len(self._file[self._time])

    def append(self, time: float, fields: Mapping[str, np.ndarray]) -> None:
        """Add one time step: every field at `time`, in the shape of the axes of space.

        Raises:
            ValueError: If a field is missing, unknown or of another shape, or `time` does not follow the last
                one.
        """
        clock, n = self._file[self._time], len(self)
        if not np.isfinite(time) or (n and time <= clock[n - 1]):
            last = f"the last step, {clock[n - 1]:g}" if n else "minus infinity"
            raise ValueError(f"{self._path}: the time {time} does not follow {last}; append steps in order")
        expected = {name: values.shape[1:] for name, values in self._contents.fields.items()}
        given = {name: np.shape(values) for name, values in fields.items()}
        if given != expected:
            raise ValueError(f"{self._path}: a step has the fields {given} and should have {expected}")
        for name, values in fields.items():
            dataset = self._file[name]
            dataset.resize(n + 1, axis=0)
            dataset[n] = values
            dataset.flush()
        # Time goes last: its length is the number of complete steps.
        clock.resize(n + 1, axis=0)
        clock[n] = time
        clock.flush()

    def close(
        self, history: Mapping[str, np.ndarray] | None = None, metrics: Mapping[str, float] | None = None
    ) -> None:
        """Write the finished file to the path, then remove the stream; nothing happens on a second call.

        Args:
            history: Columns that were not known at the start; None keeps those given then.
            metrics: Numbers that were not known at the start; None keeps those given then.

        Raises:
            ValueError: If no step was appended; the stream is then removed.
        """
        if not self._file:
            return
        empty = len(self) == 0
        if not empty:
            final = dataclasses.replace(
                self._contents,
                history=self._contents.history if history is None else history,
                metrics=self._contents.metrics if metrics is None else metrics,
            )
            _write(self._path, final, {name: self._file[name] for name in (self._time, *final.fields)})
        self._file.close()
        self._stream.unlink()
        if empty:
            raise ValueError(f"{self._path}: no time step was appended, so there is nothing to write")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()


def _write(path: str | os.PathLike[str], contents: Contents, sources: Mapping[str, np.ndarray | h5py.Dataset]) -> None:
    steps = len(sources[contents.time]) if contents.time is not None else 1
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        layout.create(file, contents, steps)
        layout.fill(file, contents.time, sources)
        vtk.link(file, contents, steps)
        file.flush()


def _stream_of(path: str | os.PathLike[str]) -> Path:
    return Path(path).with_name(Path(path).name.removesuffix(STREAM) + STREAM)
