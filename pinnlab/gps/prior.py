"""A Gaussian process for each unknown: one stationary kernel for each coordinate, and an amplitude."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from pinnlab.errors import UnsupportedProblem
from pinnlab.forms.jet import Jet
from pinnlab.numerics.kernels import Kernel
from pinnlab.numerics.line_spectrum import LineSpectrum
from pinnlab.problem import Problem


@dataclass(frozen=True)
class Prior:
    """Independent unknowns of mean zero, cov(u_i(x), u_i(y)) = amplitude_i^2 prod_c k_c(x_c - y_c).

    Attributes:
        kernels: One per coordinate, of variance one.
        amplitudes: One per unknown, positive.
    """

    kernels: tuple[Kernel, ...]
    amplitudes: tuple[float, ...]

    def require_derivatives(self, problem: Problem, jets: Sequence[Jet]) -> None:
        """Refuse operators of higher order than sample paths have derivatives.

        Raises:
            UnsupportedProblem: If there is one.
        """
        for jet in jets:
            for coordinate, order, kernel in zip(problem.coordinates, jet.orders, self.kernels, strict=True):
                if order > kernel.derivatives:
                    most = "no derivatives" if kernel.derivatives < 1 else f"{kernel.derivatives:g} at most"
                    raise UnsupportedProblem(
                        f"SpectralGp on {problem.name!r}: the term {jet.symbol} asks for {order} derivatives by "
                        f"{coordinate}, and functions drawn with {kernel} have {most}; take a smoother kernel, "
                        "as SquaredExponential or a Matern of higher smoothness"
                    )

    @property
    def top(self) -> tuple[float, ...]:
        """The largest frequency along each coordinate, as far as there is one; 0 for rough kernels."""
        return tuple(float(k.frequencies.max()) if isinstance(k, LineSpectrum) else 0.0 for k in self.kernels)

    @property
    def is_smooth(self) -> bool:
        """Whether sample paths have all derivatives."""
        return all(k.derivatives == inf for k in self.kernels)
