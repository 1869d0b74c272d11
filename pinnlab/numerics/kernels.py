"""Stationary covariance functions of one coordinate, with all derivatives and spectral densities."""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.admissible import require_positive, require_several

# The smoothnesses for which a Matern kernel is offered: half-integers, where it is a polynomial times an exponential.
MATERN = (1.5, 2.5, 3.5, 4.5, 5.5, 6.5)


class Kernel(abc.ABC):
    """A covariance k(x - y) of one coordinate; a frozen dataclass of settings, or of tensors.

    Functions of several coordinates have the product of one kernel for each; derivatives of sample paths then have

        cov(d^a u(x), d^b u(y)) = prod_i (-1)^(b_i) k_i^(a_i + b_i)(x_i - y_i).
    """

    @property
    @abc.abstractmethod
    def derivatives(self) -> float:
        """The largest order of derivatives that sample paths have in the mean square; inf for smooth kernels."""

    @abc.abstractmethod
    def covariance(self, z: Tensor, order: int = 0) -> Tensor:
        """The derivative of an order of k at differences z, in the shape of z.

        Raises:
            ValueError: If the order is more than twice `derivatives`.
        """

    @abc.abstractmethod
    def density(self, omega: Tensor) -> Tensor:
        """The spectral density S at angular frequencies: k(z) = integral of S(omega) cos(omega z) over the real line.

        Raises:
            ValueError: If the spectrum is made of lines and has no density.
        """


@dataclass(frozen=True)
class SquaredExponential(Kernel):
    """k(z) = exp(-z^2 / (2 l^2)): sample paths are analytic.

    The right prior for smooth answers without sharp layers; its Gram matrices are nearly singular as soon as points are
    closer than about l, which limits what a Cholesky factorization can reach (use `WeightSpace` where it applies).

    Args:
        length: l, positive, in units of the coordinate.

    Source: C. Rasmussen, C. Williams, Gaussian Processes for Machine Learning, 2006, eq. 4.9; derivatives by the
    Hermite polynomials of probability, d^n/ds^n exp(-s^2/2) = (-1)^n He_n(s) exp(-s^2/2).
    """

    length: float

    def __post_init__(self) -> None:
        require_positive(self, length=self.length)

    @property
    def derivatives(self) -> float:  # noqa: D102
        return math.inf

    def covariance(self, z: Tensor, order: int = 0) -> Tensor:  # noqa: D102
        s = z / self.length
        gauss = s.square().mul_(-0.5).exp_()
        return gauss.mul_(_hermite(s, order)).mul_((-1 / self.length) ** order) if order else gauss

    def density(self, omega: Tensor) -> Tensor:  # noqa: D102
        return self.length / math.sqrt(2 * math.pi) * torch.exp(-(self.length * omega).square() / 2)


@dataclass(frozen=True)
class Matern(Kernel):
    """k(z) = P(y) exp(-y), y = sqrt(2 nu) |z| / l, with a polynomial P of degree nu - 1/2.

    Sample paths have nu - 1/2 derivatives in the mean square, and k has twice as many, all continuous.  Right for
    answers of limited smoothness; for analytic ones `SquaredExponential` needs fewer points.

    Args:
        length: l, positive, in units of the coordinate.
        smoothness: nu, one of 1.5, 2.5, ..., 6.5.

    Source: C. Rasmussen, C. Williams, Gaussian Processes for Machine Learning, 2006, eqs. 4.15 and 4.16.
    """

    length: float
    smoothness: float = 2.5

    def __post_init__(self) -> None:
        require_positive(self, length=self.length)
        _require_smoothness(self, self.smoothness)

    @property
    def derivatives(self) -> float:  # noqa: D102
        return self.smoothness - 0.5

    def covariance(self, z: Tensor, order: int = 0) -> Tensor:  # noqa: D102
        _require_order(self, order)
        scale = math.sqrt(2 * self.smoothness) / self.length
        y = scale * z.abs()
        value = torch.exp(-y) * _horner(_matern_polynomial(int(self.derivatives), order), y)
        # An odd derivative of an even function is odd.
        return value * scale**order * (torch.sign(z) if order % 2 else 1.0)

    def density(self, omega: Tensor) -> Tensor:  # noqa: D102
        nu = self.smoothness
        scale = math.sqrt(2 * nu) / self.length
        constant = math.gamma(nu + 0.5) / (math.sqrt(math.pi) * math.gamma(nu) * scale)
        return constant * (1 + (omega / scale).square()) ** -(nu + 0.5)


