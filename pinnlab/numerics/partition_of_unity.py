"""Smooth windows on a box that sum to one: overlapping patches, with exact derivatives."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class WindowAxis:
    """One axis of a box, cut into `count` patches of equal width with a window on each.

    The windows sum to one.  Each is one in the middle of its patch and falls to zero across the edges, over a zone of
    `overlap` times the width of a patch, as the polynomial step of lowest degree that is `smoothness` times
    continuously differentiable.  On a periodic axis the first patch and the last are neighbours.

    Args:
        lower, upper: Ends of the axis.
        count: Patches, at least 1; on a periodic axis at least 2, so that no window meets itself.
        periodic: Whether the axis closes on itself.
        overlap: In (0, 1), so that no more than two windows meet.
        smoothness: Continuous derivatives of a window, at least 0.

    Raises:
        ValueError: If an argument is outside its range.
    """

    lower: float
    upper: float
    count: int
    periodic: bool = False
    overlap: float = 0.5
    smoothness: int = 6

    def __post_init__(self) -> None:
        if not self.lower < self.upper:
            raise ValueError(f"WindowAxis: from {self.lower} to {self.upper} there is no length; give lower < upper")
        if self.count < (2 if self.periodic else 1):
            raise ValueError(
                f"WindowAxis: count = {self.count}; give at least 1, and at least 2 along a periodic axis, where a "
                "single window would meet itself"
            )
        if not 0 < self.overlap < 1:
            raise ValueError(f"WindowAxis: overlap = {self.overlap}; give a share of the patch in (0, 1)")
        if self.smoothness < 0:
            raise ValueError(f"WindowAxis: smoothness = {self.smoothness}; give 0 or more continuous derivatives")

    @property
    def width(self) -> float:
        """The width of a patch without its overlap."""
        return (self.upper - self.lower) / self.count

    @property
    def _reach(self) -> float:
        """How far a window goes beyond the edge of its patch."""
        return self.overlap * self.width / 2

    def support(self, patch: int) -> tuple[float, float]:
        """The ends of what a window covers; beyond the axis' own ends only where it is periodic."""
        low = self.lower + patch * self.width - self._reach
        high = self.lower + (patch + 1) * self.width + self._reach
        if self.periodic:
            return low, high
        return max(low, self.lower), min(high, self.upper)

    def local(self, x: Tensor, patch: int) -> Tensor:
        """Coordinates in which the support of a window is [-1, 1]; on a periodic axis those of the nearest image."""
        low, high = self.support(patch)
        offset = x - (low + high) / 2
        if self.periodic:
            length = self.upper - self.lower
            offset = offset - length * torch.round(offset / length)
        return offset / ((high - low) / 2)

    def covers(self, x: Tensor, patch: int) -> Tensor:
        """Whether a window is not zero at each of `x (n,)`; those at the ends of the axis go on beyond them."""
        offset, (rising, falling) = self._offset(x, patch), self._flanks(patch)
        reach = self.width / 2 + self._reach
        inside = torch.ones_like(x, dtype=torch.bool)
        return inside & ((offset > -reach) | (not rising)) & ((offset < reach) | (not falling))

    def _flanks(self, patch: int) -> tuple[bool, bool]:
        """Whether a window rises at its lower end, and falls at its upper one."""
        return self.periodic or patch > 0, self.periodic or patch < self.count - 1

    def _offset(self, x: Tensor, patch: int) -> Tensor:
        """The distance from the middle of a patch, or of its nearest image."""
        offset = x - (self.lower + (patch + 0.5) * self.width)
        if not self.periodic:
            return offset
        length = self.upper - self.lower
        return offset - length * torch.round(offset / length)

    def window(self, x: Tensor, patch: int, order: int) -> Tensor:
        """The derivative of one window at `x (n,)`; order >= 0."""
        offset, (rising, falling) = self._offset(x, patch), self._flanks(patch)
        value = self._step(offset + self.width / 2, order) if rising else torch.full_like(x, float(order == 0))
        return value - self._step(offset - self.width / 2, order) if falling else value

    def _step(self, offset: Tensor, order: int) -> Tensor:
        """The derivative of the step that rises from 0 to 1 while `offset` goes from -reach to reach."""
        s = torch.clamp((offset + self._reach) / (2 * self._reach), 0.0, 1.0)
        late = s > 0.5
        # The far half by symmetry, S(s) = 1 - S(1 - s): powers of small numbers lose no digits.
        value = _polynomial(self._coefficients[order], torch.where(late, 1 - s, s))
        mirrored = (1 - value) if order == 0 else (-1) ** (order + 1) * value
        value = torch.where(late, mirrored, value) / (2 * self._reach) ** order
        return torch.where((s <= 0) | (s >= 1), s if order == 0 else torch.zeros_like(s), value)

    @cached_property
    def _coefficients(self) -> list[list[float]]:
        """Those of the step's derivatives, lowest power first."""
        row = smooth_step(self.smoothness)
        rows = [row]
        for _ in range(len(row)):
            row = [i * c for i, c in enumerate(row)][1:] or [0]
            rows.append(row)
        return [[float(c) for c in r] for r in rows]


