"""Convolutions whose kernel is given by its Fourier coefficients, cut off after a few modes."""

from __future__ import annotations

import abc
import itertools
import math

import torch
from torch import Tensor

from pinnlab.networks.drawn_layers import normal


def carried_modes(grid: tuple[int, ...], periodic: tuple[bool, ...], padding: float = 0.0) -> tuple[int, ...]:
    """The most modes per axis that a grid can tell apart: wave numbers 0 ... m - 1 with 2 (m - 1) < nodes per period.

    The period of an axis that is not periodic is the length times 1 + padding.
    """
    return tuple(math.ceil(_steps(n, p, padding) / 2) for n, p in zip(grid, periodic, strict=True))


def _steps(nodes: int, periodic: bool, padding: float) -> float:
    """Grid steps in one period."""
    return nodes if periodic else (nodes - 1) * (1 + padding)


class TruncatedTransform:
    """Values on an equispaced grid to their first Fourier coefficients, and back.

    In one dimension, with nodes t_j on [0, 1] and the period L,

        X_k = 1/L sum_j h_j x_j exp(-2 pi i k t_j / L),   y_j = Re(Y_0 + 2 sum_{0<k<m} Y_k exp(2 pi i k t_j / L)),

    h_j being the weights of the trapezoidal rule.  A periodic axis has L = 1, where this is the discrete Fourier
    transform with the norm that does not depend on the number of nodes; other axes are continued by zeros up to
    L = 1 + padding, without a node being added.  In more dimensions wave numbers are -(m-1) ... m-1 on all axes but
    the last, and 0 ... m-1 there, since values are real.

    It is applied as a product of matrices, axis by axis, O(n m) per line: for the few modes of operator networks that
    is faster than a fast transform of all, at any number of nodes; with m of the order of n/2 and n large it is not.

    Args:
        grid: Nodes per axis.
        periodic: Per axis, whether the last node is one step before the first.
        padding: Continuation by zeros of other axes, as a share of the length; at least 0.
        modes: m per axis, from 1 to `carried_modes(grid, periodic, padding)`.
        like: A real tensor of the dtype and on the device of the values.

    Attributes:
        modes: m per axis.
        counts: Coefficients per axis, 2m - 1 and on the last axis m.

    Raises:
        ValueError: If the grid does not carry so many modes.
    """

    def __init__(
        self, grid: tuple[int, ...], periodic: tuple[bool, ...], padding: float, modes: tuple[int, ...], like: Tensor
    ) -> None:
        carried = carried_modes(grid, periodic, padding)
        if any(not 1 <= m <= c for m, c in zip(modes, carried, strict=True)):
            raise ValueError(f"modes = {modes} on a grid of {grid} nodes, which carries at most {carried}; give fewer")
        self.grid = grid
        self.modes = modes
        self.counts = (*(2 * m - 1 for m in modes[:-1]), modes[-1])
        self._analysis: list[Tensor] = []
        self._synthesis: list[Tensor] = []
        *others, last = zip(grid, periodic, modes, strict=True)
        for n, p, m in others:
            waves, weights = _waves(n, p, padding, torch.arange(1 - m, m))
            self._analysis.append((waves.conj() * weights).to(like.device, like.dtype.to_complex()))
            self._synthesis.append(waves.T.to(like.device, like.dtype.to_complex()).contiguous())
        n, p, m = last
        waves, weights = _waves(n, p, padding, torch.arange(m))
        doubled = waves.clone()
        doubled[1:] *= 2
        self._to_last = torch.cat([waves.real * weights, -waves.imag * weights]).to(like)
        self._from_last = torch.cat([doubled.real, -doubled.imag]).T.to(like).contiguous()

    def analysis(self, values: Tensor) -> Tensor:
        """Coefficients `(batch, *counts, channels)`, complex, of real values `(batch, *grid, channels)`."""
        batch, channels, m = values.shape[0], values.shape[-1], self.modes[-1]
        x = _each(self._to_last, values.reshape(-1, self.grid[-1], channels))
        coefficients = torch.complex(*x.unflatten(1, (2, m)).unbind(1))
        # The axes still to be transformed are in front of those that are.
        for axis in reversed(range(len(self.grid) - 1)):
            before = batch * math.prod(self.grid[:axis])
            coefficients = _each(self._analysis[axis], coefficients.reshape(before, self.grid[axis], -1))
        return coefficients.reshape(batch, *self.counts, channels)

    def synthesis(self, coefficients: Tensor) -> Tensor:
        """Real values `(batch, *grid, channels)` of complex coefficients `(batch, *counts, channels)`."""
        batch, channels = coefficients.shape[0], coefficients.shape[-1]
        for axis in range(len(self.grid) - 1):
            before = batch * math.prod(self.grid[:axis])
            coefficients = _each(self._synthesis[axis], coefficients.reshape(before, self.counts[axis], -1))
        lines = torch.view_as_real(coefficients.reshape(-1, self.modes[-1], channels)).movedim(-1, 1)
        values = _each(self._from_last, lines.flatten(1, 2))
        return values.reshape(batch, *self.grid, channels)


