"""Pictures of answers: one solution, predictions beside a reference, error against time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pinnlab.errors import UnsupportedProblem
from pinnlab.field import Field, Grid
from pinnlab.fields.nodal import Nodal, has_mesh, nodal
from pinnlab.forms.incompressible import Incompressible
from pinnlab.plots.canvas import Canvas, GridCanvas, Lines, View, add_map, mesh_canvas
from pinnlab.problem import Problem

# Colours that are even in lightness for values; a diverging map with white at zero for errors.
VALUES, ERRORS = "viridis", "RdBu_r"
CELL = (4.1, 3.0)
MOST_IN_A_ROW = 3
# Maps that are wider than this many times their height are put below one another.
WIDE = 1.9
# Nodes per axis of what is drawn: time first; more than a screen shows is lost.
TIME_NODES, SPACE_NODES, LINE_NODES = 201, {1: 401, 2: 161, 3: 65}, 1001


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


def pictured(u: Field, like: Grid | Nodal | None = None) -> Grid | Nodal:
    """A field where pictures need its values: on a tensor grid over a box, else on a mesh at the last time.

    Args:
        u: The field.
        like: Values of another field of the same problem; these are then at the same places.

    Raises:
        ValueError: If space has more than three dimensions.
        UnsupportedProblem: If the region cannot be meshed.
    """
    if isinstance(like, Nodal) or (like is None and has_mesh(u) and len(u.problem.space) > 1):
        interval = u.problem.interval
        times = np.zeros(0) if interval is None else np.array([interval.end])
        return nodal(u, times, None if like is None else like.cells)
    return u.on_grid(picture_shape(u.problem))


def plot_solution(problem: Problem, values: Grid | Nodal, moment: float | None = None) -> Figure:
    """One solution: lines for an ODE or a steady problem in one dimension, else a map for each unknown.

    With one dimension of space the map is over time and space; with more it shows the last time.  Of a grid of three
    dimensions it is the middle plane, of a mesh in space its boundary.  An incompressible flow in the plane has one
    map more, of its speed, with streamlines.

    Args:
        problem: What was solved.
        values: Its values on a tensor grid or a mesh.
        moment: The one time that is shown; the stored one next to it is taken.

    Raises:
        ValueError: If the moment is not among the stored times, or a value is not finite.
    """
    for name, found in values.values.items():
        if not np.isfinite(found).all():
            raise ValueError(f"{name} of {problem.name!r} holds values that are not finite and have no colour")
    values = _gridded(problem, values)
    canvas = _canvas(problem, values, moment)
    if isinstance(canvas, Lines):
        return _lines(problem, values, canvas)
    flow = _flow(problem)
    drawn = {name: canvas.of(v) for name, v in values.values.items()}
    if flow:
        drawn[f"speed |({', '.join(flow)})|"] = np.hypot(*(drawn[name] for name in flow))
    rows, cell = 1 if len(drawn) <= MOST_IN_A_ROW else 2, (5.0, 3.7)
    if canvas.aspect > WIDE:
        rows, cell = len(drawn), (8.0, 6.6 / canvas.aspect + 0.8)
    columns = -(-len(drawn) // rows)
    figure = _figure(rows, columns, f"{problem.name}{canvas.fixed}", cell=cell)
    cells = list(figure.subplots(rows, columns, squeeze=False, subplot_kw=dict(canvas.projection)).flat)
    for unused in cells[len(drawn) :]:
        unused.remove()
    cells = cells[: len(drawn)]
    for axes, (name, found) in zip(cells, drawn.items(), strict=True):
        add_map(figure, axes, canvas, found, VALUES, (float(found.min()), float(found.max())))
        axes.set_title(name)
    if flow:
        canvas.stream(cells[-1], *(drawn[name] for name in flow))
    return figure


def panel(problem: Problem, truth: Grid | Nodal, predictions: Mapping[str, Grid | Nodal]) -> Figure:
    """Reference, prediction and error side by side, one row for each prediction and unknown.

    Reference and prediction share the colours of the reference's range; errors have a diverging map that is
    symmetric about zero.  Where the answer is a line, all predictions are in one picture and the sizes of their
    errors in another.

    Args:
        problem: What was solved.
        truth: The reference on a tensor grid or a mesh, see `pictured`.
        predictions: Name → values on the same grid or mesh.

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
    truth = _gridded(problem, truth)
    predictions = {name: _gridded(problem, values) for name, values in predictions.items()}
    canvas = _canvas(problem, truth, None)
    if isinstance(canvas, Lines):
        return _line_panel(problem, truth, predictions, canvas)
    rows = [(name, unknown) for unknown in truth.values for name in predictions]
    figure = _figure(len(rows), 3, f"{problem.name}{canvas.fixed}")
    every = figure.subplots(len(rows), 3, squeeze=False, subplot_kw=dict(canvas.projection))
    for cells, (name, unknown) in zip(every, rows, strict=True):
        exact, found = canvas.of(truth.values[unknown]), canvas.of(predictions[name].values[unknown])
        _map_row(figure, cells, canvas, exact, found, (unknown, name))
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


