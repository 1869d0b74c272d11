"""A picture of what a trained operator answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pinnlab.admissible import is_whole
from pinnlab.datasets.data import OperatorData
from pinnlab.operators.trained import TrainedOperator

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_prediction(operator: TrainedOperator, data: OperatorData, number: int = 0) -> Figure:
    """Input, truth, prediction and error of one sample; see `pinnlab.plots.samples.plot_answer`.

    Frames that the operator starts from are drawn too; there the prediction is the truth.

    Args:
        operator: What answers.
        data: Samples on any grid that it takes.
        number: Of the sample, counted from 0.

    Raises:
        ValueError: If there is no such sample, or the data mean something else than those of the training.
    """
    from pinnlab.plots.samples import plot_answer

    if not is_whole(number) or not 0 <= number < len(data):
        raise ValueError(f"plot_prediction: sample {number} of {len(data)}; give a number from 0 to {len(data) - 1}")
    some = data[number : number + 1].loaded()
    answer = operator.predict(some)[0]
    # The picture tells the number that the sample has among all.
    return plot_answer(data, answer, number)


def typical(operator: TrainedOperator, data: OperatorData) -> int:
    """The number of the sample whose error is the median, the upper one of an even number."""
    return int(np.argsort(operator.errors(data), kind="stable")[len(data) // 2])