def smooth_step(smoothness: int) -> list[int]:
    """Coefficients, lowest power first, of the polynomial with S(0) = 0, S(1) = 1 and `smoothness` flat derivatives.

    S(s) = s^(k+1) sum_{i=0..k} binom(k + i, i) binom(2 k + 1, k - i) (-s)^i for k = `smoothness`, which is
    Hermite's interpolation of the step: s for k = 0, 3 s² - 2 s³ for k = 1.
    """
    k = smoothness
    return [0] * (k + 1) + [(-1) ** i * math.comb(k + i, i) * math.comb(2 * k + 1, k - i) for i in range(k + 1)]


def _polynomial(coefficients: Sequence[float], s: Tensor) -> Tensor:
    value = torch.full_like(s, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        value = value * s + c
    return value


@dataclass(frozen=True)
class Partition:
    """Products of the windows of all axes, on the patches that are kept.

    Attributes:
        axes: One per coordinate.
        patches: Indices of the patches, one per axis and patch; `Partition.full` has all of them.
    """

    axes: tuple[WindowAxis, ...]
    patches: tuple[tuple[int, ...], ...]

    @classmethod
    def full(cls, axes: Sequence[WindowAxis]) -> Partition:
        """Every patch of the box."""
        return cls(tuple(axes), tuple(itertools.product(*(range(a.count) for a in axes))))

    def touched(self, points: Tensor) -> Partition:
        """Without the patches whose support holds none of `points (n, dim)`."""
        kept = tuple(p for i, p in enumerate(self.patches) if bool(self.covers(points, i).any()))
        return Partition(self.axes, kept)

    def covers(self, points: Tensor, patch: int) -> Tensor:
        """Whether a patch, by its position in `patches`, has a window that is not zero at `points (n, dim)`; (n,)."""
        index = self.patches[patch]
        return torch.stack([a.covers(points[:, i], index[i]) for i, a in enumerate(self.axes)]).all(dim=0)

    def local(self, points: Tensor, patch: int) -> Tensor:
        """Coordinates `(n, dim)` in which the support of a patch is [-1, 1] along each axis."""
        index = self.patches[patch]
        return torch.stack([a.local(points[:, i], index[i]) for i, a in enumerate(self.axes)], dim=1)

    def scales(self, patch: int) -> list[float]:
        """By how much each local coordinate changes with the coordinate itself."""
        supports = [a.support(p) for a, p in zip(self.axes, self.patches[patch], strict=True)]
        return [2 / (high - low) for low, high in supports]

    def window(self, points: Tensor, patch: int, orders: Sequence[int]) -> Tensor:
        """A partial derivative of a patch's window at `points (n, dim)`: (n,)."""
        index = self.patches[patch]
        factors = [a.window(points[:, i], index[i], orders[i]) for i, a in enumerate(self.axes)]
        return torch.stack(factors).prod(dim=0)
