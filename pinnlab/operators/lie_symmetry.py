"""Further examples from continuous symmetries of evolution equations, such as Galilean boosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import sympy as sp
import torch
from sympy.core.function import AppliedUndef
from torch import Tensor

from pinnlab.admissible import finite_number, require_positive
from pinnlab.family import Family
from pinnlab.forms.jet import Jet, jet_symbols
from pinnlab.forms.open_jets import OpenJets, exact
from pinnlab.forms.point_symmetry import PointSymmetry, require_invariant, require_kept_conditions
from pinnlab.forms.prolongation import VectorField
from pinnlab.numerics.resampling import shifted
from pinnlab.operators.augmentation import Augmentation, opened
from pinnlab.operators.layout import ROUNDING, Layout
from pinnlab.operators.pairs import Batch
from pinnlab.symbols import Expr, field_name, parameters_of, with_values

# The first and the last of what a flow moves: time, and a number that stays one.
TIME, ONE = "time", "one"


@dataclass(frozen=True)
class LieSymmetry(Augmentation):
    """Solutions moved along the flow of a point symmetry, by a parameter drawn uniformly between -largest and largest.

        LieSymmetry(PointSymmetry({x: t, u: 1}), largest=0.5, initial={"u0": "u"})

    maps u(t, x) to u(t, x - e t) + e, and the initial values u0 to u0 + e.  The flow of dz/de = A z + b, with z of
    time, space and unknowns, is the matrix exponential; shifts along periodic coordinates are those of the
    trigonometric interpolant, exact for what the nodes resolve.

    Frames and box stay where they are: time may not move; a periodic coordinate may move by what is affine in time, and
    another not at all; unknowns may change by what is affine in unknowns and time.  Scalings of space or time are none
    of these: they make solutions on another box.  Shifts {x: 1} are `PeriodicShift()`, which moves all inputs.

    Args:
        symmetry: Its generator; parameters have the values that they have in the declaration.
        largest: Of the parameter e of the flow, in the units that the generator gives it.
        initial: Input → the unknown whose values at the initial time it holds.
        start: The initial time.

    Raises:
        ValueError: If a part is of another kind, or largest is not positive.

    Source: J. Brandstetter, M. Welling, D. Worrall, Lie point symmetry data augmentation for neural PDE solvers,
    ICML 2022 (arXiv 2202.07643); there with flows composed of several generators, here given one after the other.
    """

    symmetry: PointSymmetry
    largest: float
    initial: Mapping[str, str] = field(default_factory=dict)
    start: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.symmetry, PointSymmetry):
            raise ValueError(
                f"LieSymmetry: symmetry = {self.symmetry!r}; give one such as PointSymmetry({{x: t, u: 1}})"
            )
        require_positive(self, largest=self.largest)
        object.__setattr__(self, "start", finite_number("LieSymmetry", "start", self.start))
        if not isinstance(self.initial, Mapping):
            raise ValueError(f'LieSymmetry: initial = {self.initial!r}; give input and unknown, as in {{"u0": "u"}}')
        object.__setattr__(self, "initial", dict(self.initial))

    def require_fits(self, layout: Layout, axes: Sequence[np.ndarray]) -> None:
        """Refuse data that it is not defined on.

        Raises:
            ValueError: If there is no time, a name is unknown, or the flow moves frames or box.
        """
        if not layout.times:
            raise ValueError("LieSymmetry: the data are steady, and it moves frames in time; map them another way")
        for name, unknown in self.initial.items():
            if name not in layout.input_names or unknown not in layout.output_names:
                raise ValueError(
                    f"LieSymmetry: initial names {name!r}: {unknown!r}, and the inputs are "
                    f"{', '.join(layout.input_names)} and the outputs {', '.join(layout.output_names)}"
                )
        matrix = _Flow.of(self.symmetry, layout).matrix
        first = 1 + len(layout.coordinates)
        for unknown in self.initial.values():
            row = first + layout.output_names.index(unknown)
            for other in layout.output_names:
                if matrix[row, first + layout.output_names.index(other)] and other not in self.initial.values():
                    raise ValueError(
                        f"LieSymmetry: {unknown} changes with {other}, whose initial values are in no input; name the "
                        "input in initial"
                    )

    def require_symmetry_of(self, family: Family) -> None:
        """Refuse a family of whose equations and conditions it is no symmetry.

        Raises:
            ValueError: If it is none, or cannot be seen to be one; what is left is printed.
        """
        jets = opened(family)
        problem = jets.problem
        self._require_names_of(family)
        along = self._on_inputs(jets)
        if any(m != 0 for m in along.motion):
            inside = {s.jet.field for s in jet_symbols(*jets.residuals)} & {*jets.functions}
            staying = inside | ({*jets.functions} - {*self.initial})
            if staying:
                raise ValueError(
                    f"LieSymmetry: {', '.join(sorted(staying))} of {problem.name!r} is a function that stays where it "
                    "is while the solution moves; such flows are for families whose initial values alone are functions"
                )
        require_invariant(jets, along, {}, f"LieSymmetry: {self.symmetry}")
        require_kept_conditions(jets, along, {}, {})

    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Other samples; draws are made on the processor, one for each sample."""
        inputs, layout = batch.inputs, batch.layout
        drawn = 2 * torch.rand(len(inputs), generator=generator, dtype=torch.float64) - 1
        flow = _Flow.of(self.symmetry, layout)
        parameter = (float(self.largest) * drawn).to(inputs.device)
        outputs = flow.moved(batch.outputs, parameter, batch.times)
        if not self.initial:
            return replace(batch, outputs=outputs)
        first = torch.zeros_like(batch.outputs[:, :1])
        pairs = [(layout.input_names.index(n), layout.output_names.index(u)) for n, u in self.initial.items()]
        for place, unknown in pairs:
            first[:, 0, unknown] = inputs[:, place]
        begun = flow.moved(first, parameter, torch.full_like(batch.times[:, :1], self.start))
        inputs = inputs.clone()
        for place, unknown in pairs:
            inputs[:, place] = begun[:, 0, unknown]
        return replace(batch, inputs=inputs, outputs=outputs)

    def _on_inputs(self, jets: OpenJets) -> VectorField:
        """The generator, and how it changes the inputs that hold initial values."""
        along, interval = self.symmetry.lowered(jets), jets.problem.interval
        at: dict[Expr, Expr] = {} if interval is None else {interval.time: exact(sp.sympify(interval.start))}
        orders = (0,) * len(along.coordinates)
        for name, unknown in self.initial.items():
            at[Jet(unknown, orders).symbol] = Jet(name, orders).symbol
        begun = {name: along.change[unknown].xreplace(at) for name, unknown in self.initial.items()}
        return VectorField(along.coordinates, along.motion, {**along.change, **begun})

    def _require_names_of(self, family: Family) -> None:
        problem = family.problem
        for name, unknown in self.initial.items():
            if name not in family.things or unknown not in problem.names:
                raise ValueError(
                    f"LieSymmetry: initial names {name!r}: {unknown!r}, and random in {problem.name!r} are "
                    f"{', '.join(family.things)}, and its unknowns {', '.join(problem.names)}"
                )
        if problem.interval is None or abs(problem.interval.start - self.start) > ROUNDING * problem.interval.length:
            began = "is steady" if problem.interval is None else f"begins at {problem.interval.start:g}"
            raise ValueError(f"LieSymmetry: start = {self.start:g}, and {problem.name!r} {began}")
        random = {p.name for v in self.symmetry.generator.values() for p in parameters_of(v)} & {*family.things}
        if random:
            raise ValueError(
                f"LieSymmetry: {self.symmetry} holds {', '.join(sorted(random))}, which differs from sample to sample; "
                "declare a symmetry without it"
            )


