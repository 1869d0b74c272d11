"""Pictures in files: one of a result file, one of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pinnlab.commands.arguments import require_writable
from pinnlab.commands.sample_files import holds_samples
from pinnlab.field import Field
from pinnlab.files import hdf5, well
from pinnlab.files.atomic import replacing
from pinnlab.plots import panel, pictured, plot_solution
from pinnlab.plots.samples import plot_sample
from pinnlab.stored_fields import deviations_of, values_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pinnlab.datasets.data import OperatorData
    from pinnlab.operators.trained import TrainedOperator

KINDS = {".png": "png", ".pdf": "pdf", ".svg": "svg"}


def draw(source: Path, target: Path, moment: float | None, sample: int = 0) -> None:
    """Draw the values that a result file keeps, where they are, or a sample of a file of these.

    Args:
        source: The file.
        target: The picture.
        moment: The one time to show of a result; see `plot_solution`.  Of samples all or the last are shown.
        sample: The number of the sample.

    Raises:
        ValueError: If the suffix of the picture is not known, the file cannot be drawn or has no such sample, or what
            is asked for is not of this kind of file.
    """
    require_picture(target)
    if holds_samples(source):
        if moment is not None:
            raise ValueError(f"{source}: of a file of samples no time can be chosen; leave --at away")
        _save(plot_sample(well.open(source), sample), target)
        return
    if sample:
        raise ValueError(f"{source}: it holds a solution and no samples; leave --sample away")
    contents = hdf5.read(source)
    problem, values = values_of(contents)
    _save(plot_solution(problem, values, moment, deviations_of(contents)), target)


def require_picture(target: Path) -> None:
    """Refuse a picture that could not be written in the end.

    Raises:
        ValueError: If the suffix is not known.
    """
    if target.suffix.lower() not in KINDS:
        raise ValueError(f"{target}: a picture has one of the suffixes {', '.join(KINDS)}; name it so")
    require_writable(target)


def draw_prediction(operator: TrainedOperator, data: OperatorData, target: Path) -> None:
    """Draw the sample whose error is the median: input, truth, prediction and error."""
    from pinnlab.operators.pictures import plot_prediction, typical

    _save(plot_prediction(operator, data, typical(operator, data)), target)


def draw_panel(truth: Field, predictions: Mapping[str, Field], target: Path) -> None:
    """Draw predictions beside the reference, all at the same places."""
    values = pictured(truth)
    found = {name: pictured(prediction, values) for name, prediction in predictions.items()}
    spread = {name: prediction.deviation for name, prediction in predictions.items()}
    deviations = {name: pictured(d, values) for name, d in spread.items() if d is not None}
    _save(panel(truth.problem, values, found, deviations), target)


def _save(figure: Figure, target: Path) -> None:
    with replacing(target) as temporary:
        figure.savefig(temporary, format=KINDS[target.suffix.lower()])