def _canvas(problem: Problem, values: Grid | Nodal, moment: float | None) -> Canvas | Lines:
    """Where values are painted, or along what they are drawn as lines."""
    if isinstance(values, Nodal):
        return mesh_canvas(problem, values, moment)
    view = View.of_grid(problem, values, moment)
    if len(view.axes) == 1:
        return Lines(view.axes[0], values.axes[view.axes[0]], view)
    return GridCanvas(values, view)


def _gridded(problem: Problem, values: Grid | Nodal) -> Grid | Nodal:
    """Values on a mesh of a line as those on a grid; others as they are."""
    if isinstance(values, Grid) or values.cells.dim > 1:
        return values
    return values.grid(None if problem.time is None else problem.time.name)


def _flow(problem: Problem) -> tuple[str, ...]:
    """The components of the velocity of an incompressible flow in the plane; of another problem none."""
    if len(problem.space) != 2:
        return ()
    try:
        return Incompressible.of(problem).velocity
    except UnsupportedProblem:
        return ()


def _figure(rows: int, columns: int, title: str, cell: tuple[float, float] = CELL) -> Figure:
    figure = Figure(figsize=(columns * cell[0], rows * cell[1] + 0.3 * bool(title)), layout="constrained", dpi=130)
    if title:
        figure.suptitle(title)
    return figure


def _lines(problem: Problem, values: Grid | Nodal, lines: Lines) -> Figure:
    """All unknowns as lines in one picture."""
    figure = _figure(1, 1, f"{problem.name}{lines.view.fixed}", cell=(7.5, 3.7))
    axes = figure.subplots()
    for name, found in values.values.items():
        axes.plot(lines.nodes, lines.view.of(found), label=name)
    axes.set(xlabel=lines.name, ylabel=", ".join(values.values))
    axes.margins(x=0)
    if len(values.values) > 1:
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _map_row(
    figure: Figure,
    cells: Sequence[Axes],
    canvas: Canvas,
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
    add_map(figure, cells[0], canvas, exact, VALUES, limits)
    add_map(figure, cells[1], canvas, found, VALUES, limits)
    add_map(figure, cells[2], canvas, error, ERRORS, (-largest, largest))
    cells[0].set_title(f"{unknown}: reference")
    cells[1].set_title(f"{unknown}: {_short(name)}")
    cells[2].set_title(f"error, relative L2 {_relative(found, exact):.1e}")


def _line_panel(problem: Problem, truth: Grid | Nodal, predictions: Mapping[str, Grid | Nodal], lines: Lines) -> Figure:
    across, x, view, unknowns = lines.name, lines.nodes, lines.view, list(truth.values)
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
