"""Strong-stability-preserving time steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Rate = Callable[[float, np.ndarray], np.ndarray]


def ssp_rk3(rate: Rate, t: float, u: np.ndarray, step: float, first: np.ndarray | None = None) -> np.ndarray:
    """One step of the third-order Runge-Kutta method of Shu and Osher [1].

    u1 = u + h r(t, u),  u2 = (3 u + u1 + h r(t + h, u1)) / 4,  u(t + h) = (u + 2 u2 + 2 h r(t + h/2, u2)) / 3.

    Each stage is a mean of Euler steps: bounds that an Euler step of length h keeps, the step keeps.

    Args:
        rate: r(t, u).
        t: Where the step starts.
        u: The state there.
        step: h.
        first: r(t, u), where it is known already.

    [1] C.-W. Shu, S. Osher, J. Comput. Phys. 77 (1988) 439-471.
    """
    start = rate(t, u) if first is None else first
    one = u + step * start
    two = 0.75 * u + 0.25 * (one + step * rate(t + step, one))
    return u / 3 + 2 / 3 * (two + step * rate(t + step / 2, two))
