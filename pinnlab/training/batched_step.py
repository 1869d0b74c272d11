"""Which optimisers step many members at once."""

from __future__ import annotations

from typing import Any

from pinnlab.training.adam import Adam
from pinnlab.training.adam_together import AdamTogether
from pinnlab.training.levenberg_marquardt import LevenbergMarquardt
from pinnlab.training.levenberg_marquardt_together import LevenbergMarquardtTogether
from pinnlab.training.optimizer import Optimizer
from pinnlab.training.together import Together


def batched_step(optimizer: Optimizer) -> Together[Any]:
    """The step of an optimiser for many members at once.

    Raises:
        ValueError: If it has none, or its settings rule it out.
    """
    if isinstance(optimizer, Adam):
        return AdamTogether(optimizer)
    if isinstance(optimizer, LevenbergMarquardt):
        return LevenbergMarquardtTogether(optimizer)
    raise ValueError(
        f"{type(optimizer).__name__} steps one member at a time; train members together with Adam or "
        "LevenbergMarquardt, or call solve for each"
    )
