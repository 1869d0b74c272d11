"""Pictures of answers: one solution, predictions beside a reference, error against time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from pinnlab.field import Grid
from pinnlab.problem import Problem

# Colours that are even in lightness for values; a diverging map with white at zero for errors.
VALUES, ERRORS = "viridis", "RdBu_r"
CELL = (4.1, 3.0)
# Nodes per axis of what is drawn: time first; more than a screen shows is lost.
TIME_NODES, SPACE_NODES, LINE_NODES = 201, {1: 401, 2: 161, 3: 65}, 1001


@dataclass(frozen=True)
class _View:
    """What of a grid is drawn: the values over at most two axes, and what was held fixed.

    Attributes:
        axes: Names of the axes drawn, the horizontal one first.
        fixed: The other coordinates, as a phrase such as " at t = 1".
    """

    axes: tuple[str, ...]
    fixed: str
    indices: tuple[int | slice, ...]
    transpose: bool

    def of(self, values: np.ndarray) -> np.ndarray:
        """The values drawn: `(n,)`, or `(vertical, horizontal)`."""
        found = values[self.indices]
        return found.T if self.transpose else found


def picture_shape(problem: Problem) -> tuple[int, ...]:
    """Nodes per axis in file order that a picture of the problem needs.

    Raises:
        ValueError: If space has more than three dimensions.
    """
    dim = len(problem.space)
    if dim == 0 or (dim == 1 and problem.time is None):
        return (LINE_NODES,)
    if dim not in SPACE_NODES:
        raise ValueError(f"problem {problem.name!r} has {dim} dimensions in space; pictures show up to three")
    space = (SPACE_NODES[dim],) * dim
    if problem.time is None:
        return space
    # Beyond one dimension of space only the last time is drawn.
    return (TIME_NODES if dim == 1 else 2, *space)


def plot_solution(problem: Problem, grid: Grid) -> Figure:
    """One solution: lines for an ODE or a steady problem in one dimension, else a map for each unknown.

    With one dimension of space the map is over time and space; with more it shows the last time, and of three
    dimensions the middle plane.

    Args:
        problem: What was solved.
        grid: Its values on a tensor grid.
    """
    view = _view(problem, grid)
    names = list(grid.values)
    if len(view.axes) == 1:
        return _lines(problem, grid, view)
    figure = _figure(1, len(names), f"{problem.name}{view.fixed}", cell=(5.0, 3.7))
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        values = view.of(grid.values[name])
        _map(figure, axes, grid, view, values, VALUES, (float(values.min()), float(values.max())))
        axes.set_title(name)
    return figure


def panel(problem: Problem, truth: Grid, predictions: Mapping[str, Grid]) -> Figure:
    """Reference, prediction and error side by side, one row for each prediction and unknown.

    Reference and prediction share the colours of the reference's range; errors have a diverging map that is
    symmetric about zero.  Where the answer is a line, all predictions are in one picture and the sizes of their
    errors in another.

    Args:
        problem: What was solved.
        truth: The reference on a tensor grid.
        predictions: Name → values on the same grid.

    Raises:
        ValueError: If there is no prediction, or one is on another grid.
    """
    if not predictions:
        raise ValueError(f"panel of {problem.name!r}: there is no prediction to draw; give {{name: grid}}")
    for name, grid in predictions.items():
        if any(grid.values[u].shape != v.shape for u, v in truth.values.items()):
            raise ValueError(
                f"panel of {problem.name!r}: {name} is on another grid than the reference; sample both alike"
            )
    view = _view(problem, truth)
    if len(view.axes) == 1:
        return _line_panel(problem, truth, predictions, view)
    rows = [(name, unknown) for unknown in truth.values for name in predictions]
    figure = _figure(len(rows), 3, f"{problem.name}{view.fixed}")
    for cells, (name, unknown) in zip(figure.subplots(len(rows), 3, squeeze=False), rows, strict=True):
        exact, found = view.of(truth.values[unknown]), view.of(predictions[name].values[unknown])
        _map_row(figure, cells, truth, view, exact, found, (unknown, name))
    return figure


def convergence(histories: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Relative L2 error against seconds, both logarithmic.

    Args:
        histories: Name → history with the columns `seconds` and `relative_l2`, as `compare` records them;
            rows without an error are left out.

    Raises:
        ValueError: If no history has an error.
    """
    figure = _figure(1, 1, "", cell=(6.0, 4.0))
    axes = figure.subplots()
    for name, history in histories.items():
        errors = np.asarray(history.get("relative_l2", ()), float)
        seconds = np.asarray(history.get("seconds", ()), float)[: len(errors)]
        shown = np.isfinite(errors) & (errors > 0) & (seconds > 0)
        if shown.any():
            axes.loglog(seconds[shown], errors[shown], marker="o", markersize=3, label=name)
    if not axes.lines:
        raise ValueError("convergence: no history holds relative_l2; record it with compare, or with ErrorMonitor")
    axes.set(xlabel="seconds of the solver's own work", ylabel="relative L2 error")
    axes.grid(which="major", alpha=0.4)
    axes.legend()
    return figure


