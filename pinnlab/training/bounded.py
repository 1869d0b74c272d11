"""Numbers within bounds, written through numbers without: what an unconstrained optimiser trains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Bounded:
    """A smooth map from free numbers e to bounded ones p, with p = guess at e = 0.

        no bound          p = guess + s e,                       s = |guess|, or 1 if the guess is 0
        one bound a       p = a + (guess - a) exp(e)             (also for an upper bound)
        two bounds a, b   p = a + (b - a) / (1 + exp(-e) (b - guess) / (guess - a))

    A step of any length keeps p inside, so that Levenberg-Marquardt neither projects nor clips, and near a bound e is
    the logarithm of the distance to it: a diffusivity that is guessed ten times too large is as near as one that is
    ten times too small.  A value on a bound itself is never reached; widen the bounds if p creeps towards one.

    Args:
        guess: Where training starts `(q,)`.
        lower: Bounds from below `(q,)`; -inf for none.
        upper: Bounds from above `(q,)`; inf for none.

    Raises:
        ValueError: If the lengths differ or a guess is not strictly inside.
    """

    guess: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.guess) == len(self.lower) == len(self.upper):
            raise ValueError(f"Bounded: {len(self.guess)} guesses, {len(self.lower)} and {len(self.upper)} bounds")
        for g, a, b in zip(self.guess, self.lower, self.upper, strict=True):
            if not (math.isfinite(g) and a < g < b):
                raise ValueError(f"Bounded: the guess {g} is not between its bounds ({a}, {b}); move it inside")

    @classmethod
    def of(cls, guesses: Sequence[float], bounds: Sequence[tuple[float, float] | None]) -> Bounded:
        """From guesses and intervals, None for no bounds."""
        limits = [(-math.inf, math.inf) if b is None else b for b in bounds]
        return cls(tuple(guesses), tuple(a for a, _ in limits), tuple(b for _, b in limits))

    def __len__(self) -> int:
        """How many numbers."""
        return len(self.guess)

    def __call__(self, free: Tensor) -> list[Tensor]:
        """The bounded numbers, each `()`, of free ones `(q,)`."""
        rows = zip(free.unbind(), self.guess, self.lower, self.upper, strict=True)
        return [_bounded(e, g, a, b) for e, g, a, b in rows]

    def slopes(self, free: Tensor) -> Tensor:
        """The derivatives dp / de `(q,)`."""
        leaf = free.detach().clone().requires_grad_(True)
        with torch.enable_grad():
            total = torch.stack(self(leaf)).sum()
        return torch.autograd.grad(total, leaf)[0]


def _bounded(e: Tensor, guess: float, lower: float, upper: float) -> Tensor:
    if math.isinf(lower) and math.isinf(upper):
        return guess + (abs(guess) or 1.0) * e
    if math.isinf(upper):
        return lower + (guess - lower) * torch.exp(e)
    if math.isinf(lower):
        return upper - (upper - guess) * torch.exp(e)
    return lower + (upper - lower) * torch.sigmoid(e + math.log((guess - lower) / (upper - guess)))
