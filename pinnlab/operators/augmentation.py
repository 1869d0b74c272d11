"""Further examples from symmetries of the equation: shifts, reflections and transpositions."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import sympy as sp
import torch
from torch import Tensor

from pinnlab.domain.box import Box
from pinnlab.errors import UnsupportedProblem
from pinnlab.family import Family
from pinnlab.forms.discrete_symmetry import Exchange
from pinnlab.forms.jet import Jet
from pinnlab.forms.open_jets import OpenJets, exact
from pinnlab.forms.point_symmetry import remainders, require_kept_conditions
from pinnlab.forms.prolongation import VectorField
from pinnlab.operators.layout import ROUNDING, Layout
from pinnlab.operators.pairs import Batch
from pinnlab.problem import Problem


class Augmentation(abc.ABC):
    """Frozen settings of a random map of samples to samples.

    It must be a symmetry of the family: the map of the outputs has to be the answer to the map of the inputs.
    """

    @abc.abstractmethod
    def require_fits(self, layout: Layout, axes: Sequence[np.ndarray]) -> None:
        """Refuse data that it is not defined on.

        Args:
            layout: Of the data.
            axes: Their nodes along each coordinate.

        Raises:
            ValueError: If it does not fit.
        """

    @abc.abstractmethod
    def require_symmetry_of(self, family: Family) -> None:
        """Refuse a family of whose equations and conditions it is no symmetry; `train` asks where it is given one.

        Raises:
            ValueError: If it is none, or cannot be seen to be one; what is left is printed.
        """

    @abc.abstractmethod
    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Other samples; draws are made on the processor, one for each sample."""


@dataclass(frozen=True)
class PeriodicShift(Augmentation):
    """u(x) to u(x − s) along all periodic coordinates, with s a random number of nodes, uniformly over a period.

    For equations without a place of their own: coefficients and sources that depend on x must be among the inputs.
    """

    def require_fits(self, layout: Layout, axes: Sequence[np.ndarray]) -> None:  # noqa: D102
        if not any(layout.periodic):
            raise ValueError(
                f"PeriodicShift: none of {', '.join(layout.coordinates)} is periodic; leave it out, or reflect"
            )

    def require_symmetry_of(self, family: Family) -> None:  # noqa: D102
        jets = opened(family)
        coordinates, region = jets.problem.coordinates, box_of(jets.problem)
        for c in region.periodic:
            along = VectorField(coordinates, tuple(sp.Integer(c == other) for other in coordinates), {})
            rest = next((r for r in remainders(jets, along, {}) if r != 0), None)
            if rest is not None:
                raise ValueError(
                    f"PeriodicShift: an equation of {jets.problem.name!r} depends on {c} by itself, changing by {rest} "
                    "as it is shifted; make what depends on it an input, or leave PeriodicShift out"
                )
            require_kept_conditions(jets, along, {}, {})

    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:  # noqa: D102
        inputs, outputs = batch.inputs, batch.outputs
        for axis, periodic in enumerate(batch.layout.periodic):
            if periodic:
                n = inputs.shape[2 + axis]
                shifts = torch.randint(n, (len(inputs), 1), generator=generator)
                source = ((torch.arange(n) - shifts) % n).to(inputs.device)
                inputs, outputs = _moved(inputs, source, 2 + axis), _moved(outputs, source, 3 + axis)
        return replace(batch, inputs=inputs, outputs=outputs)


