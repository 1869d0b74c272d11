"""Boxes cut into equal cells: averages over them, and the cells beyond the ends that boundary conditions imply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import sympy as sp

from pinnlab.domain.box import Box
from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.boundary import Dirichlet, Robin, classify, initial_data
from pinnlab.forms.evaluate import Program
from pinnlab.forms.jet import Jet
from pinnlab.problem import Problem
from pinnlab.symbols import Expr, OutwardFlux, applied_functions, field_name, normal, with_values

# Gauss-Legendre nodes per panel for averages of initial data.
_NODES = 5
# Panels per axis of a cell where one panel is not enough, as where the data jump.
_PANELS = {1: 512, 2: 24}
# Averages by one panel and by two that differ by more than this share of the data are computed anew.
_DIFFERENCE = 1e-11


# Cells inside that decide about those beyond an end.
_DEPTH = 3


@dataclass(frozen=True, eq=False)
class Side:
    """What holds at one end of an axis.

    Arrays have the axis last and the other axis of space, if any, before it.

    Attributes:
        fixed: Which unknowns have a prescribed value `(unknowns,)`.
        sloped: Which have a prescribed normal derivative.
        crossing: Which have a prescribed normal flux.
        program: Gives the prescribed numbers, one per unknown; zero where there is none.
        rates: Gives their derivatives in time.
        is_steady: Whether the numbers do not depend on time.
        nodes: The coordinates of space at the middles of the faces, each `()` or `(n_other,)`.
    """

    fixed: np.ndarray
    sloped: np.ndarray
    crossing: np.ndarray
    program: Program
    rates: Program
    is_steady: bool
    nodes: tuple[np.ndarray, ...]

    @cached_property
    def is_open(self) -> bool:
        """Whether nothing is prescribed: waves leave."""
        return not (self.fixed | self.sloped | self.crossing).any()

    def data(self, t: float, rate: bool = False) -> np.ndarray:
        """The prescribed numbers, or their rates, `(unknowns, [n_other])`."""
        if self.is_steady:
            return self._steady_rates if rate else self._steady_data
        return self._evaluated(self.rates if rate else self.program, t)

    def beyond(self, inner: np.ndarray, t: float, width: float, rate: bool = False) -> np.ndarray:
        """Averages of the cells beyond the end, outwards.

        Args:
            inner: Averages of at least three cells inside, from the end inwards, `(unknowns, [n_other,] cells)`.
            t: The time.
            width: The length of a cell.
            rate: Whether these are rates of change rather than values.
        """
        if self.is_open:
            return _continued(inner)
        data = self.data(t, rate)[..., None]
        out = self._signs(inner.ndim) * inner + 2 * as_column(self.fixed, inner.ndim) * data
        if self.sloped.any():
            distance = (2 * np.arange(inner.shape[-1]) + 1) * width
            out += as_column(self.sloped, inner.ndim) * data * distance
        # Through a prescribed flux neither value nor slope are known: what is inside goes on.
        return np.where(as_column(self.crossing, inner.ndim), _continued(inner), out) if self.crossing.any() else out

    def outside(self, inside: np.ndarray, t: float) -> np.ndarray:
        """The state beyond the face from the one inside of it, both `(unknowns, [n_other])`."""
        if not self.fixed.any():
            return inside
        data = self.data(t)
        if self.fixed.all():
            return data
        return self._signs(inside.ndim) * inside + 2 * as_column(self.fixed, inside.ndim) * data

    def _signs(self, ndim: int) -> np.ndarray:
        """-1 for the unknowns that are odd about their value, 1 for the others."""
        return as_column(np.where(self.fixed, -1.0, 1.0), ndim)

    def _evaluated(self, program: Program, t: float) -> np.ndarray:
        columns = program(t, *self.nodes)
        return np.stack([np.broadcast_to(np.asarray(c, float), self.nodes[0].shape) for c in columns])

    @cached_property
    def _steady_data(self) -> np.ndarray:
        return self._evaluated(self.program, 0.0)

    @cached_property
    def _steady_rates(self) -> np.ndarray:
        return np.zeros_like(self._steady_data)


@dataclass(frozen=True, eq=False)
class Cells:
    """Equal cells of a box, and what is known at its ends.

    Attributes:
        problem: Whose box and conditions these are.
        shape: How many cells along each axis of space.
    """

    problem: Problem
    shape: tuple[int, ...]

    @cached_property
    def widths(self) -> tuple[float, ...]:
        """The length of a cell along each axis."""
        return tuple((b - a) / n for (a, b), n in zip(self._bounds, self.shape, strict=True))

    @cached_property
    def lower(self) -> tuple[float, ...]:
        """The lower end of each axis."""
        return tuple(a for a, _ in self._bounds)

    @cached_property
    def centres(self) -> tuple[np.ndarray, ...]:
        """The middles of the cells along each axis."""
        parts = zip(self.lower, self.widths, self.shape, strict=True)
        return tuple(a + h * (np.arange(n) + 0.5) for a, h, n in parts)

    @cached_property
    def volume(self) -> float:
        """Of one cell."""
        return float(np.prod(self.widths))

    @cached_property
    def sides(self) -> tuple[tuple[Side, Side] | None, ...]:
        """The lower and the upper side of each axis, or None for a periodic one.

        Raises:
            UnsupportedProblem: If a condition prescribes neither a value, nor a normal derivative, nor a flux.
        """
        return tuple(self._ends(axis) for axis in range(len(self.shape)))

    def ends(self, axis: int) -> list[tuple[Side, int, int]]:
        """The sides of an axis, each with the index of its face and its outward direction; none if periodic."""
        ends = self.sides[axis]
        return [] if ends is None else [(ends[0], 0, -1), (ends[1], -1, 1)]

    def faces(self, axis: int, t: float) -> list[np.ndarray]:
        """Time and the middles of the faces along an axis, arrays that broadcast to `([n_other,] n + 1)`."""
        return [np.asarray(t), *self._face_nodes[axis]]

    def middles(self, axis: int, t: float) -> list[np.ndarray]:
        """Time and the middles of the cells, arrays that broadcast to `([n_other,] n)` with the axis last."""
        others = [c[:, None] for i, c in enumerate(self.centres) if i != axis]
        along = self.centres[axis]
        return [np.asarray(t), *([along, *others] if axis == 0 else [*others, along])]

    def points(self, t: float) -> list[np.ndarray]:
        """Time and the coordinates of the middles of the cells, `(n_1, …)` each."""
        return [np.asarray(t), *self._middles]

    @cached_property
    def _middles(self) -> list[np.ndarray]:
        return list(np.meshgrid(*self.centres, indexing="ij"))

    @cached_property
    def _face_nodes(self) -> list[list[np.ndarray]]:
        out = []
        for axis, (low, h, n) in enumerate(zip(self.lower, self.widths, self.shape, strict=True)):
            others = [c[:, None] for i, c in enumerate(self.centres) if i != axis]
            along = low + h * np.arange(n + 1)
            out.append([along, *others] if axis == 0 else [*others, along])
        return out

    def padded(self, averages: np.ndarray, axis: int, ghosts: int, t: float, rate: bool = False) -> np.ndarray:
        """Averages with the cells beyond both ends, the axis moved last: `(unknowns, [n_other,] n + 2 ghosts)`."""
        moved = averages if axis + 2 == averages.ndim else averages.swapaxes(axis + 1, -1)
        ends = self.sides[axis]
        if ends is None:
            return np.concatenate([moved[..., -ghosts:], moved, moved[..., :ghosts]], axis=-1)
        h, depth = self.widths[axis], max(ghosts, _DEPTH)
        below = ends[0].beyond(moved[..., :depth], t, h, rate)[..., ghosts - 1 :: -1]
        above = ends[1].beyond(moved[..., : -depth - 1 : -1], t, h, rate)[..., :ghosts]
        return np.concatenate([below, moved, above], axis=-1)

    def initial_averages(self) -> np.ndarray:
        """The averages of the initial data over each cell, `(unknowns, n_1, …)`, jumps inside of cells included."""
        dim = (0,) * len(self.problem.coordinates)
        data = initial_data(self.problem, [Jet(name, dim) for name in self.problem.names])
        program = Program(data, self.problem.coordinates)
        return self.averaged(program, self.problem.interval.start)  # type: ignore[union-attr]

    def averaged(self, program: Program, t: float) -> np.ndarray:
        """Averages over cells of functions of the coordinates, by composite Gauss quadrature."""
        cells = np.stack([m.ravel() for m in np.meshgrid(*self.centres, indexing="ij")])
        coarse, fine = (self._quadrature(program, t, cells, panels) for panels in (1, 2))
        scale = np.abs(fine).max(axis=1, keepdims=True) + np.finfo(float).tiny
        rough = np.flatnonzero((np.abs(fine - coarse) > _DIFFERENCE * scale).any(axis=0))
        many = _PANELS[len(self.shape)]
        for part in np.array_split(rough, max(1, len(rough) // 64)):
            fine[:, part] = self._quadrature(program, t, cells[:, part], many)
        return fine.reshape(-1, *self.shape)

    def averaged_smoothly(self, program: Program, t: float) -> np.ndarray:
        """Averages over cells of smooth functions of the coordinates, by one Gauss rule per cell."""
        cells = np.stack([m.ravel() for m in np.meshgrid(*self.centres, indexing="ij")])
        return self._quadrature(program, t, cells, 1).reshape(-1, *self.shape)

    def _quadrature(self, program: Program, t: float, centres: np.ndarray, panels: int) -> np.ndarray:
        """Averages `(functions, cells)` over the cells with these centres `(dim, cells)`."""
        nodes, weights = _gauss_rule()
        middles = (np.arange(panels) + 0.5) / panels - 0.5
        offsets = (middles[:, None] + nodes / (2 * panels)).ravel()
        shares = np.tile(weights / (2 * panels), panels)
        dim = len(centres)
        grid = np.stack([m.ravel() for m in np.meshgrid(*[offsets] * dim, indexing="ij")])
        weight = np.prod(np.stack([m.ravel() for m in np.meshgrid(*[shares] * dim, indexing="ij")]), axis=0)
        widths = np.array(self.widths)[:, None]
        points = centres[:, :, None] + (widths * grid)[:, None, :]
        columns = program(t, *points)
        return np.stack([np.broadcast_to(np.asarray(c, float), points.shape[1:]) @ weight for c in columns])

    @cached_property
    def _bounds(self) -> tuple[tuple[float, float], ...]:
        region = self.problem.region
        if not isinstance(region, Box):
            raise UnsupportedProblem(f"cells of {self.problem.name!r}: {region} is no box")
        return tuple(region.bounds.values())

    def _ends(self, axis: int) -> tuple[Side, Side] | None:
        region = self.problem.region
        assert isinstance(region, Box)  # `_bounds` refused anything else
        coordinate = region.coordinates[axis]
        if coordinate in region.periodic:
            return None
        pieces = [name for name, (c, _) in region.sides.items() if c == coordinate]
        return self._side(axis, pieces[0], -1), self._side(axis, pieces[1], 1)

    def _side(self, axis: int, piece: str, outward: int) -> Side:
        problem = self.problem
        who, names = f"cells of {problem.name!r}", problem.names
        facing: dict[Expr, Expr] = {normal(c): sp.Integer(0) for c in problem.space}
        facing[normal(problem.space[axis])] = sp.Integer(outward)
        masks = {kind: np.zeros(len(names), bool) for kind in ("fixed", "sloped", "crossing")}
        data: list[Expr] = [sp.S.Zero] * len(names)
        for kind, name, value in self._prescribed(piece, who):
            if any(mask[names.index(name)] for mask in masks.values()):
                raise UnsupportedProblem(f"{who}: {name} has two conditions on {piece!r}; finite volumes take one")
            masks[kind][names.index(name)] = True
            data[names.index(name)] = value.xreplace(facing)
        at = [self.lower[axis] + (self.widths[axis] * self.shape[axis] if outward > 0 else 0.0)]
        other = [c for i, c in enumerate(self.centres) if i != axis]
        columns = list(np.broadcast_arrays(*at, *other)) if other else [np.asarray(at[0])]
        nodes = columns if axis == 0 else columns[::-1]
        steady = not any(e.has(problem.time) for e in data)
        program, rates = (Program(e, problem.coordinates) for e in (data, [sp.diff(e, problem.time) for e in data]))
        return Side(masks["fixed"], masks["sloped"], masks["crossing"], program, rates, steady, tuple(nodes))

    def _prescribed(self, piece: str, who: str) -> list[tuple[str, str, Expr]]:
        """(mask, unknown, data) of every condition on a piece."""
        found = []
        places = [(c, p) for c in self.problem.conditions for p in self.problem.pieces_of(c)]
        for (condition, place), row in zip(places, classify(self.problem), strict=True):
            if place != piece:
                continue
            crossing = condition.residual.atoms(OutwardFlux)
            if len(crossing) == 1:
                (node,), value = crossing, sp.Dummy("F")
                residual = with_values(condition.residual).xreplace({node: value})
                share, data = sp.diff(residual, value), -residual.subs(value, 0) / sp.diff(residual, value)
                if not applied_functions(share) and not applied_functions(data) and not share.has(value):
                    found.append(("crossing", field_name(node.args[0]), data))
                    continue
            elif isinstance(row, Dirichlet) and row.unknown is not None:
                found.append(("fixed", row.unknown, row.value))
                continue
            elif isinstance(row, Robin) and row.a == 0 and row.unknown is not None:
                found.append(("sloped", row.unknown, row.g / row.b))
                continue
            raise UnsupportedProblem(
                f"{who}: the condition {condition.residual} = 0 on {piece!r} prescribes neither the value of one "
                "unknown nor its normal derivative nor its flux; finite volumes take one of these"
            )
        return found


@cache
def _gauss_rule() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on [-1, 1]; a method asks for them at every stage of a step."""
    return np.polynomial.legendre.leggauss(_NODES)


def _continued(inner: np.ndarray) -> np.ndarray:
    """Cells beyond an open end: along the smaller of the last two slopes, level where these disagree."""
    first, second, third = (inner[..., k : k + 1] for k in range(_DEPTH))
    slope, other = first - second, second - third
    slope = np.where(slope * other > 0, np.sign(slope) * np.minimum(np.abs(slope), np.abs(other)), 0.0)
    return first + slope * np.arange(1, inner.shape[-1] + 1)


def as_column(values: np.ndarray, ndim: int) -> np.ndarray:
    """One number per unknown, `(unknowns,)`, as an array of `ndim` axes that broadcasts over cells."""
    return values.reshape(-1, *[1] * (ndim - 1))


def stacked(columns: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """What a program returns, numbers included, as one array `(len(columns), *shape)`."""
    out = np.empty((len(columns), *shape))
    for row, column in zip(out, columns, strict=True):
        # A constant such as √(-1) is no state, flux or speed.
        row[...] = np.nan if np.iscomplexobj(column) else column
    return out
