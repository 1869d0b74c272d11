"""Where coordinates enter a network: scaled to [-1, 1], or wrapped on a circle if they are periodic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Inputs:
    """The box that the coordinates of a network live in.

    Args:
        lower, upper: Bounds per coordinate, lower < upper, finite.
        periodic: Whether u(x + upper - lower) = u(x) along each coordinate.

    Raises:
        ValueError: If the lengths differ or a bound is not usable.
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    periodic: tuple[bool, ...]

    def __post_init__(self) -> None:
        if not len(self.lower) == len(self.upper) == len(self.periodic) > 0:
            raise ValueError(
                f"Inputs: lower, upper and periodic have {len(self.lower)}, {len(self.upper)} and "
                f"{len(self.periodic)} entries; give one of each per coordinate"
            )
        for i, (a, b) in enumerate(zip(self.lower, self.upper, strict=True)):
            if not (math.isfinite(a) and math.isfinite(b) and a < b):
                raise ValueError(f"Inputs: coordinate {i} has bounds ({a}, {b}); give finite bounds, lower < upper")

    @property
    def dim(self) -> int:
        """The number of coordinates."""
        return len(self.lower)

    @property
    def features(self) -> int:
        """The number of columns that `Features` makes: two per periodic coordinate, one per other."""
        return self.dim + sum(self.periodic)


class Features(torch.nn.Module):
    """Points (n, dim) to features (n, features): scaled coordinates, then cosines, then sines.

    A non-periodic x becomes (2 x - lower - upper) / (upper - lower); a periodic x becomes the cosine and the
    sine of 2 pi (x - lower) / (upper - lower), so that every derivative of what follows is periodic exactly.
    """

    scale: torch.Tensor
    shift: torch.Tensor
    frequency: torch.Tensor
    phase: torch.Tensor

    def __init__(self, inputs: Inputs) -> None:
        super().__init__()
        self.inputs = inputs
        straight = [i for i in range(inputs.dim) if not inputs.periodic[i]]
        wrapped = [i for i in range(inputs.dim) if inputs.periodic[i]]
        scale = torch.zeros(len(straight), inputs.dim, dtype=torch.float64)
        shift = torch.zeros(len(straight), dtype=torch.float64)
        for row, i in enumerate(straight):
            a, b = inputs.lower[i], inputs.upper[i]
            scale[row, i] = 2 / (b - a)
            shift[row] = -(a + b) / (b - a)
        frequency = torch.zeros(len(wrapped), inputs.dim, dtype=torch.float64)
        phase = torch.zeros(len(wrapped), dtype=torch.float64)
        for row, i in enumerate(wrapped):
            a, b = inputs.lower[i], inputs.upper[i]
            frequency[row, i] = 2 * math.pi / (b - a)
            phase[row] = -2 * math.pi * a / (b - a)
        # The columns of an embedding come in this form: then there is nothing to do.
        self._as_they_are = all(bounds == (-1, 1) for bounds in zip(inputs.lower, inputs.upper, strict=True))
        self._as_they_are &= not wrapped
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)
        self.register_buffer("frequency", frequency)
        self.register_buffer("phase", phase)

    def forward(self, points: Any) -> Any:
        """Features (n, features) of `points (n, dim)`."""
        if self._as_they_are:
            return points
        linear = torch.nn.functional.linear
        if not any(self.inputs.periodic):
            return linear(points, self.scale, self.shift)
        angle = linear(points, self.frequency, self.phase)
        circle = [torch.cos(angle), torch.sin(angle)]
        if all(self.inputs.periodic):
            return torch.cat(circle, dim=-1)
        return torch.cat([linear(points, self.scale, self.shift), *circle], dim=-1)
