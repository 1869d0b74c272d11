"""Pictures of an operator's answer to one sample: input, truth, prediction and error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pinnlab.admissible import is_whole
from pinnlab.datasets.data import OperatorData
from pinnlab.field import Grid
from pinnlab.plots.canvas import GridCanvas, View, add_map

VALUES, ERRORS = "viridis", "RdBu_r"
CELL = (3.7, 2.9)
# What the axis of the frames is called.
TIME = "t"


def plot_answer(data: OperatorData, prediction: np.ndarray, number: int = 0) -> Figure:
    """Input, truth, prediction and error of one sample, a row for each output.

    In one dimension of space a single frame is drawn as lines, several as maps over time and space; in two and three
    the last frame is drawn, of three the middle plane of the last coordinate.  Truth and prediction share the colours
    of the truth's range, and errors a map that is symmetric about zero.  The error that is told is over all frames and
    nodes, drawn or not.  Inputs that are numbers are in the title.

    Args:
        data: Samples of the operator.
        prediction: The answer to one of them, `(frames, c_out, *grid)`.
        number: Of that sample, counted from 0.

    Raises:
        ValueError: If there is no such sample, or the prediction has another shape than its truth or is not finite.
    """
    inputs, truth = _sample(data, number, "plot_answer")
    prediction = np.asarray(prediction, float)
    if prediction.shape != truth.shape:
        raise ValueError(f"plot_answer: a prediction {prediction.shape} of a truth {truth.shape}; give one sample")
    if not np.isfinite(prediction).all():
        raise ValueError(f"plot_answer: the prediction of sample {number} holds NaN or infinity, which have no colour")
    named = list(zip(data.input_names, inputs, strict=True))
    functions = [(name, values) for name, values in named if np.ptp(values)]
    numbers = [f"{name} = {values.flat[0]:.4g}" for name, values in named if not np.ptp(values)]
    rows, plane = max(len(functions), len(data.output_names)), _Plane.of(data)
    figure = Figure(figsize=(4 * CELL[0], rows * CELL[1] + 0.3), layout="constrained", dpi=110)
    figure.suptitle(", ".join([f"sample {number}{plane.fixed}", *numbers]))
    cells = figure.subplots(rows, 4, squeeze=False)
    for row, (name, values) in zip(cells, functions, strict=False):
        plane.still(figure, row[0], values, f"input {name}")
    for row, (i, name) in zip(cells, enumerate(data.output_names), strict=False):
        plane.answered(figure, row[1:], truth[:, i], prediction[:, i], name)
    for unused in (axes for axes in cells.flat if not axes.has_data()):
        unused.remove()
    return figure


def plot_sample(data: OperatorData, number: int = 0) -> Figure:
    """Inputs of one sample in a row, and its outputs in the next, drawn as by `plot_answer`.

    Args:
        data: Samples of an operator.
        number: Of one of them, counted from 0.

    Raises:
        ValueError: If there is no such sample.
    """
    inputs, truth = _sample(data, number, "plot_sample")
    plane, columns = _Plane.of(data), max(len(data.input_names), len(data.output_names))
    figure = Figure(figsize=(columns * CELL[0], 2 * CELL[1] + 0.3), layout="constrained", dpi=110)
    figure.suptitle(f"sample {number}{plane.fixed}")
    cells = figure.subplots(2, columns, squeeze=False)
    for axes, name, values in zip(cells[0], data.input_names, inputs, strict=False):
        plane.still(figure, axes, values, f"input {name}")
    for axes, name, values in zip(cells[1], data.output_names, truth.swapaxes(0, 1), strict=False):
        plane.moving(figure, axes, values, name)
    for unused in (axes for axes in cells.flat if not axes.has_data()):
        unused.remove()
    return figure


def _sample(data: OperatorData, number: int, who: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and outputs of one sample in double precision."""
    if not is_whole(number) or not 0 <= number < len(data):
        raise ValueError(f"{who}: sample {number} of {len(data)}; give a number from 0 to {len(data) - 1}")
    inputs, truth = (np.asarray(a[number : number + 1])[0].astype(float) for a in (data.inputs, data.outputs))
    return inputs, truth


