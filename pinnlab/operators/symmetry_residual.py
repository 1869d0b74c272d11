"""How well samples solve their problems before and after an augmentation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnlab.datasets.data import OperatorData
from pinnlab.family import Family
from pinnlab.operators.augmentation import Augmentation
from pinnlab.operators.examples import as_tensor
from pinnlab.operators.grid_residual import GridResidual
from pinnlab.operators.layout import Layout
from pinnlab.operators.members import require_same_family
from pinnlab.operators.pairs import Batch
from pinnlab.training.optimizer import generator_of_step


@dataclass(frozen=True, eq=False)
class SymmetryResidual:
    """Relative residuals of equations and conditions, as those of `ResidualLoss`, of each sample `(n,)`.

    Attributes:
        before: Of the samples, which is the error of differentiating on their grid.
        after: Of what the augmentation makes of them; of the same size for a symmetry that the grid resolves.
    """

    before: np.ndarray
    after: np.ndarray

    def __str__(self) -> str:
        one, other = np.median(self.before), np.median(self.after)
        return f"relative residual, median of {len(self.before)} samples: {one:.1e} before, {other:.1e} after"


def symmetry_residual(
    family: Family, augmentation: Augmentation, data: OperatorData, *, seed: int = 0
) -> SymmetryResidual:
    """Check an augmentation on samples: put them, and what it makes of them, into the family's equations.

    Derivatives are spectral along periodic coordinates and finite differences of fourth order along others and in time,
    so that frames and nodes must be dense enough to show anything.  What is a symmetry of the declaration is
    decided without samples by `augmentation.require_symmetry_of(family)`.

    Args:
        family: Whose members the samples are.
        augmentation: What is checked.
        data: All samples are used at once.
        seed: Of its draws.

    Raises:
        ValueError: If data, family and augmentation do not fit, or there are too few nodes or frames for fourth order.
        UnsupportedProblem: If space is no box, or something in the problem is unknown.
    """
    layout = Layout.of(data)
    require_same_family(family.problem, family.things, layout)
    augmentation.require_fits(layout, data.axes)
    residual = GridResidual.of(family.problem, data.axes, layout.times, family.things)
    inputs, outputs = (as_tensor(np.asarray(a[:], np.float64)) for a in (data.inputs, data.outputs))
    times = torch.tensor(layout.times or (0.0,), dtype=torch.float64).expand(len(data), -1)
    given = Batch(inputs, outputs, times, layout)
    found = augmentation(given, generator_of_step(seed, 0))
    return SymmetryResidual(_relative(residual, given), _relative(residual, found))


def _relative(residual: GridResidual, batch: Batch) -> np.ndarray:
    values: Tensor = residual.values(batch.outputs, batch.inputs)
    scales = residual.scales(values, batch.inputs)
    return residual.relative(values, batch.inputs, scales, 1.0).numpy()
