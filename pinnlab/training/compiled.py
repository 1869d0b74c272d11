"""Losses and gradients of pointwise rows in compiled code."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from pinnlab.admissible import require_counts
from pinnlab.errors import SolveFailed
from pinnlab.training.row_jacobian import LayerOuterProducts, RowJacobian, Rows, squares_and_gradient

# Fewest points in a block.
FEWEST = 16
# Compiled functions kept; beyond, the oldest is forgotten.
MOST_KEPT = 64

_Squares = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Compiled(RowJacobian):
    """Another rule with the loss and its gradient compiled: rows, sum of squares and reverse pass as one graph.

    The graph is traced at the first evaluation and given to torch.compile; on CUDA devices it is replayed as a CUDA
    graph.  It sees blocks of a few fixed lengths, the last of which is filled up with its first point at scale 0: a
    group of up to `block` points is one block of a power of two, a longer one several even blocks of 4, 5, 6, 7 or 8
    eighths of `block`.  So nothing is compiled anew when points are redrawn or weights change, and at most a few times
    when points are added.  Values agree with those of the rule inside to rounding.

    It pays for long training by `Adam`, `Lbfgs` or `SelfScaledBroyden`.  On one CPU core in float64
    (examples/benchmarks/compilation.py), loss and gradient took

        12.7 ms plain,  7.1 ms compiled   for 3 layers of 20 units, 2,000 points, second order;
        122 ms plain,   63 ms compiled    for 4 layers of 30 units, 8,000 points, third order,

    and iterations of `SelfScaledBroyden` 1.6 and 1.8 times less.  Compilation took 55 s and 34 s of the processor (the
    first with the compiler's start), which 9,800 and 570 evaluations earn back, and 2 s and 4 s where torch has the
    same graph in its cache on disk.  Not for `LevenbergMarquardt`, `EnergyNaturalGradient` and others that live on
    Jacobians: those, residuals without gradient, and gradients of single terms, as `ConFig` takes them, are not
    compiled.  Nor for training that is short.

    Each call of `solve` has rows of its own and compiles them, from the cache where it can.

    Rows must be the same object from call to call, and a function of their arguments and of tensors that stay in
    place: what else they read is what it was at the first evaluation, and they may not branch on values.

    Args:
        inner: The rule for Jacobians, whose `chunk` bounds memory.
        block: Most points in one call of the compiled code, a power of two.  On a GPU give about as many as there are
            points.

    Raises:
        SolveFailed: At the first evaluation, if there is no C++ compiler (on CPUs; on GPUs no Triton), or if the rows
            cannot be traced.
    """

    inner: RowJacobian = field(default_factory=LayerOuterProducts)
    block: int = 1024

    def __post_init__(self) -> None:
        if not isinstance(self.inner, RowJacobian) or isinstance(self.inner, Compiled):
            raise ValueError(
                f"Compiled: inner = {self.inner!r}; give a rule for Jacobians that is not compiled, "
                "such as LayerOuterProducts()"
            )
        require_counts(self, block=self.block)
        if self.block < FEWEST or self.block & (self.block - 1):
            raise ValueError(f"Compiled: block = {self.block}; give a power of two from {FEWEST} on, such as 1024")

    def __getstate__(self) -> dict[str, Any]:
        # Compiled code belongs to its process.
        return {"inner": self.inner, "block": self.block}

    @property
    def chunk(self) -> int:  # type: ignore[override]
        """That of the rule inside."""
        return self.inner.chunk

    def write(self, rows: Rows, theta: Tensor, points: Tensor, extras: Tensor, matrix: Tensor) -> Tensor:
        """The Jacobian of the rule inside."""
        return self.inner.write(rows, theta, points, extras, matrix)

    def squares(
        self, rows: Rows, theta: Tensor, points: Tensor, extras: Tensor, scale: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The sum of (scale rows)^2 () and its gradient (P,), block by block.

        Raises:
            SolveFailed: If the code cannot be compiled.
        """
        theta = theta.detach()
        value, gradient = theta.new_zeros(()), torch.zeros_like(theta)
        if not len(points):
            return value, gradient
        size = self._size(len(points))
        for parts in zip(*(a.split(size) for a in (points, extras, scale)), strict=True):
            # Added up at once: the next replay of a CUDA graph writes where this one did.
            part, slope = self._block(rows, theta, *_filled(size, *parts))
            value += part
            gradient += slope
        return value, gradient

    def _size(self, n: int) -> int:
        """Points in each block of a group of n > 0."""
        if n <= self.block:
            return max(FEWEST, 1 << (n - 1).bit_length())
        even, eighth = -(-n // -(-n // self.block)), self.block // 8
        return -(-even // eighth) * eighth

    @cached_property
    def _known(self) -> dict[tuple[object, ...], tuple[Rows, _Squares]]:
        """What has been compiled, with the rows, whose identity no other may take while they are kept."""
        return {}

    def _block(self, rows: Rows, theta: Tensor, points: Tensor, extras: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        arguments = (theta, points, extras, scale)
        key = (id(rows), theta.device, *((a.shape, a.dtype) for a in arguments))
        # Compiled code looks at the mode of autograd: it is the same in every call.
        with torch.no_grad():
            found = self._known.get(key)
            if found is None:
                while len(self._known) >= MOST_KEPT:
                    del self._known[next(iter(self._known))]
                found = self._known[key] = rows, _compiled(rows, arguments)
            if theta.is_cuda:
                torch.compiler.cudagraph_mark_step_begin()
            return found[1](*arguments)


def _filled(size: int, points: Tensor, extras: Tensor, scale: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A block of `size` points: the first is repeated, with scale 0."""
    missing = size - len(points)
    if not missing:
        # Views of one tensor may begin at addresses and strides that compiled code has not seen.
        return points.contiguous(), extras.contiguous(), scale.contiguous()
    repeated = (torch.cat([a, a[:1].expand(missing, -1)]) for a in (points, extras))
    return *repeated, torch.cat([scale, scale.new_zeros(missing, scale.shape[1])])  # type: ignore[return-value]


def _compiled(rows: Rows, arguments: tuple[Tensor, ...]) -> _Squares:
    """Value and gradient as one graph of elementary operations, compiled.

    Raises:
        SolveFailed: If it cannot be traced or compiled.
    """
    from torch.fx.experimental.proxy_tensor import make_fx

    def squares(theta: Tensor, points: Tensor, extras: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        return squares_and_gradient(rows, theta, points, extras, scale)

    mode = "reduce-overhead" if arguments[0].is_cuda else "default"
    # Whatever a compiler raises, of many kinds, says the same to a user.
    try:
        graph = make_fx(squares)(*arguments)
    except Exception as error:
        raise SolveFailed(
            f"Compiled: the rows cannot be traced ({_first_line(error)}); let them not branch on values, or leave "
            "Compiled out, as in Pinn(differentiation=LayerOuterProducts())"
        ) from error
    try:
        found: _Squares = torch.compile(graph, fullgraph=True, dynamic=False, mode=mode)
        found(*arguments)
    except Exception as error:
        raise SolveFailed(
            f"Compiled: torch.compile failed ({_first_line(error)}); install a C++ compiler such as g++ (on a GPU "
            "Triton), or leave Compiled out, as in Pinn(differentiation=LayerOuterProducts())"
        ) from error
    return found


def _first_line(error: Exception) -> str:
    line = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {textwrap.shorten(line, 160, placeholder=' …')}"
