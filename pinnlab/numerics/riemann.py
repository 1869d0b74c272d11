"""Approximate Riemann solvers: the flux through a face from the states on its two sides."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FaceStates:
    """What is known at the faces along one axis; `…` are the faces.

    Attributes:
        states: Below and above the face, `(2, unknowns, …)`.
        fluxes: The flux of each, `(2, unknowns, …)`.
        slowest: The least speed of any wave, `(…)`.
        fastest: The largest, `(…)`.
        sides: The largest absolute speed in each of the two states, `(2, …)`.
    """

    states: np.ndarray
    fluxes: np.ndarray
    slowest: np.ndarray
    fastest: np.ndarray
    sides: np.ndarray


@dataclass(frozen=True)
class Waves:
    """The linearised waves at the faces.

    Attributes:
        speeds: λ_k `(unknowns, …)`.
        left: Left eigenvectors as rows, `(unknowns, unknowns, …)`.
        right: Right eigenvectors as columns, likewise; inverse to `left`.
        degenerate: Which waves are linearly degenerate, `(unknowns,)`.
    """

    speeds: np.ndarray
    left: np.ndarray
    right: np.ndarray
    degenerate: np.ndarray


class RiemannSolver(abc.ABC):
    """The numerical flux through faces.

    Attributes:
        resolves_contacts: Whether it needs the linearised waves.
    """

    resolves_contacts: bool = False

    @abc.abstractmethod
    def flux(self, at: FaceStates, waves: Waves | None) -> np.ndarray:
        """The flux `(unknowns, …)`; `waves` are given if the solver resolves contacts."""


@dataclass(frozen=True)
class LaxFriedrichs(RiemannSolver):
    """Local Lax-Friedrichs, also called Rusanov's flux [1]: (f_L + f_R)/2 - a (u_R - u_L)/2 with a = max |λ|.

    The most robust and the most diffusive.

    [1] V. V. Rusanov, USSR Comput. Math. Math. Phys. 1 (1962) 304-320.
    """

    def flux(self, at: FaceStates, waves: Waves | None) -> np.ndarray:
        """The flux `(unknowns, …)`."""
        fastest = np.maximum(np.abs(at.slowest), np.abs(at.fastest))
        return 0.5 * (at.fluxes[0] + at.fluxes[1] - fastest * (at.states[1] - at.states[0]))


@dataclass(frozen=True)
class Hll(RiemannSolver):
    """The flux of Harten, Lax and van Leer [1]: one constant state between the slowest and the fastest wave.

    (s_R f_L - s_L f_R + s_L s_R (u_R - u_L)) / (s_R - s_L) with s_L ≤ 0 ≤ s_R.  It smears contacts; see `Hllem`.

    [1] A. Harten, P. D. Lax, B. van Leer, SIAM Review 25 (1983) 35-61.
    """

    def flux(self, at: FaceStates, waves: Waves | None) -> np.ndarray:
        """The flux `(unknowns, …)`."""
        low, high, width = _fan(at)
        jump = at.states[1] - at.states[0]
        return (high * at.fluxes[0] - low * at.fluxes[1] + low * high * jump) / width


@dataclass(frozen=True)
class Hllem(RiemannSolver):
    """HLL with the linearly degenerate waves put back [1, 2]: contacts at rest are kept exactly, as by HLLC [3].

    F = F_HLL - s_L s_R / (s_R - s_L) Σ_k δ_k r_k l_k·(u_R - u_L),  δ_k = 1 - min(λ_k, 0)/s_L - max(λ_k, 0)/s_R,

    over the linearly degenerate fields k, whatever the system; without one it is HLL.  Needs eigenvectors that sympy
    finds.  In two dimensions, strong shocks along the grid may show the carbuncle instability of all solvers of
    this kind; `Hll` does not.

    [1] B. Einfeldt, C. D. Munz, P. L. Roe, B. Sjögreen, J. Comput. Phys. 92 (1991) 273-295.
    [2] M. Dumbser, D. S. Balsara, J. Comput. Phys. 304 (2016) 275-319.
    [3] E. F. Toro, M. Spruce, W. Speares, Shock Waves 4 (1994) 25-34.
    """

    resolves_contacts = True

    def flux(self, at: FaceStates, waves: Waves | None) -> np.ndarray:
        """The flux `(unknowns, …)`."""
        plain = Hll().flux(at, None)
        if waves is None:
            raise ValueError("Hllem needs the linearised waves; use Hll where they are not known")
        low, high, width = _fan(at)
        jump = at.states[1] - at.states[0]
        for k in np.flatnonzero(waves.degenerate):
            speed = np.clip(waves.speeds[k], low, high)
            share = 1 - np.minimum(speed, 0) / np.minimum(low, -_TINY) - np.maximum(speed, 0) / np.maximum(high, _TINY)
            strength = np.einsum("j...,j...->...", waves.left[k], jump)
            plain = plain - low * high / width * share * strength * waves.right[:, k]
        return plain


# Where no wave moves the fan has no width, and both fluxes are the same up to rounding.
_TINY = 1e-300


def _fan(at: FaceStates) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """s_L ≤ 0, s_R ≥ 0 and their distance."""
    low, high = np.minimum(at.slowest, 0.0), np.maximum(at.fastest, 0.0)
    still = high - low < _TINY
    high = np.where(still, 1.0, high)
    return low, high, high - low
