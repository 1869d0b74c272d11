"""Where generated samples are kept: in memory, or in a file that outlives the death of its process."""

from __future__ import annotations

import abc
import errno
import json
import os
import shutil
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from pinnlab.datasets.data import OperatorData
from pinnlab.datasets.origin import Origin
from pinnlab.files import well

# Beside the file that is made while samples are missing.
PART = ".part"
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class SampleStore(abc.ABC):
    """Takes samples in any order, each of them once."""

    @abc.abstractmethod
    def missing(self) -> np.ndarray:
        """The numbers of the samples that it does not have."""

    @abc.abstractmethod
    def put(self, numbers: Sequence[int], inputs: np.ndarray, outputs: np.ndarray, bounds: np.ndarray) -> None:
        """Keep samples `(k, c_in, *grid)`, `(k, frames, c_out, *grid)` and `(k,)`."""

    @abc.abstractmethod
    def finished(self) -> OperatorData:
        """All samples."""

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of what is open; what was put stays."""


class MemoryStore(SampleStore):
    """Keeps the samples of an origin in memory."""

    def __init__(self, layout: well.Layout, origin: Origin) -> None:
        grid, n = tuple(len(a) for a in layout.axes), len(origin)
        self._layout, self._origin = layout, origin
        self._inputs = np.empty((n, len(layout.input_names), *grid), layout.dtype)
        self._outputs = np.empty((n, max(1, len(layout.times)), len(layout.output_names), *grid), layout.dtype)
        self._bounds, self._done = np.full(n, np.nan), np.zeros(n, bool)

    def missing(self) -> np.ndarray:
        """As `SampleStore.missing`."""
        return np.flatnonzero(~self._done)

    def put(self, numbers: Sequence[int], inputs: np.ndarray, outputs: np.ndarray, bounds: np.ndarray) -> None:
        """As `SampleStore.put`."""
        rows = list(numbers)
        self._inputs[rows], self._outputs[rows], self._bounds[rows] = inputs, outputs, bounds
        self._done[rows] = True

    def finished(self) -> OperatorData:
        """As `SampleStore.finished`."""
        held = self._layout
        names = held.input_names, held.output_names, held.coordinates
        arrays = self._inputs, self._outputs, held.axes, held.times, self._bounds
        return OperatorData(*arrays, *names, held.periodic, self._origin)

    def close(self) -> None:
        """Nothing is open."""


class FileStore(SampleStore):
    """Keeps the samples of an origin in `<path>.part`, which becomes `path` when all are there.

    Room for all samples is set aside at the beginning, so that writing them changes no structure of the file; a sample
    is marked as done only after its values were handed to the system.  After `kill -9` the file holds all samples
    marked, and the next store of the same path goes on from them.  (A power cut may take what the system had not yet
    put on the disk.)  Where there are fewer samples than wanted in a file or part, those are kept and the others are
    missing; a finished file stays until all are there, so that the disk must have room for both.

    Args:
        path: The finished file.
        layout: Of a sample.
        origin: The samples wanted.
        identity: What the samples are made from, how many left out; a file made from something else is refused.
        problem: JSON of the declaration, kept in the file.

    Raises:
        ValueError: If there is such a file or part, made from something else, of more samples, or damaged.
        OSError: If the disk refuses.
    """

    def __init__(
        self, path: str | os.PathLike[str], layout: well.Layout, origin: Origin, identity: str, problem: str
    ) -> None:
        self._path, self._part = Path(path), Path(f"{os.fspath(path)}{PART}")
        for place in (self._path, self._part):
            if place.is_dir():
                raise ValueError(f"{place}: this is a folder; give the name of a file, such as {place / 'samples.hdf'}")
        self._count = len(origin)
        self._complete = self._path.exists() and self._held(self._path, identity) == self._count
        if not self._complete:
            with self._explained():
                self._prepare(layout, origin, identity, problem)
        held = self._path if self._complete else self._part
        # Without a cache of chunks what the disk refuses is refused at once, and nothing is left to write at the end.
        self._file = None if self._complete else h5py.File(held, "r+", rdcc_nbytes=0)
        _STORES.add(self)

    def missing(self) -> np.ndarray:
        """As `SampleStore.missing`."""
        done = np.ones(self._count, bool) if self._file is None else self._file[f"{well.OWN}/{well.DONE}"][:]
        return np.flatnonzero(~done.astype(bool))

    def put(self, numbers: Sequence[int], inputs: np.ndarray, outputs: np.ndarray, bounds: np.ndarray) -> None:
        """As `SampleStore.put`; when it returns, the samples are marked."""
        assert self._file is not None  # nothing is missing from a complete file
        order = np.argsort(numbers)
        rows = np.asarray(numbers)[order]
        together = rows[-1] - rows[0] == len(rows) - 1
        places = slice(int(rows[0]), int(rows[-1]) + 1) if together else rows
        with self._explained():
            well.put(self._file, places, inputs[order], outputs[order], bounds[order])
            self._file.flush()
            self._file[f"{well.OWN}/{well.DONE}"][places] = True
            self._file.flush()

    def finished(self) -> OperatorData:
        """As `SampleStore.finished`."""
        if self._file is not None:
            self._file.close()
            self._file = None
            with open(self._part, "rb") as handle:
                os.fsync(handle.fileno())
            os.replace(self._part, self._path)
        return well.open(self._path)

    def close(self) -> None:
        """As `SampleStore.close`."""
        if self._file is not None:
            self._file.close()

    def detach(self) -> None:
        """In a process forked from the one that writes: let go of the file and of its lock.

        The lock of a file is shared with forked processes and lasts as long as any of them; these may outlive the
        writer, or take the lock away when they end.
        """
        if self._file:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, self._file.id.get_vfd_handle(), inheritable=False)
            os.close(null)

    def _held(self, held: Path, identity: str) -> int:
        """The samples, done or not, that a file has room for.

        Raises:
            ValueError: If they were made from something else, or are more than are wanted.
        """
        with well.opened(held) as file:
            made = file[well.OWN].attrs.get(well.IDENTITY) if well.OWN in file else None
            if made != identity:
                raise ValueError(
                    f"{held}: it is there already and {_difference(made, identity)}; give another name, or delete it"
                )
            count = len(file[f"{well.OWN}/{well.DONE}"])
        if count > self._count:
            raise ValueError(
                f"{held}: it is there already with {count} samples, and {self._count} are asked for; ask for as many "
                "or more, and take the first of them with [:n]"
            )
        return count

    def _prepare(self, layout: well.Layout, origin: Origin, identity: str, problem: str) -> None:
        """Make the part: of the one that is there, or the finished file, with room for more; anew otherwise."""
        if not self._path.absolute().parent.is_dir():
            raise FileNotFoundError(f"{self._path}: the folder {self._path.parent} does not exist; create it first")
        begun = next((p for p in (self._part, self._path) if p.exists()), None)
        if begun == self._part and self._held(self._part, identity) == self._count:
            return
        # A process killed while it makes the file leaves another name behind.
        raw = Path(f"{self._part}.tmp-{os.getpid()}")
        try:
            if begun is None:
                self._create(raw, layout, origin, identity, problem)
            else:
                shutil.copyfile(begun, raw)
                with h5py.File(raw, "r+") as file:
                    well.lengthen(file, self._count)
                    well.tell_origin(file, origin)
                    file[f"{well.OWN}/{well.DONE}"].resize(self._count, axis=0)
            os.replace(raw, self._part)
        finally:
            raw.unlink(missing_ok=True)

    def _create(self, raw: Path, layout: well.Layout, origin: Origin, identity: str, problem: str) -> None:
        with h5py.File(raw, "w") as file:
            well.create(file, layout, self._count, self._path.stem, problem, origin)
            own = file[well.OWN]
            own.attrs[well.IDENTITY] = identity
            well.reserve(own, well.DONE, (self._count,), np.dtype(np.uint8))[:] = 0

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError) as error:
            number = error.errno if isinstance(error, OSError) else None
            text = str(error)
            if number not in FULL and not any(f"errno = {n}" in text for n in FULL):
                raise
            raise OSError(
                number or errno.ENOSPC,
                f"the disk is full; the samples that were done are kept in {self._part}, so make room and call "
                f"generate again, which goes on from them ({text})",
                str(self._path),
            ) from error


def _difference(made: object, wanted: str) -> str:
    """In words, from the JSON of what samples were made from and are to be made from, where both are such."""
    told = []
    for text in (made, wanted):
        try:
            found = json.loads(text) if isinstance(text, str) else None
        except ValueError:
            found = None
        told.append(found if isinstance(found, dict) else {})
    there, here = told
    other = [name for name in here if there.get(name) != here[name]]
    # Draws are others, too, where the seed or the grid is.
    other = [name for name in other if name != "drawn"] or other
    if not there or not other:
        return "was made from another family, seed, solver or grid, or something was appended to it"
    shown = {n: f"{n} = {there.get(n)} and not {here[n]}" for n in ("seed", "solver", "nodes") if n in here}
    shown |= {"problem": "another problem", "drawn": "other draws"}
    return f"was made with {', '.join(shown.get(name, f'other {name}') for name in other)}"


_STORES: weakref.WeakSet[FileStore] = weakref.WeakSet()


def _detach_all() -> None:
    for store in list(_STORES):
        store.detach()


if os.name == "posix":
    os.register_at_fork(after_in_child=_detach_all)