def _waves(nodes: int, periodic: bool, padding: float, numbers: Tensor) -> tuple[Tensor, Tensor]:
    """exp(2 pi i k t_j / L) `(k, j)` and the weights h_j / L `(j,)`, in double precision."""
    steps = _steps(nodes, periodic, padding)
    turns = torch.outer(numbers.double(), torch.arange(nodes, dtype=torch.float64)) / steps
    angles = 2 * math.pi * (turns - turns.round())
    weights = torch.full((nodes,), 1 / steps, dtype=torch.float64)
    if not periodic:
        weights[[0, -1]] /= 2
    return torch.polar(torch.ones_like(angles), angles), weights


def _each(matrix: Tensor, stack: Tensor) -> Tensor:
    """The product with every matrix of a stack; `matmul` would transpose the stack in memory first."""
    return torch.bmm(matrix.expand(stack.shape[0], *matrix.shape), stack)


class ModeMixing(torch.nn.Module, abc.ABC):
    """A matrix of channels for each Fourier mode.

    Attributes:
        modes: Per axis, as many as there are weights for.
    """

    modes: tuple[int, ...]

    @abc.abstractmethod
    def forward(self, coefficients: Tensor, modes: tuple[int, ...]) -> Tensor:
        """Coefficients `(batch, *counts, outputs)` of `(batch, *counts, inputs)`, cut off after `modes`."""

    @abc.abstractmethod
    def clear_beyond(self, modes: tuple[int, ...]) -> None:
        """Set the weights of all higher modes to zero, so that to add these modes does not change the function."""


class DenseMixing(ModeMixing):
    """Y_k = X_k W_k with weights of their own for each wave number k [1, Eq. 5].

    The real and imaginary parts of W are independent and normal of variance 1 / (2 inputs), so that coefficients keep
    their size; [1] starts smaller, uniform in [0, 1] / (inputs outputs).

    Attributes:
        weight: (*counts, inputs, outputs, 2), real, since optimisers, parallel training and file formats know little of
            complex numbers.

    [1] Z. Li et al., ICLR 2021, arXiv:2010.08895.
    """

    def __init__(
        self, inputs: int, outputs: int, modes: tuple[int, ...], generator: torch.Generator, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.modes = modes
        counts = (*(2 * m - 1 for m in modes[:-1]), modes[-1])
        drawn = normal((*counts, inputs, outputs, 2), math.sqrt(0.5 / inputs), generator, dtype)
        self.weight = torch.nn.Parameter(drawn)

    def forward(self, coefficients: Tensor, modes: tuple[int, ...]) -> Tensor:
        """Y_k = X_k W_k."""
        return mixed(coefficients, torch.view_as_complex(self.weight[lowest(self.modes, modes)]))

    def clear_beyond(self, modes: tuple[int, ...]) -> None:
        """Set W_k to zero where a wave number is not below `modes`."""
        with torch.no_grad():
            kept = self.weight[lowest(self.modes, modes)].clone()
            self.weight.zero_()
            self.weight[lowest(self.modes, modes)] = kept


def lowest(of: tuple[int, ...], modes: tuple[int, ...]) -> tuple[slice, ...]:
    """Where the coefficients of `modes` lie among those of more modes, per axis."""
    middle = [slice(m - kept, m + kept - 1) for m, kept in zip(of[:-1], modes[:-1], strict=True)]
    return (*middle, slice(0, modes[-1]))


def mixed(coefficients: Tensor, matrices: Tensor) -> Tensor:
    """`(batch, *counts, outputs)` from `(batch, *counts, inputs)` and matrices `(*counts, inputs, outputs)`."""
    batch, inputs = coefficients.shape[0], coefficients.shape[-1]
    by_mode = coefficients.reshape(batch, -1, inputs).transpose(0, 1)
    product = torch.bmm(by_mode, matrices.reshape(-1, *matrices.shape[-2:])).transpose(0, 1)
    return product.reshape(*coefficients.shape[:-1], matrices.shape[-1])


class SpectralConvolution(torch.nn.Module):
    """y = F^-1(mixing(F x)): transform, a matrix for each mode, transform back [1, Definition 3].

    Channels are the last axis, `(batch, *grid, channels)`, in which all products are products of large matrices.
    With automatic mixed precision it is computed in the precision of the weights all the same.

    Args:
        mixing: Of the modes.

    [1] Z. Li et al., ICLR 2021, arXiv:2010.08895.
    """

    def __init__(self, mixing: ModeMixing) -> None:
        super().__init__()
        self.mixing = mixing

    def forward(self, values: Tensor, transform: TruncatedTransform) -> Tensor:
        """Values `(batch, *grid, outputs)` of `(batch, *grid, inputs)`; the transform may have fewer modes."""
        with torch.autocast(values.device.type, enabled=False):
            coefficients = transform.analysis(values.to(next(self.mixing.parameters()).dtype))
            return transform.synthesis(self.mixing(coefficients, transform.modes)).to(values.dtype)


def require_carried(owner: object, modes: tuple[int, ...], carried: tuple[int, ...], grid: tuple[int, ...]) -> None:
    """Refuse weights that training on this grid could not determine.

    Raises:
        ValueError: If an axis carries fewer modes than asked for.
    """
    if any(itertools.starmap(int.__gt__, zip(modes, carried, strict=True))):
        raise ValueError(
            f"{type(owner).__name__}: modes = {modes}, but a grid of {grid} nodes carries at most {carried}; "
            "give fewer modes or a finer grid"
        )
