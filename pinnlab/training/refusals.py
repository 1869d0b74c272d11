"""What second-order optimisers refuse, in words: single precision, losses that are no numbers, too little memory."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pinnlab.errors import SolveFailed
from pinnlab.training.objective import LeastSquares

STALLED = (
    "{}: no smaller loss was found along the direction of descent; on these points that is the end: "
    "redraw them (sampler with every > 0), or take more points or a larger network"
)


def require_double(owner: object, theta: Tensor) -> None:
    """Raise a ValueError unless `theta` is float64, without which small decreases of a loss are lost."""
    if theta.dtype != torch.float64:
        raise ValueError(
            f"{type(owner).__name__}: theta is {theta.dtype}; its small steps need float64, convert the network"
        )


def require_finite_loss(owner: object, objective: LeastSquares, theta: Tensor, loss: float) -> None:
    """Raise SolveFailed if `loss` is no number, naming the first residual at `theta` that is none."""
    if math.isfinite(loss):
        return
    with torch.no_grad():
        residuals = objective.residuals(theta.detach())
    bad = torch.nonzero(~torch.isfinite(residuals))[:, 0].tolist()
    where = f"{objective.describe(bad[0])} is {float(residuals[bad[0]])}" if bad else "the sum overflows"
    raise SolveFailed(
        f"{type(owner).__name__}: the loss is {loss} at the given parameters ({where}); start elsewhere (another seed, "
        "smaller weights), or look for a division, root or logarithm there"
    )


def finite_norm(owner: object, gradient: Tensor) -> float:
    """The Euclidean norm of a gradient where the loss is finite; SolveFailed if it is no number."""
    norm = float(torch.linalg.vector_norm(gradient))
    if not math.isfinite(norm):
        raise SolveFailed(
            f"{type(owner).__name__}: the loss is finite but the gradient of the residuals is {norm}; look for a root "
            "or an absolute value at zero in the equations, or start elsewhere"
        )
    return norm


def require_memory(owner: object, what: str, numbers: float, limit: float, remedy: str) -> None:
    """Raise a ValueError if `numbers` of 8 bytes take more than `limit` bytes."""
    if 8 * numbers > limit:
        needed, allowed = (f"{amount / 1e9:.3g} GB" for amount in (8 * numbers, limit))
        raise ValueError(f"{type(owner).__name__}: {what} takes {needed}, more than memory = {allowed}; {remedy}")
