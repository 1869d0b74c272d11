"""Covariances whose spectrum is a finite number of lines: random sums of sines and cosines."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pinnlab.numerics.kernels import Kernel

# Periods of features on an interval that is not periodic, in its lengths.  A function on an interval has such a Fourier
# series with coefficients that fall fast, though it is not periodic there (D. Huybrechs, SIAM J. Numer. Anal. 47
# (2010) 4326-4355).
EXTENSION = 1.5
# Lines that are looked at, and lines beyond which a spectrum falls too slowly for this way to write it.
SEEN, MOST = 1 << 13, 3000
# Share of the variance that may lie between lines or beyond those that are looked at.
LOST = 1e-6


@dataclass(frozen=True, eq=False)
class LineSpectrum(Kernel):
    """k(z) = sum_j v_j cos(omega_j z): u(x) = sum_j a_j cos(omega_j x) + b_j sin(omega_j x), var a_j = var b_j = v_j.

    Args:
        frequencies: Angular frequencies `(m,)`, not negative, all different.
        variances: `(m,)`, not negative.
        origin: The x from which phases are counted.
    """

    frequencies: Tensor = field(repr=False)
    variances: Tensor = field(repr=False)
    origin: float = 0.0

    @classmethod
    def harmonics(cls, start: float, length: float, top: float, periodic: bool = False) -> LineSpectrum:
        """Lines of unit variance at the multiples of 2 pi / period up to `top`.

        Args:
            start: Where the interval begins.
            length: Its length, which is the period if it is periodic; else the period is `EXTENSION` lengths.
            top: The largest angular frequency, which is rounded up to a multiple.
            periodic: Whether the interval is closed to a circle.
        """
        step = 2 * math.pi / (length if periodic else EXTENSION * length)
        lines = step * torch.arange(math.ceil(top / step - 1e-9) + 1, dtype=torch.float64)
        return cls(lines, torch.ones_like(lines), start)

    @classmethod
    def of(cls, kernel: Kernel, start: float, length: float, tolerance: float, periodic: bool = False) -> LineSpectrum:
        """The lines that represent a smooth kernel on an interval by the trapezoidal rule for its spectral integral.

        The rule is that of a kernel repeated with the period (P. Greengard, M. Rachh, A. Barnett, arXiv:2210.10210,
        2022), so that the interval is extended by what the kernel reaches.

        Args:
            kernel: With a spectral density.
            start, length: The interval.
            tolerance: Share of the variance that may lie beyond the last line, and size of k at the distance of
                the next repetition.
            periodic: Whether the kernel is to be repeated with the interval itself.

        Raises:
            ValueError: If no reasonable number of lines holds the variance.
        """
        if isinstance(kernel, LineSpectrum):
            return kernel
        variance = float(kernel.covariance(torch.zeros(1, dtype=torch.float64)))
        reach = 0.0 if periodic else _reach(kernel, length, tolerance * variance)
        step = 2 * math.pi / (length + reach)
        lines = step * torch.arange(SEEN, dtype=torch.float64)
        weights = 2 * step * kernel.density(lines)
        weights[0] /= 2
        from_here = weights.flip(0).cumsum(0).flip(0)
        kept = int((from_here > tolerance * variance).sum()) + 1
        # The sum of all is k(0) + 2 k(period) + ...: less of it lies where it was not looked for, or between lines.
        if kept > MOST or float(weights.sum()) < (1 - LOST) * variance:
            raise ValueError(
                f"LineSpectrum: {MOST} lines, {step:.3g} apart, do not hold the spectrum of {kernel}, which falls "
                "too slowly, or on a periodic axis lies between its harmonics; use algebra=Dense(), or a shorter kernel"
            )
        return cls(lines[:kept], weights[:kept], start)

    @property
    def derivatives(self) -> float:  # noqa: D102
        return math.inf

    def covariance(self, z: Tensor, order: int = 0) -> Tensor:  # noqa: D102
        lines, variances = self._on(z)
        angles = z[..., None] * lines
        return (torch.cos(angles + order * math.pi / 2) * lines**order) @ variances

    def density(self, omega: Tensor) -> Tensor:  # noqa: D102
        raise ValueError("LineSpectrum: lines have no density; read its variances")

    def features(self, x: Tensor, order: int = 0) -> Tensor:
        """The derivative of an order of all functions times their standard deviations, `(n, M)` for x `(n,)`.

        M = 2 m, less one where the frequency 0 has a cosine only; features(x) features(y)' = k(x - y).
        """
        lines, variances = self._on(x)
        angles = (x - self.origin)[:, None] * lines + order * math.pi / 2
        sized = lines**order * variances.sqrt()
        moving = self._moving.to(x.device)
        return torch.cat([torch.cos(angles) * sized, (torch.sin(angles) * sized)[:, moving]], dim=1)

    @property
    def line(self) -> Tensor:
        """The line that each feature belongs to, `(M,)`."""
        index = torch.arange(len(self.frequencies))
        return torch.cat([index, index[self._moving]])

    @property
    def _moving(self) -> Tensor:
        return self.frequencies > 0

    def _on(self, like: Tensor) -> tuple[Tensor, Tensor]:
        return self.frequencies.to(like), self.variances.to(like)


def _reach(kernel: Kernel, length: float, tolerance: float) -> float:
    """The distance from which the covariance stays under a tolerance, up to a hundred lengths."""
    z = torch.linspace(0, 100 * length, 20_001, dtype=torch.float64)
    above = torch.nonzero(kernel.covariance(z).abs() > tolerance)
    return float(z[int(above[-1])]) if len(above) else 0.0