@dataclass(frozen=True)
class Reflection(Augmentation):
    """u(x) to ±u(a + b − x) along one coordinate from a to b, for half of the samples.

    Nodes must be as far from one end as from the other; a period is reflected about its start.

    Args:
        coordinate: Its name.
        odd: Names of inputs and outputs that change sign, such as the velocity along x.

    Raises:
        ValueError: If odd is no tuple of names.
    """

    coordinate: str
    odd: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "odd", names_of(self, "odd", self.odd))

    def require_fits(self, layout: Layout, axes: Sequence[np.ndarray]) -> None:  # noqa: D102
        if self.coordinate not in layout.coordinates:
            raise ValueError(
                f"Reflection: there is no coordinate {self.coordinate!r} among {', '.join(layout.coordinates)}"
            )
        names = {*layout.input_names, *layout.output_names}
        for name in self.odd:
            if name not in names:
                raise ValueError(f"Reflection: odd names {name!r}, which is none of {', '.join(sorted(names))}")
        nodes = axes[layout.coordinates.index(self.coordinate)]
        if np.abs(nodes + nodes[::-1] - nodes[0] - nodes[-1]).max() > ROUNDING * np.ptp(nodes):
            raise ValueError(f"Reflection: the nodes along {self.coordinate} are not their own mirror image")

    def require_symmetry_of(self, family: Family) -> None:  # noqa: D102
        jets = opened(family)
        problem, region = jets.problem, box_of(jets.problem)
        coordinate = _coordinate(problem, self.coordinate, "Reflection")
        axis = problem.coordinates.index(coordinate)
        a, b = region.bounds[coordinate]
        ends = [name for name, (c, _) in region.sides.items() if c == coordinate]

        def mirrored(jet: Jet) -> tuple[int, Jet]:
            return (-1) ** (jet.orders[axis] + (jet.field in self.odd)), jet

        numbers = {n: -sp.Symbol(n, real=True) for n in jets.numbers if n in self.odd}
        place = {coordinate: exact(sp.sympify(a) + sp.sympify(b)) - coordinate}
        pieces = dict(zip(ends, reversed(ends), strict=True))
        Exchange(f"Reflection of {self.coordinate}", place, mirrored, numbers, pieces).require_symmetry_of(jets)

    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:  # noqa: D102
        inputs, outputs, layout = batch.inputs, batch.outputs, batch.layout
        axis = layout.coordinates.index(self.coordinate)
        n = inputs.shape[2 + axis]
        chosen = torch.randint(2, (len(inputs), 1), generator=generator)
        nodes = torch.arange(n)
        mirrored = -nodes % n if layout.periodic[axis] else n - 1 - nodes
        source = torch.where(chosen == 1, mirrored, nodes).to(inputs.device)
        signs = (1 - 2 * chosen).to(inputs)
        return replace(
            batch,
            inputs=_moved(inputs, source, 2 + axis) * self._signs(layout.input_names, signs, inputs.ndim, 1),
            outputs=_moved(outputs, source, 3 + axis) * self._signs(layout.output_names, signs, outputs.ndim, 2),
        )

    def _signs(self, names: tuple[str, ...], signs: Tensor, ndim: int, channel: int) -> Tensor:
        """The sign of each sample `(batch, 1)` where a channel is odd, and one elsewhere."""
        odd = torch.tensor([name in self.odd for name in names], device=signs.device)
        shape = [1] * ndim
        shape[0], shape[channel] = len(signs), len(names)
        return torch.where(odd, signs, torch.ones_like(signs)).reshape(shape)


