"""Pictures of answers: one solution, predictions beside a reference, error against time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pinnlab.errors import UnsupportedProblem
from pinnlab.field import Field, Grid
from pinnlab.fields.nodal import Nodal, has_mesh, nodal
from pinnlab.forms.incompressible import Incompressible
from pinnlab.plots.canvas import Canvas, GridCanvas, Lines, View, add_map, mesh_canvas
from pinnlab.problem import Problem

# Colours that are even in lightness for values; a diverging map with white at zero for errors.
VALUES, ERRORS, DEVIATIONS = "viridis", "RdBu_r", "magma"
# The band around a line, in standard deviations: 95 % of a normal distribution.
BAND = 2.0
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


def plot_solution(
    problem: Problem, values: Grid | Nodal, moment: float | None = None, deviation: Grid | Nodal | None = None
) -> Figure:
    """One solution: lines for an ODE or a steady problem in one dimension, else a map for each unknown.

    With one dimension of space the map is over time and space; with more it shows the last time.  Of a grid of three
    dimensions it is the middle plane, of a mesh in space its boundary.  An incompressible flow in the plane has one
    map more, of its speed, with streamlines.  A standard deviation is a shaded band of two of them on either side of a
    line, and a map of its own beside or below that of the values.

    Args:
        problem: What was solved.
        values: Its values on a tensor grid or a mesh.
        moment: The one time that is shown; the stored one next to it is taken.
        deviation: Standard deviations at the same places; None if there are none.

    Raises:
        ValueError: If the moment is not among the stored times, or a value is not finite.
    """
    for told in (values, deviation):
        for name, found in told.values.items() if told is not None else ():
            if not np.isfinite(found).all():
                raise ValueError(f"{name} of {problem.name!r} holds values that are not finite and have no colour")
    values, deviation = _gridded(problem, values), None if deviation is None else _gridded(problem, deviation)
    canvas = _canvas(problem, values, moment)
    if isinstance(canvas, Lines):
        return _lines(problem, values, canvas, deviation)
    return _maps(problem, values, canvas, deviation)


def _maps(problem: Problem, values: Grid | Nodal, canvas: Canvas, deviation: Grid | Nodal | None) -> Figure:
    """A map for each unknown, and for each standard deviation."""
    flow = _flow(problem)
    drawn = {name: canvas.of(v) for name, v in values.values.items()}
    if flow:
        drawn[f"speed |({', '.join(flow)})|"] = np.hypot(*(drawn[name] for name in flow))
    spread = (
        {} if deviation is None else {f"standard deviation of {n}": canvas.of(v) for n, v in deviation.values.items()}
    )
    rows, columns = _arranged(len(drawn), len(spread))
    cell = (5.0, 3.7)
    if canvas.aspect > WIDE:
        rows, columns, cell = len(drawn) + len(spread), 1, (8.0, 6.6 / canvas.aspect + 0.8)
    figure = _figure(rows, columns, f"{problem.name}{canvas.fixed}", cell=cell)
    cells = list(figure.subplots(rows, columns, squeeze=False, subplot_kw=dict(canvas.projection)).flat)
    # Deviations begin a row of their own where there is more than one map.
    first = -(-len(drawn) // columns) * columns if rows > 1 else len(drawn)
    used = [*cells[: len(drawn)], *cells[first : first + len(spread)]]
    for unused in cells:
        if unused not in used:
            unused.remove()
    for axes, (name, found) in zip(used, (drawn | spread).items(), strict=True):
        low, high = (0.0, float(found.max()) or 1.0) if name in spread else (float(found.min()), float(found.max()))
        add_map(figure, axes, canvas, found, DEVIATIONS if name in spread else VALUES, (low, high))
        axes.set_title(name)
    if flow:
        canvas.stream(used[len(drawn) - 1], *(drawn[name] for name in flow))
    return figure


def _arranged(values: int, deviations: int) -> tuple[int, int]:
    """Rows and columns of so many maps of values, and of deviations, which stand beside a single map or below more."""
    if not deviations:
        rows = 1 if values <= MOST_IN_A_ROW else 2
        return rows, -(-values // rows)
    if values == 1:
        return 1, 2
    columns = min(values, MOST_IN_A_ROW)
    return -(-values // columns) + -(-deviations // columns), columns


def panel(
    problem: Problem,
    truth: Grid | Nodal,
    predictions: Mapping[str, Grid | Nodal],
    deviations: Mapping[str, Grid | Nodal] | None = None,
) -> Figure:
    """Reference, prediction and error side by side, one row for each prediction and unknown.

    Reference and prediction share the colours of the reference's range; errors have a diverging map that is
    symmetric about zero.  Where the answer is a line, all predictions are in one picture and the sizes of their
    errors in another.  Standard deviations are bands of two of them around such lines, and a fourth column of maps.

    Args:
        problem: What was solved.
        truth: The reference on a tensor grid or a mesh, see `pictured`.
        predictions: Name → values on the same grid or mesh.
        deviations: Name of a prediction → its standard deviation there, of those that have one.

    Raises:
        ValueError: If there is no prediction, or one or a deviation is on another grid, or a deviation has no
            prediction.
    """
    if not predictions:
        raise ValueError(f"panel of {problem.name!r}: there is no prediction to draw; give {{name: grid}}")
    spread = dict(deviations or {})
    for name in spread:
        if name not in predictions:
            raise ValueError(f"panel of {problem.name!r}: the deviation of {name} has no prediction; give that too")
    for name, grid in (*predictions.items(), *spread.items()):
        if any(grid.values[u].shape != v.shape for u, v in truth.values.items()):
            raise ValueError(
                f"panel of {problem.name!r}: {name} is on another grid than the reference; sample both alike"
            )
    truth = _gridded(problem, truth)
    predictions = {name: _gridded(problem, values) for name, values in predictions.items()}
    spread = {name: _gridded(problem, values) for name, values in spread.items()}
    canvas = _canvas(problem, truth, None)
    if isinstance(canvas, Lines):
        return _line_panel(problem, truth, predictions, canvas, spread)
    rows = [(name, unknown) for unknown in truth.values for name in predictions]
    columns = 4 if spread else 3
    figure = _figure(len(rows), columns, f"{problem.name}{canvas.fixed}")
    every = figure.subplots(len(rows), columns, squeeze=False, subplot_kw=dict(canvas.projection))
    for cells, (name, unknown) in zip(every, rows, strict=True):
        exact, found = canvas.of(truth.values[unknown]), canvas.of(predictions[name].values[unknown])
        _map_row(figure, cells[:3], canvas, exact, found, (unknown, name))
        if name in spread:
            deviation = canvas.of(spread[name].values[unknown])
            add_map(figure, cells[3], canvas, deviation, DEVIATIONS, (0.0, float(deviation.max()) or 1.0))
            cells[3].set_title(f"standard deviation of {unknown}")
        elif spread:
            cells[3].remove()
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


def _lines(problem: Problem, values: Grid | Nodal, lines: Lines, deviation: Grid | Nodal | None) -> Figure:
    """All unknowns as lines in one picture, in their bands."""
    figure = _figure(1, 1, f"{problem.name}{lines.view.fixed}", cell=(7.5, 3.7))
    axes = figure.subplots()
    for name, found in values.values.items():
        (line,) = axes.plot(lines.nodes, lines.view.of(found), label=name)
        if deviation is not None:
            _band(axes, lines, line, found, deviation.values[name])
    axes.set(xlabel=lines.name, ylabel=", ".join(values.values))
    axes.margins(x=0)
    if len(values.values) > 1 or deviation is not None:
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _band(axes: Axes, lines: Lines, line: Line2D, values: np.ndarray, deviation: np.ndarray) -> None:
    """Shade two standard deviations on either side of a line, in its colour."""
    centre, half = lines.view.of(values), BAND * lines.view.of(deviation)
    label = f"{line.get_label()} ± {BAND:g} standard deviations"
    axes.fill_between(
        lines.nodes, centre - half, centre + half, color=line.get_color(), alpha=0.25, linewidth=0, label=label
    )


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


def _line_panel(
    problem: Problem,
    truth: Grid | Nodal,
    predictions: Mapping[str, Grid | Nodal],
    lines: Lines,
    deviations: Mapping[str, Grid | Nodal],
) -> Figure:
    across, x, view, unknowns = lines.name, lines.nodes, lines.view, list(truth.values)
    figure = _figure(len(unknowns), 2, problem.name, cell=(5.5, 2.8))
    for (left, right), unknown in zip(figure.subplots(len(unknowns), 2, squeeze=False), unknowns, strict=True):
        exact = view.of(truth.values[unknown])
        left.plot(x, exact, color="0.7", linewidth=4, label="reference")
        for name, grid in predictions.items():
            found = view.of(grid.values[unknown])
            (line,) = left.plot(x, found, linewidth=1.2, label=_short(name))
            if name in deviations:
                _band(left, lines, line, grid.values[unknown], deviations[name].values[unknown])
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
