"""Which frequencies a prior of exponential solutions holds, and how strongly: found by the evidence."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinnlab.admissible import require_counts, require_positive
from pinnlab.gps.exponential_family import ExponentialFamily
from pinnlab.numerics.exponential_solutions import ExponentialSolutions

# Frequencies without settings, by the number of free ones.
COUNTS = {0: 1, 1: 100, 2: 600, 3: 400}
# Lengths that are tried, in units of the box, and evaluations that then refine the best.
LONGEST = 3.0
TRIED = 9
REFINED = 8
# Range of the decimal logarithm of the amplitude, in units of that of the data, and amplitudes tried in it.
AMPLITUDES = (-3.0, 6.0)
AMPLITUDES_TRIED = 109


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Frequencies with standard deviations.

    Attributes:
        frequencies: For each chart (m, dim - 1), in units of one radian across the box.
        scales: For each chart (m,).
        inflation: What all noise is multiplied by, at least 1: where few frequencies cannot meet the data.
        log_evidence: Of the data that it was chosen by.
        length: The length scale in units of the box, where it has one.
    """

    frequencies: tuple[Tensor, ...]
    scales: tuple[Tensor, ...]
    inflation: float
    log_evidence: float
    length: float


@dataclass(frozen=True, eq=False)
class Data:
    """What a spectrum is judged by.

    Attributes:
        rows: From functions to what each of them contributes to each value (n, M).
        values: (n,).
        noise: Standard deviations (n,).
        unit: The size of the data in units of a prior of amplitude one.
    """

    rows: Callable[[ExponentialSolutions], Tensor]
    values: Tensor
    noise: Tensor
    unit: float


class SpectralMeasure(abc.ABC):
    """A frozen dataclass of settings."""

    @abc.abstractmethod
    def reference(self, family: ExponentialFamily) -> Spectrum:
        """A spectrum of amplitude one, from no data: what units are measured in."""

    @abc.abstractmethod
    def fitted(self, family: ExponentialFamily, data: Data) -> Spectrum:
        """The spectrum of greatest evidence.

        Raises:
            ValueError: If a frequency is one at which the equation loses its order.
        """


