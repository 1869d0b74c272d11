"""Random features: functions tanh(k.x + b) with fixed random k and b, and the directions among them that count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

# Points per feature at which the features are compared.
SAMPLES_PER_FEATURE = 4


@dataclass(frozen=True, eq=False)
class RandomBasis:
    """Combinations of random features [1, 2], q functions on [-1, 1]^dim.

        phi_j(x) = sum_i mixing[i, j] tanh(directions[i] . x + shifts[i]).

    The features alone are so nearly dependent that a least-squares problem in them has no digits to spare.  As in [3]
    the mixing is the singular value decomposition of their values at random points, cut where the singular values
    fall under a tolerance: the functions are orthonormal on average over the cube, the most important first.

    Attributes:
        directions: (J, dim).
        shifts: (J,).
        mixing: (J, q).

    [1] J. Chen, X. Chi, W. E, Z. Yang, J. Mach. Learn. 1 (2022) 268-298.
    [2] S. Dong, Z. Li, CMAME 387 (2021) 114129.
    [3] Y. Shang, A. Heinlein, S. Mishra, F. Wang, CMAME 442 (2025) 118011 (principal components of the features).
    """

    directions: Tensor
    shifts: Tensor
    mixing: Tensor

    @classmethod
    def draw(
        cls, features: int, dim: int, scale: float, most: int, tolerance: float, generator: torch.Generator
    ) -> RandomBasis:
        """Features with k uniform in [-scale, scale]^dim that pass through zero at a uniform point of the cube.

        Args:
            features: J, the features drawn.
            dim: The number of coordinates.
            scale: The largest slope along an axis; 1 for functions without fronts.
            most: The largest q.
            tolerance: The smallest singular value that is kept, relative to the largest.
            generator: Draws everything, on its device.
        """
        like = {"dtype": torch.float64, "device": generator.device}

        def uniform(*shape: int) -> Tensor:
            return 2 * torch.rand(*shape, generator=generator, **like) - 1  # type: ignore[call-overload]

        directions = scale * uniform(features, dim)
        shifts = -(directions * uniform(features, dim)).sum(dim=1)
        points = uniform(SAMPLES_PER_FEATURE * features, dim)
        values = torch.tanh(points @ directions.T + shifts)
        # The triangular factor has the same singular values and vectors, and is four times smaller.
        triangle = torch.linalg.qr(values, mode="r")[1]
        _, size, right = torch.linalg.svd(triangle)
        q = min(most, int((size > tolerance * size[0]).sum()))
        return cls(directions, shifts, (right[:q].T / size[:q]) * len(points) ** 0.5)

    @property
    def size(self) -> int:
        """The number of functions q."""
        return self.mixing.shape[1]

    def activations(self, points: Tensor) -> Tensor:
        """The features `(n, J)` at `points (n, dim)`."""
        return torch.tanh(points @ self.directions.T + self.shifts)

    def derivative(self, activations: Tensor, orders: Sequence[int]) -> Tensor:
        """A partial derivative of all functions (n, q), from `activations`.

        With y = tanh z, the m-th derivative by z is a polynomial in y; the chain rule gives a power of k.
        """
        m = sum(orders)
        factor = self.directions.new_ones(len(self.directions))
        for axis, n in enumerate(orders):
            factor = factor * self.directions[:, axis] ** n
        outer = activations.new_zeros(())
        for c in reversed(tanh_derivative(m)):
            outer = outer * activations + c
        return outer @ (factor[:, None] * self.mixing)


@cache
def tanh_derivative(order: int) -> tuple[int, ...]:
    """Coefficients, lowest power first, of p with d^order/dz^order tanh z = p(tanh z): p_0 = y, p' (1 - y²) next."""
    if order == 0:
        return (0, 1)
    slope = [i * c for i, c in enumerate(tanh_derivative(order - 1))][1:]
    result = [*slope, 0, 0]
    for i, c in enumerate(slope):
        result[i + 2] -= c
    return tuple(result)
