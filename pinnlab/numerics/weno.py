"""Values at the faces of cells from averages over cells, without oscillations beside jumps."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import numpy as np

from pinnlab.admissible import require_numbers
from pinnlab.numerics.frames import Frame

# The regularisation of Borges et al.: it only has to keep 0/0 away.
_TINY = 1e-40


class Reconstruction(abc.ABC):
    """From averages over cells to the two values at each face.

    Attributes:
        ghosts: How many cells beyond each end are needed.
    """

    ghosts: int

    @abc.abstractmethod
    def upwind(self, stencil: np.ndarray) -> np.ndarray:
        """The value at the upper face of the middle cell from averages `(2 ghosts - 1, …)`."""

    def faces(self, averages: np.ndarray, frame: Frame | None = None) -> np.ndarray:
        """Values below and above each face along the last axis.

        Args:
            averages: `(unknowns, …, n + 2 ghosts)`, cells beyond the ends included.
            frame: Left and right eigenvectors `(unknowns, unknowns, …, n + 1)` at the faces; the reconstruction is
                then of the characteristic variables.  None reconstructs each unknown by itself.

        Returns:
            `(2, unknowns, …, n + 1)`: reconstructed from the cell below the face, and from the one above.
        """
        width = 2 * self.ghosts
        faces = averages.shape[-1] - width + 1
        cells = np.stack([averages[..., i : i + faces] for i in range(width)])
        if frame is not None:
            cells = np.einsum("ij...,wj...->wi...", frame[0], cells)
        # From below the face the cells are met in this order, from above in the opposite one.
        stencil = np.empty((width - 1, 2, *cells.shape[1:]))
        stencil[:, 0], stencil[:, 1] = cells[:-1], cells[:0:-1]
        values = self.upwind(stencil)
        return values if frame is None else np.einsum("ij...,sj...->si...", frame[1], values)


@dataclass(frozen=True)
class Weno5(Reconstruction):
    """Fifth-order weighted essentially non-oscillatory reconstruction [1] with the weights of [2], WENO-Z.

    The three parabolas through three cells each are blended by ω_k ∝ d_k (1 + (τ/β_k)²) with the smoothness
    indicators β_k of [1] and τ = |β_0 - β_2|: fifth order in smooth parts, critical points included; beside a jump
    the parabola that does not cross it.  On grids of two dimensions, used axis by axis, the scheme is of second
    order, since the flux is taken at the middle of each face.

    [1] G.-S. Jiang, C.-W. Shu, J. Comput. Phys. 126 (1996) 202-228.
    [2] R. Borges, M. Carmona, B. Costa, W. S. Don, J. Comput. Phys. 227 (2008) 3191-3211.
    """

    ghosts = 3

    def upwind(self, stencil: np.ndarray) -> np.ndarray:
        """The value at the upper face of the third of five cells, from averages `(5, …)`."""
        first, second, third, fourth = np.diff(stencil, axis=0)
        # Twice the slopes of the three parabolas at the middle of the cell, and their second differences.
        slopes = np.stack([3 * second - first, second + third, 3 * third - fourth])
        bends = np.stack([second - first, third - second, fourth - third])
        beta = 0.25 * slopes**2
        beta += 13 / 12 * bends**2
        tau = np.abs(beta[0] - beta[2])
        beta += _TINY
        weights = tau / beta
        weights *= weights
        weights += 1.0
        weights *= np.reshape((0.1, 0.6, 0.3), (3, *[1] * (stencil.ndim - 1)))
        # Each parabola at the upper face less the average is half its slope and a twelfth of its bend.
        steps = 3.0 * slopes
        steps += bends
        steps *= weights
        return stencil[2] + steps.sum(axis=0) / (12.0 * weights.sum(axis=0))


@dataclass(frozen=True)
class Muscl(Reconstruction):
    """Second-order linear reconstruction [1] with the monotonised central limiter [2].

    Robust and cheap; second order away from extrema.  `Weno5` is sharper on the same cells.

    Args:
        steepness: θ in minmod(θ a, (a + b)/2, θ b): 1 is minmod, the most diffusive; 2 is the monotonised central one.

    [1] B. van Leer, J. Comput. Phys. 32 (1979) 101-136.
    [2] B. van Leer, J. Comput. Phys. 23 (1977) 276-299.
    """

    steepness: float = 2.0
    ghosts = 2

    def __post_init__(self) -> None:
        require_numbers(self, steepness=self.steepness)
        if not 1 <= self.steepness <= 2:
            raise ValueError(f"Muscl: steepness must be between 1 and 2, got {self.steepness}")

    def upwind(self, stencil: np.ndarray) -> np.ndarray:
        """The value at the upper face of the second of three cells, from averages `(3, …)`."""
        a, b, c = stencil
        below, above = b - a, c - b
        least = np.minimum(np.abs(below), np.abs(above)) * self.steepness
        slope = np.minimum(least, np.abs(below + above) / 2) * np.sign(below + above)
        return b + np.where(below * above > 0, slope, 0.0) / 2


def share_within_bound(average: np.ndarray, values: np.ndarray, bound: np.ndarray | float) -> np.ndarray:
    """How far values in cells may depart from the average for none to be below a bound [1].

    Args:
        average: Of each cell `(…, n)`, not below the bound.
        values: In each cell `(m, …, n)`.
        bound: The least admissible value, to broadcast with the averages.

    Returns:
        The largest θ ≤ 1 of each cell for which average + θ (values - average) is nowhere below the bound, `(…, n)`.

    [1] X. Zhang, C.-W. Shu, J. Comput. Phys. 229 (2010) 3091-3120.
    """
    depth = average - values.min(axis=0)
    return np.where(depth > average - bound, np.maximum(average - bound, 0.0) / np.maximum(depth, _TINY), 1.0)
