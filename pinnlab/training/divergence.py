"""What is said when a step of training leaves the finite numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from pinnlab.errors import SolveFailed
from pinnlab.training.objective import LeastSquares


def require_finite_step(objective: LeastSquares, before: Tensor, after: Tensor, scalars: Mapping[str, float]) -> None:
    """Raise SolveFailed unless the parameters (P,) and scalars that a step returned are all finite.

    The message names the first residual that is no number, at the parameters before the step or after it, and
    where it is; if there is none, the largest one.
    """
    bad = [name for name, value in scalars.items() if not math.isfinite(value)]
    if not bad and bool(torch.isfinite(after).all()):
        return
    what = f"the {bad[0]} became {scalars[bad[0]]}" if bad else "the parameters became non-finite"
    raise SolveFailed(
        f"{what}: {_where(objective, before, after)}; start from another seed, lower the learning rate or the weights, "
        "or look for a division, root or logarithm there"
    )


def _where(objective: LeastSquares, before: Tensor, after: Tensor) -> str:
    with torch.no_grad():
        old = objective.residuals(before)
        for residuals, when in ((old, "before the step"), (objective.residuals(after), "after the step")):
            bad = torch.nonzero(~torch.isfinite(residuals))[:, 0].tolist()
            # Parameters that are no numbers make every residual none: that would accuse the first one.
            if bad and (len(bad) < len(residuals) or when == "before the step"):
                return f"the residual of {objective.describe(bad[0])} is {float(residuals[bad[0]])} {when}"
    worst = int(old.abs().argmax())
    return f"the largest residual before the step is {float(old[worst]):.3g}, of {objective.describe(worst)}"
