"""Rows of residuals that are linear in unknown coefficients or become so by linearisation, at collocation points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pinnlab.errors import SolveFailed
from pinnlab.forms.linearized import Linearized
from pinnlab.numerics.chain_least_squares import ChainSystem
from pinnlab.numerics.partition_of_unity import Partition
from pinnlab.numerics.patch_space import Block, Orders, PatchSpace

# Share of the functions, the least important ones, whose contribution tells how far the answer is resolved.
TAIL = 0.1


@dataclass(frozen=True, eq=False)
class Cloud:
    """Residuals that hold at the same points.

    Attributes:
        name: What they are called in messages.
        rows: The residuals.
        points: (n, dim).
        normals: (n, space); zeros inside.
        carried: Values given point by point (n,), for residuals that hold `CARRIED`.
    """

    name: str
    rows: tuple[Linearized, ...]
    points: Tensor
    normals: Tensor
    carried: Tensor

    @property
    def count(self) -> int:
        """The number of residuals in all."""
        return len(self.rows) * len(self.points)

    @cached_property
    def orders(self) -> list[Orders]:
        """The derivatives that occur, the value among them."""
        zero = (0,) * self.points.shape[1]
        return sorted({zero, *(j.orders for row in self.rows for j in row.jets)})


@dataclass(frozen=True)
class Step:
    """One Gauss-Newton step.

    Attributes:
        coefficients: After it.
        before, promised, after: The norm of the scaled residuals: at the start, of the linear model at its minimum,
            and at the end.
        relative: `after`, relative to the residuals of u = 0.
        length: The share of the full step that was taken; 0 if none reduced the residuals.
        tail: The relative size of what the last tenth of the functions contributes to the answer.
    """

    coefficients: Tensor
    before: float
    promised: float
    after: float
    relative: float
    length: float
    tail: float


@dataclass(frozen=True, eq=False)
class RowSystem:
    """All residuals as functions of the coefficients `(unknowns, patches, q)` of a patch space."""

    names: tuple[str, ...]
    space: PatchSpace
    clouds: tuple[Cloud, ...]
    blocks: tuple[list[Block], ...]

    @classmethod
    def of(cls, names: Sequence[str], space: PatchSpace, clouds: Sequence[Cloud]) -> RowSystem:
        """Evaluate the space at all points.

        Raises:
            ValueError: If there are fewer residuals than coefficients.
        """
        rows, columns = sum(c.count for c in clouds), len(names) * space.patches * space.basis.size
        if rows < columns:
            raise ValueError(
                f"RandomFeatures: {rows} residuals for {columns} coefficients; "
                "raise points, or lower features or patches"
            )
        return cls(tuple(names), space, tuple(clouds), tuple(space.blocks(c.points, c.orders) for c in clouds))

    def gauss_newton(self, coefficients: Tensor, shortest: float, growth: float = 1.0) -> Step:
        """Minimise the linearised residuals and go there, or as far along the way as they fall.

        Args:
            coefficients: Where to start (unknowns, patches, q).
            shortest: The least share of a step that is tried.
            growth: A step is taken if the residuals stay under this multiple of what they were; infinity takes the
                full one, as is right from a start that means nothing.

        Raises:
            SolveFailed: If a residual is not finite at the start.
        """
        system = ChainSystem.zeros(self.chain.rows, self.chain.columns)
        right = self._fill(system, coefficients)
        factors = system.scale_rows()
        before = float(torch.linalg.vector_norm(right * factors))
        columns, promised = system.minimiser()
        move = self.chain.in_patches(columns, coefficients)
        length, after = 1.0, self._norm(coefficients + move, factors)
        while not after < growth * before and length > shortest:
            length /= 2
            after = self._norm(coefficients + length * move, factors)
        if not after < growth * before:
            length, after = 0.0, before
        reached = coefficients + length * move
        zero = self._norm(torch.zeros_like(reached), factors)
        return Step(reached, before, promised, after, after / (zero or 1.0), length, self._tail(reached))

    @cached_property
    def chain(self) -> Chain:
        """How rows and columns are ordered."""
        return Chain.of(self)

    def _fill(self, system: ChainSystem, coefficients: Tensor) -> Tensor:
        """Write the derivatives by the coefficients, and minus the residuals, which are returned (rows,)."""
        right, start = [], 0
        for cloud, blocks in zip(self.clouds, self.blocks, strict=True):
            values = self.space.combine(blocks, coefficients, len(cloud.points))
            for row in cloud.rows:
                jets = [values[cloud.orders.index(j.orders), :, self.names.index(j.field)] for j in row.jets]
                residual, partials = row.values_and_partials(jets, cloud.points, cloud.normals, cloud.carried)
                _require_finite(cloud, row, residual, partials, first_guess=not bool(coefficients.any()))
                right.append(-residual)
                for block in blocks:
                    self._write(system, start, cloud, block, row, partials)
                start += len(residual)
        joined = torch.cat(right)
        system.set_right(joined)
        return joined

    def _write(
        self, system: ChainSystem, start: int, cloud: Cloud, block: Block, row: Linearized, partials: Sequence[Tensor]
    ) -> None:
        """One row's derivatives by the coefficients of one patch."""
        group, slot = self.chain.seat[block.patch]
        for i, name in enumerate(self.names):
            total: Tensor | None = None
            for jet, partial in zip(row.jets, partials, strict=True):
                if jet.field == name:
                    term = partial[block.rows, None] * block.values[cloud.orders.index(jet.orders)]
                    total = term if total is None else total.add_(term)
            if total is not None:
                first = (slot * len(self.names) + i) * self.space.basis.size
                system.write(start + block.rows, group, first, total)

    def _tail(self, coefficients: Tensor) -> float:
        """The relative size of what the last tenth of the functions contributes."""
        tail = coefficients.clone()
        tail[..., : math.ceil((1 - TAIL) * self.space.basis.size)] = 0
        return self._size(tail) / max(self._size(coefficients), 1e-300)

    def _norm(self, coefficients: Tensor, factors: Tensor) -> float:
        """The norm of the scaled residuals."""
        parts = []
        for cloud, blocks in zip(self.clouds, self.blocks, strict=True):
            values = self.space.combine(blocks, coefficients, len(cloud.points))
            for row in cloud.rows:
                jets = [values[cloud.orders.index(j.orders), :, self.names.index(j.field)] for j in row.jets]
                parts.append(row.values(jets, cloud.points, cloud.normals, cloud.carried))
        return float(torch.linalg.vector_norm(torch.cat(parts) * factors))

    def _size(self, coefficients: Tensor) -> float:
        """The root mean square of the functions at the points of the first cloud."""
        cloud = self.clouds[0]
        values = self.space.combine(self.blocks[0], coefficients, len(cloud.points))
        at = cloud.orders.index((0,) * cloud.points.shape[1])
        return float(values[at].square().mean().sqrt())


