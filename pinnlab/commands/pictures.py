"""Pictures in files: one of a result file, one of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pinnlab.commands.arguments import require_writable
from pinnlab.field import Field
from pinnlab.files import hdf5
from pinnlab.files.atomic import replacing
from pinnlab.plots import panel, pictured, plot_solution
from pinnlab.stored_fields import deviations_of, values_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = {".png": "png", ".pdf": "pdf", ".svg": "svg"}


def draw(source: Path, target: Path, moment: float | None) -> None:
    """Draw the values that a result file keeps, where they are.

    Args:
        source: The result file.
        target: The picture.
        moment: The one time to show; see `plot_solution`.

    Raises:
        ValueError: If the suffix of the picture is not known, or the file cannot be drawn.
    """
    if target.suffix.lower() not in KINDS:
        raise ValueError(f"{target}: a picture has one of the suffixes {', '.join(KINDS)}; name it so with --out")
    require_writable(target)
    contents = hdf5.read(source)
    problem, values = values_of(contents)
    _save(plot_solution(problem, values, moment, deviations_of(contents)), target)


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
