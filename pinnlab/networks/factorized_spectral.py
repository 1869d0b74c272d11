"""A network on a grid whose layers act on coefficients along one axis at a time, and on values in between."""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn


class Line(abc.ABC):
    """One axis of the grid, with the basis in which its layers act."""

    @abc.abstractmethod
    def product(self, width: int, generator: torch.Generator, dtype: torch.dtype) -> AxisProduct:
        """A fresh linear map along the axis for each of `width` channels."""


class AxisProduct(nn.Module, abc.ABC):
    """A linear map along one axis for each channel."""

    @abc.abstractmethod
    def kernel(self) -> Tensor:
        """Its matrices on nodal values `(width, n, n)`."""


@dataclass(frozen=True)
class FourierLine(Line):
    """A periodic axis with n equispaced nodes; frequencies 0 … modes - 1 are multiplied by one complex number each.

    Raises:
        ValueError: If there are fewer nodes than the frequencies need, 2 modes - 1.
    """

    nodes: int
    modes: int

    def __post_init__(self) -> None:
        if self.modes < 1 or self.nodes < 2 * self.modes - 1:
            raise ValueError(
                f"FourierLine: {self.nodes} nodes for {self.modes} frequencies; give 1 or more, and 2 modes - 1 nodes"
            )

    def product(self, width: int, generator: torch.Generator, dtype: torch.dtype) -> AxisProduct:
        """A convolution."""
        return _Convolution(self, width, generator, dtype)


@dataclass(frozen=True, eq=False)
class PolynomialLine(Line):
    """Another axis; the coefficients of m polynomials are multiplied by a full matrix, since integration couples them.

    Attributes:
        to_coefficients: From values at n nodes `(m, n)`.
        to_nodes: Back `(n, m)`.
    """

    to_coefficients: np.ndarray
    to_nodes: np.ndarray

    def product(self, width: int, generator: torch.Generator, dtype: torch.dtype) -> AxisProduct:
        """A full matrix on coefficients."""
        return _FullProduct(self, width, generator, dtype)


class FactorizedSpectral(nn.Module):
    """v ← v + W₂ gelu(W₁ v + b + sum over axes of K_axis v) + c, after a lift to `width` channels; W pointwise.

    K_axis acts on the lowest coefficients along one axis, of each channel for itself; channels are mixed by the W.  One
    axis at a time [1] needs far fewer weights than products of all modes, as the first Fourier neural operators had
    them.  The last layer begins at zero, so that a fresh network gives 0.

    Args:
        inputs: Channels of values.
        outputs: Channels of the answer.
        lines: One per axis.
        width: Channels inside.
        depth: Layers.
        generator: Of all weights.
        dtype: Of weights and values.

    [1] A. Tran, A. Mathews, L. Xie, C. S. Ong, ICLR 2023, arXiv:2111.13802.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        lines: Sequence[Line],
        width: int,
        depth: int,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.raising = _Pointwise(inputs, width, generator, dtype)
        self.layers = nn.ModuleList([_Layer(lines, width, generator, dtype) for _ in range(depth)])
        self.lowering = _Pointwise(width, outputs, generator, dtype)
        nn.init.zeros_(self.lowering.weight)

    def forward(self, values: Tensor) -> Tensor:
        """`(batch, inputs, *grid)` to `(batch, outputs, *grid)`."""
        v = self.raising(values)
        for layer in self.layers:
            v = layer(v)
        return self.lowering(nn.functional.gelu(v))


class _Layer(nn.Module):
    def __init__(self, lines: Sequence[Line], width: int, generator: torch.Generator, dtype: torch.dtype) -> None:
        super().__init__()
        self.products = nn.ModuleList([line.product(width, generator, dtype) for line in lines])
        self.inner = _Pointwise(width, width, generator, dtype)
        self.outer = _Pointwise(width, width, generator, dtype)

    def forward(self, v: Tensor) -> Tensor:
        inside = self.inner(v)
        for axis, product in enumerate(self.products):
            inside = inside + _along(v, product.kernel(), axis + 2)  # type: ignore[operator]
        return v + self.outer(nn.functional.gelu(inside))


class _Pointwise(nn.Module):
    """A linear map of channels, the same at every node."""

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = nn.Parameter(_normal((outputs, inputs), 1 / math.sqrt(inputs), generator, dtype))
        self.bias = nn.Parameter(torch.zeros(outputs, 1, dtype=dtype))

    def forward(self, v: Tensor) -> Tensor:
        out = self.weight @ v.flatten(2) + self.bias
        return out.reshape(len(v), len(self.weight), *v.shape[2:])


class _Convolution(AxisProduct):
    waves: Tensor
    shifts: Tensor

    def __init__(self, line: FourierLine, width: int, generator: torch.Generator, dtype: torch.dtype) -> None:
        super().__init__()
        n = line.nodes
        angle = 2 * math.pi / n * torch.outer(torch.arange(line.modes), torch.arange(n)).to(torch.float64)
        share = torch.full((line.modes, 1), 2 / n, dtype=torch.float64)
        share[0] = 1 / n
        self.register_buffer("waves", torch.cat([share * angle.cos(), share * angle.sin()]).to(dtype), persistent=False)
        shifts = (torch.arange(n)[:, None] - torch.arange(n)) % n
        self.register_buffer("shifts", shifts, persistent=False)
        self.weight = nn.Parameter(_normal((width, 2 * line.modes), math.sqrt(0.5), generator, dtype))

    def kernel(self) -> Tensor:
        return (self.weight @ self.waves)[:, self.shifts]


class _FullProduct(AxisProduct):
    to_coefficients: Tensor
    to_nodes: Tensor

    def __init__(self, line: PolynomialLine, width: int, generator: torch.Generator, dtype: torch.dtype) -> None:
        super().__init__()
        for name, matrix in (("to_coefficients", line.to_coefficients), ("to_nodes", line.to_nodes)):
            self.register_buffer(name, torch.tensor(matrix, dtype=dtype), persistent=False)
        m = len(line.to_coefficients)
        self.weight = nn.Parameter(_normal((width, m, m), 1 / math.sqrt(m), generator, dtype))

    def kernel(self) -> Tensor:
        return self.to_nodes @ self.weight @ self.to_coefficients


def _along(v: Tensor, kernel: Tensor, axis: int) -> Tensor:
    """The matrices `(width, n, n)` along one axis of `v (batch, width, …, n, …)`."""
    before, after = math.prod(v.shape[2:axis]), math.prod(v.shape[axis + 1 :])
    if after == 1:
        rows = v.reshape(*v.shape[:2], before, v.shape[axis])
        return (rows @ kernel.transpose(-1, -2)).reshape(v.shape)
    blocks = v.reshape(*v.shape[:2], before, v.shape[axis], after)
    return (kernel[:, None] @ blocks).reshape(v.shape)


def _normal(shape: tuple[int, ...], size: float, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
    return size * torch.randn(shape, generator=generator, dtype=dtype)
