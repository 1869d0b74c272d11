"""Sums of squares of residual rows, each of which lives at one point."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from pinnlab.training.objective import LeastSquares, gram_matrix
from pinnlab.training.row_jacobian import PerPoint, RowJacobian, Rows


@dataclass(frozen=True, eq=False)
class Group:
    """Rows of one kind at many points: an equation in the interior, a condition on a boundary piece, data.

    Its residuals are `scale * rows(theta, points, extras)`, point by point, within a point row by row.

    Args:
        rows: rows(theta (P,), points (n, dim), extras (n, m)) -> (n, k) by torch operations; row i may
            depend on point i and extra i only.
        points: (n, dim).
        extras: (n, m), what the rows need beside the coordinates: normals, sources, data; m may be 0.
        scale: (n, k), square roots of the weights.  For a mean over the points they hold 1 / sqrt(n).

    Raises:
        ValueError: If one of the three is not a matrix, or the lengths differ.
    """

    rows: Rows
    points: Tensor
    extras: Tensor
    scale: Tensor

    def __post_init__(self) -> None:
        shapes = [tuple(a.shape) for a in (self.points, self.extras, self.scale)]
        if any(len(s) != 2 for s in shapes) or len({s[0] for s in shapes}) != 1:
            raise ValueError(
                f"Group: points, extras and scale have shapes {shapes[0]}, {shapes[1]} and {shapes[2]}; "
                "give (n, dim), (n, m) and (n, k) with one n"
            )

    def __len__(self) -> int:
        """The number n k of residuals."""
        return self.scale.numel()

    def pieces(self, chunk: int) -> list[Group]:
        """The same group in runs of at most `chunk` points."""
        parts = (a.split(chunk) for a in (self.points, self.extras, self.scale))
        return [Group(self.rows, *part) for part in zip(*parts, strict=True)]

    def residuals(self, theta: Tensor) -> Tensor:
        """The weighted rows scale * rows(theta), (n, k)."""
        return self.rows(theta, self.points, self.extras) * self.scale

    def write_jacobian(self, differentiation: RowJacobian, theta: Tensor, matrix: Tensor) -> Tensor:
        """Write d residuals / d theta into `matrix (n k, P)`; returns the residuals (n k,)."""
        m = self.extras.shape[1]

        def scaled(theta: Tensor, points: Tensor, packed: Tensor) -> Tensor:
            return self.rows(theta, points, packed[:, :m]) * packed[:, m:]

        packed = torch.cat([self.extras, self.scale], dim=1)
        return differentiation.write(scaled, theta, self.points, packed, matrix.unflatten(0, self.scale.shape)).reshape(
            -1
        )


@dataclass(frozen=True, eq=False)
class PointwiseLeastSquares(LeastSquares):
    """loss(theta) = sum over groups, points and rows of (scale * row)^2; residuals come in that order.

    Args:
        groups: At least one.
        differentiation: How Jacobians are computed; its `chunk` bounds the memory of gradients too.
    """

    groups: tuple[Group, ...]
    differentiation: RowJacobian = field(default_factory=PerPoint)

    def __post_init__(self) -> None:
        if not self.groups:
            raise ValueError("PointwiseLeastSquares: no groups; give at least one")

    def _pieces(self) -> list[Group]:
        return [piece for group in self.groups for piece in group.pieces(self.differentiation.chunk)]

    @property
    def count(self) -> int:
        """The number N of residuals."""
        return sum(len(group) for group in self.groups)

    def residuals(self, theta: Tensor) -> Tensor:
        """The residuals (N,)."""
        return torch.cat([piece.residuals(theta).reshape(-1) for piece in self._pieces()])

    def jacobian(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Residuals (N,) and Jacobian (N, P), detached."""
        pieces = self._pieces()
        matrix = theta.new_empty(sum(len(p) for p in pieces), len(theta))
        blocks = matrix.split([len(p) for p in pieces])
        values = [p.write_jacobian(self.differentiation, theta, block) for p, block in zip(pieces, blocks, strict=True)]
        return torch.cat(values), matrix

    def normal_equations(self, theta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Residuals r (N,), J'r (P,) and J'J (P, P), detached; J exists one chunk at a time."""
        pieces = self._pieces()
        size = len(theta)
        buffer = theta.new_empty(max(len(p) for p in pieces), size)
        gradient, gram = theta.new_zeros(size), theta.new_zeros(size, size)
        values = []
        for piece in pieces:
            block = buffer[: len(piece)]
            values.append(piece.write_jacobian(self.differentiation, theta, block))
            gradient += block.T @ values[-1]
            gram += gram_matrix(block)
        return torch.cat(values), gradient, gram

    def pullback(self, theta: Tensor, vector: Tensor) -> Tensor:
        """J' vector (P,) for vector (N,), detached, piece by piece."""
        leaf = theta.detach().clone().requires_grad_(True)
        gradient = torch.zeros_like(theta)
        pieces = self._pieces()
        for piece, part in zip(pieces, vector.split([len(p) for p in pieces]), strict=True):
            with torch.enable_grad():
                product = piece.residuals(leaf).reshape(-1) @ part
            gradient += torch.autograd.grad(product, leaf)[0]
        return gradient

    def value_and_gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """The loss () and its gradient (P,), piece by piece, so that memory stays bounded."""
        leaf = theta.detach().clone().requires_grad_(True)
        loss, gradient = theta.new_zeros(()), torch.zeros_like(theta)
        for piece in self._pieces():
            with torch.enable_grad():
                part = torch.square(piece.residuals(leaf)).sum()
            gradient += torch.autograd.grad(part, leaf)[0]
            loss += part.detach()
        return loss, gradient
