"""Nodal values between equispaced nodes: shifted along a period, and interpolated at other places for each sample."""

from __future__ import annotations

import math

import torch
from torch import Tensor

# Nodes of an interpolating polynomial: its error is O(h^8) where the function is smooth.
STENCIL = 8


def shifted(values: Tensor, distances: Tensor, dim: int, length: float) -> Tensor:
    """u(x - s) at the nodes, with u the trigonometric interpolant of nodal values on a period without its last end.

    Exact for functions that the nodes resolve; the highest wave of an even number of nodes is taken as a cosine.

    Args:
        values: Any shape, n nodes along `dim`.
        distances: s, of as many dimensions as `values`, which it broadcasts to, with 1 along `dim`.
        dim: From 0 on.
        length: Of the period.
    """
    n = values.shape[dim]
    waves = 2 * math.pi / length * torch.arange(n // 2 + 1, dtype=torch.float64, device=values.device)
    shape = [1] * values.ndim
    shape[dim] = len(waves)
    factor = torch.exp(-1j * waves.reshape(shape) * distances.double())
    if n % 2 == 0:
        last = factor.narrow(dim, n // 2, 1)
        factor = torch.cat([factor.narrow(dim, 0, n // 2), last.real.to(factor.dtype)], dim=dim)
    modes = torch.fft.rfft(values, dim=dim)
    return torch.fft.irfft(modes * factor.to(modes.dtype), n=n, dim=dim)


def interpolated(values: Tensor, places: Tensor, dim: int, *, periodic: bool) -> Tensor:
    """Values at other places of each sample, by polynomials of degree 7 through the nodes around them.

    Not for functions that jump, about which they swing.

    Args:
        values: `(batch, …)`, n nodes along `dim`; fewer than 8 make polynomials of lower degree.
        places: Numbers of nodes, fractions in between, `(batch, m)`; from 0 to n - 1 unless periodic.
        dim: From 1 on.
        periodic: Whether node n is node 0.
    """
    n, width = values.shape[dim], min(STENCIL, values.shape[dim])
    first = places.double().floor().long() - (width // 2 - 1)
    if not periodic:
        first = first.clamp(0, n - width)
    offset = places.double() - first
    shape = [1] * values.ndim
    shape[0], shape[dim] = places.shape
    total = torch.zeros((), dtype=values.dtype, device=values.device)
    for j in range(width):
        weight = torch.ones_like(offset)
        for k in range(width):
            if k != j:
                weight = weight * (offset - k) / (j - k)
        source = ((first + j) % n).reshape(shape)
        total = total + weight.to(values.dtype).reshape(shape) * torch.take_along_dim(values, source, dim=dim)
    return total
