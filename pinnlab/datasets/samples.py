"""Samples that stay in their file until they are asked for."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np

# Numbers read at once where a file is looked through as a whole: 32 MB of float64.
READ_AT_ONCE = 2**22


class Rows(Protocol):
    """An array on disk whose first axis counts the samples, such as an h5py dataset."""

    @property
    def name(self) -> Any:
        """How it is called in messages."""

    @property
    def shape(self) -> tuple[int, ...]:
        """`(n, …)`."""

    @property
    def dtype(self) -> Any:
        """Of its numbers."""

    def __getitem__(self, index: Any, /) -> Any:
        """Read a part: a slice or increasing numbers of samples, then an integer or a slice for each other axis."""


@dataclass(frozen=True, eq=False)
class Channel:
    """A part of every sample of an array on disk.

    Attributes:
        source: The array `(n, …)`.
        at: For each axis behind that of samples an integer, or a slice without end.
    """

    source: Rows
    at: tuple[int | slice, ...]

    @staticmethod
    def of(source: Rows, *at: int) -> Channel:
        """Samples at given places on the first axes behind that of samples, and all of the others."""
        return Channel(source, (*at, *[slice(None, None, 1)] * (len(source.shape) - 1 - len(at))))

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample."""
        sizes = zip(self.source.shape[1:], self.at, strict=True)
        return tuple(-(-n // (s.step or 1)) for n, s in sizes if isinstance(s, slice))

    def coarsened(self, stride: int, axes: int) -> Channel:
        """Every `stride`-th entry along the last `axes` axes that are left."""
        at, left = list(self.at), axes
        for place in reversed(range(len(at))):
            kept = at[place]
            if isinstance(kept, slice) and left:
                at[place] = slice(None, None, (kept.step or 1) * stride)
                left -= 1
        return Channel(self.source, tuple(at))


@dataclass(frozen=True, eq=False)
class StoredSamples:
    """An array `(n, …)` whose rows are read from disk when they are asked for, and checked then.

    Attributes:
        channels: What the samples are put together from.
        rows: Which samples of the file, in this order.
        place: Along which new axis the channels are stacked; None where there is one channel and no such axis.
    """

    channels: tuple[Channel, ...]
    rows: np.ndarray = field(repr=False)
    place: int | None = None

    @staticmethod
    def of(source: Rows) -> StoredSamples:
        """All samples of an array that is laid out as it should be."""
        return StoredSamples((Channel.of(source),), np.arange(source.shape[0]))

    @staticmethod
    def stacked(channels: Iterable[Channel], place: int) -> StoredSamples:
        """All samples of several arrays, the channels along the axis `place` of the whole."""
        found = tuple(channels)
        return StoredSamples(found, np.arange(found[0].source.shape[0]), place)

    @property
    def shape(self) -> tuple[int, ...]:
        """`(n, …)`."""
        whole = [len(self.rows), *self.channels[0].shape]
        if self.place is not None:
            whole.insert(self.place, len(self.channels))
        return tuple(whole)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the stored numbers."""
        return np.dtype(self.channels[0].source.dtype)

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.rows)

    def __getitem__(self, samples: slice | Sequence[int] | np.ndarray) -> np.ndarray:
        """Read some samples, by a slice, by their numbers or by a mask.

        Raises:
            ValueError: If one of them holds NaN or infinity.
            OSError: If the file cannot be read.
        """
        rows = self.rows[samples]
        if rows.ndim != 1:
            raise ValueError(f"{self._name}: sample {samples!r} is asked for; give a slice or a list of numbers")
        if not len(rows):
            return np.zeros(self.shape, self.dtype)[:0]
        # HDF5 reads rows in increasing order and each of them once.
        wanted, back = np.unique(rows, return_inverse=True)
        together = wanted[-1] - wanted[0] == len(wanted) - 1
        chosen = slice(int(wanted[0]), int(wanted[-1]) + 1) if together else wanted
        parts = [np.asarray(c.source[(chosen, *c.at)]) for c in self.channels]
        values = parts[0] if self.place is None else np.stack(parts, axis=self.place)
        require_finite(self._name, values, wanted)
        return values if np.array_equal(back, np.arange(len(wanted))) else values[back]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All samples, read into memory."""
        return np.asarray(self[:], dtype=dtype)

    def chosen(self, samples: slice | Sequence[int] | np.ndarray) -> StoredSamples:
        """Some of the samples, still on disk."""
        return dataclasses.replace(self, rows=self.rows[samples])

    def coarsened(self, stride: int, axes: int) -> StoredSamples:
        """Every `stride`-th entry along the last `axes` axes, still on disk."""
        return dataclasses.replace(self, channels=tuple(c.coarsened(stride, axes) for c in self.channels))

    @property
    def _name(self) -> str:
        return ", ".join(dict.fromkeys(str(c.source.name) for c in self.channels))


Samples: TypeAlias = np.ndarray | StoredSamples


def require_finite(name: str, values: np.ndarray, numbers: np.ndarray | None = None) -> None:
    """Refuse samples with NaN or infinity, by their numbers.

    Raises:
        ValueError: If there is one.
    """
    wrong = np.flatnonzero(~np.isfinite(values).all(axis=tuple(range(1, values.ndim))))
    if wrong.size:
        named = wrong if numbers is None else np.asarray(numbers)[wrong]
        shown = ", ".join(str(int(i)) for i in named[:10]) + (", …" if len(named) > 10 else "")
        raise ValueError(
            f"{name}: {len(named)} of {len(values)} samples hold NaN or infinity, number {shown}; "
            "find out why they failed, and leave them out by their numbers if you must"
        )


def blocks(samples: Samples) -> list[slice]:
    """Slices of as many samples as are read at once."""
    size = max(1, READ_AT_ONCE // max(1, math.prod(samples.shape[1:])))
    return [slice(i, i + size) for i in range(0, len(samples), size)]
