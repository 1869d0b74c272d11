"""What the search for a prior remembers."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from pinnlab.gps.assembly import Choice


@dataclass
class Found:
    """A prior, the mean found with it, and how it was judged.

    Attributes:
        choice: The prior.
        coefficients: Of the mean.
        residual: At fresh points.
    """

    choice: Choice
    coefficients: Tensor
    residual: float


@dataclass
class SpectralGpState:
    """What a run remembers.

    Attributes:
        seed: Of random points.
        choice: The present prior.  It and the coefficients are empty before the first step, since the arrays of a fresh
            state fix the shapes in all checkpoints of a run.
        coefficients: Of the mean.
        shaped: Whether its variances were compared with others.
        iteration: Gauss-Newton steps with it.
        arrived: Whether they have converged.
        rounds: Ranges of frequencies tried.
        sweeps: Steps of the evidence taken.
        best: What is kept if the next prior is worse; empty at first.
        remark: What its user should know.
        finished: Whether all is done.
    """

    seed: int
    choice: Choice
    coefficients: Tensor
    shaped: bool = False
    iteration: int = 0
    arrived: bool = False
    rounds: int = 1
    sweeps: int = 0
    best: list[Found] = field(default_factory=list)
    remark: str = ""
    finished: bool = False
