"""Sums of squares of K members with equal layouts, evaluated as one batched computation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinnlab.training.batched_jacobian import (
    acts_in_layers,
    require_batched,
    stacked_rows,
    vmapped_rows,
    write_stacked_jacobians,
    write_vmapped_jacobians,
)
from pinnlab.training.pointwise import Group, PointwiseLeastSquares
from pinnlab.training.row_jacobian import LayerOuterProducts, RowJacobian


@dataclass(frozen=True, eq=False)
class BatchedGroup:
    """Like groups of K members side by side: points (K, n, dim), extras (K, n, m) and scale (K, n, k).

    Attributes:
        template: A group that tells the rows, the name and the kind.
        points: Of each member.
        extras: Of each member.
        scale: Of each member.
        layered: Whether theta acts in linear layers alone; then all points go through one pass, which is faster than
            torch.func.vmap over the members.
    """

    template: Group
    points: Tensor
    extras: Tensor
    scale: Tensor
    layered: bool

    @classmethod
    def of(cls, groups: Sequence[Group], theta: Tensor) -> BatchedGroup:
        """Stack groups whose rows are the same function of theta, points and extras; one theta (P,) as an example."""
        parts = ((g.points, g.extras, g.scale) for g in groups)
        points, extras, scale = (torch.stack(tensors) for tensors in zip(*parts, strict=True))
        return cls(groups[0], points, extras, scale, acts_in_layers(groups[0].rows, theta, points[0], extras[0]))

    @property
    def count(self) -> int:
        """Residuals of one member."""
        return self.scale[0].numel()

    def pieces(self, chunk: int) -> list[BatchedGroup]:
        """The same members in runs of at most `chunk` points each; none where there are no points."""
        if not self.points.shape[1]:
            return []
        parts = zip(*(a.split(chunk, dim=1) for a in (self.points, self.extras, self.scale)), strict=True)
        return [replace(self, points=points, extras=extras, scale=scale) for points, extras, scale in parts]

    def select(self, members: Tensor) -> BatchedGroup:
        """Some of the members."""
        points, extras, scale = (a.index_select(0, members) for a in (self.points, self.extras, self.scale))
        return replace(self, points=points, extras=extras, scale=scale)

    def member(self, index: int) -> Group:
        """The group of one member."""
        return replace(self.template, points=self.points[index], extras=self.extras[index], scale=self.scale[index])

    def residuals(self, thetas: Tensor) -> Tensor:
        """The weighted rows (K, n k) at `thetas (K, P)`."""
        evaluate = stacked_rows if self.layered else vmapped_rows
        return (evaluate(self.template.rows, thetas, self.points, self.extras) * self.scale).flatten(1)

    def write_jacobians(self, differentiation: RowJacobian, thetas: Tensor, matrix: Tensor) -> Tensor:
        """Write each member's d residuals / d theta into `matrix (K, n k, P)`; returns the residuals (K, n k)."""
        rows, m = self.template.rows, self.extras.shape[2]

        def scaled(theta: Tensor, points: Tensor, packed: Tensor) -> Tensor:
            return rows(theta, points, packed[:, :m]) * packed[:, m:]

        packed = torch.cat([self.extras, self.scale], dim=2)
        blocks = matrix.unflatten(1, tuple(self.scale.shape[1:]))
        by_layers = self.layered and isinstance(differentiation, LayerOuterProducts)
        write = write_stacked_jacobians if by_layers else write_vmapped_jacobians
        return write(scaled, thetas, self.points, packed, blocks).flatten(1)


@dataclass(frozen=True, eq=False)
class BatchedLeastSquares:
    """loss_i(theta_i) = |residuals_i(theta_i)|^2 for K members, each of N residuals and P parameters.

    Each member's numbers are those of its own `PointwiseLeastSquares` up to rounding.  Memory is K times that of one
    member: a chunk holds `differentiation.chunk` points of each.

    Args:
        groups: At least one.
        differentiation: How Jacobians are computed.
        shapes: Shapes of the blocks that each theta starts with.
    """

    groups: tuple[BatchedGroup, ...]
    differentiation: RowJacobian
    shapes: tuple[tuple[int, ...], ...] = ()

    @classmethod
    def of(cls, members: Sequence[PointwiseLeastSquares], theta: Tensor) -> BatchedLeastSquares:
        """Stack objectives that differ in the numbers of their groups only, not in rows, sizes or differentiation.

        Args:
            members: One objective for each.
            theta: The parameters (P,) of one of them, which show how the rows use them.

        Raises:
            ValueError: If the groups differ in number or size, or the differentiation has no batched form.
        """
        require_batched(members[0].differentiation)
        layouts = {layout(m) for m in members}
        if len(layouts) != 1:
            raise ValueError(f"BatchedLeastSquares: members of {len(layouts)} layouts; batch those of one layout only")
        groups = zip(*(m.groups for m in members), strict=True)
        return cls(tuple(BatchedGroup.of(g, theta) for g in groups), members[0].differentiation, members[0].shapes)

    @property
    def members(self) -> int:
        """The number K of members."""
        return len(self.groups[0].points)

    @property
    def count(self) -> int:
        """The number N of residuals of each member."""
        return sum(group.count for group in self.groups)

    def select(self, members: Sequence[int]) -> BatchedLeastSquares:
        """The objective of some of the members."""
        if list(members) == list(range(self.members)):
            return self
        index = torch.tensor(list(members), device=self.groups[0].points.device)
        return replace(self, groups=tuple(group.select(index) for group in self.groups))

    def member(self, index: int) -> PointwiseLeastSquares:
        """The objective of one member."""
        return PointwiseLeastSquares(tuple(g.member(index) for g in self.groups), self.differentiation, self.shapes)

    def residuals(self, thetas: Tensor) -> Tensor:
        """The residuals (K, N) at `thetas (K, P)`."""
        return torch.cat([piece.residuals(thetas) for piece in self._pieces()], dim=1)

    def jacobians(self, thetas: Tensor) -> tuple[Tensor, Tensor]:
        """Residuals (K, N) and Jacobians (K, N, P), detached."""
        pieces = list(self._pieces())
        matrix = thetas.new_empty(self.members, self.count, thetas.shape[1])
        blocks = matrix.split([piece.count for piece in pieces], dim=1)
        both = zip(pieces, blocks, strict=True)
        values = [piece.write_jacobians(self.differentiation, thetas, block) for piece, block in both]
        return torch.cat(values, dim=1), matrix

    def values_and_gradients(self, thetas: Tensor) -> tuple[Tensor, Tensor]:
        """The losses (K,) and their gradients (K, P), detached, piece by piece."""
        leaf = thetas.detach().clone().requires_grad_(True)
        losses, gradients = thetas.new_zeros(len(thetas)), torch.zeros_like(thetas)
        for piece in self._pieces():
            with torch.enable_grad():
                parts = torch.square(piece.residuals(leaf)).sum(1)
            # A member's loss knows its own theta only, so the sum's gradient holds each one's.
            gradients += torch.autograd.grad(parts.sum(), leaf)[0]
            losses += parts.detach()
        return losses, gradients

    def _pieces(self) -> Iterator[BatchedGroup]:
        for group in self.groups:
            yield from group.pieces(self.differentiation.chunk)


def layout(objective: PointwiseLeastSquares) -> tuple[tuple[int, int, int], ...]:
    """Points, extras and rows of each group, in which members of one batch agree."""
    return tuple((len(g.points), g.extras.shape[1], g.terms) for g in objective.groups)
