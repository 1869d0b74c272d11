"""Linearly implicit time steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_array, eye_array
from scipy.sparse.linalg import splu

# The smaller of the two values that make the method L-stable.
_GAMMA = 1 - 1 / np.sqrt(2)


def ros2(
    rate: Callable[[float, np.ndarray], np.ndarray], matrix: csr_array, t: float, u: np.ndarray, step: float
) -> np.ndarray:
    """One step of the second-order Rosenbrock method ROS2 [1]; of second order for any matrix, L-stable for ∂r/∂u.

    (1 - γ h J) k1 = r(t, u),  (1 - γ h J) k2 = r(t + h, u + h k1) - 2 k1,  u(t + h) = u + 3/2 h k1 + 1/2 h k2,

    with γ = 1 - 1/√2.  What the rate and every column of the matrix keep, such as a total, the step keeps.

    Args:
        rate: r(t, u), of any shape like u.
        matrix: J, an approximation of ∂r/∂u over the entries of u in row-major order.
        t: Where the step starts.
        u: The state there.
        step: h.

    [1] J. G. Verwer, E. J. Spee, J. G. Blom, W. Hundsdorfer, SIAM J. Sci. Comput. 20 (1999) 1456-1480.
    """
    system = splu((eye_array(u.size) - _GAMMA * step * matrix).tocsc())

    def solve(right: np.ndarray) -> np.ndarray:
        return system.solve(right.ravel()).reshape(u.shape)

    first = solve(rate(t, u))
    second = solve(rate(t + step, u + step * first) - 2 * first)
    return u + step * (1.5 * first + 0.5 * second)
