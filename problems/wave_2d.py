"""Vibrating square membrane with a fixed rim: a bump falls apart into a ring that is reflected again and again.

    u_tt = u_xx + u_yy,   (x, y) in [-1, 1]²,   t in [0, 3],   u = 0 on the boundary
    u(0, x, y) = g(x, 0.35) g(y, 0.25),   g(s, c) = e(s - c) - e(s - 2 + c) - e(s + 2 + c),   e(z) = exp(-10 z²)
    u_t(0, x, y) = 0

The data of [1] are the bump e(x - 0.35) e(y - 0.25) alone, which is 0.015 high on the rim and would send jumps into the
membrane.  Here its nearest mirror images [2], with the other sign, make it vanish there with all even derivatives; they
change it by 0.015 at most.  Exact: a sum over the modes of the square, whose sizes fall like exp(-ω² / 40).

[1] M. Härkönen, M. Lange-Hegermann, B. Raiţă, Proc. Mach. Learn. Res. 202 (2023) 12587-12615, arXiv:2212.14319.
[2] R. Courant and D. Hilbert, Methods of Mathematical Physics, vol. 1, Interscience (1953).
"""

import numpy as np
import sympy as sp

from pinnlab import Box, D, Problem, dirichlet, initial, initial_rate, laplacian

t, x, y = sp.symbols("t x y", real=True)
u = sp.Function("u")(t, x, y)
CENTRE = (sp.Rational(35, 100), sp.Rational(25, 100))
# exp(-40) is below rounding: 25 pi / 2 = 39.3, and exp(-39.3² / 40) = 2e-17.
wavenumbers = np.pi / 2 * np.arange(1, 26)


def profile(s: sp.Symbol, centre: sp.Expr) -> sp.Expr:
    return sp.exp(-10 * (s - centre) ** 2) - sum(sp.exp(-10 * (s + m + centre) ** 2) for m in (-2, 2))


def sizes(centre: sp.Expr) -> np.ndarray:
    """Of the sines of k (s + 1) in the profile, by the Fourier transform of its bump."""
    return np.sqrt(np.pi / 10) * np.exp(-(wavenumbers**2) / 40) * np.sin(wavenumbers * (float(centre) + 1))


def exact(points: np.ndarray) -> np.ndarray:
    time, first, second = np.asarray(points, dtype=float).T[:, :, None]
    along_x = sizes(CENTRE[0]) * np.sin(wavenumbers * (first + 1))
    along_y = sizes(CENTRE[1]) * np.sin(wavenumbers * (second + 1))
    total = np.zeros(len(points))
    for i, k in enumerate(wavenumbers):
        total += along_x[:, i] * (along_y * np.cos(np.hypot(k, wavenumbers) * time)).sum(axis=1)
    return total[:, None]


problem = Problem(
    name="wave_2d",
    equations=[D(u, t, 2) - laplacian(u, (x, y))],
    unknowns=[u],
    domain=Box({t: (0, 3), x: (-1, 1), y: (-1, 1)}),
    conditions=[
        initial(u, profile(x, CENTRE[0]) * profile(y, CENTRE[1])),
        initial_rate(u, 0),
        dirichlet(u, 0),
    ],
    time=t,
    reference=exact,
    citation="M. Härkönen, M. Lange-Hegermann, B. Raiţă, Proc. Mach. Learn. Res. 202 (2023) 12587-12615",
)
