"""Equations and conditions of a problem as residuals of functions on a tensor grid of time and space."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import sympy as sp
import torch
from torch import Tensor

from pinnlab.domain.box import Box
from pinnlab.errors import IncompatibleData, UnsupportedProblem
from pinnlab.forms.boundary import BoundaryRow, Dirichlet, classify
from pinnlab.forms.evaluate import Program
from pinnlab.forms.jet import JetSymbol, jet_symbols
from pinnlab.forms.pointwise import Pointwise
from pinnlab.known import Known, known
from pinnlab.numerics.grid_derivatives import FourierDerivative, GridDerivative, StencilDerivative
from pinnlab.operators.layout import ROUNDING
from pinnlab.problem import Problem
from pinnlab.symbols import Expr, Normal

CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class Term:
    """An equation, or a condition on a piece.

    Attributes:
        said: How it reads.
        program: The residual, its derivatives by the jets, and what is left of it where all jets are zero.
        jets: The jets that it holds.
        end: The axis and the index of the nodes on the piece; None for an equation, which holds at all nodes.
    """

    said: str
    program: Program
    jets: tuple[JetSymbol, ...]
    end: tuple[int, int] | None

    def placed(self, values: Tensor) -> Tensor:
        """What belongs to its nodes of values `(batch or 1, *grid)`, with 1 for axes that they do not depend on."""
        if self.end is None or values.shape[1 + self.end[0]] == 1:
            return values
        axis, index = self.end
        return values.narrow(1 + axis, index % values.shape[1 + axis], 1)


@dataclass(frozen=True, eq=False)
class GridResidual:
    """Residuals of functions with values `(batch, unknowns, *grid)`, the grid with time first.

    Derivatives are spectral along periodic coordinates, where products are not dealiased, and finite differences of
    fourth order along all others.

    Attributes:
        problem: The declaration, in which some parameters may be open.
        inputs: The names of these.
        times: Of the grid, with the initial time; empty for steady problems.
        derivatives: For each coordinate, time first.
        columns: Values of coordinates and of known functions, by their symbols, `(1, *grid)`.
        slopes: Symbols that stand for derivatives of inputs: their place, and orders for each coordinate.
        terms: Equations, then all conditions but initial values.
        initial: For each unknown its initial value; None where none is prescribed.
    """

    problem: Problem
    inputs: tuple[str, ...]
    times: np.ndarray
    derivatives: tuple[GridDerivative, ...]
    columns: Mapping[sp.Symbol, Tensor] = field(repr=False)
    slopes: Mapping[sp.Symbol, tuple[int, tuple[int, ...]]] = field(repr=False)
    terms: tuple[Term, ...] = field(repr=False)
    initial: tuple[Program | None, ...] = field(repr=False)

    @staticmethod
    def of(
        problem: Problem, axes: Sequence[np.ndarray], times: Sequence[float], inputs: Sequence[str] = ()
    ) -> GridResidual:
        """The residuals on a grid.

        Args:
            problem: What is to hold.
            axes: The nodes along each coordinate of space; of a periodic one without the last end.
            times: Of the frames that will be given; the initial time is put before them if it is not the first.
            inputs: The parameters that are left open; their values are given with those of the unknowns.

        Raises:
            UnsupportedProblem: If space is no box, something is unknown, or an unknown without an initial value is not
                among the frames at the initial time.
            ValueError: If there are too few nodes along a coordinate.
        """
        who = f"residual of {problem.name!r} on a grid"
        _require_supported(problem, who)
        opened = _opened(problem, inputs)
        every = [*axes] if problem.interval is None else [_with_start(problem, times, who), *axes]
        rows = [r for r in classify(opened) if not _is_initial_value(r)]
        placed: list[tuple[str, Expr, tuple[int, int] | None]] = []
        placed += [(str(e), r, None) for e, r in zip(problem.equations, Pointwise.of(opened).residuals, strict=True)]
        placed += [_on_piece(opened, r) for r in rows]
        start = initial_values(opened)
        if None in start and not _starts(problem, times):
            raise UnsupportedProblem(
                f"{who}: {problem.names[start.index(None)]} has no initial value, and its frames begin later; give "
                f"frames from t = {every[0][0]:g} on"
            )
        found = _Functions(opened, tuple(inputs), every)
        expressions = [found.lowered(e) for _, e, _ in placed]
        initial = [None if e is None else found.lowered(e) for e in start]
        terms = tuple(_term(said, e, end, found.symbols) for (said, _, end), e in zip(placed, expressions, strict=True))
        return GridResidual(
            problem,
            tuple(inputs),
            every[0] if problem.interval is not None else np.zeros(0),
            _derivatives(opened, every, expressions, found.slopes, who),
            found.columns,
            found.slopes,
            terms,
            tuple(None if e is None else Program([e], found.symbols) for e in initial),
        )

    def to(self, device: torch.device) -> GridResidual:
        """The same on another device."""
        derivatives = tuple(d.to(device) for d in self.derivatives)
        return replace(self, derivatives=derivatives, columns={s: c.to(device) for s, c in self.columns.items()})

    def values(self, frames: Tensor, inputs: Tensor) -> Tensor:
        """Frames `(batch, m, unknowns, *space)` as values on the grid, in float64, with the initial values put in.

        Args:
            frames: At the times that `of` was given; one of a steady problem.
            inputs: The open parameters on the grid of space, `(batch, inputs, *space)`.
        """
        found = frames.double().movedim(1, 2)
        if self.problem.interval is None:
            return found[:, :, 0]
        begun = found.shape[2] == len(self.times)
        arguments = [c[:, :1] if c.shape[1] > 1 else c for c in self._columns(inputs)]
        shape = (len(found), *found.shape[3:])
        first = []
        for i, program in enumerate(self.initial):
            if program is None:
                first.append(found[:, i, 0])
            else:
                value = _tensor(program(*arguments)[0], found)
                first.append(value.reshape(-1, *value.shape[2:]).expand(shape) if value.ndim else value.expand(shape))
        start = torch.stack(first, dim=1)[:, :, None]
        return torch.cat([start, found[:, :, begun:]], dim=2)

    def relative(self, values: Tensor, inputs: Tensor, scales: Tensor, weight: float) -> Tensor:
        """√(Σ_e |r_e|² + weight Σ_c |r_c|²) of each sample `(batch,)`, with root mean squares over nodes over scales.

        Args:
            values: `(batch, unknowns, *grid)`.
            inputs: `(batch, inputs, *space)`.
            scales: Of each term, `(batch, terms)`.
            weight: Of conditions.
        """
        squares = torch.stack([_mean_square(r) for r in self.residuals(values, inputs)], dim=1) / scales.square()
        n = len(self.problem.equations)
        return (squares[:, :n].sum(1) + weight * squares[:, n:].sum(1)).sqrt()

    def residuals(self, values: Tensor, inputs: Tensor) -> list[Tensor]:
        """That of each term at its nodes, `(batch, *nodes)`."""
        jets, columns = self._jets(values), self._columns(inputs)
        out = []
        for term in self.terms:
            r, *_ = term.program(*self._arguments(term, jets, columns))
            shape = term.placed(values[:, 0]).shape
            out.append(_tensor(r, values).expand(shape))
        return out

    def scales(self, values: Tensor, inputs: Tensor) -> Tensor:
        """The size that a residual has if nothing cancels, `(batch, terms)`, without gradient.

        Of the term r it is the sum over its jets j of |∂r/∂j| |j|, and of |r| where all jets are zero, where | | are
        root mean squares, those of jets over all nodes: on a wall where they vanish their size inside counts.
        """
        with torch.no_grad():
            jets, columns = self._jets(values), self._columns(inputs)
            sizes = {s: _mean_square(v).sqrt() for s, v in jets.items()}
            rows = []
            for term in self.terms:
                _, *partials, rest = term.program(*self._arguments(term, jets, columns))
                total = _size(rest, values)
                for symbol, partial in zip(term.jets, partials, strict=True):
                    total = total + _size(partial, values) * sizes[symbol]
                rows.append(torch.where(total > 0, total, torch.ones_like(total)))
            return torch.stack(rows, dim=1)

    def _jets(self, values: Tensor) -> dict[JetSymbol, Tensor]:
        symbols = dict.fromkeys(s for term in self.terms for s in term.jets)
        names, known_ones = self.problem.names, {}
        out = {}
        for s in symbols:
            if s.jet.orders not in known_ones:
                known_ones[s.jet.orders] = self._derived(values, s.jet.orders, 2)
            out[s] = known_ones[s.jet.orders][:, names.index(s.jet.field)]
        return out

    def _derived(self, values: Tensor, orders: Sequence[int], first: int) -> Tensor:
        for axis, order in enumerate(orders):
            values = self.derivatives[axis](values, first + axis, order)
        return values

    def _columns(self, inputs: Tensor) -> list[Tensor]:
        """Coordinates, known functions and derivatives of inputs, `(batch or 1, *grid)`."""
        slopes = []
        for place, orders in self.slopes.values():
            function = inputs[:, place].double()
            if self.problem.interval is not None:
                function = function[:, None]
            slopes.append(self._derived(function, orders, 1))
        return [*self.columns.values(), *slopes]

    def _arguments(self, term: Term, jets: Mapping[JetSymbol, Tensor], columns: Sequence[Tensor]) -> list[Tensor]:
        return [*(term.placed(jets[s]) for s in term.jets), *(term.placed(c) for c in columns)]


@dataclass(frozen=True, eq=False)
class _Input:
    """Stands for an open parameter, as a function of space."""

    name: str

    def derivative(self, orders: Sequence[int]) -> Callable[[np.ndarray], np.ndarray]:
        """Zeros, which nobody is to see."""
        return lambda points: np.zeros((len(points), 1))


class _Functions:
    """Coordinates, known functions and inputs as symbols of programs, collected while expressions are lowered."""

    def __init__(self, problem: Problem, inputs: tuple[str, ...], axes: Sequence[np.ndarray]) -> None:
        n, self.inputs = len(axes), inputs
        self.columns: dict[sp.Symbol, Tensor] = {}
        for i, (c, nodes) in enumerate(zip(problem.coordinates, axes, strict=True)):
            shape = [1] * (n + 1)
            shape[1 + i] = len(nodes)
            self.columns[c] = torch.from_numpy(np.array(nodes, float)).reshape(shape)
        self.slopes: dict[sp.Symbol, tuple[int, tuple[int, ...]]] = {}
        self._coordinates = tuple(problem.coordinates)
        self._steady = problem.interval is None
        self._atoms: list[Known] = []
        expressions = [*Pointwise.of(problem).residuals, *(r.residual for r in classify(problem))]
        expressions += [e for e in initial_values(problem) if e is not None]
        self._table = {a: self._symbol(a) for e in expressions for a in sorted(e.atoms(Known), key=str)}

    @property
    def symbols(self) -> tuple[sp.Symbol, ...]:
        """Those of columns, then those of slopes."""
        return (*self.columns, *self.slopes)

    def lowered(self, expression: Expr) -> Expr:
        """With symbols for known functions."""
        return expression.xreplace(self._table)

    def _symbol(self, atom: Known) -> sp.Symbol:
        symbol = sp.Dummy(str(atom), real=True)
        held = atom.args[0].held
        if isinstance(held, _Input):
            orders = atom.orders if self._steady else (0, *atom.orders)
            self.slopes[symbol] = self.inputs.index(held.name), orders
        else:
            (values,) = Program([atom], self._coordinates)(*(self.columns[c] for c in self._coordinates))
            self.columns[symbol] = values
        return symbol


def initial_values(problem: Problem) -> tuple[Expr | None, ...]:
    """For each unknown g where u = g is prescribed at the initial time, as an expression of space; else None."""
    rows = [r for r in classify(problem) if _is_initial_value(r)]
    interval = problem.interval
    at = {} if interval is None else {interval.time: sp.Float(interval.start)}
    found = {r.unknown: sp.sympify(r.value).xreplace(at) for r in rows if isinstance(r, Dirichlet)}
    return tuple(found.get(name) for name in problem.names)


def _is_initial_value(row: BoundaryRow) -> bool:
    return isinstance(row, Dirichlet) and row.piece == "initial" and row.time_order == 0


def _require_supported(problem: Problem, who: str) -> None:
    if not isinstance(problem.region, Box) or not problem.region.bounds:
        raise UnsupportedProblem(f"{who}: space must be a box, not {problem.region}")
    unknown = [p.name for p in problem.parameters if p.is_unknown]
    unknown += [f.name for f in problem.unknown_functions]
    if unknown:
        raise UnsupportedProblem(f"{who}: {unknown[0]} is unknown; give it a value, or write it out")


def _opened(problem: Problem, inputs: Sequence[str]) -> Problem:
    if not inputs:
        return problem
    with warnings.catch_warnings():
        # What stands for the inputs vanishes everywhere, and need not agree with other data.
        warnings.simplefilter("ignore", IncompatibleData)
        return problem.with_parameters(**{name: known(name, _Input(name), 0, *problem.space) for name in inputs})


def _starts(problem: Problem, times: Sequence[float]) -> bool:
    """Whether the frames begin at the initial time, or there is no time."""
    interval = problem.interval
    return interval is None or abs(times[0] - interval.start) <= ROUNDING * interval.length


def _with_start(problem: Problem, times: Sequence[float], who: str) -> np.ndarray:
    interval = problem.interval
    if interval is None or not len(times):
        raise ValueError(f"{who}: there are no times of frames; give them")
    if times[0] < interval.start - ROUNDING * interval.length or times[-1] > interval.end + ROUNDING * interval.length:
        raise ValueError(
            f"{who}: frames from t = {times[0]:g} to {times[-1]:g} are not within {interval.start:g} to "
            f"{interval.end:g}"
        )
    later = times[1:] if _starts(problem, times) else times
    return np.array([interval.start, *later], float)


def _on_piece(problem: Problem, row: BoundaryRow) -> tuple[str, Expr, tuple[int, int]]:
    """How a condition reads, its residual, and where its nodes are."""
    said = f"{row.residual} on {row.piece}"
    if row.piece == "initial":
        return said, row.residual, (0, 0)
    region = problem.region
    assert isinstance(region, Box)  # others have been refused
    coordinate, at = region.sides[row.piece]
    lower = at == region.bounds[coordinate][0]
    outward = {Normal(c): sp.Integer((-1 if lower else 1) if c == coordinate else 0) for c in problem.space}
    return said, row.residual.xreplace(outward), (problem.coordinates.index(coordinate), 0 if lower else -1)


def _term(said: str, residual: Expr, end: tuple[int, int] | None, symbols: Sequence[sp.Symbol]) -> Term:
    jets = jet_symbols(residual)
    rest = residual.xreplace(dict.fromkeys(jets, sp.S.Zero))
    if rest.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
        # As of 1/u: there is no residual without the unknowns.
        rest = sp.S.Zero
    expressions = [residual, *(sp.diff(residual, s) for s in jets), rest]
    return Term(said, Program(expressions, [*jets, *symbols]), jets, end)


def _derivatives(
    problem: Problem,
    axes: Sequence[np.ndarray],
    expressions: Sequence[Expr],
    slopes: Mapping[sp.Symbol, tuple[int, tuple[int, ...]]],
    who: str,
) -> tuple[GridDerivative, ...]:
    region = problem.region
    assert isinstance(region, Box)  # others have been refused
    orders = [s.jet.orders for s in jet_symbols(*expressions)] + [k for _, k in slopes.values()]
    found: list[GridDerivative] = []
    for i, (c, nodes) in enumerate(zip(problem.coordinates, axes, strict=True)):
        if c in region.periodic:
            a, b = region.bounds[c]
            found.append(FourierDerivative(float(b - a)))
            continue
        try:
            found.append(StencilDerivative.of(nodes, max((k[i] for k in orders), default=0)))
        except ValueError as error:
            frames = ", which are the times of frames and the initial one" if c == problem.time else ""
            raise ValueError(f"{who}: along {c}{frames}: {error}") from None
    return tuple(found)


def _tensor(value: Tensor | float, like: Tensor) -> Tensor:
    return torch.as_tensor(value, dtype=like.dtype, device=like.device)


def _mean_square(values: Tensor) -> Tensor:
    return values.square().flatten(1).mean(1)


def _size(value: Tensor | float, like: Tensor) -> Tensor:
    """The root mean square of each sample `(batch,)`."""
    found = _tensor(value, like)
    if not found.ndim:
        return found.abs().expand(len(like))
    return _mean_square(found).sqrt().expand(len(like))