@dataclass(frozen=True)
class _Plane:
    """What of a sample is drawn, and over what."""

    names: tuple[str, ...]
    axes: tuple[np.ndarray, ...]
    times: np.ndarray
    fixed: str
    middle: tuple[int, ...]

    @staticmethod
    def of(data: OperatorData) -> _Plane:
        names, held = data.coordinates[:2], data.coordinates[2:]
        middle = tuple(len(nodes) // 2 for nodes in data.axes[2:])
        places = [f"{c} = {nodes[i]:.4g}" for c, nodes, i in zip(held, data.axes[2:], middle, strict=True)]
        if len(data.times) and (len(names) > 1 or data.frames == 1):
            places.append(f"{TIME} = {data.times[-1]:.4g}")
        return _Plane(names, data.axes[:2], data.times, f" at {', '.join(places)}" if places else "", middle)

    def still(self, figure: Figure, axes: Axes, values: np.ndarray, title: str) -> None:
        """One frame `grid`."""
        if len(self.names) == 1:
            _lines(axes, self, {"": values})
        else:
            shown = self._in_plane(values)
            self._map(figure, axes, shown.T, VALUES, _range(shown))
        axes.set_title(title)

    def moving(self, figure: Figure, axes: Axes, frames: np.ndarray, title: str) -> None:
        """Frames `(frames, *grid)`."""
        if len(self.names) == 1 and len(frames) == 1:
            _lines(axes, self, {"": frames[0]})
        else:
            shown = self._last(frames)
            self._map(figure, axes, shown, VALUES, _range(shown))
        axes.set_title(title)

    def answered(self, figure: Figure, cells: Sequence[Axes], truth: np.ndarray, found: np.ndarray, name: str) -> None:
        """Frames `(frames, *grid)`."""
        size = float(np.linalg.norm(truth)) or 1.0
        told = f"error, relative L2 {float(np.linalg.norm(found - truth)) / size:.1e}"
        if len(self.names) == 1 and len(truth) == 1:
            _lines(cells[0], self, {"truth": truth[0]})
            _lines(cells[1], self, {"truth": truth[0], "prediction": found[0]})
            _lines(cells[2], self, {"": found[0] - truth[0]})
        else:
            shown = [self._last(values) for values in (truth, found)]
            limits, largest = _range(shown[0]), float(np.abs(shown[1] - shown[0]).max()) or 1.0
            for axes, values in zip(cells, shown, strict=False):
                self._map(figure, axes, values, VALUES, limits)
            self._map(figure, cells[2], shown[1] - shown[0], ERRORS, (-largest, largest))
        for axes, title in zip(cells, (f"{name}: truth", f"{name}: prediction", told), strict=True):
            axes.set_title(title)

    def _last(self, frames: np.ndarray) -> np.ndarray:
        """Of frames `(frames, *grid)` what is drawn, the vertical axis first."""
        return frames.T if len(self.names) == 1 else self._in_plane(frames[-1]).T

    def _in_plane(self, values: np.ndarray) -> np.ndarray:
        """Of values on the grid those of the middle plane."""
        for place in reversed(self.middle):
            values = values[..., place]
        return values

    def _map(self, figure: Figure, axes: Axes, values: np.ndarray, colours: str, limits: tuple[float, float]) -> None:
        in_time = len(self.names) == 1
        nodes = (self.times, self.axes[0]) if in_time else self.axes
        names = (TIME, self.names[0]) if in_time else self.names
        view = View(names, "", (slice(None), slice(None)), in_time)
        grid = Grid(dict(zip(names, nodes, strict=True)), {})
        add_map(figure, axes, GridCanvas(grid, view), values, colours, limits)


def _lines(axes: Axes, plane: _Plane, values: dict[str, np.ndarray]) -> None:
    for label, found in values.items():
        # The truth is a broad grey line below what is compared with it.
        style = {"color": "0.7", "linewidth": 4.0} if label == "truth" else {"linewidth": 1.2}
        axes.plot(plane.axes[0], found, label=label, **style)
    axes.set(xlabel=plane.names[0])
    axes.margins(x=0)
    if len(values) > 1:
        axes.legend(fontsize="small")


def _range(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (low, high) if low < high else (low - 0.5, high + 0.5)
