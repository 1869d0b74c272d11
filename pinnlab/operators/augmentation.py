"""Further examples from symmetries of the equation: shifts, reflections and transpositions."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.operators.layout import Layout


class Augmentation(abc.ABC):
    """Frozen settings of a random map of samples to samples.

    It must be a symmetry of the family: the map of the outputs has to be the answer to the map of the inputs.  Nobody
    checks that here.
    """

    @abc.abstractmethod
    def require_fits(self, layout: Layout) -> None:
        """Refuse data that it is not defined on.

        Raises:
            ValueError: If it does not fit.
        """

    @abc.abstractmethod
    def __call__(
        self, inputs: Tensor, outputs: Tensor, layout: Layout, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Other samples from inputs `(batch, c_in, *grid)` and outputs `(batch, frames, c_out, *grid)`.

        Draws are made on the processor, one for each sample.
        """


@dataclass(frozen=True)
class PeriodicShift(Augmentation):
    """u(x) to u(x − s) along all periodic coordinates, with s a random number of nodes, uniformly over a period.

    For equations without a place of their own: coefficients and sources that depend on x must be among the inputs.
    """

    def require_fits(self, layout: Layout) -> None:  # noqa: D102
        if not any(layout.periodic):
            raise ValueError(
                f"PeriodicShift: none of {', '.join(layout.coordinates)} is periodic; leave it out, or reflect"
            )

    def __call__(  # noqa: D102
        self, inputs: Tensor, outputs: Tensor, layout: Layout, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        for axis, periodic in enumerate(layout.periodic):
            if periodic:
                n = inputs.shape[2 + axis]
                shifts = torch.randint(n, (len(inputs), 1), generator=generator)
                source = ((torch.arange(n) - shifts) % n).to(inputs.device)
                inputs, outputs = _moved(inputs, source, 2 + axis), _moved(outputs, source, 3 + axis)
        return inputs, outputs


@dataclass(frozen=True)
class Reflection(Augmentation):
    """u(x) to ±u(a + b − x) along one coordinate from a to b, for half of the samples.

    Nodes must be as far from one end as from the other; a period is reflected about its start.

    Args:
        coordinate: Its name.
        odd: Names of inputs and outputs that change sign, such as the velocity along x.
    """

    coordinate: str
    odd: tuple[str, ...] = ()

    def require_fits(self, layout: Layout) -> None:  # noqa: D102
        if self.coordinate not in layout.coordinates:
            raise ValueError(
                f"Reflection: there is no coordinate {self.coordinate!r} among {', '.join(layout.coordinates)}"
            )
        names = {*layout.input_names, *layout.output_names}
        for name in self.odd:
            if name not in names:
                raise ValueError(f"Reflection: odd names {name!r}, which is none of {', '.join(sorted(names))}")

    def __call__(  # noqa: D102
        self, inputs: Tensor, outputs: Tensor, layout: Layout, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        axis = layout.coordinates.index(self.coordinate)
        n = inputs.shape[2 + axis]
        chosen = torch.randint(2, (len(inputs), 1), generator=generator)
        nodes = torch.arange(n)
        mirrored = -nodes % n if layout.periodic[axis] else n - 1 - nodes
        source = torch.where(chosen == 1, mirrored, nodes).to(inputs.device)
        signs = (1 - 2 * chosen).to(inputs)
        return (
            _moved(inputs, source, 2 + axis) * self._signs(layout.input_names, signs, inputs.ndim, 1),
            _moved(outputs, source, 3 + axis) * self._signs(layout.output_names, signs, outputs.ndim, 2),
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
    """

    first: str
    second: str
    exchanged: tuple[tuple[str, str], ...] = ()

    def require_fits(self, layout: Layout) -> None:  # noqa: D102
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
            if len(pair) != 2 or not any(set(pair) <= set(c) for c in (layout.input_names, layout.output_names)):
                raise ValueError(f"Transposition: exchanged names {pair!r}, which are not two inputs or two outputs")

    def __call__(  # noqa: D102
        self, inputs: Tensor, outputs: Tensor, layout: Layout, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        axes = [layout.coordinates.index(name) for name in (self.first, self.second)]
        chosen = (torch.randint(2, (len(inputs),), generator=generator) == 1).to(inputs.device)
        found = []
        for values, channel, names in ((inputs, 1, layout.input_names), (outputs, 2, layout.output_names)):
            one, other = (channel + 1 + axis for axis in axes)
            order = torch.tensor(self._order(names), device=values.device)
            turned = values.transpose(one, other).index_select(channel, order)
            found.append(torch.where(chosen.reshape(-1, *[1] * (values.ndim - 1)), turned, values))
        return found[0], found[1]

    def _order(self, names: tuple[str, ...]) -> list[int]:
        """Where each channel comes from."""
        partner = {a: b for pair in self.exchanged for a, b in (pair, pair[::-1])}
        return [names.index(partner.get(name, name)) for name in names]


def _moved(values: Tensor, source: Tensor, dim: int) -> Tensor:
    """Values whose entry i along an axis is that at `source (batch, n)` of its sample."""
    shape = [1] * values.ndim
    shape[0], shape[dim] = source.shape
    return torch.take_along_dim(values, source.reshape(shape), dim=dim)