@dataclass(frozen=True)
class Mixture(Kernel):
    """k(z) = sum_q w_q e_q(z) cos(omega_q z), with envelopes e_q of variance one: bumps of the spectrum at +-omega_q.

    Args:
        weights: Variance of each component `(q,)`, not negative; they are scaled so that they sum to one.
        frequencies: Angular, radians per unit of the coordinate `(q,)`, not negative.
        lengths: Of the envelopes `(q,)`, positive; the bumps are about 1 / length wide.

    Raises:
        ValueError: If the sequences differ in length, or a number is out of range.
    """

    weights: tuple[float, ...]
    frequencies: tuple[float, ...]
    lengths: tuple[float, ...]

    def __post_init__(self) -> None:
        require_several(self, weights=self.weights, frequencies=self.frequencies, lengths=self.lengths)
        parts = [tuple(float(v) for v in p) for p in (self.weights, self.frequencies, self.lengths)]
        who = type(self).__name__
        if not parts[0] or len({len(p) for p in parts}) > 1:
            raise ValueError(
                f"{who}: {len(parts[0])} weights, {len(parts[1])} frequencies, {len(parts[2])} lengths; give one of "
                "each for every component"
            )
        if not all(math.isfinite(v) and v >= 0 for v in (*parts[0], *parts[1])) or sum(parts[0]) <= 0:
            raise ValueError(f"{who}: weights and frequencies must be finite, not negative, one weight not zero")
        if not all(0 < v < math.inf for v in parts[2]):
            raise ValueError(f"{who}: lengths = {parts[2]}; give positive numbers")
        total = sum(parts[0])
        parts[0] = tuple(w / total for w in parts[0])
        for name, part in zip(("weights", "frequencies", "lengths"), parts, strict=True):
            object.__setattr__(self, name, part)

    @abc.abstractmethod
    def envelope(self, length: float) -> Kernel:
        """The envelope of a length."""

    @property
    def derivatives(self) -> float:  # noqa: D102
        return self.envelope(1.0).derivatives

    def covariance(self, z: Tensor, order: int = 0) -> Tensor:
        """By Leibniz' rule, component by component.

        Raises:
            ValueError: If the order is more than twice `derivatives`.
        """
        _require_order(self, order)
        total = torch.zeros_like(z)
        for weight, frequency, length in zip(self.weights, self.frequencies, self.lengths, strict=True):
            if weight == 0:
                continue
            envelope = self.envelope(length)
            for j in range(order + 1):
                power = frequency ** (order - j) * math.comb(order, j)
                if power:
                    wave = torch.cos(frequency * z + (order - j) * math.pi / 2)
                    total += weight * power * envelope.covariance(z, j) * wave
        return total

    def density(self, omega: Tensor) -> Tensor:
        """Half of each component's spectrum at omega_q, half at -omega_q."""
        total = torch.zeros_like(omega)
        for weight, frequency, length in zip(self.weights, self.frequencies, self.lengths, strict=True):
            envelope = self.envelope(length)
            total += weight / 2 * (envelope.density(omega - frequency) + envelope.density(omega + frequency))
        return total


@dataclass(frozen=True)
class SpectralMixture(Mixture):
    """k(z) = sum_q w_q exp(-z^2 / (2 l_q^2)) cos(omega_q z): the spectrum is a mixture of Gaussian densities.

    For answers that oscillate with few unknown frequencies, smoothly modulated.  Not for answers without a dominant
    frequency: one `SquaredExponential` says the same with less.

    Source: A. Wilson, R. Adams, Gaussian Process Kernels for Pattern Discovery and Extrapolation, ICML 2013, eq. 12
    (arXiv:1302.4245), with omega_q = 2 pi mu_q and l_q = 1 / (2 pi sqrt(v_q)).
    """

    def envelope(self, length: float) -> Kernel:  # noqa: D102
        return SquaredExponential(length)


@dataclass(frozen=True)
class StudentMixture(Mixture):
    """k(z) = sum_q w_q Matern(z; l_q, nu) cos(omega_q z): the spectrum is a mixture of Student-t densities.

    By the theorem of Wiener and Khinchin; each density has 2 nu degrees of freedom, the location omega_q and the scale
    1 / l_q.  Its heavy tails let the data move a frequency that was guessed badly.

    Args:
        smoothness: nu, one of 1.5, 2.5, ..., 6.5.

    Source: S. Fang, M. Cooley, D. Long, S. Li, R. Kirby, S. Zhe, Solving High Frequency and Multi-Scale PDEs with
    Gaussian Processes, ICLR 2024 (arXiv:2311.04465).
    """

    smoothness: float = 2.5

    def __post_init__(self) -> None:
        _require_smoothness(self, self.smoothness)
        super().__post_init__()

    def envelope(self, length: float) -> Kernel:  # noqa: D102
        return Matern(length, self.smoothness)


def _hermite(s: Tensor, order: int) -> Tensor:
    """He_n for n from 1 on, by He_(n+1) = s He_n - n He_(n-1)."""
    before, now = torch.ones_like(s), s
    for n in range(1, order):
        before, now = now, torch.addcmul(before * -n, s, now)
    return now


def _matern_polynomial(p: int, order: int) -> list[float]:
    """Coefficients of P_n, the n-th derivative of P(y) exp(-y) over exp(-y), lowest power first.

    In whole numbers up to the common divisor, so that coefficients that vanish do so exactly.
    """
    whole = [math.factorial(2 * p - i) * 2**i // (math.factorial(p - i) * math.factorial(i)) for i in range(p + 1)]
    for _ in range(order):
        slopes = [(i + 1) * c for i, c in enumerate(whole[1:])] + [0]
        whole = [d - c for d, c in zip(slopes, whole, strict=True)]
    common = math.factorial(2 * p) // math.factorial(p)
    return [c / common for c in whole]


def _horner(coefficients: Sequence[float], y: Tensor) -> Tensor:
    total = torch.full_like(y, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        total.mul_(y).add_(c)
    return total


def _require_order(kernel: Kernel, order: int) -> None:
    if order > 2 * kernel.derivatives:
        raise ValueError(
            f"the covariance {kernel} has {2 * kernel.derivatives:g} continuous derivatives, not {order}; "
            "take a smoother kernel, as SquaredExponential"
        )


def _require_smoothness(kernel: Kernel, smoothness: float) -> None:
    if smoothness not in MATERN:
        raise ValueError(
            f"{type(kernel).__name__}: smoothness = {smoothness}; give one of {', '.join(f'{v:g}' for v in MATERN)}, "
            "or take SquaredExponential, their limit"
        )
