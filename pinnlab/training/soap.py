"""SOAP: Adam in the slowly turning eigenbasis of Shampoo's preconditioner."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinnlab.admissible import require_counts, require_numbers, require_positive
from pinnlab.training.objective import LeastSquares
from pinnlab.training.optimizer import Optimizer

EPSILON = 1e-8
"""Added to the root of the running square, as in Adam."""


@dataclass(frozen=True, eq=False)
class SoapState:
    """Iterations taken, running means (P,) of the gradient and of its rotated square, and the factors.

    `factors` holds, for each side of each weight matrix, the running mean of GG' or G'G, and `bases` the orthogonal
    matrix that nearly diagonalises it; both are empty before the first iteration.
    """

    taken: int
    mean: Tensor
    mean_square: Tensor
    factors: list[Tensor]
    bases: list[Tensor]


@dataclass(frozen=True)
class Soap(Optimizer[SoapState]):
    """SOAP [1]: Adam on gradients turned into the eigenbasis of Shampoo's factors, one pair for each weight matrix.

    For a weight matrix with gradient G (m, n): L <- b L + (1 - b) GG', R <- b R + (1 - b) G'G, b = `memory_square`;
    with Q_L, Q_R the eigenvectors of L and R, Adam's running square is that of Q_L' G Q_R, and its step is turned back.
    Every `turn_every` iterations Q becomes the orthogonal factor of L Q (one step of orthogonal iteration).  Vectors,
    and sides longer than `largest`, are not turned: for those it is Adam.  The first iteration only fills the factors.

    A first-order method: it aligns the gradients of competing losses [2] and beats Adam by 2 to 10 times, but for
    digits follow it by a second-order method.

    Args:
        steps: Iterations in all.
        per_step: Iterations per call of `step`.
        learning_rate: First learning rate.
        decay: Last learning rate over first, in (0, 1]; geometric in between.
        memory: Weight of the past in the mean of gradients, in [0, 1).
        memory_square: The same for squares and factors.
        turn_every: Iterations between turns of the bases.
        largest: Longest side of a matrix that has a factor.

    [1] N. Vyas et al., ICLR 2025, arXiv:2409.11321, Algorithms 3 and 4.
    [2] S. Wang et al., arXiv:2502.00604 (2025), whose settings are the defaults.
    """

    steps: int = 10000
    per_step: int = 20
    learning_rate: float = 1e-3
    decay: float = 1.0
    memory: float = 0.99
    memory_square: float = 0.999
    turn_every: int = 2
    largest: int = 2048

    def __post_init__(self) -> None:
        require_counts(self, steps=self.steps, per_step=self.per_step)
        require_positive(self, learning_rate=self.learning_rate)
        require_counts(self, turn_every=self.turn_every, largest=self.largest)
        require_numbers(self, decay=self.decay, memory=self.memory, memory_square=self.memory_square)
        if not 0 < self.decay <= 1:
            raise ValueError(f"Soap: decay = {self.decay}; give last over first learning rate, in (0, 1]")
        for name, value in (("memory", self.memory), ("memory_square", self.memory_square)):
            if not 0 <= value < 1:
                raise ValueError(f"Soap: {name} = {value}; give a weight in [0, 1)")

    def start(self, theta: Tensor) -> SoapState:  # noqa: D102
        return SoapState(0, torch.zeros_like(theta), torch.zeros_like(theta), [], [])

    def step(
        self, objective: LeastSquares, theta: Tensor, state: SoapState
    ) -> tuple[Tensor, SoapState, dict[str, float]]:
        """`per_step` iterations, fewer at the budget's end; "loss" is that before the last of them.

        Raises:
            ValueError: If the objective does not know the shapes of its parameters.
        """
        layout = Layout.of(objective.shapes, len(theta), self.largest)
        theta = theta.detach()
        last = max(min(state.taken + self.per_step, self.steps), state.taken + 1)
        for i in range(state.taken, last):
            value, gradient = objective.value_and_gradient(theta)
            rate = self.learning_rate * self.decay ** (i / self.steps)
            if i == 0:
                state = self._first(layout, gradient, state)
            else:
                state, direction = self._adam(layout, gradient, state)
                state = self._turn(layout, gradient, state)
                theta = theta - rate * direction
        return theta.clone(), state, {"loss": float(value), "learning_rate": rate}

    def _first(self, layout: Layout, gradient: Tensor, state: SoapState) -> SoapState:
        """The state with the factors and bases of the first gradient."""
        factors = [(1 - self.memory_square) * f for f in layout.outer_products(gradient)]
        # Largest eigenvalue first, which is the order that orthogonal iteration keeps.
        bases = [torch.linalg.eigh(f).eigenvectors.flip(-1) for f in factors]
        return replace(state, taken=1, factors=factors, bases=bases)

    def _adam(self, layout: Layout, gradient: Tensor, state: SoapState) -> tuple[SoapState, Tensor]:
        """The state with new means, and Adam's direction (P,) in the present bases, turned back."""
        a, b, n = self.memory, self.memory_square, state.taken
        mean = a * state.mean + (1 - a) * gradient
        mean_square = b * state.mean_square + (1 - b) * layout.turn(gradient, state.bases) ** 2
        turned = layout.turn(mean, state.bases) / (1 - a**n)
        direction = turned / (torch.sqrt(mean_square / (1 - b**n)) + EPSILON)
        return replace(state, taken=n + 1, mean=mean, mean_square=mean_square), layout.turn_back(direction, state.bases)

    def _turn(self, layout: Layout, gradient: Tensor, state: SoapState) -> SoapState:
        """The state with new factors and, when it is time, new bases."""
        b = self.memory_square
        fresh = layout.outer_products(gradient)
        factors = [b * old + (1 - b) * new for old, new in zip(state.factors, fresh, strict=True)]
        if (state.taken - 1) % self.turn_every:
            return replace(state, factors=factors)
        bases = [torch.linalg.qr(f @ q).Q for f, q in zip(factors, state.bases, strict=True)]
        return replace(state, factors=factors, bases=bases)

    def finished(self, state: SoapState) -> bool:  # noqa: D102
        return state.taken >= self.steps