@dataclass(frozen=True, eq=False)
class Chain:
    """The order of rows and columns in which each row holds patches of one group or of it and the next.

    Groups are the layers of patches along the axis that has most of them and does not close on itself.

    Attributes:
        rows: The group that each row belongs to (rows,).
        columns: The number of coefficients in each group.
        seat: The group of each patch, and its position in it.
    """

    rows: Tensor
    columns: tuple[int, ...]
    seat: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, system: RowSystem) -> Chain:
        """The order for a system of rows."""
        layers = chain_layers(system.space.partition)
        taken = [0] * (max(layers) + 1)
        seat = []
        for layer in layers:
            seat.append((layer, taken[layer]))
            taken[layer] += 1
        per_patch = len(system.names) * system.space.basis.size
        parts = []
        for cloud, blocks in zip(system.clouds, system.blocks, strict=True):
            first = torch.full((len(cloud.points),), len(taken) - 1, device=cloud.points.device)
            for block in blocks:
                first[block.rows] = torch.clamp(first[block.rows], max=layers[block.patch])
            parts += [first] * len(cloud.rows)
        return cls(torch.cat(parts), tuple(n * per_patch for n in taken), tuple(seat))

    def in_patches(self, columns: Tensor, like: Tensor) -> Tensor:
        """From the order of columns to (unknowns, patches, q)."""
        unknowns, _, q = like.shape
        starts = [sum(self.columns[:g]) for g in range(len(self.columns))]
        places = [starts[g] + s * unknowns * q for g, s in self.seat]
        return torch.stack([columns[p : p + unknowns * q].reshape(unknowns, q) for p in places], dim=1)


def chain_layers(partition: Partition) -> list[int]:
    """The layer of each patch along the axis with most patches that is not periodic; all 0 if there is none.

    Layers without a patch are left out where none is on either side of them, so that layers count from 0 without gaps.
    """
    open_axes = [i for i, a in enumerate(partition.axes) if not a.periodic]
    if not open_axes:
        return [0] * len(partition.patches)
    axis = max(open_axes, key=lambda i: partition.axes[i].count)
    present = sorted({p[axis] for p in partition.patches})
    return [present.index(p[axis]) for p in partition.patches]


def _require_finite(
    cloud: Cloud, row: Linearized, residual: Tensor, partials: Sequence[Tensor], first_guess: bool
) -> None:
    """Refuse a residual or a coefficient that is not a finite number, with its place."""
    for value in (residual, *partials):
        bad = torch.nonzero(~torch.isfinite(value))[:, 0]
        if len(bad):
            place = ", ".join(
                f"{c} = {float(v):.6g}" for c, v in zip(row.coordinates, cloud.points[bad[0]], strict=True)
            )
            at = cloud.points[bad[:1]], cloud.normals[bad[:1]], cloud.carried[bad[:1]]
            if first_guess and _is_finite_elsewhere(row, *at):
                raise SolveFailed(
                    f"RandomFeatures: at the first guess u = 0 the {cloud.name} {row.residual} = 0, or its derivative "
                    f"by an unknown, is {float(value[bad[0]])} at {place}; shift the unknown, or use Pinn"
                )
            raise SolveFailed(
                f"RandomFeatures: the {cloud.name} {row.residual} = 0, or a coefficient of it, is "
                f"{float(value[bad[0]])} at {place}; check its data there"
            )


def _is_finite_elsewhere(row: Linearized, point: Tensor, normal: Tensor, carried: Tensor) -> bool:
    """Whether a residual and its partials are finite at one point for other unknowns than zero."""
    for guess in (1.0, -1.0):
        residual, partials = row.values_and_partials(
            [torch.full_like(carried, guess) for _ in row.jets], point, normal, carried
        )
        if all(bool(torch.isfinite(value).all()) for value in (residual, *partials)):
            return True
    return False