@dataclass(frozen=True)
class Transposition(Augmentation):
    """u(x, y) to u(y, x) for half of the samples: two coordinates change places.

    Box, nodes and periods must be the same along both.

    Args:
        first: The name of one coordinate.
        second: That of the other.
        exchanged: Pairs of names of inputs or of outputs that change places too, such as the velocities along both.

    Raises:
        ValueError: If exchanged is no tuple of pairs of names, or a name stands in two pairs.
    """

    first: str
    second: str
    exchanged: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.exchanged, tuple | list):
            raise ValueError(f'Transposition: exchanged = {self.exchanged!r}; give pairs, as in (("u", "v"),)')
        pairs = tuple(names_of(self, "exchanged", pair) for pair in self.exchanged)
        names = [name for pair in pairs for name in pair]
        if any(len(pair) != 2 for pair in pairs) or len({*names}) < len(names):
            raise ValueError(
                f"Transposition: exchanged = {self.exchanged!r}; give pairs of two names, each name in one of them"
            )
        object.__setattr__(self, "exchanged", pairs)

    def require_fits(self, layout: Layout, axes: Sequence[np.ndarray]) -> None:  # noqa: D102
        names = self.first, self.second
        if self.first == self.second or not set(names) <= set(layout.coordinates):
            raise ValueError(f"Transposition: {names} are not two of the coordinates {', '.join(layout.coordinates)}")
        one, other = (layout.coordinates.index(name) for name in names)
        for what in (layout.grid, layout.box, layout.periodic):
            if what[one] != what[other]:
                raise ValueError(
                    f"Transposition: along {self.first} and {self.second} there are {what[one]} and {what[other]} (of "
                    "nodes, box or period); they must be the same"
                )
        for pair in self.exchanged:
            if not any(set(pair) <= set(c) for c in (layout.input_names, layout.output_names)):
                raise ValueError(f"Transposition: exchanged names {pair!r}, which are not two inputs or two outputs")

    def require_symmetry_of(self, family: Family) -> None:  # noqa: D102
        jets = opened(family)
        problem, region = jets.problem, box_of(jets.problem)
        one, other = (_coordinate(problem, name, "Transposition") for name in (self.first, self.second))
        if region.bounds[one] != region.bounds[other] or (one in region.periodic) != (other in region.periodic):
            raise ValueError(
                f"Transposition: {self.first} and {self.second} of {problem.name!r} have not the same ends and period"
            )
        i, j = (problem.coordinates.index(c) for c in (one, other))
        partner = self._partner()

        def turned(jet: Jet) -> tuple[int, Jet]:
            orders = list(jet.orders)
            orders[i], orders[j] = orders[j], orders[i]
            return 1, Jet(partner.get(jet.field, jet.field), tuple(orders))

        numbers = {n: sp.Symbol(partner[n], real=True) for n in jets.numbers if n in partner}
        ends = [[name for name, (c, _) in region.sides.items() if c == along] for along in (one, other)]
        pieces = dict(zip(ends[0] + ends[1], ends[1] + ends[0], strict=True))
        said = f"Transposition of {self.first} and {self.second}"
        Exchange(said, {one: other, other: one}, turned, numbers, pieces).require_symmetry_of(jets)

    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:  # noqa: D102
        inputs, outputs, layout = batch.inputs, batch.outputs, batch.layout
        axes = [layout.coordinates.index(name) for name in (self.first, self.second)]
        chosen = (torch.randint(2, (len(inputs),), generator=generator) == 1).to(inputs.device)
        found = []
        for values, channel, names in ((inputs, 1, layout.input_names), (outputs, 2, layout.output_names)):
            one, other = (channel + 1 + axis for axis in axes)
            order = torch.tensor(self._order(names), device=values.device)
            turned = values.transpose(one, other).index_select(channel, order)
            found.append(torch.where(chosen.reshape(-1, *[1] * (values.ndim - 1)), turned, values))
        return replace(batch, inputs=found[0], outputs=found[1])

    def _partner(self) -> dict[str, str]:
        return {a: b for pair in self.exchanged for a, b in (pair, pair[::-1])}

    def _order(self, names: tuple[str, ...]) -> list[int]:
        """Where each channel comes from."""
        partner = self._partner()
        return [names.index(partner.get(name, name)) for name in names]


def names_of(owner: object, what: str, given: object) -> tuple[str, ...]:
    """A tuple of names; a text alone, whose letters would be taken for them, is none.

    Raises:
        ValueError: If it is none.
    """
    if not isinstance(given, tuple | list) or not all(isinstance(n, str) for n in given):
        raise ValueError(f'{type(owner).__name__}: {what} = {given!r}; give a tuple of names, as in ("f",)')
    return tuple(given)


def opened(family: Family) -> OpenJets:
    """A family's problem with what is random left open: functions where one is drawn, or declared, and else numbers."""
    symbols = _dependencies(family)
    functions = [n for n in family.things if symbols[n]]
    return OpenJets.of(family.problem, functions, [n for n in family.things if n not in functions], evolving(family))


def evolving(family: Family) -> list[str]:
    """The names of what is random and a function of time, where one is drawn, or declared."""
    return [n for n, symbols in _dependencies(family).items() if family.problem.time in symbols]


def _dependencies(family: Family) -> dict[str, set[sp.Basic]]:
    """What is random → the coordinates that it depends on, where one is drawn, or declared."""
    declared = {p.name: sp.sympify(p.value) for p in family.distributions}
    drawn = {name: sp.sympify(value) for name, value in family.draw(0).items()}
    return {n: drawn[n].free_symbols | declared[n].free_symbols for n in family.things}


def box_of(problem: Problem) -> Box:
    """The region in space.

    Raises:
        UnsupportedProblem: If it is no box.
    """
    if not isinstance(problem.region, Box):
        raise UnsupportedProblem(f"{problem.name!r}: operators work on tensor grids, so that space must be a box")
    return problem.region


def _coordinate(problem: Problem, name: str, who: str) -> sp.Symbol:
    for c in problem.space:
        if c.name == name:
            return c
    raise ValueError(f"{who}: {name!r} is no coordinate of space of {problem.name!r}")


def _moved(values: Tensor, source: Tensor, dim: int) -> Tensor:
    """Values whose entry i along an axis is that at `source (batch, n)` of its sample."""
    shape = [1] * values.ndim
    shape[0], shape[dim] = source.shape
    return torch.take_along_dim(values, source.reshape(shape), dim=dim)
