"""Samples of an operator: functions on a grid, and what they are mapped to."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import torch

from pinnlab.admissible import require_counts
from pinnlab.datasets.origin import Origin
from pinnlab.datasets.samples import Samples, StoredSamples, blocks, require_finite
from pinnlab.networks.operator import Signature

# A periodic axis is equispaced up to rounding of single precision.
EQUISPACED = 1e-4
DTYPES = {np.dtype(np.float32): torch.float32, np.dtype(np.float64): torch.float64}


@dataclass(frozen=True, eq=False)
class OperatorData:
    """Samples (a_i, u_i) of an operator a ↦ u, all on one tensor grid.

    Arrays are in memory, or stay in an HDF5 file (`StoredSamples`; h5py datasets are wrapped) of which only the
    samples asked for are read: `data.inputs[i:j]` is a numpy array in both cases.  Axes of space are in the
    problem's own order, time is before space.

    Args:
        inputs: Of the operator, `(n, c_in, *grid)`; a random number is a constant channel.
        outputs: Of the operator, `(n, frames, c_out, *grid)`; a steady problem has one frame.
        axes: The nodes along each coordinate of space, increasing; along a periodic one equispaced and without the
            last end.
        times: Of the frames, `(frames,)`, increasing; empty for steady problems.
        bounds: For each sample a bound of the relative L2 error of its outputs, `(n,)`; NaN where none is known.
        input_names: Of the input channels.
        output_names: Of the output channels.
        coordinates: Names of the coordinates of space.
        periodic: For each coordinate of space whether it is periodic.
        origin: Of which family the samples are members, and which ones; None where that is not known.

    Raises:
        ValueError: If shapes, names or lengths contradict one another, if the values are no floating-point numbers of
            one precision, or if samples in memory hold NaN or infinity; those of a file are checked as they are read.
    """

    inputs: Samples
    outputs: Samples
    axes: tuple[np.ndarray, ...]
    times: np.ndarray
    bounds: np.ndarray
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    coordinates: tuple[str, ...]
    periodic: tuple[bool, ...]
    origin: Origin | None = None

    def __post_init__(self) -> None:
        for name in ("inputs", "outputs"):
            given = getattr(self, name)
            kept = given if isinstance(given, StoredSamples) else _samples(name, given)
            object.__setattr__(self, name, kept)
        object.__setattr__(self, "axes", tuple(np.asarray(a, float) for a in self.axes))
        object.__setattr__(self, "times", np.asarray(self.times, float))
        object.__setattr__(self, "bounds", np.asarray(self.bounds, float))
        for name in ("input_names", "output_names", "coordinates", "periodic"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        self._require_shapes()
        self._require_axes()

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.inputs)

    def __getitem__(self, samples: slice | Sequence[int] | np.ndarray) -> OperatorData:
        """Some of the samples, by a slice, by their numbers or by a mask; those of a file stay there."""
        chosen = samples if isinstance(samples, slice) else np.asarray(samples)
        if not isinstance(chosen, slice) and chosen.ndim != 1:
            raise ValueError(f"OperatorData: samples {samples!r} are asked for; give a slice or a list of numbers")
        if not isinstance(chosen, slice) and not chosen.size:
            chosen = chosen.astype(int)
        parts = [a.chosen(chosen) if isinstance(a, StoredSamples) else a[chosen] for a in (self.inputs, self.outputs)]
        origin = None if self.origin is None else self.origin[chosen]
        return dataclasses.replace(self, inputs=parts[0], outputs=parts[1], bounds=self.bounds[chosen], origin=origin)

    def split(self, *sizes: int) -> tuple[OperatorData, ...]:
        """Parts of these sizes, one after the other from the first sample on; what is left over is in none.

        Raises:
            ValueError: If a size is no positive whole number, or they ask for more samples than there are.
        """
        for size in sizes:
            require_counts(self, size=size)
        if sum(sizes) > len(self):
            raise ValueError(
                f"OperatorData: {' + '.join(map(str, sizes))} samples are asked for and there are {len(self)}"
            )
        ends = np.cumsum(sizes)
        return tuple(self[int(end) - size : int(end)] for end, size in zip(ends, sizes, strict=True))

    def coarsened(self, stride: int) -> OperatorData:
        """The same samples at every `stride`-th node of each coordinate.

        Raises:
            ValueError: If that leaves out the last node of an axis, or is not a whole part of a period.
        """
        require_counts(self, stride=stride)
        for name, along, periodic in zip(self.coordinates, self.axes, self.periodic, strict=True):
            steps = len(along) if periodic else len(along) - 1
            if steps % stride:
                raise ValueError(
                    f"OperatorData: {name} has {len(along)} nodes{' on a period' if periodic else ''}, and every "
                    f"{stride}th of them does not end with it; give a stride that divides {steps}"
                )
        inputs, outputs = (_coarsened(a, stride, len(self.axes)) for a in (self.inputs, self.outputs))
        axes = tuple(a[::stride] for a in self.axes)
        return dataclasses.replace(self, inputs=inputs, outputs=outputs, axes=axes)

    def loaded(self) -> OperatorData:
        """The same with all arrays in memory."""
        return dataclasses.replace(self, inputs=np.asarray(self.inputs), outputs=np.asarray(self.outputs))

    def checked(self) -> OperatorData:
        """The same after every stored sample was read once.

        Raises:
            ValueError: If one holds NaN or infinity.
            OSError: If the file is damaged.
        """
        for samples in (self.inputs, self.outputs):
            if isinstance(samples, StoredSamples):
                for block in blocks(samples):
                    samples[block]
        return self

    @property
    def grid(self) -> tuple[int, ...]:
        """Nodes along each coordinate of space."""
        return tuple(len(a) for a in self.axes)

    @property
    def frames(self) -> int:
        """Number of times; 1 for steady problems."""
        return int(self.outputs.shape[1])

    @property
    def signature(self) -> Signature:
        """Of an operator from the inputs to one frame of the outputs."""
        channels = len(self.input_names), len(self.output_names)
        return Signature(*channels, self.grid, len(self.grid), self.periodic, DTYPES[np.dtype(self.outputs.dtype)])

    @property
    def box(self) -> tuple[tuple[float, float], ...]:
        """Along each coordinate the ends of the grid; of a periodic one those of its period."""
        ends = []
        for nodes, periodic in zip(self.axes, self.periodic, strict=True):
            step = (nodes[-1] - nodes[0]) / (len(nodes) - 1) if periodic else 0.0
            ends.append((float(nodes[0]), float(nodes[-1] + step)))
        return tuple(ends)

    def positions(self) -> np.ndarray:
        """The nodes `(*grid, dimension)`, scaled so that `box` is [0, 1] along every axis, in the outputs' dtype."""
        scaled = [(nodes - a) / (b - a) for nodes, (a, b) in zip(self.axes, self.box, strict=True)]
        return np.stack(np.meshgrid(*scaled, indexing="ij"), axis=-1).astype(self.outputs.dtype)

    def _require_shapes(self) -> None:
        n, grid = len(self.inputs), self.grid
        frames = len(self.times) or 1
        expected = {
            "inputs": (n, len(self.input_names), *grid),
            "outputs": (n, frames, len(self.output_names), *grid),
            "bounds": (n,),
        }
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(
                    f"OperatorData: {name} have the shape {getattr(self, name).shape}, and {n} samples on the grid "
                    f"{grid} with inputs {', '.join(self.input_names)}, outputs {', '.join(self.output_names)} and "
                    f"{frames} frame{'s' * (frames > 1)} have {shape}"
                )
        if self.inputs.dtype != self.outputs.dtype or np.dtype(self.inputs.dtype) not in DTYPES:
            raise ValueError(
                f"OperatorData: inputs are {self.inputs.dtype} and outputs {self.outputs.dtype}; both must be float32 "
                "or both float64, so convert with astype"
            )
        if self.origin is not None and len(self.origin) != n:
            raise ValueError(f"OperatorData: origin tells of {len(self.origin)} samples, and there are {n}")
        if np.any(self.bounds < 0):
            raise ValueError("OperatorData: bounds hold a negative number; give NaN where none is known")

    def _require_axes(self) -> None:
        if not self.axes or not len(self.axes) == len(self.coordinates) == len(self.periodic):
            raise ValueError(
                f"OperatorData: {len(self.axes)} axes, coordinates {self.coordinates} and periodic {self.periodic}; "
                "give one of each for every coordinate of space"
            )
        for name, nodes in [*zip(self.coordinates, self.axes, strict=True), ("times", self.times)]:
            if nodes.ndim != 1 or not np.isfinite(nodes).all() or np.any(np.diff(nodes) <= 0):
                raise ValueError(f"OperatorData: {name} must be finite and increasing, got {nodes}")
        for name, nodes, periodic in zip(self.coordinates, self.axes, self.periodic, strict=True):
            if len(nodes) < 2:
                raise ValueError(f"OperatorData: {name} has {len(nodes)} node; give two or more")
            steps = np.diff(nodes)
            if periodic and np.ptp(steps) > EQUISPACED * steps.mean():
                raise ValueError(
                    f"OperatorData: {name} is periodic and its nodes are between {steps.min():.6g} and "
                    f"{steps.max():.6g} apart; give equispaced ones, or declare it not periodic"
                )


def _samples(name: str, given: h5py.Dataset | np.ndarray) -> Samples:
    if isinstance(given, h5py.Dataset):
        return StoredSamples.of(given)
    values = np.asarray(given)
    if values.dtype.kind == "f":
        require_finite(f"OperatorData: {name}", values)
    return values


def _coarsened(samples: Samples, stride: int, axes: int) -> Samples:
    if isinstance(samples, StoredSamples):
        return samples.coarsened(stride, axes)
    every: tuple[Any, ...] = (..., *[slice(None, None, stride)] * axes)
    return samples[every]
