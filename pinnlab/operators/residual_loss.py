"""The physics-informed loss of operators: what is left of the equations and conditions of each sample's member."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import torch
from torch import Tensor

from pinnlab.admissible import require_not_negative
from pinnlab.datasets.data import OperatorData
from pinnlab.family import Family
from pinnlab.operators.grid_residual import CPU, GridResidual
from pinnlab.operators.layout import ROUNDING, Layout
from pinnlab.operators.members import require_same_family
from pinnlab.training.relative_loss import OperatorLoss


@dataclass(frozen=True, eq=False)
class ResidualLoss(OperatorLoss):
    """The mean over samples of √(Σ_e (|r_e| / s_e)² + w Σ_c (|r_c| / s_c)²); made by `ResidualLoss.of`.

    r_e are the residuals of the equations at all nodes of the predicted frames, with the sample's own inputs as
    coefficients, forcings and data, and r_c those of the conditions; | | is the root mean square, and s the size that
    the residual has for the true solution if nothing cancels, so that the loss has no unit.  Initial values u = g are
    put in as the first frame and hold exactly.

    Derivatives are spectral along periodic coordinates and finite differences of fourth order along others and in time,
    so that the loss of the exact solution is the error of these and not zero: frames must be so dense that they resolve
    it, six or more of them with the initial one.  For `SolutionMap()`, which predicts all frames at once.  Not for
    solutions or coefficients that jump, as permeabilities of two phases, whose derivatives are none; nor for inputs
    that depend on time, of which data hold the initial values only.

        loss = SumOfLosses((1.0, 0.1), (RelativeL2(), ResidualLoss.of(family, data)))

    Attributes:
        identity: What it is the residual of.
        weight: w, from 0 on.
        layout: Of the data.
        axes: Their nodes.
        residual: Of values on this grid.

    Source: Z. Li, H. Zheng, N. Kovachki, D. Jin, H. Chen, B. Liu, K. Azizzadenesheli, A. Anandkumar, arXiv 2111.03794
    (2021), equations (8) and (11), there with absolute mean squares and weights.
    """

    identity: str
    weight: float
    layout: Layout
    axes: tuple[np.ndarray, ...] = field(repr=False)
    residual: GridResidual = field(repr=False)
    # Copies on other devices, since a training asks for them with every batch.
    elsewhere: dict[torch.device, GridResidual] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        require_not_negative(self, weight=self.weight)

    @staticmethod
    def of(family: Family, data: OperatorData, *, weight: float = 1.0) -> ResidualLoss:
        """The loss for samples on the grid of some data.

        Args:
            family: Whose members the samples are.
            data: Of which only nodes, times and names are used.
            weight: Of the conditions.

        Raises:
            UnsupportedProblem: If space is no box, or something in the problem is unknown.
            ValueError: If the data are not of the family, have too few nodes or frames for fourth order, or an input
                depends on time.
        """
        layout = Layout.of(data)
        require_same_family(family.problem, family.things, layout)
        for p in family.distributions:
            if p.value is not None and family.problem.time in p.value.free_symbols:
                raise ValueError(
                    f"ResidualLoss: {p.name} = {p.value} depends on time, and data hold its initial values only; learn "
                    "from the data, and fine-tune on members, whose functions are known"
                )
        residual = GridResidual.of(family.problem, data.axes, layout.times, family.things)
        told = str((family.problem.name, family.problem.equations, [str(c) for c in family.problem.conditions]))
        # Objects that do not say what they are print their addresses, which differ from process to process.
        return ResidualLoss(re.sub(r" at 0x[0-9a-f]+", "", told), weight, layout, data.axes, residual)

    def on(self, axes: Sequence[np.ndarray], periodic: Sequence[bool]) -> Self:
        """The same.

        Raises:
            ValueError: If this is not the grid that it was made for.
        """
        pairs = zip(axes, self.axes, strict=False)
        near = [len(a) == len(b) and np.allclose(a, b, rtol=0, atol=ROUNDING * np.ptp(b)) for a, b in pairs]
        same = len(axes) == len(self.axes) and all(near)
        if not same or tuple(periodic) != self.layout.periodic:
            raise ValueError(
                f"ResidualLoss: it was made for the grid {self.layout.grid}, and the data are on another one, "
                f"{tuple(len(a) for a in axes)}; make it with ResidualLoss.of(family, data) from these data"
            )
        return self

    def of_samples(self, inputs: Tensor) -> OperatorLoss:
        """The loss of predictions for inputs `(batch, c_in, *grid)`."""
        residual = self.residual
        if inputs.device != CPU:
            residual = self.elsewhere.setdefault(inputs.device, residual.to(inputs.device))
        return _OfSamples(self, residual, inputs)

    def __call__(self, prediction: Tensor, truth: Tensor) -> Tensor:
        """Refused: what is to hold depends on the inputs.

        Raises:
            ValueError: Always.
        """
        raise ValueError("ResidualLoss: it needs the inputs of the samples; call of_samples(inputs) first")


@dataclass(frozen=True, eq=False)
class _OfSamples(OperatorLoss):
    """Of predictions for some inputs."""

    loss: ResidualLoss
    residual: GridResidual
    inputs: Tensor

    def __call__(self, prediction: Tensor, truth: Tensor) -> Tensor:
        layout = self.loss.layout
        frames, outputs = layout.frames, len(layout.output_names)
        if prediction.shape[1:] != (frames * outputs, *layout.grid) or truth.shape != prediction.shape:
            raise ValueError(
                f"ResidualLoss: predictions have the shape {tuple(prediction.shape[1:])}, and all {frames} frames of "
                f"{', '.join(layout.output_names)} on the grid {layout.grid} are needed; train on SolutionMap()"
            )
        values, true = (
            self.residual.values(v.unflatten(1, (frames, outputs)), self.inputs) for v in (prediction, truth)
        )
        scales = self.residual.scales(true, self.inputs)
        return self.residual.relative(values, self.inputs, scales, self.loss.weight).mean().to(prediction.dtype)
