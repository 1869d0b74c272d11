"""Randomised low-rank preconditioning of a symmetric matrix that is known by its products."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Product = Callable[[Tensor], Tensor]
"""A vector (P,) to a symmetric matrix times it."""


@dataclass(frozen=True, eq=False)
class Nystrom:
    """A ~ U diag(values) U', the Nyström approximation from a random sketch [1].

    Args:
        basis: U (P, rank), orthonormal columns.
        values: (rank,), falling, non-negative.

    [1] Z. Frangella, J. A. Tropp, M. Udell, SIAM J. Matrix Anal. Appl. 44 (2023) 718-752, Algorithm 2.1.
    """

    basis: Tensor
    values: Tensor

    @classmethod
    def of(cls, product: Product, rank: int, like: Tensor, generator: torch.Generator) -> Nystrom:
        """Sketch the matrix by `rank` products.

        The sketch is shifted by rounding to be positive definite.  Of an indefinite matrix only the sketched directions
        count whose Ritz values exceed the size of the most negative one.
        """
        size = len(like)
        rank = min(rank, size)
        test = torch.randn(size, rank, generator=generator, dtype=torch.float64).to(like)
        test = torch.linalg.qr(test).Q
        sketch = torch.stack([product(column) for column in test.T], dim=1)
        shift = math.sqrt(size) * torch.finfo(like.dtype).eps * float(sketch.norm())
        core = test.T @ sketch
        values, vectors = torch.linalg.eigh((core + core.T) / 2)
        good = values > max(-float(values[0]), 0.0) if float(values[0]) < -shift else values > -shift / 2
        vectors, values = vectors[:, good], values[good]
        # Y C^{-T} with C C' the core: any root of the core's inverse serves.
        root = vectors / torch.sqrt(values + shift)
        basis, roots, _ = torch.linalg.svd((sketch + shift * test) @ root, full_matrices=False)
        return cls(basis, (roots**2 - shift).clamp(min=0.0))

    def precondition(self, vector: Tensor, damping: float) -> Tensor:
        """P^{-1} vector with P = U (values + damping) U' / (smallest value + damping) + (I - U U')."""
        if not len(self.values):
            return vector
        inside = self.basis.T @ vector
        factors = (self.values[-1] + damping) / (self.values + damping)
        return vector + self.basis @ ((factors - 1) * inside)


def conjugate_gradients(
    product: Product, right: Tensor, precondition: Product, tolerance: float, most: int
) -> tuple[Tensor, int]:
    """An approximate solution x (P,) of A x = right, and the products used.

    Ends at |right - A x| <= tolerance |right|, after `most` products, or where a direction of non-positive curvature
    shows that A is not positive definite; then the best so far is returned, the preconditioned right side at least.
    """
    x, rest = torch.zeros_like(right), right.clone()
    turned = precondition(rest)
    direction, square = turned, float(rest @ turned)
    goal = tolerance * float(right.norm())
    for used in range(1, most + 1):
        image = product(direction)
        curvature = float(direction @ image)
        if not curvature > 0:
            return (x if used > 1 else direction), used
        length = square / curvature
        x = x + length * direction
        rest = rest - length * image
        if float(rest.norm()) <= goal:
            return x, used
        turned = precondition(rest)
        square, before = float(rest @ turned), square
        direction = turned + square / before * direction
    return x, most
