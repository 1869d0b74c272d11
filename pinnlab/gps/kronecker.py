"""Gaussian processes on tensor grids, whose matrices are products of small ones along each coordinate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pinnlab.admissible import require_counts, require_positive
from pinnlab.domain.box import Box
from pinnlab.errors import SolveFailed, UnsupportedProblem
from pinnlab.field import intervals
from pinnlab.forms.linearized import Linearized
from pinnlab.gps.kronecker_posterior import Draws, KroneckerPosterior
from pinnlab.gps.placement import NodeGrid, Placement
from pinnlab.gps.sides import Side, SideFit, along
from pinnlab.gps.system import Algebra, GpSystem, Measurements
from pinnlab.numerics.axis_basis import AxisBasis, Segment, nodes_for
from pinnlab.numerics.line_spectrum import LineSpectrum
from pinnlab.numerics.projected_operator import CORRECTIONS, ProjectedOperator
from pinnlab.problem import Problem
from pinnlab.training.refusals import require_memory

# Share of the variance of a kernel that its lines may leave out.
SPECTRUM_TOLERANCE = 1e-14
# Chebyshev nodes resolve frequencies up to this many times 2 n / length, a little more than polynomials do.
FINEST = 1.02
# The share of the range of frequencies that the nodes must resolve.
RESOLVED = 0.75
# Coordinates for which there is a direct solver.
MOST_COORDINATES = 2


@dataclass(frozen=True)
class Kronecker(Algebra):
    """Sines and cosines with Gaussian weights on the nodes of a tensor grid over a box, without any large matrix.

        u(x, y) = Phi_1(x) A Phi_2(y)',   A_ij ~ N(0, 1)

    for one or two coordinates, time among them, with one unknown.  Along each coordinate the sums of features that can
    be told apart on the nodes are split by the conditions at its ends: each condition is met by a function of smallest
    weights, and all others have homogeneous conditions.  The equation is observed exactly against as many test
    functions as there are functions left, the products of highest derivatives along each coordinate, with the
    quadrature that belongs to the nodes.  The answer is the posterior mean given that; as nothing is left open by it
    but combinations of features that are zero to rounding, the variances of the prior decide nothing else.

    Two terms with constant coefficients, as Laplace's, heat's, wave's and advection's, are one Sylvester equation:
    O(n_1^3 + n_2^3 + n_1 n_2 (n_1 + n_2)), the power 1.5 of the number of nodes.  With variable coefficients, more
    terms, or linearised equations it preconditions GMRES.

    The posterior comes from `draws` solutions of the same equations with the noise of the nugget added (pathwise
    conditioning, J. T. Wilson et al., ICML 2020, arXiv:2002.09309; the draw of the prior cancels here):
    its standard deviation has a relative error of 1 / sqrt(2 draws).  It says what the nugget leaves open; it does
    not know of what the spectrum cannot represent.

    Lines of higher frequency than the nodes resolve, 2 n / length, are left out: what they can hide between nodes keeps
    the mean of the prior.  A grid that resolves less than three quarters of the range is refused.

    Not for shapes, several unknowns, unknown parameters, observed values, or rough kernels.

    Args:
        memory: Largest number of bytes.
        draws: Solutions drawn for the standard deviation.
        iterations: Largest number of steps of GMRES for one linear equation.
    """

    memory: float = 8e9
    draws: int = 32
    iterations: int = 200

    def __post_init__(self) -> None:
        require_counts(self, draws=self.draws, iterations=self.iterations)
        require_positive(self, memory=self.memory)

    @property
    def nugget(self) -> float:
        """Relative to the prior: near the rounding of double precision."""
        return 1e-12

    def system(self, measurements: Measurements, placement: Placement, device: torch.device) -> KroneckerSystem:
        """Bases along all coordinates.

        Raises:
            UnsupportedProblem: If there is no box and tensor grid, more than two coordinates or one unknown, a
                condition is not linear with constant coefficients, or a kernel is too rough.
            ValueError: If nodes are too few, conditions depend on one another, or it takes more memory than it may.
        """
        problem = measurements.problem
        who = f"Kronecker on {problem.name!r}"
        grid = _grid_of(measurements, placement)
        nodes = grid.axes(problem)
        segments = _segments(problem)
        counts = [len(x) for x in nodes]
        spectra = self._spectra(measurements, segments, counts)
        features = [len(s.line) for s in spectra]
        numbers = _numbers(counts, features, len(measurements.clouds[0].orders), self.draws)
        require_memory(
            self, f"a grid of {' x '.join(map(str, counts))} nodes", numbers, self.memory, "take fewer nodes"
        )
        ends = [n + 2 * (not s.periodic) for n, s in zip(counts, segments, strict=True)]
        sides = [Side.of(c, ends, problem.name) for c in measurements.clouds[1:]]
        own = tuple(tuple(side for side in sides if side.axis == i) for i in range(len(nodes)))
        bases, fitting = [], []
        for i, (x, segment) in enumerate(zip(nodes, segments, strict=True)):
            at = torch.as_tensor(x)
            try:
                basis = AxisBasis.of(spectra[i], segment, at, [side.functional for side in own[i]])
            except ValueError as error:
                raise ValueError(f"{who}, along {problem.coordinates[i]}: {error}") from None
            bases.append(basis.on(device))
            fitting.append(basis.fitting(*segment.with_ends(at)).to(device))
        fit = SideFit(tuple(bases), own, tuple(fitting))
        return KroneckerSystem(measurements, fit, device, self.draws, self.iterations)

    def _spectra(
        self, measurements: Measurements, segments: Sequence[Segment], counts: Sequence[int]
    ) -> list[LineSpectrum]:
        """The lines along each coordinate that its nodes can see."""
        problem, out = measurements.problem, []
        rows = zip(measurements.prior.kernels, problem.coordinates, segments, counts, strict=True)
        for kernel, name, segment, n in rows:
            who = f"Kronecker on {problem.name!r}, along {name}"
            try:
                spectrum = LineSpectrum.of(kernel, segment.low, segment.length, SPECTRUM_TOLERANCE, segment.periodic)
            except ValueError as error:
                raise UnsupportedProblem(f"{who}: {error}") from None
            turns = spectrum.frequencies * segment.length / (2 * math.pi)
            if segment.periodic and float((turns - turns.round()).abs().max()) > 1e-9:
                raise UnsupportedProblem(
                    f"{who}: the kernel does not repeat after {segment.length:g} as the domain does; take lines at "
                    "multiples of 2 pi / period, as LineSpectrum.harmonics(…, periodic=True) has"
                )
            out.append(_visible(spectrum, segment, n, who))
        return out


@dataclass(frozen=True, eq=False)
class KroneckerSystem(GpSystem):
    """The projected equation; coefficients are those of products of the functions of the bases, `(m_1, …)`."""

    measurements: Measurements
    fit: SideFit
    device: torch.device
    draws: int
    iterations: int

    def start(self) -> Tensor:
        """All zero: the prior mean."""
        shape = [b.count for b in self.fit.bases]
        return torch.zeros(shape, dtype=torch.float64, device=self.device)

    def residual(self, coefficients: Tensor) -> Tensor:
        """All residuals at the nodes in units of their noise, the nugget taken about the prior mean."""
        equation = self._row.values(self._jets(coefficients), *self._places)
        parts = [equation / self._first_noise]
        for side, noise in zip(self._sides, self._side_noise, strict=True):
            parts.append((self._on_side(side, coefficients) - side.values).flatten() / noise)
        return torch.cat([p.flatten() for p in parts])

    def linearized(self, coefficients: Tensor) -> Tensor:
        """The posterior mean of the linearised problem."""
        residual, partials = self._row.values_and_partials(self._jets(coefficients), *self._places)
        _require_finite(residual, partials)
        return coefficients + self._change(partials, residual, self._given[0] - coefficients)

    def field(self, coefficients: Tensor) -> KroneckerPosterior:
        """The posterior; its standard deviation is for the amplitude that the data ask for."""
        draws = Draws(lambda: self._drawn(coefficients))
        return KroneckerPosterior(self.measurements.problem, self.fit.bases, coefficients, draws)

    def carried(self, previous: GpSystem, coefficients: Tensor) -> Tensor:
        """The function that another system on a grid has found, at the nodes and ends of this one."""
        if not isinstance(previous, KroneckerSystem):
            return self.start()
        places = [b.segment.with_ends(b.nodes)[0] for b in self.fit.bases]
        values = along(coefficients, [b.functions(x) for b, x in zip(previous.fit.bases, places, strict=True)])
        return along(values, self.fit.fitting)

    def scalars(self, coefficients: Tensor) -> Mapping[str, float]:
        """The amplitude of the prior, and how far conditions contradict one another where sides meet."""
        return {"amplitude": self._amplitude(coefficients), "corners": self._given[1]}

    # -- the equation --------------------------------------------------------------------------------------

    @property
    def _row(self) -> Linearized:
        return self.measurements.clouds[0].rows[0]

    @property
    def _places(self) -> tuple[Tensor, Tensor, Tensor]:
        cloud = self.measurements.clouds[0]
        return cloud.points, cloud.normals, cloud.carried

    @property
    def _sides(self) -> list[Side]:
        return [side for own in self.fit.sides for side in own]

    @cached_property
    def _derivatives(self) -> list[list[Tensor]]:
        """Of each coordinate the derivatives of its functions at the nodes."""
        highest = [max(o[i] for o in self.measurements.clouds[0].orders) for i in range(len(self.fit.bases))]
        return [
            [b.functions(b.nodes, p) for p in range(max(n, b.lifts) + 1)]
            for b, n in zip(self.fit.bases, highest, strict=True)
        ]

    @cached_property
    def _operator(self) -> ProjectedOperator:
        orders = [j.orders for j in self._row.jets]
        return ProjectedOperator(self.fit.bases, self._derivatives, orders, self.iterations)

    def _jets(self, coefficients: Tensor) -> list[Tensor]:
        return [self._grid(j.orders, coefficients).flatten() for j in self._row.jets]

    def _grid(self, orders: Sequence[int], coefficients: Tensor) -> Tensor:
        return along(coefficients, [d[p] for d, p in zip(self._derivatives, orders, strict=True)])

    def _partials(self, coefficients: Tensor) -> list[Tensor]:
        return self._row.values_and_partials(self._jets(coefficients), *self._places)[1]

    def _change(
        self, partials: Sequence[Tensor], residual: Tensor, known: Tensor, corrections: int = CORRECTIONS
    ) -> Tensor:
        """What changes coefficients so that a linearised residual vanishes, those of the lifting functions being known.

        Raises:
            SolveFailed: If the equation does not determine the rest.
        """
        lifted = known.clone()
        inner = tuple(slice(b.lifts, None) for b in self.fit.bases)
        lifted[inner] = 0
        shape = [len(b.nodes) for b in self.fit.bases]
        factors, right = [p.reshape(shape) for p in partials], -residual.reshape(shape)
        lifted[inner] = self._operator.solve(factors, right, lifted, corrections)
        return lifted

    # -- noise ---------------------------------------------------------------------------------------------

    def _noise(self, partials: Sequence[Tensor]) -> Tensor:
        """The standard deviation of the noise at each node for an amplitude of one."""
        jets, total = self._row.jets, torch.zeros_like(partials[0])
        for a, p in zip(jets, partials, strict=True):
            for b, q in zip(jets, partials, strict=True):
                total = total + p * q * self._covariance(a.orders, b.orders)
        return self._nugget(total)

    @cached_property
    def _first_noise(self) -> Tensor:
        return self._noise(self._partials(self.start()))

    @cached_property
    def _side_noise(self) -> list[Tensor]:
        """The standard deviation of the noise of each condition for an amplitude of one."""
        out = []
        for side in self._sides:
            c = side.functional.coefficients
            total, zero = self.start().new_zeros(()), [0] * len(self.fit.bases)
            for p, a in enumerate(c):
                for q, b in enumerate(c):
                    orders = [[*zero[: side.axis], k, *zero[side.axis + 1 :]] for k in (p, q)]
                    total = total + a * b * self._covariance(*orders)
            out.append(self._nugget(total))
        return out

    def _nugget(self, variance: Tensor) -> Tensor:
        spread = variance.clamp(min=0).sqrt()
        return self.measurements.nugget * torch.where(spread > 0, spread, torch.ones_like(spread))

    def _covariance(self, first: Sequence[int], second: Sequence[int]) -> float:
        """Of two derivatives at one point under the prior of amplitude one."""
        zero = torch.zeros(1, dtype=torch.float64)
        factors = [
            (-1) ** q * float(b.spectrum.covariance(zero, p + q))
            for b, p, q in zip(self.fit.bases, first, second, strict=True)
        ]
        return math.prod(factors)

    @cached_property
    def _given(self) -> tuple[Tensor, float]:
        """The coefficients that the conditions determine, and how far they contradict one another at corners."""
        return self.fit.coefficients([[side.values for side in own] for own in self.fit.sides])

    def _on_side(self, side: Side, coefficients: Tensor) -> Tensor:
        """What a condition prescribes, at its points."""
        matrices = []
        for i, b in enumerate(self.fit.bases):
            if i == side.axis:
                x = b.nodes.new_tensor([side.functional.x])
                parts = [c * b.functions(x, p) for p, c in enumerate(side.functional.coefficients)]
                matrices.append(torch.stack(parts).sum(dim=0))
            else:
                matrices.append(b.functions(torch.unique(side.cloud.points[:, i])))
        return along(coefficients, matrices).squeeze(side.axis)

    # -- posterior -----------------------------------------------------------------------------------------

    def _amplitude(self, coefficients: Tensor) -> float:
        """What the prior has to be multiplied with, from the data y = residuals of u = 0 and what is left of them.

        The square is the mean of (y / s)^2, s the deviations of linearised residuals under the prior (the first moment
        of the evidence y' G^-1 y / n), plus that of residuals in units of their noise, which is large where the
        spectrum cannot represent the answer.
        """
        given = self.residual(self.start()) * self.measurements.nugget
        return math.sqrt(float(given.square().mean() + self.residual(coefficients).square().mean()))

    def _drawn(self, coefficients: Tensor) -> Tensor:
        """Deviations of solutions with noise from the one without, over sqrt(draws): a factor `(m, draws)`."""
        partials, size = self._partials(coefficients), self._amplitude(coefficients)
        noise, generator = size * self._noise(partials), torch.Generator().manual_seed(0)
        draw = lambda like: torch.randn(like.shape, generator=generator, dtype=torch.float64).to(like)  # noqa: E731
        out = []
        for _ in range(self.draws):
            equation, shifted, at = noise * draw(noise), [], iter(self._side_noise)
            for own in self.fit.sides:
                shifted.append([size * next(at) * draw(side.values) for side in own])
            known = self.fit.coefficients(shifted)[0]
            out.append(self._change(partials, equation, known, corrections=1).flatten())
        return torch.stack(out, dim=1) / math.sqrt(self.draws)


def _grid_of(measurements: Measurements, placement: Placement) -> NodeGrid:
    """The grid, if the problem is of a kind that has one.

    Raises:
        UnsupportedProblem: If it is not.
    """
    problem = measurements.problem
    who = f"Kronecker on {problem.name!r}"
    if not isinstance(problem.region, Box):
        raise UnsupportedProblem(f"{who}: {problem.region} is no box; take algebra=WeightSpace() or SparseCholesky()")
    if not isinstance(placement, NodeGrid):
        raise UnsupportedProblem(f"{who}: {placement} is no grid; say placement=NodeGrid(), or take WeightSpace()")
    if len(problem.unknowns) > 1:
        raise UnsupportedProblem(f"{who}: {len(problem.unknowns)} unknowns; take algebra=WeightSpace()")
    if len(problem.coordinates) > MOST_COORDINATES:
        raise UnsupportedProblem(
            f"{who}: {len(problem.coordinates)} coordinates, and there is no direct solver for more than "
            f"{MOST_COORDINATES}; take algebra=WeightSpace()"
        )
    if measurements.observations or measurements.deviations or any(p.is_unknown for p in problem.parameters):
        raise UnsupportedProblem(
            f"{who}: observed values, uncertain conditions and unknown parameters belong to no tensor grid; take "
            "algebra=WeightSpace()"
        )
    return placement


def _segments(problem: Problem) -> list[Segment]:
    """The interval of each coordinate."""
    region = problem.region
    closed = [isinstance(region, Box) and c in region.periodic for c in problem.coordinates]
    return [Segment(a, b, c) for (a, b), c in zip(intervals(problem).values(), closed, strict=True)]


def _visible(spectrum: LineSpectrum, segment: Segment, n: int, who: str) -> LineSpectrum:
    """The lines up to the largest frequency that n nodes resolve.

    Raises:
        ValueError: If more than the upper part of the range would be lost.
    """
    most = (math.pi * n if segment.periodic else FINEST * 2 * n) / segment.length
    top = float(spectrum.frequencies.max())
    if most < RESOLVED * top:
        raise ValueError(
            f"{who}: {n} nodes resolve angular frequencies up to {most:.4g}, and the prior has them up to {top:.4g}; "
            f"give {nodes_for(spectrum, segment)} nodes or more, or a smaller largest frequency"
        )
    seen = spectrum.frequencies <= most
    return LineSpectrum(spectrum.frequencies[seen], spectrum.variances[seen], spectrum.origin)


def _numbers(counts: Sequence[int], features: Sequence[int], jets: int, draws: int) -> float:
    """Floating-point numbers kept at the same time, roughly."""
    small = [min(n, m) for n, m in zip(counts, features, strict=True)]
    along_axes = sum(8 * n * m + 12 * k * k for n, m, k in zip(counts, features, small, strict=True))
    return along_axes + (3 * jets + 8) * math.prod(counts) + (draws + 40) * math.prod(small)


def _require_finite(residual: Tensor, partials: Sequence[Tensor]) -> None:
    if not all(bool(torch.isfinite(v).all()) for v in (residual, *partials)):
        raise SolveFailed(
            "SpectralGp: the equation, or its derivative by an unknown, is not finite at a node; look for a division, "
            "root or logarithm there, or shift the unknown so that the first guess u = 0 is admissible"
        )
