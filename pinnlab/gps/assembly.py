"""From settings and the present choice of a prior to a system of linear algebra."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from pinnlab.domain.even_points import bounding_box
from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.boundary import classify
from pinnlab.forms.linearized import Linearized
from pinnlab.forms.pointwise import Pointwise
from pinnlab.gps.placement import NodeGrid, Placement
from pinnlab.gps.prior import Prior
from pinnlab.gps.spectrum import LEAST, FoundSpectrum, finest, nodes_for, range_of_data
from pinnlab.gps.structure import suitable
from pinnlab.gps.system import Algebra, GpSystem, told
from pinnlab.gps.uncertain import Uncertain
from pinnlab.gps.weight_space import WeightSpace
from pinnlab.numerics.kernels import Kernel
from pinnlab.numerics.line_spectrum import LineSpectrum
from pinnlab.observations import Observations
from pinnlab.problem import Problem
from pinnlab.row_system import Cloud

# Where something is left open the least degree of polynomials: with fewer lines hardly any function would satisfy the
# equations to the nugget, and what is left open would come out as certain.
RICH = 36
# What observations cannot tell, as a share of their smallest noise.
UNSEEN = 1e-2
# The nugget beside observations: this share of what they cannot tell, and no more than the other.
OF_NUGGET, LARGEST_NUGGET = 1e-2, 1e-6
# Lines with less than this share of the largest variance are left out.
NOTHING = 1e-26


@dataclass
class Choice:
    """What distinguishes one prior from others of the same settings.

    Attributes:
        top: The largest frequency along each coordinate; () for a given kernel.
        variances: Of the first lines along each coordinate, the rest has none; [] for a given kernel.
        amplitudes: One per unknown; () before anything was chosen.
    """

    top: tuple[float, ...] = ()
    variances: list[Tensor] = field(default_factory=list)
    amplitudes: tuple[float, ...] = ()

    def same(self, other: Choice) -> bool:
        """Whether both describe one prior."""
        return (
            self.top == other.top
            and self.amplitudes == other.amplitudes
            and all(torch.equal(a, b) for a, b in zip(self.variances, other.variances, strict=True))
        )


@dataclass(frozen=True, eq=False)
class Assembly:
    """Everything of a run that does not change.

    Attributes:
        problem: What is solved.
        kernel: The rule for the spectrum, or a kernel for each coordinate.
        placement: Where equations and conditions hold.
        algebra: How linear problems are solved; None for what suits the first prior.
        nugget: Of all residuals; None for the algebra's own.
        observations: Measured values.
        uncertain: Pieces whose conditions are not exact.
        device: Where the linear algebra runs.
    """

    problem: Problem
    kernel: FoundSpectrum | tuple[Kernel, ...]
    placement: Placement
    algebra: Algebra | None
    nugget: float | None
    observations: tuple[Observations, ...]
    uncertain: tuple[Uncertain, ...]
    device: torch.device

    @cached_property
    def first(self) -> Choice:
        """Before anything is learned: the range of the data, the broadest variances, amplitudes of one.

        Where the numbers of nodes are given the range is what they resolve.
        """
        ones = (1.0,) * len(self.problem.unknowns)
        if not isinstance(self.kernel, FoundSpectrum):
            return Choice((), [], ones)
        self._require_least(self.kernel.widths[-1])
        if self._counts is not None:
            return self.in_range(finest(self.problem, self._counts), ones, self.kernel.widths[-1])
        top = tuple(self.kernel.margin * k for k in self._range)
        if self.observations or self.uncertain:
            low, high = bounding_box(self.problem.spacetime)
            top = tuple(max(k, 2 * RICH / length) for k, length in zip(top, high - low, strict=True))
        return self.in_range(top, ones, self.kernel.widths[-1])

    def _require_least(self, width: float) -> None:
        """Refuse what the least range of frequencies makes impossible, before the data are looked at."""
        low, high = bounding_box(self.problem.spacetime)
        least = 2 * LEAST / (high - low) if self._counts is None else finest(self.problem, self._counts)
        ones = (1.0,) * len(self.problem.unknowns)
        prior = self.prior(self.in_range([float(k) for k in least], ones, width))
        self._ways(prior)

    def _ways(self, prior: Prior) -> tuple[Algebra, ...]:
        """The algebra that is given, or those that suit a prior; refused where there is one and it refuses."""
        ways = (self.algebra,) if self.algebra else suitable(self.problem, prior, self.placement)
        if len(ways) == 1:
            ways[0].require_prior(self.problem, prior)
        return ways

    @property
    def may_widen(self) -> bool:
        """Whether the range of frequencies may grow: there is one, and nodes are made to fit it."""
        return isinstance(self.kernel, FoundSpectrum) and self._counts is None

    def in_range(self, top: Sequence[float], amplitudes: tuple[float, ...], width: float) -> Choice:
        """Variances of a width in a range of frequencies, without the lines that they leave next to nothing."""
        lines = self.kernel.lines(self.problem, top, width) if isinstance(self.kernel, FoundSpectrum) else ()
        kept = (s.variances[: int((s.variances > NOTHING * s.variances.max()).sum())] for s in lines)
        return Choice(tuple(top), list(kept), amplitudes)

    def shapes(self, choice: Choice) -> list[Choice]:
        """Choices of the same range, one for each width."""
        widths = self.kernel.widths if isinstance(self.kernel, FoundSpectrum) else ()
        return [self.in_range(choice.top, choice.amplitudes, w) for w in widths]

    @cached_property
    def _range(self) -> tuple[float, ...]:
        """The largest frequencies of all data that the run may know of."""
        return range_of_data(self.problem, [u.piece for u in self.uncertain if u.deviation == math.inf]).top

    @cached_property
    def _counts(self) -> tuple[int, ...] | None:
        """The nodes along each coordinate, if they are given."""
        return self.placement.given(self.problem) if isinstance(self.placement, NodeGrid) else None

    @cached_property
    def is_linear(self) -> bool:
        """Whether one Gauss-Newton step solves the problem."""
        rows = [*Pointwise.of(self.problem).residuals, *(r.residual for r in classify(self.problem))]
        unknown = tuple(p for p in self.problem.parameters if p.is_unknown)
        return all(Linearized(r, self.problem.coordinates, self.problem.space, unknown).is_linear for r in rows)

    def prior(self, choice: Choice) -> Prior:
        """The prior of a choice."""
        if not isinstance(self.kernel, FoundSpectrum):
            return Prior(self.kernel, choice.amplitudes)
        bare = self.kernel.lines(self.problem, choice.top, math.inf)
        pairs = zip(bare, choice.variances, strict=True)
        lines = (LineSpectrum(s.frequencies[: len(v)], v / v.sum(), s.origin) for s, v in pairs)
        return Prior(tuple(lines), choice.amplitudes)

    def system(self, seed: int, choice: Choice) -> GpSystem:
        """All measurements under the prior of a choice, ready for Gauss-Newton.

        Raises:
            UnsupportedProblem: If a derivative is of higher order than the kernel is smooth, or the algebra refuses.
            ValueError: If points do not fit the problem, or memory does not suffice.
        """
        prior = self.prior(choice)
        ways, placement = self._ways(prior), self._placed(choice)
        nugget = self._nugget(ways[0])
        measured = told(
            self.problem, prior, placement, nugget, self.observations, self.uncertain, seed, self.device
        )  # fmt: skip
        prior.require_derivatives(self.problem, [j for c in measured.clouds for r in c.rows for j in r.jets])
        for way in ways[:-1]:
            with contextlib.suppress(UnsupportedProblem, ValueError):
                return way.system(measured, placement, self.device)
        return ways[-1].system(measured, placement, self.device)

    def uncertain_clouds(self, seed: int, choice: Choice) -> list[tuple[Cloud, float]]:
        """The conditions whose data have errors, at the points of a choice, and the standard deviations."""
        placement = self._placed(choice)
        measured = told(self.problem, self.prior(choice), placement, 1.0, (), self.uncertain, seed, self.device)
        return [(c, measured.deviation(k)) for k, c in enumerate(measured.clouds) if measured.deviation(k) > 0]

    def warn_if_coarse(self) -> None:
        """Warn of given nodes that cannot resolve the frequencies of the data."""
        each = self._counts
        if each is None:
            return
        data = self._range
        rows = zip(self.problem.coordinates, each, data, finest(self.problem, each), strict=True)
        for coordinate, n, k, most in rows:
            if k > most:
                warnings.warn(
                    f"SpectralGp on {self.problem.name!r}: {n} nodes along {coordinate} resolve angular frequencies up "
                    f"to {most:.3g}, and the data hold {k:.3g}; take {nodes_for(self.problem, data)} nodes",
                    stacklevel=5,
                )

    def _nugget(self, way: Algebra) -> float:
        """The one that is given, or what rounding asks for; with observations more, as far as they cannot tell.

        No sum of lines satisfies an equation exactly, and the better it does the larger are its weights.  A nugget
        below what data can tell would leave few functions that are likely at all, and make their answer too sure.
        """
        if self.nugget is not None:
            return self.nugget
        if self.uncertain and not self.observations:
            return max(way.nugget, LARGEST_NUGGET)
        return max(way.nugget, min(LARGEST_NUGGET, OF_NUGGET * self.unseen))

    @cached_property
    def unseen(self) -> float:
        """The share of the observed values under which their noise hides everything; 0 without any."""
        sizes = [float(np.sqrt(np.mean(np.square(o.values)))) for o in self.observations]
        shares = [float(np.min(o.noise)) / s for o, s in zip(self.observations, sizes, strict=True) if s > 0]
        return UNSEEN * min(shares) if shares else 0.0

    def _placed(self, choice: Choice) -> Placement:
        """The placement with its numbers of nodes."""
        if not isinstance(self.placement, NodeGrid) or self.placement.counts is not None:
            return self.placement
        if choice.top:
            return NodeGrid(nodes_for(self.problem, choice.top))
        prior = self.prior(choice)
        if prior.is_smooth:
            prior = Prior(WeightSpace().lines(self.problem, prior), prior.amplitudes)
        return NodeGrid(nodes_for(self.problem, [max(a, b) for a, b in zip(prior.top, self._range, strict=True)]))