@dataclass(frozen=True, eq=False)
class _Flow:
    """dz/de = A z with z = (t, x…, u…, 1).

    Attributes:
        matrix: A, in float64.
        layout: Of the data.
    """

    matrix: Tensor
    layout: Layout

    @staticmethod
    def of(symmetry: PointSymmetry, layout: Layout) -> _Flow:
        """That of a generator.

        Raises:
            ValueError: If it moves frames or box, or is not affine.
        """
        values = [with_values(v) for v in symmetry.generator.values()]
        symbols = {*symmetry.generator, *(s for v in values for s in v.free_symbols)}
        others = [s for s in symbols if isinstance(s, sp.Symbol) and s.name not in layout.coordinates]
        if len(others) > 1 or any(parameters_of(v) for v in values):
            raise ValueError(
                f"LieSymmetry: {symmetry} holds {', '.join(sorted(map(str, others)))}, and besides the coordinates "
                f"{', '.join(layout.coordinates)} there is time alone; give parameters their values"
            )
        names = [TIME, *layout.coordinates, *layout.output_names, ONE]
        matrix = torch.zeros(len(names), len(names), dtype=torch.float64)
        for key, value in symmetry.generator.items():
            for place, factor in _row(key, value, layout).items():
                if factor and place not in names:
                    raise ValueError(f"LieSymmetry: {key} changes with {place}, which is no output of the data")
                if factor:
                    name = field_name(key) if isinstance(key, AppliedUndef) else str(key)
                    matrix[names.index(name), names.index(place)] = factor
        return _Flow(matrix, layout)

    def moved(self, values: Tensor, parameter: Tensor, times: Tensor) -> Tensor:
        """Frames `(batch, m, c_out, *grid)` at `times (batch, m)` after the flow up to `parameter (batch,)`."""
        layout, d = self.layout, len(self.layout.coordinates)
        done = torch.matrix_exp(parameter[:, None, None] * self.matrix.to(parameter.device))
        at = times.double()
        for i, (a, b) in enumerate(layout.box):
            distances = done[:, 1 + i, :1] * at + done[:, 1 + i, -1:]
            if self.matrix[1 + i].any():
                values = shifted(values, distances.reshape(*at.shape, *[1] * (d + 1)), 3 + i, b - a)
        unknowns = slice(1 + d, -1)
        mixed = torch.einsum("bij,bmj...->bmi...", done[:, unknowns, unknowns].to(values.dtype), values)
        added = done[:, None, unknowns, 0] * at[:, :, None] + done[:, None, unknowns, -1]
        added = added.reshape(*added.shape, *[1] * d)
        return mixed + added.to(values.dtype)


