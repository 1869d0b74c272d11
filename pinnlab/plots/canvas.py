"""Values on a grid or a mesh, painted over two coordinates or over the surface of a body."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from pinnlab.field import Grid
from pinnlab.fields.nodal import Nodal
from pinnlab.problem import Problem

# Points along the longer side at which a flow on a mesh is sampled for its streamlines.
STREAM_NODES = 60


class Canvas(abc.ABC):
    """Paints values of one time on axes of matplotlib.

    Attributes:
        fixed: The coordinates that are held, as a phrase such as " at t = 1".
        projection: What `Figure.subplots` must be told of the axes.
    """

    fixed: str
    projection: Mapping[str, Any] = {}

    @property
    @abc.abstractmethod
    def aspect(self) -> float:
        """Width over height of what is painted; 1 where it takes the shape of its axes."""

    @abc.abstractmethod
    def of(self, values: np.ndarray) -> np.ndarray:
        """Those of the stored values that are painted."""

    @abc.abstractmethod
    def paint(self, axes: Axes, values: np.ndarray, colours: str, limits: tuple[float, float]) -> ScalarMappable:
        """Paint values that `of` gave, and label the axes."""

    @abc.abstractmethod
    def stream(self, axes: Axes, u: np.ndarray, v: np.ndarray) -> None:
        """Draw streamlines of a flow whose components `of` gave; where there is no plane for them, none."""


@dataclass(frozen=True)
class View:
    """What of a grid is drawn: the values over at most two axes, and what was held fixed.

    Attributes:
        axes: Names of the axes drawn, the horizontal one first.
        fixed: The other coordinates, as a phrase such as " at t = 1".
        indices: Where the values drawn are among all.
        transpose: Whether time runs to the right.
    """

    axes: tuple[str, ...]
    fixed: str
    indices: tuple[int | slice, ...]
    transpose: bool

    @classmethod
    def of_grid(cls, problem: Problem, grid: Grid, moment: float | None) -> View:
        """Which axes are drawn; a map has time or x horizontally.

        Args:
            problem: What was solved.
            grid: Its values.
            moment: The time that is drawn; if not said, all times of a problem on a line, else the last one.

        Raises:
            ValueError: If the grid has no such time, or nothing but time.
        """
        names = list(grid.axes)
        time = None if problem.time is None else problem.time.name
        space = [n for n in names if n != time]
        if moment is not None and not space:
            raise ValueError(f"{problem.name!r} has no space, so its picture shows all times; name no single one")
        # Of the axes z, y, x the last two; z in the middle.
        held = {n: len(grid.axes[n]) // 2 for n in space[:-2]}
        if time is not None and (len(space) > 1 or moment is not None or (space and len(grid.axes[time]) == 1)):
            held[time] = instant(grid.axes[time], moment, time)
        drawn = [n for n in names if n not in held]
        fixed = ", ".join(f"{n} = {grid.axes[n][i]:.4g}" for n, i in held.items())
        indices = tuple(held.get(n, slice(None)) for n in names)
        # In file order the axis drawn upwards comes first, but for time, which runs to the right.
        in_time = time in drawn and len(drawn) == 2
        axes = tuple(drawn) if in_time else tuple(reversed(drawn))
        return cls(axes, f" at {fixed}" if fixed else "", indices, in_time)

    def of(self, values: np.ndarray) -> np.ndarray:
        """The values drawn: `(n,)`, or `(vertical, horizontal)`."""
        found = values[self.indices]
        return found.T if self.transpose else found


@dataclass(frozen=True)
class Lines:
    """Values over a single coordinate, which are drawn as lines.

    Attributes:
        name: The coordinate.
        nodes: Its values `(n,)`.
        view: Which values are drawn.
    """

    name: str
    nodes: np.ndarray
    view: View


@dataclass(frozen=True)
class GridCanvas(Canvas):
    """A map over two axes of a grid."""

    grid: Grid
    view: View

    @property
    def fixed(self) -> str:  # type: ignore[override]
        """The coordinates that are held."""
        return self.view.fixed

    @property
    def aspect(self) -> float:
        """That of the plane; time has none."""
        width, height = (float(np.ptp(self.grid.axes[name])) for name in self.view.axes)
        return 1.0 if self.view.transpose else width / height

    def of(self, values: np.ndarray) -> np.ndarray:
        """`(vertical, horizontal)`."""
        return self.view.of(values)

    def paint(self, axes: Axes, values: np.ndarray, colours: str, limits: tuple[float, float]) -> ScalarMappable:
        """One cell around each node, not interpolated: what is drawn is what is there."""
        across, up = self.view.axes
        # Rasterised, or a PDF is huge.
        image = axes.pcolormesh(
            self.grid.axes[across],
            self.grid.axes[up],
            values,
            cmap=colours,
            vmin=limits[0],
            vmax=limits[1],
            shading="nearest",
            rasterized=True,
        )
        axes.set(xlabel=across, ylabel=up)
        if not self.view.transpose:
            axes.set_aspect("equal")
        return image

    def stream(self, axes: Axes, u: np.ndarray, v: np.ndarray) -> None:
        """Streamlines in the plane of the map."""
        columns = [self.grid.axes[name] for name in self.view.axes]
        even = [np.linspace(c[0], c[-1], len(c)) for c in columns]
        if all(np.allclose(c, e) for c, e in zip(columns, even, strict=True)):
            _streamlines(axes, even[0], even[1], u, v)


@dataclass(frozen=True)
class MeshCanvas(Canvas):
    """A map over a mesh in the plane; between the nodes colours are interpolated in each triangle."""

    nodal: Nodal
    time: str | None
    step: int

    @property
    def fixed(self) -> str:  # type: ignore[override]
        """The time that is drawn."""
        return "" if self.time is None else f" at {self.time} = {self.nodal.times[self.step]:.4g}"

    @property
    def aspect(self) -> float:
        """That of the mesh."""
        width, height = np.ptp(self.nodal.cells.nodes, axis=0)[:2]
        return float(width / height)

    def of(self, values: np.ndarray) -> np.ndarray:
        """`(n,)`."""
        return values if self.time is None else values[self.step]

    def paint(self, axes: Axes, values: np.ndarray, colours: str, limits: tuple[float, float]) -> ScalarMappable:
        """Triangles between the nodes."""
        low, high = limits
        image = axes.tripcolor(
            *self._triangles(), values, cmap=colours, vmin=low, vmax=high, shading="gouraud", rasterized=True
        )
        axes.set(xlabel=self.nodal.cells.coordinates[0], ylabel=self.nodal.cells.coordinates[1], aspect="equal")
        axes.margins(0)
        return image

    def stream(self, axes: Axes, u: np.ndarray, v: np.ndarray) -> None:
        """Streamlines of the flow sampled on a grid, empty outside of the mesh."""
        from matplotlib.tri import LinearTriInterpolator, Triangulation

        x, y, parts = self._triangles()
        mesh = Triangulation(x, y, parts)
        step = max(np.ptp(x), np.ptp(y)) / STREAM_NODES
        across, up = (np.linspace(c.min(), c.max(), max(8, round(np.ptp(c) / step))) for c in (x, y))
        places = np.meshgrid(across, up)
        _streamlines(axes, across, up, *(LinearTriInterpolator(mesh, w)(*places) for w in (u, v)))

    def _triangles(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return (*self.nodal.cells.nodes.T, self.nodal.cells.parts())


@dataclass(frozen=True)
class SurfaceCanvas(MeshCanvas):
    """The boundary of a mesh in space; each of its triangles has the colour of the mean of its corners."""

    projection = {"projection": "3d"}  # noqa: RUF012 - a constant of the class

    @property
    def aspect(self) -> float:
        """It is seen from a corner."""
        return 1.0

    def paint(self, axes: Axes, values: np.ndarray, colours: str, limits: tuple[float, float]) -> ScalarMappable:
        """Triangles in space."""
        from mpl_toolkits.mplot3d.art3d import Poly3DCollection

        nodes, parts = self.nodal.cells.nodes, self.nodal.cells.parts()
        image = Poly3DCollection(nodes[parts], cmap=colours, rasterized=True)
        image.set_array(values[parts].mean(axis=1))
        image.set_clim(*limits)
        axes.add_collection(image)
        names, ends = self.nodal.cells.coordinates, [(c.min(), c.max()) for c in nodes.T]
        axes.set(**{f"{k}label": n for k, n in zip("xyz", names, strict=True)})
        axes.set(**{f"{k}lim": e for k, e in zip("xyz", ends, strict=True)})
        axes.set_box_aspect([b - a for a, b in ends])  # type: ignore[arg-type]
        axes.locator_params(nbins=4)
        return image

    def stream(self, axes: Axes, u: np.ndarray, v: np.ndarray) -> None:
        """None: on a surface in space there are no streamlines."""


def instant(times: np.ndarray, moment: float | None, name: str) -> int:
    """The place of the stored time that is next to a moment; of the last one if none is said.

    Raises:
        ValueError: If the moment is not among the times that are stored.
    """
    if moment is None:
        return len(times) - 1
    if not times[0] <= moment <= times[-1]:
        raise ValueError(f"there is no {name} = {moment:g} to draw: the stored times are {times[0]:g} to {times[-1]:g}")
    return int(np.abs(times - moment).argmin())


def mesh_canvas(problem: Problem, nodal: Nodal, moment: float | None) -> Canvas:
    """The canvas of a mesh in the plane or in space.

    Raises:
        ValueError: If there are no values at the moment.
    """
    time = None if problem.time is None else problem.time.name
    step = 0 if time is None else instant(nodal.times, moment, time)
    return (MeshCanvas if nodal.cells.dim == 2 else SurfaceCanvas)(nodal, time, step)


def add_map(
    figure: Figure, axes: Axes, canvas: Canvas, values: np.ndarray, colours: str, limits: tuple[float, float]
) -> None:
    """Paint values with a colour bar, whose arrows tell what is beyond the limits."""
    image = canvas.paint(axes, values, colours, limits)
    numbers = ScalarFormatter()
    numbers.set_powerlimits((-2, 3))
    beyond = (values.min() < limits[0], values.max() > limits[1])
    ends = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[beyond]
    figure.colorbar(image, ax=axes, format=numbers, extend=ends)


def _streamlines(axes: Axes, across: np.ndarray, up: np.ndarray, u: np.ndarray, v: np.ndarray) -> None:
    axes.streamplot(across, up, u, v, color="white", linewidth=0.6, arrowsize=0.6, density=1.2)