@dataclass(frozen=True)
class Matrix:
    """A weight matrix inside theta, and whether its rows and its columns are turned."""

    first: int
    shape: tuple[int, int]
    rows: bool
    columns: bool

    def view(self, vector: Tensor) -> Tensor:
        """Its entries in `vector (P,)` as a matrix that shares their memory."""
        m, n = self.shape
        return vector[self.first : self.first + m * n].view(m, n)


@dataclass(frozen=True)
class Layout:
    """The matrices of theta; what is outside them is not turned."""

    matrices: tuple[Matrix, ...]

    @classmethod
    def of(cls, shapes: tuple[tuple[int, ...], ...], size: int, largest: int) -> Layout:
        """The layout of the first parameters of theta.

        Raises:
            ValueError: If no shapes are given, or more than theta holds.
        """
        if not shapes:
            raise ValueError("Soap: this objective does not say which parameters are matrices (`shapes`); use Adam")
        first, found = 0, []
        for shape in shapes:
            if len(shape) == 2:
                found.append(Matrix(first, (shape[0], shape[1]), *(1 < side <= largest for side in shape)))
            first += math.prod(shape)
        if first > size:
            raise ValueError(f"Soap: the objective's shapes hold {first} parameters, theta {size}; give those of theta")
        return cls(tuple(found))

    def outer_products(self, gradient: Tensor) -> list[Tensor]:
        """GG' and G'G of every side that is turned, rows before columns."""
        found = []
        for matrix in self.matrices:
            g = matrix.view(gradient)
            found += [g @ g.T] * matrix.rows + [g.T @ g] * matrix.columns
        return found

    def turn(self, vector: Tensor, bases: list[Tensor]) -> Tensor:
        """Q_L' G Q_R for every matrix G in `vector (P,)`."""
        return self._apply(vector, [q.T for q in bases])

    def turn_back(self, vector: Tensor, bases: list[Tensor]) -> Tensor:
        """Q_L G Q_R' for every matrix G in `vector (P,)`."""
        return self._apply(vector, bases)

    def _apply(self, vector: Tensor, bases: list[Tensor]) -> Tensor:
        found, rest = vector.clone(), iter(bases)
        for matrix in self.matrices:
            g = matrix.view(vector)
            if matrix.rows:
                g = next(rest) @ g
            if matrix.columns:
                g = g @ next(rest).T
            matrix.view(found).copy_(g)
        return found
