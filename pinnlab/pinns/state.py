"""The state of a physics-informed network in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor


@dataclass
class PinnState:
    """Everything that training remembers.

    Attributes:
        step: Steps done.
        phase: Which of the optimisers is at work.
        drawn: Step at which the points were drawn; -1 before the first.
        theta: The network's parameters, then those of unknown functions and unknown parameters `(P,)`.
        optimizers: The state of each optimiser.
        rng: Draws points.
        interior: Collocation points of the equations `(n, dim)`.
        pieces: Points and normals of each open condition, one after the other, each `(m, dim)`.
        balance: The state of the weighting.
        moved: Steps done when theta last changed.
    """

    step: int
    phase: int
    drawn: int
    theta: Tensor
    optimizers: list[Any]
    rng: np.random.Generator
    interior: np.ndarray
    pieces: list[np.ndarray]
    balance: Any
    moved: int = 0
