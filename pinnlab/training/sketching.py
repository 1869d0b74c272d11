"""Levenberg-Marquardt models from a random compression of the Jacobian's rows and columns."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.admissible import require_counts, require_positive, require_seed
from pinnlab.training.local_model import Linearization, LocalModel
from pinnlab.training.objective import LeastSquares, gram_matrix
from pinnlab.training.optimizer import generator_of_step
from pinnlab.training.refusals import require_memory

ROWS_AT_ONCE = 256
"""Rows transformed at once: bounds the memory of the complex numbers in between."""


def cosine_transform(x: Tensor) -> Tensor:
    """The orthonormal cosine transform (DCT-II) along the last axis, by one FFT of the same length [1].

    [1] J. Makhoul, IEEE Trans. Acoust. Speech Signal Process. 28 (1980) 27-34.
    """
    n = x.shape[-1]
    order = torch.cat([x[..., ::2], x[..., 1::2].flip(-1)], dim=-1)
    k = torch.arange(n, dtype=x.dtype, device=x.device)
    turn = torch.polar(torch.full_like(k, math.sqrt(2 / n)), -math.pi * k / (2 * n))
    found = (torch.fft.fft(order) * turn).real
    found[..., 0] *= math.sqrt(0.5)
    return found


def inverse_cosine_transform(x: Tensor) -> Tensor:
    """The inverse, which is the transpose, of `cosine_transform`."""
    n = x.shape[-1]
    scaled = x * math.sqrt(n / 2)
    scaled[..., 0] *= math.sqrt(2)
    k = torch.arange(n, dtype=x.dtype, device=x.device)
    turn = torch.polar(torch.ones_like(k), math.pi * k / (2 * n))
    mirrored = torch.cat([torch.zeros_like(x[..., :1]), scaled[..., 1:].flip(-1)], dim=-1)
    order = torch.fft.ifft(torch.complex(scaled, -mirrored) * turn).real
    found = torch.empty_like(x)
    found[..., ::2] = order[..., : (n + 1) // 2]
    found[..., 1::2] = order[..., (n + 1) // 2 :].flip(-1)
    return found


@dataclass(frozen=True, eq=False)
class CountSketch:
    """S (rows, N): every column has `hashes` entries ±1 / sqrt(hashes) in random rows, so that E[S'S] = I [1].

    Args:
        rows: The number of rows of S.
        buckets: (hashes, N), where the rows of a matrix go.
        signs: (hashes, N).

    [1] K. L. Clarkson, D. P. Woodruff, J. ACM 63 (2017) 54; for several hashes J. Nelson, H. L. Nguyen, FOCS 2013.
    """

    rows: int
    buckets: Tensor
    signs: Tensor

    @classmethod
    def draw(cls, rows: int, count: int, hashes: int, like: Tensor, generator: torch.Generator) -> CountSketch:
        """A random sketch of `count` rows, of the dtype and device of `like`."""
        buckets = torch.randint(rows, (hashes, count), generator=generator).to(like.device)
        signs = 2 * torch.randint(2, (hashes, count), generator=generator) - 1
        return cls(rows, buckets, signs.to(like) / math.sqrt(hashes))

    def add(self, matrix: Tensor, first: int, into: Tensor) -> None:
        """Add S[:, first : first + n] @ matrix to `into (rows, P)` for matrix (n, P)."""
        where = slice(first, first + len(matrix))
        for bucket, sign in zip(self.buckets[:, where], self.signs[:, where], strict=True):
            into.index_add_(0, bucket, matrix * sign[:, None])


@dataclass(frozen=True, eq=False)
class Subspace:
    """C (P, c) with orthonormal columns: chosen rows of the cosine transform of randomly signed entries.

    Args:
        signs: (P,).
        chosen: (c,).
    """

    signs: Tensor
    chosen: Tensor

    @classmethod
    def draw(cls, columns: int, like: Tensor, generator: torch.Generator) -> Subspace:
        """A random subspace of vectors like `like (P,)`."""
        signs = 2 * torch.randint(2, like.shape, generator=generator) - 1
        chosen = torch.randperm(len(like), generator=generator)[:columns]
        return cls(signs.to(like), chosen.to(like.device))

    def restrict(self, x: Tensor) -> Tensor:
        """X C (n, c) for X (n, P), or C'x (c,) for a vector."""
        if x.ndim == 1:
            return cosine_transform(x * self.signs)[self.chosen]
        return torch.cat([cosine_transform(part * self.signs)[:, self.chosen] for part in x.split(ROWS_AT_ONCE)])

    def lift(self, z: Tensor) -> Tensor:
        """C z (P,) for z (c,)."""
        padded = torch.zeros_like(self.signs)
        padded[self.chosen] = z
        return inverse_cosine_transform(padded) * self.signs


@dataclass(frozen=True, eq=False)
class SketchedModel(LocalModel):
    """|r|^2 + 2 d . J'r + |S J d|^2 for d = C z: exact slope, sketched curvature; `gram` is (S J C)'(S J C)."""

    subspace: Subspace
    pullback: Callable[[Tensor], Tensor]

    def damped_inverse(self, factor: Tensor, vector: Tensor) -> Tensor:
        """C (C'J'S'S J C + damping I)^{-1} C'J' vector for vector (N,)."""
        pulled = self.gradient if vector is self.residuals else self.pullback(vector)
        solved = torch.cholesky_solve(self.subspace.restrict(pulled)[:, None], factor)[:, 0]
        return self.subspace.lift(solved)

    def damped_inverse_after(self, factor: Tensor, step: Tensor) -> Tensor:
        """The same for J'r + C (gram) C' step, which is what the model's slope is after `step`."""
        slope = self.subspace.restrict(self.gradient) + self.gram @ self.subspace.restrict(step)
        return self.subspace.lift(torch.cholesky_solve(slope[:, None], factor)[:, 0])


@dataclass(frozen=True)
class Sketched(Linearization):
    """A random subspace of steps, and random sums of residuals for the curvature in it; new ones in every step.

    The rows of J are compressed by a CountSketch, its columns by a randomised cosine transform, as in the
    Gauss-Newton method of [1]; the gradient stays exact, so that every step is one of descent.  Beyond the Jacobian
    itself a step costs about rows (P log P + columns^2) operations.  More than N rows or P columns sketch nothing.
    A step in a subspace reaches less than a full one: below about 3,000 parameters `Exact` is better.

    Args:
        rows: Sums of residuals; about twice the columns.
        columns: The dimension of the subspace.
        hashes: Sums that each residual goes into.
        seed: Of the random numbers, at least 0.
        memory: Largest number of bytes, beside one chunk of J.

    [1] Webb, Jerad, Cartis, arXiv:2607.02194 (2026), where the step's length is chosen differently.
    """

    rows: int = 4000
    columns: int = 2000
    hashes: int = 4
    seed: int = 0
    memory: float = 8e9

    def __post_init__(self) -> None:
        require_counts(self, rows=self.rows, columns=self.columns, hashes=self.hashes)
        require_positive(self, memory=self.memory)
        require_seed(self, self.seed)
        if self.rows < self.columns:
            raise ValueError(f"Sketched: rows = {self.rows} < columns = {self.columns}; give at least as many rows")

    def at(self, objective: LeastSquares, theta: Tensor, taken: int) -> SketchedModel:
        """The model.

        Raises:
            ValueError: If it takes more than `memory`.
        """
        n, p = objective.count, len(theta)
        self.require_fits(p, n)
        rows, columns = min(self.rows, n), min(self.columns, p)
        generator = generator_of_step(self.seed, taken)
        subspace = Subspace.draw(columns, theta, generator)
        sketch = CountSketch.draw(rows, n, self.hashes, theta, generator)
        r, gradient, compressed = self._compress(objective, theta, sketch)
        gram = gram_matrix(subspace.restrict(compressed))
        return SketchedModel(r, gradient, gram, subspace, lambda vector: objective.pullback(theta, vector))

    def require_fits(self, parameters: int, residuals: int) -> None:  # noqa: D102
        rows, columns = min(self.rows, residuals), min(self.columns, parameters)
        what = f"a sketch of {rows:,} rows of {parameters:,} parameters"
        remedy = "take fewer rows or a smaller network, or raise memory"
        require_memory(self, what, float(rows) * (parameters + columns) + 4.0 * columns**2, self.memory, remedy)

    def _compress(self, objective: LeastSquares, theta: Tensor, sketch: CountSketch) -> tuple[Tensor, Tensor, Tensor]:
        """Residuals (N,), J'r (P,) and S J (rows, P)."""
        compressed = theta.new_zeros(sketch.rows, len(theta))
        gradient, values, first = torch.zeros_like(theta), [], 0
        for residuals, block in objective.blocks(theta):
            gradient += block.T @ residuals
            if sketch.rows < objective.count:
                sketch.add(block, first, compressed)
            else:
                compressed[first : first + len(block)] = block
            values.append(residuals)
            first += len(block)
        return torch.cat(values), gradient, compressed