def _view(problem: Problem, grid: Grid) -> _View:
    """Which axes are drawn; a map has time or x horizontally."""
    names = list(grid.axes)
    time = None if problem.time is None else problem.time.name
    space = [n for n in names if n != time]
    if time is not None and len(space) <= 1:
        drawn, held = names, {}
    else:
        # Of the axes z, y, x the last two; z in the middle.
        drawn = space[-2:]
        held = {n: len(grid.axes[n]) // 2 for n in space[:-2]}
        held |= {} if time is None else {time: len(grid.axes[time]) - 1}
    fixed = ", ".join(f"{n} = {grid.axes[n][i]:.4g}" for n, i in held.items())
    indices = tuple(held.get(n, slice(None)) for n in names)
    # In file order the axis drawn upwards comes first, but for time, which runs to the right.
    in_time = time in drawn and len(drawn) == 2
    axes = tuple(drawn) if in_time else tuple(reversed(drawn))
    return _View(axes, f" at {fixed}" if fixed else "", indices, in_time)


def _figure(rows: int, columns: int, title: str, cell: tuple[float, float] = CELL) -> Figure:
    figure = Figure(figsize=(columns * cell[0], rows * cell[1] + 0.3 * bool(title)), layout="constrained", dpi=130)
    if title:
        figure.suptitle(title)
    return figure


def _lines(problem: Problem, grid: Grid, view: _View) -> Figure:
    """All unknowns as lines in one picture."""
    figure = _figure(1, 1, problem.name, cell=(7.5, 3.7))
    axes, (across,) = figure.subplots(), view.axes
    for name, values in grid.values.items():
        axes.plot(grid.axes[across], view.of(values), label=name)
    axes.set(xlabel=across, ylabel=", ".join(grid.values))
    axes.margins(x=0)
    if len(grid.values) > 1:
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _map(
    figure: Figure,
    axes: Axes,
    grid: Grid,
    view: _View,
    values: np.ndarray,
    colours: str,
    limits: tuple[float, float],
) -> None:
    across, up = view.axes
    low, high = limits
    # One cell around each node, not interpolated: what is drawn is what is there.  Rasterised, or a PDF is huge.
    image = axes.pcolormesh(
        grid.axes[across],
        grid.axes[up],
        values,
        cmap=colours,
        vmin=low,
        vmax=high,
        shading="nearest",
        rasterized=True,
    )
    numbers = ScalarFormatter()
    numbers.set_powerlimits((-2, 3))
    beyond = (values.min() < low, values.max() > high)
    ends = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[beyond]
    figure.colorbar(image, ax=axes, format=numbers, extend=ends)
    axes.set(xlabel=across, ylabel=up)
    if not view.transpose:
        axes.set_aspect("equal")


def _map_row(
    figure: Figure,
    cells: Sequence[Axes],
    grid: Grid,
    view: _View,
    exact: np.ndarray,
    found: np.ndarray,
    labels: tuple[str, str],
) -> None:
    unknown, name = labels
    # Those of the reference, so that a wild prediction does not hide it; the colour bar's arrows tell what is beyond.
    limits = (float(exact.min()), float(exact.max()))
    if limits[0] == limits[1]:
        limits = (float(min(exact.min(), found.min())), float(max(exact.max(), found.max())))
    error = found - exact
    largest = float(np.abs(error).max()) or 1.0
    _map(figure, cells[0], grid, view, exact, VALUES, limits)
    _map(figure, cells[1], grid, view, found, VALUES, limits)
    _map(figure, cells[2], grid, view, error, ERRORS, (-largest, largest))
    cells[0].set_title(f"{unknown}: reference")
    cells[1].set_title(f"{unknown}: {_short(name)}")
    cells[2].set_title(f"error, relative L2 {_relative(found, exact):.1e}")


def _line_panel(problem: Problem, truth: Grid, predictions: Mapping[str, Grid], view: _View) -> Figure:
    (across,) = view.axes
    x, unknowns = truth.axes[across], list(truth.values)
    figure = _figure(len(unknowns), 2, problem.name, cell=(5.5, 2.8))
    for (left, right), unknown in zip(figure.subplots(len(unknowns), 2, squeeze=False), unknowns, strict=True):
        exact = view.of(truth.values[unknown])
        left.plot(x, exact, color="0.7", linewidth=4, label="reference")
        for name, grid in predictions.items():
            found = view.of(grid.values[unknown])
            (line,) = left.plot(x, found, linewidth=1.2, label=_short(name))
            size = np.abs(found - exact)
            told = f"{_short(name)}, relative L2 {_relative(found, exact):.1e}"
            # A logarithm has no place for an error of zero.
            right.semilogy(x, np.where(size > 0, size, np.nan), color=line.get_color(), linewidth=1.2, label=told)
        left.set(xlabel=across, ylabel=unknown)
        right.set(xlabel=across, ylabel=f"|error of {unknown}|")
        for axes in (left, right):
            axes.set_xlim(x[0], x[-1])
            axes.legend(fontsize="small")
    return figure


def _relative(found: np.ndarray, exact: np.ndarray) -> float:
    size = float(np.linalg.norm(exact))
    return float(np.linalg.norm(found - exact)) / (size or 1.0)


def _short(name: str, longest: int = 32) -> str:
    return name if len(name) <= longest else name[: longest - 1] + "…"
