"""Fourier modes of real functions on a periodic box, and the projection on vector fields without divergence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class FourierModes:
    """The modes of nodal values on equispaced nodes; half of them are kept along the last axis.

    Attributes:
        lengths: The period along each axis.
        shape: Nodes along each axis, even.
        device: Where the arithmetic runs.
    """

    lengths: tuple[float, ...]
    shape: tuple[int, ...]
    device: torch.device

    @property
    def mode_shape(self) -> tuple[int, ...]:
        """The shape of the array of modes."""
        return (*self.shape[:-1], self.shape[-1] // 2 + 1)

    def forward(self, values: Tensor) -> Tensor:
        """Modes `(…, modes…)` of nodal values `(…, n_1, …)`."""
        return torch.fft.rfftn(values, dim=self._dims)

    def backward(self, modes: Tensor) -> Tensor:
        """Nodal values `(…, n_1, …)` of modes `(…, modes…)`."""
        return torch.fft.irfftn(modes, s=self.shape, dim=self._dims)

    def multiplier(self, orders: Sequence[int]) -> Tensor:
        """(i k)^orders, shaped to broadcast over the modes."""
        factor = torch.ones((1,) * len(self.shape), dtype=torch.complex128, device=self.device)
        for (even, odd), n in zip(self._wavenumbers, orders, strict=True):
            factor = factor * (odd if n % 2 else even) ** n if n else factor
        return factor

    @cached_property
    def kept(self) -> Tensor:
        """1 for the lower two thirds of the wavenumbers along every axis, else 0.

        S. A. Orszag, J. Atmos. Sci. 28 (1971) 1074: quadratic terms then do not alias.
        """
        keep = torch.ones((1,) * len(self.shape), device=self.device, dtype=torch.float64)
        for even, _ in self._wavenumbers:
            keep = keep * (even.abs() < 2 / 3 * even.abs().max())
        return keep

    @cached_property
    def _wavenumbers(self) -> list[tuple[Tensor, Tensor]]:
        """Per axis i k for even and for odd derivatives, shaped to broadcast; odd ones drop the Nyquist mode."""
        out = []
        for axis, (length, n) in enumerate(zip(self.lengths, self.shape, strict=True)):
            frequencies = np.fft.rfftfreq if axis == len(self.shape) - 1 else np.fft.fftfreq
            k = 2 * np.pi / length * n * frequencies(n)
            odd = np.where(np.isclose(np.abs(k), np.abs(k).max()), 0, k)
            view = [-1 if i == axis else 1 for i in range(len(self.shape))]
            even_odd = [torch.as_tensor(1j * w, device=self.device).reshape(view) for w in (k, odd)]
            out.append((even_odd[0], even_odd[1]))
        return out

    @property
    def _dims(self) -> tuple[int, ...]:
        return tuple(range(-len(self.shape), 0))


@dataclass(frozen=True)
class DivergenceFree:
    """The projection v → v - ∇ Δ⁻¹ div v of some of the fields, mode by mode: P = I - k kᵀ/k².

    J. Leray, Acta Math. 63 (1934) 193-248.  Modes that the discrete gradient does not see, the mean among them, have
    no divergence and stay.

    Attributes:
        modes: The modes of the box.
        fields: Which of the fields are the components of v, ordered like the axes.
    """

    modes: FourierModes
    fields: tuple[int, ...]

    def divergence(self, v: Tensor) -> Tensor:
        """Modes of div v `(batch, modes…)` from those of all fields `(batch, fields, modes…)`."""
        terms = (g * v[:, i] for g, i in zip(self._gradient, self.fields, strict=True))
        return sum(terms, torch.zeros_like(v[:, 0]))

    def potential(self, divergence: Tensor) -> Tensor:
        """φ without mean from Δφ = divergence, mode by mode."""
        return self._inverse_laplacian * divergence

    def __call__(self, v: Tensor) -> Tensor:
        """The projected fields `(batch, fields, modes…)`; the others stay."""
        potential = self.potential(self.divergence(v))
        out = v.clone()
        for g, i in zip(self._gradient, self.fields, strict=True):
            out[:, i].addcmul_(g, potential, value=-1)
        return out

    @cached_property
    def _gradient(self) -> list[Tensor]:
        dim = len(self.modes.shape)
        return [self.modes.multiplier([int(i == axis) for i in range(dim)]) for axis in range(dim)]

    @cached_property
    def _inverse_laplacian(self) -> Tensor:
        # The square of the discrete gradient, not -k²: they differ in a Nyquist mode, and a divergence would be left.
        square = sum((g * g for g in self._gradient), torch.zeros((), device=self.modes.device)).real
        return torch.where(square == 0, 0.0, 1 / torch.where(square == 0, 1.0, square))


class LinearConstraints:
    """A ψ + B v + f = 0, solved for the fields ψ mode by mode; a mode that A does not determine gets the least ψ.

    Args:
        unknown: A as `(constraints, unknowns, modes…)`.
        given: B as `(constraints, fields, modes…)`.
    """

    def __init__(self, unknown: Tensor, given: Tensor) -> None:
        self._unknown, self._given = unknown, given
        if len(unknown) == 1:
            self._inverse = torch.where(unknown == 0, 0, 1 / torch.where(unknown == 0, 1, unknown))
        else:
            matrices = unknown.movedim((0, 1), (-2, -1))
            self._inverse = torch.linalg.pinv(matrices, rtol=1e-13).movedim((-2, -1), (0, 1))

    def data(self, v: Tensor) -> Tensor:
        """B v `(batch, constraints, modes…)` for fields `(batch, fields, modes…)`."""
        return torch.einsum("ij...,bj...->bi...", self._given, v)

    def solve(self, data: Tensor) -> Tensor:
        """ψ `(batch, unknowns, modes…)` for data B v + f."""
        return -torch.einsum("ij...,bj...->bi...", self._inverse, data)

    def unreached(self, data: Tensor) -> float:
        """The largest residual of the solution, as a share of the largest datum."""
        left = data + torch.einsum("ij...,bj...->bi...", self._unknown, self.solve(data))
        return float(left.abs().max()) / max(float(data.abs().max()), 1e-300)
