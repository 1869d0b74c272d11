"""How far functions are from the true ones, relative to these: the losses of operators."""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from pinnlab.admissible import require_several


class OperatorLoss(abc.ABC):
    """Frozen settings that can be called on predictions and truths, both `(batch, channels, *grid)`."""

    @abc.abstractmethod
    def __call__(self, prediction: Tensor, truth: Tensor) -> Tensor:
        """The loss `()`, a mean over the batch."""

    def on(self, axes: Sequence[np.ndarray], periodic: Sequence[bool]) -> Self:
        """The same loss for functions on a grid with these nodes along each coordinate.

        Raises:
            ValueError: If it is not defined on such a grid.
        """
        return self

    def of_samples(self, inputs: Tensor) -> OperatorLoss:
        """The same loss for samples of an operator with these inputs `(batch, c_in, *grid)`.

        Most do not look at them.
        """
        return self

    @property
    def relative(self) -> bool:
        """Whether it divides by the size of truths, which then must not vanish everywhere."""
        return False


@dataclass(frozen=True)
class RelativeL2(OperatorLoss):
    """The mean over the batch of ‖p − t‖ / ‖t‖, with sums of squares over channels and nodes.

    Every node counts the same, as is usual for equispaced grids; where nodes crowd, so does the weight.  Truths that
    vanish everywhere have no relative error: the loss is then infinite or NaN.

    Source: Z. Li et al., arXiv 2010.08895 (2020), section 5.
    """

    def __call__(self, prediction: Tensor, truth: Tensor) -> Tensor:  # noqa: D102
        return relative_errors(prediction, truth).mean()

    @property
    def relative(self) -> bool:  # noqa: D102
        return True


def relative_errors(prediction: Tensor, truth: Tensor) -> Tensor:
    """‖p − t‖ / ‖t‖ of each sample, `(batch,)`, of values `(batch, …)`."""
    return _norms(prediction - truth) / _norms(truth)


def _norms(values: Tensor) -> Tensor:
    return torch.linalg.vector_norm(values.reshape(len(values), -1), dim=1)


@dataclass(frozen=True)
class RelativeH1(OperatorLoss):
    """The mean over the batch of ‖p − t‖₁ / ‖t‖₁, where ‖u‖₁² = ‖u‖² + Σₖ ‖∂u/∂xₖ‖².

    Coordinates are scaled so that the box is [0, 1] along each, or the two parts of the norm would weigh differently
    in other units.  Derivatives are spectral along periodic coordinates, where the highest frequency of an even number
    of nodes has none, and by finite differences of second order along others, one-sided at their ends.

    It punishes what RelativeL2 hardly sees, small waves; do not use it on data that are noisy or jump.

    Args:
        axes: The scaled nodes along each coordinate; filled in by `on`.
        periodic: For each coordinate whether it is periodic; likewise.
    """

    axes: tuple[tuple[float, ...], ...] = field(default=(), repr=False)
    periodic: tuple[bool, ...] = field(default=(), repr=False)

    def on(self, axes: Sequence[np.ndarray], periodic: Sequence[bool]) -> Self:
        """The same loss for functions on a grid with these nodes along each coordinate.

        Raises:
            ValueError: If a coordinate has fewer than three nodes.
        """
        scaled = []
        for nodes, repeats in zip(axes, periodic, strict=True):
            if len(nodes) < 3:
                raise ValueError(f"RelativeH1: {len(nodes)} nodes along a coordinate; derivatives need three or more")
            length = (nodes[-1] - nodes[0]) * (len(nodes) / (len(nodes) - 1) if repeats else 1)
            scaled.append(tuple(((np.asarray(nodes) - nodes[0]) / length).tolist()))
        return replace(self, axes=tuple(scaled), periodic=tuple(periodic))

    def __call__(self, prediction: Tensor, truth: Tensor) -> Tensor:
        """The loss `()`.

        Raises:
            ValueError: If the values are not on the grid that `on` was given.
        """
        grid = tuple(len(nodes) for nodes in self.axes)
        if not grid or tuple(truth.shape[2:]) != grid:
            raise ValueError(
                f"RelativeH1: values on the grid {tuple(truth.shape[2:])}, and it is made for {grid or 'none yet'}; "
                "say on what grid with loss.on(axes, periodic)"
            )
        return (self._norms(prediction - truth) / self._norms(truth)).mean()

    @property
    def relative(self) -> bool:  # noqa: D102
        return True

    def _norms(self, values: Tensor) -> Tensor:
        # Unlike that of a square root of a sum, the gradient of these is finite where all is zero.
        parts = [values, *(self._derivative(values, axis) for axis in range(len(self.axes)))]
        return torch.linalg.vector_norm(torch.stack([_norms(part) for part in parts], 1), dim=1)

    def _derivative(self, values: Tensor, axis: int) -> Tensor:
        dim = axis + 2
        if not self.periodic[axis]:
            nodes = torch.tensor(self.axes[axis], dtype=values.dtype, device=values.device)
            (found,) = torch.gradient(values, spacing=(nodes,), dim=dim, edge_order=2)
            return found
        n = values.shape[dim]
        waves = 2 * math.pi * torch.arange(n // 2 + 1, dtype=values.dtype, device=values.device)
        if n % 2 == 0:
            waves[-1] = 0.0
        waves = waves.reshape(-1, *[1] * (values.ndim - dim - 1))
        return torch.fft.irfft(1j * waves * torch.fft.rfft(values, dim=dim), n=n, dim=dim)


@dataclass(frozen=True)
class SumOfLosses(OperatorLoss):
    """Σ wₖ Lₖ.

    Args:
        weights: wₖ > 0.
        losses: Lₖ.

    Raises:
        ValueError: If there are none, not equally many, or a weight is not positive.
    """

    weights: tuple[float, ...]
    losses: tuple[OperatorLoss, ...]

    def __post_init__(self) -> None:
        require_several(self, weights=self.weights)
        if not self.losses or len(self.weights) != len(self.losses):
            raise ValueError(
                f"SumOfLosses: {len(self.weights)} weights for {len(self.losses)} losses; give one for each"
            )
        if not all(0 < w < math.inf for w in self.weights):
            raise ValueError(f"SumOfLosses: weights = {self.weights}; give positive numbers")

    def on(self, axes: Sequence[np.ndarray], periodic: Sequence[bool]) -> Self:  # noqa: D102
        return replace(self, losses=tuple(loss.on(axes, periodic) for loss in self.losses))

    def of_samples(self, inputs: Tensor) -> OperatorLoss:  # noqa: D102
        return replace(self, losses=tuple(loss.of_samples(inputs) for loss in self.losses))

    @property
    def relative(self) -> bool:  # noqa: D102
        return any(loss.relative for loss in self.losses)

    def __call__(self, prediction: Tensor, truth: Tensor) -> Tensor:  # noqa: D102
        terms = [w * loss(prediction, truth) for w, loss in zip(self.weights, self.losses, strict=True)]
        return torch.stack(terms).sum()
