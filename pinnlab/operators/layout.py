"""What the numbers of operator data mean: names, nodes, box and times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pinnlab.datasets.data import OperatorData

DTYPES = {"float32": torch.float32, "float64": torch.float64}
# Times and nodes that differ by less than this, relative to the whole, are the same: those of float32 files.
ROUNDING = 1e-5
# Steps of a uniform grid differ by less than this share, since single precision rounds nodes and not steps.
UNIFORM = 1e-3


@dataclass(frozen=True)
class Layout:
    """Of the data that an operator was trained on.

    Attributes:
        input_names: Of the input channels.
        output_names: Of the output channels.
        coordinates: Of space.
        periodic: For each of these whether it is periodic.
        box: For each of these the ends, or those of the period.
        grid: Nodes along each in training.
        times: Of the frames; empty for steady problems.
        dtype: "float32" or "float64".
        uniform: For each coordinate whether its nodes are equally far apart; empty where that is not known.
    """

    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    coordinates: tuple[str, ...]
    periodic: tuple[bool, ...]
    box: tuple[tuple[float, float], ...]
    grid: tuple[int, ...]
    times: tuple[float, ...]
    dtype: str
    uniform: tuple[bool, ...] = ()

    @staticmethod
    def of(data: OperatorData) -> Layout:
        """That of some data."""
        names = data.input_names, data.output_names, data.coordinates
        times = tuple(float(t) for t in data.times)
        kind, uniform = np.dtype(data.outputs.dtype).name, tuple(map(_is_uniform, data.axes))
        return Layout(*names, data.periodic, data.box, data.grid, times, kind, uniform)

    @property
    def frames(self) -> int:
        """Number of times; 1 for steady problems."""
        return len(self.times) or 1

    @property
    def torch_dtype(self) -> torch.dtype:
        """The type of values as torch names it."""
        return DTYPES[self.dtype]

    @property
    def step(self) -> float:
        """The time between two frames.

        Raises:
            ValueError: If they are fewer than two, or not equally far apart.
        """
        return equal_step(self.times)

    def positions(self, axes: Sequence[np.ndarray]) -> torch.Tensor:
        """Nodes `(*grid, dimension)` scaled by the box of the training data, on whatever grid.

        Raises:
            ValueError: If there is not one axis for each coordinate, nodes are outside the box by more than half a step
                of the training grid, or they are not equally far apart where those of the training data are.
        """
        if len(axes) != len(self.coordinates):
            raise ValueError(
                f"{len(axes)} axes for the coordinates {', '.join(self.coordinates)}; give the nodes along each"
            )
        scaled = [(np.asarray(nodes, float) - a) / (b - a) for nodes, (a, b) in zip(axes, self.box, strict=True)]
        for name, nodes, (a, b), n in zip(self.coordinates, scaled, self.box, self.grid, strict=True):
            # Written so that NaN is outside.
            if not len(nodes) or not (nodes.min() >= -0.5 / n and nodes.max() <= 1 + 0.5 / n):
                raise ValueError(
                    f"the nodes along {name} must be in the box of the training data, from {a:.6g} to {b:.6g}; an "
                    "operator is not extended to another box"
                )
        for name, nodes, uniform in zip(self.coordinates, scaled, self.uniform or (False,) * len(scaled), strict=True):
            if uniform and not _is_uniform(nodes):
                raise ValueError(
                    f"the nodes along {name} are not equally far apart, and those of the training data are; "
                    "interpolate to such a grid, or train on data on stretched grids"
                )
        return torch.from_numpy(np.stack(np.meshgrid(*scaled, indexing="ij"), axis=-1)).to(self.torch_dtype)

    def places(self, points: np.ndarray) -> torch.Tensor:
        """Points `(m, 1 + d)` of time and space, or `(m, d)` of steady problems, scaled to [0, 1] by times and box.

        Raises:
            ValueError: If they are not real, have other columns, or lie outside of the box or of the times of the
                training data.
        """
        box = ((self.times[0], self.times[-1]), *self.box) if self.times else self.box
        names = ("t", *self.coordinates) if self.times else self.coordinates
        if np.iscomplexobj(points):
            raise ValueError("points are complex; give real numbers")
        given = np.asarray(points, float)
        if given.ndim != 2 or given.shape[1] != len(box):
            raise ValueError(
                f"points of the shape {given.shape}; give (m, {len(box)}) with the columns {', '.join(names)}"
            )
        for name, column, (a, b) in zip(names, given.T, box, strict=True):
            room = ROUNDING * (b - a)
            # Written so that NaN is outside.
            if not np.all((column >= a - room) & (column <= b + room)):
                raise ValueError(
                    f"points: {name} must be between {a:.6g} and {b:.6g}, where the training data are; an operator is "
                    "not extended beyond"
                )
        lower, upper = np.array(box).T
        return torch.from_numpy((given - lower) / (upper - lower)).to(self.torch_dtype)

    def require_same_meaning(self, data: OperatorData) -> None:
        """Refuse data of other channels or on another box; grid, times and precision may differ.

        Raises:
            ValueError: If they mean something else.
        """
        if not isinstance(data, OperatorData):
            raise ValueError(f"an operator is tried on OperatorData, such as well.open(FILE) gives, not on {data!r}")
        other = Layout.of(data)
        for name in ("input_names", "output_names", "coordinates", "periodic"):
            here, there = getattr(self, name), getattr(other, name)
            if here != there:
                raise ValueError(f"data: their {name} are {there}, and those of the training data {here}")
        for name, (a, b), (c, d), n, m in zip(
            self.coordinates, self.box, other.box, self.grid, other.grid, strict=True
        ):
            # Of cell centres the ends move with the resolution, by half a cell.
            room = ROUNDING * (b - a) + (0 if n == m else 0.5 * abs((b - a) / n - (d - c) / m))
            if abs(a - c) > room or abs(b - d) > room:
                raise ValueError(
                    f"data: {name} runs from {c:.6g} to {d:.6g}, and in the training data from {a:.6g} to {b:.6g}; an "
                    "operator is not extended to another box"
                )


def _is_uniform(nodes: np.ndarray) -> bool:
    """Whether nodes are equally far apart, one after the other."""
    steps = np.diff(nodes)
    return not len(steps) or bool(steps.min() > 0 and np.ptp(steps) <= UNIFORM * steps.mean())


def equal_step(times: Sequence[float]) -> float:
    """The time between two frames.

    Raises:
        ValueError: If they are fewer than two, or not equally far apart.
    """
    steps = np.diff(np.asarray(times, float))
    if not len(steps):
        raise ValueError(f"{len(times)} frames have no step in time; SolutionMap needs none")
    if np.ptp(steps) > ROUNDING * (times[-1] - times[0]):
        raise ValueError(
            f"frames are between {steps.min():.6g} and {steps.max():.6g} apart; a step maps over one time only; give "
            "equally spaced frames, or train on AllToAll(), which takes the lead time"
        )
    return float(steps.mean())


def same_times(some: Sequence[float], others: Sequence[float]) -> bool:
    """Whether these are as many times, and the same up to rounding."""
    a, b = np.asarray(some, float), np.asarray(others, float)
    return len(a) == len(b) and bool(np.all(np.abs(a - b) <= ROUNDING * np.abs(b).max(initial=0.0)))


def told(times: Sequence[float]) -> str:
    """The times in words, the middle of many left out."""
    shown = [f"{t:.6g}" for t in times]
    return "(none)" if not shown else ", ".join(shown if len(shown) < 5 else [*shown[:3], "…", shown[-1]])
