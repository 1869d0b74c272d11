"""Further examples from changes of coordinates, under which equations in divergence form keep their form."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import sympy as sp
import torch
from torch import Tensor

from pinnlab.admissible import is_number, require_counts
from pinnlab.family import Family
from pinnlab.forms.jet import Jet
from pinnlab.forms.open_jets import OpenJets
from pinnlab.forms.point_symmetry import require_invariant, require_kept_conditions
from pinnlab.forms.prolongation import VectorField
from pinnlab.numerics.resampling import interpolated
from pinnlab.operators.augmentation import Augmentation, box_of, evolving, names_of
from pinnlab.operators.layout import ROUNDING, Layout
from pinnlab.operators.pairs import Batch
from pinnlab.symbols import Expr


@dataclass(frozen=True)
class Covariant(Augmentation):
    """Samples in other coordinates: x_i = x_i(y_i) with random smooth increasing maps of each interval onto itself.

    If u solves m u_t - Σ_i (k_i u_{x_i})_{x_i} + Σ_i b_i u_{x_i} + c u = f, then u(x(y)) solves the same equation with

        k_i J / x_i'²,   b_i J / x_i',   m J,   c J,   f J,   J = Π_j x_j',

    all taken at x(y), and the same data at the ends.  Everything that changes must be an input: also what is a constant
    in the declaration, such as a source f = 1.  In one dimension one coefficient k becomes k / x'; in several there
    must be one for each coordinate, since a scalar does not stay a scalar.

        Covariant({"x": "k"}, densities=("f",))            -(k u_x)_x = f
        Covariant({"x": "k_x", "y": "k_y"}, ("f", "c"))    -(k_x u_x)_x - (k_y u_y)_y + c u = f

    x' = 1 + Σ_j c_j cos(j π (y - a) / L) on an interval of length L from a, and Σ_j c_j cos(2 j π (y - a) / L + p_j) on
    a period, with c_j uniform in ±size / waves, and p_j uniform.  Values are interpolated by polynomials of degree 7.

    Not for coefficients or sources that jump, about which these swing, nor for data that are not resolved: maps make
    some of the waves shorter.  Maps change the distribution of the coefficients; keep them small where that matters.

    Args:
        diffusion: Coordinate → the input that is k_i.
        densities: Inputs that are m, c or f: amounts per length, area or volume.
        velocities: Coordinate → the input that is b_i, or the velocity in a flux b_i u.
        scalars: Inputs that keep their values, such as initial values of u.
        size: The largest |x' - 1|, below 1.
        waves: Number of cosines.

    Raises:
        ValueError: If a setting is out of range, or an input stands in two places.

    Source: V. Fanaskov, T. Yu, A. Rudikov, I. Oseledets, General covariance data augmentation for neural PDE solvers,
    ICML 2023 (arXiv 2301.12730).
    """

    diffusion: Mapping[str, str] = field(default_factory=dict)
    densities: tuple[str, ...] = ()
    velocities: Mapping[str, str] = field(default_factory=dict)
    scalars: tuple[str, ...] = ()
    size: float = 0.5
    waves: int = 3

    def __post_init__(self) -> None:
        for name in ("diffusion", "velocities"):
            if not isinstance(getattr(self, name), Mapping):
                raise ValueError(f'Covariant: {name} = {getattr(self, name)!r}; give inputs, as in {{"x": "k"}}')
            object.__setattr__(self, name, dict(getattr(self, name)))
        for name in ("densities", "scalars"):
            object.__setattr__(self, name, names_of(self, name, getattr(self, name)))
        require_counts(self, waves=self.waves)
        if not (is_number(self.size) and 0 < self.size < 1):
            raise ValueError(f"Covariant: size = {self.size!r}; give a number between 0 and 1, so that maps increase")
        names = self._names
        doubled = next((n for n in names if names.count(n) > 1), None)
        if doubled is not None:
            raise ValueError(
                f"Covariant: {doubled!r} stands in two places, which change it differently; in several dimensions a "
                "scalar diffusion becomes another one along each coordinate, so that they must be inputs of their own"
            )

    def require_fits(self, layout: Layout, axes: Sequence[np.ndarray]) -> None:
        """Refuse data that it is not defined on.

        Raises:
            ValueError: If a name is unknown, an input is not named, or the nodes are not equispaced.
        """
        for name in (*self.diffusion, *self.velocities):
            if name not in layout.coordinates:
                raise ValueError(f"Covariant: there is no coordinate {name!r} among {', '.join(layout.coordinates)}")
        if {*self._names} != {*layout.input_names}:
            raise ValueError(
                f"Covariant: it names the inputs {', '.join(self._names) or '(none)'}, and the data have "
                f"{', '.join(layout.input_names)}; say of each whether it is a diffusion, a velocity, a density or a "
                "scalar"
            )
        for name, nodes, n in zip(layout.coordinates, axes, layout.grid, strict=True):
            if n < 8 or np.ptp(np.diff(nodes)) > ROUNDING * np.ptp(nodes):
                raise ValueError(f"Covariant: along {name} the {n} nodes must be 8 or more and equally far apart")

    def require_symmetry_of(self, family: Family) -> None:
        """Refuse a family whose form does not stay the same under changes of coordinates.

        Raises:
            ValueError: If it does not, or nodes could not reach the ends; what is left is printed.
        """
        missing = {*self._names} ^ {*family.things}
        if missing:
            raise ValueError(
                f"Covariant: {', '.join(sorted(missing))} is either random in {family.problem.name!r} or named here, "
                "and must be both"
            )
        jets = OpenJets.of(family.problem, family.things, evolving=evolving(family))
        along, apart, ends = self._generator(jets)
        require_invariant(jets, along, apart, "Covariant: a change of coordinates")
        require_kept_conditions(jets, along, apart, ends)

    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Other samples; draws are made on the processor, one map for each sample and coordinate."""
        inputs, outputs, layout = batch.inputs, batch.outputs, batch.layout
        slopes = []
        for axis, periodic in enumerate(layout.periodic):
            n = inputs.shape[2 + axis]
            steps = n if periodic else n - 1
            places, slope = self._map(len(inputs), n, steps, periodic, generator)
            places = places.to(inputs.device)
            inputs = interpolated(inputs, places, 2 + axis, periodic=periodic)
            outputs = interpolated(outputs, places, 3 + axis, periodic=periodic)
            shape = [len(inputs)] + [1] * len(layout.grid)
            shape[1 + axis] = n
            slopes.append(slope.to(inputs).reshape(shape))
        factors = self._factors(slopes, layout)
        ones = torch.ones_like(inputs[:, 0])
        found = [ones * factors[name] if name in factors else ones for name in layout.input_names]
        return replace(batch, inputs=inputs * torch.stack(found, dim=1), outputs=outputs)

    @property
    def _names(self) -> tuple[str, ...]:
        return (*self.diffusion.values(), *self.velocities.values(), *self.densities, *self.scalars)

    def _map(
        self, samples: int, n: int, steps: int, periodic: bool, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Random maps of [0, steps]: x, in steps from the first node, and x', at the nodes `(samples, n)`."""
        drawn = torch.rand(2, samples, self.waves, 1, generator=generator, dtype=torch.float64)
        size = float(self.size) / self.waves * (2 * drawn[0] - 1)
        phase = 2 * math.pi * drawn[1] if periodic else torch.zeros_like(drawn[1])
        wave = math.pi * (1 + periodic) * torch.arange(1, self.waves + 1, dtype=torch.float64)[:, None]
        y = torch.arange(n, dtype=torch.float64) / steps
        x = y + (size / wave * (torch.sin(wave * y + phase) - torch.sin(phase))).sum(1)
        slope = 1 + (size * torch.cos(wave * y + phase)).sum(1)
        # The last end is a multiple of pi, up to rounding.
        return steps * (x if periodic else x.clamp(0, 1)), slope

    def _factors(self, slopes: Sequence[Tensor], layout: Layout) -> dict[str, Tensor]:
        """What each input is multiplied with, `(batch, *grid)`."""
        total = torch.ones_like(slopes[0])
        for slope in slopes:
            total = total * slope
        out = dict.fromkeys(self.densities, total)
        for names, power in ((self.diffusion, 2), (self.velocities, 1)):
            for coordinate, name in names.items():
                out[name] = total / slopes[layout.coordinates.index(coordinate)] ** power
        return out

    def _generator(self, jets: OpenJets) -> tuple[VectorField, dict[str, frozenset[int]], dict[sp.Symbol, Expr]]:
        """The maps y = x + e η(x) for small e, with η any function of its coordinate that vanishes at both ends.

        Returns the vector field, the coordinates that each η does not depend on, and the η of each coordinate.
        """
        problem = jets.problem
        coordinates, zero = problem.coordinates, (0,) * len(problem.coordinates)
        box_of(problem)
        speeds = {c: Jet(f"speed_{c}", zero) for c in problem.space}
        slopes = {c.name: j.shifted(coordinates.index(c), 1).symbol for c, j in speeds.items()}
        apart = {j.field: frozenset(i for i, other in enumerate(coordinates) if other != c) for c, j in speeds.items()}
        # J is 1 - e Σ η', and x' is 1 - e η'.
        total = sp.Add(*slopes.values())
        change: dict[str, Expr] = {}
        for names, power in ((self.diffusion, 2), (self.velocities, 1)):
            for coordinate, name in names.items():
                if coordinate not in slopes:
                    raise ValueError(f"Covariant: {coordinate!r} is no coordinate of space of {problem.name!r}")
                change[name] = (power * slopes[coordinate] - total) * Jet(name, zero).symbol
        change |= {name: -total * Jet(name, zero).symbol for name in self.densities}
        motion = tuple(speeds[c].symbol if c in speeds else sp.S.Zero for c in coordinates)
        return VectorField(tuple(coordinates), motion, change), apart, {c: j.symbol for c, j in speeds.items()}