@dataclass(frozen=True)
class GaussianMeasure(SpectralMeasure):
    """Frequencies with Gaussian weights, exp(-(length omega)^2 / 2), by quadrature (EPGP).

    Points spread evenly over half a ball carry the density as variance: the midpoint rule for one free frequency, a
    Kronecker sequence for more.  For the heat equation u_t = u_xx this is the covariance
    exp(-(x - x')^2 / (2 s)) / sqrt(s) with s = 1 + 2 (t + t') for a length of one (M. Harkonen, M. Lange-Hegermann,
    B. Raita, ICML 2023, arXiv:2212.14319, whose length is one).

    Where the data leave much of the solution open, as values at the start do beyond the ends of an interval, the length
    decides what the mean does there, and the evidence knows it no better: the standard deviation says how little is
    known, whatever the length.

    Args:
        length: Length scale, a number or one for each coordinate; None takes that of greatest evidence, in proportion
            to the box.
        count: Frequencies; None takes 100, 600 or 400 for one, two or three free ones.
        cutoff: Radius of the ball in standard deviations.
    """

    length: float | tuple[float, ...] | None = None
    count: int | None = None
    cutoff: float = 6.0

    def __post_init__(self) -> None:
        if isinstance(self.length, list):
            object.__setattr__(self, "length", tuple(self.length))
        for value in self.length if isinstance(self.length, tuple) else (self.length,):
            if value is not None:
                require_positive(self, length=value)
        if self.count is not None:
            require_counts(self, count=self.count)
        require_positive(self, cutoff=self.cutoff)

    def reference(self, family: ExponentialFamily) -> Spectrum:
        """Frequencies of a length of 0.3 boxes, or of the given one."""
        return self._spectrum(family, 0.3, 1.0, -math.inf)

    def fitted(self, family: ExponentialFamily, data: Data) -> Spectrum:
        """The length and the amplitude of greatest evidence: trial lengths, then refinement around the best."""
        if self.length is not None or not family.free:
            amplitude, evidence = self._judged(family, data, 1.0)
            return self._spectrum(family, 1.0, amplitude, evidence)
        logs = np.linspace(math.log(self._shortest(family)), math.log(LONGEST), TRIED)
        found = {float(s): self._judged(family, data, math.exp(s))[1] for s in logs}
        best = max(found, key=lambda s: found[s])
        step = (logs[1] - logs[0]) / 2
        for _ in range(REFINED // 2):
            for s in (best - step, best + step):
                if logs[0] <= s <= logs[-1]:
                    found[s] = self._judged(family, data, math.exp(s))[1]
            best = max(found, key=lambda s: found[s])
            step /= 2
        amplitude, evidence = self._judged(family, data, math.exp(best))
        return self._spectrum(family, math.exp(best), amplitude, evidence)

    def _judged(self, family: ExponentialFamily, data: Data, length: float) -> tuple[float, float]:
        """The best amplitude for a length, and the evidence of both."""
        spectrum = self._spectrum(family, length, 1.0, -math.inf)
        rows = data.rows(family.solutions(spectrum.frequencies)) * family.deviations(spectrum.scales)
        return best_amplitude(rows / data.noise[:, None], data.values / data.noise, data.noise, data.unit)

    def _spectrum(self, family: ExponentialFamily, length: float, amplitude: float, evidence: float) -> Spectrum:
        nodes = half_ball(self._count(family), family.free, self.cutoff).to(family.lower)
        weights = torch.exp(-nodes.square().sum(dim=1) / 4)
        scales = amplitude * weights / torch.linalg.vector_norm(weights)
        frequencies = tuple(nodes / self._lengths(family, chart.axis, length) for chart in family.charts)
        return Spectrum(frequencies, (scales,) * len(family.charts), 1.0, evidence, length)

    def _lengths(self, family: ExponentialFamily, axis: int, length: float) -> Tensor:
        """The length scale of each free frequency of a chart, in units of the box."""
        extent = family.upper - family.lower
        if self.length is None:
            lengths = torch.full_like(extent, length)
        elif isinstance(self.length, tuple):
            if len(self.length) != len(extent):
                raise ValueError(
                    f"GaussianMeasure: length = {self.length}; give one for each of {len(extent)} coordinates"
                )
            lengths = extent.new_tensor(self.length) / extent
        else:
            lengths = self.length / extent
        return torch.cat([lengths[:axis], lengths[axis + 1 :]])

    def _count(self, family: ExponentialFamily) -> int:
        return self.count or COUNTS.get(family.free, 400)

    def _shortest(self, family: ExponentialFamily) -> float:
        """The length under which the frequencies are too far apart for a box: it would be more than one period."""
        volume = math.pi ** (family.free / 2) / math.gamma(family.free / 2 + 1) * self.cutoff**family.free / 2
        return float((volume / self._count(family)) ** (1 / family.free) / (2 * math.pi))


@dataclass(frozen=True)
class SparseMeasure(SpectralMeasure):
    """A few frequencies, each with a weight of its own, placed by the evidence (S-EPGP).

    L-BFGS from the frequencies of `GaussianMeasure` of greatest evidence; frequencies, the logarithms of the weights
    and the inflation of the noise move together (M. Harkonen, M. Lange-Hegermann, B. Raita, ICML 2023,
    arXiv:2212.14319).
    For solutions that hold few waves, and for the waves themselves.  Where the spectrum is broad, `GaussianMeasure`
    gets further, in one factorisation.

    Args:
        count: Frequencies in each chart.
        steps: Most iterations of L-BFGS.
    """

    count: int = 16
    steps: int = 300

    def __post_init__(self) -> None:
        require_counts(self, count=self.count, steps=self.steps)

    def reference(self, family: ExponentialFamily) -> Spectrum:
        """That of `GaussianMeasure`."""
        return self._start.reference(family)

    def fitted(self, family: ExponentialFamily, data: Data) -> Spectrum:
        """The frequencies, weights and inflation at a local maximum of the evidence."""
        from scipy.optimize import minimize

        # Few frequencies meet no data to many digits, so that the start is judged with room for what they miss.
        loose = Data(data.rows, data.values, torch.maximum(data.noise, 0.1 * data.values.abs().max()), data.unit)
        start = self._start.fitted(family, loose)
        layout = _Layout(family, [len(f) for f in start.frequencies], start.frequencies[0].shape[1])
        room = float((0.1 * data.values.square().mean().sqrt() / data.noise.square().mean().sqrt()).clamp(min=1e-3))

        def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
            x = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
            value = -layout.evidence(x.to(family.lower.device), data)
            (slope,) = torch.autograd.grad(value, x)
            finite = bool(torch.isfinite(value)) and bool(torch.isfinite(slope).all())
            return (float(value.detach()), slope.numpy()) if finite else (1e300, np.zeros_like(theta))

        first = layout.pack(start, math.log(room))
        done = minimize(
            loss, first, jac=True, method="L-BFGS-B", options={"maxiter": self.steps, "maxfun": 2 * self.steps}
        )
        return layout.unpack(torch.tensor(done.x).to(family.lower), -float(done.fun))

    @property
    def _start(self) -> GaussianMeasure:
        return GaussianMeasure(count=self.count, cutoff=3.0)


@dataclass(frozen=True, eq=False)
class _Layout:
    """Frequencies, logarithms of scales and of the noise's excess as one vector."""

    family: ExponentialFamily
    counts: Sequence[int]
    free: int

    def pack(self, spectrum: Spectrum, room: float) -> np.ndarray:
        parts = [f.flatten() for f in spectrum.frequencies] + [s.log() for s in spectrum.scales]
        return np.concatenate([torch.cat(parts).cpu().numpy(), [room]])

    def parts(self, theta: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...], Tensor]:
        sizes = [n * self.free for n in self.counts] + list(self.counts) + [1]
        pieces = theta.split(sizes)
        k = len(self.counts)
        frequencies = tuple(p.reshape(n, self.free) for p, n in zip(pieces[:k], self.counts, strict=True))
        return frequencies, tuple(p.exp() for p in pieces[k : 2 * k]), 1 + pieces[-1][0].exp()

    def unpack(self, theta: Tensor, evidence: float) -> Spectrum:
        frequencies, scales, inflation = self.parts(theta)
        return Spectrum(frequencies, scales, float(inflation), evidence, math.nan)

    def evidence(self, theta: Tensor, data: Data) -> Tensor:
        frequencies, scales, inflation = self.parts(theta)
        noise = inflation * data.noise
        rows = data.rows(self.family.solutions(frequencies)) * self.family.deviations(scales)
        return log_evidence(rows / noise[:, None], data.values / noise, noise)