def _row(key: Expr, value: Expr, layout: Layout) -> dict[str, float]:
    """The factors of time, of unknowns and of 1 in how fast something changes.

    Raises:
        ValueError: If there are others, or they move frames or box.
    """
    name = field_name(key) if isinstance(key, AppliedUndef) else key.name
    unknowns = {f: sp.Dummy(field_name(f)) for f in value.atoms(AppliedUndef)}
    value = exact(with_values(value).xreplace(unknowns))
    factors = {}
    for s in sorted(value.free_symbols, key=str):
        place = s.name if isinstance(s, sp.Dummy) or s.name in layout.coordinates else TIME
        factors[place], value = sp.diff(value, s), value.xreplace({s: sp.S.Zero})
    factors[ONE] = value
    if not all(f.is_number and f.is_extended_real for f in factors.values()):
        raise ValueError(
            f"LieSymmetry: {key} changes by what is not affine in time and unknowns with real factors; its flow is "
            "not known"
        )
    moving = {place for place, factor in factors.items() if factor != 0}
    if moving and name in layout.coordinates and not layout.periodic[layout.coordinates.index(name)]:
        raise ValueError(f"LieSymmetry: {name} changes, and is not periodic, so that the box would move")
    if moving and name not in (*layout.coordinates, *layout.output_names):
        if isinstance(key, AppliedUndef):
            raise ValueError(
                f"LieSymmetry: {name} changes, and the outputs of the data are {', '.join(layout.output_names)}"
            )
        raise ValueError(f"LieSymmetry: {name} changes, so that frames would be at other times; they must stay")
    forbidden = moving & {*layout.coordinates, *(layout.output_names if name in layout.coordinates else ())}
    if forbidden:
        raise ValueError(
            f"LieSymmetry: {name} changes with {', '.join(sorted(forbidden))}, which does not fit the box and its "
            "periods; coordinates may change with time, and unknowns with time and unknowns"
        )
    return {place: float(factor) for place, factor in factors.items()}
