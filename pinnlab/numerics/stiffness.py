"""How stiff a system is, from the eigenvalues of its Jacobian."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array

from pinnlab.errors import SolveFailed

# Up to this many unknowns eigenvalues are computed, beyond it they are enclosed.
_MOST_EIGENVALUES = 300
# A mode that decays by less than exp(-10) over the interval is part of the solution, not of its stiffness.
_DECAYED = 10.0


@dataclass(frozen=True)
class Stiffness:
    """The fastest mode of y' = f(t, y) that dies out within the time considered.

    Modes without damping do not count, however fast: an oscillation that does not die out has to be followed by any
    method.

    Attributes:
        speed: The largest |λ| among the eigenvalues λ of the Jacobian with -Re λ times the span above 10; 0 if there
            is none.
        oscillates: Whether that mode turns faster than it decays, |Im λ| > |Re λ|.
    """

    speed: float
    oscillates: bool

    @classmethod
    def measured(cls, jacobian: csc_array, span: float) -> Stiffness:
        """From the Jacobian `(n, n)` at one point, over a time `span` > 0.

        Over 300 unknowns Gershgorin's discs take the place of the eigenvalues: of each row whose disc lies in the
        left half-plane by at least a half, the far end.

        Raises:
            SolveFailed: If the Jacobian is not finite.
        """
        if not np.isfinite(jacobian.data).all():
            raise SolveFailed("the Jacobian is not finite: the solution may blow up, or its rate has a singularity")
        if jacobian.shape[0] > _MOST_EIGENVALUES:
            centres = jacobian.diagonal()
            radii = np.asarray(abs(jacobian).sum(axis=1)).ravel() - np.abs(centres)
            values = (centres - radii)[2 * np.abs(centres) >= radii].astype(complex)
        else:
            values = np.linalg.eigvals(jacobian.toarray()).astype(complex)
        damped = values[-values.real * span > _DECAYED]
        if not len(damped):
            return cls(0.0, False)
        fastest = damped[np.abs(damped).argmax()]
        return cls(float(abs(fastest)), bool(abs(fastest.imag) > abs(fastest.real)))

    def of_step(self, h: float) -> float:
        """Product h |λ|: explicit Runge-Kutta methods are stable up to about 3 to 6."""
        return self.speed * h if math.isfinite(h) else math.inf
