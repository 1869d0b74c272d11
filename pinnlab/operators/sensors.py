"""Sensors on some nodes of a grid, with independent Gaussian errors."""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnlab.admissible import is_whole, require_not_negative, require_whole
from pinnlab.datasets.data import OperatorData

# A field that varies by less than this share of its size is constant but for rounding.
ROUNDING = 1e-12


class Placement(abc.ABC):
    """Frozen settings that name nodes of a grid."""

    @abc.abstractmethod
    def nodes(self, grid: tuple[int, ...]) -> np.ndarray:
        """The indices `(m, dimension)` of nodes of a grid, each once.

        Raises:
            ValueError: If the grid has no such nodes.
        """


@dataclass(frozen=True)
class EveryNode(Placement):
    """The nodes 0, k, 2k, … along each coordinate.

    Args:
        stride: k, from 1 on, or one for each coordinate.
    """

    stride: int | tuple[int, ...] = 4

    def __post_init__(self) -> None:
        for k in self.stride if isinstance(self.stride, tuple) else (self.stride,):
            require_whole(self, 1, stride=k)

    def nodes(self, grid: tuple[int, ...]) -> np.ndarray:  # noqa: D102
        strides = self.stride if isinstance(self.stride, tuple) else (self.stride,) * len(grid)
        if len(strides) != len(grid):
            raise ValueError(f"EveryNode: stride = {self.stride} on a grid of {len(grid)} axes; give one for each")
        axes = [np.arange(0, n, k) for n, k in zip(grid, strides, strict=True)]
        return np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=1)


@dataclass(frozen=True)
class AtNodes(Placement):
    """Given nodes.

    Args:
        indices: Of each node along each coordinate: `((0, 3), (5, 5))`; on a line numbers will do.
    """

    indices: tuple[int | tuple[int, ...], ...]

    def __post_init__(self) -> None:
        numbers = [k for index in self.indices for k in (index if isinstance(index, tuple) else (index,))]
        if not numbers or not all(is_whole(k) and k >= 0 for k in numbers):
            raise ValueError(
                f"AtNodes: indices = {self.indices!r}; give one node or more, each whole numbers from 0 on"
            )

    def nodes(self, grid: tuple[int, ...]) -> np.ndarray:  # noqa: D102
        rows = [index if isinstance(index, tuple) else (index,) for index in self.indices]
        wrong = [r for r in rows if len(r) != len(grid) or any(k >= n for k, n in zip(r, grid, strict=True))]
        if wrong:
            raise ValueError(f"AtNodes: there is no node {wrong[0]} on a grid of {grid} nodes")
        if len(set(rows)) < len(rows):
            raise ValueError("AtNodes: a node is given twice; a sensor is read once")
        return np.array(rows)


@dataclass(frozen=True)
class Sensors:
    """Where all channels of a field are measured, and how well.

    Args:
        placement: `EveryNode(k)` or `AtNodes(…)`.
        noise: Standard deviation of the errors as a share of the field's own deviation, from 0 on; positive for
            ensemble Kalman filters.

    Raises:
        ValueError: If a setting is out of its range.
    """

    placement: Placement
    noise: float = 0.05

    def __post_init__(self) -> None:
        if not isinstance(self.placement, Placement):
            raise ValueError(f"Sensors: placement must be EveryNode(k) or AtNodes(…), got {self.placement!r}")
        require_not_negative(self, noise=self.noise)

    def on(self, data: OperatorData) -> SensorArray:
        """The sensors on the grid of some data, whose outputs say how large the field is.

        Raises:
            ValueError: If the grid has no such nodes, or the field is constant.
        """
        outputs = torch.from_numpy(np.asarray(data.outputs)).movedim(2, 0).flatten(1).double()
        deviation = outputs.std(1, correction=0)
        if not bool((deviation > ROUNDING * outputs.abs().amax(1)).all()):
            raise ValueError("Sensors: a channel of the data is constant; there is nothing to measure")
        return SensorArray.of(self.placement.nodes(data.grid), data, self.noise * deviation, deviation)


@dataclass(frozen=True, eq=False)
class SensorArray:
    """Sensors on one grid.  Readings are `(…, channels, m)`, fields `(…, channels, *grid)`.

    Attributes:
        grid: Nodes along each coordinate.
        places: Of the sensors in the flattened grid, `(m,)`.
        deviation: Of the errors in each channel, `(channels,)`.
        size: Deviation of the field in each channel, `(channels,)`.
        to_nodes: Distances of sensors from nodes, `(m, nodes)`, around a period where that is shorter.
    """

    grid: tuple[int, ...]
    places: Tensor
    deviation: Tensor
    size: Tensor
    to_nodes: Tensor

    @staticmethod
    def of(nodes: np.ndarray, data: OperatorData, deviation: Tensor, size: Tensor) -> SensorArray:
        """Those at some nodes `(m, dimension)` of the grid of some data."""
        places = torch.from_numpy(np.ravel_multi_index(tuple(nodes.T), data.grid).astype(np.int64))
        return SensorArray(data.grid, places, deviation, size, _distances(nodes, data))

    @property
    def mask(self) -> Tensor:
        """1 at the nodes with a sensor and 0 elsewhere, `(*grid)`."""
        flat = torch.zeros(math.prod(self.grid))
        flat[self.places] = 1
        return flat.reshape(self.grid)

    @property
    def between(self) -> Tensor:
        """Distances between sensors, `(m, m)`."""
        return self.to_nodes[:, self.places]

    def require_own(self, readings: Tensor) -> None:
        """Refuse readings that are not those of these sensors.

        Raises:
            ValueError: If there are more or fewer channels or sensors.
        """
        own = len(self.deviation), len(self.places)
        if tuple(readings.shape[-2:]) != own:
            raise ValueError(
                f"SensorArray: readings {tuple(readings.shape)} are not of its {own[1]} sensors in {own[0]} channels; "
                "give (…, channels, sensors), what observe(…) returns"
            )

    def read(self, fields: Tensor) -> Tensor:
        """What sensors without errors would read.

        Raises:
            ValueError: If the fields are on another grid.
        """
        if tuple(fields.shape[-len(self.grid) :]) != self.grid:
            raise ValueError(f"SensorArray: fields {tuple(fields.shape)} are not on its grid of {self.grid} nodes")
        return fields.flatten(-len(self.grid))[..., self.places.to(fields.device)]

    def observe(self, fields: Tensor, generator: torch.Generator) -> Tensor:
        """Readings with errors drawn on the processor."""
        exact = self.read(fields)
        draws = torch.randn(exact.shape, generator=generator, dtype=exact.dtype).to(exact)
        return exact + self.deviation.to(exact)[:, None] * draws

    def spread(self, readings: Tensor) -> Tensor:
        """Readings at the nodes of their sensors, and 0 elsewhere."""
        flat = readings.new_zeros((*readings.shape[:-1], math.prod(self.grid)))
        return flat.index_copy(-1, self.places.to(readings.device), readings).unflatten(-1, self.grid)


def _distances(nodes: np.ndarray, data: OperatorData) -> Tensor:
    columns: Sequence[np.ndarray] = np.meshgrid(*data.axes, indexing="ij")
    squares = np.zeros((len(nodes), math.prod(data.grid)))
    rows = zip(nodes.T, data.axes, columns, data.periodic, data.box, strict=True)
    for places, axis, column, periodic, (lower, upper) in rows:
        apart = np.abs(axis[places][:, None] - column.ravel())
        if periodic:
            apart = np.minimum(apart, upper - lower - apart)
        squares += apart**2
    return torch.from_numpy(np.sqrt(squares))
