"""Products of sines and cosines of all coordinates, the features of a process with finitely many spectral lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from pinnlab.numerics.line_spectrum import LineSpectrum
from pinnlab.problem import Problem


@dataclass(frozen=True)
class SpectralFeatures:
    """All products of one sine or cosine for each coordinate, for each unknown, times their standard deviations.

    Attributes:
        problem: Whose unknowns they make up.
        lines: The spectrum along each coordinate.
        amplitudes: One per unknown.
        parameters: Further weights, of unknown parameters, which no unknown sees.
    """

    problem: Problem
    lines: tuple[LineSpectrum, ...]
    amplitudes: tuple[float, ...]
    parameters: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Features of an unknown along each coordinate."""
        return tuple(len(s.line) for s in self.lines)

    @property
    def block(self) -> int:
        """Features of an unknown."""
        return math.prod(self.shape)

    @property
    def count(self) -> int:
        """Weights in all."""
        return self.block * len(self.amplitudes) + self.parameters

    def products(self, points: Tensor, orders: Sequence[int]) -> Tensor:
        """The derivatives `(n, block)` of the features of an unknown of amplitude 1."""
        factors = [s.features(points[:, i], m) for i, (s, m) in enumerate(zip(self.lines, orders, strict=True))]
        return reduce(lambda a, b: (a[:, :, None] * b[:, None, :]).reshape(len(points), -1), factors)

    def rows(self, points: Tensor, orders: Sequence[int]) -> Tensor:
        """The derivatives of all unknowns by all weights, `(unknowns, n, count)`."""
        one = self.products(points, orders)
        out = one.new_zeros(len(self.amplitudes), len(points), self.count)
        for i, amplitude in enumerate(self.amplitudes):
            out[i, :, i * self.block : (i + 1) * self.block] = amplitude * one
        return out

    def carried(self, previous: SpectralFeatures, coefficients: Tensor) -> Tensor:
        """The weights here of a function that weights there give, as far as its lines are among these.

        Parameters are kept.
        """
        pairs = list(zip(self.lines, previous.lines, strict=True))
        last = previous.block * len(previous.amplitudes)
        told = coefficients[:last].reshape(len(previous.amplitudes), *previous.shape)
        sizes = told.new_tensor([a / b for a, b in zip(previous.amplitudes, self.amplitudes, strict=True)])
        told = told * sizes.reshape(-1, *[1] * len(pairs))
        for axis, (new, old) in enumerate(pairs, start=1):
            common = min(len(new.frequencies), len(old.frequencies))
            here, there = _places(new, common), _places(old, common)
            ratio = torch.sqrt(old.variances[:common] / new.variances[:common].clamp(min=1e-300))[old.line[there]]
            told = told.index_select(axis, there.to(told.device))
            told = told * ratio.to(told).reshape([-1 if i == axis else 1 for i in range(told.ndim)])
            wide = told.new_zeros([len(new.line) if i == axis else n for i, n in enumerate(told.shape)])
            told = wide.index_copy(axis, here.to(told.device), told)
        return torch.cat([told.reshape(-1), coefficients[last:]])

    def ratio(self, lines: Sequence[LineSpectrum]) -> Tensor:
        """The standard deviations of the weights under variances of the first of the lines, in units of those here."""
        factors = []
        for new, old in zip(lines, self.lines, strict=True):
            variances = torch.zeros_like(old.variances)
            variances[: len(new.variances)] = new.variances
            factors.append(torch.sqrt(variances / old.variances)[old.line])
        one = reduce(lambda a, b: (a[:, None] * b).reshape(-1), factors)
        return one.repeat(len(self.amplitudes))


def _places(spectrum: LineSpectrum, first: int) -> Tensor:
    """Where the features of the first lines of a spectrum are among those of all."""
    return torch.nonzero(spectrum.line < first)[:, 0]