def half_ball(count: int, dim: int, radius: float) -> Tensor:
    """Points `(count, dim)` spread evenly over half a ball, none of them opposite to another.

    Middles of equal intervals in one dimension, else the points of a Kronecker sequence with the powers of the
    generalised golden ratio (M. Roberts, 2018, after J. G. van der Corput) that lie in the half ball.
    """
    if dim == 0:
        return torch.zeros(1, 0, dtype=torch.float64)
    if dim == 1:
        return (radius * (torch.arange(count, dtype=torch.float64) + 0.5) / count)[:, None]
    ratio = 2.0
    for _ in range(60):
        ratio = (1 + ratio) ** (1 / (dim + 1))
    steps = torch.tensor([ratio ** -(i + 1) for i in range(dim)], dtype=torch.float64)
    total = count
    while True:
        total *= 2
        index = torch.arange(1, total + 1, dtype=torch.float64)[:, None]
        cube = 2 * torch.remainder(0.5 + index * steps, 1.0) - 1
        cube[:, 0] = (cube[:, 0] + 1) / 2
        inside = cube[cube.square().sum(dim=1) < 1]
        if len(inside) >= count:
            return radius * inside[:count]


def log_evidence(rows: Tensor, values: Tensor, noise: Tensor) -> Tensor:
    """The logarithm of the density of the data, differentiable.

    Args:
        rows: Functions times their standard deviations over the noise (n, M).
        values: Over the noise (n,).
        noise: (n,).
    """
    identity = torch.eye(rows.shape[1], dtype=rows.dtype, device=rows.device)
    q, r = torch.linalg.qr(torch.cat([rows, identity]))
    right = torch.cat([values, values.new_zeros(rows.shape[1])])
    misfit = (right - q @ (q.T @ right)).square().sum()
    determinant = r.diagonal().abs().log().sum() + noise.log().sum()
    return -misfit / 2 - determinant - len(values) / 2 * math.log(2 * math.pi)


def best_amplitude(rows: Tensor, values: Tensor, noise: Tensor, unit: float) -> tuple[float, float]:
    """The factor of all standard deviations of greatest evidence, on a grid of twelve per decade, and that evidence.

    One singular value decomposition serves all factors.

    Args:
        rows: As for `log_evidence`.
        values: As there.
        noise: As there.
        unit: The middle of the factors that are tried.
    """
    if rows.shape[1] > rows.shape[0]:
        # The triangle has the same singular values and left vectors, and fewer columns.
        rows = torch.linalg.qr(rows.T, mode="r").R.T
    left, sizes, _ = torch.linalg.svd(rows, full_matrices=False)
    along = left.T @ values
    rest = (values - left @ along).square().sum()
    factors = unit * torch.logspace(*AMPLITUDES, AMPLITUDES_TRIED, dtype=rows.dtype, device=rows.device)
    variance = 1 + (factors[:, None] * sizes).square()
    found = -((along.square() / variance + variance.log()).sum(dim=1) + rest) / 2
    best = int(found.argmax())
    constant = float(noise.log().sum()) + len(values) / 2 * math.log(2 * math.pi)
    return float(factors[best]), float(found[best]) - constant
