"""The inverse of a linear operator that is diagonal in the Fourier modes of some axes and dense in all others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

# Numbers in all matrices together, beyond which they take more than half a gigabyte.
LARGEST = 2**25
# Singular values under this share of the largest one of a mode are taken for zero.
SINGULAR = 1e-12


@dataclass(frozen=True)
class LinearTerm:
    """c(x) times a partial derivative of one unknown in one equation.

    Attributes:
        equation: Its place.
        unknown: Its place.
        orders: Of differentiation, one per axis.
        coefficient: Values at the nodes of the dense axes `(n_1, …)`; the same along all diagonal ones.
    """

    equation: int
    unknown: int
    orders: tuple[int, ...]
    coefficient: np.ndarray


@dataclass(frozen=True)
class DenseAxis:
    """How one dense axis is discretised.

    Attributes:
        functions: Order → values of derivatives of the basis of each unknown at the nodes `(unknowns, n, free)`.
        tests: From values at the nodes to products with the test functions `(free, n)`.
    """

    functions: dict[int, np.ndarray]
    tests: np.ndarray


@dataclass(frozen=True)
class DiagonalAxis:
    """One periodic axis.

    Attributes:
        frequencies: Of the complex modes `(count,)`.
        to_complex: The unitary matrix from real coefficients to those of the complex modes `(count, count)`.
    """

    frequencies: np.ndarray
    to_complex: np.ndarray


Axes = Sequence[DenseAxis | DiagonalAxis]


class ModePreconditioner:
    """A and its inverse, one matrix for each mode of the diagonal axes; where A is singular, the pseudo-inverse.

    Args:
        axes: All axes in their order.
        terms: A is their sum.
        unknowns: How many; equations are as many.
        device: Where it is applied; it is made on the CPU.

    Raises:
        ValueError: If the matrices take more than half a gigabyte.
    """

    def __init__(self, axes: Axes, terms: Sequence[LinearTerm], unknowns: int, device: torch.device) -> None:
        dense = [a for a in axes if isinstance(a, DenseAxis)]
        diagonal = [a for a in axes if isinstance(a, DiagonalAxis)]
        self._dense = [i for i, a in enumerate(axes) if isinstance(a, DenseAxis)]
        self._diagonal = [i for i, a in enumerate(axes) if isinstance(a, DiagonalAxis)]
        self._unknowns = unknowns
        size, modes = math.prod(len(a.tests) for a in dense), math.prod(len(a.frequencies) for a in diagonal)
        if modes * (unknowns * size) ** 2 > LARGEST:
            raise ValueError(
                f"the inverse of the linear part takes {modes} matrices of {unknowns * size} rows; give fewer modes "
                "along axes that are not periodic, time among them"
            )
        blocks = np.zeros((modes, unknowns, size, unknowns, size), complex)
        tests = _kronecker([a.tests for a in dense])
        for term in terms:
            basis = _kronecker([dense[j].functions[term.orders[i]][term.unknown] for j, i in enumerate(self._dense)])
            orders = [term.orders[i] for i in self._diagonal]
            factor = _outer([(1j * a.frequencies) ** n for a, n in zip(diagonal, orders, strict=True)])
            block = tests @ (term.coefficient.reshape(-1, 1) * basis)
            blocks[:, term.equation, :, term.unknown, :] += factor[:, None, None] * block
        matrices = torch.from_numpy(blocks.reshape(modes, unknowns * size, unknowns * size))
        inverse = torch.linalg.pinv(matrices, rtol=SINGULAR)
        self._matrices, self._inverse = matrices.to(device), inverse.to(device)
        self._to_complex = [torch.as_tensor(a.to_complex, device=device) for a in diagonal]

    def forward(self, coefficients: Tensor) -> Tensor:
        """A times real coefficients `(batch, unknowns, free…)`."""
        return self._applied(self._matrices, coefficients)

    def inverse(self, products: Tensor) -> Tensor:
        """The least coefficients whose image under A is closest to given products with the test functions."""
        return self._applied(self._inverse, products)

    def _applied(self, matrices: Tensor, values: Tensor) -> Tensor:
        given = values.to(torch.complex128)
        for axis, change in zip(self._diagonal, self._to_complex, strict=True):
            given = (given.movedim(axis + 2, -1) @ change.T).movedim(-1, axis + 2)
        order = [*(i + 2 for i in self._diagonal), 1, *(i + 2 for i in self._dense), 0]
        moved = given.permute(order)
        flat = moved.reshape(len(matrices), matrices.shape[1], len(values))
        out = (matrices @ flat).reshape(moved.shape)
        out = out.permute(*np.argsort(order).tolist())
        for axis, change in zip(self._diagonal, self._to_complex, strict=True):
            out = (out.movedim(axis + 2, -1) @ change.conj()).movedim(-1, axis + 2)
        return out.real


def _kronecker(matrices: Sequence[np.ndarray]) -> np.ndarray:
    out = np.eye(1)
    for m in matrices:
        out = np.kron(out, m)
    return out


def _outer(vectors: Sequence[np.ndarray]) -> np.ndarray:
    out = np.ones(1)
    for v in vectors:
        out = np.multiply.outer(out, v).ravel()
    return out
